"""Rows of a wrong clock are shifted to the time at which they came, and no others."""

from contextlib import closing

import pytest

from ingest.clock.belief import confirm_clock
from ingest.clock.repair import apply_shift, plan_shifts
from ingest.clock.sink import ClockSink
from ingest.config.retention import Retention
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.retention import plan
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock

HOUR, YEAR = 3600, 365 * 86_400
STEPS = [
    pytest.param([3 * HOUR], id="behind"),
    pytest.param([-3 * HOUR], id="ahead"),
    pytest.param([4 * YEAR, -4 * YEAR], id="to 2030 and back"),
    pytest.param([-40 * YEAR, HOUR, 40 * YEAR - HOUR], id="in several steps"),
    pytest.param([7.0], id="a little"),
    pytest.param([-90.0], id="over its own rows"),
]


class Site:
    """Rejects a second apart, whose text is the time at which they really came."""

    def __init__(self, path):
        self.clock = PlayedClock()
        self.real = 0.0  # seconds of CLOCK_BOOTTIME since the first one, over boots
        self.connection = connect(path)
        self.sink = ClockSink(self.connection, self.clock)

    def insert(self):
        self.connection.execute(
            "insert into rejects (source, received_at, raw, reason) values ('main', ?, 'x', ?)",
            (format_utc(self.clock.stamp()), str(self.real)),
        )

    def run(self, step=0.0):
        """A minute in commits of two rows; the clock is set between the two rows of the first commit."""
        for number in range(30):
            self.clock.advance(1)
            self.real += 1
            rows = [(format_utc(self.clock.stamp()), str(self.real))]
            if number == 0 and step:
                self.clock.set_by(step)
            self.clock.advance(1)
            self.real += 1
            rows.append((format_utc(self.clock.stamp()), str(self.real)))
            self.sink.poll(self.connection, True)
            self.sink.follow()
            with transaction(self.connection):
                for at, reason in rows:
                    self.connection.execute(
                        "insert into rejects (source, received_at, raw, reason) values ('main', ?, 'x', ?)",
                        (at, reason),
                    )
                self.sink.write(self.connection)
            self.sink.committed()

    def confirm(self):
        with transaction(self.connection):
            confirm_clock(self.connection, "owner", self.clock)
        self.run()

    def repair(self):
        shifts = plan_shifts(self.connection)
        return sum(apply_shift(self.connection, shift) for shift in shifts)

    def wrong(self):
        """Seconds by which rows are off the clock that is right now."""
        first = self.clock.wall - self.real
        rows = self.connection.execute("select received_at, reason from rejects")
        return [off for at, real in rows if abs(off := round(parse_utc(at) - first - float(real), 2)) > 0.1]


@pytest.fixture
def site(tmp_path):
    new_database(tmp_path / "telemetry.db")
    one = Site(tmp_path / "telemetry.db")
    with closing(one.connection):
        yield one


@pytest.mark.parametrize("steps", STEPS)
def test_every_row_has_the_time_at_which_it_came(site, steps):
    site.run()
    for step in steps:
        site.run(step)
    site.confirm()
    planned = plan_shifts(site.connection)
    wrong = len(site.wrong())
    assert wrong > 0
    assert sum(shift.rows["rejects"] for shift in planned) == wrong
    site.repair()
    assert site.wrong() == []
    assert plan_shifts(site.connection) == []  # once


def test_a_repair_that_was_cut_off_goes_on(site):
    site.run()
    site.run(4 * YEAR)
    site.run(-4 * YEAR)
    (shift,) = plan_shifts(site.connection)
    assert apply_shift(site.connection, shift) == shift.rows["rejects"] + shift.rows["events"]
    site.connection.execute("update clock_stretches set shifted_s = null")  # the last transaction was lost
    assert apply_shift(site.connection, shift) == 0
    assert site.wrong() == []


def test_while_nothing_says_which_clock_is_right_nothing_is_planned(site):
    site.run()
    site.run(3 * HOUR)  # suspect: nobody confirmed it
    assert plan_shifts(site.connection) == []


def test_rows_of_an_import_stay(site):
    site.run()
    site.run(4 * YEAR)
    site.connection.execute(
        "insert into imports (kind, stream, target, file, started_at, numbers, first_id, last_id) "
        "select 'x', 'x', 'x', 'x', '', 'messages', 1, 1000"
    )
    site.run(-4 * YEAR)
    site.connection.execute("insert into gateways (id, name, address) values (0, 'main', '')")
    (shift,) = plan_shifts(site.connection)
    assert "messages" not in shift.rows


def test_events_keep_the_times_of_before(site):
    site.run()
    site.run(4 * YEAR)
    site.connection.execute(
        "insert into events (event, started_at, ended_at) values ('NODE_BACK', ?1, ?1)",
        (format_utc(site.clock.wall),),
    )
    before = site.connection.execute("select started_at from events where event = 'NODE_BACK'").fetchone()[0]
    site.run(-4 * YEAR)
    site.repair()
    started_at, original = site.connection.execute(
        "select started_at, json_extract(figures, '$.original.started_at') from events "
        "where event = 'NODE_BACK'"
    ).fetchone()
    assert (original, before[:4], started_at[:4]) == (before, "2030", "2026")


@pytest.mark.parametrize("steps", STEPS)
def test_rows_of_a_wrong_clock_are_kept_until_they_are_shifted_or_old(site, steps):
    site.run()
    for step in steps:
        site.run(step)
    site.confirm()
    limits = Retention()

    def old_rows(days):
        [item] = [
            one
            for one in plan(site.connection, limits, site.clock.wall + days * 86_400)
            if one.table == "rejects"
        ]
        return item.rows

    assert old_rows(0) == 0 and old_rows(29) == 0
    site.repair()
    assert old_rows(29) == 0 and old_rows(31) >= 30 * (1 + len(steps))


def test_rows_of_a_clock_that_was_just_set_are_kept(site):
    site.run()
    right = site.clock.wall
    site.clock.set_by(-40 * 86_400)
    site.sink.follow()
    with transaction(site.connection):
        for _ in range(200):
            site.insert()
        site.sink.write(site.connection)
    site.sink.committed()
    items = [item for item in plan(site.connection, Retention(), right) if item.table == "rejects"]
    assert [item.rows for item in items] == [0]
