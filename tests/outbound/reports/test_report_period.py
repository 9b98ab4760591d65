"""The time of a report: the last whole local period, or the one that contains a day."""

from datetime import UTC, datetime

import pytest

from ingest.config.periodic import ReportSettings
from outbound.reports.model import ReportError
from outbound.reports.period import period_before, period_key, period_of
from tests.outbound.reports.report_site import rome

HOUR = 3600


def find(every, of=None, now="2026-11-03 12:00", timezone="Europe/Rome"):
    return period_of(ReportSettings("one", every, ("mail",)), timezone, of, rome(now))


@pytest.mark.parametrize(
    ("every", "of", "now", "key", "title", "hours"),
    [
        ("day", None, "2026-11-03 00:00", "2026-11-02", "2 November 2026", 24),
        ("day", None, "2026-11-03 23:59", "2026-11-02", "2 November 2026", 24),
        ("day", None, "2026-10-26 07:00", "2026-10-25", "25 October 2026", 25),
        ("day", None, "2026-03-30 07:00", "2026-03-29", "29 March 2026", 23),
        ("day", "2026-10-14", "2026-11-03 12:00", "2026-10-14", "14 October 2026", 24),
        ("week", None, "2026-11-02 00:00", "2026-W44", "Week 44 of 2026, 26 October to 1 November", 168),
        ("week", None, "2026-11-01 23:59", "2026-W43", "Week 43 of 2026, 19 October to 25 October", 169),
        (
            "week",
            "2027-01-02",
            "2027-01-20 07:00",
            "2026-W53",
            "Week 53 of 2026, 28 December to 3 January",
            168,
        ),
        (
            "week",
            "2026-W53",
            "2027-01-20 07:00",
            "2026-W53",
            "Week 53 of 2026, 28 December to 3 January",
            168,
        ),
        ("month", None, "2026-11-01 00:00", "2026-10", "October 2026", 745),
        ("month", None, "2026-04-01 07:00", "2026-03", "March 2026", 743),
        ("month", None, "2028-03-01 07:00", "2028-02", "February 2028", 29 * 24),
        ("month", "2026-10", "2026-11-03 12:00", "2026-10", "October 2026", 745),
        ("month", "2026-10-14", "2026-11-03 12:00", "2026-10", "October 2026", 745),
        ("month", "2026", "2026-11-03 12:00", "2026-01", "January 2026", 744),
        ("year", None, "2027-01-01 00:00", "2026", "2026", 8760),
        ("year", None, "2029-06-01 00:00", "2028", "2028", 366 * 24),
        ("year", "2028-02-29", "2029-06-01 00:00", "2028", "2028", 366 * 24),
    ],
)
def test_the_period_of_a_report(every, of, now, key, title, hours):
    period = find(every, of, now)
    assert (period_key(period), period.title) == (key, title)
    assert (period.end - period.since) / HOUR == hours and not period.is_open


def test_a_period_that_goes_on_is_compared_with_the_same_part_of_the_one_before():
    period = find("month", "2026-11", "2026-11-03 12:30")
    before = period_before(period, rome("2026-11-03 12:30"))
    assert period.is_open and period.until == rome("2026-11-03 12:30")
    assert (before.since, before.until) == (rome("2026-10-01"), rome("2026-10-03 12:00"))


def test_a_whole_period_is_compared_with_the_whole_one_before():
    before = period_before(find("month"), rome("2026-11-03 12:00"))
    assert (before.since, before.until) == (rome("2026-09-01"), rome("2026-10-01"))


@pytest.mark.parametrize(
    ("of", "error"),
    [
        ("2026-13", "2026-13"),
        ("2026-W54", "2026-W54"),
        ("yesterday", "is not a day, month or year"),
        ("2026-12", "December 2026 is in the future"),
        ("2026-02-30", "2026-02-30"),
    ],
)
def test_a_time_that_no_report_can_be_of(of, error):
    with pytest.raises(ReportError, match=error):
        find("month", of)


def test_other_time_zones():
    period = period_of(
        ReportSettings("one", "day", ("mail",)),
        "Pacific/Auckland",
        None,
        datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp(),
    )
    assert period_key(period) == "2026-11-02"
