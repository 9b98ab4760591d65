"""Events of nodes, gateways and the clock beside those of UPSes: the page, the view, home and the feed."""

import html
import re
import time
from xml.etree import ElementTree

import pytest

from ingest.config.home import Home, HomeCard
from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.events import one_row_each
from reporting.outages import MainsOutage, OutageMember
from tests.plugins.ups_house import House

ATOM = "{http://www.w3.org/2005/Atom}"
HOUR = 3600
HOME = Home((HomeCard("events"),))
EVENT_ROWS = (  # event, gateway, node, hours before now, seconds, detail
    ("GATEWAY_LOST", 0, None, 9, 60, "connection refused"),
    ("NODE_SILENT", None, 12, 8, None, "silent for more than 600 s"),
    ("CLOCK_STEP", None, None, 7, 0, "the clock was set forward by 3600.0 s"),
    ("OTA_FAILED", None, 7, 6, 900, "firmware 10/3: it does not answer"),
)


def add_events(path):
    connection = connect(path)
    now = time.time()
    for event, gateway, node, hours, length, detail in EVENT_ROWS:
        start = now - hours * HOUR
        connection.execute(
            "insert into events (event, gateway, node, started_at, ended_at, detail) "
            "values (?, ?, ?, ?, ?, ?)",
            (
                event,
                gateway,
                node,
                format_utc(start),
                None if length is None else format_utc(start + length),
                detail,
            ),
        )
    connection.close()


@pytest.fixture
def radio(make_site):
    site = make_site(home=HOME)
    add_events(site.datasette.config.database)
    return site


@pytest.fixture
def both(make_site):
    site = make_site(home=HOME)
    House(site.datasette.config.database, days=2, step=600).write(
        outages=[(40, 640, ("rack@closet", "desk@closet"))]
    )
    add_events(site.datasette.config.database)
    return site


def events(page):
    """(what, event) of each row of the table."""
    rows = re.findall(
        r'data-label="Source"><a [^>]+><bdi>([^<]+)</bdi></a>.*?<span class="minor">([A-Z_]+)</span></th>',
        page,
        re.S,
    )
    return [(html.unescape(name), event) for name, event in rows]


def test_a_site_without_upses_has_events_of_its_nodes(radio):
    page = radio.page("/events")
    assert events(page) == [
        ("<script>alert(1)</script> 7", "OTA_FAILED"),
        ("clock", "CLOCK_STEP"),
        ("Greenhouse 12", "NODE_SILENT"),
        ("main", "GATEWAY_LOST"),
        ("Greenhouse 12", "NODE_BATTERY_LOW"),
    ]
    assert "<script>alert(1)" not in page and 'class="calendar' not in page
    assert "silent for more than 600 s" in page and "ongoing" in page
    home = radio.page("/")
    assert "firmware update failed" in home and "no contact" in home


def test_every_row_leads_to_a_page(radio, both):
    for site in (radio, both):
        rows = site.get("/telemetry/all_events.json?_shape=array&_size=max").json()
        assert len(rows) == site.rows("select count(*) from events")[0][0]
        for row in rows:
            assert site.get(row["href"], headers={"accept": "text/html"}).status_code == 200, row
            assert row["words"] and row["name"] and row["kind"] in ("UPS", "node", "gateway", "clock")


def test_events_are_filtered_by_kind_ups_and_event(both):
    everything = events(both.page("/events?tab=all"))
    assert {"NODE_SILENT", "ONBATT", "CLOCK_STEP"} <= {event for _, event in everything}
    for query, wanted in (
        ("kind=node", {"NODE_SILENT", "NODE_BATTERY_LOW", "OTA_FAILED"}),
        ("kind=gateway", {"GATEWAY_LOST"}),
        ("event=CLOCK_STEP", {"CLOCK_STEP"}),
    ):
        assert {event for _, event in events(both.page(f"/events?tab=all&{query}"))} == wanted, query
    assert {name for name, _ in events(both.page("/events?tab=all&ups=rack@closet"))} == {"Rack"}
    assert "No such event" in both.page("/events?tab=all&kind=node&event=ONBATT")
    nodes = both.page("/events?tab=all&kind=node")
    assert "rack@closet" not in nodes.partition("</h1>")[2], "a node is no UPS: its chips are out of the way"
    for link in set(re.findall(r'href="(/events[^"]*)"', nodes)):
        assert both.get(html.unescape(link)).status_code == 200, link


def test_the_feed_has_them_and_the_filters_of_the_page(both):
    link = re.search(
        r'<link rel="alternate" type="application/atom\+xml"[^>]*href="([^"]+)"',
        both.page("/events?tab=all&kind=node"),
    )[1]
    assert link == "/events.atom?kind=node"
    feed = ElementTree.fromstring(both.get(link).content)
    titles = [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")]
    assert titles == [
        "<script>alert(1)</script> 7 (main/7): firmware update failed",
        "Greenhouse 12 (main/12): silent",
        "Greenhouse 12 (main/12): battery low",
    ]
    everything = ElementTree.fromstring(both.get("/events.atom").content)
    assert len(list(everything.iter(f"{ATOM}entry"))) == both.rows("select count(*) from events")[0][0]


def test_upses_and_events_can_be_selected(both):
    outages, everything = both.page("/events"), html.unescape(both.page("/events?tab=all"))
    assert 'href="/events?ups=rack@closet"' in outages
    for query in (
        "tab=all&ups=rack@closet",
        "tab=all&event=ONBATT",
        "tab=all&event=NODE_SILENT",
        "tab=all&kind=node",
    ):
        assert f'href="/events?{query}"' in everything, query
    assert (
        "event=NODE_SILENT"
        not in html.unescape(both.page("/events?tab=all&ups=rack@closet")).partition("<table")[0]
    )


def test_home_shows_a_simultaneous_event_of_several_upses_as_one_row(both):
    home = both.page("/")
    card = home[home.index("The newest events") :].partition("</table>")[0]
    assert card.count("on battery") == 1 and '<a href="/events?tab=all&amp;event=ONBATT">2 UPSes</a>' in card


def test_pages_of_events_tell_an_outage_of_several_upses_once(site):
    members = [OutageMember(number, number, "a", 60.0, "/ups/a") for number in (98, 103)]
    outage = MainsOutage(98, "2026-11-28T10:00:00.000Z", None, 60.0, members, "mains", True, 1.0, 99.0, 12.0)
    rows = [{"id": number} for number in range(150, 0, -1)]
    first, second = one_row_each(rows[:50], [outage]), one_row_each(rows[50:], [outage], is_first=False)
    assert [row["members"] for row in first if "members" in row] == [members]
    assert not any("members" in row for row in second) and len(second) == 99
    assert "No older event" in site.page("/events?tab=all&page=2") and "page 2" not in site.page(
        "/events?tab=all"
    )
