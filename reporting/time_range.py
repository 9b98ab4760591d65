"""The range of time that a page of charts or energy shows. Pure, apart from the clock."""

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from ingest.db.time import format_utc
from reporting.periods import parse_duration, parse_moment


class TimeRange(NamedTuple):
    """From `since` to `until`, unix seconds. `params` are the parameters of the URL that mean it."""

    since: float
    until: float
    params: dict[str, str]

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
        return f"the last {self.params['range']}" if "range" in self.params else "the chosen time"


def parse_time_range(given: Mapping[str, str], timezone: str, default: str = "24 h") -> TimeRange:
    """The range that a URL means by `range`, or by `since` and `until`. Raises ValueError with a message."""
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
    return TimeRange(max(0.0, since), until, params)
