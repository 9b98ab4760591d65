"""What is kept for how long: the plan of a prune, and the prune.

Raw rows go when they are old; what sums them up stays, and so does everything without a policy here. Tables
are not indexed by time, and need not be: ids rise in order of arrival, so the first row to keep is found by
binary search.

The newest row of a table always stays: ids go on rising, and what refers to a row never finds another one
there.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.db.connection import connect, transaction
from ingest.db.reserved_ids import HOLDERS
from ingest.db.rowid_search import ends, first_since
from ingest.db.time import format_utc
from ingest.maintenance.batches import BatchRunner, StoppedError, open_for_deleting
from ingest.maintenance.table_sizes import bytes_per_row

log = logging.getLogger(__name__)

COUNTED = 200_000  # ids; in a longer range rows are not counted but estimated
DAY_S = 86_400


@dataclass(frozen=True)
class Policy:
    """A table whose rows go after `days`. `at` rises with the id; the age of a row is that of `age`."""

    table: str
    at: str
    setting: str
    age: str = ""

    @property
    def column(self) -> str:
        """The column that the age of a row is counted from."""
        return self.age or self.at


POLICIES = (
    Policy("messages", "received_at", "messages_days"),
    Policy("readings", "received_at", "readings_days"),
    Policy("ups_samples", "sampled_at", "ups_samples_days"),
    Policy("polls", "started_at", "polls_days", age="ended_at"),
    Policy("rejects", "received_at", "rejects_days"),
    Policy("oddities", "at", "rejects_days"),
)


class RetentionDays(Protocol):
    """How many days rows are kept, by the name of a policy's setting; None: permanently."""

    @property
    def messages_days(self) -> int | None:
        """Days that messages are kept; the others are called in the same manner."""


@dataclass(frozen=True)
class PruneItem:
    """What goes of one table: rows with first <= id < end that are older than `before`.

    `counted`: rows is exact.
    """

    policy: Policy
    days: float | None
    before: str
    first: int
    end: int
    from_at: str | None
    to_at: str | None
    rows: int
    counted: bool
    bytes: int

    @property
    def table(self) -> str:
        """The name of the table."""
        return self.policy.table


