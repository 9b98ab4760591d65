"""The OtaServer beside its answers: holds, turns, rows, bootloader commands."""

import pytest

from ota.actions import Attention, CommandChanged, Hold, Reboot, Release
from ota.command import CommandOrder, command_refusal
from ota.image import make_image
from ota.server import OtaServer, StoredFirmware
from ota.settings import OtaSettings
from ota.update import OtaUpdate
from ota.wire import CommandError
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode
from tests.ota.ota_nodes import OLD
from tests.ota.ota_world import START, World, pattern

MYS, LIBRARY = "0A0001004000D7950103", "0A0001004000D7950300"
IMAGE = make_image(pattern(1024))
FIRMWARE = StoredFirmware(5, 10, 2, IMAGE)


def make_server(at_once=1, nodes=(1,)):
    server = OtaServer(OtaSettings(at_once=at_once))
    server.add_firmware(FIRMWARE)
    for number, node in enumerate(nodes):
        server.open_update(OtaUpdate(node, 5, 10, 2, id=number + 1), 100.0)
    server.take_actions()
    return server


def actions(server):
    return [
        type(action) for _, action in server.take_actions() if isinstance(action, (Hold, Release, Reboot))
    ]


def test_traffic_is_held_from_reboot_to_presentation():
    server = make_server()
    assert not server.holds(1)
    server.message_received(1, 101)
    assert actions(server) == [Hold, Reboot] and server.holds(1) and not server.holds(2)
    server.message_received(1, 101.5)
    assert server.holds(1), "that message was on its way"
    server.answer(1, 0, MYS, 102)
    for number, block in enumerate(range(63, -1, -1)):
        assert server.answer(1, 2, f"0A000200{block:02X}00", 103 + number)
    server.answer(1, 0, "0A0002004000" + IMAGE.crc.to_bytes(2, "little").hex() + "0103", 200)
    assert server.holds(1) and server.take_updates()[-1].state == "confirmed"
    server.presentation_received(1, 201)
    assert not server.holds(1) and actions(server)[-1] is Release


def test_a_hold_ends_when_nothing_comes_of_it():
    server = make_server()
    server.message_received(1, 101)
    server.tick(130)
    assert server.holds(1)
    server.tick(162)
    assert not server.holds(1)


def test_a_bootloader_without_an_update_is_left_alone_until_it_presents():
    server = OtaServer(OtaSettings())
    server.answer(1, 0, MYS, 100)
    assert server.holds(1)
    server.message_received(1, 100.5)
    assert server.holds(1)
    server.message_received(1, 103)
    assert not server.holds(1), "its sketch speaks: only the presentation was lost"
    server.answer(2, 0, LIBRARY, 100)
    assert not server.holds(2), "a library node's sketch runs while it asks"


def test_a_bootloader_that_asks_for_blocks_of_a_replaced_update_is_left_alone():
    server = make_server()
    server.answer(1, 0, MYS, 100)
    server.add_firmware(StoredFirmware(6, 10, 3, IMAGE))
    server.open_update(OtaUpdate(1, 6, 10, 3, id=2), 101)
    assert server.answer(1, 2, "0A0002003F00", 160) is None
    server.tick(165)
    assert server.holds(1)
    assert server.answer(1, 0, MYS, 168) == (
        1,
        "0A0003004000" + IMAGE.crc.to_bytes(2, "little").hex().upper(),
    )


def test_orders_that_would_end_a_library_transfer_are_held():
    server = make_server()
    server.answer(1, 0, LIBRARY, 100)
    server.presentation_received(1, 101)
    server.answer(1, 2, "0A0002003F00", 102)
    assert server.holds(1, 3, 19) and server.holds(1, 3, 13)
    assert not server.holds(1, 1, 2) and not server.holds(1, 3, 18)


@pytest.mark.parametrize(("at_once", "started"), [(1, [1]), (2, [1, 2]), (9, [1, 2, 3])])
def test_transfers_take_turns_per_gateway(at_once, started):
    server = make_server(at_once, nodes=(1, 2, 3, 256 + 1))
    for node in (1, 2, 3, 256 + 1):
        server.message_received(node, 101)
    reboots = [key for key, action in server.take_actions() if isinstance(action, Reboot)]
    assert reboots == [*started, 257], "another gateway has its own turns"


def test_an_update_that_gets_nowhere_does_not_keep_others_waiting():
    server = make_server(nodes=(1, 2))
    server.message_received(1, 101)
    server.message_received(2, 102)
    assert [key for key, a in server.take_actions() if isinstance(a, Reboot)] == [1]
    server.message_received(2, 165)
    assert [key for key, a in server.take_actions() if isinstance(a, Reboot)] == [2]


def test_a_cancelled_offer_is_unfinished_until_the_node_reports_another_image():
    server = make_server()
    server.answer(1, 0, MYS, 100)
    server.cancel(1, 101, "cancelled by owner")
    [update] = server.take_updates()
    assert update.state == "cancelled" and update.owed, "the bootloader may have taken the offer"
    server.answer(1, 0, MYS, 200)
    assert not update.owed


