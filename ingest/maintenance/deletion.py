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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.rowid_search import ends
from ingest.db.time import LocalTime, format_utc, parse_utc
from ingest.maintenance.batches import (
    DEFAULT_LIMITS,
    BatchLimits,
    BatchRunner,
    StoppedError,
    open_for_deleting,
)
from ingest.maintenance.retention import POLICIES, Policy, Reference, plan_before, prune, references, release
from ingest.maintenance.table_sizes import TableShape, bytes_per_row, columns, shape

KINDS = ("node", "sensor", "requests", "before")
STATE = ("nodes", "sensors", "channels")  # ingest writes these again until it knows that they are gone
COUNTED = 100_000  # rows of one table; more are "more than"
REQ = 2  # command of a request
BELOW_ALL = -(1 << 63)  # ids of imported rows may be below zero
ROLLED_UP = (  # deleted with what is old only where people ask for it
    Policy("battery_levels", "received_at", ""),
    Policy("events", "started_at", "", age="ended_at"),
    Policy("readings_hourly", "hour_at", ""),
    Policy("node_daily", "day", ""),
    Policy("ups_samples_hourly", "hour_at", ""),
)

Row = dict[str, Any]  # a row of a table: its values are of the types of its columns


@dataclass(frozen=True)
class Sweep:
    """Rows of one table that go.

    `ordered`: the condition leads to an index whose suffix is the id. `refers` is False for rows that refer
    to nothing that goes; looking for those reads other rows, too.
    """

    table: str
    where: str
    ordered: bool = False
    refers: bool = True


@dataclass(frozen=True)
class RowCount:
    """How many rows of a table would go; `more`: at least so many."""

    table: str
    rows: int
    more: bool
    bytes: int


def sweeps(connection: sqlite3.Connection, kind: str, key: int | str) -> list[Sweep]:
    """Return what refers to a node or a sensor, what refers to that, and so on, in the order of deletion.

    Messages of a sensor do not refer to it, but name its node and child.
    """
    key = int(key)
    if kind == "requests":
        return [Sweep("messages", f"node = {key} and command = {REQ}", True, False)]
    root, node = ("nodes", key) if kind == "node" else ("sensors", key // 256)
    found = [Sweep(root, f"id = {key}")]
    seen: set[tuple[str, str]] = set()
    raw = {policy.table for policy in POLICIES} - {"polls"}
    for sweep in found:  # grows while it is walked
        if sweep.table in raw:  # what refers to one of those rows is released with it
            continue
        for child, column, _ in references(connection, sweep.table):
            if (child, column) in seen:
                continue
            seen.add((child, column))
            where = (
                f"[{column}] = {key}"
                if sweep.table == root
                else f"[{column}] in (select id from [{sweep.table}] where {sweep.where})"
            )
            if column != "node" and "node" in columns(
                connection, child
            ):  # not every other column has an index
                where = f"node = {node} and {where}"
            found.append(Sweep(child, where, sweep.table == root))
    if kind == "sensor":
        child_id = key % 256
        found += [
            Sweep("messages", f"node = {node} and child_id = {child_id}", True, False),
            Sweep("node_daily", f"node = {node} and child_id = {child_id}"),
        ]
    return found[::-1]


def count(connection: sqlite3.Connection, kind: str, key: int | str) -> list[RowCount]:
    """Return how many rows each table loses."""
    counts: dict[str, int] = {}
    for sweep in sweeps(connection, kind, key):
        rows = connection.execute(
            f"select count(*) from (select 1 from [{sweep.table}] where {sweep.where} limit {COUNTED + 1})"
        ).fetchone()[0]
        if rows > counts.get(sweep.table, 0):
            counts[sweep.table] = rows
    return [
        RowCount(table, min(rows, COUNTED), rows > COUNTED, round(rows * bytes_per_row(connection, table)))
        for table, rows in counts.items()
    ]


def open_update(connection: sqlite3.Connection, node: int) -> int | None:
    """Return the id of an OTA update that is under way for this node, or None."""
    row = connection.execute(
        "select id from ota_updates where node = ? and state not in ('confirmed', 'failed', 'cancelled')",
        (node,),
    ).fetchone()
    return None if row is None else int(row[0])


def plan_everything(connection: sqlite3.Connection, at: str, timezone: str) -> list[RowCount]:
    """Count what is rolled up and older than the UTC text `at`, the start of a day in `timezone`."""
    found = []
    for policy in ROLLED_UP:
        rows = connection.execute(
            f"select count(*) from "
            f"(select 1 from [{policy.table}] where [{policy.column}] < ? limit {COUNTED + 1})",
            (_since(policy, at, timezone),),
        ).fetchone()[0]
        if rows:
            size = round(rows * bytes_per_row(connection, policy.table))
            found.append(RowCount(policy.table, min(rows, COUNTED), rows > COUNTED, size))
    return found


def _since(policy: Policy, at: str, timezone: str) -> str:
    return LocalTime(timezone).day_and_hour(parse_utc(at))[0] if policy.at == "day" else at


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
            _delete_old(runner, deletion, policy, _since(policy, at, timezone))
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
