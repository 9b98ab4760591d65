"""Persistence files of MySensors controllers in Python: aiomysensors, pymysensors, Home Assistant."""

import json
import pickle

import pytest

from ingest.transfer.importers.hints import TO_JSON
from ingest.transfer.records import TransferError

VALUES = {"49": "40.741894,-73.989311,12"}
AIO = {
    "0": {"node_id": 0, "node_type": 18, "protocol_version": "2.2.0", "children": {}, "battery_level": None},
    "7": {
        "node_id": 7,
        "node_type": 18,
        "protocol_version": "2.3.2",
        "sketch_name": "GPS Sensor",
        "sketch_version": "1.0",
        "battery_level": 55,
        "sleeping": True,
        "children": {"1": {"child_id": 1, "child_type": 38, "description": "", "values": VALUES}},
    },
}
UP_TO_0_8 = {
    key: {"battery_level": 0, "sketch_name": "", "sketch_version": "", "heartbeat": 0, **node}
    for key, node in {"0": {**AIO["0"], "battery_level": 0}, "7": AIO["7"]}.items()
}
BY_ALIAS = {
    key: {
        {"node_id": "sensor_id", "node_type": "type"}.get(name, name): {
            number: {"id": 1, "type": 38, "values": VALUES} for number in value
        }
        if name == "children"
        else value
        for name, value in node.items()
    }
    for key, node in AIO.items()
}


@pytest.mark.parametrize("network", [AIO, UP_TO_0_8, BY_ALIAS])
def test_a_network_of_aiomysensors(site, tmp_path, network):
    path = tmp_path / "persistence.json"
    path.write_text(json.dumps(network, sort_keys=True, indent=2))
    for _ in range(2):
        assert site.take(path)["nodes, sensors and values"].stored == 4
        assert site.rows("select id, sketch_name, battery_level, protocol_version, role from nodes") == [
            (0, None, None, "2.2.0", "gateway"),
            (7, "GPS Sensor", 55.0, "2.3.2", "repeater"),
        ]
        assert site.rows("select type_name, text, readings from channels") == [
            ("V_POSITION", VALUES["49"], 0)
        ]
        assert site.rows("select type_name from sensors") == [("S_GPS",)]


class Trap:
    """Loading its pickle makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_never_loaded_and_the_way_to_json_is_told(site, tmp_path, protocol):
    path = tmp_path / "mysensors.pickle"
    path.write_bytes(pickle.dumps({"mysensors.sensor": Trap(tmp_path / "loaded")}, protocol))
    with pytest.raises(TransferError, match="runs code that the file holds") as error:
        site.take(path)
    assert TO_JSON in str(error.value) and "persistence_file" in str(error.value)
    path.write_bytes(pickle.dumps([Trap(tmp_path / "loaded")], protocol))
    with pytest.raises(TransferError, match="a Python pickle: Voltkeeper loads none"):
        site.take(path)
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (json.dumps(AIO)[:-20], "cut off or damaged"),
        (json.dumps(BY_ALIAS)[:90], "cut off or damaged"),
        ('{"version": 1, "key": "core.config_entries", "data": {"entries": []}}', r"mysensors\*.json"),
        (
            '{"version": 1, "minor_version": 9, "key": "core.device_registry", "data": {}}',
            r"mysensors\*.json",
        ),
        ('{"1": {"node_id": 1, "children": []}}', "not a file that can be imported"),
        ('{"1": {"node_id": 1, "children": {"1": 5}}}', "not a file that can be imported"),
    ],
)
def test_json_that_holds_no_network_gets_its_remedy(site, tmp_path, content, remedy):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(TransferError, match=remedy):
        site.take(path)
