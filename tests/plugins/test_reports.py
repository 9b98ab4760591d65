"""The page /reports and its queries: figures against independent ones, several kinds of sites, printing."""

import html
import json
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from reporting.canned_queries import CannedQuery, QueryReader, load_queries
from reporting.charts import draw_histogram
from reporting.period_figures import OWN_QUERIES, Counts, availability, read_figures
from reporting.report_period import parse_period
from reporting.sql_functions import register
from tests.plugins.site_helpers import ACCESS, BROWSER, links
from tests.plugins.ups_house import UPSES, House, integral, rows

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600, 86_400
QUERIES = [
    "load_report",
    "voltage_histogram",
    "event_counts",
    "silent_nodes",
    "node_report",
    "batteries_to_replace",
]
SECTIONS = {
    "Outages",
    "Availability",
    "Energy",
    "Load",
    "Mains voltage",
    "Batteries to replace now",
    "Events",
}
OF_NODES = {"Silent nodes", "Nodes"}


def text_of(page):
    """The text of a page in one line, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " ").split())


def page_text(site, path):
    return text_of(site.page(path).partition("<main")[2])


def headings(page):
    return set(re.findall(r"<h2[^>]*>([^<]+)</h2>", page))


def table(page, section):
    """Rows of cells, as text, of the first table of a section."""
    part = page.partition(f'id="{section}-title"')[2].partition("</table>")[0]
    return [
        [text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", part, re.S)
    ]


def write(site, sql, *params):
    connection = connect(site.datasette.config.database)
    connection.execute(sql, params)
    connection.close()


@pytest.fixture
def both(make_site):
    """A site with nodes and UPSes, all of whose history is of the last two days."""
    return make_both(make_site)


@pytest.fixture(scope="module")
def shared(module_site):
    """The same for tests that only read."""
    return make_both(module_site)


def make_both(make):
    site = make(access=ACCESS)
    House(site.datasette.config.database, days=2, step=600).write(
        outages=[(40, 640, UPSES)], gaps=[(10, 7200)]
    )
    return site


def shown_name(ups):
    """A UPS as pages have it: its label, and its name where that is another one."""
    return f"{ups.partition('@')[0].capitalize()} {ups}"


NOW = "/reports?period=year&of=" + str(datetime.now(UTC).year)


# Energy, load, voltages, outages: against the samples.


def test_energy_equals_that_of_the_samples_without_filling_gaps(power):
    house, site = power(now=NOON, days=4, gaps=[(30, 7200)], tariffs=((None, None, "", "", 0.25, "EUR"),))
    start, end = NOON - 60 * HOUR, NOON - 12 * HOUR  # two days, from midnight to midnight
    page = site.page("/reports?since=2026-11-16&until=2026-11-18")
    shown = {row[0]: row for row in table(page, "energy")[1:]}
    for name in UPSES:
        inside = [sample for sample in house.samples[name] if start <= sample[0] <= end]
        kwh, _, _ = integral(inside, 60)
        assert float(shown[shown_name(name)][1].split()[0]) == pytest.approx(kwh, rel=1e-3)
        sign, cost = shown[shown_name(name)][2].split()
        assert sign == "€" and float(cost) == pytest.approx(kwh * 0.25, abs=0.01)
        assert shown[shown_name(name)][4] == "no data 2 h"
    assert float(shown["House"][1].split()[0]) == pytest.approx(
        sum(float(shown[shown_name(name)][1].split()[0]) for name in UPSES), abs=0.002
    )
    assert shown["House"][4] == "no data 6 h summed over the UPSes"
    seen = {row[0]: row for row in table(page, "availability")[1:]}
    assert seen["Garage garage"][1:5] == ["100 %", "none", f"{100 - 7200 / 1728:.1f} %", "no data 2 h"]


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_a_day_of_23_or_25_hours(power, day, hours):
    midnight = datetime.fromisoformat(day).replace(tzinfo=ROME).timestamp()
    house, site = power(timezone="Europe/Rome", now=midnight + 2 * DAY, days=3, step=120)
    page = site.page(f"/reports?period=day&of={day}")
    inside = [
        sample for sample in house.samples["garage"] if midnight <= sample[0] <= midnight + hours * HOUR
    ]
    assert float(table(page, "energy")[3][1].split()[0]) == pytest.approx(integral(inside, 120)[0], rel=5e-3)
    assert page.partition("By hour")[2].partition("</svg>")[0].count("<title>") == hours
    assert {row[3] for row in table(page, "availability")[1:]} == {"100 %"}
    assert {
        row["hours"]
        for row in rows(
            site,
            "load_report",
            since=day,
            until=str(datetime.fromtimestamp(midnight + 30 * HOUR, ROME).date()),
        )
    } == {hours}


def test_whole_is_one_row_with_the_sum_of_the_days(power):
    house, site = power(timezone="Europe/Rome", outages=[(20, 125, UPSES)], gaps=[(30, 7200)])
    since = str(datetime.fromtimestamp(house.now, ROME).date() - timedelta(days=2))
    for name, figures in (
        ("energy_by_day", ("kwh", "covered_s", "uncovered_s")),
        ("monitoring_coverage", ("samples", "polls_ok")),
        ("power_quality", ("outages", "on_battery_s")),
    ):
        days, whole = (rows(site, name, ups="garage", per=per, since=since) for per in ("day", "whole"))
        for figure in figures:
            assert whole[0][figure] == pytest.approx(
                sum(row[figure] or 0 for row in days), rel=1e-3, abs=2
            ), (name, figure)
        assert len(whole) == 1 and whole[0]["period"].startswith(f"{since} 00:00 to ")


def by_hour(site, column, since, until):
    """Hour (of UTC) -> values of the garage's samples, none of them on battery."""
    found = {}
    for at, value, status in site.rows(
        f"select sampled_at, {column}, ups_status from ups_samples "
        "where ups = 3 and sampled_at >= ? and sampled_at < ?",
        format_utc(since),
        format_utc(until),
    ):
        found.setdefault(at[:13], []).append((value, status))
    return found


