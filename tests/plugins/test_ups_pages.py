"""Pages of UPSes, events and energy: they answer with correct values, and their links answer."""

import html
import re
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from ingest.config.model import GatewaySettings
from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from plugins.web.pages.ups_charts import read_histories
from reporting.formatting import format_length
from reporting.time_range import TimeRange
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer, links
from tests.plugins.ups_house import UPSES, add_tariffs, write_house

PAGES = [
    "/",
    "/ups",
    "/ups?range=7+d",
    "/ups/rack@closet",
    "/ups/desk@closet?range=30+d",
    "/ups/garage?since=2026-01-01",
    "/energy",
    "/energy?period=day&unit=money",
    "/energy?period=week",
    "/energy?period=year",
    "/energy?range=5+y",
    "/events",
    "/events?tab=all",
    "/events?ups=rack@closet",
    "/events?tab=all&event=ONBATT",
    "/outages/1",
]
QUERIES = [
    "ups_history",
    "ups_compare",
    "outages_report",
    "outage_minutes",
    "energy_by_day",
    "battery_health",
    "power_quality",
    "monitoring_coverage",
    "outages",
    "ups_events",
    "ups_overview",
]
ALIKE = 2  # links of a page that differ in numbers alone
OUTAGES = [(50, 640, UPSES), (30, 45, ("desk@closet",)), (20, 3700, ("rack@closet",))]


@pytest.fixture
def house(make_site, tmp_path):
    """`house(mysensors=False, ...)`: a site over two NUT UPSes and an EP20."""

    def make(mysensors=False, **history):
        path = tmp_path / "house.db"
        write_house(path, 3, 120, **{"outages": OUTAGES, "gaps": [(10, 3600)], **history})
        add_tariffs(path, (None, None, "", "", 0.25, "EUR"))
        gateways = (GatewaySettings("main", tcp="main:5003"),) if mysensors else ()
        return make_site(access=ACCESS, gateways=gateways)

    return make


def write(site, sql, *params):
    connection = connect(site.datasette.config.database)
    connection.execute(sql, params)
    connection.close()


def days_on_battery(site):
    """Day (UTC) -> seconds of it in which some UPS was on battery."""
    connection = connect(site.datasette.config.database, readonly=True)
    on_battery = set()
    for start, end in connection.execute("select started_at, ended_at from events where event = 'ONBATT'"):
        on_battery.update(range(round(parse_utc(start)), round(parse_utc(end))))
    connection.close()
    return Counter(datetime.fromtimestamp(second, UTC).date() for second in on_battery)


def test_links_of_every_page_answer(house):
    """Of those that differ in a number alone, such as the days of a calendar, the first ones of each page."""
    site = house()
    seen = set()
    for path in PAGES:
        alike = Counter()
        for link in links(site.page(path)):
            alike[re.sub(r"\d+", "0", link)] += 1
            if link not in seen and alike[re.sub(r"\d+", "0", link)] <= ALIKE:
                seen.add(link)
                response = site.get(link, headers=BROWSER)
                assert response.status_code == 200, (path, link, response.text[:300])
    assert "/ups/rack@closet" in seen and not [
        link for link in seen if "%40closet" in link and link.startswith("/ups/")
    ]


@pytest.mark.parametrize("name", QUERIES)
def test_queries_answer_as_page_json_and_csv(house, name):
    site = house()
    text = site.page(f"/telemetry/{name}")
    assert "<h1>" in text
    found = site.get(f"/telemetry/{name}.json?_shape=array&_size=max").json()
    lines = site.get(f"/telemetry/{name}.csv?_size=max").text.splitlines()
    assert len(lines) == len(found) + 1 > 1


def test_an_empty_site_shows_instructions(make_site):
    site = make_site(filled=False, gateways=())
    for path, words in (
        ("/", "voltkeeper check"),
        ("/ups", "upsc -l"),
        ("/energy", "config.yml"),
        ("/events", "nothing is recorded"),
    ):
        text = site.page(path)
        assert words in text, path
        for link in links(text):
            assert site.get(link, headers=BROWSER).status_code == 200, link


def test_a_site_with_upses_only(house):
    text = html.unescape(house().page("/"))
    assert "The house runs on mains. All is well." in text and "Nodes heard" not in text
    assert "Newest messages" not in text and "MUST EP20" in text


