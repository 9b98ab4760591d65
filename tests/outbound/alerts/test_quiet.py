"""Quiet hours and the times of digests, over midnight and on days of 23 and 25 hours."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.config.alerts import QuietHours
from ingest.severity import Severity
from outbound.alerts.quiet import digest_at, held_until

BERLIN = "Europe/Berlin"  # 2026: 29 March has no 02:00 to 03:00, 25 October has it twice
NIGHT = QuietHours("22:00", "07:00")
SIESTA = QuietHours("13:00", "15:00")


def at(text, fold=0, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


HELD = [
    (NIGHT, "2026-06-10T21:59:59", None),
    (NIGHT, "2026-06-10T22:00", "2026-06-11T07:00"),
    (NIGHT, "2026-06-10T23:59:59", "2026-06-11T07:00"),
    (NIGHT, "2026-06-11T00:00", "2026-06-11T07:00"),
    (NIGHT, "2026-06-11T06:59:59", "2026-06-11T07:00"),
    (NIGHT, "2026-06-11T07:00", None),
    (NIGHT, "2026-12-31T23:30", "2027-01-01T07:00"),
    (NIGHT, "2028-02-28T23:30", "2028-02-29T07:00"),
    (SIESTA, "2026-06-11T12:59", None),
    (SIESTA, "2026-06-11T13:00", "2026-06-11T15:00"),
    (SIESTA, "2026-06-11T15:00", None),
    (NIGHT, "2026-03-28T23:00", "2026-03-29T07:00"),
    (NIGHT, "2026-10-25T01:00", "2026-10-25T07:00"),
    (QuietHours("02:15", "02:45"), "2026-03-29T03:20", "2026-03-29T03:45"),
    (QuietHours("00:00", "23:59"), "2026-06-11T12:00", "2026-06-11T23:59"),
]


@pytest.mark.parametrize(("quiet", "now", "until"), HELD)
def test_what_is_held_and_until_when(quiet, now, until):
    expected = None if until is None else at(until)
    assert held_until(quiet, Severity.WARNING, at(now), BERLIN) == expected


def test_a_night_of_25_hours_is_held_once():
    quiet = QuietHours("01:00", "02:30")
    assert held_until(quiet, Severity.OK, at("2026-10-25T02:10", fold=0), BERLIN) == at("2026-10-25T02:30")
    assert held_until(quiet, Severity.OK, at("2026-10-25T02:10", fold=1), BERLIN) is None
    whole = held_until(NIGHT, Severity.OK, at("2026-10-24T22:00"), BERLIN) - at("2026-10-24T22:00")
    assert whole == 10 * 3600
    short = held_until(NIGHT, Severity.OK, at("2026-03-28T22:00"), BERLIN) - at("2026-03-28T22:00")
    assert short == 8 * 3600


def test_what_is_critical_goes_through_unless_nothing_may():
    night = at("2026-06-10T23:00")
    assert held_until(NIGHT, Severity.CRITICAL, night, BERLIN) is None
    strict = QuietHours("22:00", "07:00", "none")
    assert held_until(strict, Severity.CRITICAL, night, BERLIN) == at("2026-06-11T07:00")
    assert held_until(None, Severity.WARNING, night, BERLIN) is None


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_far_time_zones(zone):
    assert held_until(NIGHT, Severity.OK, at("2026-06-10T23:00", zone=zone), zone) == at(
        "2026-06-11T07:00", zone=zone
    )


DIGESTS = [
    ("08:00", "2026-06-10T07:59:59", "2026-06-10T08:00"),
    ("08:00", "2026-06-10T08:00", "2026-06-11T08:00"),
    ("08:00", "2026-06-10T23:00", "2026-06-11T08:00"),
    ("00:00", "2026-12-31T12:00", "2027-01-01T00:00"),
    ("08:00", "2026-03-28T08:00", "2026-03-29T08:00"),
    ("02:30", "2026-03-28T12:00", "2026-03-29T03:30"),
    ("02:30", "2026-10-24T12:00", "2026-10-25T02:30"),
]


@pytest.mark.parametrize(("text", "now", "expected"), DIGESTS)
def test_when_a_digest_comes(text, now, expected):
    assert digest_at(text, BERLIN, at(now)) == at(expected)


def test_a_digest_comes_once_on_the_day_that_has_its_time_twice():
    first = at("2026-10-25T02:30", fold=0)
    assert digest_at("02:30", BERLIN, first) == at("2026-10-26T02:30")
    assert digest_at("02:30", BERLIN, at("2026-10-25T02:20", fold=1)) == at("2026-10-26T02:30")
