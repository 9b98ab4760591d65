"""The one thread that writes: it owns ingest's SQLite connection and commits in batches.

Readers hand in items with `put()`, which never waits. A sink turns items into rows in two steps, so that a commit
that fails (a full disk, a lock held too long) is tried again with nothing lost and nothing counted twice.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from typing import Protocol

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction

log = logging.getLogger(__name__)

POLL_S = 0.5  # how often rows that other programs wrote are looked for
BATCH = 20_000  # units of work (lines) that are committed without waiting for `commit_s`
RETRY_S = 2.0
LAST_TRIES = 5  # on stop, a file that stays locked or full does not hold the process for ever


class Sink(Protocol):
    """What the writer drives, always in its own thread."""

    def absorb(self, item) -> None:
        """Take one item into memory: state and pending rows. Called once for each item."""

    def write(self, connection) -> set[str]:
        """Write the pending rows inside the open transaction; return the topics that changed. May be repeated."""

    def committed(self) -> None:
        """The transaction stands: forget the pending rows."""

    def poll(self, connection, changed: bool) -> bool:
        """Twice a second: look at the clock and, where `changed`, at what other programs wrote.

        Returns True when rows are pending now.
        """


class Writer(threading.Thread):
    """Commits what the sinks pend every `commit_s`, at BATCH units at once, and on `flush()`."""

    def __init__(self, connection, commit_s, failed=lambda: None):
        super().__init__(name="writer", daemon=True)
        self.backlog = 0  # units of work handed in and not yet committed
        self.beat = time.monotonic()  # when its thread last went round: it hangs when this grows old
        self._connection = connection
        self._commit_s = commit_s
        self._failed = failed
        self._sinks = []
        self._version = None  # of the file, as far as other programs write it
        self._queue = deque()
        self._flushes = deque()
        self._wake = threading.Event()
        self._lock = threading.Lock()  # guards backlog alone: two threads count it
        self._stopping = False

    def add(self, sink):
        """Register a sink; before `start()`."""
        self._sinks.append(sink)

    def put(self, sink, item, units=1):
        """Hand in an item, from any thread. Never waits for the disk."""
        with self._lock:
            first = not self.backlog
            self.backlog += units
        self._queue.append((sink, item, units))
        if first or self.backlog >= BATCH:
            self._wake.set()

    def flush(self, done):
        """Commit at once; `done()` is called in the writer's thread when all that was handed in is on disk."""
        self._flushes.append(done)
        self._wake.set()

    async def lives(self, seconds):
        """True when the thread went round in the last seconds."""
        return self.is_alive() and time.monotonic() - self.beat < seconds

    def stop(self):
        """Commit what is there and end; returns when that is done."""
        self._stopping = True
        self._wake.set()
        self.join()

    def run(self):
        try:
            self._loop()
        except Exception:
            log.exception("The writer cannot go on; the rows that it held are lost")
            self._failed()

    def _loop(self):
        due = None  # when the next commit is due, on the monotonic clock
        next_poll = 0.0
        while True:
            self._wake.wait(max(0.0, min(due or next_poll, next_poll) - time.monotonic()))
            self._wake.clear()
            self.beat = time.monotonic()
            stopping = self._stopping  # read before the queue: nothing handed in before stop() stays behind
            now = time.monotonic()
            if now >= next_poll or stopping:
                if self._poll():
                    due = due or now + self._commit_s
                next_poll = now + POLL_S
            if self._queue:
                due = due or now + self._commit_s
            if self.backlog >= BATCH or self._flushes or stopping or (due is not None and now >= due):
                self._commit()
                due = time.monotonic() + self._commit_s if self._queue else None
            if stopping and not self._queue:
                return

    def _poll(self):
        try:
            seen, self._version = self._version, self._connection.execute("pragma data_version").fetchone()[0]
            changed = seen != self._version
            return any([sink.poll(self._connection, changed) for sink in self._sinks])
        except sqlite3.OperationalError as error:
            self._version = None  # what could not be read now counts as changed the next time
            log.error("Cannot read the database (%s), trying again", error)
            return False

    def _commit(self):
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

    def _write(self):
        tries = 0
        while True:
            self.beat = time.monotonic()  # a file that is locked or full is no reason to be started again
            try:
                with transaction(self._connection):
                    topics = set()
                    for sink in self._sinks:
                        topics |= sink.write(self._connection)
                    raise_topics(self._connection, topics)
                break
            except sqlite3.OperationalError as error:
                tries += 1
                if self._stopping and tries >= LAST_TRIES:
                    raise
                log.error(
                    "Cannot write to the database (%s); %d units of work wait, trying again",
                    error,
                    self.backlog,
                )
                time.sleep(RETRY_S)
        for sink in self._sinks:
            sink.committed()
