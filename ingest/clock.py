"""Local days and hours of the house, from UTC seconds. Days of 23 and 25 hours come out right."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ingest.database import utc

QUARTER_S = 900  # every offset in use is a multiple of it, so a quarter of an hour has one offset


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
            self._hour = utc((at + offset) // 3600 * 3600 - offset)
            self._quarter = quarter
        return self._day, self._hour

    def offset_s(self, at):
        """Seconds that local time is ahead of UTC at this instant."""
        return datetime.fromtimestamp(at, UTC).astimezone(self._zone).utcoffset().total_seconds()

    def wall_seconds(self, at):
        """Local time counted as if it were UTC: what I_TIME carries, since sketches know no time zones."""
        return int(at + self.offset_s(at))
