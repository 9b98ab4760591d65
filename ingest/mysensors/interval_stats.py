"""Interval statistics: messages and the intervals between them, a day at a time, for rows of `node_daily`."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple


class Series(NamedTuple):
    """What is counted: a node, one of its children, or one type of one command of a child."""

    key: int  # `series_key`
    node: int
    sensor: int | None = None  # if there is a row for the child
    child_id: int | None = None
    command: int | None = None
    type: int | None = None
    type_name: str | None = None


class DailyRow(NamedTuple):
    """A row to merge into `node_daily`; intervals in seconds."""

    day: str
    series: int
    node: int
    sensor: int | None
    child_id: int | None
    command: int | None
    type: int | None
    type_name: str | None
    messages: int
    intervals: int
    min_interval_s: float | None
    avg_interval_s: float | None
    max_interval_s: float | None


@dataclass(slots=True, eq=False)
class IntervalStats:
    """Messages of one series since the last commit, and the intervals between them in seconds.

    An interval lies between two messages of one connection: what passed without a connection is no interval.
    """

    series: Series
    messages: int = 0
    intervals: int = 0
    low: float | None = None
    high: float | None = None
    total: float = 0.0
    _last: float = field(default=0.0, init=False)
    _epoch: object = field(default=None, init=False)

    def clear(self) -> None:
        """Forget the counts, not the time of the last message."""
        self.messages = self.intervals = 0
        self.low = self.high = None
        self.total = 0.0

    def forget_last(self) -> None:
        """The node was deleted: the next message is the first one."""
        self._epoch = None

    def add(self, count: int, at: float, epoch: object) -> None:
        """`count` messages were read together `at` (monotonic seconds) in the connection `epoch`."""
        self.messages += count
        if self._epoch == epoch:
            interval = at - self._last
            self.total += interval
            self.intervals += count
            if self.high is None or interval > self.high:
                self.high = interval
            if count > 1:
                interval = 0.0  # the others came in the same read
            if self.low is None or interval < self.low:
                self.low = interval
        elif count > 1:
            self.intervals += count - 1
            self.low = 0.0
            self.high = self.high or 0.0
        self._last, self._epoch = at, epoch

    def daily_row(self, day: str, sensors: Container[int]) -> DailyRow:
        """The row to merge into `node_daily`; `sensors` holds the ids of those that there are by now."""
        series = self.series
        return DailyRow(
            day,
            series.key,
            series.node,
            series.sensor if series.sensor in sensors else None,
            series.child_id,
            series.command,
            series.type,
            series.type_name,
            self.messages,
            self.intervals,
            self.low,
            self.total / self.intervals if self.intervals else None,
            self.high,
        )


def series_key(node: int, child: int = -1, command: int = -1, type: int = -1) -> int:
    """The key of a series: of a node, of one of its children, or of one type of one command of a child.

    That of a node is `node * series_key(1)`.
    """
    return ((node * 257 + child + 1) * 6 + command + 1) * 257 + type + 1


MERGE_DAYS = """insert into node_daily
(day, series, node, sensor, child_id, command, type, type_name,
 messages, intervals, min_interval_s, avg_interval_s, max_interval_s)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (day, series) do update set
 sensor = coalesce(excluded.sensor, sensor),
 messages = messages + excluded.messages,
 min_interval_s = min(coalesce(min_interval_s, excluded.min_interval_s),
                      coalesce(excluded.min_interval_s, min_interval_s)),
 max_interval_s = max(coalesce(max_interval_s, excluded.max_interval_s),
                      coalesce(excluded.max_interval_s, max_interval_s)),
 avg_interval_s = case when intervals + excluded.intervals = 0 then null else
   (coalesce(avg_interval_s, 0) * intervals + coalesce(excluded.avg_interval_s, 0) * excluded.intervals)
   / (intervals + excluded.intervals) end,
 intervals = intervals + excluded.intervals"""
