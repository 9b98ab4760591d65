"""Who holds a gateway's transfer, who waits and who is next: nobody waits for one that does not answer."""

import pytest

from ota.settings import OtaSettings
from ota.update import OtaUpdate
from ota.update_machine import CAME_TOO_LATE
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode, Sleep
from tests.ota.ota_nodes import OLD, check
from tests.ota.ota_world import START, World, pattern
from tests.ota.test_server import FIRMWARE, MYS, make_server


class Unanswering(BootloaderNode):
    """Dies at its first restart."""

    def reboot(self, at):
        super().reboot(at)
        self.is_dead = True


class Deaf(BootloaderNode):
    """Goes on sending, and hears no order."""

    def on_reboot(self):
        pass


def bootloader(number, kind=BootloaderNode, **options):
    return kind(number, OLD, now=START, **options)


@pytest.mark.parametrize(
    "first",
    [
        lambda: bootloader(7, Unanswering),
        lambda: bootloader(7, Deaf),
        lambda: bootloader(7, parent_s=400),
        lambda: bootloader(7, sleep=Sleep(0.5, 300)),
        lambda: LibraryNode(7, OLD, obeys_reboot=False, now=START),
    ],
)
def test_nobody_waits_for_a_node_that_does_not_come(first):
    slow, other = first(), bootloader(8)
    world = World([slow, other], settings=OtaSettings(stall_s=15))
    world.run(20)
    firmware = world.add_firmware(10, 3, pattern(2000, 5))
    blocker = world.schedule(7, firmware)
    world.run(10, lambda: world.live(blocker).state == "rebooting")
    id = world.schedule(8, firmware)
    began = world.now
    world.finish(id, 120)
    check(world, other, id, firmware.image)
    assert world.now - began < 45
    assert world.live(blocker).is_open


def late_world(make_late, others=(8, 9)):
    """Node 7 restarts so slowly that node 8 takes its turn; node 9 waits from the beginning."""
    late = make_late()
    nodes = [late, *(bootloader(number) for number in others)]
    world = World(nodes)
    world.run(40)
    for node in nodes:
        node.intruders.clear()  # of the start, before anything was known of the node
    firmware = world.add_firmware(10, 3, pattern(9000, 5))
    ids = [world.schedule(7, firmware)]
    assert world.run(60, lambda: world.live(ids[0]).state == "rebooting")
    ids += [world.schedule(number, firmware) for number in others]
    return world, nodes, firmware, ids


def slow_library():
    node = LibraryNode(7, OLD, now=START)
    node.reset_s = lambda at: 14.0
    return node


LATE = {"bootloader": lambda: bootloader(7, parent_s=14), "library": slow_library}


@pytest.mark.parametrize("kind", LATE)
def test_a_node_that_comes_late_is_told_to_wait_and_is_next(kind):
    world, nodes, firmware, ids = late_world(LATE[kind])
    for node in nodes[1:]:
        node.updater.block_s = 0.05  # the transfer takes longer than the late node
    assert world.run(60, lambda: world.live(ids[0]).reason == CAME_TOO_LATE), world.live(ids[0])
    assert world.live(ids[1]).state == "transferring"
    assert world.run(5, lambda: nodes[0].running), "it runs its old sketch meanwhile"
    assert not world.live(ids[0]).owed
    for number in ids:
        world.finish(number)
    for node, number in zip(nodes, ids, strict=True):
        check(world, node, number, firmware.image)
    ends = [world.rows[number]["finished_at"] for number in ids]
    assert ends[1] < ends[0] < ends[2], "the late one goes before the one that only waited"


@pytest.mark.parametrize("kind", LATE)
def test_a_node_that_waits_goes_on_after_a_kill(kind):
    world, nodes, firmware, ids = late_world(LATE[kind], others=(8,))
    nodes[1].updater.block_s = 0.05
    assert world.run(60, lambda: world.live(ids[0]).reason == CAME_TOO_LATE)
    world.run(1.5)
    world.kill()
    world.run(2)
    world.boot()
    assert world.live(ids[0]).reason == CAME_TOO_LATE
    for node, number in zip(nodes, ids, strict=True):
        world.finish(number)
        check(world, node, number, firmware.image)