def test_load_equals_that_of_the_samples(power):
    _, site = power(now=NOON, days=3, outages=[(20, 125, UPSES)])
    since, until = NOON - 48 * HOUR, NOON - 4 * HOUR
    (row,) = rows(site, "load_report", ups="garage", since=format_utc(since), until=format_utc(until))
    for column, figures in (
        ("watts", ("watts_min", "watts_max", "watts_95")),
        ("ups_load", ("load_min", "load_max", "load_95")),
    ):
        hours = by_hour(site, column, since, until)
        values = [value for own in hours.values() for value, _ in own]
        means = sorted(sum(value for value, _ in own) / len(own) for own in hours.values())
        below = means[ceil(0.95 * len(means)) - 1]
        assert [row[figure] for figure in figures] == [
            min(values),
            max(values),
            pytest.approx(below, abs=0.051),
        ], column
        assert sum(mean <= below for mean in means) / len(means) >= 0.95 and row["hours"] == len(hours) == 44
    covered = [sample for sample in by_hour(site, "watts", since, until)]
    assert covered and row["watts_avg"] == pytest.approx(
        rows(
            site, "energy_by_day", ups="garage", per="whole", since=format_utc(since), until=format_utc(until)
        )[0]["watts_avg"]
    )


def test_few_hours_have_no_95_per_cent(power):
    _, site = power(now=NOON, days=3)
    query = {"ups": "garage", "until": format_utc(NOON)}
    assert rows(site, "load_report", since=format_utc(NOON - 19 * HOUR), **query)[0]["watts_95"] is None
    assert rows(site, "load_report", since=format_utc(NOON - 20 * HOUR), **query)[0]["watts_95"] > 0
    assert "13 hours are too few" in page_text(site, "/reports?period=day&of=2026-11-18")
    assert "95th percentile" in page_text(site, "/reports?since=2026-11-16&until=2026-11-18")


