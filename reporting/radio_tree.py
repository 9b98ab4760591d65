"""Rows of the view radio_tree as trees: what hangs on a gateway, and what does not reach it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reporting.canned_queries import Row

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

    def __getitem__(self, column: str) -> Any:  # Any: whatever SQLite gives
        """A column of the row."""
        return self.row[column]

    @property
    def short(self) -> str:
        """Its name without its id, where that stands beside it."""
        sketch = self.row["sketch_name"]
        name: str = self.row["name"]
        return sketch if sketch and name == f"{sketch} {self.row['node_id']}" else name


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
    tops: dict[str, list[TreeNode]] = {route: [] for route in ("reached", *ENDS)}
    for number, node in nodes.items():
        if number == 0:
            continue
        loop = find_loop(number, nodes) if node["route"] == "loop" else []
        node.loop = [f"{nodes[member]['name']} ({gateway}/{member})" for member in loop]
        parent = nodes.get(node["parent_node_id"])
        siblings = tops[node["route"]] if parent is None or number in loop[:1] else parent.children
        siblings.append(node)
    root = nodes.get(0)
    ends = {route: found for route, found in tops.items() if route != "reached" and found}
    return Tree(root, (root.children if root else []) + tops["reached"], ends, len(nodes))


def find_loop(start: int, nodes: Mapping[int, TreeNode]) -> list[int]:
    """Ids of the loop that a node is a part of, from the lowest on, each followed by its parent."""
    loop, parent = [start], nodes[start]["parent_node_id"]
    while parent != start:
        if len(loop) == len(nodes):  # its path leads to a loop of others
            return []
        loop.append(parent)
        parent = nodes[parent]["parent_node_id"]
    lowest = loop.index(min(loop))
    return loop[lowest:] + loop[:lowest]


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
