"""Nodes and sensors that users have deleted, as ingest sees it: rows of `deletions` that are done.

The site inserts and carries them out (`ingest/maintenance/deletion.py`).
"""

import sqlite3
from typing import NamedTuple


class Deletion(NamedTuple):
    """`child_id` is None where the whole node (`nodes.id`) was deleted."""

    number: int
    node: int
    child_id: int | None


def last_deletion(connection: sqlite3.Connection) -> int:
    """The number of the newest one: what is read from the file after it reflects it already."""
    row = connection.execute("select coalesce(max(id), 0) from deletions where state = 'done'").fetchone()
    return int(row[0])


def read_deletions(connection: sqlite3.Connection, last: int) -> list[Deletion]:
    """Those that came after the one with the number `last`."""
    rows = connection.execute(
        "select id, kind, key from deletions "
        "where id > ? and state = 'done' and kind in ('node', 'sensor') order by id",
        (last,),
    )
    return [
        Deletion(number, key, None) if kind == "node" else Deletion(number, key // 256, key % 256)
        for number, kind, key in rows
    ]
