"""How a UPS is now: the last sample of an open outage, and never an old one."""

import time
from contextlib import closing

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from outbound.alerts.feed import load_event
from outbound.alerts.messages import AlertSite, begin_message, end_message
from outbound.alerts.present import RECENT_S, present_figures
from tests.helpers.new_database import new_database

UPS = "insert into ups (id, name, driver, source, label) values (?, ?, '', 'nut', ?)"
EVENT = """insert into events (event, ups, started_at, figures)
values (?, 1, ?, '{"charge_start": 99}') returning id"""
SAMPLE = """insert into ups_samples (sampled_at, ups, ups_status, battery_runtime, battery_charge, ups_load)
values (?, 1, 'OB', ?, ?, ?)"""


@pytest.fixture
def database(tmp_path):
    with closing(connect(new_database(tmp_path / "v.db"))) as connection:
        connection.executemany(UPS, [(1, "rack@closet", "Rack"), (2, "office@closet", "Office")])
        yield connection


def sample(database, ago, *figures):
    database.execute(SAMPLE, (format_utc(time.time() - ago), *figures))


def open_event(database, event, ago):
    (number,) = database.execute(EVENT, (event, format_utc(time.time() - ago))).fetchone()
    return number


def test_the_last_sample_counts_while_it_is_recent(database):
    assert present_figures(database, 1, time.time()) == {}
    sample(database, 90, 700.0, 80.0, 30.0)
    sample(database, 30, 600.0, None, 31.0)
    assert present_figures(database, 1, time.time()) == {"runtime_now_s": 600.0, "load_now": 31.0}
    assert present_figures(database, 1, time.time() + RECENT_S) == {}
    assert present_figures(database, 2, time.time()) == {}


def test_messages_of_an_open_outage_say_how_long_the_battery_lasts_now(database):
    number = open_event(database, "LOWBATT", 5000)
    sample(database, 1, 95.0, 9.0, 31.0)
    event, _ = load_event(database, number)
    title = begin_message(event, time.time(), AlertSite()).title
    assert title == "Rack: battery low, 1 min 35 s left, charge 9 %"
    database.execute("update events set ended_at = ?", (format_utc(time.time()),))
    event, _ = load_event(database, number)
    assert "runtime_now_s" not in event.figures
    title = end_message(event, time.time(), AlertSite()).title
    assert title == "Rack: battery no longer low after 1 h 23 min"
