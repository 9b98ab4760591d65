"""Pruning: the rows that a plan lists go in batches, and the run is recorded as it goes on."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ingest.db.connection import transaction
from ingest.db.time import format_utc
from ingest.maintenance.batches import BatchRunner, StoppedError, open_for_deleting
from ingest.maintenance.retention import PruneItem


class Reference(NamedTuple):
    """A foreign key: the table and column that refer, and whether the column may be null."""

    table: str
    column: str
    nullable: bool


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables in the file."""
    return {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}


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
