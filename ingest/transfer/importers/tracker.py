"""A MySensorsTracker's database, `mysensors.db` (peewee): messages, and what its other tables know besides.

Times are local and naive. Files of older versions lack `node.parent` and `node.arc`, the table `valuetype`, the table
`firmware`; what a file lacks is left out. A sensor row with cid 255 stands for the node itself. There is no echo field,
and versions that read the gateway itself, not MQTT, cut payloads at the first `;`. The battery level is the valuetype
of cid 255 and typ 3 (V_PERCENTAGE). `received` of a valuetype is some milliseconds later than that of its message.
"""

from collections import Counter

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.handlers import apply_battery_level, apply_sketch_version
from ingest.mysensors.protocol import LIMITS, NODE_CHILD, Command, SetReq, parse_number, type_name
from ingest.mysensors.state import ChannelState, NodeState, SensorState
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.importers import tracker_firmware
from ingest.transfer.messages import HEARD_HERE, Messages
from ingest.transfer.recorded_ranges import heard, within
from ingest.transfer.records import Skip, make_message
from ingest.transfer.states import merge_states
from ingest.transfer.streams import TableStream, open_source, peek_tables, tables_of
from ingest.transfer.timestamps import Stamps

LOOKED_FOR = "a MySensorsTracker database: an SQLite file with the tables node, sensor and message"
TITLE = "MySensorsTracker database"
NEEDED = {
    "node": {"nid", "sk_name", "lastseen"},
    "sensor": {"usid", "nid_id", "cid"},
    "message": {"id", "nid_id", "cid", "cmd", "typ", "payload", "received"},
}
MESSAGES = "select id, nid_id, cid, cmd, typ, payload, received from message"
MERGED = "merged with what is known"
NO_NUMBER = "node or child is no number from 0 to 255"


def recognise(path, options):
    tables = peek_tables(path)
    return all(NEEDED[name] <= tables.get(name, set()) for name in NEEDED)


