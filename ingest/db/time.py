"""Times as text, and local days and hours of the house from UTC seconds. Days of 23 and 25 hours come out right."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

QUARTER_S = 900  # every offset in use is a multiple of it, so a quarter of an hour has one offset


def format_utc(seconds):
    """Unix seconds as the text that every `*_at` column holds: `2026-11-20T23:19:40.123Z`.

    Milliseconds are cut, not rounded, so that a time is never in the future.
    """
    whole, milliseconds = divmod(round(seconds * 1e6) // 1000, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"


def parse_utc(text):
    """The unix seconds of a text that `format_utc()` made. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


class LocalTime:
    """Day and hour of an instant in one time zone; the answers of the last quarter of an hour are kept."""

    def __init__(self, timezone):
        self._zone = ZoneInfo(timezone)
        self._quarter = None
        self._day = self._hour = ""

    def day_and_hour(self, at):
        """The local date, `2026-11-20`, and the UTC text of the start of the local hour that `at` lies in."""
        quarter = at // QUARTER_S
        if quarter != self._quarter:
            offset = self.offset_s(at)
            self._day = datetime.fromtimestamp(at, self._zone).date().isoformat()
            self._hour = format_utc((at + offset) // 3600 * 3600 - offset)
            self._quarter = quarter
        return self._day, self._hour

    def offset_s(self, at):
        """Seconds that local time is ahead of UTC at this instant."""
        return datetime.fromtimestamp(at, UTC).astimezone(self._zone).utcoffset().total_seconds()

    def wall_seconds(self, at):
        """Local time counted as if it were UTC: what I_TIME carries, since sketches know no time zones."""
        return int(at + self.offset_s(at))
