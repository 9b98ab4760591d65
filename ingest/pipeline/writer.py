"""The one thread that writes: it owns ingest's SQLite connection and commits in batches.

Readers hand in items with `put()`, which never waits. Sinks take them within half a second, whatever
`commit_s` is: what opens or closes an event is then committed at once. A sink turns items into rows in two
steps, so that a commit that fails (a full disk, a lock held too long, an I/O error) is tried again, on a
fresh connection, with nothing lost and nothing counted twice. What could not be written when the writer ends
is in `unwritten()`.

Where a whole batch waits, the transaction begins first, and rows are inserted while further items are taken
(`InsertAhead`).
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar, runtime_checkable

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.problems import Kind, Problem, find_problem
from ingest.pipeline.batch import Batch
from ingest.pipeline.insert_ahead import BulkSink, InsertAhead
from ingest.pipeline.open_database import WRITER_TIMING, OpenDatabase, WriterError, WriterTiming
from ingest.pipeline.source_health import committed_batches
from ingest.pipeline.trouble import Trouble

log = logging.getLogger(__name__)

BATCH = 20_000  # units of work (lines) that are committed without waiting for `commit_s`
CATCH_UP_S = 0.1  # after a whole batch or a commit of more than `commit_s`: what came meanwhile is late
URGENT_S = 0.4  # between two commits, also where values jump to and fro across a limit
STUCK_S = 1.0  # after the time to stop: for an attempt that has begun; a disk may hold one without limit

Item = TypeVar("Item")
SinkItem = TypeVar("SinkItem", contravariant=True)


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


@runtime_checkable
class UrgentSink(Protocol):
    """A sink that keeps events."""

    @property
    def is_urgent(self) -> bool:
        """Whether it has pending what is to be committed at once: an event that begins or ends."""


AnySink = Sink[Any]  # the signature of `put()` sees to it that a sink gets its own items alone


class Writer(threading.Thread):
    """Commits what the sinks pend every `commit_s`, at BATCH units at once, on `flush()`, and when urgent.

    After a commit of BATCH units, or one that took longer than `commit_s`, the next one is due CATCH_UP_S
    later: what came while the file was locked or the disk failed has waited long enough.

    `failed()` is called, in the writer's thread, when it cannot go on; `problem` then says why.
    `restored()` is called there when all of `restore()` is in the file, and `before_commit(mark)` before the
    items of a commit are taken that takes all there are: those that were handed in when it calls `mark()`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        commit_s: float,
        failed: Callable[[], object] = lambda: None,
        timing: WriterTiming = WRITER_TIMING,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self.backlog = 0  # units of work handed in and not yet committed
        self.changes = 0  # how often other programs were seen to have written
        self.last_heartbeat = time.monotonic()  # when its loop last ran: it hangs when this grows old
        self.restored: Callable[[], object] = lambda: None
        self.before_commit: Callable[[Callable[[], None]], object] = lambda mark: mark()
        self._database = OpenDatabase(connection, timing)
        self._commit_s = commit_s
        self._failed = failed
        self._timing = timing
        self._sinks: list[AnySink] = []
        self._urgent_sinks: list[UrgentSink] = []
        self._bulk_sinks: list[BulkSink] = []
        self._queue: deque[tuple[AnySink, object, int]] = deque()
        self._marked = BATCH  # how many items of the queue the commit takes that is under way
        self._flushes: deque[Callable[[], object]] = deque()
        self._restoring: deque[Batch] = deque()
        self.batch = Batch(after=max(committed_batches(connection)))  # what is absorbed and not committed
        self._wake = threading.Event()
        self._lock = threading.Lock()  # guards backlog alone: two threads count it
        self._stopping = False
        self._pause_s = commit_s  # until the next commit is due
        self._committed = float("-inf")  # when it last did, on the monotonic clock
        self._due: float | None = None  # when the next commit is due, on the monotonic clock
        self._next_poll = 0.0
        self._poll_asked = False

    @property
    def problem(self) -> Problem | None:
        """Why it ended by itself, or could not write everything after `stop()`."""
        return self._database.problem

    @property
    def trouble(self) -> Trouble | None:
        """Why it cannot write or read now."""
        return self._database.trouble

    def add(self, sink: Sink[Item]) -> None:
        """Register a sink; before `start()`."""
        self._sinks.append(sink)
        if isinstance(sink, UrgentSink):
            self._urgent_sinks.append(sink)
        if isinstance(sink, BulkSink):
            self._bulk_sinks.append(sink)

    def restore(self, batches: Iterable[Batch]) -> None:
        """Commit these batches first, each by itself; before `start()`."""
        self._restoring.extend(batches)

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

    def stop(self, within_s: float = 5.0) -> None:
        """Commit what is there and end; returns when that is done, or not done within these seconds."""
        self._database.stop_at = time.monotonic() + within_s
        self._stopping = True
        self._wake.set()
        if self.is_alive():
            self.join(within_s + self._timing.busy_s + STUCK_S)

    @property
    def cannot_restore(self) -> bool:
        """Whether it ended because of what the spool holds, not of the disk."""
        return bool(self._restoring) and self.problem is not None and self.problem.kind is Kind.OTHER

    def close(self) -> None:
        """Close the connection, unless the thread is still in the middle of something."""
        if not self.is_alive():
            self._database.close()

    def unwritten(self) -> list[Batch]:
        """What was handed in and is not committed, after `stop()`; without what the spool holds already."""
        held = [] if self.batch.is_spooled else [self.batch]
        left = Batch(after=self.batch.id, items=list(self._queue))
        return [batch for batch in (*held, left) if batch.items]

    def run(self) -> None:
        """Write until `stop()`; the thread's own function."""
        try:
            self._database.set_busy_timeout()
            self._restore()
            while not self._step():
                pass
        except WriterError as error:
            log.error("%s", error)
        except Exception as error:
            log.exception("The writer cannot continue")
            self._database.problem = find_problem(self._database.path, error)
        if self.problem is not None:
            self._failed()

    def _restore(self) -> None:
        """Commit what the spool holds."""
        if not self._restoring:
            return
        stored = left_out = 0
        while self._restoring:
            batch = self._restoring[0]
            for sink, item, units in batch.items:
                try:
                    sink.absorb(item)
                except sqlite3.Error:
                    raise
                except Exception:
                    log.exception("An item of the spool cannot be used and is left out: %r", item)
                    left_out += units
            self.batch = batch
            self._write()
            self._restoring.popleft()
            stored += batch.units
        if stored > left_out:
            log.warning("%d units of work that could not be written before are stored now", stored - left_out)
        if left_out:
            log.error(
                "Units of work that the spool held and that cannot be used: %d; they are lost", left_out
            )
        self.restored()

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
        if pending or self._queue or self.batch.items:
            self._due = self._due or now + self._pause_s
        if not stopping and self._urgent_sinks and self.backlog < BATCH:
            self._absorb()
        if stopping or self._must_commit(now):
            self._commit_and_set_due()
        return stopping and not self._queue

    def _commit_and_set_due(self) -> None:
        began, is_large = time.monotonic(), self.backlog >= BATCH
        self._commit()
        self._committed = time.monotonic()
        is_late = is_large or self._committed - began > self._commit_s
        self._pause_s = min(CATCH_UP_S, self._commit_s) if is_late else self._commit_s
        self._due = self._committed + self._pause_s if self._queue else None

    def _must_commit(self, now: float) -> bool:
        if self.backlog >= BATCH or self._flushes or (self._due is not None and now >= self._due):
            return True
        is_late = now - self._committed >= URGENT_S
        return is_late and any(sink.is_urgent for sink in self._urgent_sinks)

    def _poll(self) -> bool:
        database = self._database
        database.check_file()
        try:
            changed = database.is_changed()
            self.changes += changed
            pending = any([sink.poll(database.connection, changed) for sink in self._sinks])
        except sqlite3.Error as error:
            database.forget_version()
            self._attempt_failed(error, is_write=False)
            return False
        if database.trouble is not None and not database.trouble.is_write:
            database.attempt_succeeded()
        return pending

    def _commit(self) -> None:
        """Commit what is queued; several times where a flush asked for more than one batch."""
        flushes = [self._flushes.popleft() for _ in range(len(self._flushes))]
        while True:
            self._marked = BATCH
            is_large = self.backlog >= BATCH
            if self.backlog <= BATCH:
                self.before_commit(self._mark)
            if not is_large:
                self._absorb(self._marked)
            done = self._write(self._marked if is_large else 0)
            with self._lock:
                self.backlog -= done
            if self.backlog < BATCH and not (flushes and self._queue):
                break
        for flushed in flushes:
            flushed()

    def _mark(self) -> None:
        self._marked = len(self._queue)

    def _absorb(self, items: int = BATCH) -> None:
        """Let the sinks take so many of the queue, as far as a batch has BATCH units at most."""
        units = self.batch.units
        while items and self._queue and units < BATCH:
            try:
                units += self._take()
            except sqlite3.Error as error:
                self._attempt_failed(error, is_write=True)
                self._database.pause()
                self._poll()  # which hands the sinks a connection that is new
                continue
            items -= 1

    def _take(self) -> int:
        """Let its sink take the first item of the queue; returns its units of work.

        Raises sqlite3.Error of a sink that looks something up: it has taken nothing.
        """
        sink, item, units = self._queue[0]
        sink.absorb(item)
        self.batch.items.append(self._queue.popleft())
        return units

    def _write(self, items: int = 0) -> int:
        """One transaction, tried until it is committed; returns its units of work.

        It takes so many `items` of the queue, as far as the batch is not full.
        """
        while not self._try_write(items):
            self._database.pause()
            if items:
                self._poll()  # which hands the sinks a connection that is new
        self._database.attempt_succeeded()
        self._database.check_file()  # where it was moved away meanwhile, the rows are in no file of use
        for sink in self._sinks:
            sink.committed()
        done, self.batch = self.batch.units, Batch(after=self.batch.id)
        return done

    def _try_write(self, items: int) -> bool:
        self._database.check_file()
        connection = self._database.connection
        try:
            with transaction(connection):
                if self.trouble is not None and self.batch.id in committed_batches(connection):
                    return True  # the attempt that failed at its end has reached the disk
                if items:
                    self._absorb_and_insert(connection, items)
                topics = {topic for sink in self._sinks for topic in sink.write(connection)}
                raise_topics(connection, topics)
        except sqlite3.Error as error:
            for sink in self._bulk_sinks:
                sink.taken_back()
            self._attempt_failed(error, is_write=True)
            return False
        return True

    def _absorb_and_insert(self, connection: sqlite3.Connection, items: int) -> None:
        """The same as `_absorb()`, while rows of what is taken are inserted in the open transaction."""
        units = self.batch.units
        with InsertAhead(connection, self._bulk_sinks) as ahead:
            while items and self._queue and units < BATCH:
                units += self._take()
                items -= 1
                ahead.go_on()

    def _attempt_failed(self, error: sqlite3.Error, is_write: bool) -> None:
        self.last_heartbeat = time.monotonic()  # a file that is locked or full is no reason for a restart
        self._database.attempt_failed(error, self.backlog, is_write)
        self._next_poll = 0.0  # the sinks may need a connection that is new