@pytest.mark.parametrize("kind", LATE)
def test_an_update_that_waits_is_cancelled_without_a_trace(kind):
    world, nodes, _, ids = late_world(LATE[kind], others=(8,))
    nodes[1].updater.block_s = 0.05
    assert world.run(60, lambda: world.live(ids[0]).reason == CAME_TOO_LATE)
    world.server.cancel(7, world.now, "cancelled by owner")
    world.run(120)
    assert world.state(ids[0]) == "cancelled" and not world.rows[ids[0]]["owed"]
    assert nodes[0].running and not nodes[0].broken_starts and not world.server.holds(7)


def test_many_nodes_are_restarted_about_once_each():
    """A queue of nodes, one of them dead: the others are not restarted in vain while they wait."""
    nodes = [bootloader(number, Unanswering if number == 3 else BootloaderNode) for number in range(1, 9)]
    world = World(nodes)
    world.run(20)
    firmware = world.add_firmware(10, 3, pattern(2000, 5))
    ids = [world.schedule(node.node_id, firmware) for node in nodes]
    alive = [number for node, number in zip(nodes, ids, strict=True) if node.node_id != 3]
    assert world.run(400, lambda: all(world.state(number) == "confirmed" for number in alive))
    assert all(node.reboots <= 2 for node in nodes)


def test_a_half_written_bootloader_is_answered_while_another_transfer_runs():
    server = make_server(nodes=(1, 2))
    server.answer(1, 0, MYS, 100)
    assert server.answer(1, 2, "0A0002003F00", 101)
    assert server.answer(2, 0, MYS, 102) == (1, MYS[:16]), "the other one waits: its flash is whole"
    offer = server.answer(1, 0, "0A0002004000FFFF0103", 110)
    assert offer is not None and offer[1].startswith("0A00020040") and not offer[1].endswith("FFFF")
    server.message_received(2, 111)
    assert server.answer(2, 2, "0A0002003F00", 112) is not None, "asked for nevertheless, it is answered"
    lost = server.answer(2, 0, "0A0002000000FFFF0103", 113)
    assert lost is not None and lost[1].startswith("0A00020040"), (
        "a bootloader with nothing whole cannot wait"
    )


def test_an_unfinished_image_of_another_update_cannot_wait():
    server = make_server(nodes=(1,))
    server.answer(1, 0, MYS, 100)
    server.answer(1, 2, "0A0002003F00", 101)
    server.add_firmware(FIRMWARE.__class__(6, 10, 3, FIRMWARE.image))
    server.open_update(OtaUpdate(1, 6, 10, 3, id=9), 102)  # replaces it in mid-transfer
    server.open_update(OtaUpdate(2, 5, 10, 2, id=10), 102)
    server.answer(2, 0, MYS, 103)
    server.answer(2, 2, "0A0002003F00", 104)
    reply = server.answer(1, 0, "0A0002004000FFFF0103", 105)
    assert reply is not None and reply[1].startswith("0A00030040")


def test_an_offer_without_a_block_request_keeps_nobody_waiting():
    server = make_server(nodes=(1, 2))
    server.answer(1, 0, MYS, 100)
    assert server.answer(2, 0, MYS, 101) == (1, MYS[:16])
    server.answer(1, 0, MYS, 108)
    offer = server.answer(2, 0, MYS, 111)
    assert offer is not None and offer[1].startswith("0A00020040")


def test_a_transfer_that_stopped_keeps_nobody_waiting():
    server = make_server(nodes=(1, 2))
    server.answer(1, 0, MYS, 100)
    server.answer(1, 2, "0A0002003F00", 101)
    assert server.answer(2, 0, MYS, 110) == (1, MYS[:16])
    offer = server.answer(2, 0, MYS, 117)
    assert offer is not None and offer[1].startswith("0A00020040")
