"""What a broker may send again and is stored once: retained messages, and those not acknowledged."""

import hashlib
import sqlite3
from dataclasses import dataclass, field

from ingest.mysensors.protocol import Header

MAX_RETAINED = 20_000  # retained topics of one gateway that are stored
KEPT_PACKETS = 1000  # of one gateway; a broker has far fewer in flight
LOAD_RETAINED = "select gateway, node_id, child_id, command, echo, type, payload from retained_messages"
SAVE_RETAINED = """insert or replace into retained_messages
(gateway, node_id, child_id, command, echo, type, payload, stored_at) values (?, ?, ?, ?, ?, ?, ?, ?)"""
LOAD_PACKETS = "select packet, digest from mqtt_packets where gateway = ? order by id"
SAVE_PACKET = "insert or replace into mqtt_packets (gateway, packet, digest) values (?, ?, ?)"
FORGET_PACKETS = f"""delete from mqtt_packets where gateway = ?1 and id <= (select id from mqtt_packets
where gateway = ?1 order by id desc limit 1 offset {KEPT_PACKETS})"""
LOAD_FETCHED = "select session from mqtt_sessions where gateway = ?"
SAVE_FETCHED = "insert or replace into mqtt_sessions (gateway, session) values (?, ?)"

Packet = tuple[
    int, str
]  # the broker's number of a message in flight, and what `digest()` makes of the message


def digest(topic: str, payload: bytes) -> str:
    """What tells a message from another one that got the same number."""
    return hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=8).hexdigest()


def load_packets(connection: sqlite3.Connection, gateway: int) -> dict[int, str]:
    """The messages in flight that were stored last: a broker may not know that they were."""
    return dict(connection.execute(LOAD_PACKETS, (gateway,)).fetchall())


def load_fetched(connection: sqlite3.Connection, gateway: int) -> str:
    """The session whose retained messages are stored, as `BrokerSession.name`; "" for none."""
    row = connection.execute(LOAD_FETCHED, (gateway,)).fetchone()
    return row[0] if row is not None else ""


@dataclass(eq=False)
class BrokerRows:
    """The rows that wait for the next commit, and the retained messages that are stored."""

    _retained: dict[tuple[int, Header], str] = field(default_factory=dict)
    _counts: dict[int, int] = field(default_factory=dict)  # gateways.id -> its retained messages
    _new: list[tuple[int, Header, str, str]] = field(default_factory=list)
    _packets: list[tuple[int, Packet]] = field(default_factory=list)
    _fetched: dict[int, str] = field(default_factory=dict)  # gateways.id -> its session

    def load(self, connection: sqlite3.Connection) -> None:
        """Read which retained messages are stored."""
        for gateway, *numbers, payload in connection.execute(LOAD_RETAINED):
            self._remember(gateway, Header(*numbers), payload)

    def _remember(self, gateway: int, header: Header, payload: str) -> None:
        if (gateway, header) not in self._retained:
            self._counts[gateway] = self._counts.get(gateway, 0) + 1
        self._retained[gateway, header] = payload

    def is_new(self, gateway: int, header: Header, payload: str, at: str) -> bool:
        """Whether a retained message is to be stored: then it counts as stored."""
        known = self._retained.get((gateway, header))
        if known == payload or (known is None and self._counts.get(gateway, 0) >= MAX_RETAINED):
            return False
        self._remember(gateway, header, payload)
        self._new.append((gateway, header, payload, at))
        return True

    def add_packets(self, gateway: int, packets: tuple[Packet, ...]) -> None:
        """The messages with these numbers are part of the next commit."""
        self._packets += [(gateway, packet) for packet in packets]

    def set_fetched(self, gateway: int, session: str) -> None:
        """What is retained for this session is part of the next commit, or of one before."""
        self._fetched[gateway] = session

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the rows in the open transaction."""
        rows = ((gateway, *header, payload, at) for gateway, header, payload, at in self._new)
        connection.executemany(SAVE_RETAINED, rows)
        connection.executemany(SAVE_PACKET, ((gateway, *packet) for gateway, packet in self._packets))
        connection.executemany(FORGET_PACKETS, {(gateway,) for gateway, _ in self._packets})
        connection.executemany(SAVE_FETCHED, self._fetched.items())

    def committed(self) -> dict[int, list[int]]:
        """Forget what waited; returns the numbers of the messages that are stored, by gateway."""
        stored: dict[int, list[int]] = {}
        for gateway, (packet, _) in self._packets:
            stored.setdefault(gateway, []).append(packet)
        self._new, self._packets, self._fetched = [], [], {}
        return stored
