"""Replacements of nodes that are done, or were taken back, as ingest sees them: rows of `node_replacements`.

The site inserts and carries them out (`ingest/maintenance/replacement.py`).
"""

import sqlite3
from typing import NamedTuple


class Replacement(NamedTuple):
    """The history of `old_node` goes on under `new_node` (`nodes.id`), or went back."""

    number: int
    state: str
    old_node: int
    new_node: int


def read_replacements(connection: sqlite3.Connection) -> set[Replacement]:
    """Return all that have ended."""
    rows = connection.execute(
        "select id, state, old_node, new_node from node_replacements where state in ('done', 'reverted')"
    )
    return {Replacement(*row) for row in rows}
