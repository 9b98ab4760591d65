"""Times as text, and local days and hours of the site from UTC seconds.

Days of 23 and 25 hours come out right.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_S = 900  # every offset in use is a multiple of it, so a quarter of an hour has one offset


def format_utc(seconds: float) -> str:
    """Return unix seconds as the text that every `*_at` column holds: `2026-11-20T23:19:40.123Z`.

    Milliseconds are cut, not rounded, so that a time is never in the future.
    """
    whole, milliseconds = divmod(round(seconds * 1e6) // 1000, 1000)
    return f"{_format_second(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=64)  # many messages come in one second
def _format_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def parse_utc(text: str) -> float:
    """Return the unix seconds of a text that `format_utc()` made. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


class LocalTime:
    """Day and hour of an instant in one time zone; the answers of the last quarter of an hour are kept."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._quarter: float | None = None
        self._day = self._hour = ""

    def day_and_hour(self, at: float) -> tuple[str, str]:
        """Return the local date, `2026-11-20`, and the UTC text of the start of the local hour of `at`."""
        quarter = at // QUARTER_S
        if quarter != self._quarter:
            offset = self.offset_s(at)
            self._day = datetime.fromtimestamp(at, self._zone).date().isoformat()
            self._hour = format_utc((at + offset) // 3600 * 3600 - offset)
            self._quarter = quarter
        return self._day, self._hour

    def offset_s(self, at: float) -> float:
        """Seconds that local time is ahead of UTC at this instant."""
        offset = datetime.fromtimestamp(at, UTC).astimezone(self._zone).utcoffset()
        assert offset is not None  # a time with a zone has one
        return offset.total_seconds()

    def time_of_day(self, at: float) -> str:
        """Local hour and minute of an instant, `22:41`."""
        return datetime.fromtimestamp(at, self._zone).strftime("%H:%M")

    def wall_seconds(self, at: float) -> int:
        """Local time counted as if it were UTC: what I_TIME carries, since sketches know no time zones."""
        return int(at + self.offset_s(at))