def test_an_image_that_does_not_fit_is_refused_and_the_node_goes_on():
    server = OtaServer(OtaSettings())
    server.add_firmware(StoredFirmware(5, 10, 2, make_image(bytes(30593))))
    server.open_update(OtaUpdate(1, 5, 10, 2, id=1), 0)
    assert server.answer(1, 0, MYS, 1) == (1, MYS[:16])
    [update] = server.take_updates()
    assert update.state == "failed" and "1912" in update.reason
    assert any(isinstance(action, Attention) for _, action in server.take_actions())


def test_a_bootloader_command_is_given_once():
    node = BootloaderNode(7, OLD, now=START)
    world = World([node])
    world.run(30)
    world.server.queue_command(CommandOrder(7, 3, 42, id=9))
    world.run(60)
    assert node.parent == 42 and node.running and node.intruders == []
    assert sum(line.startswith("7;255;4;0;1;03002A00") for _, line in world.sent) == 1
    world.server.queue_command(CommandOrder(7, 1))
    world.run(60)
    assert node.node_id == 255 and node.state == "id"


def test_bootloader_commands_are_refused_where_they_would_harm():
    assert command_refusal(0x0301) is None and "library OTA 3.0" in command_refusal(0x0003)
    with pytest.raises(CommandError, match="1 to 254"):
        CommandOrder(7, 2, 255)
    with pytest.raises(CommandError, match="under way"):
        make_server().queue_command(CommandOrder(1, 3, 7))
    server = OtaServer(OtaSettings())
    order = CommandOrder(1, 3, 7)
    server.queue_command(order)
    assert server.answer(1, 0, LIBRARY, 0) == (1, LIBRARY[:16])
    assert server.answer(1, 0, MYS, 1) == (1, "0300070000007ADA")
    assert server.answer(1, 0, MYS, 2) == (1, MYS[:16])
    assert order.state == "sent" and CommandChanged(order) in [action for _, action in server.take_actions()]


def test_a_command_that_shows_no_effect_fails_with_a_reason():
    server = OtaServer(OtaSettings())
    order = CommandOrder(1, 3, 7)
    server.queue_command(order)
    for number in range(11):
        server.message_received(1, 100 + 11 * number)
    assert order.state == "failed" and "10 reboot orders" in order.reason
    assert sum(isinstance(action, Reboot) for _, action in server.take_actions()) == 10


def test_one_of_many_nodes_gets_its_blocks_however_often_it_asks():
    server = make_server(nodes=range(1, 100))
    server.answer(50, 0, MYS, 100)
    for number, block in enumerate([*range(63, -1, -1)] * 20):
        answer = server.answer(50, 2, f"0A000200{block:02X}00", 101 + number / 1000)
        assert IMAGE.data[16 * block : 16 * block + 16].hex().upper() in str(answer)
    assert len(server.take_updates()) == 99


def test_a_library_node_keeps_speaking_while_it_loads():
    node = LibraryNode(7, OLD, period_s=0.2, now=START)
    world = World([node])
    world.run(10)
    world.finish(world.schedule(7, world.add_firmware(10, 2, pattern(8000))))
    assert node.image == make_image(pattern(8000)).data
    assert world.chatted > 20


def test_what_an_update_waits_for_stands_in_its_row():
    server = make_server(nodes=(1, 2))
    assert {update.reason for update in server.take_updates()} == {"waiting for the node to be heard"}
    server.message_received(1, 101)
    server.message_received(2, 101)
    reasons = {update.node: update.reason for update in server.take_updates()}
    assert reasons == {
        1: "waiting for the node to restart and ask for firmware",
        2: "waiting for its turn: another transfer is under way",
    }
    sleeper = OtaServer(OtaSettings())
    sleeper.add_firmware(FIRMWARE)
    sleeper.load_node(1, sleeping=True)
    sleeper.open_update(OtaUpdate(1, 5, 10, 2, id=1), 0)
    assert sleeper.take_updates()[0].reason == "waiting for the node to wake"
    sleeper.message_received(1, 1)
    assert actions(sleeper) == []
    sleeper.message_received(1, 2, window=0.5)
    assert actions(sleeper) == [Hold, Reboot]


def test_broadcasts_are_kept_while_a_bootloader_may_hear_them():
    server = make_server(nodes=(1, 256 + 1))
    assert not server.holds_broadcasts(0)
    server.message_received(1, 101)
    assert server.holds_broadcasts(0) and not server.holds_broadcasts(1)


def test_an_update_whose_firmware_is_gone_fails_with_a_reason():
    server = OtaServer(OtaSettings())
    server.restore([OtaUpdate(1, 5, 10, 2, id=1)], 0)
    [update] = server.take_updates()
    assert update.state == "failed" and "no longer stored" in update.reason
    assert server.answer(1, 0, MYS, 1) == (1, MYS[:16])