@pytest.mark.parametrize(("step", "width"), [("", 1), ("2", 2), ("0.5", 0.5), ("none", 1), ("-3", 1)])
def test_voltages_are_counted_by_hours(power, step, width):
    _, site = power(now=NOON, days=3, step=300, outages=[(20, 125, UPSES)])
    since, until = NOON - 48 * HOUR, NOON
    hours = by_hour(site, "input_voltage", since, until)
    whole = [
        sum(value for value, _ in own) / len(own)
        for own in hours.values()
        if not any("OB" in status for _, status in own)
    ]
    wanted = Counter(floor(mean / width + 1e-9) * width for mean in whole)
    found = rows(
        site, "voltage_histogram", ups="garage", step=step, since=format_utc(since), until=format_utc(until)
    )
    assert {row["volts"]: row["hours"] for row in found} == wanted and len(whole) == 47
    assert sum(row["share"] for row in found) == pytest.approx(100, abs=0.1)
    assert all(row["below"] - row["volts"] == pytest.approx(width) for row in found)


def test_the_histogram_is_drawn_with_titles(power):
    _, site = power(now=NOON, days=3, step=300)
    page = site.page("/reports?since=2026-11-16&until=2026-11-18")
    figures = re.findall(r'<figure class="chart of-bars".*?</figure>', page, re.S)[1:]
    assert len(figures) == 3
    for name, figure in zip(UPSES, figures, strict=True):
        found = rows(site, "voltage_histogram", ups=name, since="2026-11-16", until="2026-11-18")
        titles = [
            text_of(title) for title in re.findall("<title>(.*?)</title>", figure) if ": 0 h" not in title
        ]
        assert titles == [
            f"{row['volts']:g} to {row['below']:g} V: {row['hours']} h, {row['share']:.1f} %" for row in found
        ]
        heights = [float(height) for height in re.findall(r'class="bar [^>]* height="([\d.]+)%"', figure)]
        most = max(row["hours"] for row in found)
        shares = [row["hours"] / most for row in found]
        assert [height / max(heights) for height in heights] == pytest.approx(shares, abs=0.001)
        assert f"of {sum(row['hours'] for row in found)} hours" in text_of(figure)
    assert "Distribution as a table" in page and page.count('class="num">–') > 0


def test_bins_without_an_hour_are_shown_empty():
    drawn = draw_histogram("garage", "V", {228: 30, 231: 10}, 226, 231, 1)
    assert [bar.values for bar in drawn.source.bars] == [[0], [0], [75], [0], [0], [25]]
    assert drawn.caption == "all 228 to 232\u202fV, most often 228 to 229\u202fV: 75\u202f% of 40 hours."
    assert drawn.source.bars[3].title == "229 to 230 V: 0 h, 0.0 %"
    assert all(0 <= tick.across <= 1 for tick in drawn.xs) and "230" in [tick.text for tick in drawn.xs]


def test_outages_are_cut_at_the_ends_of_the_period(power):
    midnight = NOON - 12 * HOUR
    outages = [
        (12 + 24 + 0.25, 1800, UPSES),
        (12 + 0.5, 3600, ("garage",)),
        (20, 60, ("rack@closet",)),
        (2, 100, ("garage",)),
    ]
    _, site = power(now=NOON, days=4, outages=outages)
    on_battery = set()
    for hours, length, _ in outages:
        on_battery.update(range(round(NOON - hours * HOUR), round(NOON - hours * HOUR + length)))
    within = sum(midnight - DAY <= second < midnight for second in on_battery)
    words = page_text(site, "/reports?period=day&of=2026-11-17")
    assert within == 900 + 1800 + 60 and "3 outages, 46 min on battery, the longest 1 h." in words
    assert len(table(site.page("/reports?period=day&of=2026-11-17"), "outages")) == 1 + 3
    assert "1 outage, 1 min 40 s on battery" not in words
    assert "No outage." in page_text(site, "/reports?period=day&of=2026-11-15")
    seen = {row[0]: row for row in table(site.page("/reports?period=day&of=2026-11-17"), "availability")[1:]}
    assert seen["Desk desk@closet"][1:3] == [f"{floor(1e5 * (1 - 900 / DAY)) / 1e3:g} %", "15 min"]


