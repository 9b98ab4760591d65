"""What a page looks like in a real browser: nothing is wider than a phone, states are true, filters add up."""

import re
import time

import pytest
from tests.site.test_live import chromium, serve  # noqa: F401
from tests.site.ups_house import UPSES, House

from ingest.database import connect, utc
from ingest.site.charts import chart

PAGES = [
    "/", "/nodes", "/nodes?group=location", "/radio", "/radio?node=12", "/api", "/nodes/main/12", "/ups",
    "/ups/rack@closet", "/ups/garage?range=7+d", "/energy", "/events", "/reports", "/reports?period=day",
    "/events?tab=all", "/-/ota", "/-/maintenance", "/-/delete?what=node&node=12", "/-/login", "/telemetry/nodes", "/nope",
]  # fmt: skip


@pytest.mark.parametrize("lost", [(), ("closet", "garage")])
def test_no_page_is_wider_than_a_phone(lost, serve, chromium):  # noqa: F811
    house = serve()
    House(house.database, days=2, step=600).write(outages=[(40, 640, UPSES)], lost=lost)
    house.write("update events set detail = 'input voltage below 180 V: 0 V for quite a while and more of the same'")
    page = chromium.open(house.url, width=360)
    wide = {}
    for path in PAGES:
        page.go(house.url + path)
        if (width := page.run("document.documentElement.scrollWidth")) > 360:
            wide[path] = width
    assert wide == {}


def test_text_stays_in_its_card(serve, chromium):  # noqa: F811
    house = serve()
    House(house.database, days=2, step=600).write(outages=[(40, 640, UPSES)])
    house.write("update events set detail = 'input voltage below 180 V: 0 V for quite a while and more of the same'")
    page = chromium.open(house.url)
    for path in ("/", "/nodes/main/12", "/ups/rack@closet", "/-/maintenance"):
        page.go(house.url + path)
        out = "[...document.querySelectorAll('.card')].filter((card) => card.scrollWidth > card.clientWidth + 1).map((card) => card.innerText.slice(0, 40))"
        assert page.run(out) == [], path


def test_what_is_known_of_a_node_is_old_while_its_gateway_is_lost(site):
    def states():
        return dict(site.rows("select node_id, state from node_overview where gateway = 'main'"))

    assert states() == {0: "OK", 7: "OK", 12: "Warning"}
    connection = connect(site.house.config.database)
    connection.execute("update ingest_status set state = 'lost', detail = 'connection refused' where source = 'main'")
    connection.close()
    assert states() == {0: "Critical", 7: "Stale", 12: "Warning"}  # a low battery stays one
    assert "not known: its gateway is lost (connection refused)" in site.page("/nodes/main/7")
    subjects = [row[0] for row in site.rows("select subject from attention where severity = 'Stale'")]
    assert subjects == []  # the gateway's own line tells it


def test_facets_of_nodes_add_up_and_can_be_taken_away(site):
    text = site.page("/nodes?gateway=main&q=gre").replace("&amp;", "&")
    assert 'href="/nodes?gateway=main&q=gre&state=Warning"' in text
    assert 'class="chip on" aria-current="true" href="/nodes?q=gre"' in text
    assert "1 of 5 nodes" in site.page("/nodes?gateway=main&q=gre&state=Warning")


def test_nodes_can_be_grouped_by_location(site):
    connection = connect(site.house.config.database)
    connection.executemany("update nodes set location = ? where id = ?", [("bath", 12), ("Attic", 7), ("Attic", 0)])
    connection.close()
    text = site.page("/nodes?group=location")
    assert re.findall(r'scope="rowgroup">([^<]+)<', text) == ["Attic", "bath", "No location"]
    assert "by location, worst first" in text and "rowgroup" not in site.page("/nodes")


def test_a_battery_change_is_marked_on_the_line(site):
    now = time.time()
    connection = connect(site.house.config.database)
    connection.executemany("insert into battery_levels (received_at, node, level) values (?, 12, ?)",
                           [(utc(now - day * 86_400), 50) for day in (10, 5)])
    connection.execute("insert into battery_changes (node, changed_at) values (12, ?)", (utc(now - 5 * 86_400),))
    connection.close()
    assert re.search(r'<line class="change" x1="120(\.\d)?" y1="0"', site.page("/nodes/main/12"))


def test_a_ups_has_one_colour_on_all_charts_of_a_page():
    points = [(0, 1, 1, 1), (60, 2, 2, 2)]
    drawn = chart("Voltage", "V", [("a", points), ("b", []), ("c", points)], 0, 60, "UTC")
    assert [(one["label"], one["number"]) for one in drawn["series"]] == [("a", 1), ("c", 3)]


def test_a_printed_page_is_black_on_white_and_has_nothing_to_press(serve, chromium):  # noqa: F811
    house = serve()
    House(house.database, days=2, step=600).write(outages=[(40, 640, UPSES)])
    page = chromium.open(house.url, width=700, dark=True)
    year = time.gmtime().tm_year
    for path in (f"/reports?period=year&of={year}", "/energy", "/events"):
        page.go(house.url + path)
        page.run("document.documentElement.dataset.theme = 'dark'")
        page.send("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        seen = "[...document.querySelectorAll('header.house, nav, button, form, .strip, .picker, footer')].filter((one) => one.checkVisibility()).length"
        assert page.run(seen) == 0, path
        colours = "[document.body, document.querySelector('h1'), document.querySelector('table.rows tbody a')].map((one) => getComputedStyle(one))"
        told = page.run(f"(([body, title, link]) => [body.backgroundColor, title.color, link.color])({colours})")
        assert told == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", "rgb(0, 0, 0)"], path
        assert page.run("document.documentElement.scrollWidth") <= 700, path
        page.send("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
