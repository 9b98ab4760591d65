"""Sparklines: values and gaps as measured, a cost independent of the file's size, and a short home page."""

import re
import time

import pytest
from datasette import hookimpl
from datasette.plugins import pm

from ingest.config.home import Home, HomeCard
from ingest.db.connection import connect
from ingest.db.time import format_utc
from reporting.charts import Point
from reporting.charts.sparkline import TALL, WIDE, draw_sparkline
from reporting.node_day import HOURS
from reporting.sparklines import BATTERY_LEVELS, UPS_LOADS
from tests.helpers.reading_hours import SUM_UP
from tests.plugins.site_helpers import ACCESS
from tests.plugins.ups_house import write_house

HOUR = 3600
NOW = time.time()


def hours(*values, start=0):
    return [
        Point(start + number * HOUR, value, value, value)
        for number, value in enumerate(values)
        if value is not None
    ]


def lines(svg):
    """The `d` of the line of each sparkline."""
    return re.findall(r'class="line s1" d="([^"]+)"', str(svg))


def test_a_line_goes_from_the_start_to_the_end_and_up_with_the_value():
    drawn = draw_sparkline(hours(10, 20), 0, HOUR, 10, 20, "ten to twenty")
    assert lines(drawn) == [f"M0 {TALL - 10}l{WIDE}-{TALL - 20}"]
    assert 'aria-label="ten to twenty"' in drawn and "<title>ten to twenty</title>" in drawn


