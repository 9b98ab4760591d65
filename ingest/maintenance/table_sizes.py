"""How much room each table takes and how fast it grows, without counting long tables.

`measure` reads every page of the file once and keeps the result in `storage`; between two measurements
figures are estimates by ids, which rise with each row.
"""

import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from ingest.db.batches import StoppedError
from ingest.db.connection import transaction
from ingest.db.rowid_search import ends, first_since
from ingest.db.time import format_utc, parse_utc

SAMPLE = 200  # newest rows whose length is taken for that of the others
ROW_BYTES, INDEX_BYTES = 10, 14  # what a row costs beside its values, and its entry in an index
SMALL = 5_000  # ids; a shorter table is counted
LIMIT = 100_001  # rows that are counted at the most where there are no ids
WEEK_S, DAY_S = 7 * 86_400, 86_400
TIME_COLUMNS = (  # when a row came, the first of them that a table has
    "received_at",
    "sampled_at",
    "hour_at",
    "minute_at",
    "day",
    "at",
    "requested_at",
    "created_at",
    "started_at",
    "changed_at",
)


@dataclass
class TableSize:
    """The room that one table takes. Times are UTC texts; `about`: rows and bytes are estimates."""

    name: str
    rows: int
    bytes: int
    about: bool
    first_at: str | None
    last_at: str | None
    rows_a_day: float | None

    @property
    def bytes_a_row(self) -> float:
        """Bytes of a row with its share of the indexes."""
        return self.bytes / self.rows if self.rows else 0.0

    @property
    def bytes_a_day(self) -> float | None:
        """Growth in bytes a day; None where it is not known."""
        return None if self.rows_a_day is None else self.rows_a_day * self.bytes_a_row


@dataclass(frozen=True)
class TableShape:
    """What a table is made of: the column of its time, its primary key, its parent."""

    name: str
    at: str | None
    key: tuple[str, ...]
    rowid: bool
    parent: str | None  # that the first column of the key refers to
    indexes: int


def shape(connection: sqlite3.Connection, name: str) -> TableShape:
    """Read the shape of a table from the file."""
    columns = connection.execute(f"pragma table_info([{name}])").fetchall()
    key = tuple(row[1] for row in sorted((row for row in columns if row[5]), key=lambda row: row[5]))
    there = {row[1] for row in columns}
    at = next((name for name in TIME_COLUMNS if name in there), None) if key else None
    rowid = key == ("id",) and next(row[2] for row in columns if row[1] == "id").lower() == "integer"
    links = {row[3]: row[2] for row in connection.execute(f"pragma foreign_key_list([{name}])")}
    indexes = sum(1 for row in connection.execute(f"pragma index_list([{name}])") if row[3] == "c")
    return TableShape(name, at, key, rowid, links.get(key[0]) if key else None, indexes)


def columns(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return the names of the columns of a table."""
    return [row[1] for row in connection.execute(f"pragma table_info([{name}])")]


def names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of our tables, without those of SQLite itself."""
    rows = connection.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' "
        "and name not like '\\_%' escape '\\' order by name"
    )
    return [row[0] for row in rows]


def bytes_per_row(connection: sqlite3.Connection, name: str) -> float:
    """Return the bytes of a row with its share of the indexes.

    As measured last, else by the length of the newest rows.
    """
    kept = connection.execute("select rows, bytes from storage where name = ?", (name,)).fetchone()
    return kept[1] / kept[0] if kept and kept[0] else sampled_bytes(connection, shape(connection, name))


def sampled_bytes(connection: sqlite3.Connection, table: TableShape) -> float:
    """Estimate the bytes of a row by the length of the newest ones."""
    length = " + ".join(
        f"coalesce(length(cast([{column}] as blob)), 0)" for column in columns(connection, table.name)
    )
    order = f"order by {', '.join(f'[{column}] desc' for column in table.key)}" if table.key else ""
    average = connection.execute(
        f"select avg(bytes) from (select {length} as bytes from [{table.name}] {order} limit {SAMPLE})"
    ).fetchone()[0]
    return ((average or 0) + ROW_BYTES) + table.indexes * INDEX_BYTES


def has_dbstat(connection: sqlite3.Connection) -> bool:
    """True where SQLite can count the pages of each table."""
    return bool(connection.execute("select 1 from pragma_module_list where name = 'dbstat'").fetchone())


def measure(connection: sqlite3.Connection, stop: threading.Event | None = None) -> int:
    """Fill `storage` for every table, one read of it at a time.

    Returns how many tables. Raises StoppedError.
    """
    tables = [shape(connection, name) for name in names(connection)]
    measured = _measured if has_dbstat(connection) else _estimated
    for table in tables:
        if stop is not None and stop.is_set():
            raise StoppedError
        rows, size = measured(connection, table)
        with transaction(connection):
            connection.execute(
                "insert into storage (name, rows, bytes, measured_at) values (?, ?, ?, ?) "
                "on conflict (name) do update "
                "set rows = excluded.rows, bytes = excluded.bytes, measured_at = excluded.measured_at",
                (table.name, rows, size, format_utc(time.time())),
            )
    return len(tables)


