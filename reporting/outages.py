"""Mains outages: rows of the view mains_outages, how many there were, and on which days. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts import Interval

OUTAGES_BETWEEN = """select * from mains_outages
where started_at < :until and coalesce(ended_at, :until) >= :since order by started_at, id"""
OUTAGES_OF_UPS = """select * from outages
where started_at < :until and coalesce(ended_at, :until) >= :since and name = :ups order by started_at, id"""
OUTAGES_OF_CHOSEN = """select min(o.id) as id, min(o.started_at) as started_at,
  case when count(o.ended_at) = count(*) then max(o.ended_at) end as ended_at,
  round((max(julianday(o.started_at) + o.seconds / 86400) - min(julianday(o.started_at))) * 86400, 3)
    as seconds, m.cause, min(o.complete) as complete, sum(o.wh) as wh, min(o.lowest_charge) as lowest_charge,
  min(o.lowest_battery_voltage) as lowest_battery_voltage, json_group_array(json(j.value)) as members
from mains_outages m cross join json_each(m.members) j
  cross join outages o on o.id = json_extract(j.value, '$.id')
where m.started_at < :until and coalesce(m.ended_at, :until) >= :since
  and instr(',' || :ups || ',', ',' || o.name || ',')
group by m.id
having min(o.started_at) < :until and max(coalesce(o.ended_at, :until)) >= :since
order by 2, 1"""
LEVELS = (60, 600, 3600)  # seconds on battery in a day: from which on a day is darker
WEEK = 7
BLOCK_WEEKS = 11  # columns of the calendar that stay together where it is narrow
MONTH_WEEKS = 3  # columns that the name of a month takes
YEAR_DAYS = 364  # before today


class OutageMember(NamedTuple):
    """The part of one UPS in a mains outage. Its length is in seconds."""

    id: int
    ups: int
    name: str
    seconds: float
    href: str


class MainsOutage(NamedTuple):
    """A failure of the mains or of a single circuit. Times are UTC texts, figures in V, Wh and per cent."""

    id: int  # of the event of the UPS that went on battery first
    started_at: str
    ended_at: str | None
    seconds: float
    members: list[OutageMember]
    cause: str
    complete: bool
    wh: float | None
    lowest_charge: float | None
    lowest_battery_voltage: float | None

    @property
    def start(self) -> float:
        """When it began, unix seconds."""
        return parse_utc(self.started_at)

    @property
    def end(self) -> float:
        """When it ended, unix seconds; now while it goes on."""
        return self.start + self.seconds

    def touches(self, span: Interval) -> bool:
        """True when a part of it lies in the span."""
        return self.start < span.end and self.end >= span.start


@dataclass(frozen=True)
class OutageSummary:
    """How many outages, seconds on battery in all, the longest one in seconds."""

    count: int
    seconds: float
    longest: float


class Day(NamedTuple):
    """A cell of the calendar: column of the week, row of the weekday, and how dark it is, 0 to 4."""

    x: int
    y: int
    day: date
    seconds: float
    level: int
    before: bool  # recording began
    outages: int  # that touch the day


class CalendarBlock(NamedTuple):
    """Some weeks of the calendar: the columns in which months begin, and the days."""

    months: list[tuple[int, date]]
    days: list[Day]


@dataclass(frozen=True)
class Month:
    """A month with outages, named by its first day."""

    first: date
    count: int
    seconds: float


def parse_outage(row: Row) -> MainsOutage:
    """A row of the view mains_outages, or one of the view outages, which has one member."""
    if "members" in row:
        members = [OutageMember(**member) for member in json.loads(row["members"])]
    else:
        members = [OutageMember(row["id"], row["ups"], row["name"], row["seconds"], row["href"])]
    return MainsOutage(
        row["id"],
        row["started_at"],
        row["ended_at"],
        row["seconds"],
        members,
        row["cause"],
        bool(row["complete"]),
        row["wh"],
        row["lowest_charge"],
        row["lowest_battery_voltage"],
    )


def merge_overlaps(outages: Iterable[MainsOutage]) -> list[Interval]:
    """The times in which anything was on battery, without overlap."""
    spans: list[Interval] = []
    for start, end in sorted((outage.start, outage.end) for outage in outages):
        if spans and start <= spans[-1].end:
            spans[-1] = Interval(spans[-1].start, max(end, spans[-1].end))
        else:
            spans.append(Interval(start, end))
    return spans


def summarize(outages: Iterable[MainsOutage], since: float, until: float = inf) -> OutageSummary:
    """What was on battery from `since` until `until`, unix seconds."""
    recent = [outage for outage in outages if outage.end >= since]
    return OutageSummary(
        len(recent),
        sum(min(end, until) - max(start, since) for start, end in merge_overlaps(recent)),
        max((outage.seconds for outage in recent), default=0),
    )


def seconds_by_day(outages: Iterable[MainsOutage], zone: ZoneInfo) -> dict[date, float]:
    """Local date -> seconds on battery."""
    found: dict[date, float] = {}
    for start, end in merge_overlaps(outages):
        day = datetime.fromtimestamp(start, zone).date()
        while start < end:
            after = day + timedelta(days=1)
            midnight = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
            found[day] = found.get(day, 0) + min(end, midnight) - start
            start, day = min(end, midnight), after
    return found


def days_of(outage: MainsOutage, zone: ZoneInfo) -> Iterator[date]:
    """The local dates that an outage touches."""
    day = datetime.fromtimestamp(outage.start, zone).date()
    last = datetime.fromtimestamp(outage.end, zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def calendar(
    outages: Sequence[MainsOutage], today: date, zone: ZoneInfo, began: str | None
) -> list[CalendarBlock]:
    """The days of the last 12 months in blocks of weeks; `began` is when recording did, as a UTC text.

    A block of which nothing was recorded is left out.
    """
    found = seconds_by_day(outages, zone)
    counts = Counter(day for outage in outages for day in days_of(outage, zone))
    recorded = datetime.fromtimestamp(parse_utc(began), zone).date() if began else None
    first = today - timedelta(days=YEAR_DAYS)
    monday = first - timedelta(days=first.weekday())
    blocks: list[CalendarBlock] = []
    for number in range((today - monday).days + 1):
        day = monday + timedelta(days=number)
        seconds = found.get(day, 0)
        level = 0 if not seconds else 1 + sum(seconds >= limit for limit in LEVELS)
        before = recorded is None or day < recorded
        week = number // WEEK % BLOCK_WEEKS
        if week == 0 and day.weekday() == 0:
            blocks.append(CalendarBlock([], []))
        block = blocks[-1]
        block.days.append(Day(week, day.weekday(), day, seconds, level, before, counts[day]))
        if day.day == 1 or not block.months:
            block.months.append((week, day))
    return [_without_crowded(block) for block in blocks if not all(day.before for day in block.days)]


def _without_crowded(block: CalendarBlock) -> CalendarBlock:
    """The block without a first name of a month that the second one would touch."""
    months = block.months
    if len(months) > 1 and months[1][0] - months[0][0] < MONTH_WEEKS:
        months = months[1:]
    return block._replace(months=months)


def months_with_outages(outages: Sequence[MainsOutage], today: date, zone: ZoneInfo) -> list[Month]:
    """The months that had outages, newest first; an outage counts in the month in which it began."""
    seconds: dict[date, float] = {}
    counts: dict[date, int] = {}
    for day, length in seconds_by_day(outages, zone).items():
        first = day.replace(day=1)
        seconds[first] = seconds.get(first, 0) + length
    for outage in outages:
        first = datetime.fromtimestamp(outage.start, zone).date().replace(day=1)
        counts[first] = counts.get(first, 0) + 1
    return [
        Month(first, counts.get(first, 0), seconds[first])
        for first in sorted(seconds, reverse=True)
        if first <= today
    ]
