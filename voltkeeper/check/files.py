"""The files of an installation: the database and what is pruned of it, secrets, the log."""

import os
import shutil
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from ingest.config.environment_file import FILE, environment_file, is_private
from ingest.config.model import Config, load_with_secrets
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.time import parse_utc
from ingest.maintenance.retention import plan
from ingest.schema.migrate import migrations, newer_version
from voltkeeper.check.check_report import CheckReport
from voltkeeper.check.sources import Finding

LOW_DISK_MB = 500
QUICK_CHECK_S = 10.0  # for a file's pages, at most
LATE_PRUNE_S = 3 * 86_400


def check_database(report: CheckReport, config: Config) -> None:
    """Report whether the database can be read and written, is intact and up to date; room on its disk."""
    path, what = config.database, f"database {config.database}"
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        report.fail(what, f"the folder {folder} cannot be written: change its owner, or run as its owner")
        return
    free_mb = shutil.disk_usage(folder).free / 1e6
    full = "" if free_mb >= LOW_DISK_MB else ": make room, nothing is stored on a full disk"
    report.add("disk", Finding(not full, f"{free_mb / 1000:,.1f} GB free in {folder}{full}"))
    if not path.exists():
        report.note(what, "not made yet; `voltkeeper up` makes it")
    elif not os.access(path, os.R_OK | os.W_OK):
        report.fail(what, "cannot be read and written by this user: change its owner, or run as its owner")
    else:
        try:
            with closing(connect(path, readonly=True)) as connection:
                report.add(what, _quick_check(connection, path))
                report.add("tables", _tables(connection))
        except sqlite3.Error as error:
            remedy = "restore a copy, or move the file away and a new one is made"
            report.fail(what, f"cannot be read ({error}): {remedy}")


def _quick_check(connection: sqlite3.Connection, path: Path) -> Finding:
    """Have SQLite check the file's pages, a large file for QUICK_CHECK_S."""
    until = time.monotonic() + QUICK_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    size = f"{path.stat().st_size / 1e6:,.1f} MB"
    try:
        (result,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        limit_s = f"{QUICK_CHECK_S:.0f} s"
        return Finding(True, f"{size}; no fault seen in {limit_s}, it is too large to check all of it")
    finally:
        connection.set_progress_handler(None, 0)
    whole = result == "ok"
    return Finding(whole, f"intact, {size}" if whole else f"is damaged ({result}): restore a copy")


def _tables(connection: sqlite3.Connection) -> Finding:
    """Compare the migrations that the file has with those of this version."""
    if newer := newer_version(connection):
        return Finding(False, f"of a newer Voltkeeper: install {newer}, or restore a copy from before")
    pending = migrations.pending(Database(connection))
    if pending:
        return Finding(True, f"{len(pending)} changes behind; the next start of `voltkeeper up` makes them")
    return Finding(True, "up to date")


def check_retention(report: CheckReport, config: Config) -> None:
    """Report when the file was last pruned: the site does it daily; without a site it takes a timer."""
    if not config.database.exists():
        return
    try:
        with closing(connect(config.database, readonly=True)) as connection:
            pruned, made = connection.execute(
                "select (select max(ended_at) from retention_runs where state = 'done'), "
                "(select min(applied_at) from _sqlite_migrations)"
            ).fetchone()
            rows = sum(item.rows for item in plan(connection, config.retention))
        passed = time.time() - parse_utc(pruned or made)
    except (sqlite3.Error, ValueError):
        return  # the lines of the database report what is wrong with it
    if rows and passed > LATE_PRUNE_S:
        report.note(
            "retention",
            f"{f'last pruned {format_duration(passed)} ago' if pruned else 'never pruned'}, "
            f"{rows:,} rows are older than it allows: the site prunes daily; where none runs, let a timer "
            "run `voltkeeper prune`",
        )
    elif pruned:
        report.ok("retention", f"last pruned {format_duration(passed)} ago")


def check_secrets(report: CheckReport, config: Config) -> None:
    """Report files with secrets that others can read."""
    if config.path and (literals := load_with_secrets(config.path)[1]):
        if config.path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            report.fail("secrets", f"{', '.join(literals)} can be read by others: chmod 600 {config.path}")
        else:
            report.ok(
                "secrets", f"{', '.join(literals)} stand in {config.path.name}, which only its owner reads"
            )
    elif config.path and (config.access.people or config.access.tokens):
        report.ok("secrets", f"all come from the environment or {FILE}, and are there")
    if config.path and (file := environment_file(config.path)).exists() and not is_private(file):
        report.fail("secrets", f"{file.name} can be read by others: chmod 600 {file}")
    key = Path(f"{config.database}.secret")
    if key.exists() and key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        report.fail("secrets", f"the key that signs cookies can be read by others: chmod 600 {key}")


def check_log(report: CheckReport, config: Config) -> None:
    """Report whether the file of the log can be written."""
    file = config.log.file
    if file:
        target = next(path for path in (file, *file.parents) if path.exists())
        fault = "" if os.access(target, os.W_OK) else f" cannot be written: change the owner of {target}"
        report.add("log", Finding(not fault, f"{file}{fault}"))
