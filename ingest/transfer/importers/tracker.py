"""A MySensorsTracker's database, `mysensors.db` (peewee): messages, nodes, sensors, values.

Times are local and naive. Files of older versions lack `node.parent` and `node.arc`, the table `valuetype`,
the table `firmware`; what a file lacks is left out. A sensor row with cid 255 stands for the node itself.
There is no echo field, and versions that read the gateway itself, not MQTT, cut payloads at the first `;`.
The battery level is the valuetype of cid 255 and typ 3 (V_PERCENTAGE). `received` of a valuetype is some
milliseconds later than that of its message.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.handlers import apply_battery_level, apply_sketch_version
from ingest.mysensors.protocol import LIMITS, NODE_CHILD, Command, SetReq, type_name
from ingest.mysensors.state import ChannelState, NodeState, RowState, SensorState
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.foreign_values import is_whole, text_of
from ingest.transfer.importers.source import Saved, StateImport
from ingest.transfer.importers.table_source import TableSource
from ingest.transfer.importers.tracker_firmware import save_firmware
from ingest.transfer.messages import HEARD_HERE, Messages
from ingest.transfer.recorded_ranges import RecordedRange, contains, heard_ranges
from ingest.transfer.records import ImportOptions, Item, Skip, make_message
from ingest.transfer.sink import ImportSink
from ingest.transfer.states import merge_states
from ingest.transfer.streams import ImportStream, TableStream, peek_tables
from ingest.transfer.timestamps import TimestampParser

NEEDED = {
    "node": {"nid", "sk_name", "lastseen"},
    "sensor": {"usid", "nid_id", "cid"},
    "message": {"id", "nid_id", "cid", "cmd", "typ", "payload", "received"},
}
MESSAGES = "select id, nid_id, cid, cmd, typ, payload, received from message"
NODE_COLUMNS = "nid sk_name sk_version sk_revision api_ver lastseen parent arc".split()
SENSOR_COLUMNS = "nid_id cid typ name lastseen".split()
VALUE_COLUMNS = "nid_id cid typ value received".split()
MERGED = "merged with the existing ones"
NO_NUMBER = "node or child is no number from 0 to 255"
TrackerRow = dict[str, Any]  # of whatever types that file holds: each value is checked where it is used


class TrackerSource(TableSource):
    """A tracker's database."""

    kind = "tracker"
    title = "MySensorsTracker database"
    looked_for = "a MySensorsTracker database: an SQLite file with the tables node, sensor and message"
    _heard: list[RecordedRange]
    _channels: dict[int, ChannelState]

    def __init__(self, path: Path, options: ImportOptions) -> None:
        super().__init__(path, options)
        self.target = options.gateway_target

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file with the tracker's tables."""
        tables = peek_tables(path)
        return all(NEEDED[name] <= tables.get(name, set()) for name in NEEDED)

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The messages."""
        stream = TableStream(self._source, "message", MESSAGES, self._parser, time=6, at=self._at)
        yield stream, Messages(self._options)

    def _parser(self) -> Callable[..., Item]:
        timestamps = TimestampParser(self._options.timezone)

        def parse(
            node: object, child: object, command: object, type: object, payload: object, received: str
        ) -> Item:
            at = timestamps.parse(received)
            return make_message(at, node, child, command, 0, type, text_of(payload) or "")

        return parse

    def states(self) -> Iterable[StateImport]:
        """What the other tables hold."""
        yield StateImport("nodes", MERGED, self._save_nodes)
        yield StateImport("battery changes", "stored", self._save_battery_changes)
        yield StateImport("sensors", MERGED, partial(self._merge, "sensor", SENSOR_COLUMNS, self._sensor))
        if "valuetype" in self._tables:
            yield StateImport("last values", MERGED, self._save_values)
        if "firmware" in self._tables:
            yield StateImport(
                "firmware", "stored", lambda connection: save_firmware(connection, self._source, self._at)
            )

    def _rows(self, table: str, *columns: str) -> list[TrackerRow]:
        """Rows of a table; a column that this version lacks is None."""
        held = self._tables[table]
        wanted = ", ".join(name if name in held else f"null as {name}" for name in columns)
        rows = self._source.execute(f"select {wanted} from {table}")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _at(self, text: str | None) -> str | None:
        try:
            return format_utc(TimestampParser(self._options.timezone).parse(text))
        except ValueError:
            return None

    def _seen_at(self, text: str | None) -> str | None:
        """The time of what is known, None where it only fills in what Voltkeeper does not know.

        Where Voltkeeper heard everything itself, payloads are whole.
        """
        at = self._at(text)
        return None if at and contains(self._heard, parse_utc(at)) else at

    def _merge(
        self,
        table: str,
        columns: list[str],
        convert: Callable[[TrackerRow], Sequence[RowState] | Skip],
        connection: sqlite3.Connection,
    ) -> Saved:
        """Merge what the rows of a table stand for; `convert(row)` returns that, or why it is left out."""
        found = [convert(row) for row in self._rows(table, *columns)]
        states = [states for states in found if not isinstance(states, Skip)]
        merge_states(connection, [state for together in states for state in together])
        return Saved(len(states), Counter(one.reason for one in found if isinstance(one, Skip)))

    def _save_nodes(self, connection: sqlite3.Connection) -> Saved:
        self._heard = heard_ranges(connection, self._options.gateway)
        saved = self._merge("node", NODE_COLUMNS, self._node, connection)
        locations = [
            (location, self._key(row["nid"]))
            for row in self._rows("node", "nid", "location")
            if (location := text_of(row["location"])) and _is_byte(row["nid"])
        ]
        with transaction(connection):
            connection.executemany("update nodes set location = ? where id = ? and location = ''", locations)
            raise_topics(connection, {"nodes"})
        return saved

    def _node(self, row: TrackerRow) -> list[RowState] | Skip:
        if not _is_byte(row["nid"]):
            return Skip(NO_NUMBER)
        if row["nid"] == NODE_CHILD:
            return Skip("255 is no node, it asks for an id")
        node = NodeState(self._key(row["nid"]), self._options.gateway, row["nid"])
        node.sketch_name, node.protocol_version = text_of(row["sk_name"]), text_of(row["api_ver"])
        version = text_of(row["sk_version"])
        if version is not None:
            apply_sketch_version(node, version, None)
        if isinstance(row["sk_revision"], int):
            node.sketch_revision = node.sketch_revision or row["sk_revision"] or None
        if _is_byte(row["parent"]):
            node.parent_node_id = row["parent"]
        if _is_byte(row["arc"]):
            node.arc = row["arc"]
        node.first_seen_at = node.last_seen_at = self._seen_at(row["lastseen"])
        return [node]

    def _save_battery_changes(self, connection: sqlite3.Connection) -> Saved:
        changes = [
            (self._key(row["nid"]), self._at(row["bat_changed"]), row["bat_changed"])
            for row in self._rows("node", "nid", "bat_changed")
            if row["bat_changed"] and _is_byte(row["nid"]) and row["nid"] != NODE_CHILD
        ]
        # The tracker's form takes any text.
        skipped = Counter(f"{text!r} is no date" for _, at, text in changes if at is None)
        with transaction(connection):
            stored = connection.executemany(
                "insert into battery_changes (node, changed_at, recorded_by) select ?1, ?2, 'import' "
                "where not exists (select 1 from battery_changes where node = ?1 and changed_at = ?2)",
                [(node, at) for node, at, _ in changes if at is not None],
            ).rowcount
            raise_topics(connection, {"nodes"})
        return Saved(max(stored, 0), skipped)

    def _sensor(self, row: TrackerRow) -> list[RowState] | Skip:
        if not (_is_byte(row["nid_id"]) and _is_byte(row["cid"])) or row["nid_id"] == NODE_CHILD:
            return Skip(NO_NUMBER)
        if row["cid"] == NODE_CHILD:
            return Skip("child 255 is the node itself")
        sensor = self._sensor_state(row)
        if _is_byte(row["typ"]):
            sensor.type, sensor.type_name = row["typ"], type_name(Command.presentation, row["typ"])
        sensor.description = text_of(row["name"])
        sensor.first_seen_at = sensor.last_seen_at = self._seen_at(row["lastseen"])
        return [sensor]

    def _value(self, row: TrackerRow) -> list[RowState] | Skip:
        nid, cid, type, at = row["nid_id"], row["cid"], row["typ"], self._at(row["received"])
        text = text_of(row["value"])
        if not all(map(_is_byte, (nid, cid, type))) or nid == NODE_CHILD or text is None:
            return Skip("no value, or no number from 0 to 255")
        if at != self._seen_at(row["received"]):
            return Skip(HEARD_HERE)
        if (cid, type) == (NODE_CHILD, SetReq.V_PERCENTAGE):
            node = NodeState(self._key(nid), self._options.gateway, nid)
            refused = apply_battery_level(node, text, at or "")
            if at is None:  # it fills in what is not known
                node.battery_level_at = None
            return [node] if refused is None or at is not None else Skip(refused)
        sensor = self._sensor_state(row)
        symbol = type_name(Command.set, type)
        channel = ChannelState(256 * sensor.id + type, sensor.node, sensor.id, type, symbol)
        known = self._channels.get(channel.id)  # its readings are imported by now: they tell an error
        channel.set_last(text, at, known.rule if known is not None else None)
        return [sensor, channel]

    def _save_values(self, connection: sqlite3.Connection) -> Saved:
        first = self._key(0) << 16
        self._channels = ChannelState.load(connection, "id between ? and ?", first, first + (1 << 24) - 1)
        return self._merge("valuetype", VALUE_COLUMNS, self._value, connection)

    def _sensor_state(self, row: TrackerRow) -> SensorState:
        node = self._key(row["nid_id"])
        return SensorState(256 * node + row["cid"], node, row["cid"])

    def _key(self, nid: int) -> int:
        return 256 * self._options.gateway + nid


def _is_byte(number: object) -> bool:
    return is_whole(number, LIMITS[0])
