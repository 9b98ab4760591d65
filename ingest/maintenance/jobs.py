"""Maintenance jobs: what there is, when it is due, and doing it, one piece at a time.

A job is due once a day at its local time, later where the machine was off then; when it was asked for
(`wanted_at`); and when it was cut off. Its row in the table `chores` shows how the last run went. Of any
number of programs on one file, one works: a lock that dies with it sees to that.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.config.model import Config
from ingest.db.batches import BatchRunner, StoppedError, interruptible, open_for_deleting
from ingest.db.connection import Row, connect, dict_rows, transaction
from ingest.db.locks import lock_file
from ingest.db.time import format_utc, parse_utc
from ingest.errors import VoltkeeperError
from ingest.maintenance.backup import BackupError, daily
from ingest.maintenance.deletion import delete, next_deletion
from ingest.maintenance.prune import RetentionRun, prune
from ingest.maintenance.replacement import next_replacement, replace_node
from ingest.maintenance.retention import count_rows, plan
from ingest.maintenance.table_sizes import measure

log = logging.getLogger(__name__)

RETRY_S = 3600  # after a failure
# A clock that was just set so far forward may be set back: nothing is deleted yet.
STEP_S, SETTLED_S = 86_400, 3600
ANALYSED = 400  # rows of each index that PRAGMA optimize looks at

Stop = threading.Event | None


class DamagedFileError(VoltkeeperError):
    """The integrity check found something wrong with the database."""


@dataclass(frozen=True)
class MaintenanceJob:
    """One kind of work.

    `run(config, by, stop)` returns its outcome as text; `at(config)` is its time of day or None.
    """

    name: str
    title: str
    run: Callable[[Config, str, Stop], str]
    at: Callable[[Config], str | None] = lambda config: None
    deletes: bool = False


def maintenance_lock(database: Path) -> AbstractContextManager[None]:
    """Be the one program that works on this file. Raises LockedError when the context is entered."""
    message = f"another program prunes, deletes or copies {database} now"
    return lock_file(f"{database}.work.lock", wait=False, message=message)


def _prune(config: Config, by: str, stop: Stop) -> str:
    return describe_run(
        prune(config.database, lambda connection: plan(connection, config.retention), by, stop)
    )


def describe_run(run: RetentionRun) -> str:
    """Return what a run of the retention did, as text."""
    freed = max(0, run.size_before - run.size_after)
    parts = ", ".join(f"{rows:,} of {table}" for table, rows in run.tables.items())
    return f"{count_rows(run.rows)} deleted{f' ({parts})' if parts else ''}, {freed / 1e6:,.1f} MB freed"


def _backup(config: Config, by: str, stop: Stop) -> str:
    if config.backup.folder is None:
        raise BackupError(
            "no folder is configured: set backup.folder in config.yml, or use `voltkeeper backup FILE`"
        )
    path, size = daily(config.database, config.backup.folder, config.backup.keep, stop)
    return f"{path.name}, {size / 1e6:,.1f} MB"


def _measure(config: Config, by: str, stop: Stop) -> str:
    with closing(open_for_deleting(config.database)) as connection, interruptible(connection, stop):
        return f"{measure(connection, stop)} tables measured"


def _check(config: Config, by: str, stop: Stop) -> str:
    with closing(connect(config.database, readonly=True)) as connection, interruptible(connection, stop):
        found = [row[0] for row in connection.execute("pragma integrity_check(20)")]
        found += [
            f"{row[0]} row {row[1]} refers to no {row[2]}"
            for row in connection.execute("pragma foreign_key_check")
        ][:20]
    if problems := "; ".join(one for one in found if one != "ok"):
        raise DamagedFileError(f"the file is damaged: {problems[:400]}")
    return "the integrity and foreign key checks found no fault"


def _optimize(config: Config, by: str, stop: Stop) -> str:
    with closing(open_for_deleting(config.database)) as connection:
        connection.execute(f"pragma analysis_limit = {ANALYSED}")
        connection.execute("pragma optimize")
    return "done"


def _compact(config: Config, by: str, stop: Stop) -> str:
    with closing(open_for_deleting(config.database)) as connection:
        runner = BatchRunner(connection, stop)
        if not runner.is_incremental:
            return (
                "this file was created without auto_vacuum: stop everything and run `vacuum` in sqlite3 once"
            )
        page_size = connection.execute("pragma page_size").fetchone()[0]
        return f"{runner.incremental_vacuum() * page_size / 1e6:,.1f} MB freed"


JOBS = {
    job.name: job
    for job in (
        MaintenanceJob(
            "prune",
            "Delete rows older than the retention allows",
            _prune,
            lambda config: config.retention.at,
            deletes=True,
        ),
        MaintenanceJob(
            "measure", "Measure the size of each table", _measure, lambda config: config.retention.at
        ),
        MaintenanceJob(
            "backup",
            "Copy the database",
            _backup,
            lambda config: config.backup.at if config.backup.folder else None,
        ),
        MaintenanceJob("check", "Check the integrity of the file", _check),
        MaintenanceJob("optimize", "PRAGMA optimize", _optimize),
        MaintenanceJob("compact", "Return free pages to the file system", _compact),
    )
}


def last_due(at: str, timezone: str, now: float) -> float:
    """Return the unix seconds of the newest time of that name (`03:00`) that is not ahead of `now`."""
    return next(instant for instant in _instants(at, timezone, now, (0, -1, -2)) if instant <= now)


def next_due(at: str, timezone: str, now: float) -> float:
    """Return the unix seconds of the next one."""
    return next(instant for instant in _instants(at, timezone, now, (0, 1, 2)) if instant > now)


def _instants(at: str, timezone: str, now: float, days: Iterable[int]) -> Iterable[float]:
    """Unix seconds of a local time of day, so many days from today."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    wanted = time_of_day.fromisoformat(at)
    return (datetime.combine(today + timedelta(day), wanted, zone).timestamp() for day in days)


