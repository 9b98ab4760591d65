"""The time that a report covers: a local day, week, month, year or any other. Pure, apart from the clock."""

import re
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc
from reporting.periods import check_period_name, local_periods, parse_moment

PERIODS = ("day", "week", "month", "year")
TITLES = {"day": "%-d %B %Y", "month": "%B %Y", "year": "%Y"}
STEPS = {"day": "hour", "week": "day", "month": "day", "year": "month"}  # of the bars of a period
CUSTOM = "chosen"  # a time of its own: it counts whole hours up to HOURS_S, then whole days
HOURS_S = 3 * 86_400
MOST_YEARS = 5
YEAR_S = 31_622_400
EARLIEST, LATEST = "1971-01-01", "9000-01-01"
DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)


class Period(NamedTuple):
    """From `since` to `end`, unix seconds; `until` is `end` or now. `per` is one of PERIODS or CUSTOM."""

    per: str
    since: float
    end: float
    until: float
    timezone: str

    @property
    def title(self) -> str:
        """What stands above the report: `November 2026`."""
        zone = ZoneInfo(self.timezone)
        start, last = (datetime.fromtimestamp(at, zone) for at in (self.since, self.end - 1))
        if self.per == "week":
            year, week, _ = start.isocalendar()
            return f"Week {week} of {year}, {start:%-d %B} to {last:%-d %B}"
        if self.per in PERIODS:
            return start.strftime(TITLES[self.per])
        return " to ".join(
            f"{datetime.fromtimestamp(at, zone):%-d %b %Y %H:%M}" for at in (self.since, self.until)
        )

    @property
    def params(self) -> dict[str, str]:
        """`since` and `until` for links to canned queries: dates where they are midnights, else UTC."""
        return {"since": self._text(self.since), "until": self._text(self.until)}

    @property
    def utc_params(self) -> dict[str, str]:
        """The same to run them with: UTC texts."""
        return {"since": format_utc(self.since), "until": format_utc(self.until)}

    @property
    def step(self) -> str:
        """The period of a bar."""
        return STEPS.get(self.per) or ("hour" if self.until - self.since <= HOURS_S else "day")

    @property
    def first_day(self) -> str:
        """Its first local day, for links to it."""
        return self._day(self.since).isoformat()

    @property
    def last_day(self) -> str:
        """The last local day of it that has begun, for links to other periods."""
        return self._day(max(self.since, self.until - 1)).isoformat()

    @property
    def is_open(self) -> bool:
        """True while its end lies ahead."""
        return self.until < self.end

    def neighbours(self, now: float) -> tuple["Period | None", "Period | None"]:
        """The periods before and after it; None for a custom time."""
        if self.per not in PERIODS:
            return None, None
        return (
            _period_at(self.per, self.since - 1, self.timezone, now),
            _period_at(self.per, self.end, self.timezone, now),
        )

    def _day(self, at: float) -> date:
        return datetime.fromtimestamp(at, ZoneInfo(self.timezone)).date()

    def _text(self, at: float) -> str:
        day = self._day(at).isoformat()
        return day if parse_moment(day, self.timezone) == at else format_utc(at)


def parse_period(
    given: Mapping[str, str], timezone: str, began: float | None = None, now: float | None = None
) -> Period:
    """The Period that the parameters of a URL mean. Raises ValueError with a message.

    `began` is when recording began, unix seconds.
    """
    now = int(time.time() if now is None else now)
    given = {name: (given.get(name) or "").strip() for name in ("period", "of", "since", "until")}
    if given["since"] or given["until"]:
        return _parse_custom(given["since"], given["until"], timezone, now)
    per = given["period"] or "month"
    check_period_name(per, PERIODS)
    if given["of"]:
        return _period_at(per, _parse_in_limits(_parse_day(given["of"]), timezone), timezone, now)
    return _default_period(per, timezone, now, began)


def _default_period(per: str, timezone: str, now: float, began: float | None) -> Period:
    """The last whole period, or the present one where recording began so late that it has more data."""
    present = _period_at(per, now, timezone, now)
    last = _period_at(per, present.since - 1, timezone, now)
    if began is None or (
        now - max(began, present.since) > present.since - max(began, last.since) and began > last.since
    ):
        return present
    return last


def _period_at(per: str, at: float, timezone: str, now: float) -> Period:
    since, end, _ = local_periods(per, at, at + 1, timezone)[0]
    return Period(per, since, end, max(since, min(end, now)), timezone)


def _parse_day(text: str) -> str:
    try:
        if not DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat((text + "-01-01")[:10]).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not a day, month or year: 2026-11-20, 2026-11 or 2026") from None


def _parse_in_limits(text: str, timezone: str) -> float:
    at = parse_moment(text, timezone)
    if not parse_moment(EARLIEST, "UTC") <= at < parse_moment(LATEST, "UTC"):
        raise ValueError(f"there can be no report of {text}")
    return at


def _parse_custom(since: str, until: str, timezone: str, now: float) -> Period:
    if not since:
        raise ValueError(f"a report until {until} needs since, its start, as well")
    start, end = _parse_in_limits(since, timezone), _parse_in_limits(until, timezone) if until else now
    if start >= end:
        raise ValueError(f"since, {since}, is not before until, {until or 'which is now'}")
    if end - start > MOST_YEARS * YEAR_S:
        raise ValueError(f"a report covers at most {MOST_YEARS} years")
    unit = "hour" if end - start <= HOURS_S else "day"
    start = local_periods(unit, start, start + 1, timezone)[0].start
    end = local_periods(unit, end - 1, end, timezone)[-1].end
    return Period(CUSTOM, start, end, max(start, min(end, now)), timezone)
