"""Nothing is deleted, expired or scheduled by a clock that is not believed."""

import time
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.clock.belief import ClockSuspectError, confirm_clock, read_belief, save_witness
from ingest.clock.reading import SYSTEM_CLOCK
from ingest.config.backup import Backup
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.jobs.register import request_job
from ingest.maintenance.jobs import run_due
from ingest.maintenance.prune import prune
from ingest.maintenance.retention import plan
from tests.helpers.played_clock import PlayedClock

DAY_S = 86_400
TABLES = ("messages", "readings", "rejects", "oddities")


@pytest.fixture
def clock(house):
    """A clock as right as that of this machine, and noted in the file as ingest notes it."""
    here = SYSTEM_CLOCK.read()
    clock = PlayedClock(here.wall, here.boottime, here.boot_id)
    with closing(connect(house.database)) as connection, transaction(connection):
        save_witness(connection, read_belief(connection, clock).witness)
    return clock


@pytest.fixture
def counts(ask):
    return lambda: {table: ask(f"select count(*) from {table}")[0][0] for table in TABLES}


def leap(clock):
    clock.set_by(4 * 365 * DAY_S)


def boot_ahead(clock):
    clock.reboot(clock.wall + 40 * DAY_S)


def boot_in_1970(clock):
    clock.reboot(0.0)


def step_back(clock):
    clock.set_by(-5 * DAY_S)


@pytest.mark.parametrize("go_wrong", [leap, boot_ahead, boot_in_1970, step_back])
def test_nothing_is_done_by_a_wrong_clock(house, clock, ask, counts, go_wrong, tmp_path):
    config = replace(house, backup=Backup(folder=tmp_path / "copies", at=house.backup.at))
    before = counts()
    go_wrong(clock)
    ask(
        "insert into deletions (kind, before_at, subject, requested_at) values ('before', ?, 'x', ?)",
        *[format_utc(time.time() - DAY_S)] * 2,
    )
    for _ in range(3):  # waiting makes it no better
        assert run_due(config, clock=clock) == []
        clock.advance(2 * 3600)
    assert counts() == before
    assert ask("select state from deletions") == [("queued",)]
    assert ask("select severity, subject from attention where subject = 'Clock'") == [("Critical", "Clock")]


def test_what_waited_is_done_when_the_clock_is_right_again(house, clock, ask, counts):
    before = counts()
    leap(clock)
    assert run_due(house, clock=clock) == []
    clock.set_by(-4 * 365 * DAY_S)
    assert "prune" in run_due(house, clock=clock)
    assert counts()["messages"] < before["messages"]
    assert ask("select * from attention where subject = 'Clock'") == []


def test_a_user_confirms_the_clock(house, clock, counts, ask):
    boot_ahead(clock)
    run_due(house, clock=clock)
    with closing(connect(house.database)) as connection, transaction(connection):
        confirm_clock(connection, "owner", clock)
    assert "prune" in run_due(house, clock=clock)
    assert ask("select confirmed_by, suspect from clock_state") == [("owner", "")]


def test_what_a_user_asks_for_says_why_it_is_not_done(house, clock, ask, counts):
    before = counts()
    leap(clock)
    with closing(connect(house.database)) as connection, transaction(connection):
        request_job(connection, "prune", "owner")
        request_job(connection, "check", "owner")
    assert run_due(house, clock=clock) == ["prune", "check"]
    (prune_outcome, detail), (check_outcome, _) = ask(
        "select outcome, detail from chores where name in ('prune', 'check') order by name desc"
    )
    assert (prune_outcome, check_outcome) == ("failed", "done")
    assert "ahead of the time that CLOCK_BOOTTIME gives" in detail
    assert "--clock-is-right" in detail
    assert counts() == before


def test_a_copy_that_a_user_asks_for_pushes_no_other_out(house, clock, tmp_path, ask):
    folder = tmp_path / "copies"
    folder.mkdir()
    for day in range(1, 9):
        (folder / f"house-2020-01-0{day}-030000.db").touch()
    config = replace(house, backup=Backup(folder=folder, at=house.backup.at, keep=2))
    there = len(list(folder.iterdir()))
    leap(clock)
    with closing(connect(house.database)) as connection, transaction(connection):
        request_job(connection, "backup", "owner")
    assert run_due(config, clock=clock) == ["backup"]
    assert len(list(folder.iterdir())) == there + 1


def test_the_plan_is_made_by_the_clock_that_was_believed(house, clock, counts):
    """The clock leaps between the look at it and the plan."""
    before = counts()

    def late_plan(connection):
        leap(clock)
        return plan(connection, house.retention, clock.wall)

    with pytest.raises(ClockSuspectError):
        prune(house.database, late_plan, "test", clock=clock)
    assert counts() == before


def test_an_unsynchronized_kernel_alone_blocks_nothing(house, clock):
    clock.reboot(clock.wall + 3 * DAY_S)
    assert "prune" in run_due(house, clock=clock)
