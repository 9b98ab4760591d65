"""The horizontal axis: local times that are easy to read, on days of 23 and 25 hours too. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import cached_property
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

MOST_TICKS = 9
EDGE = 0.015  # of the width: no time is written nearer to the ends
FINEST = 10_000  # quanta that the axis has at most
QUANTA = (  # seconds; the middles of buckets are whole numbers of them
    *(0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 150, 300, 450, 900, 1800, 3600, 7200, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000),
)
SHORT = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
DAYS = (1, 2, 4, 7, 14)
MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
DAY_S, MONTH_S, QUARTER_S = 86_400, 2_629_800, 900


class TimeTick(NamedTuple):
    """A time below the axis; `strong` where a day or a year begins among smaller steps."""

    at: float
    text: str
    strong: bool = False


@dataclass(frozen=True)
class TimeAxis:
    """From `since` to `until`, unix seconds."""

    since: float
    until: float
    timezone: str

    @cached_property
    def quantum(self) -> float:
        """Seconds of a step of the drawing."""
        span = self.until - self.since
        return next((one for one in QUANTA if span / one <= FINEST), QUANTA[-1])

    @cached_property
    def origin(self) -> float:
        """The time at x = 0, not after `since`."""
        return floor(self.since / self.quantum) * self.quantum

    @property
    def left(self) -> float:
        """Quanta from `origin` to `since`."""
        return (self.since - self.origin) / self.quantum

    @property
    def width(self) -> float:
        """The axis in quanta."""
        return (self.until - self.since) / self.quantum

    def x(self, at: float) -> int:
        """How many quanta to the right of `origin` a time lies."""
        return self.xs((at,))[0]

    def xs(self, moments: Iterable[float]) -> list[int]:
        """The same of several times."""
        origin, quantum = self.origin, self.quantum
        return [round((at - origin) / quantum) for at in moments]

    def share(self, at: float) -> float:
        """How far to the right a time lies: 0 to 1."""
        return (at - self.since) / (self.until - self.since)

    def ticks(self) -> list[TimeTick]:
        """Round local times, at most MOST_TICKS."""
        zone, span = ZoneInfo(self.timezone), self.until - self.since
        if span / SHORT[-1] <= MOST_TICKS:
            step = next(one for one in SHORT if span / one <= MOST_TICKS)
            found = _short(self.since, self.until, step, zone)
        elif span / (DAYS[-1] * DAY_S) <= MOST_TICKS:
            days = next(one for one in DAYS if span / (one * DAY_S) <= MOST_TICKS)
            found = _days(self.since, self.until, days, zone)
        else:
            months = next((one for one in MONTHS if span / (one * MONTH_S) <= MOST_TICKS), MONTHS[-1])
            found = _months(self.since, self.until, months, zone)
        return [tick for tick in found if EDGE <= self.share(tick.at) <= 1 - EDGE] or found[:1]


def _short(since: float, until: float, step: int, zone: ZoneInfo) -> list[TimeTick]:
    """Steps below a day: each time at which the local clock shows a multiple of the step, also twice."""
    base = min(step, QUARTER_S)
    at, found = -(-since // base) * base, []
    while at < until:
        local = datetime.fromtimestamp(at, zone)
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        if seconds % step == 0:
            found.append(_short_tick(at, local, step))
        at += base
    return found


def _short_tick(at: float, local: datetime, step: int) -> TimeTick:
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return TimeTick(at, f"{local:%-d %b}", strong=True)
    text = f"{local:%H:%M}" if step >= 60 else f"{local:%H:%M:%S}"
    return TimeTick(at, f"{text} {local:%Z}" if local.fold else text)


def _days(since: float, until: float, days: int, zone: ZoneInfo) -> list[TimeTick]:
    day = datetime.fromtimestamp(since, zone).date()
    if days in (7, 14):
        day -= timedelta(days=day.weekday())
    found = []
    while (at := _midnight(day, zone)) < until:
        if at >= since:
            found.append(TimeTick(at, f"{day:%a %-d}" if days == 1 else f"{day:%-d %b}", day.day == 1))
        day += timedelta(days=days)
    return found


def _months(since: float, until: float, months: int, zone: ZoneInfo) -> list[TimeTick]:
    start = datetime.fromtimestamp(since, zone).date()
    number = (start.year * 12 + start.month - 1) // months * months
    found = []
    while number // 12 <= date.max.year:
        day = date(max(1, number // 12), number % 12 + 1, 1)
        at = _midnight(day, zone)
        if at >= until:
            break
        if at >= since:
            found.append(TimeTick(at, f"{day:%Y}" if day.month == 1 else f"{day:%b}", day.month == 1))
        number += months
    return found


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, clock(), zone).timestamp()


def describe_time(at: float, timezone: str) -> str:
    """A time with its weekday: `Thu 26 Nov 22:40`."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(timezone)):%a %-d %b %H:%M}"
