"""The view mains_outages: outages of several UPSes that began within a minute are one."""

import json
import sqlite3

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database

START = 1_790_000_000.0


@pytest.fixture
def write(tmp_path):
    """A function that stores outages (seconds after START, length or None, number of UPS), reads the view."""
    path = tmp_path / "telemetry.db"
    new_database(path)
    connection = connect(path)
    connection.row_factory = sqlite3.Row
    for number in (1, 2, 3):
        connection.execute(
            "insert into ups (id, name, driver, source, label) values (?, ?, 'nut', 'closet', ?)",
            (number, f"ups{number}", f"UPS {number}"),
        )

    def write(*outages, **figures):
        for after, length, ups in outages:
            end = None if length is None else format_utc(START + after + length)
            connection.execute(
                """insert into events (event, ups, started_at, ended_at, complete, figures)
                values ('ONBATT', ?, ?, ?, 1, ?)""",
                (ups, format_utc(START + after), end, json.dumps(figures)),
            )
        return [
            dict(row) for row in connection.execute("select * from mains_outages order by started_at, id")
        ]

    yield write
    connection.close()


def test_what_began_within_a_minute_is_one(write):
    (row,) = write((0, 100, 1), (60, 20, 2), (5, 300, 3), wh=2.5, lowest_charge=80)
    assert (row["upses"], row["names"], row["cause"]) == (3, "ups1, ups3, ups2", "mains")
    assert (row["started_at"], row["ended_at"], row["seconds"]) == (
        format_utc(START),
        format_utc(START + 305),
        305,
    )
    assert (row["wh"], row["lowest_charge"], row["complete"]) == (7.5, 80, 1)
    members = json.loads(row["members"])
    assert [(member["name"], member["seconds"], member["href"]) for member in members] == [
        ("ups1", 100, "/ups/ups1"),
        ("ups3", 300, "/ups/ups3"),
        ("ups2", 20, "/ups/ups2"),
    ]


def test_what_began_later_is_another(write):
    rows = write((0, 100, 1), (50, 100, 2), (61, 100, 3), (100, 1, 1))
    assert [row["names"] for row in rows] == ["ups1, ups2", "ups3, ups1"], (
        "a minute from the first, not from each"
    )


def test_a_ups_is_in_an_outage_once(write):
    rows = write((0, 10, 1), (20, 10, 1), (25, 10, 2))
    assert [row["names"] for row in rows] == ["ups1", "ups1, ups2"]


def test_it_is_open_while_one_ups_is_on_battery(write):
    (row,) = write((0, 100, 1), (10, None, 2))
    assert row["ended_at"] is None and row["seconds"] > 100


def test_without_outages_it_is_empty(write):
    assert write() == []
