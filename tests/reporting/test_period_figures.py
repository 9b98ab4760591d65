"""The figures of a period over a plain connection, without a site: for reports by mail and exports."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from reporting.canned_queries import CannedQuery, QueryReader, load_queries
from reporting.period_figures import COUNTS, OWN_QUERIES, Counts, read_figures
from reporting.recording import RECORDING_START, RecordingStart
from reporting.report_period import parse_period
from reporting.sql_functions import register
from tests.helpers.new_database import new_database
from tests.plugins.ups_house import UPSES, House

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
ENDLESS = (
    "with recursive endless (n) as (select 1 union all select n + 1 from endless) "
    "select n from endless where n < 0"
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("figures") / "telemetry.db"
    new_database(path)
    House(path, days=2, step=300, now=NOON).write(outages=[(30, 640, UPSES), (20, 60, ("garage",))])
    connection = sqlite3.connect(path)
    register(connection, "UTC")
    yield connection
    connection.close()


def test_figures_of_a_day(connection):
    reader = QueryReader(connection, {**load_queries(), **OWN_QUERIES})
    counts = Counts(**reader.select(COUNTS)[0])
    assert counts == Counts(upses=3, nodes=0, tariffs=0)
    assert RecordingStart.parse(reader.select(RECORDING_START)[0]).ups.startswith("2026-11-16T12:00")
    figures = read_figures(
        reader, parse_period({"period": "day", "of": "2026-11-17"}, "UTC", now=NOON), counts
    )
    ups = figures.ups
    assert (ups.summary.count, ups.summary.seconds, ups.summary.longest) == (2, 700, 640)
    assert [sorted(member.name for member in outage.members) for outage in ups.longest] == [
        sorted(UPSES),
        ["garage"],
    ]
    assert (ups.outages, ups.older_outages) == ([], 0)
    assert [row.on_battery_s for row in ups.availability] == [640, 640, 700]
    assert ups.site["kwh"] > 5 and len(ups.energy_bars.source.bars) == 24 and len(ups.histograms) == 3
    assert figures.links["energy"] == "per=whole&since=2026-11-17&until=2026-11-18"
    assert set(figures.rows) >= {"outages", "energy", "events", "replace"} and "silent" not in figures.rows


def test_a_query_that_takes_too_long_is_left_out(connection):
    queries = {**load_queries(), **OWN_QUERIES, "load_report": CannedQuery(ENDLESS, ())}
    reader = QueryReader(connection, queries, limit_s=0.5)
    assert reader.run("load_report", {}) is None
    assert reader.run("outages_report", {"since": "2026-11-17", "until": "2026-11-18"}) is not None, (
        "the next one runs"
    )


def test_reporting_does_not_need_datasette():
    code = (
        "import reporting.period_figures, reporting.sql_functions, reporting.sparklines, sys; "
        "print('datasette' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )
