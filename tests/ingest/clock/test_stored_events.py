"""Events of before: corrected where a step of the clock inside them explains their length, else marked."""

import json
from contextlib import closing

import pytest

from ingest.clock.stored_events import correct_stored_events
from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from tests.helpers.new_database import new_database

START, HOUR = parse_utc("2026-03-02T12:00:00.000Z"), 3600.0


@pytest.fixture
def file(tmp_path):
    new_database(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db")) as connection:
        connection.execute(
            "insert into ups (id, name, driver, source, label) values (1, 'rack', 'nut', 'x', 'Rack')"
        )
        yield connection


def store(file, steps, covered_s, *, step_after_s=20.0, event="ONBATT", length_s=43.0):
    """An event of 43 s in which the clock was set, as a version before stored it."""
    end = START + length_s + sum(steps)
    figures = {"seconds": round(end - START, 3), "covered_s": covered_s} if event == "ONBATT" else {}
    file.execute(
        "insert into events (id, event, ups, started_at, ended_at, figures) values (1, ?, 1, ?, ?, ?)",
        (event, format_utc(START), format_utc(max(end, START)), json.dumps(figures)),
    )
    moved = 0.0
    for step in steps:
        moved += step
        file.execute(
            "insert into events (event, started_at, figures) values ('CLOCK_STEP', ?, ?)",
            (format_utc(START + step_after_s + moved), json.dumps({"seconds": step})),
        )


def outage(file):
    started_at, ended_at, text = file.execute(
        "select started_at, ended_at, figures from events where id = 1"
    ).fetchone()
    return parse_utc(ended_at) - parse_utc(started_at), json.loads(text)


@pytest.mark.parametrize(
    "steps", [[3 * HOUR], [-2 * HOUR - 29], [1_772_000_000.0], [HOUR, -60.0]], ids=lambda steps: str(steps[0])
)
def test_a_step_inside_an_outage_explains_its_length(file, steps):
    store(file, steps, 41.5)
    before = outage(file)
    assert correct_stored_events(file) == 1
    length, figures = outage(file)
    assert (round(length, 3), figures["seconds"]) == (43, 43)
    assert figures["original"]["seconds"] == before[1]["seconds"]
    assert figures["original"]["started_at"] == format_utc(START)
    assert figures["clock_corrected_s"] == sum(steps)
    assert file.execute(
        "select round(seconds), detail like 'clock corrected by %' from outages"
    ).fetchall() == [(43, 1)]


@pytest.mark.parametrize("covered_s", [30.0, 0.0, 43.0 + 3 * HOUR, 49.0])
def test_what_is_not_explained_within_five_seconds_stays_and_is_marked(file, covered_s):
    store(file, [3 * HOUR], covered_s)
    before = outage(file)
    correct_stored_events(file)
    length, figures = outage(file)
    assert length == before[0]
    assert figures == before[1] | {"clock_step_s": 3 * HOUR}
    assert "the clock was set by" in file.execute("select detail from outages").fetchone()[0]


def test_events_without_a_measured_length_are_marked_alone(file):
    store(file, [3 * HOUR], 0, event="COMMBAD")
    before = outage(file)
    correct_stored_events(file)
    assert outage(file) == (before[0], {"clock_step_s": 3 * HOUR})


@pytest.mark.parametrize("after_s", [-3600.0, 3600.0])
def test_a_step_before_or_after_an_outage_changes_nothing(file, after_s):
    store(file, [600.0], 643.0, step_after_s=after_s)
    before = outage(file)
    assert correct_stored_events(file) == 0
    assert outage(file) == before


def test_a_file_without_steps_is_not_read(file):
    store(file, [], 43.0)
    assert correct_stored_events(file) == 0
