"""What may go wrong in mid-update: crashes, cuts, cancelled and replaced updates, wrong CRCs, claims."""

from random import Random

import pytest

from ingest.mysensors.protocol import Command
from ota.settings import OtaSettings
from ota.update import OPEN
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode, Sleep
from tests.ota.ota_nodes import KINDS, OLD, check, installed
from tests.ota.ota_world import START, World, pattern


def until_state(world, id, state, seconds=600):
    return world.run(seconds, lambda: world.live(id).state == state)


@pytest.mark.parametrize("down_s", [0.5, 3, 30])
@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_daemon_goes_on(kind, state, down_s):
    node = KINDS[kind]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(6000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, state), world.live(id)
    world.run(0.3 if state == "transferring" else 0)
    world.kill()
    world.run(down_s)
    world.boot()
    finish(world, node, id, firmware.image)


def finish(world, node, id, image):
    """Run to the end; a node that started a broken image has to be restarted by hand."""
    if node.broken_starts:
        power_cycle(world, node, id, image)
    else:
        world.finish(id)
        check(world, node, id, image)


def power_cycle(world, node, id, image):
    """Restart a MYSBootloader that got no answer for 16 s in mid-transfer, so that it started what it had."""
    assert isinstance(node, BootloaderNode) and len(node.broken_starts) == 1
    world.run(1500)
    assert (
        world.state(id) == "failed"
        and "nothing was heard" in world.rows[id]["reason"]
        and world.rows[id]["owed"]
    )
    node.reset(world.now)
    world.run(300)
    row = world.rows[id]
    assert row["state"] == "confirmed" and not row["owed"], row
    assert installed(node)[: len(image.data)] == image.data and len(node.broken_starts) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_that_is_killed_again_and_again(kind):
    for seed in range(4):
        random = Random(seed)
        node = KINDS[kind](sleep=Sleep(0.5, 6) if seed % 2 else None)
        world = World([node], loss=0.05, seed=seed)
        world.run(30)
        firmware = world.add_firmware(10, 3, pattern(1500))
        id = world.schedule(7, firmware)
        for _ in range(12):
            world.run(random.uniform(0, 8))
            world.kill()
            world.run(random.uniform(0, 3))
            world.boot()
        world.finish(id)
        check(world, node, id, firmware.image)


@pytest.mark.parametrize("cut_s", [1, 7, 40, 400])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_that_is_cut_off(kind, cut_s):
    node = KINDS[kind]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(6000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, "transferring")
    world.run(0.5)
    world.cut()
    world.run(cut_s)
    world.mend()
    assert not node.broken_starts or cut_s > 16
    finish(world, node, id, firmware.image)


def test_an_aborted_transfer_is_answered_with_the_image_again():
    node = KINDS["mysbootloader"]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(4000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, "transferring")
    for _ in range(5):
        world.run(0.4)
        world.tamper = lambda line: line.replace(";4;0;3;", ";4;0;9;")
        aborts = node.aborts
        assert world.run(30, lambda aborts=aborts: node.aborts > aborts)
        world.tamper = None
        world.run(0.4)
    world.finish(id)
    row = check(world, node, id, firmware.image)
    # The page buffer keeps the rests of an abort, so that a whole pass may end on a wrong CRC.
    assert row["restarts"] == node.aborts + node.crc_failures and row["crc_failures"] == node.crc_failures


class FlipOnce:
    """Changes one byte of block 0 in as many passes, so that the CRC over the whole is wrong."""

    def __init__(self, times=1):
        self.left = times

    def __call__(self, line):
        if self.left and ";255;4;0;3;" in line and line.rstrip("\n")[-36:-32] == "0000":
            self.left -= 1
            line = line.rstrip("\n")
            return line[:-2] + f"{int(line[-2:], 16) ^ 0x40:02X}\n"
        return line


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("kind", ["mysbootloader", "library-3.0"])
def test_a_wrong_crc_costs_a_second_pass(kind, times):
    node = KINDS[kind]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    world.tamper = FlipOnce(times)
    world.finish(id)
    row = check(world, node, id, firmware.image)
    assert node.crc_failures == times == row["crc_failures"]


