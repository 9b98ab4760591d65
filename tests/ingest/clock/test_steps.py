"""Steps of the clock: their events, the stretches between them, and how long open events last."""

import json
from contextlib import closing

import pytest

from ingest.clock.reading import ClockReading
from ingest.clock.recent_steps import RecentSteps
from ingest.clock.sink import ClockSink
from ingest.clock.stretches import read_stretches
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.ups.event_machine import EventMachine
from ingest.ups.measurement import measure
from ingest.ups.open_events import CORRECTED
from ingest.ups.records import CLOSED, OPENED, Event, Poll
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock

START = parse_utc("2026-11-30T12:00:00.000Z")
HOUR, YEAR = 3600, 365 * 86_400
LEAPS = [
    pytest.param([3 * HOUR], id="three hours behind, set right"),
    pytest.param([-2 * HOUR + 43], id="set back"),
    pytest.param([START - 1000], id="from 1970"),
    pytest.param([4 * YEAR, -4 * YEAR], id="to 2030 and back"),
    pytest.param([6.0], id="a little"),
    pytest.param([3 * HOUR, -HOUR, 600, -7], id="several"),
]


class Outage:
    """A UPS that is on battery for 43 s by CLOCK_BOOTTIME, polled every two seconds."""

    def __init__(self, machine, clock):
        self.machine, self.clock, self.events, self.changes = machine, clock, {}, []

    def poll(self, status, seconds=2.0):
        self.clock.advance(seconds)
        variables = {"ups.status": status, "battery.charge": "80"}
        poll = Poll("rack", self.clock.wall, self.clock.boottime, 2.0, status=status, variables=variables)
        for verb, event in self.machine.apply_poll(poll, measure(variables)):
            self.changes.append((verb, event.event))
            if verb in (OPENED, CLOSED):
                self.events[event.event] = event

    def play(self, leaps):
        self.poll("OL")
        self.poll("OB DISCHRG")
        for number in range(20):
            if number < len(leaps):
                self.clock.set_by(leaps[number])
            self.poll("OB DISCHRG LB")
        self.poll("OL CHRG", 3.0)
        return self.events["ONBATT"]


@pytest.mark.parametrize("leaps", LEAPS)
def test_an_outage_lasts_as_long_as_it_did(leaps):
    event = Outage(EventMachine(boot_id="first"), PlayedClock()).play(leaps)
    assert round(event.ended - event.started, 3) == 43
    assert (event.figures["seconds"], event.figures["covered_s"]) == (43, 43)
    assert event.figures[CORRECTED] == pytest.approx(sum(leaps), abs=0.01)
    assert event.complete


def test_a_clock_that_stands_corrects_nothing():
    event = Outage(EventMachine(boot_id="first"), PlayedClock()).play([0.4, -0.4])
    assert CORRECTED not in event.figures
    assert event.ended - event.started == pytest.approx(43, abs=0.5)


def test_an_event_that_opens_at_the_second_look_began_at_the_first_by_the_clock_of_now():
    ups = Outage(EventMachine(boot_id="first"), PlayedClock())
    ups.poll("OL")
    ups.poll("OL BYPASS")
    ups.clock.set_by(3 * HOUR)
    ups.poll("OL BYPASS")
    assert ups.clock.wall - ups.events["BYPASS"].started == 2


@pytest.mark.parametrize(("boot_id", "lasts"), [("first", 63), ("second", 63 + 3 * HOUR)])
def test_a_restart_of_ingest_loses_no_length_and_another_boot_has_none(boot_id, lasts):
    """The clock is set while ingest does not run. Across a boot, nothing but the wall clock counts."""
    clock = PlayedClock()
    figures = {"seconds": 18.0, "covered_s": 18.0, "samples": 9, "missed_polls": 0, "low_battery": 0}
    left = Event("ONBATT", clock.wall - 20, figures=figures, boot_id="first", boottime=clock.boottime - 20)
    clock.set_by(3 * HOUR)
    clock.boot_id = boot_id
    ups = Outage(EventMachine(open_events=[left], boot_id=boot_id), clock)
    for _ in range(20):
        ups.poll("OB")
    ups.poll("OL", 3.0)
    assert round(left.ended - left.started, 3) == lasts


def test_what_is_made_up_knows_no_boot():
    ups = Outage(EventMachine(), PlayedClock())
    event = ups.play([])
    assert (event.boot_id, round(event.ended - event.started, 3)) == ("", 43)


def test_steps_after_a_moment_add_up():
    steps = RecentSteps(100.0)
    for moment, offset in ((1, 100.5), (2, 160.0), (3, 160.2), (4, 90.0)):
        steps.look(offset, moment)
    assert [round(steps.moved_since(moment), 1) for moment in (0, 2, 4)] == [-10.0, -70.0, 0]


class Followed:
    """A file with a ClockSink, and messages that are stamped by the clock."""

    def __init__(self, path, clock):
        self.path, self.clock = path, clock
        self.connection = connect(path)
        self.sink = ClockSink(self.connection, clock)

    def run(self, seconds=10.0, *, changed=False):
        """Ten seconds with a reject each two of them, and a commit."""
        for _ in range(int(seconds / 2)):
            self.clock.advance(2)
            pending = self.sink.poll(self.connection, changed)
            self.sink.follow()
            with transaction(self.connection):
                self.connection.execute(
                    "insert into rejects (source, received_at, raw, reason) values ('main', ?, 'x', 'y')",
                    (format_utc(self.clock.wall),),
                )
                topics = self.sink.write(self.connection)
            self.sink.committed()
            assert bool(topics) or not pending

    def restart(self):
        self.connection.close()
        self.connection = connect(self.path)
        self.sink = ClockSink(self.connection, self.clock)

    def rows(self, sql):
        return self.connection.execute(sql).fetchall()