def test_the_headline_of_a_ups(house):
    site = house()
    text = html.unescape(site.page("/ups/rack@closet"))
    assert "on mains" in text and "✓" in text and "low at 20" in text and "EATON 5PX 1500i" in text
    assert "to battery below 184" in text and "no data for 1 h" in text and "on battery once" in text
    assert text.count('<rect class="shade"') >= 4  # one in each chart
    assert "Frequency" in text and "Temperature" in text
    text = html.unescape(site.page("/ups/desk@closet"))
    assert "Temperature" not in charts(text) and "Frequency" in charts(text)
    assert "2019/05/16" in text


def test_the_page_of_a_ups_names_the_programs_that_watch_it(house):
    site = house()
    assert "Watched by" not in site.page("/ups/rack@closet")  # its server never told
    write(site, "update ups set clients_at = '2026-11-29T10:00:00.000Z' where name = 'rack@closet'")
    text = html.unescape(site.page("/ups/rack@closet"))
    assert "Watched by" in text and "no program" in text
    for address, logins in (("192.168.1.5", 1), ("::1", 2)):
        write(
            site,
            """insert into ups_clients select id, ?, ?, '2026-11-29T09:00:00.000Z', clients_at from ups
            where name = 'rack@closet'""",
            address,
            logins,
        )
    text = html.unescape(site.page("/ups/rack@closet"))
    assert "192.168.1.5</a>, " in text and "::1</a> × 2" in text and "no program" not in text
    assert "Watched by" not in site.page("/ups/desk@closet")


def charts(text):
    return "".join(re.findall(r'<figure class="chart .*?</figure>', text, re.S))


def test_a_line_breaks_where_data_does(house):
    text = house().page("/ups/garage?range=1+d")
    figure = charts(text).split("</figure>")[1]
    [path] = re.findall(r'class="line s1" d="([^"]+)"', figure)
    assert path.count("M") == 2


def test_missing_values_are_not_invented(house):
    text = html.unescape(house().page("/ups"))
    assert '<td data-label="Runtime">– <span class="minor">not reported' in text  # of the EP20
    assert "Enter the date" in text and "2019/05/16" in text
    assert "≠" in text and "input.transfer.low" in text


def test_a_ups_on_battery_is_listed_first(house):
    site = house(open_outage=(3000, ("rack@closet", "garage")))
    items = site.get("/telemetry/attention.json?_shape=array").json()
    assert [(row["severity"], row["subject"]) for row in items] == [
        ("Warning", "UPS Rack (rack@closet)"),
        ("Warning", "UPS Garage (garage)"),
    ]
    assert (
        items[0]["text"].startswith("on battery")
        and items[0]["text"].endswith("min left")
        and items[0]["since"]
    )
    assert "now</strong>, since" in site.page("/ups") and "ongoing" in site.page("/ups/garage")
    write(site, "update ups set status = 'OB LB' where id = 3")
    assert site.get("/telemetry/attention.json?_shape=array").json()[0]["severity"] == "Critical"


def test_a_stale_ups_is_not_shown_as_normal(house):
    site = house(stale=("desk@closet",))
    row = site.get("/telemetry/ups_overview.json?_shape=array&name=desk@closet").json()[0]
    assert row["state"] == "Stale" and "lost the UPS" in row["reason"]
    text = site.page("/ups/desk@closet")
    assert "still work" in text and 'class="card hero old"' in text and "No data for" in text
    assert [row["subject"] for row in site.get("/telemetry/attention.json?_shape=array").json()] == [
        "UPS Desk (desk@closet)"
    ]


def test_a_lost_server_is_shown_once_on_every_page(house):
    site = house(lost=("closet",))
    for path in [*PAGES, "/telemetry/ups_samples"]:
        text = site.page(path)
        assert "NUT server <bdi>closet</bdi>" in text and "connection refused" in text, path
    items = site.get("/telemetry/attention.json?_shape=array").json()
    assert [(row["severity"], row["subject"]) for row in items] == [("Critical", "NUT server closet")]
    assert {
        row["state"] for row in site.get("/telemetry/ups_overview.json?_shape=array&source=closet").json()
    } == {"Stale"}
    assert "✓" in site.page("/ups/garage")


