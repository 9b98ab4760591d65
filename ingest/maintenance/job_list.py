"""All jobs of the config with what the register says of them, for pages and the terminal."""

import sqlite3

from ingest.clock.belief import clock_is_believed
from ingest.config.jobs import configured_jobs
from ingest.config.model import Config
from ingest.db.connection import Row
from ingest.db.time import format_utc
from ingest.jobs.due import NOT_RECORDED, Job, next_run
from ingest.jobs.register import read_jobs
from ingest.maintenance.jobs import JOBS
from ingest.ups.command_waits import ups_command_state

SHOWN = {
    "wanted_at": None,
    "started_at": None,
    "started_by": None,
    "ended_at": None,
    "outcome": "",
    "detail": "",
    "paused_at": None,
    "paused_by": None,
}


def all_jobs(config: Config) -> list[Job]:
    """Return the jobs of every runner, those of the site first."""
    return [*(job.entry(config) for job in JOBS.values()), *configured_jobs(config)]


def find_job(config: Config, name: str) -> Job | None:
    """Return the job of this name, or None."""
    return next((job for job in all_jobs(config) if job.name == name), None)


def list_jobs(config: Config, connection: sqlite3.Connection, now: float) -> list[Row]:
    """Return each job with its times, its next run and its last result.

    A next run that is not after `now` (unix seconds) is due and waits for its runner; `waits_for` names what
    holds up a command of a UPS. By a clock that is not believed there is none.
    """
    rows, is_believed = read_jobs(connection), clock_is_believed(connection)
    found = []
    for job in all_jobs(config):
        row = rows.get(job.name, NOT_RECORDED)
        next_at = next_run(job, row, now) if is_believed else None
        is_due = next_at is not None and next_at <= now
        found.append(
            {
                "name": job.name,
                "title": job.title,
                "runner": job.runner,
                "at": job.recurrence.at if job.recurrence else None,
                "schedule": job.schedule.partition(",")[0],  # without the time zone, which all share
                "next_at": None if next_at is None else format_utc(next_at),
                "is_due": is_due,
                "waits_for": _waits_for(config, connection, job.name) if is_due else "",
                "ready": job.name != "backup" or config.backup.folder is not None,
                **{key: row.get(key, otherwise) for key, otherwise in SHOWN.items()},
            }
        )
    return found


def _waits_for(config: Config, connection: sqlite3.Connection, name: str) -> str:
    """What a scheduled command of this name waits for beside its runner; '' for nothing, and other jobs."""
    order = next((one for one in config.schedule if one.name == name), None)
    if order is None:
        return ""
    state = ups_command_state(connection, order.ups, order.command)
    return "the UPS to be read for the first time" if state is None else state.waits_for
