"""Forecasts as rows, made anew where something has changed, and the event BATTERY_DUE."""

import json
import sqlite3
from contextlib import closing

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.forecast.forecaster import Forecaster
from tests.helpers.new_database import new_database

DAY_S, NOW = 86_400, 1_780_000_000.0
EVENTS = "select node, detail, ended_at is null from events where event = 'BATTERY_DUE' order by id"


class Batteries:
    """A database with nodes, the forecaster over it, and its clock."""

    def __init__(self, path):
        self.path, self.now = new_database(path), NOW
        self.run("insert into gateways (id, name, address, configured) values (0, 'main', '', 1)")
        self.forecaster = Forecaster(path, "Europe/Rome", lambda: self.now)

    def run(self, sql, values=()):
        with closing(connect(self.path)) as connection:
            return connection.execute(sql, values).fetchall()

    def add(self, node, life, days, end=NOW):
        """A node whose battery began to last `life` days `days` days ago."""
        self.run(
            "insert into nodes (id, gateway, node_id, name, first_seen_at) values (?, 0, ?, 'n', '')",
            (node, node),
        )
        with closing(connect(self.path)) as connection, connection:
            connection.executemany(
                "insert into battery_levels (received_at, node, level) values (?, ?, ?)",
                [
                    (format_utc(end - (days - day) * DAY_S), node, round(100 - 100 * day / life))
                    for day in range(days)
                ],
            )

    def days_left(self, node):
        [(found,)] = self.run(
            "select julianday(empty_at) - julianday(?) from battery_forecasts where node = ?",
            (format_utc(self.now), node),
        )
        return found


@pytest.fixture
def batteries(tmp_path):
    return Batteries(tmp_path / "batteries.db")


def test_each_node_has_a_row_and_only_changes_make_it_anew(batteries):
    batteries.add(1, 200, 150)
    batteries.add(2, 200, 3)
    assert batteries.forecaster.look() == 2 and batteries.forecaster.look() == 0
    assert batteries.days_left(1) == pytest.approx(49, abs=5) and batteries.days_left(2) is None
    [(basis,)] = batteries.run("select basis from battery_forecasts where node = 2")
    assert "levels of 3 days: at least 5 are needed" in basis
    batteries.run("insert into settings (subject, key, value) values ('nodes/1', 'battery_type', 'alkaline')")
    assert batteries.forecaster.look() == 1
    assert "alkaline as set" in batteries.run("select basis from battery_forecasts where node = 1")[0][0]
    batteries.run("insert into changes (topic, seq, at) values ('imports', 1, '')")
    assert batteries.forecaster.look() == 2


def test_newer_levels_count_once_an_hour(batteries):
    batteries.add(1, 200, 150)
    batteries.forecaster.look()
    batteries.run(
        "insert into battery_levels (received_at, node, level) values (?, 1, 20)", (format_utc(NOW),)
    )
    batteries.now += 60
    assert batteries.forecaster.look() == 0
    batteries.now += 3600
    assert batteries.forecaster.look() == 1


def test_a_silent_node_keeps_its_forecast(batteries):
    batteries.add(1, 200, 150)
    batteries.forecaster.look()
    batteries.now += 20 * DAY_S
    assert batteries.forecaster.look() == 0
    assert batteries.days_left(1) == pytest.approx(29, abs=5)


def test_nodes_learn_from_each_other_where_they_run_the_same_sketch(batteries):
    batteries.add(1, 300, 120)
    batteries.add(2, 200, 200, NOW - 40 * DAY_S)
    batteries.add(3, 300, 120)
    batteries.run("update nodes set sketch_name = 'Door' where id in (1, 2)")
    batteries.forecaster.look()
    [(course,)] = batteries.run("select course from battery_forecasts where course is not null")
    days, levels = json.loads(course)
    assert (
        days == pytest.approx(200, abs=2)
        and len(levels) == 21
        and levels[0] == 100
        and levels[10] == pytest.approx(50, abs=1)
    )
    assert batteries.forecaster.look() == 1  # the one before it in order learns from it, too
    assert batteries.forecaster.look() == 0
    found = dict(batteries.run("select node, basis from battery_forecasts"))
    assert "1 discharge of nodes with its sketch" in found[1] and "its sketch" not in found[3]
    widths = dict(batteries.run("select node, julianday(high_at) - julianday(low_at) from battery_forecasts"))
    assert widths[1] < widths[3]
    # Cells of another type run otherwise.
    batteries.run("insert into settings (subject, key, value) values ('nodes/1', 'battery_type', 'lithium')")
    batteries.forecaster.look()
    assert "its sketch" not in batteries.run("select basis from battery_forecasts where node = 1")[0][0]


def test_due_begins_14_days_ahead_and_ends_with_the_change(batteries):
    batteries.add(1, 200, 180)
    batteries.forecaster.look()
    assert batteries.run(EVENTS) == []
    batteries.now += 8 * DAY_S
    batteries.forecaster.look()
    batteries.forecaster.look()
    [(node, detail, is_open)] = batteries.run(EVENTS)
    assert (node, is_open) == (1, 1) and detail.startswith("battery empty about ") and " to " in detail
    [(figures,)] = batteries.run("select figures from events")
    assert set(json.loads(figures)) == {"empty_on", "low_on", "high_on"}
    at = format_utc(batteries.now)
    batteries.run("insert into battery_changes (node, changed_at) values (1, ?)", (at,))
    batteries.forecaster.look()
    assert [row[2] for row in batteries.run(EVENTS)] == [0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("update nodes set retired_at = '2026-01-01T00:00:00.000Z'", "the node is retired"),
        (
            "update nodes set battery_refused = '255', battery_refused_at = '2026'",
            "newest report was refused",
        ),
    ],
)
def test_what_takes_the_forecast_away(batteries, change, reason):
    batteries.add(1, 200, 150)
    batteries.forecaster.look()
    batteries.run(change)
    batteries.forecaster.look()
    assert batteries.days_left(1) is None
    assert reason in batteries.run("select basis from battery_forecasts")[0][0]


def test_a_battery_that_was_empty_long_ago_opens_no_event(batteries):
    batteries.add(1, 200, 150, NOW - 400 * DAY_S)
    batteries.forecaster.look()
    assert batteries.days_left(1) < -300 and batteries.run(EVENTS) == []


def test_the_thread_goes_on_after_an_error_and_stops(batteries, tmp_path, caplog):
    missing = Forecaster(tmp_path / "missing.db", "UTC")
    with pytest.raises(sqlite3.OperationalError):
        missing.look()
    missing.start()
    missing.stop()
    assert not missing.is_alive() and "not up to date" in caplog.text