def test_a_late_reader_makes_its_upses_stale(house):
    site = house()
    write(
        site,
        "update ingest_status set heartbeat_at = ? where source = 'garage'",
        format_utc(time.time() - 300),
    )
    assert "MUST EP20 garage" in site.page("/") and "its reader is not running" in site.page("/")
    assert site.get("/telemetry/ups_overview.json?_shape=array&name=garage").json()[0]["state"] == "Stale"


@pytest.mark.parametrize(
    ("event", "detail"),
    [("HOT", "temperature above 40 °C: 43 °C"), ("LOAD_HIGH", "load above 80 %: 91 %"), ("REPLBATT", "")],
)
def test_a_crossed_threshold_needs_attention(house, event, detail):
    site = house()
    write(
        site,
        "insert into events (event, ups, started_at, detail) values (?, 3, ?, ?)",
        event,
        format_utc(time.time() - 60),
        detail,
    )
    (item,) = site.get("/telemetry/attention.json?_shape=array").json()
    assert (
        item["severity"] == "Warning"
        and (detail or "battery to be replaced") in item["text"]
        and item["since"]
    )
    assert (detail or "battery to be replaced") in html.unescape(site.page("/ups/garage"))


def test_low_mains_are_not_reported_beside_an_outage(house):
    site = house(open_outage=(900, ("garage",)))
    write(
        site,
        "insert into events (event, ups, started_at, detail) "
        "values ('INPUT_LOW', 3, ?, 'input voltage below 180 V')",
        format_utc(time.time()),
    )
    assert "180" not in site.get("/telemetry/attention.json?_shape=array").json()[0]["text"]
    write(site, "update ups set status = 'OL' where id = 3")
    assert "180" in site.get("/telemetry/attention.json?_shape=array").json()[0]["text"]


def test_a_ups_that_never_answered(house):
    site = house()
    write(
        site,
        "insert into ups (name, driver, source, label, outcome) "
        "values ('new@closet', 'nut', 'closet', 'new', 'unknown_ups')",
    )
    write(
        site,
        "insert into polls (ups, started_at, ended_at, count, outcome, detail) "
        "values (4, '2', '3', 3, 'unknown_ups', 'the server knows no UPS of this name')",
    )
    (item,) = site.get("/telemetry/attention.json?_shape=array").json()
    assert item["text"] == "never answered: the server knows no UPS of this name"
    for path in PAGES:
        site.page(path)
    assert "No sample was stored" in site.page("/ups/new@closet")


def test_unknown_upses_are_not_found_with_a_message(house):
    site = house()
    assert "No UPS attic. There are: desk@closet" not in site.page("/ups/attic", 404)
    assert "No UPS attic. There are: rack@closet, desk@closet, garage." in html.unescape(
        site.page("/ups/attic", 404)
    )
    assert "No UPS rack." in html.unescape(site.page("/ups/rack", 404))
    assert "<script>" not in site.page("/ups/%3Cscript%3E", 404).replace("<script src", "")
    assert site.get("/ups/rack%40closet").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/ups?range=soon",
        "/ups/garage?since=x",
        "/energy?period=moon",
        "/energy?unit=joule",
        "/energy?since=2026-02-01&until=2026-01-01",
    ],
)
def test_an_invalid_range_is_reported(house, path):
    text = html.unescape(house().page(path, 400))
    assert (
        "not a duration" in text
        or "not a date" in text
        or "not a period" in text
        or "before until" in text
        or "not a unit" in text
    )


