"""The present state of nodes, sensors and channels: in memory while the daemon runs, and in their tables.

Ingest writes these columns and no others: `location` and `battery_changed_at` belong to users, `name` to
triggers.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from typing import ClassVar, Self

from ingest.db.bulk_insert import Value
from ingest.mysensors.anomalies import BURST, BURST_S, UsualRange
from ingest.mysensors.battery_reports import BatteryReports
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.mysensors.silence import GapCounts
from ingest.mysensors.value_types import parse_value, value_kind
from ingest.mysensors.verdicts import ReadingRule

SAME_WAKE_S = 3.0  # messages this close belong to one waking of a node
INTERVALS, MIN_INTERVALS = 31, 3  # intervals that the usual one is the median of, and how many it takes

HourlyRow = tuple[int, str, int, float | None, float | None, float | None, int]


class RowState(ABC):
    """A row that is upserted when dirty. Subclasses are dataclasses that name its table and its columns.

    A field without a default never changes (FIXED); one with a default is kept up to date (COLUMNS).
    """

    TABLE: ClassVar[str]
    FIXED: ClassVar[tuple[str, ...]]
    COLUMNS: ClassVar[tuple[str, ...]]
    LIVE: ClassVar[frozenset[str]] = frozenset()  # columns that no import writes
    id: int

    def __init_subclass__(cls, table: str) -> None:
        cls.TABLE = table
        cls.FIXED = tuple(name for name in cls.__annotations__ if not hasattr(cls, name))
        cls.COLUMNS = tuple(name for name in cls.__annotations__ if hasattr(cls, name))
        names = cls.FIXED + cls.COLUMNS
        cls._row = attrgetter(*names)
        # The name at insert is a placeholder that a trigger replaces.
        cls.UPSERT = (
            f"insert into {table} (name, {', '.join(names)}) values ('', {', '.join('?' * len(names))}) "
            f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in cls.COLUMNS)}"
        )

    UPSERT: ClassVar[str]  # takes `values()`
    _row: ClassVar[Callable[[object], tuple[Value, ...]]]

    @classmethod
    def load(cls, connection: sqlite3.Connection, where: str = "1", *values: Value) -> dict[int, Self]:
        """The rows of the table, all or those of a condition, by id."""
        names = ", ".join(cls.FIXED + cls.COLUMNS)
        rows = connection.execute(f"select {names} from {cls.TABLE} where {where}", values)
        return {row[0]: cls(*row) for row in rows}

    @abstractmethod
    def reset(self) -> None:
        """Forget what was known: the row was deleted while something of it waits to be written."""

    def merge_imported(self, filed: Self, pending: bool) -> None:
        """Take over what an import wrote, read as `filed`; all of it where nothing is `pending` here."""
        for name in self.COLUMNS:
            found, held = getattr(filed, name), getattr(self, name)
            if held is None or not pending:
                setattr(self, name, found)
            elif name.startswith("first_") and found is not None:
                setattr(self, name, min(found, held))

    def values(self) -> tuple[Value, ...]:
        """The row, as UPSERT takes it."""
        return type(self)._row(self)

    def committed(self) -> None:
        """Called when the row is in the file; most have nothing to do then."""
        return


@dataclass(eq=False)
class NodeState(RowState, table="nodes"):
    """A node. `usual_interval_s`, `smart_sleep_ms`, `windows` are learned from it, `*_at` are UTC texts."""

    LIVE = frozenset({"windows"})

    id: int
    gateway: int
    node_id: int
    role: str = "node"
    sketch_name: str | None = None
    sketch_version: str | None = None
    sketch_revision: int | None = None
    protocol_version: str | None = None
    parent_node_id: int | None = None
    arc: int | None = None
    signal: int | None = None
    battery_level: float | None = None
    battery_level_at: str | None = None
    battery_refused: str | None = None
    battery_refused_at: str | None = None
    smart_sleep_ms: int | None = None
    windows: int = 0
    usual_interval_s: float | None = None
    id_given_at: str | None = None
    presented_at: str | None = None
    first_seen_at: str | None = None
    last_seen_at: str | None = None

    def __post_init__(self) -> None:
        if self.node_id == GATEWAY_NODE:
            self.role = "gateway"
        self._wake = 0.0  # monotonic seconds of the first message since it woke
        self._epoch: object = None
        self.last_at: float | None = None  # when it was last heard since the start, monotonic seconds
        self.last_heard: float | None = None  # the same as time of the gateway
        self.gaps = GapCounts()
        self._woke_heard, self._has_woken = float("-inf"), False
        # The usual interval before a restart counts for some intervals.
        known = [] if self.usual_interval_s is None else [self.usual_interval_s] * (INTERVALS // 3)
        self._intervals = deque(known, maxlen=INTERVALS)
        self._has_new_interval = False  # the usual one is found when the row is written
        self._slot: float | None = None
        self._in_slot = 0

    def reset(self) -> None:
        """Forget what was known but when it was seen last."""
        seen_at = self.last_seen_at
        fresh = NodeState(self.id, self.gateway, self.node_id, first_seen_at=seen_at, last_seen_at=seen_at)
        vars(self).update(vars(fresh))

    def merge_imported(self, filed: Self, pending: bool) -> None:
        """The same; a presented role wins over one by default, the usual interval weighs as after a start."""
        self._find_usual_interval()
        presented, usual = self.presented_at, self.usual_interval_s
        battery = self._battery().merged(filed._battery())
        super().merge_imported(filed, pending)
        if pending:
            self.battery_level, self.battery_level_at = battery.level, battery.level_at
            self.battery_refused, self.battery_refused_at = battery.refused, battery.refused_at
        if presented is None and filed.presented_at is not None:
            self.role = filed.role
        if usual is None:
            self._intervals.extend(filed._intervals)

    def _battery(self) -> BatteryReports:
        return BatteryReports(
            self.battery_level, self.battery_level_at, self.battery_refused, self.battery_refused_at
        )

    def record_seen(self, at: float, epoch: object, heard: float) -> None:
        """Note a message `at` (monotonic seconds): the usual interval is from one waking to the next.

        `epoch` is that of the connection: an interval lies within one. A gap may lie in several: `heard` is
        the time of the gateway.
        """
        self.last_at, self.last_heard = at, heard
        gap = heard - self._woke_heard
        if gap > SAME_WAKE_S:
            if self._has_woken:
                self.gaps.add(gap, heard)
            self._woke_heard, self._has_woken = heard, True
        if self._epoch != epoch:
            self._wake, self._epoch = at, epoch
        elif at - self._wake > SAME_WAKE_S:
            self._intervals.append(at - self._wake)
            self._wake = at
            self._has_new_interval = True

    def values(self) -> tuple[Value, ...]:
        """The row, as UPSERT takes it, with the usual interval of now."""
        self._find_usual_interval()
        return super().values()

    def _find_usual_interval(self) -> None:
        if self._has_new_interval and len(self._intervals) >= MIN_INTERVALS:
            self.usual_interval_s = round(median(self._intervals), 1)
        self._has_new_interval = False

    def starts_burst(self, number: int, at: float) -> bool:
        """Count `number` messages `at` (monotonic seconds): True once in each BURST_S with too many."""
        slot = at // BURST_S
        if slot != self._slot:
            self._slot, self._in_slot = slot, 0
        before, self._in_slot = self._in_slot, self._in_slot + number
        return before <= BURST < self._in_slot


@dataclass(eq=False)
class SensorState(RowState, table="sensors"):
    """A child of a node."""

    id: int
    node: int
    child_id: int
    type: int | None = None
    type_name: str | None = None
    description: str | None = None
    first_seen_at: str | None = None
    last_seen_at: str | None = None

    def reset(self) -> None:
        """Forget what was known but when it was seen last."""
        self.type = self.type_name = self.description = None
        self.first_seen_at = self.last_seen_at


@dataclass(eq=False)
class ChannelState(RowState, table="channels"):
    """One type of value of a sensor: its last value, its usual range, and the sums of hours that wait.

    `value`, `text`, `last_at` are of the last reading that counts, `readings` is the number of those;
    `refused_*` are of the newest report where that does not count.
    """

    LIVE = frozenset({"wanted", "wanted_at", "wanted_order", "wanted_newer"})

    id: int
    node: int
    sensor: int
    type: int
    type_name: str
    value: float | None = None
    text: str | None = None
    usual: float | None = None
    spread: float | None = None
    readings: int = 0
    first_at: str | None = None
    last_at: str | None = None
    refused_text: str | None = None
    refused_at: str | None = None
    refused_reason: str | None = None
    wanted: str | None = None
    wanted_at: str | None = None
    wanted_order: int | None = None
    wanted_newer: int = 0

    def __post_init__(self) -> None:
        self._filed = self.readings  # of these, the ones that the file has
        usual = UsualRange(self.usual, self.spread, self.readings)
        self.rule = ReadingRule(self.type, self.type_name, usual, self.value)
        self.is_assessed = self.rule.is_needed
        self.kind = value_kind(self.type).value
        self.hours: dict[str, HourSums] = {}  # by the start of the hour, since the last commit

    def merge_imported(self, filed: Self, pending: bool) -> None:
        """The same; readings are counted here and by the import, and both counts stay."""
        value, readings = self.value, self.readings + filed.readings - self._filed
        refused = self.refused_text, self.refused_at, self.refused_reason
        fresh = self.rule.usual.value is None
        super().merge_imported(filed, pending)
        self.readings, self._filed = readings, filed.readings
        if pending:
            self.value = value
            self.refused_text, self.refused_at, self.refused_reason = refused
        if fresh:
            self.rule.usual = UsualRange(filed.usual, filed.spread, filed.readings)
        if self.value is not None:
            self.rule.last = self.value

    def merge_marked(self, filed: Self, pending: bool) -> None:
        """Take over what the file says since readings of it were marked wrong, or right again.

        What is `pending` here came after them.
        """
        self.readings, self._filed = self.readings + filed.readings - self._filed, filed.readings
        if not self.hours:
            self.value, self.text, self.last_at = filed.value, filed.text, filed.last_at
            self.first_at = filed.first_at
            self.rule.last = filed.value
            self.rule.usual = UsualRange(filed.usual, filed.spread, filed.readings)
        if not pending:
            self.refused_text, self.refused_at = filed.refused_text, filed.refused_at
            self.refused_reason = filed.refused_reason

    def want(self, value: str, at: str, order: int) -> None:
        """Take the value of an order (`outbox.id`), placed `at` (UTC text): newer than the last report."""
        self.wanted, self.wanted_at, self.wanted_order, self.wanted_newer = value, at, order, 1

    def reset(self) -> None:
        """Forget what was known but the readings that wait."""
        self.rule.usual, self.first_at = UsualRange(), self.last_at
        self.wanted = self.wanted_at = self.wanted_order = None
        self.wanted_newer = 0
        self.readings = sum(sums.count for sums in self.hours.values())

    def values(self) -> tuple[Value, ...]:
        """The row, as UPSERT takes it."""
        self.usual, self.spread = self.rule.usual.value, self.rule.usual.spread
        return super().values()

    def add_reading(self, number: float | None, text: str, at: str, hour: str) -> None:
        """Take a reading `at` (UTC text) in the hour that starts at `hour`; `number` is None for a text."""
        self.value, self.text, self.last_at = number, text, at
        self.wanted_newer = 0
        if self.first_at is None:
            self.first_at = at
        if self.refused_at is not None:
            self.refused_text = self.refused_at = self.refused_reason = None
        self.readings += 1
        sums = self.hours.get(hour)
        if sums is None:
            sums = self.hours[hour] = HourSums()
        sums.count += 1
        if number is not None:
            sums.numbers += 1
            sums.total += number
            if sums.low is None or number < sums.low:
                sums.low = number
            if sums.high is None or number > sums.high:
                sums.high = number

    def set_last(self, text: str, at: str | None, known: ReadingRule | None = None) -> str | None:
        """Take the last value that another program knows; returns why it does not count, or None.

        `known` is the rule of the channel as its readings have taught it. No usual value is learned here.
        """
        number, rule = (
            parse_value(self.type, text),
            known or ReadingRule(self.type, self.type_name, UsualRange()),
        )
        wrong = rule.assess(number, text).wrong if self.is_assessed else None
        if wrong is None:
            self.value, self.text, self.first_at, self.last_at = number, text, at, at
        else:
            self.refuse(text, at, wrong)
        return wrong

    def refuse(self, text: str, at: str | None, reason: str) -> None:
        """Take a report that does not count, and why."""
        self.refused_text, self.refused_at, self.refused_reason = text, at, reason

    def hourly_rows(self) -> Iterator[HourlyRow]:
        """Rows to merge into `readings_hourly`."""
        for hour, sums in self.hours.items():
            average = sums.total / sums.numbers if sums.numbers else None
            yield self.id, hour, sums.count, sums.low, average, sums.high, sums.numbers

    def committed(self) -> None:
        """The sums are in the file: start new ones."""
        self.hours = {}
        self._filed = self.readings


@dataclass(slots=True)
class HourSums:
    """Readings of one channel in one hour; `numbers` of them are numbers, which the rest is about."""

    count: int = 0
    numbers: int = 0
    low: float | None = None
    total: float = 0.0
    high: float | None = None


MERGE_HOURS = """insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (channel, hour_at) do update set
 count = count + excluded.count,
 min = min(coalesce(min, excluded.min), coalesce(excluded.min, min)),
 max = max(coalesce(max, excluded.max), coalesce(excluded.max, max)),
 avg = case when numbers + excluded.numbers = 0 then null else
   (coalesce(avg, 0) * numbers + coalesce(excluded.avg, 0) * excluded.numbers)
   / (numbers + excluded.numbers) end,
 numbers = numbers + excluded.numbers"""
