"""Maintenance jobs, those of the runner `site`: what there is, and doing it, one piece at a time.

When a job is due, and how its last run went, is in its row of the table `chores` (`ingest.jobs`). Of any
number of programs on one file, one works: a lock that dies with it sees to that.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ingest.clock.belief import ClockSuspectError, clock_is_believed, note_belief
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.config.model import Config
from ingest.db.batches import BatchRunner, StoppedError, interruptible, open_for_deleting
from ingest.db.connection import connect, transaction
from ingest.db.locks import lock_file
from ingest.errors import VoltkeeperError
from ingest.jobs.due import DAY_S, HOUR_S, Job
from ingest.jobs.recurrence import Period, Recurrence
from ingest.jobs.register import begin_job, end_job
from ingest.jobs.runner import RunnerJobs
from ingest.maintenance.backup import BackupError, daily
from ingest.maintenance.deletion import delete, next_deletion
from ingest.maintenance.prune import RetentionRun, prune
from ingest.maintenance.replacement import next_replacement, replace_node
from ingest.maintenance.retention import count_rows, plan
from ingest.maintenance.table_sizes import measure
from ingest.process.progress import no_progress
from ingest.schema.maintenance import DAMAGED

log = logging.getLogger(__name__)

SITE = "site"
SUNDAY = 6
REFERENCES_CHECK = """select [table] || ' row ' || coalesce(rowid, '') || ' refers to no ' || parent
from pragma_foreign_key_check limit 20"""
ANALYSED = 400  # rows of each index that PRAGMA optimize looks at

Stop = threading.Event | None


class DamagedFileError(VoltkeeperError):
    """The integrity check found something wrong with the database."""


class JobRun(NamedTuple):
    """What a job is done with: for whom, until `stop` is set, by which clock; `progress(done, total)` gets
    how far it is.
    """

    config: Config
    by: str
    stop: Stop
    clock: Clock
    progress: Callable[[int, int], object] = no_progress


@dataclass(frozen=True)
class MaintenanceJob:
    """One kind of work.

    `run(run)` returns its outcome as text; `at(config)` is its time of day or None, every day or each Sunday.
    """

    name: str
    title: str
    run: Callable[[JobRun], str]
    at: Callable[[Config], str | None] = lambda config: None
    every: Period = "day"

    def entry(self, config: Config) -> Job:
        """What the register holds of it. One that failed is tried again after an hour, a weekly one after a
        day."""
        at = self.at(config)
        recurrence = at and Recurrence(self.every, at, config.timezone, weekday=SUNDAY)
        retry_s = HOUR_S if self.every == "day" else DAY_S
        return Job(self.name, self.title, SITE, recurrence or None, retry_s if recurrence else None)


def maintenance_lock(database: Path) -> AbstractContextManager[None]:
    """Be the one program that works on this file. Raises LockedError when the context is entered."""
    message = f"another program prunes, deletes or copies {database} now"
    return lock_file(f"{database}.work.lock", wait=False, message=message)


def _prune(run: JobRun) -> str:
    retention = run.config.retention
    return describe_run(
        prune(
            run.config.database,
            lambda connection: plan(connection, retention),
            run.by,
            run.stop,
            run.clock,
            run.progress,
        )
    )


def describe_run(run: RetentionRun) -> str:
    """Return what a run of the retention did, as text."""
    freed = max(0, run.size_before - run.size_after)
    parts = ", ".join(f"{rows:,} of {table}" for table, rows in run.tables.items())
    return f"{count_rows(run.rows)} deleted{f' ({parts})' if parts else ''}, {freed / 1e6:,.1f} MB freed"


def _backup(run: JobRun) -> str:
    backup, database = run.config.backup, run.config.database
    if backup.folder is None:
        raise BackupError(
            "no folder is configured: set backup.folder in config.yml, or use `voltkeeper backup FILE`"
        )
    with closing(connect(database, readonly=True)) as connection:
        is_believed = clock_is_believed(connection, run.clock)
    # A name that a wrong clock gives would push out the newest copies, or count as the oldest one.
    path, size = daily(database, backup.folder, backup.keep if is_believed else None, run.stop)
    return f"{path.name}, {size / 1e6:,.1f} MB{'' if is_believed else '; the clock is suspect: all are kept'}"


def _measure(run: JobRun) -> str:
    with (
        closing(open_for_deleting(run.config.database)) as connection,
        interruptible(connection, run.stop),
    ):
        return f"{measure(connection, run.stop)} tables measured"


def _check(run: JobRun) -> str:
    _find_damage(run, "pragma integrity_check(20)", REFERENCES_CHECK)
    return "the integrity and foreign key checks found no fault"


def _quick_check(run: JobRun) -> str:
    """Look at every page: a damaged one of old rows is read by nothing else, and is in every copy."""
    _find_damage(run, "pragma quick_check(20)")
    return "every page is sound"


def _find_damage(run: JobRun, *checks: str) -> None:
    """Have SQLite check the file. Raises DamagedFileError, StoppedError, sqlite3.OperationalError."""
    found: list[str] = []
    with (
        closing(connect(run.config.database, readonly=True)) as connection,
        interruptible(connection, run.stop),
    ):
        try:
            for check in checks:
                found += [row[0] for row in connection.execute(check) if row[0] != "ok"]
        except sqlite3.OperationalError:
            raise  # locked, interrupted, an I/O error: nothing is said of the file
        except sqlite3.DatabaseError as error:
            found.append(str(error))
    if found:
        raise DamagedFileError(f"{DAMAGED}: {'; '.join(found)[:400]}")


def _optimize(run: JobRun) -> str:
    with closing(open_for_deleting(run.config.database)) as connection:
        connection.execute(f"pragma analysis_limit = {ANALYSED}")
        connection.execute("pragma optimize")
    return "done"


def _compact(run: JobRun) -> str:
    with closing(open_for_deleting(run.config.database)) as connection:
        runner = BatchRunner(connection, run.stop)
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
        MaintenanceJob(
            "quick_check",
            "Check every page of the file, weekly",
            _quick_check,
            lambda config: config.retention.at,
            every="week",
        ),
        MaintenanceJob("check", "Check the integrity of the file", _check),
        MaintenanceJob("optimize", "PRAGMA optimize", _optimize),
        MaintenanceJob("compact", "Return free pages to the file system", _compact),
    )
}


def site_jobs(config: Config) -> RunnerJobs:
    """Return the maintenance jobs as the register has them."""
    return RunnerJobs(SITE, [job.entry(config) for job in JOBS.values()])


def run_due(
    config: Config, stop: Stop = None, clock: Clock = SYSTEM_CLOCK, jobs: RunnerJobs | None = None
) -> list[str]:
    """Do what is due: deletions and replacements first, then jobs. Returns their names.

    `jobs` is the `site_jobs` of the process, which knows how its clock went. Raises LockedError,
    StoppedError.
    """
    jobs = jobs or site_jobs(config)
    with maintenance_lock(config.database), closing(connect(config.database)) as connection:
        is_believed = note_belief(connection, clock).is_believed
        done = _run_deletions(config, connection, stop, clock, is_believed)
        done += _run_replacements(config, connection, stop)
        if jobs.look(connection, clock.read(), is_believed):
            with transaction(connection):
                jobs.save(connection)
            jobs.saved()
        for entry, by in jobs.due():
            outcome, detail = run_job(config, connection, JOBS[entry.name], by, stop, clock)
            level = logging.INFO if outcome == "done" else logging.ERROR
            log.log(level, "%s %s: %s", entry.name, outcome, detail)
            done.append(entry.name)
    return done


def _run_deletions(
    config: Config, connection: sqlite3.Connection, stop: Stop, clock: Clock, is_believed: bool
) -> list[str]:
    """Do the deletions that wait. What is deleted by its age waits for a clock that is believed."""
    done: list[str] = []
    # One whose failure cannot even be stored waits.
    while (
        deletion := next_deletion(connection, by_age=is_believed)
    ) and f"deletion {deletion['id']}" not in done:
        log.info("deleting %s for %s", deletion["subject"], deletion["requested_by"])
        try:
            rows = delete(config.database, deletion, config.timezone, stop, clock=clock)
            log.info("deleted %s: %d rows", deletion["subject"], rows)
        except (ClockSuspectError, sqlite3.Error) as error:
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
    config: Config,
    connection: sqlite3.Connection,
    job: MaintenanceJob,
    by: str,
    stop: Stop = None,
    clock: Clock = SYSTEM_CLOCK,
    progress: Callable[[int, int], object] = no_progress,
) -> tuple[str, str]:
    """Do one job and store how it went.

    Returns (outcome, detail). Raises StoppedError. The caller holds the lock.
    """
    entry, is_believed = job.entry(config), clock_is_believed(connection, clock)
    with transaction(connection):
        begin_job(connection, entry, by, clock.read().wall, is_believed)
    try:
        outcome, detail = "done", job.run(JobRun(config, by, stop, clock, progress))
    except StoppedError:
        _save_outcome(connection, entry, "stopped", "it resumes at the next start", clock)
        raise
    except (BackupError, ClockSuspectError, DamagedFileError, OSError, sqlite3.Error) as error:
        outcome, detail = "failed", str(error)
    _save_outcome(connection, entry, outcome, detail, clock)
    return outcome, detail


def _save_outcome(
    connection: sqlite3.Connection, entry: Job, outcome: str, detail: str, clock: Clock
) -> None:
    with transaction(connection):
        is_believed = clock_is_believed(connection, clock)
        end_job(connection, entry, outcome, detail, clock.read().wall, is_believed)
