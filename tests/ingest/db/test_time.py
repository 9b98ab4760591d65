"""Local days, hours and wall time of the house."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.time import LocalTime


def at(*moment, zone="UTC"):
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "moment", "day", "hour"),
    [
        ("UTC", (2026, 11, 20, 23, 59), "2026-11-20", "2026-11-20T23:00:00.000Z"),
        ("Europe/Rome", (2026, 11, 20, 23, 30), "2026-11-21", "2026-11-20T23:00:00.000Z"),
        ("Asia/Kolkata", (2026, 11, 20, 18, 29), "2026-11-20", "2026-11-20T17:30:00.000Z"),
        ("Asia/Kolkata", (2026, 11, 20, 18, 30), "2026-11-21", "2026-11-20T18:30:00.000Z"),
        ("Asia/Kathmandu", (2026, 11, 20, 18, 14), "2026-11-20", "2026-11-20T17:15:00.000Z"),
        ("America/St_Johns", (2026, 7, 1, 2, 29), "2026-06-30", "2026-07-01T01:30:00.000Z"),
    ],
)
def test_day_and_hour(zone, moment, day, hour):
    assert LocalTime(zone).day_and_hour(at(*moment)) == (day, hour)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_a_day_has_the_hours_that_it_has(day, hours):
    clock, start = LocalTime("Europe/Rome"), at(*day, zone="Europe/Rome")
    found = {clock.day_and_hour(start + minute * 60) for minute in range(-60, 26 * 60)}
    assert len([hour for local, hour in found if local == "{}-{:02}-{:02}".format(*day)]) == hours


def test_wall_seconds_read_as_local_time_in_a_sketch_without_zones():
    moment = at(2026, 7, 1, 12)
    assert (
        datetime.fromtimestamp(LocalTime("Asia/Kolkata").wall_seconds(moment), UTC).isoformat()
        == "2026-07-01T17:30:00+00:00"
    )
    assert LocalTime("Europe/Rome").offset_s(moment) == 7200