class Source:
    kind = "tracker"

    def __init__(self, path, options):
        self._source = open_source(path)
        self._tables = tables_of(self._source)
        self._options = options
        self.target = options.gateway_words
        self._stretches = None

    def close(self):
        self._source.close()

    def streams(self):
        def parser():
            stamps = Stamps(self._options.timezone)

            def parse(node, child, command, type, payload, received):
                try:
                    at = stamps.seconds(received)
                except (ValueError, TypeError, AttributeError):
                    return Skip("its time cannot be read")
                return make_message(
                    at, node, child, command, 0, type, "" if payload is None else str(payload)
                )

            return parse

        stream = TableStream(self._source, "message", MESSAGES, parser, time=6, at=self._at)
        yield stream, Messages(self._options)

    def states(self):
        """(what, what is done with it, function of our connection that gives (rows stored, Counter of the reasons))."""
        yield "nodes", MERGED, self._save_nodes
        yield "battery changes", "stored", self._save_battery_changes
        yield "sensors", MERGED, self._save_sensors
        if "valuetype" in self._tables:
            yield "last values", MERGED, self._save_values
        if "firmware" in self._tables:
            yield (
                "firmware",
                "stored",
                lambda connection: tracker_firmware.save(connection, self._source, self._at),
            )

    def _rows(self, table, *columns):
        """Rows of a table as dicts; a column that this version lacks is None."""
        held = self._tables[table]
        wanted = ", ".join(name if name in held else f"null as {name}" for name in columns)
        return [dict(zip(columns, row)) for row in self._source.execute(f"select {wanted} from {table}")]

    def _at(self, text):
        try:
            return format_utc(Stamps(self._options.timezone).seconds(text)) if text else None
        except (ValueError, AttributeError):
            return None

    def _save_nodes(self, connection):
        states, skipped, own = [], Counter(), self._own(connection)
        columns = (
            "nid",
            "sk_name",
            "sk_version",
            "sk_revision",
            "api_ver",
            "lastseen",
            "location",
            "parent",
            "arc",
        )
        for row in self._rows("node", *columns):
            if not _is_byte(row["nid"]):
                skipped[NO_NUMBER] += 1
            elif row["nid"] != NODE_CHILD:  # 255 is no node: it asks for an id
                states.append(self._node(row, own))
            else:
                skipped["255 is no node, it asks for an id"] += 1
        merge_states(connection, states)
        locations = [
            (row["location"], self._key(row["nid"]))
            for row in self._rows("node", "nid", "location")
            if row["location"] and _is_byte(row["nid"])
        ]
        with transaction(connection):
            connection.executemany("update nodes set location = ? where id = ? and location = ''", locations)
            raise_topics(connection, {"nodes"})
        return len(states), skipped

    def _own(self, connection):
        """Stretches in which Voltkeeper heard all of it itself, and knows it better: payloads are whole there."""
        if self._stretches is None:
            self._stretches = heard(connection, self._options.gateway)
        return self._stretches

    def _seen(self, text, own):
        """The time of what is known, None where it only fills in what Voltkeeper does not know."""
        at = self._at(text)
        return None if at and within(own, parse_utc(at)) else at

    def _node(self, row, own):
        node = NodeState(self._key(row["nid"]), self._options.gateway, row["nid"])
        node.sketch_name, node.protocol_version = row["sk_name"], row["api_ver"]
        if row["sk_version"] is not None:
            apply_sketch_version(node, row["sk_version"], None)
        node.sketch_revision = node.sketch_revision or row["sk_revision"] or None
        node.parent_node_id, node.arc = row["parent"], row["arc"]
        node.first_seen_at = node.last_seen_at = self._seen(row["lastseen"], own)
        return node

    def _save_battery_changes(self, connection):
        changes, skipped = [], Counter()
        for row in self._rows("node", "nid", "bat_changed"):
            changed_at = self._at(row["bat_changed"])
            if not row["bat_changed"] or not _is_byte(row["nid"]) or row["nid"] == NODE_CHILD:
                continue
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
        return max(stored, 0), skipped

    def _save_sensors(self, connection):
        states, skipped, own = [], Counter(), self._own(connection)
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
                sensor.first_seen_at = sensor.last_seen_at = self._seen(row["lastseen"], own)
                states.append(sensor)
        merge_states(connection, states)
        return len(states), skipped

    def _save_values(self, connection):
        states, stored, skipped, own = [], 0, Counter(), self._own(connection)
        for row in self._rows("valuetype", "nid_id", "cid", "typ", "value", "received"):
            numbers = (row["nid_id"], row["cid"], row["typ"])
            if not all(map(_is_byte, numbers)) or row["nid_id"] == NODE_CHILD or row["value"] is None:
                skipped["no value, or no number from 0 to 255"] += 1
            elif self._at(row["received"]) != self._seen(row["received"], own):
                skipped[HEARD_HERE] += 1
            elif numbers[1:] == (NODE_CHILD, SetReq.V_PERCENTAGE):
                node = NodeState(self._key(row["nid_id"]), self._options.gateway, row["nid_id"])
                odd = apply_battery_level(node, str(row["value"]), self._at(row["received"]))
                stored, skipped[odd] = (
                    (stored + 1, skipped[odd]) if odd is None else (stored, skipped[odd] + 1)
                )
                states.append(node)
            else:
                states += self._channel(*numbers, str(row["value"]), self._at(row["received"]))
                stored += 1
        merge_states(connection, states)
        return stored, +skipped

    def _channel(self, nid, cid, type, text, at):
        sensor = self._sensor(nid, cid)
        channel = ChannelState(
            256 * sensor.id + type, sensor.node, sensor.id, type, type_name(Command.set, type)
        )
        channel.value, channel.text, channel.first_at, channel.last_at = parse_number(text), text, at, at
        return sensor, channel

    def _sensor(self, nid, cid):
        node = self._key(nid)
        return SensorState(256 * node + cid, node, cid)

    def _key(self, nid):
        return 256 * self._options.gateway + nid


def _is_byte(number):
    return isinstance(number, int) and 0 <= number <= LIMITS[0]
