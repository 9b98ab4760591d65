"""Where the nodes of a radio network stand on its map: a tidy tree by hops. Pure.

From left to right each hop has a column and each node a band of its own that holds all behind it, so that no
two links cross. Siblings keep the order of their ids. Where there are too many nodes for names, the leaves of
a parent stand in rows beside each other with their ids alone. `radio_map_narrow` is the map for a phone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import NamedTuple, TypeAlias

from reporting.radio_tree import ENDS, Tree, TreeNode

MOST_HOPS = 12  # columns of the map; what lies beyond is counted
NAMED = 40  # rows with names; with more the leaves of a parent share rows
FEWEST = 4  # ids in a row, however many hops there are
NAME = 12.0  # per cent of the width that a name needs, where there are many nodes
ROW, RELAY = 46, 66  # px: of a leaf, at least of a node with others behind it, whose name stands above it
PACKED = 32  # px of a row of ids
STEP = 4.0  # per cent of the width from id to id
WIDE = 1000  # units of the width in which links are drawn
THIN, THICK = 1.5, 8.0  # px of a link

Place: TypeAlias = tuple[float, float]


class Spot(NamedTuple):
    """A place on the map. `node` is None for the place of a gateway that was not heard, or of no gateway.

    `x` is per cent of the width, or px on a phone. `kind`: root, relay, leaf, or id, which has no room for a
    name. `room` is how wide a name may be, per cent; `beyond` how many nodes are not drawn behind it.
    """

    node: TreeNode | None
    title: str
    x: float
    y: float
    kind: str
    room: float = 0
    beyond: int = 0


class Link(NamedTuple):
    """A link as the path of an SVG; `node` is at its far end, None for the line along a row of ids."""

    node: TreeNode | None
    path: str
    width: float = THIN


@dataclass(frozen=True)
class RadioMap:
    """What is drawn, `height` px high; `hops` are the columns, per cent of the width."""

    height: int
    spots: list[Spot]
    links: list[Link]
    hops: list[float]
    packed: bool = False


class Root(NamedTuple):
    """Where a tree begins: the gateway, or what stands for a path that does not lead to it."""

    node: TreeNode | None
    title: str
    children: Sequence[TreeNode]


@dataclass
class _Band:
    """A node with what is behind it while the map is laid out; `rows` of ids are packed leaves."""

    node: TreeNode | None
    depth: int
    inner: list["_Band"] = field(default_factory=list)
    rows: list[list[TreeNode]] = field(default_factory=list)
    beyond: int = 0
    height: float = ROW
    title: str = ""


def roots_of(tree: Tree, gateway: str) -> list[Root]:
    """The gateway with what reaches it, then the nodes whose path ends otherwise, by how it does."""
    return [
        Root(tree.root, gateway, tree.children),
        *(Root(None, ENDS[route], nodes) for route, nodes in tree.ends.items()),
    ]


def carried(roots: Iterable[Root]) -> dict[int, float]:
    """Key of a node -> messages a day over its link: its own and those of all behind it."""
    found: dict[int, float] = {}
    for root in roots:
        for node, _ in reversed(list(preorder(root.children))):
            behind = sum(found[child["id"]] for child in node.children)
            found[node["id"]] = (node["messages_a_day"] or 0) + behind
    return found


def draw_wide(roots: Sequence[Root]) -> RadioMap:
    """The map from left to right."""
    depth = max((depth for root in roots for _, depth in preorder(root.children)), default=0) + 1
    columns = max(1, min(depth, MOST_HOPS))
    leaves = sum(not node.children for root in roots for node, _ in preorder(root.children))
    packed = leaves > NAMED
    hops = _columns(columns, packed)
    bands = [_band(root, columns, hops if packed else None) for root in roots]
    drawing = _Drawing(hops, carried(roots), is_bare(hops if packed else None))
    top = float(PACKED)
    for band in bands:
        drawing.place(band, top)
        top += band.height
    return RadioMap(ceil(top), drawing.spots, drawing.links, hops, packed)


def _columns(columns: int, packed: bool) -> list[float]:
    """Where the hops stand, per cent, the gateway at 0; the last one with room for ids where `packed`."""
    last = 100.0 if not packed else max(22.0, 100 - 6 * STEP)
    if columns == 1:
        last = 22.0 if packed else 55.0
    return [round(hop * last / columns, 2) for hop in range(columns + 1)]


def _band(root: Root, columns: int, packed: Sequence[float] | None) -> _Band:
    """The bands of a root, with their heights."""
    top = _Band(root.node, 0, title=root.title)
    every = [top]
    for band in every:  # grows while it runs: no recursion, since a chain may be long
        children = root.children if band is top else band.node.children if band.node else ()
        if band.depth == columns:
            band.beyond = sum(1 for _ in preorder(children))
            continue
        if packed:
            band.rows, children = _pack(children, packed, band.depth + 1)
        band.inner = [_Band(child, band.depth + 1) for child in children]
        every += band.inner
    for band in reversed(every):
        behind = sum(one.height for one in band.inner) + PACKED * len(band.rows)
        relay = PACKED if is_bare(packed) else RELAY
        band.height = max(behind, relay if band.inner or band.rows else PACKED if packed else ROW)
    return top


def is_bare(packed: Sequence[float] | None) -> bool:
    """True where not even nodes with others behind them have room for a name; `packed` are the columns."""
    return packed is not None and packed[1] < NAME


def _pack(
    children: Sequence[TreeNode], hops: Sequence[float], column: int
) -> tuple[list[list[TreeNode]], Sequence[TreeNode]]:
    """The leaves of a parent as rows of ids in that column, and what stands by itself."""
    leaves = [child for child in children if not child.children]
    room = 100 - hops[column] + STEP if column + 1 == len(hops) else hops[1]
    many = max(FEWEST, int(room / STEP))
    rows = [leaves[start : start + many] for start in range(0, len(leaves), many)]
    return rows, [child for child in children if child.children]


def preorder(nodes: Sequence[TreeNode], depth: int = 0) -> Iterator[tuple[TreeNode, int]]:
    """Yield the nodes and all behind them in the order of reading, with their depth below the first ones."""
    left = [(node, depth) for node in reversed(nodes)]
    while left:
        node, below = left.pop()
        yield node, below
        left += [(child, below + 1) for child in reversed(node.children)]


class _Drawing:
    """Spots and links of the map from left to right, collected band by band."""

    def __init__(self, hops: Sequence[float], load: Mapping[int, float], bare: bool) -> None:
        self.spots: list[Spot] = []
        self.links: list[Link] = []
        self._hops, self._load, self._bare = hops, load, bare
        self._most = max(load.values(), default=0)
        self._room = hops[1] - hops[0] if len(hops) > 2 else 100 - hops[-1]

    def place(self, root: _Band, top: float) -> None:
        """Add a root and all of its bands, from `top` px on."""
        left: list[tuple[_Band, float, Place | None]] = [(root, top, None)]
        while left:
            band, top, before = left.pop()
            here = self._hops[band.depth], round(top + band.height / 2, 1)
            self._add(band, here, before)
            behind = sum(one.height for one in band.inner) + PACKED * len(band.rows)
            down = top + (band.height - behind) / 2
            for row in band.rows:
                self._add_row(row, band.depth + 1, here, down + PACKED / 2)
                down += PACKED
            for one in band.inner:
                left.append((one, down, here))
                down += one.height

    def _add(self, band: _Band, here: Place, before: Place | None) -> None:
        kind = "root" if before is None else "relay" if band.inner or band.rows else "leaf"
        if before is not None and self._bare:
            kind = "id"
        self.spots.append(Spot(band.node, band.title, *here, kind, round(self._room, 2), band.beyond))
        if before is not None and band.node is not None:
            self.links.append(Link(band.node, _bend(before, here), self._width(band.node)))

    def _add_row(self, row: Sequence[TreeNode], column: int, before: Place, y: float) -> None:
        x = self._hops[column]
        end = x + STEP * (len(row) - 1)
        start = (x - STEP / 2, y)
        self.links.append(Link(None, f"{_bend(before, start)}H{end * WIDE / 100:.0f}"))
        for number, node in enumerate(row):
            self.spots.append(Spot(node, "", round(x + STEP * number, 2), y, "id"))

    def _width(self, node: TreeNode) -> float:
        return link_width(self._load[node["id"]], self._most)


def link_width(messages: float, most: float) -> float:
    """How wide a link is drawn, px."""
    return round(THIN + (THICK - THIN) * sqrt(messages / most), 1) if most else THIN


def _bend(start: Place, end: Place) -> str:
    """A curve that leaves and arrives level; x in per cent, y in px."""
    (left, top), (right, bottom) = start, end
    left, right = left * WIDE / 100, right * WIDE / 100
    middle = (left + right) / 2
    return f"M{left:.0f} {top:g}C{middle:.0f} {top:g} {middle:.0f} {bottom:g} {right:.0f} {bottom:g}"