def test_events_are_listed_as_outages_and_individually(house):
    site = house()
    text = html.unescape(site.page("/events"))
    assert "3 outages in 30 days, 1 h 13 min on battery, the longest 1 h 01 min" in text
    assert (
        "Recording began on" in text and text.count("mains</td>") == 1 and text.count("this UPS alone") == 2
    )
    squares = re.findall(r'<a href="([^"]+)" aria-label[^>]+><title>(.+): (.+) on battery</title><rect', text)
    assert squares == [
        (f"/events?day={day}#list", f"{day:%a %-d %b %Y}", format_length(length))
        for day, length in sorted(days_on_battery(site).items())
    ]
    for address, _, _ in squares:
        assert 'href="/outages/' in site.page(address.partition("#")[0]), address
    mine = html.unescape(site.page("/events?ups=desk@closet"))
    assert "2 outages in 30 days, 11 min 25 s on battery" in mine
    everything = html.unescape(site.page("/events?tab=all"))
    assert "6 events" in everything and "LOWBATT" in everything and "battery low" in everything
    rows = everything.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]
    assert len(rows) == 4 and sum("all 3 UPSes" in row for row in rows) == 1, "an outage is one row"
    assert len(re.findall("<tr>", site.page("/events?tab=all&ups=rack@closet").partition("<tbody>")[2])) == 3
    assert "1 event," in site.page("/events?tab=all&event=LOWBATT")
    assert "No such event" in site.page("/events?tab=all&event=FSD")
    assert "No outage then" in site.page("/events?month=2020-01")
    assert "No outage then" in site.page("/events?day=2020-01-31")


def test_chart_data_is_cached_for_a_part_of_a_bucket(house):
    site = house()
    until = time.time()

    def highest(hours, clock=time.monotonic):
        span = TimeRange(until - hours * 3600, until, {"range": f"{hours} h"})
        found = site.run(read_histories(site.datasette, "garage", ("input_voltage",), span, clock))
        return max(point.high for point in found["input_voltage"]["garage"])

    assert highest(24) < 300
    write(
        site,
        "update ups_samples set input_voltage = 999 "
        "where id = (select max(id) from ups_samples where ups = 3)",
    )
    assert highest(24) < 300 and highest(12) == 999, "another span is another history"
    assert highest(24, clock=lambda: time.monotonic() + 61) == 999


def test_that_a_figure_has_no_values_is_cached_too(house):
    site, until = house(), time.time()
    span = TimeRange(until - 86_400, until, {"range": "24 h"})

    def values(clock=time.monotonic):
        found = site.run(read_histories(site.datasette, "rack@closet", ("ups_temperature",), span, clock))
        return [point.high for points in found["ups_temperature"].values() for point in points]

    write(site, "update ups_samples set ups_temperature = null where ups = 1")
    assert values() == []
    newest = "(select max(id) from ups_samples where ups = 1)"
    write(site, f"update ups_samples set ups_temperature = 31 where id = {newest}")
    assert values() == [] and values(clock=lambda: time.monotonic() + 61) == [31]


def test_energy_adds_up_on_its_page(house):
    hours = time.time() % 86_400 / 3600 + 12  # since noon of yesterday: a gap over midnight would be two
    site = house(outages=OUTAGES[:1], gaps=[(hours, 3600)])
    text = html.unescape(site.page("/energy?range=5+d"))
    (link,) = set(re.findall(r'href="(/telemetry/energy_by_day\.json[^"]+)"', text))
    found = site.get(link).json()
    total = sum(row["kwh"] for row in found if row["name"] == "House" and row["kwh"])
    assert (
        f"<h1>{total:.1f}\u202fkWh in the chosen time" in text and f"€\u202f{total * 0.25:.2f}</h1>" in text
    )
    assert f"<strong>{total:.3f}\u202fkWh</strong>" in text
    assert "no data for 1 h" in text and "Nothing was filled in" in text
    assert "in force" in text and "not reported" in text
    old = site.page("/energy?since=2020-01-01&until=2020-01-02")
    assert "Nothing was recorded" in old


def test_ups_values_are_escaped(house):
    site = house()
    evil = "<script>alert(1)</script>"
    write(
        site, "update ups set label = ?, model = ?, status = ?, location = ?", evil, evil, f"OL {evil}", evil
    )
    write(site, "update ups_variables set value = ? where variable = 'battery.type'", evil)
    write(
        site,
        "insert into events (event, ups, started_at, detail) values ('ALARM', 1, ?, ?)",
        format_utc(time.time()),
        evil,
    )
    for path in [*PAGES, "/telemetry/ups_overview", "/telemetry/ups_compare", "/telemetry/attention"]:
        assert "<script>alert" not in site.page(path), path


