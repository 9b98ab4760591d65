"""The writer's thread: when it commits, and that nothing is lost or counted twice when it cannot."""

import threading
import time

import pytest

from ingest.db.connection import connect
from ingest.pipeline.writer import BATCH, Writer, WriterTiming
from ingest.schema.migrate import migrate

LIMIT_S = 30.0  # of every wait, on a busy machine too


class Tape:
    """A sink that writes each item as a row of its own table, as `Store` does for messages."""

    def __init__(self, topic="tape"):
        self.topic, self.pending, self.writes, self.looked = topic, [], 0, 0
        self.written_at = 0.0

    def absorb(self, item):
        self.pending.append(item)

    def poll(self, connection, changed):
        self.looked += changed
        return False

    def write(self, connection):
        self.writes += 1
        self.written_at = time.monotonic()
        connection.executemany(
            "insert into tape values (?, ?)", [(self.topic, item) for item in self.pending]
        )
        return {self.topic} if self.pending else set()

    def committed(self):
        self.pending = []


def wait_until(happened, describe=lambda: "it did not happen"):
    """Wait until `happened()` is true; fails after LIMIT_S."""
    end = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < end, describe()
        time.sleep(0.005)


class Deck:
    """A writer on a real file."""

    def __init__(self, path):
        self.path = path
        migrate(path)
        self.connection = connect(path)
        self.connection.execute("create table tape (topic text, item)")
        self.reader = connect(path, readonly=True)
        self.failed = threading.Event()
        self.tapes = []

    def start(self, *tapes, commit_s=0.05, **timing):
        self.tapes = tapes
        self.writer = Writer(self.connection, commit_s, self.failed.set, WriterTiming(**timing))
        for tape in tapes:
            self.writer.add(tape)
        self.writer.start()
        return self.writer

    def count(self):
        return self.reader.execute("select count(*) from tape").fetchone()[0]

    def until(self, count):
        wait_until(lambda: self.count() == count, lambda: f"{self.count()} rows, {count} expected")


@pytest.fixture
def deck(tmp_path):
    deck = Deck(tmp_path / "telemetry.db")
    yield deck
    deck.writer.stop()
    deck.connection.close()
    deck.reader.close()


def test_a_batch_is_committed_once_within_commit_s(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=0.3)
    began = time.monotonic()
    for item in range(100):
        writer.put(tape, item)
    deck.until(100)
    assert tape.written_at - began > 0.29  # clocks of two threads
    assert tape.writes == 1
    assert writer.backlog == 0


def test_what_comes_during_a_commit_is_due_commit_s_later(deck):

    class Slow(Tape):
        def write(self, connection):
            if self.writes == 0:
                writer.put(self, "late")
            return super().write(connection)

    tape = Slow()
    writer = deck.start(tape, commit_s=0.1, poll_s=60)  # so that nothing but the due time can wake it
    writer.put(tape, "early")
    deck.until(2)


def test_a_full_batch_does_not_wait(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=60)
    writer.put(tape, "few")
    time.sleep(0.1)
    assert deck.count() == 0
    writer.put(tape, "many", units=BATCH)
    deck.until(2)


