"""The map of a radio network for a phone: ids alone, from top to bottom. Pure.

Where there is room it is a tree; with more nodes those of each parent stand in rows below it.
"""

from collections.abc import Sequence
from math import ceil

from reporting.radio_map import MOST_HOPS, Link, Place, RadioMap, Root, Spot, carried, link_width, preorder
from reporting.radio_tree import TreeNode

WIDTH, MARGIN = 340, 22  # px
SLOTS = 18  # leaves that stand side by side, every other one lower
SPACE, LOWER, LEVEL = 34, 36, 96  # px from id to id, of every other one, from hop to hop
INDENT, DEEPEST = 24, 6  # px of a hop in rows, and hops that are told apart


def draw_narrow(roots: Sequence[Root]) -> RadioMap:
    """The map from top to bottom: a tree where that has room, else rows below each parent."""
    nodes = [found for root in roots for found in preorder(root.children)]
    leaves = sum(not node.children for node, _ in nodes)
    deepest = max((depth for _, depth in nodes), default=0)
    if leaves <= SLOTS and deepest < MOST_HOPS and len(roots) == 1:
        return _draw_tree(roots[0])
    rows = _Rows(roots)
    for root in roots:
        rows.add(root)
    return RadioMap(ceil(rows.y), rows.spots, rows.links, [])


def _draw_tree(root: Root) -> RadioMap:
    load = carried([root])
    most = max(load.values(), default=0)
    order = list(preorder(root.children))
    at = _places(order)
    top = (WIDTH / 2, float(MARGIN))
    before = {child["id"]: at[node["id"]] for node, _ in order for child in node.children}
    links = [
        Link(node, _drop(before.get(node["id"], top), at[node["id"]]), link_width(load[node["id"]], most))
        for node, _ in order
    ]
    spots = [Spot(root.node, root.title, *top, "root")]
    spots += [Spot(node, "", *at[node["id"]], "id") for node, _ in order]
    bottom = max((y for _, y in at.values()), default=top[1])
    return RadioMap(ceil(bottom) + MARGIN, spots, links, [])


def _places(order: Sequence[tuple[TreeNode, int]]) -> dict[int, Place]:
    """Key of a node -> where it stands: leaves side by side, a parent above the middle of its children."""
    leaves = [node["id"] for node, _ in order if not node.children]
    apart = (WIDTH - 2 * MARGIN) / max(1, len(leaves) - 1)
    lower = LOWER if apart < SPACE else 0
    across = {key: MARGIN + apart * number for number, key in enumerate(leaves)}
    down = {key: lower * (number % 2) for number, key in enumerate(leaves)}
    if len(leaves) == 1:
        across[leaves[0]] = WIDTH / 2
    for node, _ in reversed(order):
        if node.children:
            places = [across[child["id"]] for child in node.children]
            across[node["id"]] = (min(places) + max(places)) / 2
    return {
        node["id"]: (round(across[node["id"]], 1), MARGIN + LEVEL * (depth + 1) + down.get(node["id"], 0))
        for node, depth in order
    }


def _drop(start: Place, end: Place) -> str:
    """A curve that leaves and arrives upright."""
    (left, top), (right, bottom) = start, end
    middle = (top + bottom) / 2
    return f"M{left:g} {top:g}C{left:g} {middle:g} {right:g} {middle:g} {right:g} {bottom:g}"


class _Rows:
    """Spots and links of the map in rows, collected root by root down to `y` px."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.spots: list[Spot] = []
        self.links: list[Link] = []
        self.y = float(MARGIN)
        self._load = carried(roots)
        self._most = max(self._load.values(), default=0)

    def add(self, root: Root) -> None:
        """Add a root and all behind it."""
        here = (float(MARGIN), self.y)
        self.spots.append(Spot(root.node, root.title, *here, "root"))
        self._add_leaves(root.children, here)
        left = [(child, 1, here) for child in reversed(root.children) if child.children]
        while left:
            node, depth, before = left.pop()
            here = (MARGIN + float(INDENT * min(depth, DEEPEST)), self.y)
            path = f"M{before[0]:g} {before[1]:g}V{here[1]:g}H{here[0]:g}"
            self.links.append(Link(node, path, link_width(self._load[node["id"]], self._most)))
            self.spots.append(Spot(node, "", *here, "id"))
            self._add_leaves(node.children, here)
            left += [(child, depth + 1, here) for child in reversed(node.children) if child.children]
        self.y += SPACE / 2

    def _add_leaves(self, children: Sequence[TreeNode], before: Place) -> None:
        leaves = [child for child in children if not child.children]
        start = before[0] + SPACE
        many = int((WIDTH - MARGIN - start) / SPACE) + 1
        for first in range(0, len(leaves), many):
            self.y += SPACE
            row = leaves[first : first + many]
            end = start + SPACE * (len(row) - 1)
            self.links.append(Link(None, f"M{before[0]:g} {before[1]:g}V{self.y:g}H{end:g}"))
            self.spots += [
                Spot(child, "", start + SPACE * number, self.y, "id") for number, child in enumerate(row)
            ]
        self.y += SPACE
