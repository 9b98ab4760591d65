"""The map of a radio network: every node once, nothing over anything else, links without crossings."""

import random
import re
from collections import Counter
from itertools import pairwise

import pytest

from reporting.radio_links import describe_link, summarize_links
from reporting.radio_map import MOST_HOPS, NAMED, ROW, WIDE, carried, draw_wide, roots_of
from reporting.radio_map_narrow import SLOTS, WIDTH, draw_narrow
from reporting.radio_tree import ENDS, grow_tree


def row(node, parent=0, route="reached", **more):
    known = {"signal": None, "arc": None, "loss": None, "sent": None, "nacks": None, "silent_s": 60}
    return {
        "id": node,
        "gateway": "main",
        "node_id": node,
        "parent_node_id": parent,
        "route": route,
        "name": f"n{node}",
        "messages_a_day": 10 * node,
        "state": "OK",
        "link": "heard",
        "basis": "silence",
        "usual_interval_s": 600,
        **known,
        **more,
    }


GATEWAY = row(0, None, "gateway", link=None, basis=None)


def network(count, hops=1, relays=0, seed=1):
    """`count` nodes of which `relays` stand in `hops` hops; the first of each hop are linked in a line."""
    chance = random.Random(seed)
    depth = {0: 0}
    rows = [GATEWAY]
    for node in range(1, count + 1):
        at = [one for one in depth if depth[one] < hops]
        parent = node - 1 if node < hops else chance.choice(at[: relays + 1])
        rows.append(row(node, parent))
        if node <= relays:
            depth[node] = depth[parent] + 1
    return rows


def roots(rows):
    return roots_of(grow_tree(rows, "main"), "Gateway main")


SHAPES = {
    "house": [GATEWAY, row(3), row(7, 3), row(9, 3), row(21, 3), row(14, 21), row(2)],
    "one": [GATEWAY, row(1)],
    "star": network(254),
    "deep": network(254, hops=10, relays=30),
    "line": [GATEWAY, *(row(node, node - 1) for node in range(1, 255))],
    "lost": [
        GATEWAY,
        row(1),
        row(5, 99, "missing"),
        row(6, 7, "loop"),
        row(7, 6, "loop"),
        row(8, 7, "loop"),
        row(9, None, "unknown"),
        row(10, 9, "unknown"),
    ],
    "headless": [row(1), row(2, 1)],
}


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("draw", [draw_wide, draw_narrow])
def test_every_node_is_drawn_once_and_over_nothing_else(shape, draw):
    drawn = draw(roots(SHAPES[shape]))
    nodes = Counter(spot.node["id"] for spot in drawn.spots if spot.node)
    beyond = sum(spot.beyond for spot in drawn.spots)
    assert set(nodes.values()) == {1} and len(nodes) + beyond == len(SHAPES[shape])
    narrow = draw is draw_narrow
    scale = 1 if narrow else 6.56  # px of a per cent where the map is narrowest
    places = sorted((spot.y, spot.x * scale) for spot in drawn.spots)
    for (top, left), (bottom, right) in pairwise(places):
        assert abs(bottom - top) >= 24 or abs(right - left) >= 24, (shape, top, left)
    assert all(
        0 <= spot.x <= (WIDTH if narrow else 100) and 0 < spot.y < drawn.height for spot in drawn.spots
    )


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "line"])
def test_hops_are_columns_and_links_do_not_cross(shape):
    drawn = draw_wide(roots(SHAPES[shape]))
    ends = []
    for link in drawn.links:
        if link.node is not None:
            left, top, right, bottom = (
                float(one) for one in re.findall(r"M(\S+) (\S+)C.* (\S+) (\S+)$", link.path)[0]
            )
            assert right > left
            ends.append((left, top, right, bottom))
            assert any(abs(right - hop * WIDE / 100) <= 1 for hop in drawn.hops)
    for number, (left, top, right, bottom) in enumerate(ends):
        for other in ends[number + 1 :]:
            if (left, right) == (other[0], other[2]):
                assert (top - other[1]) * (bottom - other[3]) >= 0, "two links between the same hops cross"


def test_nodes_with_names_have_room_for_them():
    drawn = draw_wide(roots(network(NAMED - 5, hops=4, relays=5)))
    assert not drawn.packed
    columns = {}
    for spot in drawn.spots:
        columns.setdefault(spot.x, []).append(spot.y)
    assert all(b - a >= ROW for ys in columns.values() for a, b in pairwise(sorted(ys)))
    assert draw_wide(roots(SHAPES["star"])).packed


def test_siblings_stand_in_the_order_of_their_ids():
    house = sorted(SHAPES["house"], key=lambda one: one["id"])
    drawn = draw_wide(roots(house))
    places = sorted((spot.x, spot.y, spot.node["id"]) for spot in drawn.spots)
    assert [node for _, _, node in places] == [0, 2, 3, 7, 9, 21, 14]
    assert drawn == draw_wide(roots(house))


def test_a_link_carries_what_is_behind_it():
    load = carried(roots(SHAPES["house"]))
    assert load == {3: 30 + 70 + 90 + 210 + 140, 7: 70, 9: 90, 21: 350, 14: 140, 2: 20}
    drawn = draw_wide(roots(SHAPES["house"]))
    widths = {link.node["id"]: link.width for link in drawn.links}
    assert max(widths, key=widths.get) == 3 and min(widths, key=widths.get) == 2


def test_a_line_longer_than_the_map_says_how_many_are_left_out():
    spots = draw_wide(roots(SHAPES["line"])).spots
    assert [(spot.node["id"], spot.beyond) for spot in spots if spot.beyond] == [(MOST_HOPS, 254 - MOST_HOPS)]


def test_paths_that_do_not_lead_to_the_gateway_have_a_beginning_of_their_own():
    drawn = draw_wide(roots(SHAPES["lost"]))
    assert [spot.title for spot in drawn.spots if spot.kind == "root"] == [
        "Gateway main",
        *(ENDS[route] for route in ("unknown", "missing", "loop")),
    ]


def test_a_phone_has_a_tree_as_long_as_there_is_room():
    few = draw_narrow(roots(network(SLOTS)))
    many = draw_narrow(roots(network(SLOTS + 1)))
    assert "C" in few.links[0].path and "C" not in many.links[0].path


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        ([GATEWAY, row(1), row(2)], "All 3 nodes heard."),
        ([GATEWAY, row(1, link="good", basis="signal", signal=-60)], "All 2 nodes heard. No link is weak."),
        (
            [GATEWAY, row(1, link="weak", basis="loss", loss=9.2, sent=100, nacks=9), row(2, state="Stale")],
            "2 of 3 nodes heard. One link is weak.",
        ),
        ([GATEWAY, row(1, state="Retired")], "1 of 1 node heard."),
    ],
)
def test_the_headline(rows, headline):
    assert summarize_links(rows).headline == headline


def test_links_are_described_by_what_is_known():
    assert describe_link(row(1)) == "heard every 10 min"
    assert describe_link(row(1, basis="signal", signal=-73)) == "−73\u202fdBm"
    assert describe_link(row(1, basis="loss", loss=0.25)) == "loses 0.2\u202f%"
    assert describe_link(row(1, basis="repeats", arc=66)) == "66\u202f% arrive"
    assert describe_link(row(1, link="silent", silent_s=172_800)) == "silent for 2 d"
    assert describe_link(row(1, link="silent", silent_s=None)) == "never heard"
    summary = summarize_links([row(1, basis="signal"), row(2), row(3, basis="loss", sent=50, nacks=5)])
    assert summary.basis.startswith("Colour: one by messages that were not acknowledged")
    assert summary.loss == 10
