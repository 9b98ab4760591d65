"""/radio: the routing tree, whatever parents the nodes report, and the log of messages and orders."""

import html
import re
import time
from dataclasses import replace

import pytest

from ingest.config.model import Web
from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.radio_log import LOOKED, SCATTERED, SHOWN
from reporting.message_text import describe_message, describe_order
from reporting.radio_tree import Tree, grow_tree
from tests.plugins.site_helpers import ACCESS, bearer, links


def text_of(page):
    """The text of a page with single spaces."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def write(site, *statements):
    connection = connect(site.datasette.config.database)
    for sql, *parameters in statements:
        connection.execute(sql, parameters)
    connection.commit()
    connection.close()


def add_nodes(site, parents):
    """Nodes of the gateway main: {node_id: parent's node id}."""
    write(
        site,
        *(
            (
                "insert into nodes (id, name, gateway, node_id, parent_node_id, last_seen_at) "
                "values (?, 'x', 0, ?, ?, ?)",
                node,
                node,
                parent,
                format_utc(time.time()),
            )
            for node, parent in parents.items()
        ),
    )


def add_messages(site, count, gateway=0, node=12, type=0, name="V_TEMP", first=1000):
    """Messages with the ids from `first` on, a second apart, the last one now."""
    now = time.time()
    connection = connect(site.datasette.config.database)
    connection.executemany(
        """insert into messages
        (id, received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload)
        values (?, ?, ?, ?, ?, 1, 1, 0, ?, ?, ?)""",
        [
            (
                first + one,
                format_utc(now - count + one),
                gateway,
                256 * gateway + node,
                node,
                type,
                name,
                str(one),
            )
            for one in range(count)
        ],
    )
    connection.commit()
    connection.close()


def rows(site, **filters):
    """(ids, page) of the log."""
    page = site.get("/radio", params=filters).text
    return [int(one) for one in re.findall(r'href="/telemetry/messages/(\d+)"', page)], page


@pytest.mark.parametrize(
    "path",
    ["/radio", "/radio?node=12", "/radio?strange=1", "/radio?gateway=shed&command=set", "/radio?before=5"],
)
def test_every_link_answers(site, path):
    for link in links(site.page(path)):
        assert site.get(link).status_code == 200, (path, link)


def test_it_is_in_the_navigation(site):
    assert '<a href="/radio" aria-current="page">Radio</a>' in site.page("/radio")
    assert '<a href="/radio">Radio</a>' in site.page("/nodes")


def test_an_empty_site_shows_instructions(make_site):
    site = make_site(filled=False, gateways=())
    page = site.page("/radio")
    assert (
        "No gateway was configured yet" in page
        and "Nothing was received yet" in page
        and "voltkeeper check" in page
    )
    for link in links(page):
        assert site.get(link).status_code == 200, link


def test_a_gateway_without_nodes_is_shown_as_such(site):
    write(site, ("insert into gateways (id, name, address) values (2, 'attic', 'tcp attic:5003')",))
    assert "Gateway attic 0 nodes · tcp attic:5003 · not read yet Nothing was received yet" in text_of(
        site.page("/radio")
    )


def test_reading_rights(make_site):
    site = make_site(access=replace(ACCESS, read="signed-in"))
    assert site.get("/radio").status_code == 401
    assert site.get("/radio", headers=bearer()).status_code == 200


def test_below_a_prefix(make_site):
    site = make_site(access=ACCESS, web=Web(base_url="/volt/"))
    page = site.page("/radio?node=12")
    assert re.findall(r'(?:href|action)="(/(?!volt/)[^"]*)"', page) == []
    assert 'action="/volt/radio#log"' in page


def test_nodes_are_below_their_parent(site):
    add_nodes(site, {30: 0, 31: 30, 32: 31})
    tree = site.get("/telemetry/radio_tree.json?_shape=array&gateway=main").json()
    found = {row["node_id"]: (row["hops"], row["route"], row["way"], row["hears"]) for row in tree}
    assert found[0] == (0, "gateway", "the gateway", 2)  # 12 reports node 0 as its parent, too
    assert found[30] == (1, "reached", "straight to the gateway", 1)
    assert found[32] == (3, "reached", "3 hops to the gateway", 0)
    assert found[7] == (None, "unknown", "its parent is not known", 0)
    page = site.page("/radio")
    nested = re.sub(r"<(?!/?(ul|li)\b)[^>]+>|\s", "", re.sub(r"<(ul|li) [^>]*>", r"<\1>", page))
    way = re.search(r"<li>30Node30.*?<li>31Node31.*?<li>32Node32.*?</li></ul></li></ul></li>", nested)[0]
    assert (
        re.findall(r"</?(?:ul|li)>", way) == "<li> <ul> <li> <ul> <li> </li> </ul> </li> </ul> </li>".split()
    )
    assert "Node 32, main/32: heard in time, heard; parent Node 31" in page


def test_invalid_parents_are_explained(site):
    add_nodes(site, {40: 99, 41: 40, 50: 51, 51: 52, 52: 50, 53: 51, 60: 60, 70: 7})
    tree = site.get("/telemetry/radio_tree.json?_shape=array&gateway=main").json()
    found = {row["node_id"]: (row["route"], row["way"]) for row in tree}
    assert found[40] == ("missing", "its parent, node 99, was never heard")
    assert found[41] == ("missing", "its way is not known beyond Node 40 (main/40)")
    assert {found[number] for number in (50, 51, 52, 53, 60)} == {("loop", "its way goes round in a loop")}
    assert found[70][0] == "unknown"
    words = text_of(site.page("/radio"))
    assert "Parent that was never heard" in words and "node 99, was never heard" in words
    assert "Node 50 (main/50) → Node 51 (main/51) → Node 52 (main/52) → Node 50 (main/50)" in words
    assert "Node 60 (main/60) → Node 60 (main/60)" in words
    assert words.count("Node 53 main/53") == 1 and words.count("Node 41 main/41") == 1


def row(node, parent, route):
    return {"gateway": "main", "node_id": node, "parent_node_id": parent, "route": route, "name": f"n{node}"}


def test_every_node_is_in_the_tree_once():
    nodes = [
        row(0, None, "gateway"),
        row(1, 0, "reached"),
        row(2, 1, "reached"),
        row(3, None, "unknown"),
        row(4, 3, "unknown"),
        row(5, 99, "missing"),
        row(6, 7, "loop"),
        row(7, 6, "loop"),
        row(8, 7, "loop"),
        row(9, 9, "loop"),
        row(10, 8, "loop"),
    ]

    def all_of(branch):
        return [number for node in branch for number in (node.row["node_id"], *all_of(node.children))]

    tree = grow_tree(nodes, "main")
    assert all_of(tree.children) == [1, 2]
    assert {route: all_of(branch) for route, branch in tree.ends.items()} == {
        "unknown": [3, 4],
        "missing": [5],
        "loop": [6, 7, 8, 10, 9],
    }
    assert grow_tree(nodes, "shed") == Tree(root=None, children=[], ends={}, nodes=0)
    headless = grow_tree([row(1, 0, "reached"), row(2, 1, "reached")], "main")
    assert headless.root is None and all_of(headless.children) == [1, 2]


def test_hundreds_of_nodes_in_one_line_are_shown(site):
    add_nodes(site, {20: 0} | {number: number - 1 for number in range(21, 255)})
    page = site.page("/radio")
    assert len(re.findall(r"<ul\b", page)) == page.count("</ul>") > 235
    assert len(re.findall(r"<li\b", page)) == page.count("</li>")
    assert "235 hops" in page and len(re.findall(r'<div class="leaf" id="node-', page)) == 5 + 235
    assert "223 nodes behind it: see the tree" in page


def test_the_log_describes_messages_and_shows_the_line_as_sent(site):
    words = text_of(site.page("/radio"))
    assert "Greenhouse 12 main/12 1 Air temperature 20.9 °C set V_TEMP" in words
    assert "12;1;1;0;0;20.9" in words and "battery 15 % internal I_BATTERY_LEVEL" in words
    assert "temperature 3.5 °F" in words  # the gateway shed is not metric
    assert "▲ strange: " in words
    page = site.page("/radio")
    assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("command", "symbol", "payload", "child", "expected"),
    [
        ("set", "V_TEMP", "20.9", 1, ("temperature", "20.9\u2009°C")),
        ("set", "V_TRIPPED", "1", 1, ("tripped", "yes")),
        ("set", "V_STATUS", "2", 1, ("switch", "2")),
        ("set", "V_200", "what", 1, ("value", "what")),
        ("req", "V_TEMP", "", 1, ("asks for its last temperature", "")),
        ("presentation", "S_TEMP", "Air", 1, ("presents a sensor, temperature", "Air")),
        (
            "presentation",
            "S_ARDUINO_REPEATER_NODE",
            "2.3.2",
            255,
            ("presents itself as a repeater, library", "2.3.2"),
        ),
        ("internal", "I_BATTERY_LEVEL", "15", 255, ("battery", "15\u2009%")),
        ("internal", "I_99", "a", 255, ("sends", "a")),
        ("stream", "ST_FIRMWARE_REQUEST", "0A0004000C00", 0, ("asks for firmware 10/4, block", "12")),
        ("stream", "ST_FIRMWARE_REQUEST", "0A0", 0, ("sends", "0A0")),
        (
            "stream",
            "ST_FIRMWARE_CONFIG_REQUEST",
            "0A00040010001234FF01",
            0,
            ("asks whether there is new firmware; it runs", "10/4"),
        ),
    ],
)
def test_message_descriptions(command, symbol, payload, child, expected):
    unit = "°C" if symbol == "V_TEMP" else None
    assert describe_message(command, symbol, payload, child, unit)[:2] == expected


