"""What a gateway's controller remembers of nodes: read from the file at the start, then kept up to date."""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.db.connection import Row, dict_rows
from ingest.db.time import parse_utc
from ingest.mysensors.node_ids import GivenId, NodeIds
from ingest.mysensors.protocol import Command, Header, Message
from ingest.mysensors.sleep import AUTO, SLEEPER_WINDOWS, NodeSleep, announces_by_heartbeat

STREAM = int(Command.stream)  # plain: members of an enum are slow to reach, and this is for every message
NEVER = float("-inf")

COLUMNS = "presented_at, smart_sleep_ms, windows, usual_interval_s, protocol_version, last_seen_at"
SELECT_NODES = f"select node_id, {COLUMNS} from nodes where gateway = ?"
SELECT_NODE = f"""select {COLUMNS}, (select value from settings
where subject = 'nodes/' || nodes.id and key = 'sleep') as setting from nodes where id = ?"""
SELECT_STORED = f"""select nodes.node_id, child_id, {Command.set:d}, 0, channels.type from channels
join sensors on sensors.id = channels.sensor join nodes on nodes.id = channels.node where nodes.gateway = ?1
union select nodes.node_id, child_id, {Command.presentation:d}, 0, sensors.type from sensors
join nodes on nodes.id = sensors.node where nodes.gateway = ?1 and sensors.type is not null"""
SELECT_GIVEN = "select node_id, token, given_at from given_ids where gateway = ? order by id"
SELECT_VALUES = """select nodes.node_id, sensors.child_id, channels.type,
case when channels.wanted_newer then channels.wanted else channels.text end as text from channels
join sensors on sensors.id = channels.sensor join nodes on nodes.id = channels.node
where nodes.gateway = ? and (channels.wanted_newer or channels.text is not null)"""


@dataclass
class KnownNodes:
    """The nodes of one gateway, by their node ids."""

    gateway: int  # gateways.id
    answers_version: bool | None = None  # the gateway itself, when asked; None: not known
    # The last payload of each Header, reported or ordered, whichever arrived last: for C_REQ.
    values: dict[Header, str] = field(default_factory=dict)
    ids: NodeIds = field(default_factory=NodeIds)
    presented: set[int] = field(default_factory=set)
    sleep: dict[int, NodeSleep] = field(default_factory=dict)
    protocols: dict[int, str] = field(default_factory=dict)  # -> version of its library
    in_bootloader: set[int] = field(default_factory=set)  # whose last message was a stream message
    requested_at: dict[int, float] = field(default_factory=dict)  # presentation -> monotonic seconds
    stored: frozenset[Header] = frozenset()  # of the messages that made the channels and sensors in the file

    def record(self, messages: list[Message]) -> set[int]:
        """Note what nodes sent; returns the nodes."""
        self.values.update(messages)
        last_commands = {header.node: header.command for header, _ in messages}
        nodes = set(last_commands)
        self.ids.hear(nodes)  # before another node in the same read is given an id
        self.in_bootloader -= nodes
        if STREAM in last_commands.values():
            self.in_bootloader |= {node for node, command in last_commands.items() if command == STREAM}
        return nodes

    def doubt(self, node_id: int, child: int, type: int) -> None:
        """Readings of this channel were marked: whether the last one counts, the store knows."""
        self.values[Header(node_id, child, Command.set, 0, type)] = ""

    def record_presentation(self, node_id: int, version: str) -> None:
        """Note that a node presented itself: it has restarted, perhaps with another sketch."""
        self.presented.add(node_id)
        self.sleep_of(node_id).present()
        self.protocols[node_id] = version

    def sleep_of(self, node_id: int) -> NodeSleep:
        """What is known of the sleep of a node."""
        return self.sleep.setdefault(node_id, NodeSleep())

    def announces_by_heartbeat(self, node_id: int) -> bool:
        """True for a node whose library announces its window by a heartbeat."""
        return announces_by_heartbeat(self.protocols.get(node_id))

    def unpresented(self, nodes: Iterable[int], now: float, retry_s: float) -> list[int]:
        """Those of `nodes` to ask for a presentation: not within `retry_s` again, none in its bootloader."""
        asked = self.requested_at
        due = {node_id for node_id in nodes if now - asked.get(node_id, NEVER) >= retry_s}
        return sorted(due - self.presented - self.in_bootloader)

    def forget(self, node_id: int, child: int | None, is_gone: bool = True) -> None:
        """Users deleted a node, or one child of it: if it sends again, it is unpresented.

        Its id is free at once, unless it was heard meanwhile: then it is not `is_gone`.
        """
        self.values = {
            header: value
            for header, value in self.values.items()
            if header.node != node_id or child not in (None, header.child)
        }
        if child is None:
            for nodes in (self.presented, self.in_bootloader):
                nodes.discard(node_id)
            self.sleep.pop(node_id, None)
            self.protocols.pop(node_id, None)
            self.requested_at.pop(node_id, None)
            if is_gone:
                self.ids.free(node_id)

    def merge_imported(self, filed: "KnownNodes") -> None:
        """Take over what an import wrote into the file: ids that are taken, and what was not known here."""
        fresh = filed.sleep.keys() - self.ids.used
        self.sleep |= {node_id: filed.sleep[node_id] for node_id in fresh}
        self.presented |= filed.presented
        self.ids.hear(filed.ids.used)
        self.protocols = filed.protocols | self.protocols
        self.values = filed.values | self.values


