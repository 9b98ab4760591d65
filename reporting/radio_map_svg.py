"""The map of a radio network as SVG: circles that lead to pages of nodes, links as curves. Pure.

Written without a template, since a page has some hundred nodes and is made anew every few seconds.
"""

from collections.abc import Mapping

from markupsafe import Markup

from reporting.formatting import plural
from reporting.radio_links import LINKS, describe_link, describe_traffic
from reporting.radio_map import Link, RadioMap, Spot
from reporting.radio_map_narrow import WIDTH
from reporting.radio_tree import TreeNode

RADIUS = {"root": 11, "relay": 9, "leaf": 7, "id": 13}  # px
HEAD = 32  # px above the map, where the hops are named
LAST_ROOM = 160  # px of a name right of the last column
_PATH = Markup('<path class="link {}" d="{}" stroke-width="{}"{}/>')
_TO = Markup(' data-to="{}"')
_ID = Markup('<text class="id" x="{}" y="{}" dy=".35em" text-anchor="middle">{}</text>')
_CIRCLE = Markup('<circle cx="{}" cy="{}" r="{}"/>')
_OPEN = Markup('<a class="spot {} {}" data-node="{}"{} href="{}" aria-label="{}"><title>{}</title>')
_PARENT = Markup(' data-parent="{}"')
_NAME = Markup(
    '<foreignObject x="{}" y="{}" width="{}" height="{}"><div class="name at-{}"><b><bdi>{}</bdi></b>{}</div>'
    "</foreignObject>"
)
_NOTE = Markup("<span>{}</span>")
_HOP = Markup('<text class="hop" x="{}%" y="14"{}>{}</text>')


def wide_svg(
    drawn: RadioMap, load: Mapping[int, float], label: str, note: Markup | str, prefix: str = ""
) -> Markup:
    """The map from left to right.

    `load` are messages a day by link, `note` stands below the gateway, `prefix` before every address.
    """
    hops = Markup("").join(
        _HOP.format(
            x,
            "" if not hop else Markup(' text-anchor="middle"'),
            plural(hop, "hop") if hop else "Gateway",
        )
        for hop, x in enumerate(drawn.hops)
    )
    spots = Markup("\n").join(_wide_spot(spot, load, note, prefix) for spot in drawn.spots)
    return Markup(
        '<svg class="map-wide{}" width="100%" height="{}" role="group" aria-label="{}">{}'
        '<svg y="{}" width="100%" height="{}" viewBox="0 0 1000 {}" preserveAspectRatio="none"'
        ' overflow="visible" aria-hidden="true">{}</svg>'
        '<svg y="{}" width="100%" height="{}" overflow="visible">{}</svg></svg>'
    ).format(
        " packed" if drawn.packed else "",
        drawn.height + HEAD + 8,
        label,
        hops,
        HEAD,
        drawn.height,
        drawn.height,
        _links(drawn),
        HEAD,
        drawn.height,
        spots,
    )


def narrow_svg(drawn: RadioMap, label: str) -> Markup:
    """The map for a phone, whose circles lead to the lines of the tree."""
    spots = Markup("\n").join(_narrow_spot(spot) for spot in drawn.spots)
    return Markup(
        '<svg class="map-narrow" viewBox="0 0 {} {}" role="group" aria-label="{}">'
        '<g aria-hidden="true">{}</g>{}</svg>'
    ).format(WIDTH, drawn.height, label, _links(drawn), spots)


def _links(drawn: RadioMap) -> Markup:
    return Markup("").join(_link(link) for link in drawn.links)


def _link(link: Link) -> Markup:
    if link.node is None:
        return _PATH.format("row", link.path, link.width, "")
    kind = link.node["link"]
    style = f"{_class_of(link.node)} heard" if kind == "heard" else _class_of(link.node)
    return _PATH.format(style, link.path, link.width, _TO.format(link.node["id"]))


def _class_of(node: TreeNode) -> str:
    return LINKS[node["link"]][2] if node["link"] else "none"


def describe_spot(spot: Spot) -> str:
    """What a circle stands for, in words."""
    node = spot.node
    if node is None:
        return spot.title
    if spot.kind == "root" or not node["link"]:
        return f"{spot.title}, node {node['node_id']}"
    words = [LINKS[node["link"]][1], describe_link(node.row), describe_traffic(node["messages_a_day"])]
    text = f"{node['name']}, {node['ref']}: {', '.join(filter(None, words))}"
    if node["parent"]:
        text += f"; parent {node['parent']}"
    return text + (f"; parent of {node['hears']}" if node["hears"] else "")


def _around(spot: Spot, href: str) -> tuple[Markup, str]:
    """The element of a spot, opened, and how it is closed."""
    node = spot.node
    if node is None:
        return Markup('<g class="spot {} none">').format(spot.kind), "</g>"
    above = node["parent_node_id"]
    parent = _PARENT.format(node["id"] // 256 * 256 + above) if above is not None and node["node_id"] else ""
    words = describe_spot(spot)
    return _OPEN.format(spot.kind, _class_of(node), node["id"], parent, href, words, words), "</a>"


def _wide_spot(spot: Spot, load: Mapping[int, float], note: Markup | str, prefix: str) -> Markup:
    opened, closed = _around(spot, prefix + spot.node["href"] if spot.node else "")
    x = f"{spot.x}%"
    inside = _CIRCLE.format(x, spot.y, RADIUS[spot.kind])
    if spot.kind == "id" and spot.node is not None:
        return opened + inside + _ID.format(x, spot.y, spot.node["node_id"]) + Markup(closed)
    return opened + inside + _name(spot, load, note) + Markup(closed)


def _name(spot: Spot, load: Mapping[int, float], note: Markup | str) -> Markup:
    if spot.kind == "root" or spot.node is None:
        return _NAME.format(
            -150, spot.y - 20, 130, 56, "root", spot.title, _NOTE.format(note) if note else ""
        )
    notes = _NOTE.format(_facts(spot.node, load))
    if spot.beyond:
        notes += _NOTE.format(f"{plural(spot.beyond, 'node')} behind it: see the tree")
    if spot.kind == "relay":
        room = (f"{spot.x - spot.room / 2:.2f}%", spot.y - 46, f"{spot.room}%")
    else:
        room = (f"{spot.x}%", spot.y - 18, str(LAST_ROOM) if spot.x == 100 else f"{spot.room}%")
    return _NAME.format(*room, 36, spot.kind, spot.node.short, notes)


def _facts(node: TreeNode, load: Mapping[int, float]) -> str:
    words = describe_link(node.row)
    if node["link"] == "silent":
        return words
    messages = load[node["id"]] if node.children else node["messages_a_day"]
    return f"{words} · {describe_traffic(messages) or 'none yet'}"


def _narrow_spot(spot: Spot) -> Markup:
    node = spot.node
    opened, closed = _around(spot, f"#node-{node['gateway']}-{node['node_id']}" if node else "")
    inside = _CIRCLE.format(spot.x, spot.y, 14) + _ID.format(spot.x, spot.y, node["node_id"] if node else "?")
    if node is None:
        inside += Markup('<text class="end" x="{}" y="{}" dy=".35em">{}</text>').format(
            spot.x + 22, spot.y, spot.title
        )
    return opened + inside + Markup(closed)
