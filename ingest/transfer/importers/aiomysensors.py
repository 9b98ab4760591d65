"""aiomysensors' file of its network: pymysensors' nodes and children under names of its own.

Node: node_id, node_type, protocol_version, children, sketch_name, sketch_version ("": unknown),
battery_level (0, since 0.8 null: unknown), sleeping, up to 0.8 heartbeat; child: child_id, child_type,
description, values (V_ type -> text).
"""

from pathlib import Path

from ingest.transfer.importers.pymysensors import JsonObject, PymysensorsSource, read_nodes
from ingest.transfer.records import ImportOptions

NODE_NAMES = {"node_id": "sensor_id", "node_type": "type"}  # aiomysensors' name -> pymysensors'
CHILD_NAMES = {"child_id": "id", "child_type": "type"}


class AiomysensorsSource(PymysensorsSource):
    """A network of aiomysensors."""

    kind = "aiomysensors"
    title = "aiomysensors file"
    looked_for = "aiomysensors' persistence file: a JSON object of nodes with node_id and children"
    keys = frozenset({"node_id", "children"})

    def __init__(self, path: Path, options: ImportOptions) -> None:
        super().__init__(path, options)
        self._nodes = {key: _renamed_node(node) for key, node in read_nodes(path).items()}


def _renamed_node(node: JsonObject) -> JsonObject:
    children = {key: _renamed(child, CHILD_NAMES) for key, child in node["children"].items()}
    return {**_renamed(node, NODE_NAMES), "children": children}


def _renamed(row: JsonObject, names: dict[str, str]) -> JsonObject:
    return {names.get(key, key): value for key, value in row.items()}