def test_order_descriptions():
    assert describe_order("reboot", "12;255;3;1;13;") == ("restart", "", "internal", "I_REBOOT")
    assert describe_order(None, "12;1;1;1;2;1") == ("switch", "on", "set", "V_STATUS")
    assert describe_order(None, "12;1;2;1;0;") == ("report your temperature", "", "req", "V_TEMP")
    assert describe_order("heartbeat", None) == ("heartbeat", "", "", "")
    assert describe_order(None, "no line")[0] == "no line"


def test_filters(site):
    assert len(rows(site)[0]) == 18  # one more is what the gateway says at each connection
    of_node, page = rows(site, node=12)
    assert {
        one[0] for one in site.rows(f"select node from messages where id in ({','.join(map(str, of_node))})")
    } == {12}
    assert '<option value="12" selected>' in page
    assert len(rows(site, gateway="shed")[0]) == 4
    assert len(rows(site, gateway="shed", command="presentation")[0]) == 2
    assert len(rows(site, type="V_TEMP")[0]) == 2
    assert len(rows(site, node=12, type="V_TEMP")[0]) == 1
    strange, page = rows(site, strange=1)
    assert strange and page.count("▲ strange") == len(strange)
    for nothing in (
        {"node": "9999"},
        {"node": "x"},
        {"gateway": "attic"},
        {"type": "V_NONE"},
        {"command": "'"},
    ):
        found, page = rows(site, **nothing)
        assert found == [] and "message matches" in page, nothing


