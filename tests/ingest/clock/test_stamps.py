"""A commit has the rows of one clock: what was stamped before a step is handed in before it is followed."""

import threading
import time

import pytest

from ingest.clock.reading import ClockReading, SystemClock
from ingest.clock.sink import ClockSink
from ingest.db.connection import connect
from ingest.pipeline.writer import Writer
from ingest.ups.records import Poll
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock


@pytest.fixture
def connection(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    connection = connect(path)
    yield connection
    connection.close()


def test_a_clock_is_followed_when_what_was_stamped_is_handed_in():
    clock, handed_in, seen = SystemClock(), [], []
    clock.stamp_by(ClockReading("boot", 0.0, 1000.0))
    stamped, may_go_on = threading.Event(), threading.Event()

    def receive():
        with clock.stamping() as at:
            stamped.set()
            may_go_on.wait(10)
            handed_in.append(at)

    receiving = threading.Thread(target=receive)
    receiving.start()
    stamped.wait(10)
    reading = ClockReading("boot", 0.0, 8000.0)
    following = threading.Thread(target=clock.stamp_by, args=(reading, lambda: seen.extend(handed_in)))
    following.start()
    time.sleep(0.05)
    assert following.is_alive() and seen == []
    may_go_on.set()
    receiving.join(10)
    following.join(10)
    assert seen == handed_in and clock.stamp() - handed_in[0] > 6900


class Kept:
    """A sink that keeps what each commit took."""

    def __init__(self):
        self.taken, self.commits = [], []

    def absorb(self, item):
        self.taken.append(item)

    def write(self, connection):
        return set()

    def committed(self):
        self.commits.append(self.taken)
        self.taken = []

    def poll(self, connection, changed):
        return False


def test_a_commit_takes_what_was_handed_in_before_the_clock_was_followed(connection):
    writer, kept = Writer(connection, 0.01), Kept()
    writer.add(kept)

    def follow(mark):
        mark()
        if not kept.commits:
            writer.put(kept, "of the next clock")

    writer.before_commit = follow
    writer.put(kept, "of this clock")
    done = threading.Event()
    writer.flush()
    writer.start()
    while len(kept.commits) < 2:
        time.sleep(0.01)
    writer.flush(done.set)
    assert done.wait(10)
    writer.stop()
    assert kept.commits[:2] == [["of this clock"], ["of the next clock"]]


def test_the_sink_marks_the_end_after_it_has_the_new_offset(connection):
    clock = PlayedClock()
    sink = ClockSink(connection, clock)
    clock.set_by(7.0)
    offsets = []
    sink.follow(lambda: offsets.append(clock.offset))
    assert offsets == [clock.read().offset]


def test_a_poll_that_took_long_bears_the_clock_of_when_it_is_handed_in():
    clock = SystemClock()
    poll = Poll("rack", 500.0, 20.0, 10.0, coalesced=3, coalesced_at=495.0, coalesced_monotonic=15.0)
    poll.restamp(clock.restamp)
    assert (poll.at, poll.coalesced_at) == (500.0, 495.0), "no clock is followed yet"
    clock.stamp_by(ClockReading("boot", 30.0, 7030.0))
    poll.restamp(clock.restamp)
    assert (poll.at, poll.coalesced_at) == (7020.0, 7015.0)