class Reference(NamedTuple):
    """A foreign key: the table and column that refer, and whether the column may be null."""

    table: str
    column: str
    nullable: bool


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables in the file."""
    return {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}


def plan(
    connection: sqlite3.Connection, settings: RetentionDays, now: float | None = None
) -> list[PruneItem]:
    """Return an item for every table with a limit, also where nothing goes.

    Reads a few dozen rows of each.
    """
    now = time.time() if now is None else now
    items = []
    for policy in POLICIES:
        days = getattr(settings, policy.setting)
        if days is not None:
            items.append(replace(_item(connection, policy, now - days * DAY_S, now), days=days))
    return items


def plan_before(connection: sqlite3.Connection, at: float, now: float | None = None) -> list[PruneItem]:
    """Return items for everything older than `at` (unix seconds), whatever the settings."""
    now = time.time() if now is None else now
    return [_item(connection, policy, at, now) for policy in POLICIES]


def _item(connection: sqlite3.Connection, policy: Policy, cutoff: float, now: float) -> PruneItem:
    before, table = format_utc(max(0, cutoff)), policy.table
    end = _end(connection, policy, before, format_utc(now))
    first, last = (
        connection.execute(
            f"select id, {policy.at} from {table} where id < ? order by id {order} limit 1", (end,)
        ).fetchone()
        or (end, None)
        for order in ("asc", "desc")
    )
    counted = end - first[0] <= COUNTED
    rows = end - first[0]
    if counted and rows:
        rows = connection.execute(
            f"select count(*) from {table} where id < ? and ({policy.column} < ? or {policy.at} > ?)",
            (end, before, format_utc(now)),
        ).fetchone()[0]
    size = round(rows * bytes_per_row(connection, table)) if rows else 0
    return PruneItem(policy, None, before, first[0], end, first[1], last[1], rows, counted, size)


def _end(connection: sqlite3.Connection, policy: Policy, before: str, now: str) -> int:
    """The id behind the last row that may be older than `before`.

    Times rise in what came live, and in each import.
    """
    low, high = ends(connection, policy.table)
    if low is None or high is None:
        return 0
    imported = connection.execute(
        "select first_id, last_id + 1 from imports where numbers = ? and last_id is not null order by 1 desc",
        (HOLDERS.get(policy.table),),
    ).fetchall()
    live = max([low, *(end for _, end in imported)])
    for stretch in ((live, high), *imported):
        end = first_since(connection, policy.table, policy.at, before, now, stretch)
        if end > stretch[0]:
            return min(end, high)
    return low


def references(connection: sqlite3.Connection, table: str) -> list[Reference]:
    """Return every foreign key to `table`."""
    found = []
    for child in sorted(tables(connection)):
        nullable = {row[1]: not row[3] for row in connection.execute(f"pragma table_info([{child}])")}
        for row in connection.execute(f"pragma foreign_key_list([{child}])"):
            if row[2] == table:
                found.append(Reference(child, row[3], nullable[row[3]]))
    return found


def release(
    connection: sqlite3.Connection, links: Iterable[Reference], condition: str, values: tuple[object, ...]
) -> None:
    """Clear references to rows about to be deleted: `condition` is about the column that refers to them."""
    for child, column, nullable in links:
        action = f"update [{child}] set [{column}] = null" if nullable else f"delete from [{child}]"
        connection.execute(f"{action} where [{column}] {condition}", values)


class RetentionRun:
    """One row of `retention_runs`, kept up to date in the transactions that delete."""

    def __init__(self, connection: sqlite3.Connection, by: str) -> None:
        self._connection = connection
        self.tables: dict[str, int] = {}  # rows that are gone
        self.rows = 0
        self.size_before = self.size_after = file_size(connection)
        with transaction(connection):
            connection.execute(
                "update retention_runs set state = 'stopped', "
                "detail = 'ended in the middle; the next run goes on' where state = 'running'"
            )
            self.id = connection.execute(
                "insert into retention_runs (started_at, started_by, size_before) values (?, ?, ?)",
                (format_utc(time.time()), by, self.size_before),
            ).lastrowid

    def count(self, table: str, rows: int) -> None:
        """Add rows that are gone, inside the transaction that deleted them."""
        self.rows += rows
        self.tables[table] = self.tables.get(table, 0) + rows
        self._connection.execute(
            "update retention_runs set rows = ?, tables = ? where id = ?",
            (self.rows, json.dumps(self.tables), self.id),
        )

    def end(self, state: str, detail: str, longest_s: float) -> None:
        """Store how the run ended."""
        self.size_after = file_size(self._connection)
        with transaction(self._connection):
            self._connection.execute(
                "update retention_runs "
                "set state = ?, detail = ?, ended_at = ?, size_after = ?, longest_s = ? where id = ?",
                (state, detail, format_utc(time.time()), self.size_after, round(longest_s, 4), self.id),
            )


def file_size(connection: sqlite3.Connection) -> int:
    """Return the bytes of the database itself, as the last commit left it."""
    pages = int(connection.execute("pragma page_count").fetchone()[0])
    return pages * int(connection.execute("pragma page_size").fetchone()[0])


def prune(
    path: Path,
    make_plan: Callable[[sqlite3.Connection], list[PruneItem]],
    by: str,
    stop: threading.Event | None = None,
) -> RetentionRun:
    """Delete what `make_plan(connection)` lists, in batches, and return the room to the disk.

    Raises StoppedError when `stop` is set meanwhile, sqlite3.Error when the file cannot be written; what is
    gone by then is recorded, and the next run goes on. One prune at a time: the caller holds the lock
    (`jobs.maintenance_lock`).
    """
    connection = open_for_deleting(path)
    try:
        items = make_plan(connection)
        runner, run = BatchRunner(connection, stop), RetentionRun(connection, by)
        try:
            for item in reversed(items):  # what refers to messages before the messages
                prune_table(runner, item, run.count)
            runner.incremental_vacuum()
        except StoppedError:
            run.end("stopped", "stopped; the next run goes on", runner.longest_s)
            raise
        except Exception as error:
            run.end("failed", str(error), runner.longest_s)
            raise
        run.end("done", "", runner.longest_s)
        return run
    finally:
        connection.close()


def prune_table(runner: BatchRunner, item: PruneItem, count: Callable[[str, int], None]) -> None:
    """Delete the rows of one item; `count(table, rows)` is called inside each transaction."""
    connection, table, policy = runner.connection, item.table, item.policy
    links = references(connection, table)
    now = format_utc(time.time())
    last = item.first - 1

    def delete_batch(size: int) -> bool:
        nonlocal last
        upto = connection.execute(
            f"select max(id) from (select id from {table} where id > ? and id < ? order by id limit ?)",
            (last, item.end, size),
        ).fetchone()[0]
        if upto is None:
            return False
        runner.locked(lambda: delete(upto))
        last = upto
        return True

    def delete(upto: int) -> None:
        between = (last + 1, upto)
        old = f"id between ? and ? and ({policy.column} < ? or {policy.at} > ?)"
        for link in links:
            release(
                connection,
                [link],
                f"in (select id from {table} where {old}) and [{link.column}] between ? and ?",
                (*between, item.before, now, *between),
            )
        count(
            table,
            connection.execute(f"delete from {table} where {old}", (*between, item.before, now)).rowcount,
        )

    if item.end > item.first:
        runner.run(delete_batch)


def forecast(
    rows_a_day: float, bytes_a_row: float, rows: int, days: float | None, ahead_days: int = 365
) -> int:
    """Return the bytes of a table `ahead_days` from now, if it grows as in the last days.

    `days` that rows are kept, or None.
    """
    later = rows + rows_a_day * ahead_days
    return round(bytes_a_row * (later if days is None else min(later, max(rows, rows_a_day * days))))


def describe_item(item: PruneItem) -> str:
    """Return an item as text: `messages older than 30 days: about 1,200 rows, about 0.3 MB, ...`."""
    what = f"{item.table} older than {item.days} days" if item.days else f"{item.table} before {item.before}"
    if not item.rows:
        return f"{what}: nothing"
    about = "" if item.counted else "about "
    rows = "1 row" if item.rows == 1 else f"{about}{item.rows:,} rows"
    return f"{what}: {rows}, about {item.bytes / 1e6:,.1f} MB, from {item.from_at} to {item.to_at}"


def read_plan(path: Path, settings: RetentionDays) -> list[PruneItem]:
    """Return the plan of a file, read without a lock."""
    connection = connect(path, readonly=True)
    try:
        return plan(connection, settings)
    finally:
        connection.close()