def test_a_crc_that_is_always_wrong_fails_with_a_reason_and_starts_nothing():
    for kind in ("mysbootloader", "library-3.0"):
        node = KINDS[kind]()
        world = World([node])
        world.run(30)
        id = world.schedule(7, world.add_firmware(10, 3, pattern(1000)))
        world.tamper = FlipOnce(16)
        row = world.finish(id, 20000)
        assert row["state"] == "failed" and "CRC" in row["reason"]
        assert world.attention
        world.run(600)
        assert not node.broken_starts and node.intruders == []
        if kind == "mysbootloader":
            # The air is clean again: the node is still answered with the image, and its word counts, late as
            # it is.
            assert world.state(id) == "confirmed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_update_ends_on_the_new_image(kind):
    for moment in ("rebooting", "offered", "transferring", "verifying"):
        node = KINDS[kind]()
        world = World([node])
        world.run(30)
        first = world.schedule(7, world.add_firmware(10, 3, pattern(4000, 5)))
        assert until_state(world, first, moment)
        world.run(0.2)
        second_firmware = world.add_firmware(10, 4, pattern(3000, 6))
        second = world.schedule(7, second_firmware)
        assert world.state(first) in ("cancelled", "confirmed")
        world.finish(second)
        check(world, node, second, second_firmware.image)


@pytest.mark.parametrize("moment", ["requested", "rebooting", "offered", "transferring", "verifying"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_update_leaves_a_node_that_runs(kind, moment):
    node = KINDS[kind]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(4000, 5))
    id = world.schedule(7, firmware)
    assert until_state(world, id, moment)
    world.run(0.15 if moment == "transferring" else 0)
    world.server.cancel(7, world.now, "cancelled by owner")
    world.act()
    world.commit()
    world.kill()
    world.boot()
    world.run(300)
    assert world.state(id) == "cancelled"
    assert node.running and not node.broken_starts and node.intruders == []
    assert not world.rows[id]["owed"]
    assert not world.server.holds(7)


def test_a_node_that_was_never_scheduled_gets_its_own_bytes():
    node = KINDS["mysbootloader"]()
    library = LibraryNode(8, OLD, now=START)
    blank = BootloaderNode(9, now=START)
    world = World([node, library, blank])
    world.guarded = False  # there is nothing to give to a blank node
    world.add_firmware(10, 3, pattern(4000, 5))
    for _ in range(3):
        world.run(20)
        for each in (node, library, blank):
            each.reset(world.now)
    world.run(20)
    assert installed(node)[: len(OLD)] == OLD and library.image == OLD
    assert round(node.starts[0].at - START, 1) < 1
    assert not node.broken_starts and library.skipped
    # Nobody knows of a reset before the first request; from then on the bootloader is left alone.
    assert {state for _, state, *_ in node.intruders} <= {"parent"}
    assert not world.rows
    assert world.reported[9].config.blocks == 0xFFFF and world.reported[9].config.crc == 0x40FE


def test_two_nodes_take_turns():
    nodes = [BootloaderNode(7, OLD, now=START), BootloaderNode(8, OLD, now=START)]
    world = World(nodes)
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(4000, 5))
    ids = [world.schedule(7, firmware), world.schedule(8, firmware)]
    together = []
    watched = {"requested", "confirmed"}
    world.run(
        600,
        lambda: (
            together.append([world.state(id) not in watched for id in ids])
            or all(world.state(id) == "confirmed" for id in ids)
        ),
    )
    assert [True, True] not in together and [True, False] in together and [False, True] in together
    for node, id in zip(nodes, ids, strict=True):
        check(world, node, id, firmware.image)


def test_a_reboot_without_effect_is_repeated():
    node = KINDS["mysbootloader"]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    world.tamper = lambda line: line.replace(";3;0;13;", ";3;0;99;")
    id = world.schedule(7, firmware)
    world.run(25)
    assert world.rows[id]["reboots"] in (2, 3)
    world.tamper = None
    world.finish(id)
    check(world, node, id, firmware.image)


def test_a_node_without_a_bootloader_fails_with_a_reason():
    class Plain(LibraryNode):
        def present(self):
            return (each for each in super().present() if getattr(each, "command", None) != Command.stream)

    node = Plain(7, OLD, now=START)
    world = World([node])
    world.run(30)
    row = world.finish(world.schedule(7, world.add_firmware(10, 3, pattern(1000))))
    assert row["state"] == "failed" and "never asked for firmware" in row["reason"]


def test_a_library_node_that_ignores_reboots_is_offered_the_image():
    node = LibraryNode(7, OLD, obeys_reboot=False, now=START)
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    world.finish(id)
    check(world, node, id, firmware.image)


