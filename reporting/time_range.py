"""The range of time that a page of charts or energy shows. Pure, apart from the clock."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc
from reporting.periods import parse_duration, parse_moment

DAY_S = 86_400
SHORT_S = 600  # a shorter range is given to the second
LATEST_S = 60  # a range that ends nearer to now has nothing after it


class TimeRange(NamedTuple):
    """From `since` to `until`, unix seconds. `params` are the parameters of the URL that mean it."""

    since: float
    until: float
    params: dict[str, str]
    timezone: str = "UTC"

    @property
    def query(self) -> str:
        """The parameters as a query string, for links that keep them."""
        return urlencode(self.params)

    @property
    def utc_params(self) -> dict[str, str]:
        """`since` and `until` for canned queries, as UTC texts."""
        return {"since": format_utc(self.since), "until": format_utc(self.until)}

    @property
    def text(self) -> str:
        """The range as a part of a sentence."""
        is_last = "range" in self.params and "until" not in self.params
        return f"the last {self.params['range']}" if is_last else "the chosen time"

    @property
    def earlier(self) -> dict[str, str]:
        """The parameters of the time before, as long as this one."""
        return self._moved(-1)

    @property
    def later(self) -> dict[str, str]:
        """The parameters of the time after; empty where this one reaches to now."""
        return self._moved(1) if self.until < time.time() - LATEST_S else {}

    @property
    def wider(self) -> dict[str, str]:
        """The parameters of a time three times as long around this one, up to now."""
        span = self.until - self.since
        until = min(self.until + span, time.time())
        return {"since": format_utc(max(0.0, self.since - span)), "until": format_utc(max(until, self.until))}

    def _moved(self, times: int) -> dict[str, str]:
        span = self.until - self.since
        until = self.until + times * span
        if "range" not in self.params:
            return {"since": format_utc(max(0.0, self.since + times * span)), "until": format_utc(until)}
        if until >= time.time() - LATEST_S:
            return {"range": self.params["range"]}
        return {"range": self.params["range"], "until": format_utc(until)}

    @property
    def dates(self) -> str:
        """From when to when, in local time: `23 to 29 Nov`, `29 Nov 14:00 to 15:00`."""
        zone = ZoneInfo(self.timezone)
        start, end = (datetime.fromtimestamp(at, zone) for at in (self.since, self.until))
        if self.until - self.since < 2 * DAY_S:
            same = start.date() == end.date()
            if abs(self.until - time.time()) < LATEST_S:
                return f"{start:%-d %b %H:%M} to now"
            clock = "%H:%M" if self.until - self.since >= SHORT_S else "%H:%M:%S"
            return f"{start:%-d %b {clock}} to {end:{clock if same else f'%-d %b {clock}'}}"
        if start.year != end.year:
            return f"{start:%-d %b %Y} to {end:%-d %b %Y}"
        return (
            f"{start:%-d} to {end:%-d %b}" if start.month == end.month else f"{start:%-d %b} to {end:%-d %b}"
        )


def parse_time_range(given: Mapping[str, str], timezone: str, default: str = "24 h") -> TimeRange:
    """The range that a URL means by `range`, or by `since` and `until`. Raises ValueError with a message.

    `range` and `until` together mean a range that ends then.
    """
    params = {name: given[name].strip() for name in ("range", "since", "until") if given.get(name)}
    until = parse_moment(params["until"], timezone) if "until" in params else time.time()
    if "since" in params:
        params.pop("range", None)
        since = parse_moment(params["since"], timezone)
    else:
        params.setdefault("range", default)
        since = until - parse_duration(params["range"])
    if since >= until:
        raise ValueError(f"since, {params.get('since', params.get('range'))}, is not before until")
    return TimeRange(max(0.0, since), until, params, timezone)
