"""The OtaServer beside its answers: holds, turns, rows, bootloader commands."""

from dataclasses import fields

import pytest

from ota.actions import Attention, CommandChanged, Hold, Reboot, Release
from ota.command import CommandOrder, command_refusal
from ota.image import make_image
from ota.server import OtaServer
from ota.update import STATES, OtaUpdate, parse_utc, utc
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode
from tests.ota.ota_world import START, World, pattern
from tests.ota.test_kinds import OLD

MYS, LIBRARY = "0A0001004000D7950103", "0A0001004000D7950300"
IMAGE = make_image(pattern(1024))


def make_server(at_once=1, nodes=(1,)):
    server = OtaServer(at_once=at_once)
    server.put_firmware(5, 10, 2, IMAGE)
    for number, node in enumerate(nodes):
        server.open(OtaUpdate(node, 5, 10, 2, id=number + 1), 100.0)
    server.take_actions()
    return server


def actions(server):
    return [
        type(action) for _, action in server.take_actions() if isinstance(action, (Hold, Release, Reboot))
    ]


def test_traffic_is_held_from_reboot_to_presentation():
    server = make_server()
    assert not server.holds(1)
    server.heard(1, 101)
    assert actions(server) == [Hold, Reboot] and server.holds(1) and not server.holds(2)
    server.heard(1, 101.5)
    assert server.holds(1), "that message was on its way"
    server.answer(1, 0, MYS, 102)
    for number, block in enumerate(range(63, -1, -1)):
        assert server.answer(1, 2, f"0A000200{block:02X}00", 103 + number)
    server.answer(1, 0, "0A0002004000" + IMAGE.crc.to_bytes(2, "little").hex() + "0103", 200)
    assert server.holds(1) and server.take_updates()[-1].state == "confirmed"
    server.presented(1, 201)
    assert not server.holds(1) and actions(server)[-1] is Release


def test_a_hold_ends_when_nothing_comes_of_it():
    server = make_server()
    server.heard(1, 101)
    server.tick(130)
    assert server.holds(1)
    server.tick(162)
    assert not server.holds(1)


def test_a_bootloader_without_an_update_is_left_alone_until_it_presents():
    server = OtaServer()
    server.answer(1, 0, MYS, 100)
    assert server.holds(1)
    server.heard(1, 100.5)
    assert server.holds(1)
    server.heard(1, 103)
    assert not server.holds(1), "its sketch speaks: only the presentation was lost"
    server.answer(2, 0, LIBRARY, 100)
    assert not server.holds(2), "a library node's sketch runs while it asks"


def test_a_bootloader_that_asks_for_blocks_of_a_replaced_update_is_left_alone():
    server = make_server()
    server.answer(1, 0, MYS, 100)
    server.put_firmware(6, 10, 3, IMAGE)
    server.open(OtaUpdate(1, 6, 10, 3, id=2), 101)
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
    server.presented(1, 101)
    server.answer(1, 2, "0A0002003F00", 102)
    assert server.holds(1, 3, 19) and server.holds(1, 3, 13)
    assert not server.holds(1, 1, 2) and not server.holds(1, 3, 18)


@pytest.mark.parametrize("at_once, started", [(1, [1]), (2, [1, 2]), (9, [1, 2, 3])])
def test_transfers_take_turns_per_gateway(at_once, started):
    server = make_server(at_once, nodes=(1, 2, 3, 256 + 1))
    for node in (1, 2, 3, 256 + 1):
        server.heard(node, 101)
    reboots = [key for key, action in server.take_actions() if isinstance(action, Reboot)]
    assert reboots == [*started, 257], "another gateway has its own turns"


def test_an_update_that_gets_nowhere_does_not_keep_others_waiting():
    server = make_server(nodes=(1, 2))
    server.heard(1, 101)
    server.heard(2, 102)
    assert [key for key, a in server.take_actions() if isinstance(a, Reboot)] == [1]
    server.heard(2, 165)
    assert [key for key, a in server.take_actions() if isinstance(a, Reboot)] == [2]


def test_rows_go_round():
    update = OtaUpdate(
        7, 5, 10, 2, id=3, requested_at=START + 0.25, block=3, blocks=64, rate=2.5, last_request_at=START
    )
    row = update.row()
    assert row["requested_at"] == "2023-11-14T22:13:20.250Z" and row["offered_at"] is None
    assert OtaUpdate.from_row({**row, "other": 1}) == update
    assert set(row) == {field.name for field in fields(OtaUpdate)}
    assert parse_utc(utc(1234567890.125)) == 1234567890.125
    assert update.left_s is None
    update.state = "transferring"
    assert update.left_s == 1.2 and update.state in STATES


