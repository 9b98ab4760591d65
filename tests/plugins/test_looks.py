"""Page layout in a real browser: states are correct, filters add up, few lines on a phone, print."""

import re
import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from plugins.web.pages.node import draw_battery
from reporting.charts import ChartSeries, LineChartData, Point, draw_lines
from tests.plugins.served_site import sign_in
from tests.plugins.ups_house import UPSES, House

DAY_S = 86_400


def test_node_states_are_stale_while_the_gateway_is_lost(site):
    def states():
        return dict(site.rows("select node_id, state from node_overview where gateway = 'main'"))

    assert states() == {0: "OK", 7: "OK", 12: "Warning"}
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update ingest_status set state = 'lost', detail = 'connection refused' where source = 'main'"
    )
    connection.close()
    assert states() == {0: "Critical", 7: "Stale", 12: "Warning"}  # a low battery stays a warning
    assert "Not known: its gateway is lost" in site.page("/nodes/main/7")
    subjects = [row[0] for row in site.rows("select subject from attention where severity = 'Stale'")]
    assert subjects == []  # the gateway's own line reports it


def test_facets_of_nodes_add_up_and_can_be_removed(site):
    text = site.page("/nodes?gateway=main&q=gre").replace("&amp;", "&")
    assert 'href="/nodes?gateway=main&q=gre&state=Warning"' in text
    assert 'class="chip on" aria-current="true" href="/nodes?q=gre"' in text
    assert "1 of 5 nodes" in site.page("/nodes?gateway=main&q=gre&state=Warning")


def test_nodes_can_be_grouped_by_location(site):
    connection = connect(site.datasette.config.database)
    connection.executemany(
        "update nodes set location = ? where id = ?", [("bath", 12), ("Attic", 7), ("Attic", 0)]
    )
    connection.close()
    text = site.page("/nodes?group=location")
    assert re.findall(r'scope="rowgroup"><bdi>([^<]+)<', text) == ["Attic", "bath", "No location"]
    assert "by location, worst first" in text and "rowgroup" not in site.page("/nodes")


def test_a_battery_change_is_marked_on_the_line(site):
    now = time.time()
    connection = connect(site.datasette.config.database)
    connection.executemany(
        "insert into battery_levels (received_at, node, level) values (?, 12, ?)",
        [(format_utc(now - day * 86_400), 50) for day in (10, 5)],
    )
    connection.execute(
        "insert into battery_changes (node, changed_at) values (12, ?)", (format_utc(now - 5 * 86_400),)
    )
    connection.close()
    battery = site.page("/nodes/main/12").partition('id="battery')[2]
    assert ">changed</text>" in battery.partition("</svg>")[0] + battery.partition("</figure>")[0]


@pytest.mark.parametrize(
    ("ages", "label", "point", "begin"),
    [
        ((70, 40), "level", (50, 49.5, 50.5), "2026-11-20T10:00:00.000Z"),
        ((9 * DAY_S, 7200, 1800), "level", (50, 49.5, 50.5), "2026-11-11T11:00:00.000Z"),
        ((20 * DAY_S, DAY_S, 300), "lowest of the day", (49.5, 49.5, 49.5), "2026-10-31T00:00:00.000Z"),
    ],
    ids=["begun in the hour before", "nine days", "longer"],
)
def test_a_battery_is_drawn_by_the_hour_or_by_the_lowest_level_of_the_day(site, ages, label, point, begin):
    """Of two levels each so many seconds before 11:01; the chart begins with a whole hour or day."""
    now = parse_utc("2026-11-20T11:01:00.000Z")
    connection = connect(site.datasette.config.database)
    connection.execute("delete from battery_levels")
    connection.executemany(
        "insert into battery_levels (received_at, node, level) values (?, 12, ?)",
        [(format_utc(now - age), level) for age in ages for level in (50.5, 49.5)],
    )
    connection.close()
    first = [{"at": format_utc(now - ages[0])}]
    chart = site.run(
        draw_battery(site.datasette, {"id": 12}, {"first_level": first, "battery_changes": []}, now)
    )
    (series,) = chart.source.series
    assert series.label == label and [found[1:] for found in series.points] == [point] * len(ages)
    assert (format_utc(chart.source.since), chart.source.until) == (begin, now)
    assert all(chart.source.since <= found.at <= now for found in series.points)


def test_a_ups_has_one_colour_on_all_charts_of_a_page():
    points = [Point(0, 1, 1, 1), Point(60, 2, 2, 2)]
    series = [ChartSeries("a", points), ChartSeries("b", []), ChartSeries("c", points)]
    drawn = draw_lines(LineChartData("Voltage", "V", series, 0, 60), "UTC")
    assert [(one.label, one.number) for one in drawn.keys] == [("a", 1), ("c", 3)]


@pytest.fixture(scope="module")
def house(served):
    """The shared site, with the history of a UPS."""
    House(served.database, days=2, step=600).write(
        outages=[(40, 5, UPSES), (30, 640, UPSES), (20, 640, UPSES[:1])]
    )
    served.write("update events set detail = ''")
    return served


@pytest.mark.parametrize("width", [1261, 1280, 1366])
def test_the_links_to_all_pages_are_in_sight_beside_a_long_title(house, chromium, width):
    page = chromium.open(f"{house.url}/-/login?next=/energy", width=width)
    sign_in(page)
    page.run("document.querySelector('.house-title bdi').textContent = 'The house on the hill, with a view'")
    page.run("document.querySelector('nav').insertAdjacentHTML('beforeend', '<a href=x>Plan</a>')")
    links, shown = page.run(
        "(nav => [nav.scrollWidth, nav.clientWidth])(document.querySelector('header nav'))"
    )
    assert links <= shown + 1


