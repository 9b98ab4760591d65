"""/nodes: orders, pages of 100, groups; light also with 254 nodes, whose names are long."""

import gzip
import html
import re
import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.node_choice import ORDERS, PER_PAGE, choose_nodes
from tests.plugins.site_helpers import links


def row(number, state="OK", **more):
    return {
        **{"id": number, "name": f"Node {number}", "ref": f"main/{number}", "state": state, "location": ""},
        **{"sketch_name": None, "silent_s": 10 * number, "battery_level": None, "battery_months": None},
        **{"usual_interval_s": None, "parent": None, "messages_today": number, "gateway": "main"},
        **{"label": "", "role": "node", **more},
    }


def shown(nodes, **args):
    return [node["id"] for node in choose_nodes(nodes, args).shown]


def test_the_worst_come_first_and_the_others_keep_their_places_when_they_are_heard():
    nodes = [row(1), row(2, "Stale"), row(3, "Stale", silent_s=9000), row(4, "Critical"), row(5)]
    assert shown(nodes) == [4, 3, 2, 1, 5]
    nodes[0]["silent_s"], nodes[4]["silent_s"] = 500, 1
    assert shown(nodes) == [4, 3, 2, 1, 5]


def test_orders_go_both_ways_and_rows_without_the_figure_come_last():
    nodes = [row(1, battery_level=50), row(2), row(3, battery_level=8), row(4, battery_level=90)]
    assert shown(nodes, sort="battery") == [3, 1, 4, 2]
    assert shown(nodes, sort="-battery") == [4, 1, 3, 2]
    assert shown(nodes, sort="-today") == [4, 3, 2, 1]
    assert shown(nodes, sort="nothing") == shown(nodes)
    for name in ORDERS:
        assert sorted(shown(nodes, sort=name)) == sorted(shown(nodes, sort=f"-{name}")) == [1, 2, 3, 4]


def test_pages_that_are_not_there_are_the_nearest():
    nodes = [row(number) for number in range(1, 255)]
    found = [shown(nodes, sort="today", page=page) for page in ("", "2", "3", "9", "x", "-1", "²")]
    assert [len(one) for one in found] == [100, 100, 54, 54, 100, 100, 100]
    assert found[0] + found[1] + found[2] == list(range(1, 255))


@pytest.fixture
def crowded(site):
    """The site with 254 more nodes of long names, heard now, with batteries."""
    now = time.time()
    connection = connect(site.datasette.config.database)
    connection.executemany(
        """insert or replace into nodes (id, name, gateway, node_id, parent_node_id, sketch_name, location,
          battery_level, battery_level_at, first_seen_at, last_seen_at)
        values (?, 'x', 0, ?, 0, ?, ?, ?, ?, ?, ?)""",
        [
            (
                number,
                number,
                f"Sketch {number:03d} " + "abcdefghij" * 5,
                f"Room {number % 9}",
                number % 101,
                *[format_utc(now - number)] * 3,
            )
            for number in range(1, 255)
        ],
    )
    connection.close()
    return site


def test_254_nodes_are_light_and_all_are_reached(crowded):
    path, seen = "/nodes?sort=name", []
    while path:
        page = crowded.page(path)
        assert len(gzip.compress(page.encode(), 5)) < 60_000
        seen += re.findall(r'<tr id="node-([\w-]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(following[1]) if following else None
    assert len(seen) == len(set(seen)) == 257 and PER_PAGE == 100
    radio = crowded.page("/radio")
    assert len(gzip.compress(radio.encode(), 5)) < 60_000
    for link in links(crowded.page("/nodes?group=location&q=sketch&page=2")):
        if link.startswith("/nodes?"):
            assert crowded.get(link).status_code == 200, link


def test_heads_sort_and_say_how(site):
    page = site.page("/nodes?sort=battery&state=OK")
    assert 'aria-sort="ascending"' in page and "weakest battery first" in page
    assert re.search(r'href="/nodes\?sort=-battery&amp;state=OK"[^>]*>Battery', page)
    assert 'aria-sort="descending"' in site.page("/nodes?sort=-battery")
    assert "aria-sort" not in site.page("/nodes")
