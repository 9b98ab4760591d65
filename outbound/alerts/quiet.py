"""Quiet hours, and the times of digests, in the site's time zone. Pure; times are unix seconds.

Instants are compared, so that days of 23 and 25 hours come out right: a time of day that a day has twice is
the first of the two, one that it has not is as much later as the clock is set forward.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ingest.config.alerts import QuietHours
from ingest.severity import Severity


def held_until(quiet: QuietHours | None, severity: Severity, now: float, timezone: str) -> float | None:
    """When the quiet hours that hold such a message at `now` end; None where it may be sent."""
    if quiet is None or (quiet.exempt == "critical" and severity is Severity.CRITICAL):
        return None
    for day in _days_around(now, timezone):
        begin = _instant(day, quiet.begin, timezone)
        is_overnight = quiet.end <= quiet.begin
        end = _instant(day + timedelta(days=is_overnight), quiet.end, timezone)
        if begin <= now < end:
            return end
    return None


def digest_at(text: str, timezone: str, now: float) -> float:
    """The next time, after `now`, at which it is the local time of day `text`, such as 08:00."""
    return next(at for day in _days_around(now, timezone) if (at := _instant(day, text, timezone)) > now)


def _days_around(now: float, timezone: str) -> Iterator[date]:
    """Yesterday to the day after tomorrow, local dates."""
    today = datetime.fromtimestamp(now, ZoneInfo(timezone)).date()
    return (today + timedelta(days=days) for days in range(-1, 3))


def _instant(day: date, text: str, timezone: str) -> float:
    return datetime.combine(day, time.fromisoformat(text), ZoneInfo(timezone)).timestamp()