def test_a_share_of_the_time_is_never_rounded_up():
    coverage = [
        {"ups": 1, "covered_s": 31_536_000, "uncovered_s": 61},
        {"ups": 2, "covered_s": 100, "uncovered_s": 59},
        {"ups": 3, "covered_s": 0, "uncovered_s": 90},
    ]
    found = availability(
        coverage,
        [{"ups": 1, "on_battery_s": 2}, {"ups": 2, "on_battery_s": 0}, {"ups": 3, "on_battery_s": 0}],
    )
    assert [row.on_mains for row in found] == [99.999, 100, None]
    assert [row.measured for row in found] == [99.9, 100, 0]
    assert [row.on_mains for row in availability(coverage, None)] == [None] * 3 and availability(
        None, []
    ) is None


def test_several_currencies_are_not_added_up(power):
    _, site = power(
        now=NOON, tariffs=((None, "2026-11-16", "", "", 1.0, "HRK"), ("2026-11-17", None, "", "", 2.0, "EUR"))
    )
    shown = table(site.page("/reports?since=2026-11-16&until=2026-11-18"), "energy")
    assert {row[2] for row in shown[1:]} == {"several currencies"}


# Batteries, nodes, events: against the rows.


def test_batteries_to_replace_have_a_reason(both):
    found = rows(both, "batteries_to_replace")
    assert [(row["kind"], row["name"], row["reason"]) for row in found] == [
        ("node", "Greenhouse 12", "at 15 %")
    ]
    assert rows(both, "batteries_to_replace", level="10") == []
    now = time.time()
    write(both, "insert into events (event, ups, started_at) values ('REPLBATT', 2, ?)", format_utc(now))
    write(
        both, "update ups set battery_changed_at = ? where id in (2, 3)", format_utc(now - 6.5 * 365.25 * DAY)
    )
    for days, left in ((0.2, 40.0), (0.1, 70.0)):  # after the outage of the house
        figures = {
            "covered_s": 600,
            "samples": 60,
            "watts_avg": 240,
            "charge_start": 100,
            "lowest_charge": left,
            "wh": 40,
        }
        write(
            both,
            "insert into events (event, ups, started_at, ended_at, figures) values ('ONBATT', 1, ?, ?, ?)",
            format_utc(now - days * DAY),
            format_utc(now - days * DAY + 600),
            json.dumps(figures | {"lowest_charge": 110 - left}),
        )
    shown = {row["name"]: row["reason"] for row in rows(both, "batteries_to_replace")}
    assert (
        shown["desk@closet"] == "the UPS asks for a new one; changed 6 years ago"
        and shown["garage"] == "changed 6 years ago"
    )
    assert (
        re.fullmatch(r"a full charge lasts \d\d % of what it did at first", shown["rack@closet"])
        and len(shown) == 4
    )
    page = both.page(NOW)
    assert [row[0] for row in table(page, "batteries")[1:]] == [
        "Desk desk@closet UPS",
        "Garage garage UPS",
        "Rack rack@closet UPS",
        "Greenhouse 12 main/12 node",
    ]
    write(both, "update ups set configured = 0")
    assert len(rows(both, "batteries_to_replace")) == 1