def test_a_firmware_is_in_use_until_its_update_is_done():
    server = make_server()
    assert server.uses_firmware(5) and not server.uses_firmware(6)
    server.answer(1, 0, MYS, 100)
    server.cancel(1, 101, "cancelled by owner")
    assert server.uses_firmware(5), "the bootloader may have taken the offer"
    server.answer(1, 0, MYS, 200)
    assert not server.uses_firmware(5)


def test_an_image_that_does_not_fit_is_refused_and_the_node_goes_on():
    server = OtaServer()
    server.put_firmware(5, 10, 2, make_image(bytes(30593)))
    server.open(OtaUpdate(1, 5, 10, 2, id=1), 0)
    assert server.answer(1, 0, MYS, 1) == (1, MYS[:16])
    [update] = server.take_updates()
    assert update.state == "failed" and "1912" in update.reason
    assert any(isinstance(action, Attention) for _, action in server.take_actions())


def test_a_bootloader_command_is_given_once():
    node = BootloaderNode(7, OLD, now=START)
    world = World([node])
    world.run(30)
    world.server.order(CommandOrder(7, 3, 42, id=9))
    world.run(60)
    assert node.parent == 42 and node.running and node.intruders == []
    assert sum(line.startswith("7;255;4;0;1;03002A00") for _, line in world.sent) == 1
    world.server.order(CommandOrder(7, 1))
    world.run(60)
    assert node.node_id == 255 and node.state == "id"


def test_bootloader_commands_are_refused_where_they_would_harm():
    assert command_refusal(0x0301) is None and "library OTA 3.0" in command_refusal(0x0003)
    with pytest.raises(ValueError, match="1 to 254"):
        CommandOrder(7, 2, 255)
    with pytest.raises(ValueError, match="under way"):
        make_server().order(CommandOrder(1, 3, 7))
    server = OtaServer()
    order = CommandOrder(1, 3, 7)
    server.order(order)
    assert server.answer(1, 0, LIBRARY, 0) == (1, LIBRARY[:16])
    assert server.answer(1, 0, MYS, 1) == (1, "0300070000007ADA")
    assert server.answer(1, 0, MYS, 2) == (1, MYS[:16])
    assert order.state == "sent" and CommandChanged(order) in [action for _, action in server.take_actions()]


def test_a_command_that_shows_no_effect_fails_in_words():
    server = OtaServer()
    order = CommandOrder(1, 3, 7)
    server.order(order)
    for number in range(11):
        server.heard(1, 100 + 11 * number)
    assert order.state == "failed" and "10 reboot orders" in order.reason
    assert sum(isinstance(action, Reboot) for _, action in server.take_actions()) == 10


def test_one_of_many_nodes_gets_its_blocks_however_often_it_asks():
    server = make_server(nodes=range(1, 100))
    server.answer(50, 0, MYS, 100)
    for number, block in enumerate([*range(63, -1, -1)] * 20):
        answer = server.answer(50, 2, f"0A000200{block:02X}00", 101 + number / 1000)
        assert IMAGE.block(block).hex().upper() in str(answer)
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
    server.heard(1, 101)
    server.heard(2, 101)
    reasons = {update.node: update.reason for update in server.take_updates()}
    assert reasons == {
        1: "waiting for the node to restart and ask for firmware",
        2: "waiting for its turn: another transfer is under way",
    }
    sleeper = OtaServer()
    sleeper.put_firmware(5, 10, 2, IMAGE)
    sleeper.know_node(1, sleeping=True)
    sleeper.open(OtaUpdate(1, 5, 10, 2, id=1), 0)
    assert sleeper.take_updates()[0].reason == "waiting for the node to wake"
    sleeper.heard(1, 1)
    assert actions(sleeper) == []
    sleeper.heard(1, 2, window=0.5)
    assert actions(sleeper) == [Hold, Reboot]


def test_broadcasts_are_kept_while_a_bootloader_may_hear_them():
    server = make_server(nodes=(1, 256 + 1))
    assert not server.holds_any(0)
    server.heard(1, 101)
    assert server.holds_any(0) and not server.holds_any(1)


def test_an_update_whose_firmware_is_gone_fails_in_words():
    server = OtaServer()
    server.restore([OtaUpdate(1, 5, 10, 2, id=1)], 0)
    [update] = server.take_updates()
    assert update.state == "failed" and "no longer stored" in update.reason
    assert server.answer(1, 0, MYS, 1) == (1, MYS[:16])
