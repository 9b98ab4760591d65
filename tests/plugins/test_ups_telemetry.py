"""/api/telemetry, /api/health and /metrics: the documented fields, and never an outdated value."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.config.model import Access
from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import ACCESS, READER, bearer, fill
from tests.plugins.ups_house import UPSES, House

FIELDS = [
    "input_voltage",
    "output_voltage",
    "battery_voltage",
    "battery_level",
    "load_percent",
    "load_power",
    "frequency",
    "input_frequency",
    "temperature",
    "timestamp",
    "status",
    "uptime",
    "alarms",
]
LINE = re.compile(
    r'(?P<name>[a-z_0-9]+)(\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (?P<value>-?[0-9.e+-]+)'
)


@pytest.fixture
def house(make_site, tmp_path):
    def make(mysensors=False, access=ACCESS, **history):
        path = tmp_path / "house.db"
        new_database(path)
        if mysensors:
            fill(path)
        House(path, days=0.2, step=30).write(**history)
        return make_site(access=access, timezone="Europe/Rome")

    return make


def metrics(site):
    response = site.get("/metrics")
    assert response.status_code == 200 and response.headers["content-type"].startswith(
        "text/plain; version=0.0.4"
    )
    found, typed = {}, set()
    for line in response.text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match and match["name"] in typed, line
            found[match["name"], match["labels"]] = float(match["value"])
    return found


def test_telemetry_has_the_fields_of_the_ep20_monitor(house):
    site = house()
    body = site.get("/api/telemetry").json()
    assert list(body) == FIELDS
    last = site.rows("select * from ups_samples where ups = 3 order by id desc limit 1")
    columns = [name for (name,) in site.rows("select name from pragma_table_info('ups_samples')")]
    row = dict(zip(columns, last[0], strict=True))
    assert (body["input_voltage"], body["battery_voltage"], body["temperature"]) == (
        row["input_voltage"],
        row["battery_voltage"],
        row["ups_temperature"],
    )
    assert (body["battery_level"], body["load_percent"], body["load_power"]) == (
        100,
        row["ups_load"],
        round(row["watts"]),
    )
    assert isinstance(body["load_power"], int)
    assert (body["status"], body["alarms"]) == ("online", [])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", body["uptime"])
    told = datetime.strptime(body["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo("Europe/Rome"))
    ages = [
        time.time() - told.replace(fold=fold).timestamp() for fold in (0, 1)
    ]  # of the hour that comes twice
    assert min(map(abs, ages)) < 60


def test_telemetry_of_a_chosen_ups(house):
    site = house()
    assert site.get("/api/telemetry?ups=desk@closet").json()["temperature"] is None
    response = site.get("/api/telemetry?ups=attic")
    assert response.status_code == 404 and response.json() == {"ok": False, "errors": ["No UPS attic"]}


def test_the_first_ups_where_there_is_no_ep20(house):
    site = house()
    connection = connect(site.datasette.config.database)
    connection.execute("update ups set configured = 0 where driver = 'must'")
    connection.close()
    assert (
        site.get("/api/telemetry").json()["input_voltage"]
        == site.get("/api/telemetry?ups=rack@closet").json()["input_voltage"]
    )


def test_an_old_value_is_never_reported_as_current(house):
    site = house(lost=("garage",), stale=("desk@closet",))
    body = site.get("/api/telemetry").json()
    assert [body[field] for field in FIELDS[:9]] == [None] * 9
    assert body["status"] == "stale" and body["alarms"] == ["device: connection refused"]
    found = metrics(site)
    assert (
        found["voltkeeper_ups_up", 'ups="garage"'] == 0
        and found["voltkeeper_ups_up", 'ups="rack@closet"'] == 1
    )
    labels_found = {
        labels
        for name, labels in found
        if name.startswith(("voltkeeper_ups_", "ups_"))
        and not name.endswith(("_up", "_info", "age_seconds", "timestamp_seconds", "_total"))
        and 'status="stale"' not in labels
    }
    assert labels_found and all("rack@closet" in labels for labels in labels_found)
    assert found["voltkeeper_ups_sample_age_seconds", 'ups="garage"'] > 1000


def test_a_ups_on_battery_is_reported_as_such(house):
    site = house(open_outage=(900, UPSES))
    body = site.get("/api/telemetry").json()
    assert (body["status"], body["alarms"], body["input_voltage"]) == ("battery", ["on battery"], 0.0)
    found = metrics(site)
    assert found["voltkeeper_ups_on_battery", 'ups="garage"'] == 1
    assert found["voltkeeper_ups_status", 'ups="garage",status="OB"'] == 1


def test_no_ups_at_all(make_site):
    site = make_site()
    assert site.get("/api/telemetry").status_code == 404
    assert metrics(site)["voltkeeper_source_up", 'source="main",kind="mysensors"'] == 1


def test_health(house):
    body = house().get("/api/health").json()
    assert list(body) == ["status", "uptime", "timestamp"] and body["status"] == "running"
    datetime.fromisoformat(body["timestamp"])


def test_metrics_include_nodes_and_sources_with_escaped_labels(house):
    site = house(mysensors=True)
    connection = connect(site.datasette.config.database)
    connection.execute("update nodes set label = ? where id = 12", ('Shelf "B"\\2\nleft',))
    connection.close()
    found = metrics(site)
    assert (
        found[
            "voltkeeper_node_battery_percent", 'gateway="main",node_id="12",name="Shelf \\"B\\"\\\\2\\nleft"'
        ]
        == 15
    )
    assert found["voltkeeper_source_up", 'source="closet",kind="nut"'] == 1
    assert found["voltkeeper_source_received_total", 'source="closet",kind="nut"'] == 812
    for ups in UPSES:
        label = f'ups="{ups}"'
        rows = site.rows(
            "select s.input_voltage from ups_samples s join ups u on u.id = s.ups "
            "where u.name = ? order by s.id desc limit 1",
            ups,
        )
        assert found["voltkeeper_ups_input_voltage_volts", label] == rows[0][0]
    connection = connect(site.datasette.config.database)
    connection.execute("update nodes set last_seen_at = ?", (format_utc(time.time() - 5 * 86_400),))
    connection.close()
    assert not [name for name, _ in metrics(site) if name == "voltkeeper_node_battery_percent"]


@pytest.mark.parametrize("path", ["/api/telemetry", "/metrics", "/ups", "/energy", "/events", "/ups/garage"])
def test_reading_may_need_a_sign_in(house, path):
    site = house(access=Access(read="signed-in", people=ACCESS.people, tokens=ACCESS.tokens))
    assert site.get(path).status_code == 401
    assert site.get(path, headers=bearer(READER)).status_code == 200