def test_silences_are_cut_at_the_ends_of_the_range(both):
    now = time.time()
    for node, start, end in ((12, 30, 25), (12, 20, 19.5), (7, 3, None), (12, 90, 80)):
        write(
            both,
            "insert into events (event, node, started_at, ended_at) values ('NODE_SILENT', ?, ?, ?)",
            node,
            format_utc(now - start * HOUR),
            end and format_utc(now - end * HOUR),
        )
    write(
        both,
        "update nodes set last_seen_at = ?, usual_gap_s = 60, usual_gaps = 900 where id = 7",
        format_utc(now - 3 * HOUR),
    )
    write(
        both,
        "update nodes set last_seen_at = ?, usual_gap_s = 60, usual_gaps = 900 where id = 268",
        format_utc(now - 2 * HOUR),
    )  # no event was recorded for it
    found = {
        row["node"]: row
        for row in rows(both, "silent_nodes", since=format_utc(now - 27 * HOUR), until=format_utc(now - HOUR))
    }
    assert {
        node: (row["times"], round(row["silent_s"] / 60), round(row["longest_s"] / 60))
        for node, row in found.items()
    } == {
        12: (2, 150, 120),
        7: (1, 120, 120),
        268: (1, 60, 60),
    }
    assert found[12]["now_silent_s"] is None and found[7]["now_silent_s"] == pytest.approx(3 * HOUR, abs=30)
    assert (
        rows(both, "silent_nodes", since=format_utc(now - 12 * HOUR), until=format_utc(now - 6 * HOUR)) == []
    )
    assert [row["node"] for row in rows(both, "silent_nodes", node="12", range="2 d")] == [12]
    page = both.page(NOW)
    assert "Stale for 3 h" in text_of(page) and len(table(page, "silent")) == 4


def test_events_are_counted(both):
    now = time.time()
    for hours in (45, 30, 20, 10):
        write(
            both,
            "insert into events (event, gateway, started_at, ended_at) values ('GATEWAY_LOST', 0, ?, ?)",
            format_utc(now - hours * HOUR),
            format_utc(now - hours * HOUR + 60),
        )
    write(
        both,
        "insert into events (event, started_at, ended_at) values ('CLOCK_STEP', ?, ?)",
        format_utc(now - 5 * HOUR),
        format_utc(now - 5 * HOUR),
    )
    since, until = format_utc(now - 41 * HOUR), format_utc(now - 15 * HOUR)
    wanted = Counter()
    for event, started in both.rows("select event, started_at from events"):
        wanted[event] += since <= started < until
    found = rows(both, "event_counts", since=since, until=until)
    assert (
        {row["event"]: row["count"] for row in found}
        == {name: count for name, count in wanted.items() if count}
        == {"ONBATT": 3, "GATEWAY_LOST": 2}
    )
    lost = next(row for row in found if row["event"] == "GATEWAY_LOST")
    assert (lost["seconds"], lost["longest_s"], lost["things"], lost["kind"]) == (120, 60, 1, "gateway")
    assert [row["things"] for row in found if row["event"] == "ONBATT"] == [3]
    assert [row["event"] for row in rows(both, "event_counts", kind="clock", range="2 d")] == ["CLOCK_STEP"]
    assert [row["count"] for row in rows(both, "event_counts", ups="garage", range="2 d")] == [1]


def test_messages_and_batteries_of_nodes(both):
    now = time.time()
    for hours, level in ((5, 40), (4, 12), (3, 33)):
        write(
            both,
            "insert into battery_levels (node, received_at, level) values (12, ?, ?)",
            format_utc(now - hours * HOUR),
            level,
        )
    found = {row["node"]: row for row in rows(both, "node_report", range="2 d")}
    counted = dict(both.rows("select node, count(*) from messages where node is not null group by node"))
    assert {node: row["messages"] for node, row in found.items()} == counted and len(counted) == 5
    assert (found[12]["lowest_battery"], found[12]["battery"]) == (12, 15) and found[7]["battery"] is None
    # Just after midnight a node was heard on the days before alone.
    heard = dict(both.rows("select node, count(distinct day) from node_daily group by node"))
    assert {node: row["days_heard"] for node, row in found.items()} == heard
    assert all(0 <= row["days"] - row["days_heard"] <= 1 for row in found.values())
    before = rows(
        both, "node_report", node="12", since=format_utc(now - 6 * HOUR), until=format_utc(now - 2 * HOUR)
    )
    assert before == []  # it was not known then
    write(both, "update nodes set first_seen_at = ?", format_utc(now - 50 * DAY))
    (row,) = rows(
        both, "node_report", node="12", since=format_utc(now - 6 * HOUR), until=format_utc(now - 3.5 * HOUR)
    )
    assert (row["lowest_battery"], row["battery"]) == (12, 12)
    (row,) = rows(
        both, "node_report", node="12", since=format_utc(now - 40 * DAY), until=format_utc(now - 30 * DAY)
    )
    assert (row["messages"], row["days_heard"], row["lowest_battery"]) == (0, 0, None) and row["days"] in (
        10,
        11,
    )


