"""pymysensors' file of its network, `mysensors.json`: nodes and children, no times, no history.

Node id -> sensor_id, children, type, sketch_name, sketch_version, battery_level (0: unknown; `_battery_level`
in files of 0.9 to 0.11), protocol_version (from 0.7); child: id, type, description (from 0.6), values
(V_ type -> text). Up to 0.8 a level is any number that a node sent, later ones write 0 unless it is 0 to 100.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Any, ClassVar

from ingest.mysensors.battery_reports import read_battery_level
from ingest.mysensors.handlers import apply_sketch_version
from ingest.mysensors.payload_text import clean_text
from ingest.mysensors.protocol import NODE_CHILD, Command, Presentation, type_name
from ingest.mysensors.state import ChannelState, NodeState, RowState, SensorState
from ingest.transfer.foreign_values import is_whole, parse_json, text_of
from ingest.transfer.importers.source import ImportSource, Saved, StateImport
from ingest.transfer.records import ImportOptions
from ingest.transfer.states import merge_states

HIGHEST_TYPE = 255
V_TYPE = re.compile(r"\d{1,3}", re.ASCII)
MAX_JSON = 1 << 26  # bytes; a network of 254 nodes has less than a million

JsonObject = dict[str, Any]  # as JSON has it: each value is checked where it is used


class PymysensorsSource(ImportSource):
    """A network of pymysensors."""

    kind = "pymysensors"
    title = "pymysensors file"
    looked_for = (
        "pymysensors' or Home Assistant's mysensors.json: an object of nodes with sensor_id and children"
    )
    keys: ClassVar[frozenset[str]] = frozenset({"sensor_id", "children"})  # that each node has

    def __init__(self, path: Path, options: ImportOptions) -> None:
        self._nodes, self._options = read_nodes(path), options
        self.target = options.gateway_target

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for an object of nodes."""
        nodes = read_nodes(path)
        return bool(nodes) and all(cls._is_node(node) for node in nodes.values())

    @classmethod
    def _is_node(cls, node: object) -> bool:
        return (
            isinstance(node, dict)
            and cls.keys <= node.keys()
            and isinstance(node["children"], dict)
            and all(isinstance(child, dict) for child in node["children"].values())
        )

    def states(self) -> Iterable[StateImport]:
        """All that the file holds."""
        yield StateImport("nodes, sensors and values", "merged with the existing ones", self._save)

    def _save(self, connection: Connection) -> Saved:
        states: list[RowState] = []
        skipped: Counter[str] = Counter()
        for node in self._nodes.values():
            number = node["sensor_id"]
            if is_whole(number, NODE_CHILD - 1):
                states += self._states(number, node, skipped)
            else:
                skipped["sensor_id is no node's number"] += 1
        merge_states(connection, states)
        return Saved(len(states), skipped)

    def _states(self, number: int, row: JsonObject, skipped: Counter[str]) -> Iterator[RowState]:
        node = NodeState(256 * self._options.gateway + number, self._options.gateway, number)
        node.sketch_name = text_of(row.get("sketch_name")) or None
        node.protocol_version = text_of(row.get("protocol_version"))
        if version := text_of(row.get("sketch_version")):
            apply_sketch_version(node, version, None)
        level = row.get("battery_level") or row.get("_battery_level")
        if level:
            node.battery_level, refused = read_battery_level(text_of(level) or "")
            if refused is not None:
                skipped[refused] += 1
        if number and row.get("type") == Presentation.S_ARDUINO_REPEATER_NODE:
            node.role = "repeater"
        yield node
        for child in row["children"].values():
            if is_whole(child.get("id"), NODE_CHILD - 1):
                yield from self._child_states(node, child, skipped)
            else:
                skipped["a child's id is no number from 0 to 254"] += 1

    def _child_states(self, node: NodeState, child: JsonObject, skipped: Counter[str]) -> Iterator[RowState]:
        sensor = SensorState(256 * node.id + child["id"], node.id, child["id"])
        if is_whole(child.get("type"), HIGHEST_TYPE):
            sensor.type, sensor.type_name = child["type"], type_name(Command.presentation, child["type"])
        sensor.description = text_of(child.get("description")) or None
        yield sensor
        values = child.get("values") or {}
        if not isinstance(values, dict):
            skipped["values are no object of V_ type and text"] += 1
            return
        for type, value in values.items():
            text = text_of(value)
            if not V_TYPE.fullmatch(type) or int(type) > HIGHEST_TYPE or text is None:
                skipped["a value without a V_ type, or that is no single one"] += 1
                continue
            symbol = type_name(Command.set, int(type))
            channel = ChannelState(256 * sensor.id + int(type), node.id, sensor.id, int(type), symbol)
            reason = channel.set_last(text, None)
            if reason is not None:
                skipped[f"a value that does not count: {reason}"] += 1
            yield channel


def read_nodes(path: Path) -> dict[str, JsonObject]:
    """The object that a JSON file holds; empty for any other file."""
    with path.open("rb") as file, suppress(ValueError):
        if file.peek(1).startswith(b"{") and path.stat().st_size <= MAX_JSON:
            found = parse_json(file.read().decode(errors="surrogateescape"), _clean)
            return found if isinstance(found, dict) else {}
    return {}


def _clean(pairs: list[tuple[str, object]]) -> JsonObject:
    """An object of the file; texts whose bytes are no UTF-8 are read as payloads are."""
    return {name: clean_text(value) if isinstance(value, str) else value for name, value in pairs}
