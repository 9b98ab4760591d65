"""Everything at once, by chance: loss, crashes, cuts, cancelled and replaced updates, nodes of every kind."""

from random import Random

import pytest

from ota.settings import OtaSettings
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode, Sleep
from tests.ota.ota_nodes import OLD, installed
from tests.ota.ota_world import START, World, pattern


def make_nodes(random):
    for node_id in range(1, 5):
        sleep = random.choice([None, None, Sleep(0.5, random.uniform(3, 15))])
        options = {"sleep": sleep, "period_s": random.uniform(2, 9), "now": START + random.uniform(0, 5)}
        kind = random.choice(["bootloader", "bootloader", "library", "eight"])
        if kind == "bootloader":
            yield BootloaderNode(node_id, OLD, **options)
        else:
            yield LibraryNode(node_id, OLD, block_size=8 if kind == "eight" else 16, **options)


@pytest.mark.parametrize("seed", range(40))
def test_any_mixture_ends_on_the_right_images(seed):
    random = Random(seed)
    nodes = list(make_nodes(random))
    loss = random.choice([0, 0.02, 0.1])
    world = World(
        nodes,
        loss=loss,
        seed=seed,
        settings=OtaSettings(at_once=random.choice([1, 2])),
        commit_s=random.choice([1, 5]),
    )
    world.run(40)
    wanted = {}
    for number in range(10):
        world.run(random.uniform(0, 20))
        action = random.choice(["schedule", "schedule", "cancel", "crash", "cut", "reset"])
        node = random.choice(nodes)
        if action == "schedule" and node.node_id < 4:
            data = pattern(random.randrange(1, 2500), number)
            firmware = world.add_firmware(random.randrange(9, 12), 1 + number, data)
            wanted[node.node_id] = world.schedule(node.node_id, firmware), firmware.image
        elif action == "cancel":
            world.server.cancel(node.node_id, world.now, "cancelled by owner")
            world.act()
            world.commit()
            wanted.pop(node.node_id, None)
        elif action == "crash":
            world.kill()
            world.run(random.uniform(0, 4))
            world.boot()
        elif action == "cut":
            world.cut()
            world.run(random.uniform(0, 4))
            world.mend()
        elif action == "reset":
            node.reset(world.now)
    world.run(20000, lambda: all(world.state(id) in ("confirmed", "failed") for id, _ in wanted.values()))
    for node_id, (id, image) in wanted.items():
        assert world.state(id) == "confirmed", world.rows[id]
        assert installed(world.nodes[node_id])[: len(image.data)] == image.data
    world.run(120)
    open_ones = [
        row for row in world.rows.values() if row["state"] not in ("confirmed", "failed", "cancelled")
    ]
    assert open_ones == []
    if not loss:
        assert not any(node.broken_starts for node in nodes)
    assert not world.rejected
