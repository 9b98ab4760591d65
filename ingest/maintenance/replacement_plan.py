"""What the replacement of a node, or of one of its children, moves: which children, how many rows.

A child joins the child of the new node that has the same id and the same S_ type, or moves where that id is
free; one whose id the new node uses for another type stays, and can be moved as a child.
"""

import sqlite3
from dataclasses import dataclass

from ingest.db.connection import Row
from ingest.maintenance.deletion_plan import COUNTED
from ingest.maintenance.replacement_origins import arrivals, arrivals_of, find_origins, mixed_with
from ingest.maintenance.table_sizes import bytes_per_row

JOINS, MOVES, STAYS = "joins", "moves", "stays"
# Versions before let a row remember only whose it was before its last move.
PASSED_ON = """select id from node_replacements where id > :id and old_node = :new_node and kept <> '{}'
and json_extract(kept, '$.origins') is null
and (old_child_id is null or :new_child_id is null or old_child_id = :new_child_id) order by id"""


@dataclass(frozen=True)
class ChildMove:
    """A child of the old node and where its history goes."""

    old: int  # sensors.id
    new: int
    outcome: str  # JOINS, MOVES, STAYS
    name: str
    reason: str = ""


@dataclass(frozen=True)
class MovedRows:
    """How many rows of a table move; `more`: at least so many."""

    table: str
    rows: int
    more: bool
    bytes: int


def is_child(replacement: Row) -> bool:
    """True for the replacement of one child, not of a node with all that it has."""
    return replacement["old_child_id"] is not None


def child_moves(connection: sqlite3.Connection, replacement: Row) -> list[ChildMove]:
    """Return what becomes of each child of the old node; of one, where one is replaced."""
    old_node, new_node = replacement["old_node"], replacement["new_node"]
    if is_child(replacement):
        pair = 256 * old_node + replacement["old_child_id"], 256 * new_node + replacement["new_child_id"]
        return [_child_move(connection, *pair, forced=True)]
    rows = connection.execute("select id from sensors where node = ? order by id", (old_node,)).fetchall()
    return [_child_move(connection, row[0], 256 * new_node + row[0] % 256) for row in rows]


def _child_move(connection: sqlite3.Connection, old: int, new: int, forced: bool = False) -> ChildMove:
    found = dict(
        (key, (type, type_name, name))
        for key, type, type_name, name in connection.execute(
            "select id, type, type_name, name from sensors where id in (?, ?)", (old, new)
        ).fetchall()
    )
    old_type, _, name = found[old]
    if new not in found:
        return ChildMove(old, new, MOVES, name)
    new_type, type_name, _ = found[new]
    if forced or old_type is None or new_type is None or old_type == new_type:
        return ChildMove(old, new, JOINS, name)
    return ChildMove(old, new, STAYS, name, f"child {new % 256} of the new node is {type_name}")


def count_moved(connection: sqlite3.Connection, replacement: Row) -> list[MovedRows]:
    """Return how many rows of each table move."""
    sensors = ", ".join(
        str(move.old) for move in child_moves(connection, replacement) if move.outcome != STAYS
    )
    channels = f"channel in (select id from channels where sensor in ({sensors}))"
    wheres = {"readings": channels, "readings_hourly": channels, "node_daily": daily_where(replacement)}
    if not is_child(replacement):
        node = f"node = {replacement['old_node']:d}"
        wheres |= {"battery_levels": node, "battery_changes": node}
    found = []
    for table, where in wheres.items():
        rows = connection.execute(
            f"select count(*) from (select 1 from {table} where {where} limit {COUNTED + 1})"
        ).fetchone()[0]
        if rows:
            size = round(min(rows, COUNTED) * bytes_per_row(connection, table))
            found.append(MovedRows(table, min(rows, COUNTED), rows > COUNTED, size))
    return found


def daily_where(replacement: Row) -> str:
    """The rows of `node_daily` that move, as SQL."""
    where = f"node = {replacement['old_node']:d}"
    return f"{where} and child_id = {replacement['old_child_id']:d}" if is_child(replacement) else where


def why_not(connection: sqlite3.Connection, replacement: Row) -> str | None:
    """Why this replacement cannot be done now, or None."""
    old, new = replacement["old_node"], replacement["new_node"]
    if old == new and replacement["old_child_id"] == replacement["new_child_id"]:
        return "the old one and the new one are the same"
    if not is_child(replacement) and 0 in (old % 256, new % 256):
        return "a gateway itself is not replaced by a node"
    under_way = connection.execute(
        "select id from node_replacements where state in ('queued', 'running', 'reverting') "
        "and (old_node in (?1, ?2) or new_node in (?1, ?2))",
        (old, new),
    ).fetchone()
    if under_way:
        return f"replacement {under_way[0]} of one of them is under way"
    update = connection.execute(
        "select id from ota_updates where node in (?, ?) "
        "and state not in ('confirmed', 'failed', 'cancelled')",
        (old, new),
    ).fetchone()
    if update and not is_child(replacement):
        return f"update {update[0]} of one of them is under way: cancel it first"
    deletion = connection.execute(
        "select id from deletions where state in ('queued', 'running') and kind = 'node' and key in (?, ?)",
        (old, new),
    ).fetchone()
    return f"deletion {deletion[0]} of one of them is under way" if deletion else None


def why_not_retried(connection: sqlite3.Connection, replacement: Row) -> str | None:
    """Why a replacement that failed cannot go on, or None."""
    if replacement["state"] != "failed":
        return f"replacement {replacement['id']} is {replacement['state']}"
    return why_not(connection, replacement)


def made_final(connection: sqlite3.Connection, replacement: Row) -> list[int]:
    """The replacements that cannot be taken back any more once this one, not yet placed, begins."""
    children = {move.old: move.new for move in child_moves(connection, replacement) if move.outcome != STAYS}
    sensors = ", ".join(map(str, children))
    channels = [row[0] for row in connection.execute(f"select id from channels where sensor in ({sensors})")]
    origins = find_origins(connection, replacement, channels)
    brought = arrivals_of(connection, replacement, children, origins)
    return mixed_with(connection, replacement, brought)


def why_not_reverted(connection: sqlite3.Connection, replacement: Row) -> str | None:
    """Why a replacement cannot be taken back, or None."""
    if replacement["state"] != "done":
        return f"replacement {replacement['id']} is {replacement['state']}"
    old, new = replacement["old_node"], replacement["new_node"]
    row = connection.execute("select last_seen_at from nodes where id = ?", (old,)).fetchone()
    heard_at = row[0] if row else None
    if row is None:
        return "the old node was deleted since"
    if not is_child(replacement) and heard_at is not None and heard_at > replacement["done_at"]:
        return f"the old id was heard again at {heard_at}"
    passed = connection.execute(PASSED_ON, replacement).fetchone()
    if passed:
        return f"replacement {passed[0]} passed its history on: whose it was is not known any more"
    mixed = mixed_with(connection, replacement, arrivals(connection, replacement))
    if mixed:
        numbers = ", ".join(map(str, mixed))
        return f"replacement {numbers} moved rows of the same node: which of them did which is not known"
    later = connection.execute(
        "select id from node_replacements where id > ? and state not in ('reverted', 'failed') "
        "and (old_node in (?2, ?3) or new_node in (?2, ?3))".replace("id > ?", "id > ?1"),
        (replacement["id"], old, new),
    ).fetchone()
    return f"replacement {later[0]} of one of them came after it: take that back first" if later else None
