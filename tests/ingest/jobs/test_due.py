"""When jobs are due: missed times, pauses, failures, new databases, other times, clocks that were set."""

import time
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.clock.reading import ClockReading
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.jobs.due import HOUR_S, Job, due_requester, next_run
from ingest.jobs.recurrence import Recurrence
from ingest.jobs.register import begin_job, end_job, pause_job, read_jobs, request_job, resume_job
from ingest.jobs.runner import RunnerJobs
from tests.helpers.new_database import new_database

DAILY = Job("prune", "Delete", "site", Recurrence("day", "03:00", "Europe/Rome"), HOUR_S)
MONTHLY = Job("monthly", "Report", "outbound", Recurrence("month", "07:00", "Europe/Rome"))
MONTHLY_OF_SITE = replace(MONTHLY, runner="site")
ONCE = Job("check", "Check", "site")
ORDERED = replace(MONTHLY, name="selftest", runner="ingest", resumes=False)
DAY_S = 86_400.0


def at(text):
    return parse_utc(f"{text}:00.000Z")


def row(job=DAILY, covered="2026-11-20T02:00", **values):
    covered_at = covered and f"{covered}:01.000Z"
    filled = {"schedule": job.schedule, "covered_at": covered_at, "outcome": "done", "started_by": "schedule"}
    return {**filled, "ended_at": covered_at, "wanted_at": None, "paused_at": None, **values}


@pytest.mark.parametrize(
    ("job", "held", "now", "next_at", "requester"),
    [
        (DAILY, row(), "2026-11-21T01:59", "2026-11-21T02:00", None),
        (DAILY, row(), "2026-11-21T02:00", "2026-11-21T02:00", "schedule"),
        (DAILY, row(), "2026-11-21T19:00", "2026-11-21T02:00", "schedule"),  # it was off at its time
        (DAILY, row(covered="2026-11-21T19:00"), "2026-11-21T23:00", "2026-11-22T02:00", None),
        (MONTHLY, row(MONTHLY, "2026-08-01T05:00"), "2026-11-21T09:00", "2026-09-01T05:00", "schedule"),
        (MONTHLY, row(MONTHLY, "2026-11-21T09:00"), "2026-11-21T09:01", "2026-12-01T06:00", None),
        # New, or with other times: nothing was missed.
        (DAILY, {}, "2026-11-21T12:00", "2026-11-22T02:00", None),
        (DAILY, row(covered=None), "2026-11-21T12:00", "2026-11-22T02:00", None),
        (DAILY, row(MONTHLY), "2026-11-21T12:00", "2026-11-22T02:00", None),
        (DAILY, row(schedule=""), "2026-11-21T12:00", "2026-11-21T02:00", "schedule"),  # of an older file
        # A clock that was set back: by an hour over the time, it does not run twice; by weeks, it goes on.
        (DAILY, row(covered="2026-11-21T02:00"), "2026-11-21T01:30", "2026-11-22T02:00", None),
        (DAILY, row(covered="2026-12-24T02:00"), "2026-11-21T01:30", "2026-11-21T02:00", None),
        (MONTHLY, row(MONTHLY, "2030-01-01T06:00"), "2026-11-30T06:00", "2026-12-01T06:00", None),
        # After a failure: again after retry_s, else at the next time.
        (DAILY, row(outcome="failed"), "2026-11-20T02:59", "2026-11-20T03:00", None),
        (DAILY, row(outcome="failed"), "2026-11-20T03:01", "2026-11-20T03:00", "schedule"),
        (MONTHLY, row(MONTHLY, outcome="failed"), "2026-11-20T12:00", "2026-12-01T06:00", None),
        # Paused, asked for, cut off.
        (DAILY, row(paused_at="2026-11-20T12:00:00.000Z"), "2026-11-25T12:00", None, None),
        (
            DAILY,
            row(paused_at="2026-11-20T12:00:00.000Z", wanted_at="x", wanted_by="ann"),
            "2026-11-25T12:00",
            None,
            "ann",
        ),
        (DAILY, row(outcome="stopped", started_by="ann"), "2026-11-20T02:01", "2026-11-21T02:00", "ann"),
        (ORDERED, row(ORDERED, outcome="running"), "2026-11-20T02:01", "2026-12-01T06:00", None),
        (ONCE, {}, "2026-11-20T02:01", None, None),
        (ONCE, row(ONCE, None, wanted_at="x", wanted_by=None), "2026-11-20T02:01", None, "schedule"),
    ],
)
def test_a_job_is_due(job, held, now, next_at, requester):
    found = next_run(job, held, at(now))
    assert (found and format_utc(found)[:16]) == next_at
    assert due_requester(job, held, at(now)) == requester