@pytest.mark.parametrize("name", QUERIES)
def test_queries_answer_as_page_json_and_csv(both, name):
    now = time.time()
    write(
        both,
        "insert into events (event, node, started_at, ended_at) values ('NODE_SILENT', 12, ?, ?)",
        format_utc(now - 7200),
        format_utc(now - 3600),
    )
    page = both.page(f"/telemetry/{name}")
    found = both.get(f"/telemetry/{name}.json?_shape=array").json()
    lines = both.get(f"/telemetry/{name}.csv").text.splitlines()
    assert len(lines) == len(found) + 1 > 1 and "<h1>" in page
    for link in links(page):
        assert both.get(link).status_code == 200, link
    for wrong in ("range=soon", "since=x", "since=2026-02-01&until=2026-01-01"):
        if name != "batteries_to_replace":
            assert both.get(f"/telemetry/{name}.json?{wrong}").status_code == 400, wrong


# The page.


def test_every_link_answers(shared):
    seen = set()
    for path in (
        "/reports",
        NOW,
        "/reports?period=day",
        "/reports?period=week",
        f"/reports?since={datetime.now(UTC).date()}",
    ):
        for link in links(shared.page(path)):
            if link not in seen:
                seen.add(link)
                response = shared.get(link, headers=BROWSER)
                assert response.status_code == 200, (path, link, response.text[:300])
    assert {"/nodes/main/12", "/ups/garage"} <= seen
    assert len([link for link in seen if link.startswith("/telemetry/") and ".csv" in link]) >= 10


def test_the_data_below_a_block_is_what_it_shows(power):
    _, site = power(
        timezone="Europe/Rome",
        now=NOON,
        days=5,
        outages=[(50, 640, UPSES)],
        tariffs=((None, None, "", "", 0.25, "EUR"),),
    )
    page = site.page("/reports?period=week&of=2026-11-16")
    blocks = {
        html.unescape(link).partition(".json")[0].removeprefix("/telemetry/"): html.unescape(link)
        for link in re.findall(r'href="([^"]+\.json\?[^"]+)"', page)
    }
    energy = site.get(blocks["energy_by_day"]).json()
    assert [row[1] for row in table(page, "energy")[1:]] == [f"{row['kwh']:.3f} kWh" for row in energy]
    assert [float(row[3].split()[0]) for row in table(page, "availability")[1:]] == pytest.approx(
        [row["coverage"] for row in site.get(blocks["monitoring_coverage"]).json()], abs=0.11
    )
    assert len(site.get(blocks["outages_report"]).json()) == 3 and len(table(page, "outages")) == 2
    loads = site.get(blocks["load_report"]).json()
    assert [row[2].split()[0] for row in table(page, "load")[1:]] == [
        f"{round(row['watts_avg'])}" for row in loads
    ]


