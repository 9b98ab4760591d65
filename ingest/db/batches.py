"""Deleting without stalling other writers: short transactions, each followed by a longer pause.

SQLite's busy handler is not fair: a waiting connection looks again after 1, 3, 8, 18, 33 ms ... and a program
that writes without a pause is always there first. A pause of three times the time that the lock was held
holds one of those looks. Our own writers look every millisecond (`ingest.db.connection.begin`); the pause is
for those of other programs, and for the disk.

Pages that become free go back to the disk as deleting goes on, not at its end: SQLite walks the list of free
pages for every one that it takes out of it, which is 2 ms a page where there are 500,000, and next to nothing
where there are few.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from ingest.db.connection import connect, transaction
from ingest.errors import VoltkeeperError

STATEMENTS = 50_000  # of SQLite's machine between two looks whether to stop

Result = TypeVar("Result")


class StoppedError(VoltkeeperError):
    """The work was asked to end; what is done so far stands."""


@dataclass(frozen=True)
class BatchLimits:
    """How large a batch may be, and how long the pause is after it."""

    target_s: float = 0.004  # the write lock is held about this long at a time
    fewest: int = 50  # rows a batch
    most: int = 5_000
    pages: int = 200  # vacuumed at a time, at most
    spare_pages: int = 500  # free pages that are left for what comes in meanwhile
    pause_factor: float = 3  # times as long as it was busy
    longest_pause_s: float = 2.0


DEFAULT_LIMITS = BatchLimits()


class BatchRunner:
    """Batches of one piece of work on one connection."""

    longest_s = 0.0  # that it held the write lock
    _began = 0.0  # when the lock was taken, on the performance counter
    _took_s = 0.0  # by the batch

    def __init__(
        self,
        connection: sqlite3.Connection,
        stop: threading.Event | None = None,
        limits: BatchLimits = DEFAULT_LIMITS,
    ) -> None:
        self.connection, self.stop, self.limits = connection, stop or threading.Event(), limits
        self._pages = limits.pages  # that fit the time
        self.is_incremental = connection.execute("pragma auto_vacuum").fetchone()[0] == 2
        connection.create_function("begun", 0, self._lock_taken)

    def run(self, delete_batch: Callable[[int], bool]) -> None:
        """Call `delete_batch(rows)` until it returns False; it uses `locked()` to write.

        Raises StoppedError.
        """
        size = self.limits.fewest
        while self._step(partial(delete_batch, size)):
            size = self._fitting(size, self.limits.fewest, self.limits.most)
            self._pause()
            self.incremental_vacuum(self.limits.spare_pages)

    def incremental_vacuum(self, spare: int = 0) -> int:
        """Return the free pages of the file to the disk, all but `spare`.

        Returns how many. Raises StoppedError.
        """
        vacuumed = 0
        while self.is_incremental and (free := self._free_pages()) > spare:
            self._step(self._vacuum)
            vacuumed += free - self._free_pages()
            self._pages = self._fitting(self._pages, 1, self.limits.pages)
            self._pause()
        return vacuumed

    def _step(self, work: Callable[[], Result]) -> Result:
        if self.stop.is_set():
            raise StoppedError
        self._took_s = 0.0
        return work()

    def _vacuum(self) -> None:
        # execute() steps this statement once and frees one page, in Python 3.11; executescript() runs it to
        # its end
        try:
            self.connection.executescript(
                f"begin immediate; select begun(); pragma incremental_vacuum({self._pages}); commit"
            )
        finally:
            self.connection.rollback()  # what failed; nothing otherwise
        self._lock_released()

    def _fitting(self, size: int, fewest: int, most: int) -> int:
        """The size of the next batch: as large as fits the time."""
        target_s = self.limits.target_s
        if self._took_s > target_s:
            return max(fewest, int(size * target_s / self._took_s))
        return min(most, size * 2) if self._took_s < target_s / 2 else size

    def _pause(self) -> None:
        """Copy the log into the database, without a lock that any other connection waits for.

        Then let others write.

        After each batch: the next connection to commit syncs the log to the disk while it holds the lock, and
        what deleting has written there with it. The disk is busy meanwhile, so the copy counts for the pause.
        """
        began = time.perf_counter()
        self.connection.execute("pragma wal_checkpoint(passive)").fetchone()
        busy_s = self._took_s + time.perf_counter() - began
        self.stop.wait(min(self.limits.pause_factor * busy_s, self.limits.longest_pause_s))

    def locked(self, write: Callable[[], Result]) -> Result:
        """Call `write()` in a transaction of its own; returns what it returns."""
        with transaction(self.connection):
            self._lock_taken()  # the lock is ours from here until after the commit
            result = write()
        self._lock_released()
        return result

    def _lock_taken(self) -> None:
        self._began = time.perf_counter()

    def _lock_released(self) -> None:
        took = time.perf_counter() - self._began
        self._took_s += took
        self.longest_s = max(self.longest_s, took)

    def _free_pages(self) -> int:
        return int(self.connection.execute("pragma freelist_count").fetchone()[0])


def open_for_deleting(path: Path | str) -> sqlite3.Connection:
    """Open a connection that does not wait for the disk: what a power cut takes back is deleted once more."""
    connection = connect(path)
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma wal_autocheckpoint = 0")  # BatchRunner does that outside its transactions
    return connection


@contextmanager
def interruptible(connection: sqlite3.Connection, stop: threading.Event | None) -> Iterator[None]:
    """A long statement ends soon after `stop` is set, with StoppedError."""
    if stop is not None:
        connection.set_progress_handler(stop.is_set, STATEMENTS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if stop is not None and stop.is_set():
            raise StoppedError from error
        raise
