"""The forecasts of batteries on pages, in queries, and as a calendar."""

import re
import time
from contextlib import closing

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.forecast.forecaster import Forecaster
from tests.plugins.site_helpers import bearer

DAY_S = 86_400


@pytest.fixture
def batteries(site):
    """Node main/12 loses a per cent in two days, and has 120 days of levels."""
    path, now = site.datasette.config.database, time.time()
    with closing(connect(path)) as connection, connection:
        connection.execute("delete from battery_levels")
        connection.execute("update nodes set battery_level = 40 where id = 12")
        connection.executemany(
            "insert into battery_levels (received_at, node, level) values (?, 12, ?)",
            [(format_utc(now - (120 - day) * DAY_S), round(100 - day / 2)) for day in range(121)],
        )
    Forecaster(path, "UTC").look()
    return site


def test_the_query_has_a_row_for_each_node(batteries):
    rows = batteries.get("/telemetry/battery_forecast.json?_shape=array").json()
    assert sorted(row["node"] for row in rows) == [
        row[0] for row in batteries.rows("select id from nodes order by id")
    ]
    first = rows[0]
    assert (first["node"], first["level"], first["method"]) == (12, 40, "straight line")
    assert first["low_days"] < 80 < first["high_days"] and abs(first["days_left"] - 80) < 10
    assert len(first["empty_on"]) == 10 and "levels of 121 days" in first["basis"]
    for row in rows[1:]:
        assert row["days_left"] is row["empty_on"] is row["low_days"] is None and row["basis"]


def test_the_page_of_the_query_leaves_out_what_is_rarely_needed(batteries):
    shown = re.findall(r'<th class="col-(\w+)', batteries.page("/telemetry/battery_forecast"))
    assert shown == "name level empty_on days_left low_days high_days method basis".split()
    answer = batteries.get("/telemetry/battery_forecast.json?_shape=array").json()
    assert {*shown, "empty_at", "computed_at", "ref"} < set(answer[0])


def test_pages_say_about_when(batteries):
    for path in ("/nodes/main/12", "/nodes", "/-/batteries"):
        text = batteries.page(path)
        assert "mpty about " in text and " to " in text, path


def test_the_calendar(batteries):
    answer = batteries.get("/batteries.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.text.count("BEGIN:VEVENT\r\n") == 1 and answer.text.startswith("BEGIN:VCALENDAR\r\n")
    assert "URL:http://localhost/nodes/main/12\r\n" in answer.text
    tag = answer.headers["etag"]
    assert batteries.get("/batteries.ics", headers={"if-none-match": tag}).status_code == 304


def test_the_shopping_list(batteries):
    path = "/telemetry/battery_shopping_list.json?_shape=array"
    assert batteries.get(path).json() == []
    for key, value in (("battery_cells", "2xAA"), ("battery_type", "alkaline")):
        fields = {"subject": "nodes/12", "key": key, "value": value}
        assert batteries.post("/-/settings", json=fields, headers=bearer()).status_code == 200
    [row] = batteries.get(f"{path}&days=200").json()
    assert (row["cell"], row["type"], row["number"], row["nodes"]) == ("AA", "alkaline", 2, 1)
    with closing(connect(batteries.datasette.config.database)) as connection:
        connection.execute("update nodes set battery_level = 12 where id = 12")
    assert [row["number"] for row in batteries.get(path).json()] == [2]
    assert "Cells to buy" in batteries.page("/-/batteries")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("battery_cells", "99 x AA", "it is NUMBER x SIZE with 1 to 24 cells"),
        ("battery_cells", "0 x AA", "it is NUMBER x SIZE"),
        ("battery_cells", "x" * 30, "it is NUMBER x SIZE"),
        ("battery_type", "potato", "alkaline"),
    ],
)
def test_settings_that_are_refused(site, key, value, why):
    fields = {"subject": "nodes/12", "key": key, "value": value}
    answer = site.post("/-/settings", json=fields, headers=bearer())
    assert answer.status_code == 400 and why in answer.json()["errors"][0]