def test_a_claim_from_memory_is_no_confirmation():
    """After a wrong CRC a library node that is asked for its presentation reports what it never installed."""
    node = KINDS["library-3.0"]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    world.tamper = FlipOnce(1)
    assert world.run(300, lambda: any(";3;0;19;" in line for _, line in world.sent))
    assert node.ram[:2] == (10, 3) and node.image == OLD
    assert world.run(5, lambda: "claims" in world.live(id).reason) and world.live(id).state == "rebooting"
    world.finish(id)
    check(world, node, id, firmware.image)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_word_may_be_lost(kind):
    node = KINDS[kind]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, "verifying")
    world.air.up = 1.0
    world.run(20)
    world.air.up = 0.0
    world.finish(id)
    row = world.rows[id]
    assert row["state"] == "confirmed" and installed(node)[: len(firmware.image.data)] == firmware.image.data
    assert not node.broken_starts


def test_a_node_that_dies_fails_with_a_reason_after_it_was_asked():
    node = KINDS["library-3.0"]()
    world = World([node], settings=OtaSettings(lost_s=120))
    world.run(30)
    id = world.schedule(7, world.add_firmware(10, 3, pattern(1000)))
    assert until_state(world, id, "verifying")
    node.is_dead = True
    row = world.finish(id)
    assert row["state"] == "failed" and "nothing was heard" in row["reason"]
    assert any(";3;0;19;" in line for _, line in world.sent)


def test_the_same_image_again_is_confirmed_without_a_transfer():
    for kind in KINDS:
        node = KINDS[kind]()
        world = World([node])
        world.run(30)
        firmware = world.add_firmware(10, 3, pattern(1000))
        world.finish(world.schedule(7, firmware))
        starts = len(node.starts)
        id = world.schedule(7, firmware)
        world.finish(id)
        row = check(world, node, id, firmware.image)
        assert row["started_at"] is None and len(node.starts) <= starts + 1


def test_a_node_that_reports_no_whole_image():
    node = BootloaderNode(7, OLD, now=START)
    node.config[:] = [10, 3, 0, 0]
    world = World([node])
    world.run(8)
    assert not any(line.startswith("7;255;4;") for _, line in world.sent)
    assert world.attention == [
        (7, "the node reports no valid image (type 10, version 3): schedule an update")
    ]
    firmware = world.add_firmware(10, 3, pattern(1000))
    node.config[:] = [10, 3, 0, 0]
    node.whole_images.remove(OLD)  # now the flash counts as broken
    node.reset(world.now)
    world.run(60)
    row = world.rows[1]
    assert row["state"] == "confirmed" and row["requested_by"] == "voltkeeper"
    assert installed(node)[: len(firmware.image.data)] == firmware.image.data


@pytest.mark.parametrize("kind", ["library-3.0", "library-8-bytes"])
def test_a_library_node_that_gave_up_and_says_nothing_is_restarted(kind):
    node = KINDS[kind](period_s=3000)
    world = World([node])
    world.run(10)
    firmware = world.add_firmware(10, 3, pattern(6000))
    id = world.schedule(7, firmware)
    world.server.message_received(7, world.now)
    world.act()
    assert until_state(world, id, "transferring")
    world.air.down = 1.0
    assert world.run(30, lambda: node.gave_up)
    world.air.down = 0.0
    world.run(200)
    check(world, node, id, firmware.image)
    assert world.rows[id]["restarts"] == 1


def test_silence_is_counted_from_the_return_of_the_gateway():
    node = KINDS["library-3.0"]()
    world = World([node], settings=OtaSettings(lost_s=120))
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(6000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, "transferring")
    world.cut()
    world.run(1000)
    assert world.state(id) == "transferring"
    world.mend()
    world.server.tick(world.now)
    world.act()
    assert world.live(id).state == "transferring" and not any(";3;0;19;" in line for _, line in world.sent)
    world.finish(id)
    check(world, node, id, firmware.image)


def test_an_offer_that_is_on_its_way_is_still_answered_for_when_it_is_cancelled():
    """The node repeats its old configuration, then takes the offer made before the cancellation."""
    node = KINDS["mysbootloader"]()
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    assert until_state(world, id, "offered")
    world.server.cancel(7, world.now, "cancelled by owner")
    old = f"{node.reported.hex()}0103"
    assert world.server.answer(7, 0, old, world.now) == (1, old[:16].upper())
    world.act()
    world.run(120)
    assert world.state(id) == "cancelled" and node.running and not node.broken_starts
    assert bytes(node.flash[: len(firmware.image.data)]) == firmware.image.data


def test_mcuboot_is_told_that_the_image_is_good():
    node = LibraryNode(7, OLD, protocol=(3, 1), committed=0xFF, now=START)
    world = World([node])
    world.run(30)
    firmware = world.add_firmware(10, 3, pattern(1000))
    id = world.schedule(7, firmware)
    world.finish(id)
    world.run(5)
    check(world, node, id, firmware.image)
    assert node.committed == 1 and sum(";4;0;6;" in line for _, line in world.sent) == 1
