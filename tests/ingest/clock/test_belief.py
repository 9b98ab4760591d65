"""Whether the wall clock is believed, over boots, steps, NTP and users."""

import os
import time
from contextlib import closing

import pytest

from ingest.clock.belief import (
    NTP,
    assess_clock,
    clock_is_believed,
    confirm_clock,
    read_belief,
    read_witness,
    save_suspicion,
    save_witness,
)
from ingest.clock.reading import (
    SYSTEM_CLOCK,
    ClockReading,
    SystemClock,
    kernel_is_synchronized,
    timesyncd_is_synchronized,
)
from ingest.db.connection import connect, transaction
from ingest.db.time import parse_utc
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock

DAY, YEAR = 86_400, 365 * 86_400


@pytest.fixture
def file(tmp_path):
    new_database(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db")) as connection:
        yield connection


@pytest.fixture
def clock(file):
    """A clock that has run for an hour, noted in the file."""
    played = PlayedClock()
    note(file, played)
    played.advance(3600)
    note(file, played)
    return played


def note(file, clock):
    """What ingest does twice a second."""
    belief = read_belief(file, clock)
    with transaction(file):
        if belief.witness is not None:
            save_witness(file, belief.witness)
        save_suspicion(file, belief.suspect)
    return belief


def test_a_new_file_believes_the_clock(file):
    clock = PlayedClock(wall=0.0)
    assert clock_is_believed(file, clock)
    assert note(file, clock).witness.confirmed_by == ""


@pytest.mark.parametrize(
    ("later", "believed"),
    [
        (60, True),
        (34 * DAY, True),
        (36 * DAY, False),
        (4 * YEAR, False),
        (30 * YEAR, False),
        (-3 * 3600, True),  # a Pi without a clock goes on with the time of its last shutdown
        (-2 * DAY, False),
        (-parse_utc("2026-11-30T00:00:00.000Z"), False),  # 1970
    ],
)
def test_after_a_boot_the_clock_may_be_as_late_as_a_machine_was_off(file, clock, later, believed):
    clock.reboot(clock.wall + later)
    belief = note(file, clock)
    assert belief.is_believed == believed
    assert bool(read_witness(file).suspect) == (not believed)
    assert read_witness(file).boot_id == ("second" if believed and later > 0 else "first")


def test_a_machine_without_boot_ids_is_judged_as_after_a_boot(file):
    clock = PlayedClock(boot_id="")
    note(file, clock)
    clock.advance(DAY)
    assert note(file, clock).is_believed
    clock.wall += 36 * DAY
    assert not note(file, clock).is_believed


@pytest.mark.parametrize("step", [2 * 3600, 10 * DAY, 4 * YEAR, -2 * 3600, -50 * YEAR])
def test_within_a_boot_the_time_is_known(file, clock, step):
    clock.set_by(step)
    for _ in range(30):  # hours: it does not become right by waiting
        assert not note(file, clock).is_believed
        clock.advance(3600)
    clock.set_by(-step)
    assert note(file, clock).is_believed
    assert read_witness(file).suspect == ""


def test_small_steps_do_not_add_up(file, clock):
    believed = []
    for _ in range(48):
        clock.set_by(1800)
        clock.advance(60)
        believed.append(note(file, clock).is_believed)
    assert believed == [True, True] + [False] * 46


def test_ntp_confirms_whatever_was_believed(file, clock):
    clock.reboot(clock.wall + 4 * YEAR)
    assert not note(file, clock).is_believed
    clock.synchronized = True
    assert note(file, clock).witness.confirmed_by == NTP
    clock.synchronized = False  # the server is out of reach: the boot goes on
    clock.advance(90 * DAY)
    assert note(file, clock).is_believed
    assert read_witness(file).confirmed_by == NTP


def test_a_user_confirms(file, clock):
    clock.reboot(clock.wall + 60 * DAY)
    assert "60 d ahead of the last time that was believed" in note(file, clock).suspect
    confirm_clock(file, "owner", clock)
    clock.advance(DAY)
    assert note(file, clock).is_believed
    assert (read_witness(file).confirmed_by, read_witness(file).suspect) == ("owner", "")


def test_a_pi_that_boots_behind_may_be_set_right_without_ntp(file, clock):
    clock.reboot(clock.wall - 3 * 3600)
    assert note(file, clock).witness is None
    clock.advance(40)
    clock.set_by(3 * 3600 + 400)
    assert note(file, clock).is_believed
    assert read_witness(file).boot_id == "second"


def test_rows_of_a_wrong_clock_are_no_witness(file, clock):
    file.execute("insert into events (event, started_at) values ('CLOCK_STEP', '2030-01-01T00:00:00.000Z')")
    clock.reboot(parse_utc("2030-01-01T00:00:00.000Z"))
    assert not clock_is_believed(file, clock)


def test_a_file_of_before_has_its_last_heartbeat_as_witness(tmp_path):
    path = tmp_path / "old.db"
    new_database(path)
    with closing(connect(path)) as connection:
        connection.execute("drop table clock_state")
        connection.execute("delete from _sqlite_migrations where name = 'clock_state'")
        connection.execute(
            "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) values "
            "('main', 'mysensors', '', 'connected', '2026-11-01T00:00:00.000Z', '2026-11-29T00:00:00.000Z')"
        )
        new_database(path)
        assert not clock_is_believed(connection, PlayedClock(wall=parse_utc("2030-01-01T00:00:00.000Z")))
        assert clock_is_believed(connection, PlayedClock())


def test_this_machine_can_be_read(tmp_path):
    first, second = SYSTEM_CLOCK.read(), SYSTEM_CLOCK.read()
    assert first.boot_id == second.boot_id
    assert 0 <= second.boottime - first.boottime < 60
    assert abs(first.offset - second.offset) < 1
    assert not kernel_is_synchronized(first.wall + 4 * YEAR)  # a clock that is not the kernel's


def test_the_file_of_timesyncd_counts_while_it_is_new(tmp_path):
    file = tmp_path / "synchronized"
    assert not timesyncd_is_synchronized(1e9, file)
    file.touch()
    os.utime(file, (1e9, 1e9))
    assert timesyncd_is_synchronized(1e9 + 60, file)
    assert not timesyncd_is_synchronized(1e9 + 4 * YEAR, file)  # set by hand since
    assert not timesyncd_is_synchronized(1e9 - DAY, file)


def test_a_reading_knows_the_offset_of_the_wall_clock():
    assert ClockReading("b", 10.0, 110.0).offset == 100.0
    assert assess_clock(ClockReading("b", 10.0, 110.0), None).is_believed


def test_rows_are_stamped_by_the_reading_that_is_followed(monkeypatch):
    clock = SystemClock()
    wall = time.time()
    assert abs(clock.stamp() - wall) < 60
    clock.stamp_by(clock.read())
    monkeypatch.setattr(time, "time", lambda: wall - 4e6)  # set, and not followed yet
    reading = clock.read()
    assert abs(reading.wall - (wall - 4e6)) < 60 and abs(clock.stamp() - wall) < 60
    clock.stamp_by(reading)
    assert abs(clock.stamp() - (wall - 4e6)) < 60
