"""Nodes of the demo take firmware: each kind, awake and asleep, from restart to the new version."""

from pathlib import Path

import pytest

from ingest.demo.ota.bootloader import MysBootloader
from ingest.demo.ota.library_ota import LibraryOta, LibraryOta31
from ingest.demo.ota.updater import factory_image
from ingest.demo.radio.battery_sketches import Greenhouse, RainGauge
from ingest.demo.radio.mains_sketches import Boiler, GardenLight, LivingRoom
from ingest.demo.radio.network import DemoNetwork
from ingest.demo.radio.nodes import DEMO_NODES, factory_firmware, with_updater
from ota.actions import Reboot, RequestPresentation, Send
from ota.image import parse_intel_hex
from ota.server import OtaServer, StoredFirmware
from ota.settings import OtaSettings
from ota.update import OtaUpdate
from ota.wire import comes_from_sketch

NOW = 1_763_692_800.0
SAMPLE = Path(__file__).resolve().parents[3] / "static/sample.hex"


def update(network, node_id, image, seconds):
    """Send the image to a node, as a gateway's dialogue does.

    Returns the update after so many network seconds.
    """
    server = OtaServer(OtaSettings())
    server.add_firmware(StoredFirmware(1, 10, 22, image))
    update = OtaUpdate(node_id, 1, 10, 22, id=1, requested_at=NOW)
    server.open_update(update, NOW)
    now = NOW
    while now < NOW + seconds and update.is_open:
        now += 0.05
        for at, line in network.events(now):
            node, child, command, _, type, payload = line.decode().split(";", 5)
            child, command, type = int(child), int(command), int(type)
            if command == 4:
                reply = server.answer(int(node), type, payload, at)
                if reply:
                    network.receive(f"{node};255;4;0;{reply[0]:d};{reply[1]}".encode(), at)
            elif command == 0 and child == 255:
                server.presentation_received(int(node), at)
            elif comes_from_sketch(command, type):
                server.message_received(int(node), at, 0.5 if (command, type) == (3, 32) else None)
            for key, action in server.take_actions():
                if isinstance(action, Send):
                    network.receive(f"{key};255;4;0;{action.type:d};{action.payload}".encode(), at)
                elif isinstance(action, Reboot | RequestPresentation):
                    order = 13 if isinstance(action, Reboot) else 19
                    network.receive(f"{key};255;3;0;{order};".encode(), at)
        server.tick(now)
    return update


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        (MysBootloader, LivingRoom),
        (MysBootloader, Greenhouse),
        (LibraryOta, Boiler),
        (LibraryOta, RainGauge),
        (LibraryOta31, GardenLight),
    ],
)
def test_a_node_takes_the_sample(kind, node):
    network = DemoNetwork(NOW, nodes=[with_updater(node, kind)])
    image = parse_intel_hex(SAMPLE.read_bytes())
    done = update(network, node.node_id, image, 7200)
    assert done.state == "confirmed", (done.state, done.reason)
    lone = network.node(node.node_id)
    list(network.events(network.now + 20))
    assert lone.updater.image[: len(image.data)] == image.data and lone.sketch_version == "2.2"
    assert (done.old_type, done.old_version) == (10, 21)
    before = len(list(network.events(network.now + 4000)))
    assert before > 3  # it goes on living


def test_half_an_image_is_no_sketch():
    network = DemoNetwork(NOW, nodes=[with_updater(LivingRoom, MysBootloader)])
    node = network.node(2)
    node.updater.flash[:128] = bytes(128)
    node.reboot(NOW)
    said = [line for _, line in network.events(NOW + 60)]
    assert said and all(
        b";4;0;0;" in line for line in said
    )  # it asks for firmware and crashes, again and again


def test_factory_firmware():
    found = {
        each.node_id: (each.type, each.version, each.bootloader) for each in factory_firmware(DEMO_NODES)
    }
    assert set(found.values()) == {(10, 21, 0x0301), (10, 21, 0x0003), (10, 21, 0x0103)} and len(found) == 6
    assert len({factory_image(name) for name in ("Boiler room", "Greenhouse")}) == 2


def test_an_erased_node_comes_back_under_a_new_id_and_runs_its_sketch():
    """Erasing the EEPROM leaves the flash as it is; the node asks for an id, and finds its parent anew."""
    network = DemoNetwork(NOW, nodes=[with_updater(LivingRoom, MysBootloader)])
    node, seen, erased = network.node(LivingRoom.node_id), [], False
    node.reboot(NOW)
    now = NOW
    while now < NOW + 60:
        now += 0.05
        for at, line in network.events(now):
            sender, child, command, _, type, payload = line.decode().split(";", 5)
            if (sender, command, type) == ("255", "3", "3"):
                network.receive(f"255;{child};3;0;4;30".encode(), at)
            elif (command, type) == ("4", "0"):
                answer = payload[:16] if erased else "0100000000007ADA"
                erased = True
                network.receive(f"{sender};255;4;0;1;{answer}".encode(), at)
            seen.append((sender, command, type))
    presented = [type for sender, command, type in seen if sender == "30" and command == "3"]
    assert "11" in presented and ("30", "1", "0") in seen, seen
    assert node.parent == 0 and node.node_id == 30
