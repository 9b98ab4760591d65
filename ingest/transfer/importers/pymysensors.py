"""The file in which pymysensors keeps its network, `mysensors.json`: nodes and children, no times, no history.

Node id -> sensor_id, children, type, sketch_name, sketch_version, battery_level (0: not told), protocol_version; child:
id, type, description, values (V_ type -> text).
"""

import json
from collections import Counter
from pathlib import Path

from ingest.mysensors.handlers import apply_sketch_version
from ingest.mysensors.protocol import NODE_CHILD, Command, Presentation, parse_number, type_name
from ingest.mysensors.state import ChannelState, NodeState, SensorState
from ingest.transfer.states import merge_states

LOOKED_FOR = "pymysensors' mysensors.json: an object of nodes with sensor_id and children"
TITLE = "pymysensors file"


def recognise(path, options):
    nodes = _read(path)
    return bool(nodes) and all(
        isinstance(node, dict) and {"sensor_id", "children"} <= node.keys() for node in nodes.values()
    )


def _read(path):
    with Path(path).open("rb") as file:
        if file.read(1) != b"{":
            return {}
        file.seek(0)
        try:
            return json.load(file)
        except ValueError:
            return {}


class Source:
    kind = "pymysensors"

    def __init__(self, path, options):
        self._nodes, self._options = _read(path), options
        self.target = options.gateway_words

    def close(self):
        """The file has been read."""

    def streams(self):
        return ()

    def states(self):
        yield "nodes, sensors and values", "merged with what is known", self._save

    def _save(self, connection):
        states, skipped = [], Counter()
        for node in self._nodes.values():
            number = node["sensor_id"]
            if isinstance(number, int) and 0 <= number < NODE_CHILD:
                states += self._states(number, node, skipped)
            else:
                skipped["sensor_id is no node's number"] += 1
        merge_states(connection, states)
        return len(states), skipped

    def _states(self, number, told, skipped):
        node = NodeState(256 * self._options.gateway + number, self._options.gateway, number)
        node.sketch_name, node.protocol_version = told.get("sketch_name"), told.get("protocol_version")
        if told.get("sketch_version"):
            apply_sketch_version(node, str(told["sketch_version"]), None)
        if told.get("battery_level"):
            node.battery_level = parse_number(str(told["battery_level"]))
        if number and told.get("type") == Presentation.S_ARDUINO_REPEATER_NODE:
            node.role = "repeater"
        yield node
        for child in told["children"].values():
            if not isinstance(child.get("id"), int) or not 0 <= child["id"] < NODE_CHILD:
                skipped["a child's id is no number from 0 to 254"] += 1
                continue
            sensor = SensorState(256 * node.id + child["id"], node.id, child["id"])
            if isinstance(child.get("type"), int):
                sensor.type, sensor.type_name = child["type"], type_name(Command.presentation, child["type"])
            sensor.description = child.get("description") or None
            yield sensor
            for type, text in child.get("values", {}).items():
                if not type.isdigit() or int(type) > 255 or text is None:
                    skipped["a value without a V_ type"] += 1
                    continue
                channel = ChannelState(
                    256 * sensor.id + int(type),
                    node.id,
                    sensor.id,
                    int(type),
                    type_name(Command.set, int(type)),
                )
                channel.text, channel.value = str(text), parse_number(str(text))
                yield channel
