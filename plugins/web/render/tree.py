"""Rows of the view radio_tree as trees: what hangs on a gateway, and what does not reach it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from plugins.web.query import Row

ENDS = {  # route of radio_tree -> what stands above the nodes whose path to the gateway ends so
    "unknown": "Parent not known",
    "missing": "Parent that was never heard",
    "loop": "In a loop",
}


@dataclass
class TreeNode:
    """A node with those whose parent it is; `loop` are the names of the loop that it is a part of."""

    row: Row
    children: list["TreeNode"] = field(default_factory=list)
    loop: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # Any: a column of the row, for templates
        try:
            return self.row[name]
        except KeyError:
            raise AttributeError(name) from None


class Tree(NamedTuple):
    """The nodes of a gateway: its own, those that reach it, and the others by how their path ends."""

    root: TreeNode | None
    children: list[TreeNode]
    ends: dict[str, list[TreeNode]]
    nodes: int


class TreeLine(NamedTuple):
    """A node in the order of reading; `up` is how many levels up from the line before, -1 one down."""

    node: TreeNode
    depth: int
    up: int


def grow_tree(rows: Iterable[Row], gateway: str) -> Tree:
    """The tree of one gateway. A loop begins with the node of the lowest id in it."""
    nodes = {row["node_id"]: TreeNode(row) for row in rows if row["gateway"] == gateway}
    loops = find_loops({number: node.row for number, node in nodes.items()})
    tops: dict[str, list[TreeNode]] = {route: [] for route in ("reached", *ENDS)}
    for number, node in nodes.items():
        if number == 0:
            continue
        loop = loops.get(number, ())
        node.loop = [nodes[member].name for member in loop]
        parent = nodes.get(node.row["parent_node_id"])
        if parent is None or (loop and number == loop[0]):
            tops[node.row["route"]].append(node)
        else:
            parent.children.append(node)
    root = nodes.get(0)
    ends = {route: found for route, found in tops.items() if route != "reached" and found}
    return Tree(root, (root.children if root else []) + tops["reached"], ends, len(nodes))


def find_loops(nodes: dict[int, Row]) -> dict[int, Sequence[int]]:
    """Node id -> ids of the loop that it is a part of, from the lowest on, each followed by its parent."""
    found: dict[int, Sequence[int]] = {}
    for start, node in nodes.items():
        if node["route"] != "loop" or start in found:
            continue
        path: list[int] = []
        at = start
        while at not in path and at not in found:
            path.append(at)
            at = nodes[at]["parent_node_id"]
        loop = path[path.index(at) :] if at in path else []
        if loop:
            lowest = loop.index(min(loop))
            loop = loop[lowest:] + loop[:lowest]
        found |= {number: loop if number in loop else () for number in path}
    return {number: loop for number, loop in found.items() if loop}


def lined(branch: Sequence[TreeNode]) -> list[TreeLine]:
    """A branch in the order of reading. Not recursive: a chain of relays may exceed the recursion limit."""
    left, before = [(node, 0) for node in reversed(branch)], -1
    found = []
    while left:
        node, depth = left.pop()
        found.append(TreeLine(node, depth, before - depth))
        before = depth
        left += [(child, depth + 1) for child in reversed(node.children)]
    return found
