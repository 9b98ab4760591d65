"""The writer's thread: when it commits, and that nothing is lost or counted twice when it cannot."""

import asyncio
import sqlite3
import threading
import time

import pytest

from ingest.db.connection import connect
from ingest.pipeline.open_database import WriterTiming
from ingest.pipeline.source_health import Health, StatusSink
from ingest.pipeline.writer import BATCH, Writer
from ingest.schema.migrate import migrate
from tests.helpers.new_database import new_database

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
        new_database(path)
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
    wait_until(lambda: writer.backlog == 0)


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


def test_what_comes_with_a_full_batch_does_not_wait_either(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=600)
    writer.put(tape, "many", units=BATCH)
    deck.until(1)
    writer.put(tape, "rest")
    deck.until(2)
    writer.put(tape, "later")
    time.sleep(0.3)
    assert deck.count() == 2


class Ribbon(Tape):
    """A sink whose rows are inserted while it takes others; `failures` of its insertions fail."""

    def __init__(self, failures=0):
        super().__init__()
        self.failures, self.done, self.threads, self.taken_before = failures, 0, set(), []

    def write_ahead(self, connection):
        self.threads.add(threading.current_thread().name)
        waits = self.pending[self.done :]
        connection.executemany("insert into tape values ('tape', ?)", [(item,) for item in waits])
        self.done += len(waits)
        if self.failures and waits:
            self.failures -= 1
            raise Spoilt.error()

    def taken_back(self):
        self.done = 0

    def write(self, connection):
        self.write_ahead(connection)
        self.taken_before.append(len(self.pending))
        return super().write(connection) if not self.pending else {self.topic}

    def committed(self):
        super().committed()
        self.done = 0


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_rows_of_a_full_batch_are_inserted_while_it_is_taken(deck, failures):
    ribbon = Ribbon(failures)
    writer = deck.start(ribbon, commit_s=60, retry_s=0.02)
    items = list(range(30))
    for item in items:
        writer.put(ribbon, item, units=BATCH // 10)
    writer.flush()
    deck.until(30)
    assert deck.reader.execute("select topic, item from tape order by rowid").fetchall() == [
        ("tape", item) for item in items
    ]
    assert ribbon.threads == {"writer", "writer-rows"}
    assert max(ribbon.taken_before) == 10  # no commit took more than a batch
    assert writer.backlog == 0 and writer.trouble is None


def test_an_item_that_cannot_be_taken_within_the_transaction_is_taken_later(deck):
    class Asking(Ribbon):
        """Looks something up for each item, which fails at first; the writer then opens the file anew."""

        failed = False

        def poll(self, connection, changed):
            self.connection = connection
            return super().poll(connection, changed)

        def absorb(self, item):
            if item == 5 and not self.failed:
                self.failed = True
                raise Spoilt.error()
            self.connection.execute("select 1")
            super().absorb(item)

    asking = Asking()
    writer = deck.start(asking, commit_s=60, retry_s=0.02)
    for item in range(10):
        writer.put(asking, item, units=BATCH // 10)
    writer.flush()
    deck.until(10)
    assert deck.reader.execute("select item from tape order by rowid").fetchall() == [(n,) for n in range(10)]
    assert writer.backlog == 0


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


def test_what_came_while_the_file_was_locked_does_not_wait_for_commit_s_again(deck):
    committed = []

    class Noting(Tape):
        def committed(self):
            committed.append(time.monotonic())
            super().committed()

    tape = Noting()
    writer = deck.start(tape, commit_s=4, retry_s=0.05, busy_s=0.05)
    holder = connect(deck.path)
    holder.execute("begin immediate")
    writer.put(tape, "early")
    wait_until(lambda: writer.trouble is not None)
    writer.put(tape, "late")
    time.sleep(4.2)
    holder.rollback()
    holder.close()
    deck.until(2)
    assert len(committed) == 2 and committed[1] - committed[0] < 3


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
    writer.stop(0.1)
    assert not writer.is_alive()
    assert deck.failed.is_set()
    assert "is locked by python" in caplog.text
    assert [item for batch in writer.unwritten() for _, item, _ in batch.items] == [1]
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


def unwritten_items(writer):
    return [item for batch in writer.unwritten() for _, item, _ in batch.items]


def lose(deck, change):
    """The database is changed from outside; what the writer says, and what it could not write."""
    if change == "moved":
        deck.path.rename(deck.path.with_name("elsewhere.db"))
    elif change == "deleted":
        deck.path.unlink()
    elif change == "replaced":
        other = deck.path.with_name("other.db")
        migrate(other)
        other.rename(deck.path)
    elif change == "log deleted":
        deck.path.with_name("telemetry.db-wal").unlink()
    else:
        deck.path.parent.rename(deck.path.parent.with_name("moved-folder"))


@pytest.mark.parametrize("change", ["moved", "deleted", "replaced", "log deleted", "folder moved"])
def test_a_database_that_is_not_there_any_more_is_not_written(tmp_path, change):
    folder = tmp_path / "data"
    folder.mkdir()
    deck, tape = Deck(folder / "telemetry.db"), Tape()
    open_file = deck.path.open("rb")
    writer = deck.start(tape, commit_s=0.05, poll_s=60)  # so that only a commit can notice it
    writer.put(tape, 1)
    deck.until(1)
    wait_until(lambda: writer.backlog == 0)  # it has seen that the file is still in its place
    deck.reader.close()  # the last connection but the writer's: then its log can be emptied
    lose(deck, change)
    writer.put(tape, 2)
    assert deck.failed.wait(LIMIT_S)
    writer.stop()
    assert writer.problem.kind == "gone"
    assert unwritten_items(writer) == [2]
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert not left & {"telemetry.db-shm"}
    whole = deck.path.with_name("copy.db") if folder.exists() else tmp_path / "copy.db"
    whole.write_bytes(open_file.read())  # the file that was open has what was committed, without its log
    copy = connect(whole)
    assert copy.execute("select item from tape").fetchall() == [(1,)]
    copy.close()
    open_file.close()


def test_it_is_noticed_without_anything_to_write(deck):
    tape = Tape()
    deck.start(tape, poll_s=0.02)
    wait_until(lambda: tape.looked)
    lose(deck, "deleted")
    assert deck.failed.wait(LIMIT_S)


class Spoilt(Tape):
    """A sink whose statements fail as those on a failing disk do, `failures` times."""

    failures = 0

    def write(self, connection):
        topics = super().write(connection)
        if self.failures:
            self.failures -= 1
            raise self.error()
        return topics

    @staticmethod
    def error():
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        return error


def test_rows_are_tried_on_a_fresh_connection_before_they_are_given_up(deck, caplog):
    tape = Spoilt()
    tape.failures = 3
    writer = deck.start(tape, commit_s=0.01, retry_s=0.02)
    first = writer._database.connection
    for item in range(10):
        writer.put(tape, item)
    deck.until(10)
    assert writer._database.connection is not first
    assert "is damaged" in caplog.text and "is written again" in caplog.text
    assert not deck.failed.is_set()


def test_a_file_that_stays_damaged_is_given_up_with_its_rows_in_hand(deck, caplog):
    tape = Spoilt()
    tape.failures = 10_000
    writer = deck.start(tape, commit_s=0.01, retry_s=0.01, give_up_s=0.1)
    writer.put(tape, 1)
    assert deck.failed.wait(LIMIT_S)
    assert "restore a copy" in str(writer.problem)
    assert unwritten_items(writer) == [1]


def test_a_commit_of_unknown_outcome_that_is_in_the_file_is_not_repeated(deck):
    tape = Tape()
    writer = deck.start(tape, commit_s=60, retry_s=0.02, busy_s=0.02)
    other = connect(deck.path)
    other.execute("begin immediate")
    writer.put(tape, 1)
    writer.flush()
    wait_until(lambda: writer.trouble)
    health = Health("main", "mysensors", "tcp x:1")
    other.execute("insert into tape values ('tape', 1)")
    StatusSink([health], batch=lambda: writer.batch).write(other)
    other.commit()
    other.close()
    wait_until(lambda: writer.trouble is None)
    deck.until(1)
    assert tape.writes == 0


def test_a_writer_whose_disk_does_not_respond_is_not_responsive(deck):
    class Stuck(Tape):
        def write(self, connection):
            released.wait(LIMIT_S)
            return super().write(connection)

    released, tape = threading.Event(), Stuck()
    writer = deck.start(tape, commit_s=0.01)
    writer.put(tape, 1)
    wait_until(lambda: not asyncio.run(writer.is_responsive(0.2)))
    released.set()
    wait_until(lambda: asyncio.run(writer.is_responsive(0.2)))


class Bell(Tape):
    """A sink that keeps events: an item `ring` is urgent until it is committed."""

    @property
    def is_urgent(self):
        return "ring" in self.pending


def test_what_is_urgent_is_committed_at_once_with_all_that_waits(deck):
    bell, other = Bell("bell"), Tape("other")
    writer = deck.start(bell, other, commit_s=600, poll_s=0.05)
    for number in range(5):
        writer.put(other, number)
        writer.put(bell, number)
    time.sleep(0.3)
    assert (deck.count(), bell.writes) == (0, 0)
    began = time.monotonic()
    writer.put(bell, "ring")
    deck.until(11)
    assert time.monotonic() - began < 1
    time.sleep(0.3)
    assert bell.writes == 1


def test_what_is_urgent_without_end_is_not_committed_one_by_one(deck):
    bell = Bell("bell")
    writer = deck.start(bell, commit_s=600, poll_s=0.05)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        writer.put(bell, "ring")
        time.sleep(0.005)
    assert 2 <= bell.writes <= 5


def test_what_was_absorbed_before_its_commit_is_in_the_spool_after_a_failure(deck):
    bell = Bell("bell")
    writer = deck.start(bell, commit_s=600, poll_s=0.02, busy_s=0.05)
    writer.put(bell, "waits")
    wait_until(lambda: bell.pending == ["waits"])
    other = connect(deck.path)
    other.execute("begin immediate")
    writer.stop(0.2)
    other.close()
    assert [item for batch in writer.unwritten() for _, item, _ in batch.items] == ["waits"]
