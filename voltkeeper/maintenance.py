"""`voltkeeper prune`, `backup` and `repair`: the same work as the site's, reported on the terminal."""

import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from ingest.clock.belief import confirm_clock, note_belief
from ingest.clock.repair import apply_shift, describe_shift, plan_shifts, total_rows
from ingest.config.model import Config
from ingest.db.batches import StoppedError
from ingest.db.connection import connect, transaction
from ingest.db.locks import LockedError
from ingest.maintenance.backup import BackupError, back_up
from ingest.maintenance.jobs import JOBS, maintenance_lock, run_job
from ingest.maintenance.retention import describe_item, read_plan
from ingest.process.progress import ProgressBar
from ingest.schema.migrate import migrate

COMMAND_LINE = "command line"  # the user of a command


def run_prune(config: Config, dry_run: bool = False, clock_is_right: bool = False) -> int:
    """Print the plan and, unless it is a dry run, do it. Returns the exit code.

    `clock_is_right`: the user confirms the clock first.
    """
    if not config.database.exists():
        return _fail(f"{config.database}: no such file: nothing has been stored yet")
    try:
        migrate(config.database)
        with closing(connect(config.database)) as connection:
            if clock_is_right and not dry_run:
                confirm(connection)
            suspect = note_belief(connection).suspect
        for item in read_plan(config.database, config.retention):
            print(describe_item(item))
        if suspect:
            return _fail(f"Nothing was deleted: {suspect}, or --clock-is-right here")
        if dry_run:
            return 0
        with (
            maintenance_lock(config.database),
            closing(connect(config.database)) as connection,
            ProgressBar(label="Deleting old rows") as bar,
        ):
            outcome, detail = run_job(
                config, connection, JOBS["prune"], COMMAND_LINE, _stopping(), progress=bar.show
            )
    except StoppedError:
        return _fail("Stopped; the next prune resumes")
    except (LockedError, OSError) as error:
        return _fail(error)
    except sqlite3.Error as error:
        return _fail(f"{config.database} cannot be pruned: {error}")
    if outcome != "done":
        return _fail(detail)
    print(detail)
    return 0


def run_backup(config: Config, target: Path) -> int:
    """Copy the database and print the result. Returns the exit code."""
    began = time.monotonic()
    try:
        with ProgressBar(label=f"Copying {config.database.name}") as bar:
            size = back_up(config.database, target, _stopping(), bar.show)
    except StoppedError:
        return _fail("Stopped: no backup was made")
    except (BackupError, OSError) as error:
        return _fail(f"Backup failed: {error}")
    except sqlite3.Error as error:
        return _fail(f"Backup failed: {config.database}: {error}")
    print(f"{target}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s, complete and checked")
    return 0


def run_repair_clock(config: Config, apply: bool = False, clock_is_right: bool = False) -> int:
    """Print which rows bear the time of a clock that was wrong and, with `apply`, shift them.

    Returns the exit code. `clock_is_right`: the user confirms the present clock first.
    """
    if not config.database.exists():
        return _fail(f"{config.database}: no such file: nothing has been stored yet")
    try:
        migrate(config.database)
        with maintenance_lock(config.database), closing(connect(config.database)) as connection:
            if clock_is_right:
                confirm(connection)
                print("The clock is confirmed.")
            suspect = note_belief(connection).suspect
            shifts = [shift for shift in plan_shifts(connection) if shift.rows]
            for shift in shifts:
                print(describe_shift(shift))
            if suspect:
                return _fail(f"Nothing is shifted now: {suspect}")
            if not shifts:
                print("No rows are known to bear the time of a wrong clock.")
            elif apply:
                print(f"{sum(apply_shift(connection, shift) for shift in shifts):,} rows shifted")
            else:
                print(f"{total_rows(shifts):,} rows would be shifted: make a copy, then add --apply")
    except (LockedError, OSError) as error:
        return _fail(error)
    except sqlite3.Error as error:
        return _fail(f"{config.database} cannot be repaired: {error}")
    return 0


def confirm(connection: sqlite3.Connection) -> None:
    """The user of the command line says that the clock is right."""
    with transaction(connection):
        confirm_clock(connection, COMMAND_LINE)


def _fail(message: object) -> int:
    """Print why; returns the exit code."""
    print(message, file=sys.stderr)
    return 1


def _stopping() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
