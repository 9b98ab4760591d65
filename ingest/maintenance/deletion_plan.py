"""What a deletion that a user asks for takes: which rows, how many, whether an update is in the way."""

import sqlite3
from dataclasses import dataclass

from ingest.db.time import LocalTime, parse_utc
from ingest.maintenance.prune import references
from ingest.maintenance.retention import POLICIES, Policy
from ingest.maintenance.table_sizes import bytes_per_row, columns

KINDS = ("node", "sensor", "requests", "before")
COUNTED = 20_000  # rows of one table; more are "more than"
REQ = 2  # command of a request
ROLLED_UP = (  # deleted with what is old only where people ask for it
    Policy("battery_levels", "received_at", ""),
    Policy("events", "started_at", "", age="ended_at"),
    Policy("readings_hourly", "hour_at", ""),
    Policy("node_daily", "day", ""),
    Policy("node_radio_daily", "day", ""),
    Policy("ups_samples_hourly", "hour_at", ""),
    Policy("ups_figures_hourly", "hour_at", ""),
)


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
    found.append(Sweep("settings", _settings_of(kind, key)))
    if kind == "sensor":
        own = f"node = {node} and child_id = {key % 256}"
        found += [Sweep("messages", own, True, False), Sweep("node_daily", own)]
    return found[::-1]


def _settings_of(kind: str, key: int) -> str:
    """SQL: settings name what they are of as text."""
    if kind == "sensor":
        return f"subject = 'sensors/{key}'"
    sensors = f"select 'sensors/' || id from sensors where node = {key}"
    return f"(subject = 'nodes/{key}' or subject in ({sensors}))"


def count(connection: sqlite3.Connection, kind: str, key: int | str) -> list[RowCount]:
    """Return how many rows each table loses."""
    most: dict[str, RowCount] = {}
    for sweep in sweeps(connection, kind, key):
        counted = _count(connection, sweep.table, sweep.where)
        if counted.rows > 0 and (sweep.table not in most or counted.rows > most[sweep.table].rows):
            most[sweep.table] = counted
    return list(most.values())


def _count(connection: sqlite3.Connection, table: str, where: str, *values: str) -> RowCount:
    rows = connection.execute(
        f"select count(*) from (select 1 from [{table}] where {where} limit {COUNTED + 1})", values
    ).fetchone()[0]
    size = round(rows * bytes_per_row(connection, table)) if rows else 0
    return RowCount(table, min(rows, COUNTED), rows > COUNTED, size)


def open_update(connection: sqlite3.Connection, node: int) -> int | None:
    """Return the id of an OTA update that is under way for this node, or None."""
    row = connection.execute(
        "select id from ota_updates where node = ? and state not in ('confirmed', 'failed', 'cancelled')",
        (node,),
    ).fetchone()
    return None if row is None else int(row[0])


def plan_everything(connection: sqlite3.Connection, at: str, timezone: str) -> list[RowCount]:
    """Count what is rolled up and older than the UTC text `at`, the start of a day in `timezone`."""
    counted = (
        _count(connection, policy.table, f"[{policy.column}] < ?", cutoff(policy, at, timezone))
        for policy in ROLLED_UP
    )
    return [one for one in counted if one.rows]


def cutoff(policy: Policy, at: str, timezone: str) -> str:
    """Return the time `at` as the age column of this table has it: a UTC text, or a local day."""
    return LocalTime(timezone).day_and_hour(parse_utc(at))[0] if policy.at == "day" else at
