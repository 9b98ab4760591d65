"""The page of a figure of a UPS: its figures against SQL, limits, overlays; variables that are texts."""

import html
import re

import pytest

from ingest.db.time import format_utc
from tests.helpers.new_database import new_database
from tests.plugins.channel_history import house_time, statistics, strip_of
from tests.plugins.site_helpers import ACCESS, links
from tests.plugins.ups_house import House

RACK = "/ups/rack@closet"


@pytest.fixture(scope="module")
def house(module_site, tmp_path_factory):
    path = new_database(tmp_path_factory.mktemp("upses") / "house.db")
    House(path, days=9, step=600).write(outages=[(50, 1300, ("rack@closet",))])
    return module_site(filled=False, access=ACCESS, gateways=(), name=str(path))


@pytest.mark.parametrize(
    ("figure", "column", "span"),
    [
        ("ups.load", "ups_load", "24 h"),
        ("ups.load", "ups_load", "7 d"),
        ("watts", "watts", "7 d"),
        ("battery.charge", "battery_charge", "30 d"),
        ("ups.temperature", "ups_temperature", "7 d"),
    ],
)
def test_the_figures_are_those_of_the_rows(house, figure, column, span):
    text = house.page(f"{RACK}/{figure}?range={span.replace(' ', '+')}")
    link = strip_of(text, "ups_history")
    rows, shown = house.get(link).json(), statistics(text)
    assert {row["figure"] for row in rows} == {column} and {row["name"] for row in rows} == {"rack@closet"}
    for label, value in {
        "Least": min(row["min"] for row in rows),
        "Greatest": max(row["max"] for row in rows),
        "Mean": sum(row["avg"] for row in rows) / len(rows),
    }.items():
        digits = len(shown[label][0].partition(".")[2])
        assert shown[label][0] == f"{value:.{digits}f}", label
    if span == "24 h":
        low, high = house.rows(
            f"select min({column}), max({column}) from ups_samples where sampled_at >= ? and sampled_at < ? "
            "and ups = (select id from ups where name = 'rack@closet')",
            *(format_utc(house_time(link, name)) for name in ("since", "until")),
        )[0]
        assert (float(shown["Least"][0]), float(shown["Greatest"][0])) == (low, high)


def test_the_newest_sample_is_the_value_of_now(house):
    newest = house.rows(
        "select ups_load from ups_samples where ups = (select id from ups where name = 'rack@closet') "
        "order by sampled_at desc limit 1"
    )[0][0]
    assert f'<bdi class="now number">{newest:.10g}\u202f%</bdi></h1>' in house.page(f"{RACK}/ups.load")


def test_input_figures_are_counted_without_outages(house):
    text = house.page(f"{RACK}/input.voltage?range=7+d")
    assert "on battery" in text and "to battery below 184" in text
    bins = house.get(strip_of(text, "ups_histogram")).json()
    assert min(row["value_from"] for row in bins) > 150
    hours = house.rows(
        "select count(*) from ups_samples_hourly where ups = (select id from ups where name = 'rack@closet') "
        "and hour_at >= ? and hour_at < ? and on_battery_s = 0 and input_voltage_avg is not null",
        *(format_utc(house_time(strip_of(text, "ups_histogram"), name)) for name in ("since", "until")),
    )[0][0]
    assert sum(row["hours"] for row in bins) == hours > 100


def test_another_ups_is_laid_over_it(house):
    text = house.page(f"{RACK}/ups.load?with=desk@closet/ups.load,garage/battery.voltage")
    assert text.count('<figure class="chart of-lines') == 2
    assert 'href="/ups/desk@closet/ups.load"' in text and "data-line=" in text


def test_a_variable_that_is_a_text_has_its_changes(house):
    text = house.page(f"{RACK}/ups.beeper.status")
    assert "enabled" in text and "It has not changed since it was first read" in text
    assert '<figure class="chart' not in text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{RACK}/nope", "reports no nope. It reports: battery."),
        (f"{RACK}/%3Cb%3E", "reports no <b>"),
        ("/ups/nope/ups.load", "No UPS nope. There are: desk@closet, garage, rack@closet."),
    ],
)
def test_what_is_not_there_is_said(house, path, words):
    assert words in html.unescape(house.page(path, 404))


def test_every_link_answers_and_the_page_of_the_ups_leads_here(house):
    page = house.page(RACK)
    assert f'href="{RACK}/input.voltage"' in page and f'href="{RACK}/ups.beeper.status"' in page
    for link in links(house.page(f"{RACK}/ups.load?range=7+d")):
        assert house.get(link, follow_redirects=True).status_code == 200, link


def test_the_queries_answer_for_all_upses(house):
    for name in ("ups_histogram", "ups_by_hour"):
        rows = house.get(f"/telemetry/{name}.json?_shape=array&figure=ups_load").json()
        assert {row["name"] for row in rows} == {"rack@closet", "desk@closet", "garage"}
    assert re.search("The usual day of a UPS", house.page("/telemetry/ups_by_hour"))