def test_all_kinds_of_sites(both, make_site, tmp_path):
    assert headings(both.page(NOW)) == SECTIONS | OF_NODES
    nodes = make_site(name="nodes.db")
    assert headings(nodes.page(NOW)) == OF_NODES | {"Batteries to replace now", "Events"}
    assert "Greenhouse 12" in nodes.page(NOW) and "outage" not in page_text(nodes, NOW)
    upses = make_site(name="upses.db", filled=False, gateways=())
    House(upses.datasette.config.database, days=2, step=600).write()
    assert headings(upses.page(NOW)) == SECTIONS and "node" not in page_text(upses, NOW)
    assert "No outage." in page_text(upses, NOW) and "energy: [{from: 2026-01-01" in page_text(upses, NOW)


def test_an_empty_site_shows_instructions(make_site):
    site = make_site(filled=False, gateways=())
    for path in ("/reports", "/reports?period=day&of=2026-01-01", "/reports?since=2026-01-01"):
        words = page_text(site, path)
        assert "Nothing was recorded yet" in words and "voltkeeper check" in words
    for link in links(site.page("/reports")):
        assert site.get(link, headers=BROWSER).status_code == 200, link


def test_times_without_a_record_are_shown(shared):
    before = page_text(shared, "/reports?period=day&of=2020-02-03")
    assert (
        "3 February 2020" in before
        and "Nothing was recorded then: recording began on" in before
        and "Load" not in before
    )
    assert "This time is in the future." in page_text(shared, "/reports?period=year&of=2999")
    assert "Recording began on" in page_text(shared, NOW) and "the time before is not counted" in page_text(
        shared, NOW
    )


def test_a_period_links_to_its_neighbours(power):
    _, site = power(timezone="Europe/Rome", now=NOON, days=20)
    page = html.unescape(site.page("/reports?period=day&of=2026-11-05"))
    assert (
        '<a rel="prev" href="/reports?period=day&of=2026-11-04">' in page
        and '<a rel="next" href="/reports?period=day&of=2026-11-06">' in page
    )
    assert (
        'href="/reports?period=month&of=2026-11-05"' in page
        and 'of=2026-11-05" aria-current="true">Day</a>' in page
    )
    first = html.unescape(site.page("/reports?period=month&of=2026-10"))
    assert 'rel="prev"' not in first and 'rel="next"' in first  # nothing was recorded in September
    assert 'rel="next"' not in site.page(NOW)
    chosen = html.unescape(site.page("/reports?since=2026-11-03&until=2026-11-05"))
    assert (
        'value="2026-11-03"' in chosen
        and 'value="2026-11-05"' in chosen
        and "3 Nov 2026 00:00 to 5 Nov 2026 00:00" in text_of(chosen)
    )


@pytest.mark.parametrize(
    "query",
    [
        "period=moon",
        "of=2026-13-01",
        "of=%00",
        "since=x",
        "until=2026-01-01",
        "since=2026-02-01&until=2026-01-01",
        "since=1900-01-01",
        "of=9999-12-31",
        "since=2001-01-01&until=2026-01-01",
        "period=%3Cscript%3Ealert(1)",
    ],
)
def test_an_invalid_period_is_an_error_with_a_message(shared, query):
    page = shared.page(f"/reports?{query}", 400)
    words = text_of(page)
    assert re.search(
        "not a period|not a day|not a date|needs since|is not before|no report of|at most 5 years", words
    ), words
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "name", [*QUERIES, "outages_report", "monitoring_coverage", "energy_by_day", "power_quality"]
)
def test_a_block_that_takes_too_long_is_left_out(shared, name, monkeypatch):
    endless = (
        "with recursive endless (n) as (select 1 union all select n + 1 from endless) select n from endless"
    )
    endless += " where n < 0"
    if name == "outages_report":  # the outages of a report are those of the view
        monkeypatch.setitem(OWN_QUERIES, "mains_outages", CannedQuery(endless, ("since", "until")))
    else:
        queries = shared.datasette.metadata("queries", database="telemetry", fallback=False)
        monkeypatch.setitem(queries[name], "sql", endless)
    monkeypatch.setattr(shared.datasette, "sql_time_limit_ms", 300)
    page = shared.page(NOW)
    monkeypatch.undo()
    assert f"open {name}" in page and "This took too long" in page and headings(page) == SECTIONS | OF_NODES
    for link in re.findall(rf'href="(/telemetry/{name}[^"]*)">open', page):
        assert shared.get(html.unescape(link), headers=BROWSER).status_code == 200, link


