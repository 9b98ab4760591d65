"""Deleting what people name: a node or a sensor with everything that refers to it, a node's requests, what is old.

A deletion is a row of `deletions`, so that it survives a restart. What is long goes in paced chunks; the last
transaction takes what came meanwhile, the node itself, and tells ingest, which holds nodes in memory (`Store`).
Which tables refer to a node is read from the file.
"""

import json
import time
from dataclasses import dataclass, replace

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.rowid_search import ends
from ingest.db.time import LocalTime, format_utc, parse_utc
from ingest.maintenance.batches import Pace, Stopped, open_paced
from ingest.maintenance.retention import POLICIES, Policy, plan_before, prune, references, release
from ingest.maintenance.table_sizes import bytes_per_row, columns, shape

KINDS = ("node", "sensor", "requests", "before")
STATE = ("nodes", "sensors", "channels")  # ingest writes these again as long as they are not told to be gone
COUNTED = 100_000  # rows of one table; more are "more than"
REQ = 2  # command of a request
BELOW_ALL = -(1 << 63)  # ids of what was moved in may stand below zero
ROLLED_UP = (  # deleted with what is old only where people ask for it
    Policy("battery_levels", "received_at", ""),
    Policy("events", "started_at", "", age="ended_at"),
    Policy("readings_hourly", "hour_at", ""),
    Policy("node_daily", "day", ""),
    Policy("ups_samples_hourly", "hour_at", ""),
)


@dataclass(frozen=True)
class Sweep:
    """Rows of one table that go. `ordered`: the condition leads to an index whose suffix is the id; `refers` False: to
    nothing that goes, and who looks for them reads other rows, too.
    """

    table: str
    where: str
    ordered: bool = False
    refers: bool = True


@dataclass(frozen=True)
class Count:
    """How many rows of a table would go; `more`: at least so many."""

    table: str
    rows: int
    more: bool
    bytes: int


