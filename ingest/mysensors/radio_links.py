"""What debug lines and I_LOCKED say of nodes: parents, acknowledgements by day, nodes that are locked."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.mysensors.debug_lines import parse_debug_line
from ingest.mysensors.protocol import GATEWAY_NODE, Command, Header, Internal
from ingest.mysensors.state import NodeState

# `_nodeLock()` of the library (MY_NODE_LOCK_FEATURE) sends one of these, again every half hour.
LOCK_REASONS = {
    "LDB": "it was locked when it started",
    "TMNR": "too many nonces were requested of it",
    "TMFV": "too many messages to it failed their verification, or came from senders off its whitelist",
}
REMEDY = "to unlock it, connect its unlock pin to ground and reset it"

MERGE_LINKS = """insert into node_radio_daily (day, node, sent, nacks) select ?1, ?2, ?3, ?4
where exists (select 1 from nodes where id = ?2)
on conflict (day, node) do update set sent = sent + excluded.sent, nacks = nacks + excluded.nacks"""
LOCK = """insert into events (event, node, started_at, detail, figures) select 'NODE_LOCKED', ?1, ?2, ?3, ?4
where exists (select 1 from nodes where id = ?1)
and not exists (select 1 from events where event = 'NODE_LOCKED' and node = ?1 and ended_at is null)"""
UNLOCK = "update events set ended_at = ?2 where event = 'NODE_LOCKED' and node = ?1 and ended_at is null"
LOCKED = "select node from events where event = 'NODE_LOCKED' and ended_at is null"


def speaks_of_links(header: Header) -> bool:
    """Whether RadioLinks takes messages with this header."""
    is_internal = header.command == Command.internal and not header.echo
    return is_internal and header.type in (Internal.I_LOG_MESSAGE, Internal.I_LOCKED)


@dataclass(eq=False)
class RadioLinks:
    """What waits to be written, and which nodes (`nodes.id`) are `locked` now."""

    locked: set[int] = field(default_factory=set)
    _counts: dict[tuple[str, int], list[int]] = field(default_factory=dict)  # (day, node) -> [sent, nacks]
    _changes: list[tuple[str, tuple[int | str, ...]]] = field(default_factory=list)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take over which nodes are locked."""
        self.locked = {node for (node,) in connection.execute(LOCKED)}

    def debug_line(
        self, writer: NodeState, text: str, day: str, nodes: Mapping[int, NodeState]
    ) -> list[NodeState]:
        """Take a debug line of a gateway or node; returns the nodes whose parent it has changed."""
        line = parse_debug_line(writer.node_id, text)
        if line is None:
            return []
        first = 256 * writer.gateway
        if line.link is not None:
            key = (day, first + line.link)
            count = self._counts.get(key)
            if count is None:
                count = self._counts[key] = [0, 0]
            count[0] += 1
            count[1] += not line.acknowledged
        changed = []
        for node_id, parent in line.parents.items():
            node = nodes.get(first + node_id)
            if node is None or node.parent_node_id == parent:  # nearly always
                continue
            if _is_news(node, parent, line.parents):
                node.parent_node_id = parent
                changed.append(node)
        return changed

    def lock(self, node: int, code: str, at: str) -> None:
        """Take an I_LOCKED."""
        if node not in self.locked:
            self.locked.add(node)
            code = code.strip()
            reason = LOCK_REASONS.get(code, "the reason is not known")
            detail = f"{reason}{f' ({code})' if code else ''}; {REMEDY}"
            self._changes.append((LOCK, (node, at, detail, json.dumps({"code": code}))))

    def heard(self, node: int, at: str) -> None:
        """Take anything else of a locked node: it runs again."""
        self.locked.discard(node)
        self._changes.append((UNLOCK, (node, at)))

    @property
    def is_urgent(self) -> bool:
        """Whether an event that begins or ends waits to be written."""
        return bool(self._changes)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what waits; returns the topics that changed."""
        rows = [(*key, *counts) for key, counts in self._counts.items()]
        connection.executemany(MERGE_LINKS, rows)
        for statement, values in self._changes:
            connection.execute(statement, values)
        return ({"events"} if self._changes else set()) | ({"nodes"} if rows else set())

    def committed(self) -> None:
        """Forget what waited."""
        self._counts, self._changes = {}, []


def _is_news(node: NodeState, parent: int, parents: Mapping[int, int]) -> bool:
    """Whether a line that names another parent of a node than the one known says something new.

    Of a message through a repeater it names the last one before the gateway: the parent only where there is
    no other between, which the node itself tells.
    """
    held = node.parent_node_id
    if parent == node.node_id or node.node_id == GATEWAY_NODE:
        return False
    through_repeater = parent in parents
    return not through_repeater or held is None or held == GATEWAY_NODE
