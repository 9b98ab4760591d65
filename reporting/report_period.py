"""The time that a report is of: a local day, week, month or year, or one of people's own choice. Pure, apart from the clock."""

import re
import time
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc
from reporting.periods import local_periods, parse_moment

PERIODS = ("day", "week", "month", "year")
WORDS = {"day": "%-d %B %Y", "month": "%B %Y", "year": "%Y"}
STEPS = {"day": "hour", "week": "day", "month": "day", "year": "month"}  # of the bars of a period
HOURS_S = 3 * 86_400  # a chosen time up to this long counts whole hours, a longer one whole days
MOST_YEARS = 5
YEAR_S = 31_622_400
EARLIEST, LATEST = "1971-01-01", "9000-01-01"
DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)


class Period(NamedTuple):
    """From `since` to `end`, unix seconds, of which `until` has come. `per` is one of PERIODS, or `chosen`."""

    per: str
    since: float
    end: float
    until: float
    timezone: str

    @property
    def words(self):
        """What stands above the report: `November 2026`."""
        zone = ZoneInfo(self.timezone)
        start, last = (datetime.fromtimestamp(at, zone) for at in (self.since, self.end - 1))
        if self.per == "week":
            year, week, _ = start.isocalendar()
            return f"Week {week} of {year}, {start:%-d %B} to {last:%-d %B}"
        if self.per in PERIODS:
            return start.strftime(WORDS[self.per])
        return " to ".join(
            f"{datetime.fromtimestamp(at, zone):%-d %b %Y %H:%M}" for at in (self.since, self.until)
        )

    @property
    def given(self):
        """`since` and `until` for canned queries: dates where they are midnights, else UTC."""
        return {"since": self._text(self.since), "until": self._text(self.until)}

    @property
    def step(self):
        """The period of a bar."""
        return STEPS.get(self.per) or ("hour" if self.until - self.since <= HOURS_S else "day")

    @property
    def of(self):
        """Its first local day, for links to it."""
        return self._day(self.since).isoformat()

    @property
    def last_day(self):
        """The last local day of it that has come, for links to other periods."""
        return self._day(max(self.since, self.until - 1)).isoformat()

    @property
    def so_far(self):
        """True while it goes on."""
        return self.until < self.end

    def _day(self, at):
        return datetime.fromtimestamp(at, ZoneInfo(self.timezone)).date()

    def _text(self, at):
        day = self._day(at).isoformat()
        return day if parse_moment(day, self.timezone) == at else format_utc(at)

    def beside(self, now):
        """The periods before and after it; None for a chosen time."""
        if self.per not in PERIODS:
            return None, None
        return tuple(_around(self.per, at, self.timezone, now) for at in (self.since - 1, self.end))


def read_period(asked, timezone, began=None, now=None):
    """The Period that the parameters of a URL mean; `began`: when recording did. Raises ValueError in words."""
    now = int(time.time() if now is None else now)
    asked = {name: (asked.get(name) or "").strip() for name in ("period", "of", "since", "until")}
    if asked["since"] or asked["until"]:
        return _chosen(asked["since"], asked["until"], timezone, now)
    per = asked["period"] or "month"
    if per not in PERIODS:
        raise ValueError(f"{per!r} is no period: {', '.join(PERIODS)}")
    if asked["of"]:
        return _around(per, _known(_first(asked["of"]).isoformat(), timezone), timezone, now)
    return _usual(per, timezone, now, began)


def _usual(per, timezone, now, began):
    """The last whole period; the present one where recording began so late that more of this one was recorded."""
    present = _around(per, now, timezone, now)
    last = _around(per, present.since - 1, timezone, now)
    if began is None or (
        now - max(began, present.since) > present.since - max(began, last.since) and began > last.since
    ):
        return present
    return last


def _around(per, at, timezone, now):
    since, end, _ = local_periods(per, at, at + 1, timezone)[0]
    return Period(per, since, end, max(since, min(end, now)), timezone)


def _first(text):
    try:
        if not DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        raise ValueError(f"{text!r} is no day, month or year: 2026-11-20, 2026-11 or 2026") from None


def _known(text, timezone):
    at = parse_moment(text, timezone)
    if not parse_moment(EARLIEST, "UTC") <= at < parse_moment(LATEST, "UTC"):
        raise ValueError(f"there can be no report of {text}")
    return at


def _chosen(since, until, timezone, now):
    if not since:
        raise ValueError(f"a report until {until} needs since, its start, as well")
    start, end = _known(since, timezone), _known(until, timezone) if until else now
    if start >= end:
        raise ValueError(f"since, {since}, does not lie before until, {until or 'which is now'}")
    if end - start > MOST_YEARS * YEAR_S:
        raise ValueError(f"a report is of at most {MOST_YEARS} years")
    unit = "hour" if end - start <= HOURS_S else "day"
    start, end = (
        local_periods(unit, start, start + 1, timezone)[0][0],
        local_periods(unit, end - 1, end, timezone)[-1][1],
    )
    return Period("chosen", start, end, max(start, min(end, now)), timezone)