def read_jobs(connection: sqlite3.Connection) -> dict[str, Row]:
    """Return the rows of `chores` by name."""
    return {row["name"]: row for row in dict_rows(connection, "select * from chores")}


def due_requester(
    job: MaintenanceJob, row: Row | None, config: Config, now: float, settled: bool = True
) -> str | None:
    """Return for whom a job is due now: the name of a user, `schedule`, or None.

    The caller holds the lock, so nothing is running.
    """
    row = row or {}
    if row.get("wanted_at"):
        return row["wanted_by"] or "schedule"
    if row.get("outcome") in ("running", "stopped"):  # cut off: it goes on
        return str(row["started_by"])
    at = job.at(config)
    if at is None or (job.deletes and not settled):
        return None
    if not row.get("started_at"):
        return "schedule"
    started, due = parse_utc(row["started_at"]), last_due(at, config.timezone, now)
    if row["outcome"] == "failed" and now >= started > due:
        return "schedule" if now - started >= RETRY_S else None
    return "schedule" if started > now or started < due else None


def clock_is_settled(connection: sqlite3.Connection, now: float) -> bool:
    """False within an hour of a step of the clock by more than a day."""
    steps = connection.execute(
        "select coalesce(max(abs(json_extract(figures, '$.seconds'))), 0) "
        "from (select * from events order by id desc limit 100) "
        "where event = 'CLOCK_STEP' and started_at > ?",
        (format_utc(now - SETTLED_S),),
    )
    return bool(steps.fetchone()[0] < STEP_S)


def request_job(connection: sqlite3.Connection, name: str, by: str) -> None:
    """Ask for a job, inside a transaction."""
    connection.execute(
        "insert into chores (name, wanted_at, wanted_by) values (?, ?, ?) "
        "on conflict (name) do update set wanted_at = excluded.wanted_at, wanted_by = excluded.wanted_by",
        (name, format_utc(time.time()), by),
    )


def run_due(config: Config, stop: Stop = None) -> list[str]:
    """Do what is due: deletions and replacements first, then jobs. Returns their names.

    Raises LockedError, StoppedError.
    """
    with maintenance_lock(config.database), closing(connect(config.database)) as connection:
        done = _run_deletions(config, connection, stop) + _run_replacements(config, connection, stop)
        now = time.time()
        rows, settled = read_jobs(connection), clock_is_settled(connection, now)
        for job in JOBS.values():
            by = due_requester(job, rows.get(job.name), config, now, settled)
            if by is not None:
                outcome, detail = run_job(config, connection, job, by, stop)
                level = logging.INFO if outcome == "done" else logging.ERROR
                log.log(level, "%s %s: %s", job.name, outcome, detail)
                done.append(job.name)
    return done


def _run_deletions(config: Config, connection: sqlite3.Connection, stop: Stop) -> list[str]:
    done: list[str] = []
    # One whose failure cannot even be stored waits.
    while (deletion := next_deletion(connection)) and f"deletion {deletion['id']}" not in done:
        log.info("deleting %s for %s", deletion["subject"], deletion["requested_by"])
        try:
            rows = delete(config.database, deletion, config.timezone, stop)
            log.info("deleted %s: %d rows", deletion["subject"], rows)
        except sqlite3.Error as error:
            log.error("deleting %s failed: %s", deletion["subject"], error)
        done.append(f"deletion {deletion['id']}")
    return done


def _run_replacements(config: Config, connection: sqlite3.Connection, stop: Stop) -> list[str]:
    done: list[str] = []
    while (replacement := next_replacement(connection)) and f"replacement {replacement['id']}" not in done:
        log.info("replacing %s for %s", replacement["subject"], replacement["requested_by"])
        try:
            rows = replace_node(config.database, replacement, stop)
            log.info("replaced %s: %d rows", replacement["subject"], rows)
        except sqlite3.Error as error:
            log.error("replacing %s failed: %s", replacement["subject"], error)
        done.append(f"replacement {replacement['id']}")
    return done


def run_job(
    config: Config, connection: sqlite3.Connection, job: MaintenanceJob, by: str, stop: Stop = None
) -> tuple[str, str]:
    """Do one job and store how it went.

    Returns (outcome, detail). Raises StoppedError. The caller holds the lock.
    """
    with transaction(connection):
        connection.execute(
            "insert into chores (name, started_at, started_by, outcome) values (?, ?, ?, 'running') "
            "on conflict (name) do update set started_at = excluded.started_at, "
            "started_by = excluded.started_by, outcome = 'running', detail = '', ended_at = null, "
            "wanted_at = null, wanted_by = null",
            (job.name, format_utc(time.time()), by),
        )
    try:
        outcome, detail = "done", job.run(config, by, stop)
    except StoppedError:
        _save_outcome(connection, job, "stopped", "it resumes at the next start")
        raise
    except (BackupError, DamagedFileError, OSError, sqlite3.Error) as error:
        outcome, detail = "failed", str(error)
    _save_outcome(connection, job, outcome, detail)
    return outcome, detail


def _save_outcome(connection: sqlite3.Connection, job: MaintenanceJob, outcome: str, detail: str) -> None:
    with transaction(connection):
        connection.execute(
            "update chores set outcome = ?, detail = ?, ended_at = ? where name = ?",
            (outcome, detail, format_utc(time.time()), job.name),
        )
