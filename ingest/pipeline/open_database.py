"""The database as the writer has it open: what is wrong with it, and for how long that is borne.

An attempt that fails is noted; after an I/O error the file is opened anew, since a connection that has seen
one may go on seeing it. A file that is no longer at its path is the end at once.
"""

import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.db.connection import connect
from ingest.db.file_identity import DatabaseFile
from ingest.db.problems import Kind, Problem, find_problem
from ingest.errors import VoltkeeperError
from ingest.pipeline.trouble import Trouble

# What passes is retried without limit.
PATIENT = (Kind.LOCKED, Kind.FULL, Kind.IO, Kind.NOT_OPENED, Kind.READ_ONLY, Kind.READ_ONLY_DISK)


@dataclass(frozen=True)
class WriterTiming:
    """Seconds: between two looks at what other programs wrote, between two attempts to commit, and limits."""

    poll_s: float = 0.5
    retry_s: float = 1.0
    busy_s: float = 0.5  # one attempt waits for a lock
    give_up_s: float = 60.0  # a file that is damaged so long is given up


WRITER_TIMING = WriterTiming()


class WriterError(VoltkeeperError):
    """Why the writer has to end before everything is written."""


class OpenDatabase:
    """A connection that is replaced where that may help. Used by the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, timing: WriterTiming) -> None:
        self.connection = connection
        self.path = Path(connection.execute("pragma database_list").fetchone()[2])
        self.problem: Problem | None = None  # why the writer has to end
        self.trouble: Trouble | None = None  # why it cannot write or read now
        self.stop_at: float | None = None  # monotonic: when an attempt that fails is the last one
        self._file = DatabaseFile(self.path)
        self._timing = timing
        self._version: int | None = None  # of the file, as far as other programs write it

    def set_busy_timeout(self) -> None:
        """Wait for locks no longer than one attempt, from now on."""
        self.connection.execute(f"pragma busy_timeout = {round(1000 * self._timing.busy_s)}")

    def is_changed(self) -> bool:
        """Whether another program has written since the last call. Raises sqlite3.Error."""
        seen, self._version = self._version, None  # what cannot be read now counts as changed the next time
        self._version = self.connection.execute("pragma data_version").fetchone()[0]
        return seen != self._version

    def forget_version(self) -> None:
        """What other programs wrote could not be read: it counts as changed the next time."""
        self._version = None

    def attempt_failed(self, error: sqlite3.Error, waiting: int, is_write: bool) -> None:
        """Note that it could not be used. Raises WriterError where that is the end."""
        problem = find_problem(self.path, error)
        if self.trouble is None:
            self.trouble = Trouble(problem, is_write)
        else:
            self.trouble.again(problem, is_write)
        self.trouble.report(waiting)
        is_last = self.stop_at is not None and time.monotonic() >= self.stop_at
        is_hopeless = is_write and problem.kind not in PATIENT
        if is_last or (is_hopeless and self.trouble.seconds >= self._timing.give_up_s):
            self.problem = problem
            raise WriterError(f"Not everything could be written: {problem}")
        if problem.kind not in (Kind.LOCKED, Kind.FULL):
            self._reconnect()

    def attempt_succeeded(self) -> None:
        """Note that it can be used."""
        if self.trouble is not None:
            self.trouble.ended()
            self.trouble = None

    def pause(self) -> None:
        """Wait between two attempts; one on a locked file waits by itself."""
        if self.trouble is not None and self.trouble.problem.kind is Kind.LOCKED:
            return
        left_s = self._timing.retry_s if self.stop_at is None else self.stop_at - time.monotonic()
        time.sleep(min(self._timing.retry_s, max(0.0, left_s)))

    def _reconnect(self) -> None:
        with suppress(sqlite3.Error):
            fresh = connect(self.path, busy_timeout_s=self._timing.busy_s, create=False)
            # It has to have read before the other is closed: the last one that closes removes the log.
            fresh.execute("select count(*) from sqlite_master").fetchone()
            self.connection, old = fresh, self.connection
            self._version = None
            old.close()

    def check_file(self) -> None:
        """Raise WriterError where the path leads to another file than the one that is open."""
        fault = self._file.fault()
        if fault is None:
            return
        self.problem = Problem(Kind.GONE, fault)
        with suppress(sqlite3.Error):  # the file that is open gets what its log holds, wherever it is now
            self.connection.execute("pragma wal_checkpoint(truncate)")
        self.close()
        self._file.remove_left_log()
        raise WriterError(str(self.problem))

    def close(self) -> None:
        """Close the connection."""
        with suppress(sqlite3.Error):
            self.connection.close()
