"""A MySensorsTracker's database, `mysensors.db` (peewee): messages, nodes, sensors, values.

Times are local and naive. Files of older versions lack `node.parent` and `node.arc`, the table `valuetype`,
the table `firmware`; what a file lacks is left out. A sensor row with cid 255 stands for the node itself.
There is no echo field, and versions that read the gateway itself, not MQTT, cut payloads at the first `;`.
The battery level is the valuetype of cid 255 and typ 3 (V_PERCENTAGE). `received` of a valuetype is some
milliseconds later than that of its message.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.handlers import apply_battery_level, apply_sketch_version
from ingest.mysensors.protocol import LIMITS, NODE_CHILD, Command, SetReq, parse_number, type_name
from ingest.mysensors.state import ChannelState, NodeState, RowState, SensorState
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.importers.source import ImportSource, Saved, StateImport
from ingest.transfer.importers.tracker_firmware import save_firmware
from ingest.transfer.messages import HEARD_HERE, Messages
from ingest.transfer.recorded_ranges import RecordedRange, contains, heard_ranges
from ingest.transfer.records import ImportOptions, Item, Skip, make_message
from ingest.transfer.sink import ImportSink
from ingest.transfer.states import merge_states
from ingest.transfer.streams import ImportStream, TableStream, open_source, peek_tables, tables_of
from ingest.transfer.timestamps import TimestampParser

NEEDED = {
    "node": {"nid", "sk_name", "lastseen"},
    "sensor": {"usid", "nid_id", "cid"},
    "message": {"id", "nid_id", "cid", "cmd", "typ", "payload", "received"},
}
MESSAGES = "select id, nid_id, cid, cmd, typ, payload, received from message"
NODE_COLUMNS = "nid sk_name sk_version sk_revision api_ver lastseen location parent arc".split()
MERGED = "merged with what is known"
NO_NUMBER = "node or child is no number from 0 to 255"
TrackerRow = dict[str, Any]  # of whatever types that file holds: each value is checked where it is used


class TrackerSource(ImportSource):
    """A tracker's database."""

    kind = "tracker"
    title = "MySensorsTracker database"
    looked_for = "a MySensorsTracker database: an SQLite file with the tables node, sensor and message"

    def __init__(self, path: Path, options: ImportOptions) -> None:
        self._source = open_source(path)
        self._tables = tables_of(self._source)
        self._options = options
        self.target = options.gateway_target
        self._heard: list[RecordedRange] | None = None

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file with the tracker's tables."""
        tables = peek_tables(path)
        return all(NEEDED[name] <= tables.get(name, set()) for name in NEEDED)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The messages."""
        stream = TableStream(self._source, "message", MESSAGES, self._parser, time=6, at=self._at)
        yield stream, Messages(self._options)

    def _parser(self) -> Callable[..., Item]:
        timestamps = TimestampParser(self._options.timezone)

        def parse(
            node: object, child: object, command: object, type: object, payload: object, received: str
        ) -> Item:
            try:
                at = timestamps.parse(received)
            except (ValueError, TypeError, AttributeError):
                return Skip("its time cannot be read")
            return make_message(at, node, child, command, 0, type, "" if payload is None else str(payload))

        return parse

    def states(self) -> Iterable[StateImport]:
        """What the other tables hold."""
        yield StateImport("nodes", MERGED, self._save_nodes)
        yield StateImport("battery changes", "stored", self._save_battery_changes)
        yield StateImport("sensors", MERGED, self._save_sensors)
        if "valuetype" in self._tables:
            yield StateImport("last values", MERGED, self._save_values)
        if "firmware" in self._tables:
            yield StateImport("firmware", "stored", self._save_firmware)

    def _rows(self, table: str, *columns: str) -> list[TrackerRow]:
        """Rows of a table; a column that this version lacks is None."""
        held = self._tables[table]
        wanted = ", ".join(name if name in held else f"null as {name}" for name in columns)
        rows = self._source.execute(f"select {wanted} from {table}")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _at(self, text: str | None) -> str | None:
        try:
            return format_utc(TimestampParser(self._options.timezone).parse(text)) if text else None
        except (ValueError, AttributeError):
            return None

    def _recorded(self, connection: sqlite3.Connection) -> list[RecordedRange]:
        """Ranges in which Voltkeeper heard everything itself: there, payloads are whole."""
        if self._heard is None:
            self._heard = heard_ranges(connection, self._options.gateway)
        return self._heard

    def _unrecorded_at(self, text: str | None, recorded: list[RecordedRange]) -> str | None:
        """The time of what is known, None where it only fills in what Voltkeeper does not know."""
        at = self._at(text)
        return None if at and contains(recorded, parse_utc(at)) else at

    def _save_nodes(self, connection: sqlite3.Connection) -> Saved:
        states: list[RowState] = []
        skipped: Counter[str] = Counter()
        locations = []
        recorded = self._recorded(connection)
        for row in self._rows("node", *NODE_COLUMNS):
            if not _is_byte(row["nid"]):
                skipped[NO_NUMBER] += 1
                continue
            if row["location"]:
                locations.append((row["location"], self._key(row["nid"])))
            if row["nid"] == NODE_CHILD:
                skipped["255 is no node, it asks for an id"] += 1
            else:
                states.append(self._node(row, recorded))
        merge_states(connection, states)
        with transaction(connection):
            connection.executemany("update nodes set location = ? where id = ? and location = ''", locations)
            raise_topics(connection, {"nodes"})
        return Saved(len(states), skipped)

    def _node(self, row: TrackerRow, recorded: list[RecordedRange]) -> NodeState:
        node = NodeState(self._key(row["nid"]), self._options.gateway, row["nid"])
        node.sketch_name, node.protocol_version = row["sk_name"], row["api_ver"]
        if row["sk_version"] is not None:
            apply_sketch_version(node, row["sk_version"], None)
        node.sketch_revision = node.sketch_revision or row["sk_revision"] or None
        node.parent_node_id, node.arc = row["parent"], row["arc"]
        node.first_seen_at = node.last_seen_at = self._unrecorded_at(row["lastseen"], recorded)
        return node

    def _save_battery_changes(self, connection: sqlite3.Connection) -> Saved:
        changes = []
        skipped: Counter[str] = Counter()
        for row in self._rows("node", "nid", "bat_changed"):
            if not row["bat_changed"] or not _is_byte(row["nid"]) or row["nid"] == NODE_CHILD:
                continue
            changed_at = self._at(row["bat_changed"])
            if changed_at is None:  # its form takes any text
                skipped[f"{row['bat_changed']!r} is no date"] += 1
            else:
                changes.append((self._key(row["nid"]), changed_at))
        with transaction(connection):
            stored = connection.executemany(
                "insert into battery_changes (node, changed_at, recorded_by) select ?1, ?2, 'import' "
                "where not exists (select 1 from battery_changes where node = ?1 and changed_at = ?2)",
                changes,
            ).rowcount
            raise_topics(connection, {"nodes"})
        return Saved(max(stored, 0), skipped)

    def _save_sensors(self, connection: sqlite3.Connection) -> Saved:
        states: list[RowState] = []
        skipped: Counter[str] = Counter()
        recorded = self._recorded(connection)
        for row in self._rows("sensor", "nid_id", "cid", "typ", "name", "lastseen"):
            if not (_is_byte(row["nid_id"]) and _is_byte(row["cid"])) or row["nid_id"] == NODE_CHILD:
                skipped[NO_NUMBER] += 1
            elif row["cid"] == NODE_CHILD:
                skipped["child 255 is the node itself"] += 1
            else:
                sensor = self._sensor(row["nid_id"], row["cid"])
                if _is_byte(row["typ"]):
                    sensor.type, sensor.type_name = row["typ"], type_name(Command.presentation, row["typ"])
                sensor.description = row["name"]
                sensor.first_seen_at = sensor.last_seen_at = self._unrecorded_at(row["lastseen"], recorded)
                states.append(sensor)
        merge_states(connection, states)
        return Saved(len(states), skipped)

    def _save_values(self, connection: sqlite3.Connection) -> Saved:
        states: list[RowState] = []
        stored = 0
        skipped: Counter[str] = Counter()
        recorded = self._recorded(connection)
        for row in self._rows("valuetype", "nid_id", "cid", "typ", "value", "received"):
            nid, cid, type, at = row["nid_id"], row["cid"], row["typ"], self._at(row["received"])
            if not all(map(_is_byte, (nid, cid, type))) or nid == NODE_CHILD or row["value"] is None:
                skipped["no value, or no number from 0 to 255"] += 1
            elif at != self._unrecorded_at(row["received"], recorded):
                skipped[HEARD_HERE] += 1
            elif (cid, type) == (NODE_CHILD, SetReq.V_PERCENTAGE):
                node = NodeState(self._key(nid), self._options.gateway, nid)
                anomaly = apply_battery_level(node, str(row["value"]), at or "")
                node.battery_level_at = node.battery_level_at or None
                if anomaly is None:
                    stored += 1
                else:
                    skipped[anomaly] += 1
                states.append(node)
            else:
                states += self._channel(nid, cid, type, str(row["value"]), at)
                stored += 1
        merge_states(connection, states)
        return Saved(stored, skipped)

    def _save_firmware(self, connection: sqlite3.Connection) -> Saved:
        return save_firmware(connection, self._source, self._at)

    def _channel(self, nid: int, cid: int, type: int, text: str, at: str | None) -> tuple[RowState, RowState]:
        sensor = self._sensor(nid, cid)
        symbol = type_name(Command.set, type)
        channel = ChannelState(256 * sensor.id + type, sensor.node, sensor.id, type, symbol)
        channel.value, channel.text, channel.first_at, channel.last_at = parse_number(text), text, at, at
        return sensor, channel

    def _sensor(self, nid: int, cid: int) -> SensorState:
        node = self._key(nid)
        return SensorState(256 * node + cid, node, cid)

    def _key(self, nid: int) -> int:
        return 256 * self._options.gateway + nid


def _is_byte(number: object) -> bool:
    return isinstance(number, int) and 0 <= number <= LIMITS[0]
