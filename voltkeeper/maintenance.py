"""`voltkeeper prune` and `voltkeeper backup`: the same work as the site's, reported on the terminal."""

import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from ingest.config.model import Config
from ingest.db.batches import StoppedError
from ingest.db.connection import connect
from ingest.db.locks import LockedError
from ingest.maintenance.backup import BackupError, back_up, no_progress
from ingest.maintenance.jobs import JOBS, maintenance_lock, run_job
from ingest.maintenance.retention import describe_item, read_plan
from ingest.schema.migrate import migrate

BAR = 40  # characters


def run_prune(config: Config, dry_run: bool = False) -> int:
    """Print the plan and, unless it is a dry run, do it. Returns the exit code."""
    if not config.database.exists():
        return _fail(f"{config.database}: no such file: nothing has been stored yet")
    try:
        migrate(config.database)
        for item in read_plan(config.database, config.retention):
            print(describe_item(item))
        if dry_run:
            return 0
        with maintenance_lock(config.database), closing(connect(config.database)) as connection:
            outcome, detail = run_job(config, connection, JOBS["prune"], "command line", _stopping())
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
        progress = _bar if sys.stderr.isatty() else no_progress
        size = back_up(config.database, target, _stopping(), progress)
    except StoppedError:
        return _fail("Stopped: no backup was made")
    except (BackupError, OSError) as error:
        return _fail(f"Backup failed: {error}")
    except sqlite3.Error as error:
        return _fail(f"Backup failed: {config.database}: {error}")
    print(f"{target}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s, complete and checked")
    return 0


def _fail(message: object) -> int:
    """Print why; returns the exit code."""
    print(message, file=sys.stderr)
    return 1


def _bar(done: int, total: int) -> None:
    filled = round(BAR * done / max(total, 1))
    print(
        f"\r[{'#' * filled}{'.' * (BAR - filled)}] {100 * done // max(total, 1)} %",
        end="\n" if done >= total else "",
        file=sys.stderr,
        flush=True,
    )


def _stopping() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
