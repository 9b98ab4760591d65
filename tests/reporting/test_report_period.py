"""Parsing the period of a report: local periods, the default, neighbours, custom ranges and errors."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reporting.periods import local_periods
from reporting.report_period import parse_period

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 21, 15, 20, 30, tzinfo=ROME).timestamp()
HOUR, DAY = 3600, 86_400


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ROME).timestamp()


def period(now=NOW, began="2020-01-01", **asked):
    return parse_period(asked, "Europe/Rome", began and at(began), now)


@pytest.mark.parametrize(
    ("asked", "since", "end", "title", "step"),
    [
        ({"period": "day", "of": "2026-11-20"}, "2026-11-20", "2026-11-21", "20 November 2026", "hour"),
        (
            {"period": "week", "of": "2026-11-20"},
            "2026-11-16",
            "2026-11-23",
            "Week 47 of 2026, 16 November to 22 November",
            "day",
        ),
        (
            {"period": "week", "of": "2027-01-02"},
            "2026-12-28",
            "2027-01-04",
            "Week 53 of 2026, 28 December to 3 January",
            "day",
        ),
        ({"period": "month", "of": "2026-02-28"}, "2026-02-01", "2026-03-01", "February 2026", "day"),
        ({"of": "2026-02"}, "2026-02-01", "2026-03-01", "February 2026", "day"),
        ({"period": "year", "of": "2025"}, "2025-01-01", "2026-01-01", "2025", "month"),
    ],
)
def test_whole_local_periods(asked, since, end, title, step):
    found = period(**asked)
    assert (found.since, found.end, found.title, found.step) == (at(since), at(end), title, step)
    assert (
        found.params == {"since": since, "until": end}
        if found.end < NOW
        else found.until in (int(NOW), found.since)
    )
    assert found.is_open == (found.end > NOW)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-20", 24)])
def test_days_have_their_real_length(day, hours):
    found = period(period="day", of=day)
    assert found.end - found.since == hours * HOUR
    assert len(local_periods("hour", found.since, found.end, "Europe/Rome")) == hours


def test_a_current_period_ends_now():
    found = period(period="month", of="2026-11-01")
    assert found.is_open and found.until == int(NOW) and found.last_day == "2026-11-21"
    assert found.params == {"since": "2026-11-01", "until": "2026-11-21T14:20:30.000Z"}
    ahead = period(period="day", of="2027-01-01")
    assert ahead.until == ahead.since > NOW


@pytest.mark.parametrize(
    ("now", "began", "since"),
    [
        ("2026-11-21", "2020-01-01", "2026-10-01"),
        ("2026-10-31 23:00", "2020-01-01", "2026-09-01"),
        ("2026-11-21", "2026-10-01", "2026-10-01"),
        ("2026-11-21", "2026-10-24", "2026-11-01"),
        ("2026-11-21", "2026-11-20", "2026-11-01"),
        ("2026-11-02", "2026-10-03", "2026-10-01"),
        ("2026-11-21", None, "2026-11-01"),
    ],
)
def test_the_default_is_the_last_month_unless_this_one_has_more_data(now, began, since):
    assert period(now=at(now), began=began).since == at(since)


def test_the_default_day_is_yesterday():
    assert period(period="day").since == at("2026-11-20") and period(period="year").title == "2025"


def test_the_neighbouring_periods():
    for per in ("day", "week", "month", "year"):
        own = period(period=per, of="2026-10-25")
        before, after = own.neighbours(NOW)
        assert before.end == own.since and after.since == own.end and before.per == after.per == per
        assert period(period=per, of=after.first_day) == after and period(period=per, of=own.last_day) == own
    assert period(since="2026-11-01").neighbours(NOW) == (None, None)


@pytest.mark.parametrize(
    ("asked", "since", "until"),
    [
        ({"since": "2026-11-01", "until": "2026-11-20"}, "2026-11-01", "2026-11-20"),
        ({"since": "2026-11-01 14:30", "until": "2026-11-20 09:10"}, "2026-11-01", "2026-11-21"),
        ({"since": "2026-11-20 14:30", "until": "2026-11-20 16:10"}, "2026-11-20 14:00", "2026-11-20 17:00"),
        (
            {"since": "2026-11-20T13:30:00Z", "until": "2026-11-20 16:00"},
            "2026-11-20 14:00",
            "2026-11-20 16:00",
        ),
        ({"since": "2026-11-01", "period": "day"}, "2026-11-01", "2026-11-21 15:20:30"),
        ({"since": "2026-11-01", "until": "2027-11-01"}, "2026-11-01", "2026-11-21 15:20:30"),
    ],
)
def test_a_custom_range_covers_whole_hours_or_days(asked, since, until):
    found = period(**asked)
    assert (found.since, found.until, found.per) == (at(since), at(until), "chosen")
    assert f"{datetime.fromtimestamp(found.since, ROME):%-d %b %Y %H:%M}" in found.title


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"period": "moon"}, "not a period: day, week, month, year"),
        ({"period": "hour"}, "not a period"),
        ({"of": "2026-13-01"}, "not a day"),
        ({"of": "soon"}, "not a day, month or year"),
        ({"of": "2026-W47-1"}, "not a day"),
        ({"of": "0001-01-01"}, "no report of"),
        ({"of": "9999-12-31", "period": "year"}, "no report of"),
        ({"since": "x"}, "not a date or time"),
        ({"until": "2026-11-01"}, "needs since"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "before until"),
        ({"since": "2027-01-01"}, "which is now"),
        ({"since": "2010-01-01"}, "at most 5 years"),
        ({"since": "0001-01-01T00:00+14:00"}, "no report of"),
        ({"since": "2026-01-01", "until": "9999-12-31T23:59:00-12:00"}, "no report of"),
    ],
)
def test_an_invalid_period_is_reported(asked, words):
    with pytest.raises(ValueError, match=words):
        period(**asked)