def test_flush_commits_at_once_and_says_when_it_is_done(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=60)
    seen = []
    done = threading.Event()
    for item in range(3 * 10):
        writer.put(tape, item, units=BATCH // 10)
    writer.flush(
        lambda: (
            seen.append(connect(deck.path).execute("select count(*) from tape").fetchone()[0]),
            done.set(),
        )
    )
    assert done.wait(LIMIT_S)
    assert seen == [30]


def test_stop_commits_what_is_there(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=60)
    for item in range(1000):
        writer.put(tape, item, units=50)
    writer.stop()
    assert deck.count() == 1000
    assert not writer.is_alive()


def test_items_of_several_threads_are_all_stored_in_the_order_of_each(deck):
    tapes = [Tape(str(number)) for number in range(4)]
    writer = deck.start(*tapes, commit_s=0.01)

    def hand_in(tape):
        for item in range(2000):
            writer.put(tape, item)

    threads = [threading.Thread(target=hand_in, args=(tape,)) for tape in tapes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    writer.stop()
    assert deck.count() == 8000
    assert writer.backlog == 0
    for tape in tapes:
        rows = deck.reader.execute(
            "select item from tape where topic = ? order by rowid", (tape.topic,)
        ).fetchall()
        assert rows == [(item,) for item in range(2000)]


def test_a_locked_file_loses_nothing_and_counts_nothing_twice(deck):
    deck.connection.execute("pragma busy_timeout = 20")
    tape, other = Tape(), Tape("other")
    writer = deck.start(tape, other, commit_s=0.02, retry_s=0.05)
    holder = connect(deck.path)
    holder.execute("begin immediate")
    for item in range(500):
        writer.put(tape, item)
        writer.put(other, item)
    time.sleep(0.4)
    assert deck.count() == 0
    holder.rollback()
    holder.close()
    deck.until(1000)
    assert deck.reader.execute("select count(distinct item) from tape").fetchone() == (500,)
    assert tape.writes < 5  # a lock is met before anything is written


def test_a_full_disk_loses_nothing_and_counts_nothing_twice(deck, caplog):
    pages = deck.connection.execute("pragma page_count").fetchone()[0]
    deck.connection.execute(f"pragma max_page_count = {pages + 5}")
    tape = Tape()
    writer = deck.start(tape, commit_s=0.02, retry_s=0.05)
    for _ in range(100):
        writer.put(tape, "x" * 1000)
    wait_until(lambda: tape.writes >= 3)
    assert deck.count() == 0
    assert "disk is full" in caplog.text
    deck.connection.execute("pragma max_page_count = 100000")
    deck.until(100)


def test_on_stop_a_file_that_stays_locked_does_not_hold_the_process(deck, caplog):
    deck.connection.execute("pragma busy_timeout = 10")
    tape = Tape()
    writer = deck.start(tape, commit_s=60, retry_s=0.01)
    holder = connect(deck.path)
    holder.execute("begin immediate")
    writer.put(tape, 1)
    stopping = threading.Thread(target=writer.stop, daemon=True)
    stopping.start()
    stopping.join(LIMIT_S)
    assert not stopping.is_alive()
    assert deck.failed.is_set()
    assert "its pending rows are lost" in caplog.text
    holder.rollback()
    holder.close()


def test_topics_are_raised_once_a_commit(deck):
    tape, other = Tape("a"), Tape("b")
    writer = deck.start(tape, other)
    for round in (1, 2, 3):
        for item in range(50):
            writer.put(tape, item)
        deck.until(50 * round)
    writer.put(other, 1)
    deck.until(151)
    rows = deck.reader.execute(
        "select topic, seq, at like '____-__-__T__:__:__.___Z' from changes order by topic"
    )
    assert rows.fetchall() == [("a", 3, 1), ("b", 1, 1)]


def test_a_sink_is_told_when_another_program_wrote(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=0.01, poll_s=0.02)
    wait_until(lambda: tape.looked)  # at the start everything counts as changed
    writer.put(tape, 1)
    deck.until(1)
    time.sleep(0.1)
    assert tape.looked == 1  # its own rows are no news
    other = connect(deck.path)
    other.execute("insert into audit (action, outcome) values ('order', 'done')")
    other.close()
    wait_until(lambda: tape.looked >= 2)


def test_a_sink_that_breaks_ends_the_writer_and_says_so(deck, caplog):
    class Broken(Tape):
        def absorb(self, item):
            raise ValueError("no room in this sink")

    tape = Broken()
    writer = deck.start(tape)
    writer.put(tape, 1)
    assert deck.failed.wait(LIMIT_S)
    assert "no room in this sink" in caplog.text
    writer.stop()  # does not hang


def test_a_file_that_cannot_be_read_for_a_while_is_read_again(deck, caplog):

    class Curious(Tape):
        rows = None

        def poll(self, connection, changed):
            if changed:
                self.rows = connection.execute("select count(*) from later").fetchone()
            return False

    tape = Curious()
    writer = deck.start(tape, commit_s=0.01, poll_s=0.02)
    wait_until(lambda: "no such table: later" in caplog.text)
    other = connect(deck.path)
    other.execute("create table later (id)")
    other.close()
    wait_until(lambda: tape.rows is not None)
    writer.put(tape, 1)
    deck.until(1)
