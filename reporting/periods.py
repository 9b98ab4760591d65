"""Moments, periods of local time and widths of chart buckets, for queries over a range. Pure, apart from the clock."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc

LONGEST_S = {"hour": 3600, "day": 90_000, "week": 608_400, "month": 2_682_000, "year": 31_622_400}
PERS = tuple(LONGEST_S)
WHOLE = "whole"  # the range as one period: for queries
ALL_PERS = (*PERS, WHOLE)
MOST_PERIODS = 2000  # the newest ones
WIDTHS = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    180,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10_800,
    14_400,
    21_600,
    43_200,
)
DAY_S = 86_400
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
MOMENTS = "2026-11-20, 2026-11-20 14:30 (local time) or 2026-11-20T13:30:00Z"


def parse_moment(text, timezone):
    """Unix seconds of a date or a time; local where it names no zone. Raises ValueError in words."""
    text = str(text).strip()
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is no time: {MOMENTS}") from None


def moment(text, timezone):
    """SQL: the UTC text of a date or time, null for what is none."""
    try:
        return format_utc(parse_moment(text, timezone))
    except (ValueError, OverflowError):
        return None


def bucket_s(since, until, points):
    """SQL: whole seconds of a bucket, so that there are at most `points` of them between two UTC texts."""
    span = _seconds(until) - _seconds(since)
    least = span / max(1, int(points) - 2)
    for width in WIDTHS:
        if width >= least:
            return width
    return int(-(-least // DAY_S)) * DAY_S


def local_periods(per, since, until, timezone):
    """(start, end, label) of the local periods between two times in unix seconds, cut at neither end; newest kept.

    Days of 23 and 25 hours come out as long as they are.
    """
    if per not in ALL_PERS:
        raise ValueError(f"{per!r} is no period: {', '.join(ALL_PERS)}")
    found, zone = [], ZoneInfo(timezone)
    if per == WHOLE:
        since = max(since, 0.0)
        return [
            (
                since,
                until,
                " to ".join(f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}" for at in (since, until)),
            )
        ]
    since = max(since, until - MOST_PERIODS * LONGEST_S[per], 0.0)
    if per == "hour":
        found = list(_hours(since, until, zone))
    else:
        day = _first_day(per, datetime.fromtimestamp(since, zone).date())
        start = _midnight(day, zone)
        while start < until:
            after = _next_day(per, day)
            end = _midnight(after, zone)
            found.append((start, end, _label(per, day)))
            day, start = after, end
    return found[-MOST_PERIODS:]


def _hours(since, until, zone):
    start = _hour_start(since, zone)
    while start < until:
        local = datetime.fromtimestamp(start, zone)
        yield start, start + 3600, f"{local:%Y-%m-%d %H:%M}{_summer(local)}"
        start = _hour_start(start + 3600, zone)


def _hour_start(at, zone):
    offset = datetime.fromtimestamp(at, zone).utcoffset().total_seconds()
    return (at + offset) // 3600 * 3600 - offset


def _summer(local):
    """The offset where an hour comes twice, so that the two have labels of their own."""
    twice = local.replace(fold=0).utcoffset() > local.replace(fold=1).utcoffset()
    return f" {local:%z}" if twice else ""


def _midnight(day, zone):
    return datetime.combine(day, clock(), zone).timestamp()


def _first_day(per, day):
    if per == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if per == "month" else day.replace(month=1, day=1) if per == "year" else day


def _next_day(per, day):
    if per == "month":
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    if per == "year":
        return date(day.year + 1, 1, 1)
    return day + timedelta(days=7 if per == "week" else 1)


def _label(per, day):
    if per == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return day.isoformat()[: {"month": 7, "year": 4}.get(per)]


def local_day(text, timezone):
    """SQL: the local date of a UTC text."""
    return _local(text, timezone).date().isoformat() if text else None


def local_hour(text, timezone):
    """SQL: the local hour of a UTC text, `00` to `23`."""
    return f"{_local(text, timezone):%H}" if text else None


def local_weekday(text, timezone):
    """SQL: the local day of the week of a UTC text, `mon` to `sun`."""
    return (
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[_local(text, timezone).weekday()] if text else None
    )


def _local(text, timezone):
    return datetime.fromtimestamp(_seconds(text), ZoneInfo(timezone))


def _seconds(text):
    return datetime.fromisoformat(text).astimezone(UTC).timestamp() if text else time.time()
