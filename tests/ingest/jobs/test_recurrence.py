"""Times that recur, in tables: each is the last one at a moment and the one that follows it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.time import format_utc, parse_utc
from ingest.jobs.recurrence import Recurrence

ROME, UTC, KATHMANDU, NEW_YORK = "Europe/Rome", "UTC", "Asia/Kathmandu", "America/New_York"
DAILY = Recurrence("day", "03:00", ROME)
NIGHTLY = Recurrence("day", "02:30", ROME)
MONDAYS = Recurrence("week", "06:30", ROME)
SUNDAYS = Recurrence("week", "03:00", UTC, weekday=6)
MONTHLY = Recurrence("month", "07:00", ROME)
LAST_DAYS = Recurrence("month", "10:00", UTC, day=31)
LEAP_DAYS = Recurrence("year", "12:00", UTC, month=2, day=29)
YEARLY = Recurrence("year", "00:00", NEW_YORK)


@pytest.mark.parametrize(
    ("recurrence", "now", "last", "following"),
    [
        (DAILY, "2026-11-21T12:00", "2026-11-21T02:00", "2026-11-22T02:00"),
        (DAILY, "2026-11-21T01:59:59", "2026-11-20T02:00", "2026-11-21T02:00"),
        (DAILY, "2026-11-21T02:00", "2026-11-21T02:00", "2026-11-22T02:00"),
        (DAILY, "2026-12-31T23:30", "2026-12-31T02:00", "2027-01-01T02:00"),  # already 2027 in Rome
        # 23 hours: 02:30 does not exist on 29 March, 25 hours: it comes twice on 25 October.
        (NIGHTLY, "2026-03-29T00:59:59", "2026-03-28T01:30", "2026-03-29T01:30"),
        (NIGHTLY, "2026-03-29T12:00", "2026-03-29T01:30", "2026-03-30T00:30"),
        (DAILY, "2026-03-28T12:00", "2026-03-28T02:00", "2026-03-29T01:00"),
        (NIGHTLY, "2026-10-25T00:29:59", "2026-10-24T00:30", "2026-10-25T00:30"),
        (NIGHTLY, "2026-10-25T01:30", "2026-10-25T00:30", "2026-10-26T01:30"),  # 02:30 for the second time
        (DAILY, "2026-10-24T12:00", "2026-10-24T01:00", "2026-10-25T02:00"),
        (Recurrence("day", "00:00", KATHMANDU), "2026-06-01T18:14", "2026-05-31T18:15", "2026-06-01T18:15"),
        (MONDAYS, "2026-11-29T23:59", "2026-11-23T05:30", "2026-11-30T05:30"),  # a Monday in Rome
        (MONDAYS, "2026-11-30T05:30", "2026-11-30T05:30", "2026-12-07T05:30"),
        (MONDAYS, "2026-12-31T12:00", "2026-12-28T05:30", "2027-01-04T05:30"),
        (SUNDAYS, "2026-11-29T02:59", "2026-11-22T03:00", "2026-11-29T03:00"),
        (MONTHLY, "2026-11-30T22:59", "2026-11-01T06:00", "2026-12-01T06:00"),
        (MONTHLY, "2026-12-31T23:30", "2026-12-01T06:00", "2027-01-01T06:00"),  # January has begun in Rome
        (MONTHLY, "2026-03-31T22:30", "2026-03-01T06:00", "2026-04-01T05:00"),
        (LAST_DAYS, "2027-02-10T00:00", "2027-01-31T10:00", "2027-02-28T10:00"),
        (LAST_DAYS, "2028-02-10T00:00", "2028-01-31T10:00", "2028-02-29T10:00"),
        (LAST_DAYS, "2026-04-30T10:00", "2026-04-30T10:00", "2026-05-31T10:00"),
        (LAST_DAYS, "2026-12-31T10:01", "2026-12-31T10:00", "2027-01-31T10:00"),
        (LEAP_DAYS, "2027-06-01T00:00", "2027-02-28T12:00", "2028-02-29T12:00"),
        (LEAP_DAYS, "2028-02-28T12:00", "2027-02-28T12:00", "2028-02-29T12:00"),
        (LEAP_DAYS, "2028-02-29T12:00", "2028-02-29T12:00", "2029-02-28T12:00"),
        (YEARLY, "2027-01-01T04:59", "2026-01-01T05:00", "2027-01-01T05:00"),
        (YEARLY, "2027-01-01T05:00", "2027-01-01T05:00", "2028-01-01T05:00"),
    ],
)
def test_the_last_time_and_the_one_that_follows(recurrence, now, last, following):
    seconds = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(UTC)).timestamp()
    assert format_utc(recurrence.last(seconds))[:16] == last
    assert format_utc(recurrence.following(seconds))[:16] == following


@pytest.mark.parametrize("recurrence", [NIGHTLY, MONDAYS, MONTHLY, LAST_DAYS, LEAP_DAYS, YEARLY])
def test_times_follow_each_other_without_a_gap(recurrence):
    at = parse_utc("2026-01-15T12:34:56.000Z")
    for _ in range(60):
        following = recurrence.following(at)
        assert recurrence.last(following - 1) <= at < following == recurrence.last(following)
        at = following


@pytest.mark.parametrize(
    ("recurrence", "text"),
    [
        (DAILY, "every day at 03:00, Europe/Rome"),
        (SUNDAYS, "every week on Sunday at 03:00, UTC"),
        (LAST_DAYS, "every month on day 31 at 10:00, UTC"),
        (LEAP_DAYS, "every year on 29 February at 12:00, UTC"),
    ],
)
def test_times_are_described(recurrence, text):
    assert recurrence.text == text