def test_the_strip_keeps_the_filter(site):
    page = html.unescape(site.page("/radio?node=12&type=V_TEMP"))
    (link,) = re.findall(r'href="(/telemetry/message_log\.json[^"]+)"', page)
    assert [row["line"] for row in site.get(link).json()] == ["12;1;1;0;0;20.9"]


def test_older_messages_are_reached_page_by_page(site):
    add_messages(site, 130)
    seen, path = [], "/radio?node=12"
    while path:
        page = site.page(path)
        seen += [int(one) for one in re.findall(r'href="/telemetry/messages/(\d+)"', page)]
        following = re.search(r'href="([^"]+)#log" rel="next"', page)
        path = html.unescape(following[1]) if following else None
        assert len(seen) < 1000
    expected = [one[0] for one in site.rows("select id from messages where node = 12 order by id desc")]
    assert seen == expected and len(seen) > 2 * SHOWN


@pytest.mark.parametrize("before", ["x", "-1", "1e9", "9" * 30, "²"])
def test_an_invalid_page_is_the_first(site, before):
    assert len(rows(site, before=before)[0]) == 18


def test_rare_messages_are_found_step_by_step_and_a_silent_gateway_at_once(site):
    add_messages(site, 2 * LOOKED + 5)
    found, page = rows(site, type="V_HUM")
    assert found == [] and "No match among the 20,000 messages back to" in page and "Search before" in page
    seen, steps = [], 0
    path = "/radio?type=V_HUM"
    while path:
        page, steps = site.page(path), steps + 1
        seen += re.findall(r'href="/telemetry/messages/(\d+)"', page)
        following = re.search(r'href="([^"]+)#log" rel="next"', page)
        path = html.unescape(following[1]) if following else None
        assert steps < 10
    assert len(seen) == 1 and steps == 3
    assert len(rows(site, gateway="shed")[0]) == 4  # its last message is 40,000 messages back


