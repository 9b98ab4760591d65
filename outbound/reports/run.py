"""Reports made and queued: by `voltkeeper report`, by the scheduler, by the page /reports.

What makes one is a process that ends: it takes tens of MB for some seconds.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

from ingest.config.model import Config
from ingest.db.connection import connect, transaction
from ingest.schema.migrate import migrate
from outbound.alerts.site import alert_site
from outbound.reports.deliver import UNSENT, queue_report, read_deliveries
from outbound.reports.model import MadeReport, ReportError, find_report
from outbound.sending_lock import is_sending

CHILD_S = 900.0  # for a report, on the smallest machine
WAIT_S = 60.0  # for its deliveries, on the terminal
LOOK_S = 0.2
MAKE_ONLY = ("--make-only", "--config")
OF_PARENT = ("VOLTKEEPER_PARENT_PIPE", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")  # environment
NO_ROWS = "no rows, so nothing is sent (only_if_rows)"
NOT_SENDING = "nothing sends it now: `voltkeeper up` or `voltkeeper outbound` does when it runs"


def describe_queued(config: Config, made: MadeReport) -> str:
    """What was done with a report, as a sentence."""
    return f"{made.title}: kept as {made.file}, queued for {', '.join(find_report(config, made.name).to)}"


def make_in_child(config: Config, name: str, of: str | None = None) -> MadeReport:
    """Have a process of its own make and keep a report; blocks until it ends. Raises ReportError."""
    find_report(config, name)
    if config.path is None:
        raise ReportError("A report needs a config file: write config.yml")
    command = [sys.executable, "-m", "voltkeeper", "report", name, *MAKE_ONLY, str(config.path)]
    environment = {key: value for key, value in os.environ.items() if key not in OF_PARENT}
    try:
        done = subprocess.run(
            [*command, *(("--of", of) if of else ())],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CHILD_S,
        )
    except subprocess.TimeoutExpired:
        raise ReportError(f"The report {name} took more than {CHILD_S / 60:.0f} minutes") from None
    except OSError as error:
        raise ReportError(f"The report {name} cannot be started: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
        raise ReportError(lines[-1])
    return MadeReport(**json.loads(done.stdout))


def print_made(config: Config, name: str, of: str | None = None) -> None:
    """Make and keep a report in this process, for `make_in_child`.

    Raises ReportError, OSError, sqlite3.Error.
    """
    print(json.dumps(_make(config, name, of)._asdict()))


def _make(config: Config, name: str, of: str | None) -> MadeReport:
    from outbound.reports.make import make_report  # charts and their pictures: only for the one that draws

    if not config.database.exists():
        raise ReportError(f"{config.database}: no such file: nothing has been stored yet")
    migrate(config.database)
    return make_report(config, name, of, alert_site(config).base_url)


def send_report(
    config: Config,
    name: str,
    of: str | None = None,
    wait: bool = True,
    write: Callable[[str], object] = print,
) -> int:
    """Make and queue a report in this process, and `wait` until it is sent. Returns the exit code.

    Raises ReportError, OSError, sqlite3.Error.
    """
    report = find_report(config, name)
    made = _make(config, name, of)
    if not made.file:
        write(f"{made.title}: {NO_ROWS}")
        return 0
    with closing(connect(config.database)) as connection:
        with transaction(connection):
            ids = queue_report(connection, report, made)
        write(describe_queued(config, made))
        return _await_sent(config, connection, ids, write) if wait else 0


def _await_sent(
    config: Config, connection: sqlite3.Connection, ids: list[int], write: Callable[[str], object]
) -> int:
    """Write what became of each delivery. Returns 0 when all were sent."""
    until = time.monotonic() + WAIT_S
    while True:
        rows = read_deliveries(connection, ids)
        waiting = [row for row in rows if row["state"] in UNSENT]
        if not waiting or time.monotonic() > until or not is_sending(config.database):
            break
        time.sleep(LOOK_S)
    for row in rows:
        reason = row["reason"] or ("" if row not in waiting or is_sending(config.database) else NOT_SENDING)
        write(f"{row['target']}: {row['state']}{f': {reason}' if reason else ''}")
    return 0 if all(row["state"] == "sent" for row in rows) else 1
