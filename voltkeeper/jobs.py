"""The lines of `voltkeeper status` about jobs: next run, last result, runner."""

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.config.model import Config
from ingest.db.connection import Row, connect
from ingest.db.time import parse_utc
from ingest.maintenance.job_list import list_jobs


def job_lines(config: Config) -> list[str]:
    """Return a line for each job that recurs or has run; none without a file. Raises sqlite3.Error."""
    if not has_register(config.database):
        return []
    zone = ZoneInfo(config.timezone)
    with closing(connect(config.database, readonly=True)) as connection:
        jobs = list_jobs(config, connection, time.time())
    return [_line(job, zone) for job in jobs if job["schedule"] or job["started_at"]]


def has_register(database: Path) -> bool:
    """Whether the file has the register of jobs: one of an older version gets it at the next start."""
    if not database.exists():
        return False
    with closing(connect(database, readonly=True)) as connection:
        found = connection.execute(
            "select 1 from pragma_table_info('chores') where name = 'next_at'"
        ).fetchone()
    return found is not None


def _line(job: Row, zone: ZoneInfo) -> str:
    return f"job      {job['name']} ({job['runner']}): {_next(job, zone)}; {_last(job, zone)}"


def _next(job: Row, zone: ZoneInfo) -> str:
    if job["wanted_at"]:
        return f"requested {_local(job['wanted_at'], zone)}"
    if job["paused_at"]:
        return f"paused by {job['paused_by']}"
    if job["next_at"]:
        waits = f", waits for {job['waits_for']}" if job["waits_for"] else ""
        return f"{'due since' if job['is_due'] else 'next'} {_local(job['next_at'], zone)}{waits}"
    return "on request" if not job["schedule"] else "next when the clock is right"


def _last(job: Row, zone: ZoneInfo) -> str:
    if not job["started_at"]:
        return "has not run yet"
    ended = job["ended_at"] or job["started_at"]
    detail = f": {job['detail']}" if job["detail"] else ""
    return f"{job['outcome']} {_local(ended, zone)}{detail}"


def _local(at: str, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(parse_utc(at), UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