def test_rare_messages_of_a_node_are_found_step_by_step(site):
    add_messages(site, 2 * SCATTERED + 5)
    assert rows(site, node=12, type="V_HUM")[0] == []
    assert "No match among the 5,000 messages of the node back to" in rows(site, node=12, type="V_HUM")[1]
    assert len(rows(site, node=12, type="V_HUM", before=1000)[0]) == 1


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"node": "12"},
        {"type": "V_HUM"},
        {"strange": "1"},
        {"gateway": "shed"},
        {"node": "12", "before": "5000"},
    ],
)
def test_no_filter_scans_the_whole_table(site, filters):
    query = site.run(site.datasette.get_canned_query("telemetry", "message_log", None))
    given = {name: "" for name in query["params"]} | filters
    plan = site.run(
        site.datasette.get_database("telemetry").execute("explain query plan " + query["sql"], given)
    )
    steps = [row["detail"] for row in plan.rows]
    assert not [
        step for step in steps if step.startswith(("SCAN messages", "SCAN o", "SCAN nodes", "SCAN sensors"))
    ], steps
    assert (
        len([step for step in steps if "USING INTEGER PRIMARY KEY (rowid" in step and "messages" in step])
        >= 3
    ), steps


def test_orders_are_listed_at_the_time_they_were_sent(site):
    add_messages(site, 120)
    at = site.rows("select received_at from messages where id = 1100")[0][0]
    early = site.rows("select received_at from messages where id = 1010")[0][0]
    write(
        site,
        (
            """insert into outbox (node, "order", line, state, created_by, sent_at)
            values (12, 'reboot', '12;255;3;1;13;', 'echoed', 'owner', ?)""",
            at,
        ),
        (
            """insert into outbox (node, line, state, sent_at, reason)
            values (7, '7;1;1;1;2;1', 'failed', ?, 'no echo')""",
            early,
        ),
        ("""insert into outbox (node, "order") values (12, 'presentation')""",),
    )
    words = text_of(site.page("/radio"))
    assert (
        words.index("temperature 101 °C")
        < words.index("restart order, echoed , by owner")
        < words.index("temperature 100 °C")
    )
    assert "1 order waiting to be sent: presentation to Greenhouse 12" in words
    assert "no echo" not in words
    older = text_of(site.page("/radio?before=1021"))
    assert (
        "switch on order, failed : no echo" in older
        and "restart" not in older
        and "waiting to be sent" not in older
    )
    assert "restart" in text_of(site.page("/radio?type=I_REBOOT"))
    write(
        site,
        (
            """insert into messages
            (received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload)
            values (?, 0, 12, 12, 255, 3, 1, 13, 'I_REBOOT', '')""",
            format_utc(time.time()),
        ),
    )
    assert "has received the order: restart internal I_REBOOT · echo" in text_of(site.page("/radio"))
    assert "restart" not in text_of(site.page("/radio?strange=1"))
    assert "restart" not in text_of(site.page("/radio?gateway=shed"))


def test_rejected_lines_are_shown_with_a_link(site):
    write(site, ("update ingest_status set received = 16, rejected = 1 where source = 'main'",))
    page = site.page("/radio")
    assert "16 messages read" in page
    assert re.search(r'<a href="/telemetry/rejects\?source=main">1 unreadable line</a>', page)
    assert "<code>not a line</code>" in page and "not a line" not in site.page("/radio?gateway=shed")