def _measured(connection: sqlite3.Connection, table: TableShape) -> tuple[int, int]:
    """(rows, bytes with indexes) as the pages have them.

    Rows are the table's own cells on leaf pages, or all cells of a table that is an index itself.
    """
    size = connection.execute(
        "select sum(s.pgsize) from sqlite_master m join dbstat s on s.name = m.name and s.aggregate = 1 "
        "where m.tbl_name = ? and m.type in ('table', 'index')",
        (table.name,),
    ).fetchone()[0]
    cells = connection.execute(
        "select sum(ncell) from dbstat where name = ?1 and (pagetype = 'leaf' or ?2 = '' or "
        "(select lower(sql) like '%without rowid%' from sqlite_master where name = ?1))",
        (table.name, "".join(table.key)),
    ).fetchone()[0]
    return cells or 0, size or 0


def _estimated(connection: sqlite3.Connection, table: TableShape) -> tuple[int, int]:
    rows, _ = count(connection, table)
    return rows, round(rows * sampled_bytes(connection, table))


def count(connection: sqlite3.Connection, table: TableShape) -> tuple[int, bool]:
    """Return (rows, whether that is an estimate): counted where the table is short, else by its ids."""
    if table.rowid and table.at:  # ids rise with arrival; other keys are computed
        low, high = ends(connection, table.name)
        if low is not None and high is not None and high - low >= SMALL:
            return high - low + 1, True
        return connection.execute(f"select count(*) from [{table.name}]").fetchone()[0], False
    kept = connection.execute("select rows from storage where name = ?", (table.name,)).fetchone()
    if kept and kept[0] >= LIMIT:
        return kept[0], True
    rows = connection.execute(
        f"select count(*) from (select 1 from [{table.name}] limit {LIMIT})"
    ).fetchone()[0]
    return rows, rows == LIMIT


def overview(connection: sqlite3.Connection, now: float | None = None) -> list[TableSize]:
    """Return the size of each table that has rows, the largest first. Quick whatever the size of the file."""
    now = time.time() if now is None else now
    found = [_table(connection, shape(connection, name), now) for name in names(connection)]
    return sorted((table for table in found if table.rows), key=lambda table: -table.bytes)


def _table(connection: sqlite3.Connection, table: TableShape, now: float) -> TableSize:
    rows, about = count(connection, table)
    size = round(rows * bytes_per_row(connection, table.name)) if rows else 0
    first = last = growth = None
    if rows and table.at:
        with suppress(sqlite3.OperationalError):  # a limit of time set by the caller: the figure is left out
            first, last = _ends(connection, table)
            growth = _growth(connection, table, now, first)
    return TableSize(table.name, rows, size, about, first, last, growth)


def _ends(connection: sqlite3.Connection, table: TableShape) -> tuple[str | None, str | None]:
    """Times of the oldest and the newest row, where they are found at the ends of the primary key."""
    if not table.rowid and table.key[:1] != (table.at,):
        return None, None
    key = "id" if table.rowid else table.at
    first, last = (
        connection.execute(
            f"select [{table.at}] from [{table.name}] order by [{key}] {order} limit 1"
        ).fetchone()
        for order in ("asc", "desc")
    )
    return (first and first[0], last and last[0])  # it may be empty since it was measured


def _growth(
    connection: sqlite3.Connection, table: TableShape, now: float, first_at: str | None
) -> float | None:
    """Rows a day, over the last week or since the first row; None where that cannot be found quickly."""
    if table.at is None:
        return None
    since, until = (
        format_utc(at)[:10] if table.at == "day" else format_utc(at) for at in (now - WEEK_S, now)
    )
    days = WEEK_S / DAY_S
    if first_at and first_at > since:
        days = max(1.0, (now - _seconds(first_at)) / DAY_S)
    if table.rowid:
        newest = int(connection.execute(f"select max(id) from [{table.name}]").fetchone()[0])
        start = first_since(connection, table.name, table.at, since, until)
        return (newest - start + 1) / days
    if table.key[0] == table.at:
        rows = connection.execute(
            f"select count(*) from [{table.name}] where [{table.at}] >= ? and [{table.at}] < ?",
            (since, until),
        ).fetchone()[0]
        return int(rows) / days
    if table.parent is None or table.at not in table.key[1:3]:
        return None
    return float(_rows_since(connection, table, format_utc(now - DAY_S)))


def _rows_since(connection: sqlite3.Connection, table: TableShape, since: str) -> int:
    """Rows that are not older, of a table whose key begins with its parent and has the time second or third.

    Read in the key alone: a cross join keeps the order, which is each parent, each value of a column between,
    the newest rows of both.
    """
    name, key, between = table.name, table.key[0], table.key[1]
    groups = f"select p.id as parent, null as value from [{table.parent}] p"
    joined = f"t.[{key}] = g.parent"
    if between != table.at:
        groups = f"""with recursive held (parent, value) as (
          select p.id, (select min([{between}]) from [{name}] where [{key}] = p.id) from [{table.parent}] p
          union all
          select parent, (select min(n.[{between}]) from [{name}] n
            where n.[{key}] = held.parent and n.[{between}] > value) from held where value is not null
        ) select parent, value from held where value is not null"""
        joined += f" and t.[{between}] = g.value"
    rows = connection.execute(
        f"select count(*) from ({groups}) g cross join [{name}] t on {joined} and t.[{table.at}] >= ?",
        (since,),
    )
    return int(rows.fetchone()[0])


def _seconds(text: str) -> float:
    return parse_utc(text if "T" in text else f"{text}T00:00:00.000Z")
