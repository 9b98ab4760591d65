"""Deleting without stalling who else writes: short transactions, and a pause as long as each took.

SQLite's busy handler is not fair: a program that writes without a pause keeps others waiting for as long as it likes.
Beside these pauses ingest waits for one chunk at the most.
"""

import threading
import time

from ingest.database import connect, transaction

TARGET_S = 0.012  # the write lock is held about this long at a time
FEWEST, MOST = 50, 5_000  # rows a chunk
PAGES = 200  # given back at a time
LONGEST_PAUSE_S = 2.0
CHECKPOINT_PAGES = 1_000  # sooner than ingest, so that its commits need not copy what deleting wrote


class Stopped(Exception):
    """Somebody wants the work to end; what is done so far stands."""


class Pace:
    """Chunks of one piece of work on one connection. `longest_s` is the longest time that it held the write lock."""

    def __init__(self, connection, stop=None, target_s=TARGET_S):
        self.connection, self.stop = connection, stop or threading.Event()
        self.longest_s = 0.0
        self._target_s = target_s

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
            self.stop.wait(min(self._took_s, LONGEST_PAUSE_S))

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
    connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
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
