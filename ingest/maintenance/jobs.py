"""Work that keeps the house in order: what there is, when it is due, and doing it, one piece at a time.

A chore is due once a day at its local time, later where the machine was off then; when it was asked for (`wanted_at`);
and when it was cut off. Its row in `chores` says how the last run went. Of any number of programs on one file, one
works: a lock that dies with it says so.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.config.checks import parse_time
from ingest.db.connection import connect, transaction
from ingest.db.locks import lock_file
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.backup import BackupError, daily
from ingest.maintenance.batches import Pace, Stopped, interruptible, open_paced
from ingest.maintenance.deletion import delete, next_deletion
from ingest.maintenance.retention import plan, prune
from ingest.maintenance.table_sizes import measure

log = logging.getLogger(__name__)

RETRY_S = 3600  # after a failure
STEP_S, SETTLED_S = (
    86_400,
    3600,
)  # a clock that was just set so far forward may be set back: nothing is deleted yet
ANALYSED = 400  # rows of each index that PRAGMA optimize looks at


@dataclass(frozen=True)
class Chore:
    """One kind of work. `run(config, by, stop)` returns what came of it, in words; `at(config)` is its time or None."""

    name: str
    title: str
    run: Callable
    at: Callable = lambda config: None
    deletes: bool = False


def only_one(database):
    """Be the one program that works on this file. Raises LockedError when the context is entered."""
    return lock_file(
        f"{database}.work.lock",
        wait=False,
        message=f"another program prunes, deletes or copies {database} now",
    )


def _prune(config, by, stop):
    run = prune(config.database, lambda connection: plan(connection, config.retention), by, stop)
    return told(run)


def told(run):
    """What a run of the retention did, in words."""
    freed = run.size_before - run.size_after
    parts = ", ".join(f"{rows:,} of {table}" for table, rows in run.tables.items())
    return f"{run.rows:,} rows gone{f' ({parts})' if parts else ''}, {max(0, freed) / 1e6:,.1f} MB given back"


def _backup(config, by, stop):
    if config.backup.folder is None:
        raise BackupError(
            "no folder is configured: set backup.folder in config.yml, or use `voltkeeper backup FILE`"
        )
    path, size = daily(config.database, config.backup.folder, config.backup.keep, stop)
    return f"{path.name}, {size / 1e6:,.1f} MB"


def _measure(config, by, stop):
    with closing(open_paced(config.database)) as connection, interruptible(connection, stop):
        return f"{measure(connection, stop)} tables measured"


def _check(config, by, stop):
    with closing(connect(config.database, readonly=True)) as connection, interruptible(connection, stop):
        found = [row[0] for row in connection.execute("pragma integrity_check(20)")]
        found += [
            f"{row[0]} row {row[1]} refers to no {row[2]}"
            for row in connection.execute("pragma foreign_key_check")
        ][:20]
    if found != ["ok"]:
        raise BackupError("the file is damaged: " + "; ".join(one for one in found if one != "ok")[:400])
    return "the file is whole, and nothing refers to what is not there"


def _optimize(config, by, stop):
    with closing(open_paced(config.database)) as connection:
        connection.execute(f"pragma analysis_limit = {ANALYSED}")
        connection.execute("pragma optimize")
    return "done"


def _compact(config, by, stop):
    with closing(open_paced(config.database)) as connection:
        if connection.execute("pragma auto_vacuum").fetchone()[0] != 2:
            return (
                "this file was not made to give room back: stop everything and run `vacuum` in sqlite3 once"
            )
        freed = Pace(connection, stop).give_back() * connection.execute("pragma page_size").fetchone()[0]
    return f"{freed / 1e6:,.1f} MB given back"


CHORES = {
    chore.name: chore
    for chore in (
        Chore(
            "prune",
            "Delete what is older than the retention allows",
            _prune,
            lambda c: c.retention.at,
            deletes=True,
        ),
        Chore("measure", "Measure how much room each table takes", _measure, lambda c: c.retention.at),
        Chore("backup", "Copy the database", _backup, lambda c: c.backup.at if c.backup.folder else None),
        Chore("check", "Check the integrity of the file", _check),
        Chore("optimize", "PRAGMA optimize", _optimize),
        Chore("compact", "Give free room back to the disk", _compact),
    )
}


def last_due(at, timezone, now):
    """Unix seconds of the newest time of that name (`03:00`) that is not ahead of `now`."""
    return _instants(at, timezone, now, (0, -1, -2), lambda instant: instant <= now)


def next_due(at, timezone, now):
    """Unix seconds of the next one."""
    return _instants(at, timezone, now, (0, 1, 2), lambda instant: instant > now)


def _instants(at, timezone, now, days, wanted):
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    instants = (datetime.combine(today + timedelta(day), parse_time(at), zone).timestamp() for day in days)
    return next(instant for instant in instants if wanted(instant))


def read_rows(connection):
    """Rows of `chores` by name."""
    cursor = connection.execute("select * from chores")
    columns = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(columns, row)) for row in cursor.fetchall()}


def why_due(chore, row, config, now, settled=True):
    """By whom it is due now: a name, `schedule`, or None. The caller holds the lock, so nothing is running."""
    row = row or {}
    if row.get("wanted_at"):
        return row["wanted_by"] or "schedule"
    started = parse_utc(row["started_at"]) if row.get("started_at") else None
    if row.get("outcome") in ("running", "stopped"):  # cut off: it goes on
        return row["started_by"]
    at = chore.at(config)
    if at is None or (chore.deletes and not settled):
        return None
    if row.get("outcome") == "failed" and now >= started > last_due(at, config.timezone, now):
        return "schedule" if now - started >= RETRY_S else None
    missed = started is None or started > now or started < last_due(at, config.timezone, now)
    return "schedule" if missed else None


def clock_is_settled(connection, now):
    """False within an hour of a step of the clock by more than a day."""
    row = connection.execute(
        "select max(abs(json_extract(figures, '$.seconds'))) from (select * from events order by id desc limit 100) "
        "where event = 'CLOCK_STEP' and started_at > ?",
        (format_utc(now - SETTLED_S),),
    ).fetchone()
    return row[0] is None or row[0] < STEP_S


def want(connection, name, by):
    """Ask for a chore, inside a transaction."""
    connection.execute(
        "insert into chores (name, wanted_at, wanted_by) values (?, ?, ?) "
        "on conflict (name) do update set wanted_at = excluded.wanted_at, wanted_by = excluded.wanted_by",
        (name, format_utc(time.time()), by),
    )


def run_due(config, stop=None):
    """Do what is due: deletions first, then chores. Returns their names. Raises LockedError, Stopped."""
    done = []
    with only_one(config.database), closing(connect(config.database)) as connection:
        last = None
        while (deletion := next_deletion(connection)) and deletion[
            "id"
        ] != last:  # one that cannot even be noted waits
            last = deletion["id"]
            log.info("deleting %s for %s", deletion["subject"], deletion["requested_by"])
            try:
                rows = delete(config.database, deletion, config.timezone, stop)
                log.info("deleted %s: %d rows", deletion["subject"], rows)
            except sqlite3.Error as error:
                log.error("deleting %s failed: %s", deletion["subject"], error)
            done.append(f"deletion {deletion['id']}")
        now = time.time()
        rows, settled = read_rows(connection), clock_is_settled(connection, now)
        for chore in CHORES.values():
            by = why_due(chore, rows.get(chore.name), config, now, settled)
            if by is not None:
                outcome, detail = do(config, connection, chore, by, stop)
                log.log(
                    logging.INFO if outcome == "done" else logging.ERROR,
                    "%s %s: %s",
                    chore.name,
                    outcome,
                    detail,
                )
                done.append(chore.name)
    return done


def do(config, connection, chore, by, stop=None):
    """Do one chore and note how it went. Returns (outcome, detail). Raises Stopped. The caller holds the lock."""
    with transaction(connection):
        connection.execute(
            "insert into chores (name, started_at, started_by, outcome) values (?, ?, ?, 'running') on conflict (name) "
            "do update set started_at = excluded.started_at, started_by = excluded.started_by, outcome = 'running', "
            "detail = '', ended_at = null, wanted_at = null, wanted_by = null",
            (chore.name, format_utc(time.time()), by),
        )
    try:
        outcome, detail = "done", chore.run(config, by, stop)
    except Stopped:
        _note(connection, chore, "stopped", "it goes on at the next start")
        raise
    except (BackupError, OSError, sqlite3.Error) as error:
        outcome, detail = "failed", str(error)
    _note(connection, chore, outcome, detail)
    return outcome, detail


def _note(connection, chore, outcome, detail):
    with transaction(connection):
        connection.execute(
            "update chores set outcome = ?, detail = ?, ended_at = ? where name = ?",
            (outcome, detail, format_utc(time.time()), chore.name),
        )
