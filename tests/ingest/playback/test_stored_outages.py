"""What is read of a stored outage, and what cannot be played."""

import re
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect, transaction
from ingest.playback.frames import play
from ingest.playback.stored import RecordingError, is_lasting, read_recording
from tests.ingest.playback.recorded import NAMES, record

ZONE = "Europe/Rome"


@pytest.fixture
def stored(tmp_path):
    """A connection to a file with an outage of two UPSes, 40 s long, the day before yesterday."""
    config = record(tmp_path, [(2 * 86_400, 40)])
    with closing(connect(config.database)) as connection:
        yield connection


def refusal(connection, wanted):
    with pytest.raises(RecordingError) as raised:
        read_recording(connection, wanted, ZONE)
    return str(raised.value)


def test_all_upses_of_the_mains_outage_the_named_one_first(stored):
    ids = dict(stored.execute("select name, id from outages"))
    for first, second in (NAMES, NAMES[::-1]):
        recording = read_recording(stored, str(ids[first]), ZONE)
        assert [ups.name for ups in recording.upses] == [first, second]
        assert recording.span.end - recording.span.start == pytest.approx(40, abs=0.01)
    ups = recording.upses[0]
    played = play(ups, recording.span)
    assert [frame.variables["ups.status"] for frame in played.frames if "LB" in frame.variables["ups.status"]]
    variables = played.frames[0].variables
    assert variables["ups.model"] == 'Smart "1500" #2' and variables["battery.charge.low"] == "20"
    assert "ups.test.result" not in variables, "the result of now is not that of then"
    # No nominal power but in the config: 40 % of 900 W.
    assert float(variables["ups.realpower"]) == pytest.approx(360, rel=0.01)


def test_settings_are_those_before_the_first_change_since(stored):
    with transaction(stored):
        stored.execute(
            """insert into ups_variable_changes (ups, variable, old, value, changed_at)
            values (1, 'battery.charge.low', '35', '20', '2999-01-01T00:00:00.000Z')"""
        )
        stored.execute(
            """insert into ups_figures (ups, variable, sampled_at, value)
            select 1, 'ups.L1.load', started_at, 12.5 from outages where ups = 1"""
        )
        stored.execute(
            """insert into ups_variables (ups, variable, value, number, changed_at)
            values (1, 'ups.L1.load', '9', 9, '')"""
        )
    recording = read_recording(stored, "1", ZONE)
    variables = play(recording.upses[0], recording.span).frames[0].variables
    assert (variables["battery.charge.low"], variables["ups.L1.load"]) == ("35", "12.5")


def test_outages_that_cannot_be_played_say_why(stored):
    (last,) = stored.execute("select max(id) from outages").fetchone()
    assert refusal(stored, "99") == (
        f"There is no outage 99. 2 are recorded, the last one is {last}: see /telemetry/outages on the site."
    )
    assert refusal(stored, "9" * 30).startswith("There is no outage")
    with transaction(stored):
        stored.execute("delete from ups_samples where id % 3 <> 0 and ups = 1")
    assert re.search("of its 20 samples [67] are left, the others were deleted", refusal(stored, "1"))
    with transaction(stored):
        stored.execute("delete from ups_samples")
    message = refusal(stored, "1")
    assert "of its 20 samples 0 are left" in message and "ups_samples_days" in message
    with transaction(stored):
        stored.execute("update events set ended_at = null where event = 'ONBATT' and ups = 2")
    assert refusal(stored, "1") == "Outage 1 goes on: replay it when all its UPSes are back on mains."
    with transaction(stored):
        stored.execute("delete from events")
    assert refusal(stored, "1") == "There is no outage 1. No outage was recorded yet."


def test_a_day(stored):
    (started_at,) = stored.execute("select min(started_at) from outages").fetchone()
    day = datetime.fromisoformat(started_at).astimezone(ZoneInfo(ZONE)).date()
    assert "is not recorded to its end" in refusal(stored, day.isoformat())
    with transaction(stored):
        stored.execute("update ups set last_sample_at = '2999-01-01T00:00:00.000Z'")
    recording = read_recording(stored, day.isoformat(), ZONE)
    assert [ups.name for ups in recording.upses] == [*NAMES]
    played = play(recording.upses[0], recording.span)
    words = [frame.variables["ups.status"] for frame in played.frames]
    assert words[0] == "OL" and any("OB" in word for word in words) and words[-1].startswith("OL")
    assert "No sample of" in refusal(stored, (day - timedelta(days=9)).isoformat())


@pytest.mark.parametrize(
    ("name", "is_number", "expected"),
    [
        ("device.mfr", False, True),
        ("input.transfer.low", True, True),
        ("ups.delay.shutdown", True, True),
        ("battery.date", False, True),
        ("battery.charge", True, False),
        ("input.current", True, False),
        ("ups.alarm", False, False),
        ("outlet.1.status", False, False),
        ("driver.version", False, False),
        ("input.transfer.reason", False, False),
    ],
)
def test_what_is_that_of_then(name, is_number, expected):
    assert is_lasting(name, is_number) is expected