def load_known_nodes(connection: sqlite3.Connection, gateway: int) -> KnownNodes:
    """Read it for the gateway with this number."""
    nodes = {row["node_id"]: row for row in dict_rows(connection, SELECT_NODES, (gateway,))}
    values = connection.execute(SELECT_VALUES, (gateway,))
    answers = connection.execute("select answers_version from gateways where id = ?", (gateway,)).fetchone()
    return KnownNodes(
        gateway,
        answers_version=None if answers is None or answers[0] is None else bool(answers[0]),
        values={Header(node_id, child, Command.set, 0, type): text for node_id, child, type, text in values},
        ids=NodeIds(set(nodes), _given_ids(connection, gateway)),
        presented={node_id for node_id, row in nodes.items() if row["presented_at"] is not None},
        sleep={node_id: _read_sleep(row) for node_id, row in nodes.items()},
        protocols={node_id: row["protocol_version"] or "" for node_id, row in nodes.items()},
        stored=frozenset(Header(*row) for row in connection.execute(SELECT_STORED, (gateway,))),
    )


def read_node_sleep(connection: sqlite3.Connection, node: int) -> NodeSleep:
    """What the file tells of the sleep of one node, what a user has set included."""
    row = dict_rows(connection, SELECT_NODE, (node,))[0]
    sleep = _read_sleep(row)
    sleep.setting = row["setting"] or AUTO
    return sleep


def _given_ids(connection: sqlite3.Connection, gateway: int) -> list[GivenId]:
    """The ids that were given and never heard. How long ago is by the clock: a step of it may only delay."""
    now, wall = time.monotonic(), time.time()
    return [
        GivenId(node_id, token, now - max(0.0, wall - parse_utc(given_at)))
        for node_id, token, given_at in connection.execute(SELECT_GIVEN, (gateway,))
    ]


def _read_sleep(row: Row) -> NodeSleep:
    """A sleeper that an import brought has no counted windows."""
    windows = row["windows"] if row["smart_sleep_ms"] is None else SLEEPER_WINDOWS
    is_explicit = not announces_by_heartbeat(row["protocol_version"])
    seen = None
    if row["last_seen_at"] is not None:
        seen = time.monotonic() - max(0.0, time.time() - parse_utc(row["last_seen_at"]))
    return NodeSleep(windows, is_explicit, usual_s=row["usual_interval_s"], seen=seen)
