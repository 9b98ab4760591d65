"""What is retained at the broker, and what has to be published so that it is the state of the site."""

import sqlite3
from collections.abc import Sequence

from outbound.mqtt.client import MqttMessage
from outbound.mqtt.model import PublishedSite
from outbound.mqtt.read import SiteReader
from outbound.mqtt.state import Messages, Record, changed_messages, record_messages
from outbound.mqtt.topics import Topics

READ_S = 1.0  # between two reads of the same part
AGAIN_S = 10.0  # a part is read again: what grows stale changes no row
EXPIRES = 3  # times `every_s`: for so long is current what nobody publishes anew
PARTS = {  # part -> topics of `changes` that can change it
    "upses": ("ups", "ups_samples", "ups_variables", "events", "settings", "acknowledgements"),
    "nodes": ("nodes", "sensors", "channels", "settings", "firmware", "node_firmware"),
    "gateways": ("gateways", "nodes", "ingest_status"),
}


class Snapshot:
    """Reads a site and compares it with what is published. Seconds are those of the monotonic clock."""

    def __init__(self, topics: Topics, every_s: float) -> None:
        self._topics, self._every_s = topics, every_s
        self._reader = SiteReader()
        self._site = PublishedSite()
        self._made: dict[tuple[type, int], tuple[Record, Messages]] = {}
        self._wanted: Messages = {}
        self._published: dict[str, bytes] = {}
        self._seen: dict[str, int] = {}
        self._read_at = dict.fromkeys(PARTS, float("-inf"))
        self._all_at = float("-inf")

    @property
    def topics(self) -> Sequence[str]:
        """What is retained now."""
        return list(self._published)

    def is_published(self, topic: str) -> bool:
        """Whether this is retained now, by us."""
        return topic in self._published

    @property
    def site(self) -> PublishedSite:
        """What was read last."""
        return self._site

    def publish_all(self) -> None:
        """Publish everything anew at the next look."""
        self._all_at = float("-inf")

    def forget_published(self) -> None:
        """Another connection: nothing is known of what the broker has."""
        self._published, self._all_at = {}, float("-inf")

    def read(self, connection: sqlite3.Connection, now: float) -> bool:
        """Read the parts that may have changed; False where none has. Runs in the database's thread."""
        due = self._due(connection, now)
        if not due:
            return False
        site, reader = self._site, self._reader
        connection.execute("begin")  # all of one moment
        try:
            gateways = reader.gateways(connection) if "gateways" in due else site.gateways
            # What is known of the nodes of a gateway that is lost is from before. Its row of `ingest_status`
            # is written each second, which is no reason to read all nodes.
            if {one.name: one.state for one in gateways} != {one.name: one.state for one in site.gateways}:
                due.append("nodes")
            self._site = PublishedSite(
                reader.upses(connection) if "upses" in due else site.upses,
                reader.nodes(connection) if "nodes" in due else site.nodes,
                gateways,
            )
        finally:
            connection.rollback()
        self._read_at.update(dict.fromkeys(due, now))
        if self._site == site and self._wanted:
            return False
        self._make_messages()
        return True

    def _make_messages(self) -> None:
        """Make the messages of what has changed; those of the rest are kept."""
        topics, before, self._made, self._wanted = self._topics, self._made, {}, {}
        records: tuple[Record, ...] = (*self._site.upses, *self._site.nodes, *self._site.gateways)
        for record in records:
            key = (type(record), record.id)
            held = before.get(key)
            if held is None or held[0] != record:
                held = (record, record_messages(record, topics))
            self._made[key] = held
            self._wanted.update(held[1])

    def _due(self, connection: sqlite3.Connection, now: float) -> list[str]:
        changes = dict(connection.execute("select topic, seq from changes"))
        due = []
        for part, names in PARTS.items():
            seen, age_s = sum(changes.get(name, 0) for name in names), now - self._read_at[part]
            if age_s >= AGAIN_S or (seen != self._seen.get(part) and age_s >= READ_S):
                due.append(part)
                self._seen[part] = seen
        return due

    def outgoing(self, now: float) -> list[MqttMessage]:
        """What is to be published: what has changed, or everything where the interval has passed."""
        is_all = now - self._all_at >= self._every_s
        before = {} if is_all else self._published
        gone = [(topic, b"") for topic in self._published if topic not in self._wanted] if is_all else []
        found = [*gone, *changed_messages(before, self._wanted)]
        if is_all:
            self._all_at = now
        return [self._message(topic, payload) for topic, payload in found]

    def _message(self, topic: str, payload: bytes) -> MqttMessage:
        return MqttMessage(topic, payload, expiry_s=int(EXPIRES * self._every_s) if payload else None)

    def published(self, messages: Sequence[MqttMessage]) -> None:
        """The broker has acknowledged these."""
        for one in messages:
            if one.payload:
                self._published[one.topic] = one.payload
            else:
                self._published.pop(one.topic, None)
