"""What a gateway's controller remembers of nodes: read from the file at the start, then kept up to date."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.db.connection import dict_rows
from ingest.db.time import parse_utc
from ingest.mysensors import replies
from ingest.mysensors.protocol import Command, Header, Message

# Libraries 2.0 and 2.1 announce their window by a heartbeat instead of I_PRE_SLEEP_NOTIFICATION.
HEARTBEAT_WINDOWS = ("2.0", "2.1")

SELECT_NODES = """select node_id, presented_at, smart_sleep_ms, protocol_version, id_given_at, last_seen_at
from nodes where gateway = ?"""
SELECT_VALUES = """select nodes.node_id, sensors.child_id, channels.type, channels.text from channels
join sensors on sensors.id = channels.sensor join nodes on nodes.id = channels.node
where nodes.gateway = ?"""


@dataclass
class KnownNodes:
    """The nodes of one gateway, by their node ids."""

    gateway: int  # gateways.id
    values: dict[Header, str] = field(default_factory=dict)  # the last payload of each Header, for C_REQ
    ids: set[int] = field(default_factory=set)  # in use: seen or assigned
    assigned: dict[int, float] = field(default_factory=dict)  # never seen since -> unix seconds
    presented: set[int] = field(default_factory=set)
    sleeping: set[int] = field(default_factory=set)
    protocols: dict[int, str] = field(default_factory=dict)  # -> version of its library
    in_bootloader: set[int] = field(default_factory=set)  # whose last message was a stream message
    requested_at: dict[int, float] = field(default_factory=dict)  # presentation -> monotonic seconds

    def record(self, messages: list[Message]) -> set[int]:
        """Note what nodes sent; returns the nodes."""
        self.values.update(messages)
        last_commands = {header.node: header.command for header, _ in messages}
        nodes = set(last_commands)
        self.ids |= nodes  # before another node in the same read is assigned an id
        for node_id in nodes & self.assigned.keys():
            del self.assigned[node_id]
        self.in_bootloader -= nodes
        self.in_bootloader |= {node for node, command in last_commands.items() if command == Command.stream}
        return nodes

    def record_presentation(self, node_id: int, version: str) -> None:
        """Note that a node presented itself: it has restarted, perhaps with another sketch."""
        self.presented.add(node_id)
        self.sleeping.discard(node_id)
        self.protocols[node_id] = version

    def announces_by_heartbeat(self, node_id: int) -> bool:
        """True for a node whose library announces its window by a heartbeat."""
        return self.protocols.get(node_id, "").startswith(HEARTBEAT_WINDOWS)

    def assign_id(self, now: float) -> int | None:
        """Take a free id at `now` (unix seconds); None when all are taken."""
        node_id = replies.free_id(self.ids, self.assigned, now)
        if node_id is not None:
            self.ids.add(node_id)
            self.assigned[node_id] = now
        return node_id

    def unpresented(self, nodes: Iterable[int], now: float, retry_s: float) -> list[int]:
        """Those of `nodes` to ask for a presentation: not within `retry_s` again, none in its bootloader."""
        return [
            node_id
            for node_id in sorted(set(nodes) - self.presented - self.in_bootloader)
            if now - self.requested_at.get(node_id, float("-inf")) >= retry_s
        ]

    def forget(self, node_id: int, child: int | None) -> None:
        """Users deleted a node, or one child of it: if it sends again, it is unpresented."""
        self.values = {
            header: value
            for header, value in self.values.items()
            if header.node != node_id or child not in (None, header.child)
        }
        if child is None:
            for nodes in (self.presented, self.sleeping, self.in_bootloader):
                nodes.discard(node_id)
            self.protocols.pop(node_id, None)
            self.requested_at.pop(node_id, None)

    def merge_imported(self, filed: "KnownNodes") -> None:
        """Take over what an import wrote into the file: ids that are taken, and what was not known here."""
        self.sleeping |= filed.sleeping - self.ids
        self.presented |= filed.presented
        self.ids |= filed.ids
        self.protocols = filed.protocols | self.protocols
        self.values = filed.values | self.values


def load_known_nodes(connection: sqlite3.Connection, gateway: int) -> KnownNodes:
    """Read it for the gateway with this number."""
    nodes = {row["node_id"]: row for row in dict_rows(connection, SELECT_NODES, (gateway,))}
    values = connection.execute(SELECT_VALUES, (gateway,))
    return KnownNodes(
        gateway,
        values={Header(node_id, child, Command.set, 0, type): text for node_id, child, type, text in values},
        ids=set(nodes),
        assigned={
            node_id: parse_utc(row["id_given_at"])
            for node_id, row in nodes.items()
            if row["id_given_at"] is not None and row["last_seen_at"] is None
        },
        presented={node_id for node_id, row in nodes.items() if row["presented_at"] is not None},
        sleeping={node_id for node_id, row in nodes.items() if row["smart_sleep_ms"] is not None},
        protocols={node_id: row["protocol_version"] or "" for node_id, row in nodes.items()},
    )
