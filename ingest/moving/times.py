"""Times as other programs write them: local and naive, or with an offset, or unix seconds."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

UNIX = re.compile(r"\d{9,11}(\.\d+)?", re.ASCII)
JITTER_S = 2.0  # rows written by several threads may stand this much out of order


class Stamps:
    """Text to unix seconds for rows in order of time, where naive text is local time of `timezone`.

    The hour that the clock goes through twice in autumn is told apart by the order of the rows.
    """

    def __init__(self, timezone):
        self._zone = ZoneInfo(timezone)
        self._last = float("-inf")

    def seconds(self, text):
        """Raises ValueError for what is no time."""
        text = text.strip()
        if UNIX.fullmatch(text):
            return float(text)
        return self.of(datetime.fromisoformat(text.replace(",", ".")))

    def of(self, moment):
        """The unix seconds of a datetime, naive or not."""
        if moment.tzinfo is None:
            first = moment.replace(tzinfo=self._zone).timestamp()
            second = moment.replace(tzinfo=self._zone, fold=1).timestamp()
            at = second if second > first and first < self._last - JITTER_S else first
        else:
            at = moment.timestamp()
        self._last = at
        return at
