"""The one thread that writes: it owns ingest's SQLite connection and commits in batches.

Readers hand in items with `put()`, which never waits. A sink turns items into rows in two steps, so that a
commit that fails (a full disk, a lock held too long) is tried again with nothing lost and nothing counted
twice.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, TypeVar

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction

log = logging.getLogger(__name__)

BATCH = 20_000  # units of work (lines) that are committed without waiting for `commit_s`
LAST_TRIES = 5  # on stop, a file that stays locked or full does not hold the process without limit

Item = TypeVar("Item")
SinkItem = TypeVar("SinkItem", contravariant=True)


@dataclass(frozen=True)
class WriterTiming:
    """Seconds between two looks at what other programs wrote, and between two attempts to commit."""

    poll_s: float = 0.5
    retry_s: float = 2.0


class Sink(Protocol[SinkItem]):
    """What the writer drives, always in its own thread."""

    def absorb(self, item: SinkItem, /) -> None:
        """Take one item into memory: state and pending rows. Called once for each item."""

    def write(self, connection: sqlite3.Connection, /) -> set[str]:
        """Write the pending rows inside the open transaction; return the topics that changed.

        May be repeated.
        """

    def committed(self) -> None:
        """Forget the pending rows: the transaction that wrote them is committed."""

    def poll(self, connection: sqlite3.Connection, changed: bool, /) -> bool:
        """Twice a second: look at the clock and, where `changed`, at what other programs wrote.

        Returns True when rows are pending now.
        """


AnySink = Sink[Any]  # the signature of `put()` sees to it that a sink gets its own items alone


class Writer(threading.Thread):
    """Commits what the sinks pend every `commit_s`, at BATCH units at once, and on `flush()`.

    `failed()` is called, in the writer's thread, when it cannot go on.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        commit_s: float,
        failed: Callable[[], object] = lambda: None,
        timing: WriterTiming = WriterTiming(),
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.backlog = 0  # units of work handed in and not yet committed
        self.last_heartbeat = time.monotonic()  # when its loop last ran: it hangs when this grows old
        self._connection = connection
        self._commit_s = commit_s
        self._failed = failed
        self._timing = timing
        self._sinks: list[AnySink] = []
        self._queue: deque[tuple[AnySink, object, int]] = deque()
        self._flushes: deque[Callable[[], object]] = deque()
        self._version: int | None = None  # of the file, as far as other programs write it
        self._wake = threading.Event()
        self._lock = threading.Lock()  # guards backlog alone: two threads count it
        self._stopping = False
        self._due: float | None = None  # when the next commit is due, on the monotonic clock
        self._next_poll = 0.0
        self._poll_asked = False

    def add(self, sink: Sink[Item]) -> None:
        """Register a sink; before `start()`."""
        self._sinks.append(sink)

    def put(self, sink: Sink[Item], item: Item, units: int = 1) -> None:
        """Hand in an item, from any thread. Never waits for the disk."""
        with self._lock:
            first = not self.backlog
            self.backlog += units
        self._queue.append((sink, item, units))
        if first or self.backlog >= BATCH:
            self._wake.set()

    def flush(self, done: Callable[[], object] = lambda: None) -> None:
        """Commit at once.

        `done()` is called in the writer's thread when all that was handed in is on disk.
        """
        self._flushes.append(done)
        self._wake.set()

    def poll_now(self) -> None:
        """Look at what other programs wrote without waiting for the next look, from any thread."""
        self._poll_asked = True
        self._wake.set()

    async def is_responsive(self, seconds: float) -> bool:
        """True when the thread's loop ran in the last seconds."""
        return self.is_alive() and time.monotonic() - self.last_heartbeat < seconds

    def stop(self) -> None:
        """Commit what is there and end; returns when that is done."""
        self._stopping = True
        self._wake.set()
        self.join()

    def run(self) -> None:
        """Write until `stop()`; the thread's own function."""
        try:
            while not self._step():
                pass
        except Exception:
            log.exception("The writer cannot continue; its pending rows are lost")
            self._failed()

    def _step(self) -> bool:
        """Wait until something is due and do it. Returns True when the writer has ended."""
        wake_at = min(self._due or self._next_poll, self._next_poll)
        self._wake.wait(max(0.0, wake_at - time.monotonic()))
        self._wake.clear()
        self.last_heartbeat = now = time.monotonic()
        stopping = self._stopping  # read before the queue: nothing handed in before stop() stays behind
        pending = False
        asked, self._poll_asked = self._poll_asked, False
        if asked or now >= self._next_poll or stopping:
            pending = self._poll()
            self._next_poll = now + self._timing.poll_s
        if pending or self._queue:
            self._due = self._due or now + self._commit_s
        if stopping or self._must_commit(now):
            self._commit()
            self._due = time.monotonic() + self._commit_s if self._queue else None
        return stopping and not self._queue

    def _must_commit(self, now: float) -> bool:
        return self.backlog >= BATCH or bool(self._flushes) or (self._due is not None and now >= self._due)

    def _poll(self) -> bool:
        try:
            seen = self._version
            self._version = self._connection.execute("pragma data_version").fetchone()[0]
            changed = seen != self._version
            return any([sink.poll(self._connection, changed) for sink in self._sinks])
        except sqlite3.OperationalError as error:
            self._version = None  # what could not be read now counts as changed the next time
            log.error("Cannot read the database (%s), retrying", error)
            return False

    def _commit(self) -> None:
        """Commit what is queued; several times where a flush asked for more than one batch."""
        flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
        while True:
            done = 0
            while self._queue and done < BATCH:
                sink, item, units = self._queue.popleft()
                sink.absorb(item)
                done += units
            self._write()
            with self._lock:
                self.backlog -= done
            if self.backlog < BATCH and not (flushes and self._queue):
                break
        for flushed in flushes:
            flushed()

    def _write(self) -> None:
        """One transaction, tried until it is committed; on stop LAST_TRIES times."""
        for tries in count(1):
            self.last_heartbeat = time.monotonic()  # a file that is locked or full is no reason for a restart
            try:
                with transaction(self._connection):
                    topics = {topic for sink in self._sinks for topic in sink.write(self._connection)}
                    raise_topics(self._connection, topics)
                break
            except sqlite3.OperationalError as error:
                if self._stopping and tries >= LAST_TRIES:
                    raise
                log.error(
                    "Cannot write to the database (%s); %d pending units of work, retrying",
                    error,
                    self.backlog,
                )
                time.sleep(self._timing.retry_s)
        for sink in self._sinks:
            sink.committed()
