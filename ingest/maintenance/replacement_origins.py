"""Whose rows a replacement moves: in a chain of replacements (12 by 30, 30 by 31) those of several nodes.

A moved row remembers in `moved_from` the first channel, or node, that it was of, however often it moves. A
replacement keeps these origins (`kept`), and so it takes back what it moved and nothing else, last one first.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.db.connection import Row, dict_rows

DONE_INTO = (
    "select * from node_replacements where new_node = ? and state = 'done' and id is not ? order by id"
)


@dataclass(frozen=True)
class Origins:
    """Channel of the old node -> the first channels of its rows; and the first nodes of its battery rows."""

    channels: dict[int, list[int]]
    nodes: list[int]

    @property
    def kept(self) -> dict[str, object]:
        """As it stands in `node_replacements.kept`."""
        return {"channels": self.channels, "nodes": self.nodes}

    def of_channel(self, channel: int) -> list[int]:
        """The origins of a channel; of one that appeared meanwhile it is the channel itself."""
        return self.channels.get(channel, [channel])


@dataclass(frozen=True)
class Arrivals:
    """What a replacement brought: channel of the new node -> first channels of rows, and first nodes."""

    channels: dict[int, set[int]]
    nodes: set[int]

    def overlaps(self, other: "Arrivals") -> bool:
        """Whether rows of one origin came by both: then it is not known which came by which."""
        same = any(found & other.channels.get(channel, set()) for channel, found in self.channels.items())
        return same or bool(self.nodes & other.nodes)


def read_origins(replacement: Row) -> Origins | None:
    """The origins that a replacement has kept; None of one that is not begun, or by a version before."""
    found = json.loads(replacement["kept"]).get("origins")
    if found is None:
        return None
    return Origins(
        {int(channel): list(first) for channel, first in found["channels"].items()}, found["nodes"]
    )


def find_origins(connection: sqlite3.Connection, replacement: Row, channels: Iterable[int]) -> Origins:
    """Find whose rows these channels of the old node hold."""
    came = [
        arrivals(connection, one)
        for one in dict_rows(connection, DONE_INTO, (replacement["old_node"], replacement.get("id")))
    ]
    first = {
        channel: sorted({channel}.union(*(one.channels.get(channel, set()) for one in came)))
        for channel in channels
    }
    return Origins(first, sorted({replacement["old_node"]}.union(*(one.nodes for one in came))))


def arrivals(connection: sqlite3.Connection, replacement: Row) -> Arrivals:
    """What a replacement that is begun has brought to the new node."""
    children = json.loads(replacement["kept"]).get("children", [])
    return arrivals_of(
        connection, replacement, {one["old"]: one["new"] for one in children}, read_origins(replacement)
    )


def arrivals_of(
    connection: sqlite3.Connection, replacement: Row, children: dict[int, int], origins: Origins | None
) -> Arrivals:
    """The same for `children`, old id of `sensors` -> new one, and their origins where these are kept."""
    found: dict[int, set[int]] = {}
    for old, new in children.items():
        for (channel,) in connection.execute("select id from channels where sensor = ?", (old,)).fetchall():
            first = origins.of_channel(channel) if origins else [channel]
            found.setdefault(256 * new + channel % 256, set()).update(first)
    if replacement["old_child_id"] is not None:
        return Arrivals(found, set())
    return Arrivals(found, set(origins.nodes) if origins else {replacement["old_node"]})


def mixed_with(connection: sqlite3.Connection, replacement: Row, brought: Arrivals) -> list[int]:
    """The other replacements that brought rows of the same origin to the same place."""
    others = dict_rows(connection, DONE_INTO, (replacement["new_node"], replacement.get("id")))
    return [one["id"] for one in others if arrivals(connection, one).overlaps(brought)]
