"""`voltkeeper prune` and `voltkeeper backup`: the same work as the site's, reported on the terminal."""

import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.locks import LockedError
from ingest.maintenance.backup import BackupError, back_up, no_progress
from ingest.maintenance.batches import StoppedError
from ingest.maintenance.jobs import JOBS, maintenance_lock, run_job
from ingest.maintenance.retention import describe_item, read_plan
from ingest.schema.migrate import migrate

BAR = 40  # characters


def run_prune(config: Config, dry_run: bool = False) -> int:
    """Print the plan and, unless it is a dry run, do it. Returns the exit code."""
    if not config.database.exists():
        print(f"{config.database}: no such file: nothing has been stored yet", file=sys.stderr)
        return 1
    try:
        migrate(config.database)
        items = read_plan(config.database, config.retention)
        for item in items:
            print(describe_item(item))
        if dry_run:
            return 0
        with maintenance_lock(config.database), closing(connect(config.database)) as connection:
            outcome, detail = run_job(config, connection, JOBS["prune"], "command line", _stopping())
    except StoppedError:
        print("Stopped; the next prune goes on", file=sys.stderr)
        return 1
    except (LockedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except sqlite3.Error as error:
        print(f"{config.database} cannot be pruned: {error}", file=sys.stderr)
        return 1
    print(detail, file=sys.stdout if outcome == "done" else sys.stderr)
    return 0 if outcome == "done" else 1


def run_backup(config: Config, target: Path) -> int:
    """Copy the database and print the result. Returns the exit code."""
    began = time.monotonic()
    try:
        progress = _bar if sys.stderr.isatty() else no_progress
        size = back_up(config.database, target, _stopping(), progress)
    except StoppedError:
        print("Stopped: there is no copy", file=sys.stderr)
        return 1
    except (BackupError, OSError) as error:
        print(f"No copy: {error}", file=sys.stderr)
        return 1
    except sqlite3.Error as error:
        print(f"No copy: {config.database}: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s, whole and checked")
    return 0


def _bar(done: int, total: int) -> None:
    filled = round(BAR * done / max(total, 1))
    end = "\n" if done >= total else ""
    print(
        f"\r[{'#' * filled}{'.' * (BAR - filled)}] {100 * done // max(total, 1)} %",
        end=end,
        file=sys.stderr,
        flush=True,
    )


def _stopping() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