def sweeps(connection, kind, key):
    """What refers to a node or a sensor, what refers to that, and so on; what refers comes before what it refers to.

    Messages of a sensor do not refer to it, but name its node and child.
    """
    key = int(key)
    if kind == "requests":
        return [Sweep("messages", f"node = {key} and command = {REQ}", True, False)]
    root, node = ("nodes", key) if kind == "node" else ("sensors", key // 256)
    found, seen = [Sweep(root, f"id = {key}")], set()
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
        child = key % 256
        found += [
            Sweep("messages", f"node = {node} and child_id = {child}", True, False),
            Sweep("node_daily", f"node = {node} and child_id = {child}"),
        ]
    return found[::-1]


def count(connection, kind, key):
    """A Count for each table that loses rows."""
    counts = {}
    for sweep in sweeps(connection, kind, key):
        rows = connection.execute(
            f"select count(*) from (select 1 from [{sweep.table}] where {sweep.where} limit {COUNTED + 1})"
        ).fetchone()[0]
        if rows > counts.get(sweep.table, 0):
            counts[sweep.table] = rows
    return [
        Count(table, min(rows, COUNTED), rows > COUNTED, round(rows * bytes_per_row(connection, table)))
        for table, rows in counts.items()
    ]


def open_update(connection, node):
    """The id of an update over the air that is under way for this node, or None."""
    row = connection.execute(
        "select id from ota_updates where node = ? and state not in ('confirmed', 'failed', 'cancelled')",
        (node,),
    ).fetchone()
    return row and row[0]


def plan_everything(connection, at, timezone):
    """Counts of what is rolled up and older than the UTC text `at`, the start of a day in `timezone`."""
    found = []
    for policy in ROLLED_UP:
        rows = connection.execute(
            f"select count(*) from (select 1 from [{policy.table}] where [{policy.column}] < ? limit {COUNTED + 1})",
            (_since(policy, at, timezone),),
        ).fetchone()[0]
        if rows:
            size = round(rows * bytes_per_row(connection, policy.table))
            found.append(Count(policy.table, min(rows, COUNTED), rows > COUNTED, size))
    return found


def _since(policy, at, timezone):
    return LocalTime(timezone).day_and_hour(parse_utc(at))[0] if policy.at == "day" else at


def next_deletion(connection):
    """The oldest deletion that is not done, as a dict, or None."""
    cursor = connection.execute(
        "select * from deletions where state in ('queued', 'running') order by id limit 1"
    )
    row = cursor.fetchone()
    return row and dict(zip([column[0] for column in cursor.description], row))


def delete(path, deletion, timezone, stop=None):
    """Do one deletion; started again, it goes on. Returns the number of rows. Raises Stopped or sqlite3.Error."""
    connection = open_paced(path)
    try:
        with transaction(connection):
            connection.execute(
                "update deletions set state = 'running', started_at = coalesce(started_at, ?) where id = ?",
                (format_utc(time.time()), deletion["id"]),
            )
        try:
            pace = Pace(connection, stop)
            if deletion["kind"] == "before":
                _delete_before(path, pace, deletion, timezone, stop)
            else:
                _delete_thing(pace, deletion)
                pace.give_back()
        except Stopped:
            raise
        except Exception as error:
            with transaction(connection):
                connection.execute(
                    "update deletions set state = 'failed', detail = ?, done_at = ? where id = ?",
                    (str(error), format_utc(time.time()), deletion["id"]),
                )
            raise
        return connection.execute("select rows from deletions where id = ?", (deletion["id"],)).fetchone()[0]
    finally:
        connection.close()


def _count(connection, deletion, rows):
    connection.execute("update deletions set rows = rows + ? where id = ?", (rows, deletion["id"]))


def _done(connection, deletion, topics):
    now = time.time()
    connection.execute(
        "update deletions set state = 'done', done_at = ? where id = ?", (format_utc(now), deletion["id"])
    )
    raise_topics(connection, topics, now)


def _delete_thing(pace, deletion):
    connection = pace.connection
    found = sweeps(connection, deletion["kind"], deletion["key"])
    links = {sweep.table: _outside(connection, sweep.table) for sweep in found}
    rest = []  # for the last transaction: what came meanwhile
    for sweep in found:
        _, newest = ends(connection, sweep.table) if not sweep.refers else (None, None)
        if sweep.table not in STATE:
            _sweep(pace, deletion, sweep)
        rest.append(sweep if newest is None else replace(sweep, where=f"{sweep.where} and id > {newest}"))

    def last():
        for sweep in rest:
            _release(connection, links[sweep.table], sweep)
            rows = connection.execute(f"delete from [{sweep.table}] where {sweep.where}").rowcount
            _count(connection, deletion, rows)
        _done(connection, deletion, ("deletions", "messages", "nodes", "readings"))

    pace.locked(last)


def _outside(connection, table):
    """References to a raw table, whose rows are let go: those to other tables have a sweep of their own."""
    return references(connection, table) if table in {policy.table for policy in POLICIES} else []


def _release(connection, links, sweep):
    if links:
        release(connection, links, f"in (select id from [{sweep.table}] where {sweep.where})", ())


def _sweep(pace, deletion, sweep):
    """Delete the rows of one sweep in chunks; keys are looked up without the lock."""
    connection, table = pace.connection, shape(pace.connection, sweep.table)
    links = _outside(connection, sweep.table)
    last = BELOW_ALL

    def chunk(size):
        nonlocal last
        if not table.key:
            return None
        if table.rowid:
            order = f"and id > {last} order by id" if sweep.ordered else ""
            keys = [
                row[0]
                for row in connection.execute(
                    f"select id from [{sweep.table}] where {sweep.where} {order} limit {size}"
                )
            ]
        else:
            columns = ", ".join(f"[{column}]" for column in table.key)
            keys = connection.execute(
                f"select {columns} from [{sweep.table}] where {sweep.where} limit {size}"
            ).fetchall()
        if not keys:
            return None
        pace.locked(lambda: remove(keys))
        if table.rowid:
            last = keys[-1]
        return True

    def remove(keys):
        _count(connection, deletion, _remove(connection, table, keys, links))

    pace.run(chunk)


def _remove(connection, table, keys, links=()):
    if table.rowid:
        values = (json.dumps(keys),)
        release(connection, links, "in (select value from json_each(?))", values)
        return connection.execute(
            f"delete from [{table.name}] where id in (select value from json_each(?))", values
        ).rowcount
    where = " and ".join(f"[{column}] = ?" for column in table.key)
    return connection.executemany(f"delete from [{table.name}] where {where}", keys).rowcount


def _delete_before(path, pace, deletion, timezone, stop):
    connection, at = pace.connection, deletion["before_at"]
    run = prune(path, lambda conn: plan_before(conn, parse_utc(at)), deletion["requested_by"] or "", stop)
    with transaction(connection):
        _count(connection, deletion, run.rows)
    if deletion["everything"]:
        for policy in ROLLED_UP:
            _delete_old(pace, deletion, policy, _since(policy, at, timezone))
        pace.give_back()
    with transaction(connection):
        _done(connection, deletion, ("messages", "readings", "events", "rejects", "oddities"))


def _delete_old(pace, deletion, policy, at):
    """Walk a table by its primary key and delete what is older than `at`."""
    connection, table = pace.connection, shape(pace.connection, policy.table)
    columns = ", ".join(f"[{column}]" for column in table.key)
    marks = ", ".join("?" * len(table.key))
    last = None

    def chunk(size):
        nonlocal last
        after = f"and ({columns}) > ({marks})" if last else ""
        keys = connection.execute(
            f"select {columns} from [{policy.table}] where [{policy.column}] < ? {after} order by {columns} limit ?",
            (at, *(last or ()), size),
        ).fetchall()
        if not keys:
            return None
        rows = [key[0] for key in keys] if table.rowid else keys
        pace.locked(lambda: _count(connection, deletion, _remove(connection, table, rows)))
        last = keys[-1]
        return True

    pace.run(chunk)
