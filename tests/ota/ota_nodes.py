"""Virtual nodes of the kinds that can be updated, and what has to be true of them after an update."""

from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode
from tests.ota.ota_world import START, pattern

OLD = pattern(8192, 11)

KINDS = {
    "mysbootloader": lambda **options: BootloaderNode(7, OLD, now=START, **options),
    "library-3.0": lambda **options: LibraryNode(7, OLD, now=START, **options),
    "library-3.1": lambda **options: LibraryNode(7, OLD, protocol=(3, 1), now=START, **options),
    "library-8-bytes": lambda **options: LibraryNode(7, OLD, block_size=8, now=START, **options),
}


def installed(node):
    return bytes(node.flash) if isinstance(node, BootloaderNode) else node.image


def check(world, node, id, image):
    row = world.rows[id]
    assert row["state"] == "confirmed", row
    assert installed(node)[: len(image.data)] == image.data
    assert not node.broken_starts
    assert node.intruders == []
    assert row["finished_at"] and row["old_type"] is not None
    return row
