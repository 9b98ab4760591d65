"""Deletions that users ask for: a node or sensor with all that refers to it, requests, what is old.

A deletion is a row of `deletions`, so that it survives a restart. What is long goes in batches; the last
transaction takes what came meanwhile, the node itself, and raises the topics by which ingest, which holds
nodes in memory (`Store`), knows. Which tables refer to a node is read from the file.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.db.batches import (
    DEFAULT_LIMITS,
    BatchLimits,
    BatchRunner,
    StoppedError,
    open_for_deleting,
)
from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows, transaction
from ingest.db.rowid_search import ends
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.deletion_plan import ROLLED_UP, cutoff, sweeps
from ingest.maintenance.prune import Reference, prune, references, release
from ingest.maintenance.retention import POLICIES, plan_before
from ingest.maintenance.table_sizes import TableShape, shape

STATE = ("nodes", "sensors", "channels")  # ingest writes these again until it knows that they are gone


def next_deletion(connection: sqlite3.Connection, by_age: bool = True) -> Row | None:
    """Return the row of the oldest deletion that is not done, or None; `by_age` False: none of old rows."""
    kinds = "" if by_age else "and kind <> 'before'"
    query = f"select * from deletions where state in ('queued', 'running') {kinds} order by id limit 1"
    return next(iter(dict_rows(connection, query)), None)


def delete(
    path: Path,
    deletion: Row,
    timezone: str,
    stop: threading.Event | None = None,
    limits: BatchLimits = DEFAULT_LIMITS,
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Do one deletion; started again, it goes on. Returns the number of rows.

    Raises StoppedError, ClockSuspectError or sqlite3.Error.
    """
    with closing(open_for_deleting(path)) as connection:
        with transaction(connection):
            connection.execute(
                "update deletions set state = 'running', started_at = coalesce(started_at, ?) where id = ?",
                (format_utc(time.time()), deletion["id"]),
            )
        try:
            runner = BatchRunner(connection, stop, limits)
            if deletion["kind"] == "before":
                _delete_before(path, runner, deletion, timezone, stop, clock)
            else:
                _delete_rows(runner, deletion)
                runner.incremental_vacuum()
        except StoppedError:
            raise
        except Exception as error:
            with transaction(connection):
                connection.execute(
                    "update deletions set state = 'failed', detail = ?, done_at = ? where id = ?",
                    (str(error), format_utc(time.time()), deletion["id"]),
                )
            raise
        found = connection.execute("select rows from deletions where id = ?", (deletion["id"],))
        return int(found.fetchone()[0])


def _count(connection: sqlite3.Connection, deletion: Row, rows: int) -> None:
    connection.execute("update deletions set rows = rows + ? where id = ?", (rows, deletion["id"]))


def _done(connection: sqlite3.Connection, deletion: Row, *topics: str) -> None:
    connection.execute(
        "update deletions set state = 'done', done_at = ? where id = ?",
        (format_utc(time.time()), deletion["id"]),
    )
    raise_topics(connection, topics)


def _delete_rows(runner: BatchRunner, deletion: Row) -> None:
    connection = runner.connection
    found = sweeps(connection, deletion["kind"], deletion["key"])
    links = {sweep.table: _outside(connection, sweep.table) for sweep in found}
    rest = []  # for the last transaction: what came meanwhile
    for sweep in found:
        newest = None if sweep.refers else ends(connection, sweep.table)[1]
        if sweep.table not in STATE:
            table = shape(connection, sweep.table)
            _delete_batches(runner, deletion, table, sweep.where, ordered=table.rowid and sweep.ordered)
        rest.append(sweep if newest is None else replace(sweep, where=f"{sweep.where} and id > {newest}"))

    def finish() -> None:
        for sweep in rest:
            chosen = f"from [{sweep.table}] where {sweep.where}"
            release(connection, links[sweep.table], f"in (select id {chosen})", ())
            _count(connection, deletion, connection.execute(f"delete {chosen}").rowcount)
        _done(connection, deletion, "deletions", "messages", "nodes", "readings")

    runner.locked(finish)


def _outside(connection: sqlite3.Connection, table: str) -> list[Reference]:
    """References to a raw table, which are cleared; those to other tables have a sweep of their own."""
    return references(connection, table) if table in {policy.table for policy in POLICIES} else []


def _delete_batches(
    runner: BatchRunner,
    deletion: Row,
    table: TableShape,
    where: str,
    values: Sequence[object] = (),
    *,
    ordered: bool,
) -> None:
    """Delete the rows of a table in batches; keys are looked up without the lock.

    `ordered`: by walking along the primary key.
    """
    if not table.key:
        return
    connection, links = runner.connection, _outside(runner.connection, table.name)
    columns, marks = ", ".join(f"[{column}]" for column in table.key), ", ".join("?" * len(table.key))
    order = f"order by {columns}" if ordered else ""
    last: Sequence[object] = ()

    def delete_batch(size: int) -> bool:
        nonlocal last
        after = f"and ({columns}) > ({marks})" if last else ""
        keys = connection.execute(
            f"select {columns} from [{table.name}] where {where} {after} {order} limit ?",
            (*values, *last, size),
        ).fetchall()
        if keys:
            runner.locked(lambda: _count(connection, deletion, _remove(connection, table, keys, links)))
            last = keys[-1] if ordered else ()
        return bool(keys)

    runner.run(delete_batch)


def _remove(
    connection: sqlite3.Connection,
    table: TableShape,
    keys: Sequence[tuple[object, ...]],
    links: Sequence[Reference],
) -> int:
    """Delete the rows with these primary keys; returns how many there were."""
    if table.rowid:
        ids, chosen = (json.dumps([key[0] for key in keys]),), "in (select value from json_each(?))"
        release(connection, links, chosen, ids)
        return connection.execute(f"delete from [{table.name}] where id {chosen}", ids).rowcount
    where = " and ".join(f"[{column}] = ?" for column in table.key)
    return connection.executemany(f"delete from [{table.name}] where {where}", keys).rowcount


def _delete_before(
    path: Path,
    runner: BatchRunner,
    deletion: Row,
    timezone: str,
    stop: threading.Event | None,
    clock: Clock,
) -> None:
    connection, at, by = runner.connection, deletion["before_at"], deletion["requested_by"] or ""
    run = prune(path, lambda conn: plan_before(conn, parse_utc(at)), by, stop, clock)
    with transaction(connection):
        _count(connection, deletion, run.rows)
    if deletion["everything"]:
        for policy in ROLLED_UP:
            table, old = shape(connection, policy.table), (cutoff(policy, at, timezone),)
            _delete_batches(runner, deletion, table, f"[{policy.column}] < ?", old, ordered=True)
        runner.incremental_vacuum()
    with transaction(connection):
        _done(connection, deletion, "messages", "readings", "events", "rejects", "oddities")