@pytest.fixture
def followed(tmp_path):
    new_database(tmp_path / "telemetry.db")
    one = Followed(tmp_path / "telemetry.db", PlayedClock())
    with closing(one.connection):
        yield one


def steps(followed):
    return [
        json.loads(figures)["seconds"]
        for (figures,) in followed.rows("select figures from events where event = 'CLOCK_STEP' order by id")
    ]


@pytest.mark.parametrize("leap", [7.0, 3 * HOUR, -3 * HOUR, 4 * YEAR, -40 * YEAR])
def test_a_clock_that_is_set_is_an_event(followed, leap):
    followed.run()
    followed.clock.set_by(leap)
    followed.run()
    assert steps(followed) == [leap]
    ((detail, same),) = followed.rows("select detail, started_at = ended_at from events")
    assert same and ("forward" if leap > 0 else "back") in detail


def test_a_machine_that_slept_was_not_set(followed):
    followed.run()
    followed.clock.advance(9 * HOUR)
    followed.run()
    assert steps(followed) == []


def test_a_step_while_ingest_does_not_run_is_found(followed):
    followed.run()
    followed.clock.set_by(3 * HOUR)
    followed.restart()
    followed.run()
    assert steps(followed) == [3 * HOUR]
    assert "while ingest did not run" in followed.rows("select detail from events")[0][0]


def test_a_boot_is_no_step_but_a_stretch(followed):
    followed.run()
    followed.clock.reboot(followed.clock.wall + 600)
    followed.restart()
    followed.run()
    assert steps(followed) == []
    assert [one.boot_id for one in read_stretches(followed.connection)] == ["first", "second"]


def test_stretches_name_the_rows_of_each_clock(followed):
    followed.run()  # five rejects
    followed.clock.set_by(4 * YEAR)
    followed.run()
    followed.clock.set_by(-4 * YEAR)
    followed.run()
    first, wrong, last = read_stretches(followed.connection)
    # Of the sixth row, in the commit of the step, its time tells whose it is.
    assert (first.last_ids["rejects"], wrong.first_ids["rejects"], wrong.last_ids["rejects"]) == (6, 6, 11)
    assert [one.confirmed_by for one in (first, wrong, last)] == ["", None, ""]
    assert last.last_ids is None
    assert wrong.offset - first.offset == 4 * YEAR


def test_an_open_event_of_a_gateway_moves_with_the_clock(followed):
    followed.run()
    at = format_utc(followed.clock.wall)
    followed.connection.execute("insert into events (event, started_at) values ('GATEWAY_LOST', ?)", (at,))
    followed.run()
    followed.clock.set_by(3 * HOUR)
    followed.restart()
    followed.run()
    started_at, text = followed.rows("select started_at, figures from events where event = 'GATEWAY_LOST'")[0]
    assert followed.clock.wall - parse_utc(started_at) == pytest.approx(20, abs=0.01)
    assert json.loads(text)["clock_corrected_s"] == 3 * HOUR


def test_a_suspicion_is_stored_at_once_and_taken_back(followed):
    followed.run()
    followed.clock.set_by(4 * YEAR)
    followed.run(2)
    assert not followed.sink.is_believed
    assert "1460 d ahead of" in followed.rows("select suspect from clock_state")[0][0]
    followed.clock.set_by(-4 * YEAR)
    followed.run(2)
    assert followed.sink.is_believed
    assert followed.rows("select suspect from clock_state") == [("",)]


def test_a_commit_that_is_repeated_writes_a_step_once(followed):
    followed.run()
    followed.clock.set_by(HOUR)
    followed.sink.poll(followed.connection, False)
    for _ in range(3):
        followed.connection.execute("begin")
        followed.sink.write(followed.connection)
        followed.connection.execute("rollback")
    followed.run()
    assert steps(followed) == [HOUR]
    assert len(read_stretches(followed.connection)) == 2


def test_the_time_is_noted_once_a_minute_with_other_rows(followed):
    followed.run()
    before = followed.connection.execute("select wall_at from clock_state").fetchone()
    followed.run(40)
    assert followed.connection.execute("select wall_at from clock_state").fetchone() == before
    followed.run(20)
    assert followed.connection.execute("select wall_at from clock_state").fetchone() > before


def test_readings_of_a_machine_without_a_boot_id(tmp_path):
    assert ClockReading("", 5.0, 105.0).offset == 100.0


def test_a_clock_that_is_set_back_before_it_is_followed_touches_nothing(followed):
    followed.run()
    right = followed.clock.stamp() - followed.clock.wall
    followed.clock.set_by(-40 * 24 * HOUR)
    assert followed.sink.poll(followed.connection, False)
    assert followed.clock.stamp() - followed.clock.wall == pytest.approx(right + 40 * 24 * HOUR)
    followed.clock.set_by(40 * 24 * HOUR)
    followed.run()
    assert steps(followed) == [] and len(read_stretches(followed.connection)) == 1
