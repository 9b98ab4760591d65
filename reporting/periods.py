"""Moments, durations, periods of local time and widths of chart buckets, for queries over a range.

Pure, apart from the clock. A text that cannot be read raises ValueError with a message for the person who
wrote it.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc

LONGEST_S = {"hour": 3600, "day": 90_000, "week": 608_400, "month": 2_682_000, "year": 31_622_400}
PERS = tuple(LONGEST_S)
WHOLE = "whole"  # the range as one period, for queries
ALL_PERS = (*PERS, WHOLE)
MOST_PERIODS = 2000
WIDTHS = (  # seconds of a bucket of a chart; wider ones are whole days
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800),
    *(3600, 7200, 10_800, 14_400, 21_600, 43_200),
)
DAY_S = 86_400
DAYS_KEPT = 2000  # days whose offset from UTC is kept: rows of hours ask for it again and again
HOURS = tuple(f"{hour:02d}" for hour in range(24))
DAY_MINUTES = 1440
MINUTES = {f"{minute // 60:02d}:{minute % 60:02d}": minute for minute in range(DAY_MINUTES)}  # of a day
# A time as it is stored: that of any other form is read by the calendar.
STORED_LENGTH = 24  # characters of a time as it is stored: 2026-11-20T23:19:40.123Z
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
MOMENTS = "2026-11-20, 2026-11-20 14:30 (local time) or 2026-11-20T13:30:00Z"


DURATION_UNITS = {
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_557_600,
    "month": 2_629_800,
}
DURATION_NAMES = {
    **{"second": "s", "sec": "s", "minute": "min", "m": "min", "hour": "h"},
    **{"day": "d", "week": "w", "year": "y"},
}
DURATION = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+?)\s*", re.ASCII)
DURATIONS = "90 min, 6 hours, 7 d, 2 weeks, 1 year"


class LocalPeriod(NamedTuple):
    """A period of local time, unix seconds."""

    start: float
    end: float
    label: str


def parse_duration(text: str) -> float:
    """Seconds of `6 hours`, `90min`, `7d`, `1 y`, `2 weeks`. Raises ValueError."""
    match = DURATION.fullmatch(str(text).lower())
    name = match[2] if match else ""
    for candidate in (name, name.removesuffix("s")):
        unit = DURATION_UNITS.get(DURATION_NAMES.get(candidate, candidate))
        if match and unit:
            return float(match[1]) * unit
    raise ValueError(f"{text!r} is not a duration: {DURATIONS}")


def parse_moment(text: str, timezone: str) -> float:
    """Unix seconds of a date or a time; local where it names no zone. Raises ValueError."""
    text = str(text).strip()
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is not a date or time: {MOMENTS}") from None


def moment(text: str, timezone: str) -> str | None:
    """SQL: the UTC text of a date or time, null for a text that is neither."""
    try:
        return format_utc(parse_moment(text, timezone))
    except (ValueError, OverflowError):
        return None


def bucket_s(since: str, until: str, points: int) -> int:
    """SQL: whole seconds of a bucket, so that there are at most `points` of them between two UTC texts."""
    span = _seconds(until) - _seconds(since)
    least = span / max(1, int(points) - 2)
    for width in WIDTHS:
        if width >= least:
            return width
    return int(-(-least // DAY_S)) * DAY_S


def check_period_name(per: str, names: tuple[str, ...]) -> None:
    """Raise ValueError for a period that is none of `names`."""
    if per not in names:
        raise ValueError(f"{per!r} is not a period: {', '.join(names)}")


def local_periods(per: str, since: float, until: float, timezone: str) -> list[LocalPeriod]:
    """The local periods that touch the time between two unix times, whole; the newest MOST_PERIODS.

    Days of 23 and 25 hours come out as long as they are. Raises ValueError for an unknown `per`.
    """
    check_period_name(per, ALL_PERS)
    zone = ZoneInfo(timezone)
    if per == WHOLE:
        since = max(since, 0.0)
        ends = (f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}" for at in (since, until))
        return [LocalPeriod(since, until, " to ".join(ends))]
    since = max(since, until - MOST_PERIODS * LONGEST_S[per], 0.0)
    periods = _hours(since, until, zone) if per == "hour" else _from_midnights(per, since, until, zone)
    return list(periods)[-MOST_PERIODS:]


def _hours(since: float, until: float, zone: ZoneInfo) -> Iterator[LocalPeriod]:
    start = _hour_start(since, zone)
    while start < until:
        local = datetime.fromtimestamp(start, zone)
        yield LocalPeriod(start, start + 3600, f"{local:%Y-%m-%d %H:%M}{_offset_if_ambiguous(local)}")
        start = _hour_start(start + 3600, zone)


def _from_midnights(per: str, since: float, until: float, zone: ZoneInfo) -> Iterator[LocalPeriod]:
    day = _first_day(per, datetime.fromtimestamp(since, zone).date())
    start = _midnight(day, zone)
    while start < until:
        after = _next_day(per, day)
        end = _midnight(after, zone)
        yield LocalPeriod(start, end, _label(per, day))
        day, start = after, end


def _hour_start(at: float, zone: ZoneInfo) -> float:
    offset = _offset(datetime.fromtimestamp(at, zone)).total_seconds()
    return (at + offset) // 3600 * 3600 - offset


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _offset_if_ambiguous(local: datetime) -> str:
    """The offset where an hour comes twice, so that the two have labels of their own."""
    twice = _offset(local.replace(fold=0)) > _offset(local.replace(fold=1))
    return f" {local:%z}" if twice else ""


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, clock(), zone).timestamp()


def _first_day(per: str, day: date) -> date:
    if per == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if per == "month" else day.replace(month=1, day=1) if per == "year" else day


def _next_day(per: str, day: date) -> date:
    if per == "month":
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    if per == "year":
        return date(day.year + 1, 1, 1)
    return day + timedelta(days=7 if per == "week" else 1)


def _label(per: str, day: date) -> str:
    if per == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return day.isoformat()[: {"month": 7, "year": 4}.get(per)]


def local_day(text: str | None, timezone: str) -> str | None:
    """SQL: the local date of a UTC text."""
    if not text:
        return None
    minutes = _local_minutes(text, timezone)
    if minutes is None:
        return _local(text, timezone).date().isoformat()
    days = minutes // DAY_MINUTES
    return _moved(text[:10], days) if days else text[:10]


def local_hour(text: str | None, timezone: str) -> str | None:
    """SQL: the local hour of a UTC text, `00` to `23`."""
    if not text:
        return None
    minutes = _local_minutes(text, timezone)
    return HOURS[_local(text, timezone).hour if minutes is None else minutes // 60 % 24]


def local_weekday(text: str | None, timezone: str) -> str | None:
    """SQL: the local day of the week of a UTC text, `mon` to `sun`."""
    day = local_day(text, timezone)
    return _weekday(day) if day else None


def _local_minutes(text: str, timezone: str) -> int | None:
    """Minutes of local time since the begin of the UTC day of a text as it is stored.

    None for another text, and for a day in which the offset from UTC changes.
    """
    if len(text) != STORED_LENGTH or text[-1] != "Z":
        return None
    minutes, offset = MINUTES.get(text[11:16]), _offset_of_day(text[:10], timezone)
    return None if minutes is None or offset is None else minutes + offset


@lru_cache(maxsize=DAYS_KEPT)
def _offset_of_day(day: str, timezone: str) -> int | None:
    """Minutes from UTC to local time; None for a day of UTC in which they change, and for odd seconds."""
    start, zone = datetime.fromisoformat(f"{day}T00:00:00+00:00"), ZoneInfo(timezone)
    offsets = {(start + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(0, 25, 6)}
    offset = offsets.pop() or timedelta()
    return None if offsets or offset % timedelta(minutes=1) else offset // timedelta(minutes=1)


@lru_cache(maxsize=DAYS_KEPT)
def _moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


@lru_cache(maxsize=DAYS_KEPT)
def _weekday(day: str) -> str:
    return WEEKDAYS[date.fromisoformat(day).weekday()]


def _local(text: str, timezone: str) -> datetime:
    return datetime.fromtimestamp(_seconds(text), ZoneInfo(timezone))


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp() if text else time.time()
