"""What is kept for how long: the plan of a prune, and the prune.

Raw rows go when they are old; what sums them up stays, and so does everything without a policy here. Tables are not
indexed by time, and need not be: ids rise in order of arrival, so the first row to keep is found by halving.

The newest row of a table always stays: ids go on rising, and what refers to a row never finds another one there.
"""

import json
import logging
import time
from dataclasses import dataclass, replace

from ingest.db.connection import connect, transaction
from ingest.db.reserved_ids import HOLDERS
from ingest.db.rowid_search import ends, first_since
from ingest.db.time import format_utc
from ingest.maintenance.batches import Pace, Stopped, open_paced
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
    def column(self):
        return self.age or self.at


POLICIES = (
    Policy("messages", "received_at", "messages_days"),
    Policy("readings", "received_at", "readings_days"),
    Policy("ups_samples", "sampled_at", "ups_samples_days"),
    Policy("polls", "started_at", "polls_days", age="ended_at"),
    Policy("rejects", "received_at", "rejects_days"),
    Policy("oddities", "at", "rejects_days"),
)


@dataclass(frozen=True)
class Item:
    """What goes of one table: rows with first <= id < end that are older than `before`. `counted`: rows is exact."""

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
    def table(self):
        return self.policy.table


def tables(connection):
    """Names of the tables in the file."""
    return {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}


def plan(connection, settings, now=None):
    """Items for every table with a limit, also where nothing goes. Reads a few dozen rows of each."""
    now = time.time() if now is None else now
    days = {policy: getattr(settings, policy.setting) for policy in POLICIES}
    return [
        replace(_item(connection, policy, now - days[policy] * DAY_S, now), days=days[policy])
        for policy in POLICIES
        if days[policy] is not None
    ]


def plan_before(connection, at, now=None):
    """Items for everything older than `at` (unix seconds), whatever the settings."""
    now = time.time() if now is None else now
    return [_item(connection, policy, at, now) for policy in POLICIES]


def _item(connection, policy, cutoff, now):
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
    return Item(policy, None, before, first[0], end, first[1], last[1], rows, counted, size)


def _end(connection, policy, before, now):
    """The id behind the last row that may be older than `before`: times rise in what came live, and in each import."""
    low, high = ends(connection, policy.table)
    if low is None:
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


def references(connection, table):
    """(table, column, may be null) of every foreign key to `table`."""
    found = []
    for child in sorted(tables(connection)):
        nullable = {row[1]: not row[3] for row in connection.execute(f"pragma table_info([{child}])")}
        for row in connection.execute(f"pragma foreign_key_list([{child}])"):
            if row[2] == table:
                found.append((child, row[3], nullable[row[3]]))
    return found


def release(connection, links, condition, values):
    """Let go of rows that are about to be deleted: `condition` is about the column that refers to them."""
    for child, column, nullable in links:
        deed = f"update [{child}] set [{column}] = null" if nullable else f"delete from [{child}]"
        connection.execute(f"{deed} where [{column}] {condition}", values)


class Run:
    """One row of `retention_runs`, kept up to date in the transactions that delete."""

    def __init__(self, connection, by):
        self._connection = connection
        self.tables, self.rows = {}, 0
        self.size_before = file_size(connection)
        with transaction(connection):
            connection.execute(
                "update retention_runs set state = 'stopped', detail = 'ended in the middle; the next run goes on' "
                "where state = 'running'"
            )
            self.id = connection.execute(
                "insert into retention_runs (started_at, started_by, size_before) values (?, ?, ?)",
                (format_utc(time.time()), by, self.size_before),
            ).lastrowid

    def count(self, table, rows):
        """So many rows more are gone; inside the transaction that deleted them."""
        self.rows += rows
        self.tables[table] = self.tables.get(table, 0) + rows
        self._connection.execute(
            "update retention_runs set rows = ?, tables = ? where id = ?",
            (self.rows, json.dumps(self.tables), self.id),
        )

    def end(self, state, detail, longest_s):
        self.size_after = file_size(self._connection)
        with transaction(self._connection):
            self._connection.execute(
                "update retention_runs set state = ?, detail = ?, ended_at = ?, size_after = ?, longest_s = ? where id = ?",
                (state, detail, format_utc(time.time()), self.size_after, round(longest_s, 4), self.id),
            )


def file_size(connection):
    """Bytes of the database itself, as the last commit left it."""
    pages, size = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return pages * size


def prune(path, make_plan, by, stop=None):
    """Delete what `make_plan(connection)` lists, in paced chunks, and give the room back. Returns the Run.

    Raises Stopped when `stop` is set meanwhile, sqlite3.Error when the file cannot be written; what is gone by then is
    recorded, and the next run goes on. One prune at a time: the caller holds the lock (`ingest/chores.py`).
    """
    connection = open_paced(path)
    try:
        items = make_plan(connection)
        pace, run = Pace(connection, stop), Run(connection, by)
        try:
            for item in reversed(items):  # what refers to messages before the messages
                prune_table(pace, item, run.count)
            pace.give_back()
        except Stopped:
            run.end("stopped", "stopped; the next run goes on", pace.longest_s)
            raise
        except Exception as error:
            run.end("failed", str(error), pace.longest_s)
            raise
        run.end("done", "", pace.longest_s)
        return run
    finally:
        connection.close()


def prune_table(pace, item, count):
    """Delete the rows of one item; `count(table, rows)` is called inside each transaction."""
    connection, table, policy = pace.connection, item.table, item.policy
    links = references(connection, table)
    now = format_utc(time.time())
    last = item.first - 1

    def chunk(size):
        nonlocal last
        upto = connection.execute(
            f"select max(id) from (select id from {table} where id > ? and id < ? order by id limit ?)",
            (last, item.end, size),
        ).fetchone()[0]
        if upto is None:
            return None
        pace.locked(lambda: delete(upto))
        last = upto
        return True

    def delete(upto):
        between = (last + 1, upto)
        old = f"id between ? and ? and ({policy.column} < ? or {policy.at} > ?)"
        for link in links:
            release(
                connection,
                [link],
                f"in (select id from {table} where {old}) and [{link[1]}] between ? and ?",
                (*between, item.before, now, *between),
            )
        count(
            table,
            connection.execute(f"delete from {table} where {old}", (*between, item.before, now)).rowcount,
        )

    if item.end > item.first:
        pace.run(chunk)


def forecast(rows_a_day, bytes_a_row, rows, days, ahead_days=365):
    """Bytes of a table `ahead_days` from now, if it goes on as in the last days; `days` that rows are kept, or None."""
    later = rows + rows_a_day * ahead_days
    return round(bytes_a_row * (later if days is None else min(later, max(rows, rows_a_day * days))))


def describe(item):
    """An item in words: `messages older than 30 days: about 1,200 rows, 0.3 MB, 2026-01-01 ... 2026-02-01`."""
    what = f"{item.table} older than {item.days} days" if item.days else f"{item.table} before {item.before}"
    if not item.rows:
        return f"{what}: nothing"
    about = "" if item.counted else "about "
    return f"{what}: {about}{item.rows:,} rows, about {item.bytes / 1e6:,.1f} MB, from {item.from_at} to {item.to_at}"


def read_plan(path, settings):
    """The plan of a file, read without a lock."""
    connection = connect(path, readonly=True)
    try:
        return plan(connection, settings)
    finally:
        connection.close()