def test_pages_keep_the_strict_policy(house):
    site = house()
    for path in PAGES:
        text = site.page(path)
        assert "unsafe" not in site.get(path).headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=\"", text), path
        assert not re.search(r'(src|href)="(https?:)?//(?!datasette\.io)', text), path


@pytest.mark.parametrize("ups", ["rack@closet", "1"])
def test_a_battery_change_is_recorded_and_audited(house, ups):
    site = house()
    response = site.post(
        "/telemetry/ups_battery_changed", json={"ups": ups, "date": "2026-03-01"}, headers=bearer()
    )
    assert response.status_code == 200 and response.json()["ups"] == 1, response.text
    assert site.rows("select substr(changed_at, 1, 10), recorded_by from ups_battery_changes") == [
        ("2026-03-01", "bot")
    ]
    assert site.rows("select substr(battery_changed_at, 1, 10) from ups where id = 1") == [("2026-03-01",)]
    audit = site.rows("select actor, action, subject, outcome from audit")
    assert audit == [("bot", "ups_battery_changed", "rack@closet", "done")]
    assert "1 Mar 2026" in site.page("/ups/rack@closet").partition('id="battery-record"')[2]


def test_a_browser_records_a_battery_change_and_goes_back(house):
    site = house().login()
    assert "Battery changed</button>" in site.page("/ups/garage")
    fields = {"csrftoken": site.token(), "ups": "3", "date": "", "next": "/ups/garage"}
    response = site.post("/telemetry/ups_battery_changed", data=fields, headers=BROWSER)
    assert (response.status_code, response.headers["location"]) == (302, "/ups/garage")
    assert "under a day" in site.page("/ups/garage")


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"date": "2026-03-01"}, 400, "ups is needed"),
        ({"ups": "attic"}, 404, "No UPS attic"),
        ({"ups": "9" * 40}, 404, "No UPS"),
        ({"ups": "garage", "date": "2026-02-30"}, 400, "no such day"),
        ({"ups": "garage", "date": "2099-01-01"}, 400, "future"),
    ],
)
def test_an_invalid_battery_change_is_refused_with_a_message(house, fields, status, words):
    site = house()
    response = site.post("/telemetry/ups_battery_changed", json=fields, headers=bearer())
    assert response.status_code == status and words in response.json()["errors"][0]
    assert site.rows("select count(*) from ups_battery_changes") == [(0,)]
    assert site.rows("select outcome from audit")[0][0].startswith("refused: ")


def test_recording_a_battery_change_needs_the_right(house):
    site = house()
    assert site.post("/telemetry/ups_battery_changed", json={"ups": "garage"}).status_code == 401
    assert (
        site.post(
            "/telemetry/ups_battery_changed", json={"ups": "garage"}, headers=bearer(READER)
        ).status_code
        == 403
    )
    site.login()
    site.token()
    assert (
        site.post("/telemetry/ups_battery_changed", data={"ups": "garage"}).status_code == 403
    )  # no token of the form
    assert site.rows("select count(*) from ups_battery_changes") == [(0,)]


def test_what_is_not_recomputed_is_marked_where_it_is_shown(house):
    """Its samples are gone, so it follows the rules of an earlier version."""
    site = house()
    pages = ("/energy?range=7+d", "/ups/rack@closet", "/events?tab=all")
    assert not any("ot recomputed" in site.page(path) for path in pages)
    write(
        site,
        "insert into ups_hours_not_recomputed select ups, min(hour_at) from ups_samples_hourly where ups = 1",
    )
    write(site, "update events set figures = json_set(figures, '$.not_recomputed', 1) where event = 'ONBATT'")
    energy, ups, events = (" ".join(html.unescape(site.page(path)).split()) for path in pages)
    assert "Not recomputed: 1 hour of a UPS until" in energy
    assert (
        "ups_hours_not_recomputed?ups=1" in ups
        and "figures not recomputed" in ups
        and "figures not recomputed" in events
    )
    assert "ups_hours_not" not in site.page("/ups/desk@closet")
    details = site.get("/telemetry/outages.json?_shape=array").json()
    assert {row["detail"] for row in details} == {"figures not recomputed"}
    for path in pages:
        for link in links(site.page(path)):
            if "not_recomputed" in link:
                assert site.get(link, headers=BROWSER).status_code == 200, link