def test_a_gap_stays_a_gap():
    [d] = lines(draw_sparkline(hours(1, 2, 3, None, None, None, 4, 5), 0, 8 * HOUR))
    assert [len(re.findall(r"-?\d+", piece)) // 2 for piece in d.split("M")[1:]] == [3, 2]


def test_a_single_point_is_drawn_and_no_points_give_no_line():
    assert lines(draw_sparkline(hours(7, start=HOUR), 0, 2 * HOUR)) == [f"M{WIDE // 2} {TALL // 2}l0 0"]
    assert draw_sparkline([], 0, 1) == ""


def test_labels_are_escaped():
    assert "<b>" not in draw_sparkline(hours(1, 2), 0, HOUR, text="<b>")


@pytest.fixture
def power(make_site, tmp_path):
    path = tmp_path / "house.db"
    write_house(path, 2, 300, outages=[(5, 1300, ("rack@closet",))], gaps=[(12, 4 * HOUR)])
    return make_site(access=ACCESS, gateways=(), home=Home((HomeCard("ups"),)))


def test_home_shows_the_load_of_each_ups_with_its_gap_and_its_outage(power):
    table = power.page("/").partition("UPSes with state")[2].partition("</table>")[0]
    drawn = re.findall(r'<svg class="sparkline".*?</svg>', table, re.S)
    assert len(drawn) == 3
    assert all(
        re.search(r'aria-label="Load by the hour [\d.]+ to [\d.]+\u202f% in 24 hours"', one) for one in drawn
    )
    assert [lines(one)[0].count("M") for one in drawn] == [2, 2, 2]
    assert ["outage" in one for one in drawn] == [True, False, False]


def write(site, *statements):
    connection = connect(site.datasette.config.database)
    for sql, rows in statements:
        connection.executemany(sql, rows)
    connection.close()


def test_a_nodes_page_shows_the_day_of_its_values(site):
    key = 256 * (256 * 12 + 1)
    write(
        site,
        ("delete from readings where channel = ?", [(key,)]),
        (
            "insert into readings (received_at, channel, value, text) values (?, ?, ?, ?)",
            [(format_utc(NOW - 600 - n * HOUR), key, 18 + n, str(18 + n)) for n in range(30)],
        ),
        (SUM_UP, [()]),
    )
    text = site.page("/nodes/main/12")
    assert "<span>18 to 41\u202f°C." in text
    assert text.count('<figure class="chart of-lines small"') == 2  # V_HUM has its one value


def test_a_switch_is_a_band_of_its_own_changes(site):
    connection = connect(site.datasette.config.database)
    connection.execute(
        "insert into sensors (id, name, node, child_id, type, type_name) "
        "values (3080, '', 12, 8, 0, 'S_DOOR')"
    )
    key = 256 * 3080 + 16
    connection.execute(
        "insert into channels (id, name, node, sensor, type, type_name) "
        "values (?, '', 12, 3080, 16, 'V_TRIPPED')",
        (key,),
    )
    connection.executemany(
        "insert into readings (received_at, channel, value, text) values (?, ?, ?, ?)",
        [(format_utc(NOW - 80_000 + n * 600), key, n % 2, str(n % 2)) for n in range(6)],
    )
    connection.close()
    text = site.page("/nodes/main/12")
    assert re.search(r"open 2\d h( \d\d min)?, 3 times", text)
    assert text.count('class="span s1"') == 3


def test_nodes_show_the_month_of_their_battery(site):
    rows = [
        (format_utc(NOW - day * 86_400 - 60), 12, 60 + day) for day in range(29) if day not in range(10, 15)
    ]
    write(
        site,
        ("delete from battery_levels", [()]),
        ("insert into battery_levels (received_at, node, level) values (?, ?, ?)", rows),
    )
    text = site.page("/nodes")
    assert 'aria-label="Battery 60 to 88\u202f% in 30 days"' in text
    assert lines(re.search(r'aria-label="Battery.*?</svg>', text, re.S)[0])[0].count("M") == 2
    write(site, ("update battery_levels set level = 1", [()]))
    assert "Battery 60 to 88" in site.page("/nodes")  # cached
    site.datasette.cache.clear()
    assert "Battery 1\u202f%" in site.page("/nodes")


@pytest.mark.parametrize(
    ("sql", "given"),
    [(UPS_LOADS, {}), (HOURS, ["", 12]), (BATTERY_LEVELS, {"days": "[]"})],
)
def test_no_growing_table_is_scanned(site, sql, given):
    plan = site.run(site.datasette.get_database("telemetry").execute(f"explain query plan {sql}", given)).rows
    scans = [row["detail"] for row in plan if row["detail"].startswith("SCAN")]
    assert not [
        words for words in scans if re.search(r"readings|samples|battery_levels|SCAN [hbr]\b", words)
    ], scans


def strange_house(site, count=200):
    """`count` nodes, all silent with a low battery and an unexpected message."""
    write(
        site,
        (
            "insert into nodes (id, name, gateway, node_id, first_seen_at, last_seen_at, usual_interval_s, "
            "usual_gap_s, usual_gaps, battery_level, battery_level_at) "
            "values (?, '', 0, ?, ?, ?, 60, 60, 900, 5, ?)",
            [
                (n, n, format_utc(NOW - 9e5), format_utc(NOW - 8e4), format_utc(NOW - 8e4))
                for n in range(20, 20 + count)
            ],
        ),
        (
            "insert into oddities (node, reason, at, message) values (?, 'odd', ?, 1)",
            [(n, format_utc(NOW - 60)) for n in range(20, 20 + count)],
        ),
    )


def test_a_site_with_many_problems_has_a_short_home_page(site):
    calm = site.page("/")
    strange_house(site)
    text = site.page("/")
    things = int(re.search(r"(\d+) things need a look", text)[1])
    assert things > 400
    shown, _, hidden = text.partition('<details class="all" id="card-2-more">')
    assert shown.count('<li class="warning">') + shown.count('<li class="stale">') == 5
    assert f"<summary>and {things - 5} more</summary>" in hidden
    card = text.partition("Nodes with state")[2].partition("</details>")[0]
    assert card.count('<th scope="row">') == 20 and '<a href="/nodes">All 205 nodes</a>' in card
    assert card.count("Stale") == 20  # the worst ones
    assert "more</summary>" not in calm and "All 5 nodes</a>" not in calm


def test_its_queries_do_not_grow_with_the_nodes(site):
    statements = []

    class Trace:
        @hookimpl
        def prepare_connection(self, conn):
            conn.set_trace_callback(statements.append)

    trace = Trace()
    pm.register(trace)
    try:
        counts = []
        for grow in (False, True):
            if grow:
                strange_house(site)
            site.page("/")
            statements.clear()
            site.page("/")
            # A thread that reads for the first time sets its connection up, by pragmas.
            counts.append(sum(not text.lower().startswith("pragma") for text in statements))
    finally:
        pm.unregister(trace)
    assert counts[0] == counts[1] > 5
