"""Variables as series: which numbers become rows, how often, and the hours that they add up to."""

from dataclasses import replace

import pytest

from ingest.config.model import Config, NutServerSettings, Retention, UpsSettings
from ingest.db.connection import connect
from ingest.maintenance.prune import prune
from ingest.maintenance.retention import plan
from ingest.transfer.export_job import run_export
from ingest.ups.corrections import VariableSettings
from ingest.ups.records import Poll
from ingest.ups.series import SERIES_S, is_kept_anyway
from tests.helpers.new_database import new_database
from tests.ingest.ups.scenario import START
from tests.ingest.ups.test_ups_store import commit, store_of

HOUSE = Config(timezone="Europe/Rome", nut=(NutServerSettings("closet", "10.0.0.1", ups=("rack", "desk")),))
PLAIN = {"ups.status": "OL", "battery.charge": "100", "input.voltage": "230", "ups.id": "x"}


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "t.db")
    connection = connect(tmp_path / "t.db")
    yield connection
    connection.close()


def house(record=(), **variables):
    own = UpsSettings(record=tuple(record), variables=variables.get("variables", {}))
    return replace(HOUSE, ups={"rack@closet": own})


def poll(seconds, variables, ups="rack@closet"):
    return Poll(ups, START + seconds, seconds, 10.0, status="OL", variables=PLAIN | variables)


ROWS = {
    "ups_figures": "select variable, value from ups_figures order by variable, id",
    "ups_figures_hourly": """select variable, samples, min, avg, max from ups_figures_hourly
    order by variable, hour_at""",
}


def series(connection, table="ups_figures"):
    return connection.execute(ROWS[table]).fetchall()


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("input.L1-N.voltage", True),
        ("input.L3-L1.voltage", True),
        ("output.L2.current", True),
        ("output.L2.power.percent", True),
        ("ups.L1-N.realpower", True),
        ("input.2.voltage", True),
        ("outlet.17.realpower", True),
        ("outlet.group.1.current", True),
        ("outlet.3.energy", True),
        ("ambient.temperature", True),
        ("ambient.2.humidity", True),
        ("input.voltage", False),
        ("output.current", False),
        ("outlet.1.id", False),
        ("outlet.1.delay.start", False),
        ("outlet.1.status", False),
        ("ambient.temperature.high", False),
        ("input.L1.voltage.high.warning", False),
        ("ups.temperature", False),
        ("device.3.outlet.1.realpower", False),
    ],
)
def test_what_is_a_series_without_being_asked_for(variable, expected):
    assert is_kept_anyway(variable) is expected


def test_a_ups_without_phases_outlets_and_probes_has_no_rows(connection):
    store = store_of(connection, HOUSE)
    commit(store, connection, *(poll(10 * n, {}) for n in range(200)))
    assert series(connection) == series(connection, "ups_figures_hourly") == []


def test_a_recorded_variable_is_a_row_with_every_poll_and_an_hour(connection):
    store = store_of(connection, house(["outlet.1.real*", "device.3.*", "ups.i*"]))
    found = [
        {
            "outlet.1.realpower": str(watts),
            "device.3.input.realpower": "396",
            "device.3.name": "pdu",
            "outlet.1.status": "on",
        }
        for watts in (100, 110, 150)
    ]
    topics = commit(store, connection, *(poll(10 * n, one) for n, one in enumerate(found)))
    assert "ups_figures" in topics
    assert series(connection) == [
        *[("device.3.input.realpower", 396)] * 3,
        ("outlet.1.realpower", 100),
        ("outlet.1.realpower", 110),
        ("outlet.1.realpower", 150),
    ]
    assert series(connection, "ups_figures_hourly")[1] == ("outlet.1.realpower", 3, 100, 120, 150)
    again = store_of(connection, house(["outlet.1.realpower"]))  # ingest was started anew
    commit(again, connection, poll(40, {"outlet.1.realpower": "40"}))
    commit(again, connection, poll(50, {"outlet.1.realpower": "80"}))
    assert series(connection, "ups_figures_hourly")[1] == ("outlet.1.realpower", 5, 40, 96, 150)
    commit(again, connection, poll(3600, {"outlet.1.realpower": "7"}))
    assert series(connection, "ups_figures_hourly")[2] == ("outlet.1.realpower", 1, 7, 7, 7)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("n/a", 0), ("", 0), ("on", 0), ("-5", 0), ("99999999", 0), ("012.50", 1), ("0", 1), ("1e3", 1)],
)
def test_numbers_that_can_be_are_rows(connection, text, rows):
    store = store_of(connection, house(["outlet.1.realpower"]))
    commit(store, connection, poll(0, {"outlet.1.realpower": text}))
    assert len(series(connection)) == rows


