"""Sums over all hours and days, for counters. Those of past days are kept: adding them up takes long.

Hours and days are kept without limit by a prune, so that the sums never go back.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.mysensors.interval_stats import series_key

LAG_S = 25 * 3600  # a local day may begin that much before its UTC date does, and be written an hour late
PAST_HOURS = """select ups, sum(wh), sum(on_battery_s) from ups_samples_hourly
  where hour_at < ? group by ups"""
# The key of the table begins with the UPS.
HOURS = """select h.ups, sum(wh), sum(on_battery_s) from ups u cross join ups_samples_hourly h
  on h.ups = u.id and h.hour_at >= ? group by h.ups"""
# Day by day, the row of each node itself: those of its sensors and types count the same messages.
DAYS = f"""with recursive days (day) as (
  select min(day) from node_daily where day {{0}} ?1
  union all
  select (select min(d.day) from node_daily d where d.day > days.day and d.day {{0}} ?1)
  from days where day is not null
)
select n.id, sum(d.messages) from days cross join nodes n cross join node_daily d
  on d.day = days.day and d.series = n.id * {series_key(1)} group by n.id"""


Limited = Callable[[sqlite3.Connection], AbstractContextManager[object]]


class UpsTotals(NamedTuple):
    """By UPS: Wh, where its watts are known, and seconds on battery."""

    watt_hours: Mapping[int, float]
    on_battery_s: Mapping[int, float]


class PastTotals(NamedTuple):
    """The sums of all days before `since`, a UTC date."""

    since: str
    watt_hours: Counter[int]
    on_battery_s: Counter[int]
    messages: Counter[int]


class Totals:
    """The sums of one site's database. Its methods run in threads that read.

    Sums of days that are over for `lag_s` are kept. The sums of past days, which are made once a day, take
    long: `limited` gives the time that they may take.
    """

    def __init__(self, lag_s: float = LAG_S, limited: Limited = lambda connection: nullcontext()) -> None:
        self._lag_s, self._limited = lag_s, limited
        self._past: PastTotals | None = None
        self._lock = threading.Lock()

    def read(self, connection: sqlite3.Connection) -> tuple[UpsTotals, Mapping[int, int]]:
        """Sums by UPS, and messages by node. Raises sqlite3.OperationalError where it takes too long."""
        past = self._read_past(connection)
        watt_hours, on_battery = Counter(past.watt_hours), Counter(past.on_battery_s)
        for ups, wh, seconds in connection.execute(HOURS, [past.since]):
            if wh is not None:
                watt_hours[ups] += wh
            on_battery[ups] += seconds
        messages = past.messages + Counter(dict(connection.execute(DAYS.format(">="), [past.since])))
        return UpsTotals(_rounded(watt_hours, 6), _rounded(on_battery, 3)), messages

    def _read_past(self, connection: sqlite3.Connection) -> PastTotals:
        since = datetime.fromtimestamp(time.time() - self._lag_s, UTC).date().isoformat()
        with self._lock:
            if self._past is None or self._past.since != since:
                with self._limited(connection):
                    hours = connection.execute(PAST_HOURS, [since]).fetchall()
                    days = connection.execute(DAYS.format("<"), [since]).fetchall()
                watt_hours = Counter({ups: wh for ups, wh, _ in hours if wh is not None})
                on_battery = Counter({ups: seconds for ups, _, seconds in hours})
                self._past = PastTotals(since, watt_hours, on_battery, Counter(dict(days)))
            return self._past


def _rounded(sums: Counter[int], digits: int) -> Mapping[int, float]:
    """The sums without what adding up in another order changes: a counter may not go back."""
    return {key: round(value, digits) for key, value in sums.items()}
