"""Deleting without stalling who else writes: short transactions, each with a pause twice as long after it.

SQLite's busy handler is not fair: who waits looks again after 1, 3, 8, 18, 33 ms ... and a program that writes without
a pause is always there first. A pause of twice the time that the lock was held holds one of those looks.
"""

import threading
import time

from ingest.database import connect, transaction

TARGET_S = 0.008  # the write lock is held about this long at a time
FEWEST, MOST = 50, 5_000  # rows a chunk
PAGES = 200  # given back at a time
PAUSE, LONGEST_PAUSE_S = 2, 2.0  # times as long as the lock was held
CHECKPOINT_S = 0.02  # of writing: sooner than ingest, so that its commits need not copy what deleting wrote


class Stopped(Exception):
    """Somebody wants the work to end; what is done so far stands."""


class Pace:
    """Chunks of one piece of work on one connection. `longest_s` is the longest time that it held the write lock."""

    def __init__(self, connection, stop=None, target_s=TARGET_S):
        self.connection, self.stop = connection, stop or threading.Event()
        self.longest_s = 0.0
        self._target_s = target_s
        self._written_s = 0.0  # since the log was copied into the database

    def run(self, chunk, size=FEWEST, most=MOST):
        """Call `chunk(size)` until it returns None; it calls `locked()` for what it writes. Raises Stopped."""
        while True:
            self._took_s = 0.0
            if self.stop.is_set():
                raise Stopped
            if chunk(size) is None:
                return
            if self._took_s > self._target_s:
                size = max(FEWEST, int(size * self._target_s / self._took_s))
            elif self._took_s < self._target_s / 2:
                size = min(most, size * 2)
            self._copy_back()
            self.stop.wait(min(PAUSE * self._took_s, LONGEST_PAUSE_S))

    def _copy_back(self):
        """Copy the log into the database now and then, without a lock that anybody waits for."""
        self._written_s += self._took_s
        if self._written_s >= CHECKPOINT_S:
            self.connection.execute("pragma wal_checkpoint(passive)").fetchone()
            self._written_s = 0.0

    def locked(self, write):
        """`write()` in a transaction of its own; returns what it returns."""
        with transaction(self.connection):
            began = time.perf_counter()  # the lock is ours from here until after the commit
            result = write()
        self.took(time.perf_counter() - began)
        return result

    def took(self, seconds):
        """The lock was held for so long."""
        self._took_s += seconds
        self.longest_s = max(self.longest_s, seconds)


def open_paced(path):
    """A connection for deleting. What a power cut takes back of it is deleted once more: no need to wait for the disk."""
    connection = connect(path)
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma wal_autocheckpoint = 0")  # Pace does that outside its transactions
    return connection


def give_back(pace):
    """Give the free pages of the file back to the disk, some at a time. Returns how many bytes that were."""
    connection = pace.connection
    free, size = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    if connection.execute("pragma auto_vacuum").fetchone()[0] != 2:
        return 0

    def chunk(pages):
        before = connection.execute("pragma freelist_count").fetchone()[0]
        if not before:
            return None
        began = time.perf_counter()
        # execute() steps this statement once and frees one page; executescript() runs it to its end
        connection.executescript(f"pragma incremental_vacuum({pages})")
        pace.took(time.perf_counter() - began)
        return True

    pace.run(chunk, PAGES, PAGES)
    return (free - connection.execute("pragma freelist_count").fetchone()[0]) * size
