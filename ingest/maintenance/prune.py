"""Pruning: the rows that a plan lists go in batches, and the run is recorded as it goes on."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ingest.clock.belief import require_belief
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.db.batches import BatchRunner, StoppedError, open_for_deleting
from ingest.db.connection import transaction
from ingest.db.time import format_utc
from ingest.maintenance.retention import PruneItem
from ingest.process.progress import no_progress

REFERENCES = """select child.name, link."from", not own."notnull"
from sqlite_master child, pragma_foreign_key_list(child.name) link, pragma_table_info(child.name) own
where child.type = 'table' and link."table" = ? and own.name = link."from"
order by child.name, link.id"""


class Reference(NamedTuple):
    """A foreign key: the table and column that refer, and whether the column may be null."""

    table: str
    column: str
    nullable: int


def references(connection: sqlite3.Connection, table: str) -> list[Reference]:
    """Return every foreign key to `table`."""
    return [Reference(*row) for row in connection.execute(REFERENCES, (table,))]


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
        self.tables: Counter[str] = Counter()  # rows that are gone
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

    @property
    def rows(self) -> int:
        """How many rows are gone."""
        return self.tables.total()

    def count(self, table: str, rows: int) -> None:
        """Add rows that are gone, inside the transaction that deleted them."""
        self.tables[table] += rows
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
    return int(
        connection.execute(
            "select page_count * page_size from pragma_page_count, pragma_page_size"
        ).fetchone()[0]
    )


def prune(
    path: Path,
    make_plan: Callable[[sqlite3.Connection], list[PruneItem]],
    by: str,
    stop: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
    progress: Callable[[int, int], object] = no_progress,
) -> RetentionRun:
    """Delete what `make_plan(connection)` lists, in batches, and return the room to the disk.

    `progress(done, total)` gets how many of its rows are gone.

    Raises ClockSuspectError where the clock may be wrong, StoppedError when `stop` is set meanwhile,
    sqlite3.Error when the file cannot be written; what is gone by then is recorded, and the next run goes on.
    One prune at a time: the caller holds the lock (`jobs.maintenance_lock`).
    """
    with closing(open_for_deleting(path)) as connection:
        items = make_plan(connection)
        require_belief(connection, clock)  # afterwards: the plan was made by a clock that is believed
        runner, run = BatchRunner(connection, stop), RetentionRun(connection, by)
        planned = sum(item.rows for item in items)

        def count(table: str, rows: int) -> None:
            run.count(table, rows)
            progress(run.rows, planned)

        try:
            for item in reversed(items):  # what refers to messages before the messages
                prune_table(runner, item, count)
            runner.incremental_vacuum()
        except StoppedError:
            run.end("stopped", "stopped; the next run resumes", runner.longest_s)
            raise
        except Exception as error:
            run.end("failed", str(error), runner.longest_s)
            raise
        run.end("done", "", runner.longest_s)
        return run


def prune_table(runner: BatchRunner, item: PruneItem, count: Callable[[str, int], None]) -> None:
    """Delete the rows of one item; `count(table, rows)` is called inside each transaction."""
    connection, table, policy = runner.connection, item.table, item.policy
    links = references(connection, table)
    old = f"id between ? and ? and {policy.condition}"
    first = item.first

    def delete_batch(size: int) -> bool:
        nonlocal first
        last = connection.execute(
            f"select max(id) from (select id from {table} where id >= ? and id < ? order by id limit ?)",
            (first, item.end, size),
        ).fetchone()[0]
        if last is None:
            return False
        runner.locked(lambda: delete((first, last)))
        first = last + 1
        return True

    def delete(between: tuple[int, int]) -> None:
        for link in links:
            release(
                connection,
                [link],
                f"in (select id from {table} where {old}) and [{link.column}] between ? and ?",
                (*between, item.before, item.now, *between),
            )
        deleted = connection.execute(f"delete from {table} where {old}", (*between, item.before, item.now))
        count(table, deleted.rowcount)

    runner.run(delete_batch)
