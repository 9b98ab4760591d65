"""Deleting without stalling who else writes: short transactions, each with a pause three times as long after it.

SQLite's busy handler is not fair: who waits looks again after 1, 3, 8, 18, 33 ms ... and a program that writes without
a pause is always there first. A pause of three times the time that the lock was held holds one of those looks. Our own
writers look every millisecond (`ingest.db.connection.begin`); the pause is for those of other programs, and for the disk.

Pages that become free go back to the disk as deleting goes on, not at its end: SQLite walks the list of free pages for
every one that it takes out of it, which is 2 ms a page where there are 500,000, and next to nothing where there are few.
"""

import sqlite3
import threading
import time
from contextlib import contextmanager

from ingest.db.connection import connect, transaction

TARGET_S = 0.004  # the write lock is held about this long at a time
FEWEST, MOST = 50, 5_000  # rows a chunk
PAGES = 200  # given back at a time, at most
SPARE = 500  # free pages that are left for what comes in meanwhile
PAUSE, LONGEST_PAUSE_S = 3, 2.0  # times as long as it was busy
STATEMENTS = 50_000  # of SQLite's machine between two looks whether to stop


class Stopped(Exception):
    """Somebody wants the work to end; what is done so far stands."""


class Pace:
    """Chunks of one piece of work on one connection. `longest_s` is the longest time that it held the write lock."""

    def __init__(self, connection, stop=None, target_s=TARGET_S):
        self.connection, self.stop = connection, stop or threading.Event()
        self.longest_s = 0.0
        self._target_s = target_s
        self._took_s = 0.0  # by the chunk
        self._pages = PAGES  # that fit the time
        self._returns = connection.execute("pragma auto_vacuum").fetchone()[0] == 2
        connection.create_function("begun", 0, self._begin)

    def run(self, chunk):
        """Call `chunk(rows)` until it returns None; it calls `locked()` for what it writes. Raises Stopped."""
        size = FEWEST
        while self._turn(chunk, size):
            size = self._fitting(size, FEWEST, MOST)
            self._rest()
            self.give_back(SPARE)

    def give_back(self, spare=0):
        """Give the free pages of the file back to the disk, all but `spare`. Returns how many. Raises Stopped."""
        given = 0
        while self._returns and (free := self._free()) > spare:
            self._turn(self._vacuum, self._pages)
            given += free - self._free()
            self._pages = self._fitting(self._pages, 1, PAGES)
            self._rest()
        return given

    def _turn(self, chunk, size):
        if self.stop.is_set():
            raise Stopped
        self._took_s = 0.0
        return chunk(size)

    def _vacuum(self, pages):
        # execute() steps this statement once and frees one page, in Python 3.11; executescript() runs it to its end
        try:
            self.connection.executescript(
                f"begin immediate; select begun(); pragma incremental_vacuum({pages}); commit"
            )
        finally:
            if self.connection.in_transaction:
                self.connection.rollback()
        self._end()

    def _fitting(self, size, fewest, most):
        """The size of the next chunk: as large as fits the time."""
        if self._took_s > self._target_s:
            return max(fewest, int(size * self._target_s / self._took_s))
        return min(most, size * 2) if self._took_s < self._target_s / 2 else size

    def _rest(self):
        """Copy the log into the database, without a lock that anybody waits for; then let others write.

        After each chunk: whoever commits next syncs the log to the disk with the lock in his hands, and what deleting
        has written there with it. The disk is busy meanwhile, so the copy counts for the pause.
        """
        began = time.perf_counter()
        self.connection.execute("pragma wal_checkpoint(passive)").fetchone()
        busy_s = self._took_s + time.perf_counter() - began
        self.stop.wait(min(PAUSE * busy_s, LONGEST_PAUSE_S))

    def locked(self, write):
        """`write()` in a transaction of its own; returns what it returns."""
        with transaction(self.connection):
            self._begin()  # the lock is ours from here until after the commit
            result = write()
        self._end()
        return result

    def _begin(self):
        self._began = time.perf_counter()

    def _end(self):
        took = time.perf_counter() - self._began
        self._took_s += took
        self.longest_s = max(self.longest_s, took)

    def _free(self):
        return self.connection.execute("pragma freelist_count").fetchone()[0]


def open_paced(path):
    """A connection for deleting. What a power cut takes back of it is deleted once more: no need to wait for the disk."""
    connection = connect(path)
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma wal_autocheckpoint = 0")  # Pace does that outside its transactions
    return connection


@contextmanager
def interruptible(connection, stop):
    """A long statement ends soon after `stop` is set, as Stopped."""
    if stop is not None:
        connection.set_progress_handler(stop.is_set, STATEMENTS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if stop is not None and stop.is_set():
            raise Stopped from error
        raise