def test_the_current_navigation_entry_is_visible_on_a_phone(house, chromium):
    page = chromium.open(house.url, width=360)
    for path in ("/", "/ups", "/-/maintenance", "/telemetry"):
        page.go(house.url + path)
        left, right = page.run(
            "(r => [r.left, r.right])(document.querySelector('nav [aria-current]').getBoundingClientRect())"
        )
        assert 0 <= left < right <= 360, path


def test_events_take_few_lines_on_a_phone(house, chromium):
    page = chromium.open(house.url, width=360)
    lines = (
        "Math.max(...[...document.querySelectorAll('table.event-rows tbody tr, .outage-rows summary')]"
        ".map((row) => row.clientHeight)) / 24"
    )
    for path, most in (("/events", 6), ("/events?tab=all", 2.8), ("/ups/rack@closet", 3.5)):
        page.go(house.url + path)
        assert page.run(lines) < most, path
        first = page.run(
            "[...document.querySelectorAll('table.event-rows tbody tr, .outage-rows summary')].map((row) =>"
            " [row.querySelector('th, b'), row.querySelector('[data-label=Length], .length + span')]"
            ".map((cell) => Math.round(cell.getBoundingClientRect().top)))"
        )
        assert first and all(abs(name - length) < 12 for name, length in first), (
            "name and length share a line"
        )
    page.go(f"{house.url}/energy")
    tallest_row = (
        "Math.max(...[...document.querySelectorAll('table.periods tbody tr')]"
        ".map((row) => row.querySelector('.minor') ? 0 : row.clientHeight))"
    )
    assert page.run(tallest_row) < 100


def test_a_row_of_energy_is_one_line(house, chromium):
    page = chromium.open(f"{house.url}/energy")
    most_lines = (
        "Math.max(...[...document.querySelectorAll('table.periods tbody th')]"
        ".map((one) => one.getClientRects().length && one.firstChild"
        " ? (r => { r.selectNodeContents(one); return r.getClientRects().length })(document.createRange())"
        " : 0))"
    )
    assert page.run(most_lines) == 1


def test_a_gateway_problem_is_shown_once(site):
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update ingest_status set state = 'lost', detail = 'refused: try `ls /dev`' where source = 'main'"
    )
    connection.close()
    page = site.page("/nodes")
    assert page.count("refused: try") == 1 and page.count("gateway is lost") == 1
    assert "try <code>ls /dev</code>" in page and "try <code>ls /dev</code>" in site.page("/")
    assert "no contact yet" in page
    connection = connect(site.datasette.config.database)
    connection.execute("update ingest_status set last_data_at = ?", (format_utc(time.time() - 60),))
    connection.close()
    assert "no contact since" in site.page(
        "/nodes"
    ) and "The data of its nodes are from before then" in site.page("/nodes")


def test_a_connected_source_is_shown_as_connected_once(site):
    connection = connect(site.datasette.config.database)
    connection.execute("update ingest_status set detail = state")
    connection.close()
    assert {row[0] for row in site.rows("select words from readers")} == {"connected"}


def test_unexpected_messages_count_from_the_first_time(site):
    now = time.time()
    connection = connect(site.datasette.config.database)
    connection.execute("delete from rejects")
    connection.executemany(
        "insert into rejects (received_at, source, raw, reason) values (?, 'main', 'x', ?)",
        [
            (format_utc(now - 90_000), "old"),
            (format_utc(now - 300), "first"),
            (format_utc(now - 200), "last"),
        ],
    )
    connection.close()
    row = site.rows(
        "select text, since from attention where subject = 'Gateway main' and text like '%unreadable%'"
    )
    assert row == [("2 unreadable lines in a day, last: last", format_utc(now - 300))]


def test_a_facet_of_the_metadata_is_listed_once(site):
    assert (
        site.page("/telemetry/node_overview?_facet=state&_facet=role").count('data-column="state"') == 1 + 1
    )  # and the head
    assert "facet-role" in site.page("/telemetry/node_overview?_facet=state&_facet=role")


def test_without_a_gateway_the_node_page_shows_instructions(make_site):
    page = make_site(filled=False, gateways=()).page("/nodes")
    assert "No gateway was configured yet" in page and "Request presentation" not in page


def test_a_printed_page_is_black_on_white_without_controls(house, chromium):
    page = chromium.open(house.url, width=700, dark=True)
    year = time.gmtime().tm_year
    for path in (f"/reports?period=year&of={year}", "/energy", "/events"):
        page.go(house.url + path)
        page.run("document.documentElement.dataset.theme = 'dark'")
        page.send(
            "Emulation.setEmulatedMedia",
            media="print",
            features=[{"name": "prefers-color-scheme", "value": "dark"}],
        )
        visible_controls = (
            "[...document.querySelectorAll('header.house, nav, button, form, .strip, .picker, footer')]"
            ".filter((one) => one.checkVisibility()).length"
        )
        assert page.run(visible_controls) == 0, path
        styles = (
            "[document.body, document.querySelector('h1'), document.querySelector('table.rows tbody a')]"
            ".map((one) => getComputedStyle(one))"
        )
        colours = page.run(
            f"(([body, title, link]) => [body.backgroundColor, title.color, link.color])({styles})"
        )
        assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", "rgb(0, 0, 0)"], path
        assert page.run("document.documentElement.scrollWidth") <= 700, path
        page.send(
            "Emulation.setEmulatedMedia",
            media="",
            features=[{"name": "prefers-color-scheme", "value": "dark"}],
        )
