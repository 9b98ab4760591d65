"""Every event has words and says what it is about in the view `all_events`."""

import json

import pytest

from ingest.db.connection import connect
from ingest.event_names import EVENT_NAMES, HOST_EVENTS
from ingest.severity import event_severity
from tests.helpers.new_database import new_database


@pytest.fixture
def rows(tmp_path):
    connection = connect(new_database(tmp_path / "t.db"))
    connection.executemany(
        "insert into events (event, started_at, figures) values (?, '2026-11-30T12:00:00.000Z', ?)",
        [
            (event, json.dumps({"target": "phone"} if event == "TARGET_FAILING" else {}))
            for event in EVENT_NAMES
        ],
    )
    found = connection.execute("select event, words, severity, kind, name from all_events").fetchall()
    connection.close()
    return {event: rest for event, *rest in found}


def test_words_are_no_names(rows):
    assert [event for event, (words, *_) in rows.items() if words == event or not words] == []


def test_severity_is_that_of_the_one_table(rows):
    assert {event: row[1] for event, row in rows.items()} == {
        event: event_severity(event) for event in EVENT_NAMES
    }


def test_events_of_the_machine_say_what_they_are_about(rows):
    assert {event: tuple(rows[event][2:]) for event in HOST_EVENTS} == {
        "INGEST_DOWN": ("machine", "ingest"),
        "SITE_DOWN": ("machine", "site"),
        "PART_DIES": ("machine", "voltkeeper"),
        "TARGET_FAILING": ("machine", "phone"),
        "DISK_LOW": ("disk", "disk"),
        "BACKUP_FAILED": ("machine", "backup"),
        "DATABASE_DAMAGED": ("machine", "database"),
        "DATABASE_REPLACED": ("machine", "database"),
        "CLOCK_SUSPECT": ("clock", "clock"),
        "CLOCK_STEP": ("clock", "clock"),
        "PLAN_STEP_FAILED": ("machine", "plan"),
    }
