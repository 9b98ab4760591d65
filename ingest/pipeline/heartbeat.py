"""That ingest lives, and what is wrong with the database: a small file beside it, which does not need it.

The file is allocated in advance and written in place, so that a full disk does not matter. It is written
every 30 s, and every 5 s while something is wrong.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path

from ingest.db.durations import format_duration
from ingest.db.moment import Moment
from ingest.db.problems import Kind, find_read_only
from ingest.pipeline.spool import PROCESSES, beside
from ingest.pipeline.trouble import Trouble
from ingest.pipeline.writer import Writer

log = logging.getLogger(__name__)

BYTES = 4096
INTERVAL_S = 30.0
TROUBLE_INTERVAL_S = 5.0
LOOK_S = 0.5  # between two looks at whether one is due
LATE_S = 90.0  # a heartbeat older than this: ingest does not run, or hangs


@dataclass(frozen=True)
class Heartbeat:
    """What an ingest process wrote last. Seconds: `age_s` since then, `problem_s` that the problem lasts.

    `waiting` units of work (lines) wait for the database; `sources` are the names of what it reads.
    """

    pid: int
    sources: tuple[str, ...] = ()
    problem: str = ""
    kind: str = ""  # of ingest.db.problems.Kind
    problem_s: float = 0.0
    waiting: int = 0
    stopped: bool = False
    age_s: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the process ran a moment ago, or cannot say so: its file system is read-only."""
        return not self.stopped and (self.age_s <= LATE_S or self.kind == Kind.READ_ONLY_DISK)


class HeartbeatFile:
    """The file of this process; `number` is that of its spool."""

    def __init__(self, database: Path, number: int) -> None:
        self._path = beside(database, "heartbeat", number)
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.posix_fallocate(self._descriptor, 0, BYTES)
        except OSError as error:
            log.warning(
                "%s cannot be made (%s): a full disk may keep it from being written", self._path, error
            )

    def write(self, heartbeat: Heartbeat) -> None:
        """Write what is known now."""
        if self._descriptor is None:
            return
        content = {**asdict(heartbeat), "at": Moment.now()}
        del content["age_s"]
        text = json.dumps(content).encode()
        if len(text) >= BYTES:  # so many sources that their names do not fit
            text = json.dumps({**content, "sources": (), "problem": heartbeat.problem[:1000]}).encode()
        try:
            os.pwrite(self._descriptor, text.ljust(BYTES), 0)
        except OSError as error:
            log.debug("%s cannot be written: %s", self._path, error)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class HeartbeatTask:
    """Writes the heartbeat of the event loop and of the writer's thread: while both of them run."""

    def __init__(self, writer: Writer, file: HeartbeatFile, sources: tuple[str, ...]) -> None:
        self._writer, self._file, self._sources = writer, file, sources

    async def run(self) -> None:
        """Write until cancelled: at once where something goes wrong or is right again, else now and then."""
        written_at, kind = -inf, None
        while True:
            trouble = self._trouble()
            now, present = time.monotonic(), trouble.problem.kind if trouble is not None else None
            interval_s = INTERVAL_S if trouble is None else TROUBLE_INTERVAL_S
            is_due = present is not kind or now - written_at >= interval_s
            if is_due and await self._writer.is_responsive(LATE_S):
                self._file.write(self._heartbeat())
                written_at, kind = now, present
            await asyncio.sleep(LOOK_S)

    def stop(self) -> None:
        """Write that ingest was stopped."""
        self._file.write(replace(self._heartbeat(), stopped=True))
        self._file.close()

    def _trouble(self) -> Trouble | None:
        trouble = self._writer.trouble
        return trouble if trouble is not None and trouble.is_problem else None

    def _heartbeat(self) -> Heartbeat:
        writer, trouble = self._writer, self._trouble()
        if trouble is None:
            return Heartbeat(os.getpid(), self._sources, waiting=writer.backlog)
        problem = trouble.problem
        return Heartbeat(
            os.getpid(), self._sources, str(problem), problem.kind, trouble.seconds, writer.backlog
        )


def read_heartbeats(database: Path) -> list[Heartbeat]:
    """What each ingest process of this database wrote last, or that its file system is read-only."""
    now, found = Moment.now(), []
    for number in range(1, PROCESSES + 1):
        try:
            content = json.loads(beside(database, "heartbeat", number).read_bytes()[:BYTES])
            at = Moment(*content.pop("at"))
            content["sources"] = tuple(content["sources"])
            found.append(Heartbeat(**content, age_s=max(0.0, at.seconds_to(now))))
        except FileNotFoundError:
            if number > 1:
                break
        except (OSError, ValueError, TypeError, KeyError) as error:  # being written, or of another version
            log.debug("The heartbeat %d of %s cannot be read: %s", number, database, error)
    problem = find_read_only(database, beside(database, "heartbeat", 1)) if found else None
    if problem is None:
        return found
    return [replace(one, problem=str(problem), kind=problem.kind, problem_s=0.0, waiting=0) for one in found]


def find_alive(heartbeats: Iterable[Heartbeat], source: str) -> Heartbeat | None:
    """The process that reads this source now, or None."""
    return next((one for one in heartbeats if one.is_alive and source in one.sources), None)


def problem_text(heartbeat: Heartbeat) -> str:
    """Return what is wrong, as text for people."""
    lasts = format_duration(heartbeat.problem_s + heartbeat.age_s)
    if not heartbeat.waiting:
        return f"{heartbeat.problem}, for {lasts}"
    lines = f"{heartbeat.waiting:,} {'line waits' if heartbeat.waiting == 1 else 'lines wait'}"
    return f"{heartbeat.problem}, for {lasts}; {lines} to be written"
