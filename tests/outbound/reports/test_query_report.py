"""Reports of the rows of a canned query: their time, their tables, what is wrong with them."""

import pytest

from ingest.config.periodic import ReportSettings
from outbound.reports.make import make_report
from outbound.reports.model import ReportError
from outbound.reports.query_report import cell_text, query_problems
from outbound.reports.store import list_kept, read_kept, reports_folder
from reporting.canned_queries import load_queries
from tests.outbound.reports.report_site import ReportHouse, rome, site_config

NOW = rome("2026-11-03 12:00")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = ReportHouse(tmp_path_factory.mktemp("query") / "telemetry.db")
    key = house.add_ups("rack@closet", rome("2026-09-01"), "Rack", until=NOW)
    house.add_outage(key, rome("2026-10-05 10:10"), 437)
    return house


def make(house, query, **given):
    report = ReportSettings("rows", given.pop("every", "month"), ("mail",), query=query, **given)
    made = make_report(site_config(house.path.parent, report), "rows", None, "http://house.lan", NOW)
    return made, read_kept(reports_folder(house.path), made.file)


def text_of(mail):
    return " ".join(mail.get_body(("plain",)).get_content().split())


def test_its_time_is_that_of_every(house):
    made, mail = make(house, "energy_by_day", params={"ups": "rack@closet"}, csv=True)
    text = text_of(mail)
    assert mail["subject"] == "Report Energy and cost: October 2026 (Hill house)"
    assert made.text.startswith(
        "31 rows.\nhttp://house.lan/telemetry/energy_by_day?since=2026-10-01&until=2026-11-01"
    )
    assert made.text.endswith("&ups=rack@closet") and made.period == "2026-10"
    kwh = house.execute(
        "select round(sum(wh) / 1000, 6) from ups_samples_hourly "
        "where hour_at >= '2026-10-04T22' and hour_at < '2026-10-05T22'"
    )[0][0]
    assert f"- 2026-10-05 Name: Rack Energy: {kwh:.10g} kWh" in text
    rows = next(mail.iter_attachments()).get_content().splitlines()
    assert rows[0].startswith("period,name,kwh") and len(rows) == 32
    assert [part for part in mail.walk() if part.get_content_type() == "image/png"], (
        "it has the chart of its page"
    )


def test_a_query_without_a_time_is_of_now(house):
    made, mail = make(house, "stale_nodes", every="day")
    assert mail[
        "subject"
    ] == "Report Stale nodes (Hill house)" and "The rows are those of that time." in text_of(mail)
    assert made.text.startswith("No rows.")


def test_without_rows_nothing_is_sent_where_that_is_asked_for(house, tmp_path):
    report = ReportSettings("empty", "day", ("mail",), query="stale_nodes", only_if_rows=True)
    made = make_report(site_config(house.path.parent, report), "empty", None, "", NOW)
    assert made.file == "" and not [
        one for one in list_kept(reports_folder(house.path)) if one.name == "empty"
    ]


def test_a_query_whose_columns_are_the_upses(house):
    house.execute(
        "insert into ups_variables (ups, variable, value, changed_at) "
        "values (1, 'ups.mfr', 'EATON', '2026-11-01')"
    )
    assert "EATON" in text_of(make(house, "ups_compare")[1])


@pytest.mark.parametrize(
    ("given", "key", "problem"),
    [
        ({"query": "energy_by_dy"}, "query", "did you mean 'energy_by_day'"),
        ({"query": "set_location"}, "query", "set_location changes rows: a report reads"),
        (
            {"query": "energy_by_day", "params": {"upss": "rack"}},
            "params.upss",
            "energy_by_day has no such parameter: did you mean 'ups'",
        ),
    ],
)
def test_a_wrong_query_or_parameter_names_the_right_one(given, key, problem):
    report = ReportSettings("one", "day", ("mail",), **given)
    ((where, what),) = query_problems(report, load_queries())
    assert where == key and problem in what


def test_a_parameter_that_cannot_be_read_is_said(house):
    with pytest.raises(ReportError, match="energy_by_day cannot be run: 'dy' is not a period"):
        make(house, "energy_by_day", params={"per": "dy"})


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("last_at", "2026-10-25T00:30:00.000Z", "25 Oct 2026 02:30"),
        ("seconds", 437, "7 min 17 s"),
        ("input_voltage_avg", 230.5, "230.5\u202fV"),
        ("name", "Rack", "Rack"),
        ("kwh", None, "–"),
        ("text", "", "–"),
        ("image", b"1234", "4 bytes"),
        ("count", 0, "0"),
    ],
)
def test_a_cell_as_people_read_it(column, value, shown):
    assert cell_text(column, value, "Europe/Rome") == shown