def test_reported_values_are_escaped(both):
    evil = "<script>alert(1)</script>"
    write(both, "update ups set name = name || ?, label = ?", evil, evil)
    write(both, "update nodes set location = ?", evil)
    write(
        both,
        "insert into events (event, ups, started_at, detail) values (?, 1, ?, ?)",
        evil,
        format_utc(time.time() - 60),
        evil,
    )
    page = both.page(NOW)
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_it_needs_no_script_and_is_linked(shared):
    page = shared.page(NOW)
    assert "unsafe" not in shared.get(NOW).headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=\"", page)
    assert 'data-live=""' in page and '<a href="/reports" aria-current="page">Reports</a>' in page
    assert re.search(r'<link rel="stylesheet" href="/static/print\.css\?\w+" media="print">', page)
    assert '<a href="/reports">Reports</a>' in shared.page("/")
    call = next(call for call in shared.get("/api.json").json()["calls"] if call["path"] == "/reports")
    assert list(call["fields"]) == ["period", "of", "since", "until", "ups"]


def test_its_work_stays_bounded_over_a_year_of_hours(power):
    _, site = power(now=NOON, days=1, step=300)
    connection = connect(site.datasette.config.database)
    connection.execute("begin")
    columns = [row[1] for row in connection.execute("pragma table_info(ups_samples_hourly)")]
    sixth_row = connection.execute("select * from ups_samples_hourly limit 1 offset 5").fetchone()
    hour = dict(zip(columns, sixth_row, strict=True))
    for ups in (1, 2, 3):
        connection.executemany(
            f"insert or ignore into ups_samples_hourly values ({', '.join('?' * len(columns))})",
            [
                tuple((hour | {"ups": ups, "hour_at": format_utc(NOON - number * HOUR)}).values())
                for number in range(24, 365 * 24)
            ],
        )
    connection.execute("update ups set first_seen_at = ?", (format_utc(NOON - 365 * DAY),))
    connection.execute("commit")
    register(connection, "UTC")
    work = []
    connection.set_progress_handler(lambda: work.append(1), 100_000)
    period = parse_period({"period": "year", "of": "2026"}, "UTC", now=NOON)
    reader = QueryReader(connection, {**load_queries(), **OWN_QUERIES})
    read_figures(reader, period, Counts(upses=3, nodes=0, tariffs=0))
    connection.close()
    assert len(work) < 300, "instructions of SQLite, in 100,000"
    site.datasette.sql_time_limit_ms = 60_000  # whatever else the machine does
    page = site.page("/reports?period=year&of=2026")
    assert "took too long" not in page
    hours = (NOON - datetime(2026, 1, 1, tzinfo=UTC).timestamp()) / HOUR + 1
    assert f"of {hours:.0f} hours" in text_of(page)


def test_the_five_longest_outages_come_first_and_the_others_are_folded(power):
    lengths = (30, 640, 20, 300, 125, 90, 60)
    outages = [(60 - 6 * number, length, UPSES) for number, length in enumerate(lengths)]
    _, site = power(now=NOON, days=4, step=300, outages=outages)
    page = site.page("/reports?period=week&of=2026-11-17")
    section = page[page.index('id="outages-title"') : page.index('id="mains-title"')]
    longest, folded = section.split("<details", 1)
    shown = re.findall(r'data-label="Length" class="num">([^<]+)', longest)
    assert shown == ["10 min 40 s", "5 min", "2 min 05 s", "1 min 30 s", "1 min"]
    assert re.findall(r'data-label="Length" class="num">([^<]+)', folded) == ["20 s", "30 s"]
    assert "2 shorter outages" in folded and "all 3 UPSes" in longest and "rack@closet" not in longest
