"""Deletions that users ask for: a node or sensor with all that refers to it, requests, what is old.

A deletion is a row of `deletions`, so that it survives a restart. What is long goes in batches; the last
transaction takes what came meanwhile, the node itself, and raises the topics by which ingest, which holds
nodes in memory (`Store`), knows. Which tables refer to a node is read from the file.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.rowid_search import ends
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.batches import (
    DEFAULT_LIMITS,
    BatchLimits,
    BatchRunner,
    StoppedError,
    open_for_deleting,
)
from ingest.maintenance.deletion_plan import ROLLED_UP, Sweep, cutoff, sweeps
from ingest.maintenance.prune import Reference, prune, references, release
from ingest.maintenance.retention import POLICIES, Policy, plan_before
from ingest.maintenance.table_sizes import TableShape, shape

STATE = ("nodes", "sensors", "channels")  # ingest writes these again until it knows that they are gone
BELOW_ALL = -(1 << 63)  # ids of imported rows may be below zero

Row = dict[str, Any]  # a row of a table: its values are of the types of its columns


def next_deletion(connection: sqlite3.Connection) -> Row | None:
    """Return the row of the oldest deletion that is not done, or None."""
    cursor = connection.execute(
        "select * from deletions where state in ('queued', 'running') order by id limit 1"
    )
    row = cursor.fetchone()
    return row and dict(zip([column[0] for column in cursor.description], row, strict=True))


def delete(
    path: Path,
    deletion: Row,
    timezone: str,
    stop: threading.Event | None = None,
    limits: BatchLimits = DEFAULT_LIMITS,
) -> int:
    """Do one deletion; started again, it goes on. Returns the number of rows.

    Raises StoppedError or sqlite3.Error.
    """
    connection = open_for_deleting(path)
    try:
        with transaction(connection):
            connection.execute(
                "update deletions set state = 'running', started_at = coalesce(started_at, ?) where id = ?",
                (format_utc(time.time()), deletion["id"]),
            )
        try:
            runner = BatchRunner(connection, stop, limits)
            if deletion["kind"] == "before":
                _delete_before(path, runner, deletion, timezone, stop)
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
        found = connection.execute("select rows from deletions where id = ?", (deletion["id"],)).fetchone()
        return int(found[0])
    finally:
        connection.close()


def _count(connection: sqlite3.Connection, deletion: Row, rows: int) -> None:
    connection.execute("update deletions set rows = rows + ? where id = ?", (rows, deletion["id"]))


def _done(connection: sqlite3.Connection, deletion: Row, topics: Iterable[str]) -> None:
    now = time.time()
    connection.execute(
        "update deletions set state = 'done', done_at = ? where id = ?", (format_utc(now), deletion["id"])
    )
    raise_topics(connection, topics, now)


def _delete_rows(runner: BatchRunner, deletion: Row) -> None:
    connection = runner.connection
    found = sweeps(connection, deletion["kind"], deletion["key"])
    links = {sweep.table: _outside(connection, sweep.table) for sweep in found}
    rest: list[Sweep] = []  # for the last transaction: what came meanwhile
    for sweep in found:
        _, newest = ends(connection, sweep.table) if not sweep.refers else (None, None)
        if sweep.table not in STATE:
            _sweep(runner, deletion, sweep)
        rest.append(sweep if newest is None else replace(sweep, where=f"{sweep.where} and id > {newest}"))

    def finish() -> None:
        for sweep in rest:
            _release(connection, links[sweep.table], sweep)
            rows = connection.execute(f"delete from [{sweep.table}] where {sweep.where}").rowcount
            _count(connection, deletion, rows)
        _done(connection, deletion, ("deletions", "messages", "nodes", "readings"))

    runner.locked(finish)


def _outside(connection: sqlite3.Connection, table: str) -> list[Reference]:
    """References to a raw table, which are cleared; those to other tables have a sweep of their own."""
    return references(connection, table) if table in {policy.table for policy in POLICIES} else []


def _release(connection: sqlite3.Connection, links: list[Reference], sweep: Sweep) -> None:
    if links:
        release(connection, links, f"in (select id from [{sweep.table}] where {sweep.where})", ())


def _sweep(runner: BatchRunner, deletion: Row, sweep: Sweep) -> None:
    """Delete the rows of one sweep in batches; keys are looked up without the lock."""
    connection, table = runner.connection, shape(runner.connection, sweep.table)
    links = _outside(connection, sweep.table)
    last = BELOW_ALL

    def delete_batch(size: int) -> bool:
        nonlocal last
        if not table.key:
            return False
        columns = ", ".join(f"[{column}]" for column in table.key)
        order = f"and id > {last} order by id" if table.rowid and sweep.ordered else ""
        keys = connection.execute(
            f"select {columns} from [{sweep.table}] where {sweep.where} {order} limit {size}"
        ).fetchall()
        if not keys:
            return False
        runner.locked(lambda: _count(connection, deletion, _remove(connection, table, keys, links)))
        if table.rowid:
            last = keys[-1][0]
        return True

    runner.run(delete_batch)


def _remove(
    connection: sqlite3.Connection,
    table: TableShape,
    keys: Sequence[tuple[object, ...]],
    links: Sequence[Reference] = (),
) -> int:
    """Delete the rows with these primary keys; returns how many there were."""
    if table.rowid:
        values = (json.dumps([key[0] for key in keys]),)
        release(connection, links, "in (select value from json_each(?))", values)
        return connection.execute(
            f"delete from [{table.name}] where id in (select value from json_each(?))", values
        ).rowcount
    where = " and ".join(f"[{column}] = ?" for column in table.key)
    return connection.executemany(f"delete from [{table.name}] where {where}", keys).rowcount


def _delete_before(
    path: Path, runner: BatchRunner, deletion: Row, timezone: str, stop: threading.Event | None
) -> None:
    connection, at = runner.connection, deletion["before_at"]
    run = prune(path, lambda conn: plan_before(conn, parse_utc(at)), deletion["requested_by"] or "", stop)
    with transaction(connection):
        _count(connection, deletion, run.rows)
    if deletion["everything"]:
        for policy in ROLLED_UP:
            _delete_old(runner, deletion, policy, cutoff(policy, at, timezone))
        runner.incremental_vacuum()
    with transaction(connection):
        _done(connection, deletion, ("messages", "readings", "events", "rejects", "oddities"))


def _delete_old(runner: BatchRunner, deletion: Row, policy: Policy, at: str) -> None:
    """Walk a table by its primary key and delete what is older than `at`."""
    connection, table = runner.connection, shape(runner.connection, policy.table)
    columns = ", ".join(f"[{column}]" for column in table.key)
    marks = ", ".join("?" * len(table.key))
    last: tuple[object, ...] | None = None

    def delete_batch(size: int) -> bool:
        nonlocal last
        after = f"and ({columns}) > ({marks})" if last else ""
        keys = connection.execute(
            f"select {columns} from [{policy.table}] where [{policy.column}] < ? {after} "
            f"order by {columns} limit ?",
            (at, *(last or ()), size),
        ).fetchall()
        if not keys:
            return False
        runner.locked(lambda: _count(connection, deletion, _remove(connection, table, keys)))
        last = keys[-1]
        return True

    runner.run(delete_batch)
