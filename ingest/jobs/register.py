"""The rows of `chores`, the one register of all jobs: which there are, when each is due, how it went.

Each runner keeps the rows of its own jobs. Everything here that writes is called inside a transaction.
"""

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping

from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc
from ingest.jobs.due import NOT_RECORDED, Job, covered_until, next_run

TOPIC = "chores"  # of `changes`


def read_jobs(connection: sqlite3.Connection, runner: str = "") -> dict[str, Row]:
    """Return the rows of all jobs, or those of one runner, by name."""
    query = "select * from chores where ? in ('', runner) order by runner desc, rowid"
    return {row["name"]: row for row in dict_rows(connection, query, (runner,))}


def differences(
    jobs: Iterable[Job], rows: Mapping[str, Row], now: float, is_believed: bool = True
) -> list[Row]:
    """Return what the register should hold of each job where it holds something else.

    By a clock that is not believed, new jobs alone, without a time.
    """
    found = []
    for job in jobs:
        row = rows.get(job.name, NOT_RECORDED)
        if not is_believed:
            if not row.get("title"):
                found.append(_untimed(job, row))
            continue
        next_at = next_run(job, row, now)
        wanted: Row = {
            "title": job.title,
            "runner": job.runner,
            "schedule": job.schedule,
            "covered_at": format_utc(covered_until(job, row, now)) if job.recurrence else None,
            "next_at": None if next_at is None else format_utc(next_at),
        }
        if any(key not in row or row[key] != value for key, value in wanted.items()):
            found.append({"name": job.name, **wanted})
    return found


def _untimed(job: Job, row: Row) -> Row:
    shown = {"name": job.name, "title": job.title, "runner": job.runner, "schedule": job.schedule}
    return {**shown, "covered_at": row.get("covered_at"), "next_at": None}


def save_differences(connection: sqlite3.Connection, found: Iterable[Row]) -> None:
    """Write what `differences` found."""
    connection.executemany(
        "insert into chores (name, title, runner, schedule, covered_at, next_at) "
        "values (:name, :title, :runner, :schedule, :covered_at, :next_at) on conflict (name) do update set "
        "title = excluded.title, runner = excluded.runner, schedule = excluded.schedule, "
        "covered_at = excluded.covered_at, next_at = excluded.next_at",
        list(found),
    )


def remove_jobs(connection: sqlite3.Connection, runner: str, kept: Collection[str]) -> int:
    """Remove the jobs of a runner that the config does not have any more. Returns how many."""
    names = [name for name in read_jobs(connection, runner) if name not in kept]
    connection.executemany("delete from chores where name = ?", [(name,) for name in names])
    return len(names)


def forget_times(connection: sqlite3.Connection, runner: str, since: float) -> None:
    """The clock was set: a job that is new since `since`, by the clock of before, missed nothing."""
    connection.execute(
        "update chores set covered_at = null where runner = ? and started_at is null and covered_at >= ?",
        (runner, format_utc(since)),
    )


def request_job(connection: sqlite3.Connection, name: str, by: str) -> None:
    """Ask for a job."""
    connection.execute(
        "insert into chores (name, wanted_at, wanted_by) values (?, ?, ?) "
        "on conflict (name) do update set wanted_at = excluded.wanted_at, wanted_by = excluded.wanted_by",
        (name, format_utc(time.time()), by),
    )


def pause_job(connection: sqlite3.Connection, name: str, by: str) -> bool:
    """Have a job run no more by its times. Returns False where it is paused already."""
    changed = connection.execute(
        "update chores set paused_at = ?, paused_by = ?, next_at = null where name = ? and paused_at is null",
        (format_utc(time.time()), by, name),
    )
    return bool(changed.rowcount)


def resume_job(connection: sqlite3.Connection, name: str) -> bool:
    """Have a paused job run by its times again. What came meanwhile is not made up.

    Its runner writes `next_at` at its next look. Returns False where it is not paused.
    """
    changed = connection.execute(
        "update chores set paused_at = null, paused_by = null, covered_at = ? "
        "where name = ? and paused_at is not null",
        (format_utc(time.time()), name),
    )
    return bool(changed.rowcount)


def begin_job(connection: sqlite3.Connection, job: Job, by: str, now: float, is_believed: bool) -> None:
    """A run begins: all times of the job up to `now` (unix seconds) are covered by it.

    A clock that is not believed covers nothing.
    """
    at = format_utc(now)
    connection.execute(
        "insert into chores (name, title, runner, started_at, started_by, outcome) "
        "values (?, ?, ?, ?, ?, 'running') on conflict (name) do update set "
        "started_at = excluded.started_at, started_by = excluded.started_by, outcome = 'running', "
        "detail = '', ended_at = null, wanted_at = null, wanted_by = null",
        (job.name, job.title, job.runner, at, by),
    )
    raise_topics(connection, {TOPIC})
    if is_believed and job.recurrence is not None:
        connection.execute(
            "update chores set covered_at = ?, schedule = ? where name = ?", (at, job.schedule, job.name)
        )


def end_job(
    connection: sqlite3.Connection, job: Job, outcome: str, detail: str, now: float, is_believed: bool
) -> None:
    """A run ends, and the next one is known: `outcome` is done, failed or stopped."""
    connection.execute(
        "update chores set outcome = ?, detail = ?, ended_at = ? where name = ?",
        (outcome, detail, format_utc(now), job.name),
    )
    raise_topics(connection, {TOPIC})
    if is_believed:
        rows = dict_rows(connection, "select * from chores where name = ?", (job.name,))
        save_differences(connection, differences([job], {job.name: rows[0]}, now))