def test_a_clock_that_is_not_believed_makes_nothing_due():
    now = at("2026-12-21T12:00")
    assert due_requester(DAILY, row(), now, is_believed=False) is None
    assert due_requester(DAILY, row(wanted_at="x", wanted_by="ann"), now, is_believed=False) == "ann"


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "house.db")
    with closing(connect(tmp_path / "house.db")) as one:
        yield one


class Runner:
    """The jobs of the site on a clock that is set by hand: `look(wall)` is a look of its process."""

    def __init__(self, connection, *jobs):
        self.connection, self.jobs, self.boottime = connection, RunnerJobs("site", jobs), 100.0

    def look(self, wall, is_believed=True):
        reading = ClockReading("boot", self.boottime, wall)
        if self.jobs.look(self.connection, reading, is_believed):
            with transaction(self.connection):
                self.jobs.save(self.connection)
            self.jobs.saved()
        return [job.name for job, _ in self.jobs.due()]

    def pass_s(self, seconds):
        self.boottime += seconds

    def run(self, job, now, outcome="done"):
        with transaction(self.connection):
            begin_job(self.connection, job, "schedule", now, True)
            end_job(self.connection, job, outcome, "", now, True)


def test_the_register_holds_each_job_with_its_next_run(connection):
    now = at("2026-11-20T12:00")
    other = Runner(connection, ONCE)
    other.jobs.runner = "outbound"
    runner = Runner(connection, DAILY, ONCE)
    assert runner.look(now) == []  # a new database has missed nothing
    held = read_jobs(connection, "site")
    assert (held["prune"]["next_at"], held["prune"]["title"]) == ("2026-11-21T02:00:00.000Z", "Delete")
    assert held["prune"]["schedule"] == "every day at 03:00, Europe/Rome" and held["check"]["next_at"] is None
    assert not runner.jobs.look(connection, ClockReading("boot", 100.0, now + 60), True)  # nothing to write
    runner.pass_s(5 * DAY_S)
    assert runner.look(now + 5 * DAY_S) == ["prune"]
    runner.run(DAILY, now + 5 * DAY_S)
    assert runner.look(now + 5 * DAY_S) == []
    assert read_jobs(connection)["prune"]["next_at"] == "2026-11-26T02:00:00.000Z"
    assert Runner(connection, ONCE).look(now + 5 * DAY_S) == []  # the config has one job less
    assert list(read_jobs(connection)) == ["check"]


def test_what_came_while_a_job_was_paused_is_not_made_up(connection):
    now = time.time() - 5 * DAY_S
    runner = Runner(connection, DAILY)
    runner.look(now)
    with transaction(connection):
        assert pause_job(connection, "prune", "ann") and not pause_job(connection, "prune", "bob")
    assert runner.look(time.time()) == [] and read_jobs(connection)["prune"]["next_at"] is None
    with transaction(connection):
        request_job(connection, "prune", "ann")
    assert runner.look(time.time()) == ["prune"]
    runner.run(DAILY, time.time())
    with transaction(connection):
        assert resume_job(connection, "prune") and not resume_job(connection, "prune")
    assert runner.look(time.time()) == []
    assert parse_utc(read_jobs(connection)["prune"]["next_at"]) > time.time()


def test_a_machine_that_gets_its_time_after_the_start_has_missed_nothing(connection):
    runner = Runner(connection, DAILY, MONTHLY_OF_SITE)
    assert runner.look(at("2023-05-01T12:00")) == []
    runner.pass_s(30)
    assert runner.look(at("2026-11-20T12:00")) == []
    assert read_jobs(connection)["prune"]["next_at"] == "2026-11-21T02:00:00.000Z"


def test_a_machine_that_was_off_and_starts_with_the_time_of_then_has_missed_what_came_meanwhile(connection):
    assert Runner(connection, DAILY, MONTHLY_OF_SITE).look(at("2026-11-28T12:00")) == []
    runner = Runner(connection, DAILY, MONTHLY_OF_SITE)  # a Pi, after three days
    assert runner.look(at("2026-11-28T12:30")) == []
    runner.pass_s(30)
    assert runner.look(at("2026-12-01T12:31")) == ["prune", "monthly"]


def test_by_a_clock_that_is_not_believed_jobs_have_no_next_run(connection):
    runner = Runner(connection, DAILY)
    assert runner.look(at("1970-01-02T12:00"), is_believed=False) == []
    assert read_jobs(connection)["prune"]["next_at"] is None
    assert runner.look(at("2026-11-20T12:00")) == []
    runner.run(DAILY, at("2026-11-21T02:00"))
    assert runner.look(at("1970-01-02T12:00"), is_believed=False) == []
    assert read_jobs(connection)["prune"]["next_at"] == "2026-11-22T02:00:00.000Z"