def test_a_series_is_of_the_corrected_value(connection):
    corrected = {
        "outlet.1.realpower": VariableSettings(scale=0.5),
        "outlet.2.realpower": VariableSettings(ignore=True),
    }
    store = store_of(connection, house(["outlet.*"], variables=corrected))
    commit(store, connection, poll(0, {"outlet.1.realpower": "90", "outlet.2.realpower": "50"}))
    assert series(connection) == [("outlet.1.realpower", 45)]
    held = dict(connection.execute("select variable, value from ups_variables"))
    assert (held["outlet.1.realpower"], held["outlet.2.realpower"]) == ("90", "50")


def test_phases_outlets_and_probes_are_rows_now_and_then_and_hours_of_every_poll(connection):
    store = store_of(connection, HOUSE)
    for n in range(91):
        commit(
            store, connection, poll(10 * n, {"ambient.temperature": str(20 + n % 2), "input.L2.current": "1"})
        )
    rows = series(connection)
    assert len(rows) == 2 * (1 + 900 // SERIES_S)
    hours = series(connection, "ups_figures_hourly")
    assert hours[0][0:3] == ("ambient.temperature", 91, 20) and hours[0][4] == 21
    assert hours[0][3] == pytest.approx(20.495, abs=0.001)
    assert connection.execute("select count(*) from ups_figures where ups = 2").fetchone() == (0,)


def test_a_phase_that_the_device_does_not_have_is_no_series(connection):
    store = store_of(connection, HOUSE)
    commit(
        store,
        connection,
        poll(0, {"input.phases": "1.00", "input.L1.realpower": "4095", "input.L2.realpower": "4198"}),
    )
    assert series(connection) == [("input.L1.realpower", 4095)]


def test_an_hour_is_whole_though_its_last_polls_gave_no_row(connection):
    store = store_of(connection, HOUSE)
    first = START // 3600 * 3600 + 3600 - START - 50  # 50 s before the hour ends
    for n in range(10):
        commit(store, connection, poll(first + 10 * n, {"ambient.temperature": str(20 + n)}))
    rows = series(connection, "ups_figures_hourly")
    assert rows[0] == ("ambient.temperature", 5, 20, 22, 24)


def test_a_write_that_failed_is_repeated_without_counting_twice(connection):
    store = store_of(connection, house(["outlet.1.realpower"]))
    store.absorb(poll(0, {"outlet.1.realpower": "10"}))
    connection.execute("begin")
    store.write(connection)
    connection.execute("rollback")
    commit(store, connection, poll(10, {"outlet.1.realpower": "20"}))
    assert series(connection) == [("outlet.1.realpower", 10), ("outlet.1.realpower", 20)]
    assert series(connection, "ups_figures_hourly") == [("outlet.1.realpower", 2, 10, 15, 20)]


def test_what_the_device_says_of_its_battery_is_kept_as_the_age(connection):
    store = store_of(connection, HOUSE)
    sql = "select battery_changed_at, battery_changed_from from ups_overview where id = 1"
    commit(store, connection, poll(0, {"battery.date": "2019/05/16"}))
    assert connection.execute(sql).fetchone() == ("2019-05-16T12:00:00.000Z", "from the device")
    commit(store, connection, poll(10, {"battery.date": "not set"}))
    assert connection.execute(sql).fetchone() == (None, None)
    commit(store, connection, poll(20, {"battery.date": "2019/05/16", "ups.mfr.date": "2025/01/01"}))
    assert connection.execute(sql).fetchone() == (None, None)
    commit(store, connection, poll(30, {"battery.date": "05/16/19", "ups.mfr.date": "05/20/19"}))
    assert connection.execute(sql).fetchone()[0] == "2019-05-16T12:00:00.000Z"
    connection.execute(
        "insert into ups_battery_changes (ups, changed_at) values (1, '2024-01-02T00:00:00.000Z')"
    )
    assert connection.execute(sql).fetchone() == ("2024-01-02T00:00:00.000Z", "entered")


def test_old_rows_are_pruned_with_the_samples_and_hours_stay(connection, tmp_path):
    store = store_of(connection, house(["outlet.1.realpower"]))
    for days in (400, 370, 1):
        commit(store, connection, poll(-days * 86_400, {"outlet.1.realpower": str(days)}))
    prune(tmp_path / "t.db", lambda db: plan(db, Retention(), START), "test")
    assert series(connection) == [("outlet.1.realpower", 1)]
    assert len(series(connection, "ups_figures_hourly")) == 3


def test_rows_and_hours_are_exported(connection, tmp_path):
    pytest.importorskip("duckdb")
    store = store_of(connection, house(["outlet.1.realpower"]))
    commit(store, connection, poll(0, {"outlet.1.realpower": "10"}))
    folder = tmp_path / "out"
    run_export(replace(HOUSE, database=tmp_path / "t.db"), folder)
    written = {path.relative_to(folder).parts[0] for path in folder.rglob("*.parquet")}
    assert {"table=ups_figures", "table=ups_figures_hourly"} <= written
