"""Times as other programs write them: local and naive, or with an offset, or unix seconds."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

UNIX = re.compile(r"\d{9,11}(\.\d+)?", re.ASCII)
JITTER_S = 2.0  # rows written by several threads may stand this much out of order
END = 253_402_300_800.0  # of the year 9999: ours have four digits


class TimestampParser:
    """Text to unix seconds for rows in order of time, where naive text is local time of `timezone`.

    The hour that the clock goes through twice in autumn is resolved by the order of the rows.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._last = float("-inf")

    def parse(self, text: object) -> float:
        """Unix seconds of a text. Raises ValueError for what is no time, and for what is no text."""
        text = text.strip() if isinstance(text, str) else ""
        if UNIX.fullmatch(text):
            return float(text)
        return self.seconds(datetime.fromisoformat(text.replace(",", ".")))

    def seconds(self, moment: datetime) -> float:
        """Unix seconds of a datetime, naive or not. Raises ValueError out of range."""
        try:
            at = self._naive(moment) if moment.tzinfo is None else moment.timestamp()
        except OverflowError as error:
            raise ValueError(f"{moment} is out of range") from error
        if not 0 <= at < END:
            raise ValueError(f"{moment} is before 1970 or after 9999")
        self._last = at
        return at

    def _naive(self, moment: datetime) -> float:
        first = moment.replace(tzinfo=self._zone).timestamp()
        second = moment.replace(tzinfo=self._zone, fold=1).timestamp()
        return second if second > first and first < self._last - JITTER_S else first
