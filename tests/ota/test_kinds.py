"""The three kinds of node, awake and asleep, over the air with and without loss."""

import pytest

from tests.helpers.virtual_nodes import BootloaderNode, Sleep
from tests.ota.ota_nodes import KINDS, OLD, check
from tests.ota.ota_world import START, World, pattern


def sparse(size, seed):
    """A pattern with empty stretches, so that RLE has something to save."""
    data = bytearray(pattern(size, seed))
    data[300:900] = b"\xff" * 600
    data[1000:1100] = b"\0" * 100
    return bytes(data)


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
@pytest.mark.parametrize("loss", [0.0, 0.1], ids=["clean", "lossy"])
@pytest.mark.parametrize("kind", KINDS)
def test_update_ends_on_the_right_image(kind, loss, asleep):
    for seed in range(3 if loss else 1):
        node = KINDS[kind](sleep=Sleep(0.5, 8) if asleep else None)
        world = World([node], loss=loss, seed=seed)
        world.run(60)
        firmware = world.add_firmware(10, 3, sparse(3000, 5))
        id = world.schedule(7, firmware)
        world.finish(id)
        row = check(world, node, id, firmware.image)
        if not loss:
            assert row["repeats"] == 0 and row["restarts"] == 0
            states = [state for _, state in world.states]
            assert states[-1] == "confirmed" and "transferring" in states
        world.run(60)
        check(world, node, id, firmware.image)
        assert world.chatted and not any(world.server.holds(key) for key in world.nodes)


@pytest.mark.parametrize("kind", ["library-3.1", "library-8-bytes"])
def test_runs_save_requests_for_3_1_only(kind):
    node = KINDS[kind]()
    world = World([node])
    world.run(20)
    firmware = world.add_firmware(10, 3, sparse(3000, 5))
    id = world.schedule(7, firmware)
    world.finish(id)
    check(world, node, id, firmware.image)
    answers = [line.split(";") for _, line in world.sent if ";4;0;3;" in line or ";4;0;7;" in line]
    runs = [fields for fields in answers if fields[4] == "7"]
    assert runs and node.run_blocks > len(runs)
    assert len(answers) < len(firmware.image.data) // node.block_size


def test_no_runs_for_a_node_that_did_not_report_3_1():
    node = KINDS["library-3.0"]()
    world = World([node])
    world.run(20)
    world.finish(world.schedule(7, world.add_firmware(10, 3, sparse(3000, 5))))
    assert not any(";4;0;7;" in line for _, line in world.sent)


def test_a_sleeping_library_node_needs_no_reboot():
    node = KINDS["library-3.0"](sleep=Sleep(0.5, 20))
    world = World([node])
    world.run(70)
    before = node.reboots
    firmware = world.add_firmware(10, 3, pattern(2000))
    id = world.schedule(7, firmware)
    world.finish(id)
    check(world, node, id, firmware.image)
    assert not any(";3;0;13;" in line for _, line in world.sent)
    assert node.reboots == before + 1  # its own, to install the image


def test_largest_images():
    node = BootloaderNode(7, OLD, now=START)
    world = World([node])
    world.run(20)
    firmware = world.add_firmware(10, 3, pattern(1912 * 16, 9))
    id = world.schedule(7, firmware)
    world.finish(id)
    check(world, node, id, firmware.image)
    too_big = world.add_firmware(10, 4, pattern(1913 * 16, 9))
    id = world.schedule(7, too_big)
    row = world.finish(id)
    assert row["state"] == "failed" and "1912" in row["reason"]
    world.run(60)
    assert not node.broken_starts
