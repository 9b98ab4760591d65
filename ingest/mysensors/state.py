"""What is known now of a node, a sensor, a channel: in memory while the daemon runs, in the tables of that name.

Ingest writes these columns and no others: `location` and `battery_changed_at` belong to people, `name` to triggers.
"""

from collections import deque
from statistics import median

from ingest.mysensors.anomalies import BURST, BURST_S, WITHOUT_RANGE, UsualRange

SAME_WAKE_S = 3.0  # messages this close belong to one waking of a node
INTERVALS, MIN_INTERVALS = 31, 3  # pauses that the usual one is the median of, and how many it takes


class RowState:
    """A row that is upserted when dirty. Subclasses name their table and columns."""

    TABLE = ""
    FIXED = ()  # the key and what never changes
    COLUMNS = ()  # what ingest keeps up to date

    def __init__(self, *fixed):
        for name, value in zip(self.FIXED, fixed):
            setattr(self, name, value)
        for name in self.COLUMNS:
            setattr(self, name, None)

    @classmethod
    def load(cls, connection):
        """Every row of the table as objects, by key."""
        names = cls.FIXED + cls.COLUMNS
        states = {}
        for row in connection.execute(f"select {', '.join(names)} from {cls.TABLE}"):
            state = cls(*row[: len(cls.FIXED)])
            for name, value in zip(cls.COLUMNS, row[len(cls.FIXED) :]):
                setattr(state, name, value)
            state.loaded()
            states[state.id] = state
        return states

    def loaded(self):
        """Called when the columns have been read from the file."""

    def reset(self):
        """The row was deleted while something of it waits to be written: what was known before is forgotten."""
        fresh = type(self)(*[getattr(self, name) for name in self.FIXED])
        fresh.first_seen_at = fresh.last_seen_at = self.last_seen_at
        vars(self).update(vars(fresh))

    def merge_imported(self, filed, pending):
        """Another program wrote the row, read as `filed`. Where nothing is `pending` here it says all there is."""
        for name in self.COLUMNS:
            found, held = getattr(filed, name), getattr(self, name)
            if held is None or not pending:
                setattr(self, name, found)
            elif name.startswith("first_") and found is not None:
                setattr(self, name, min(found, held))

    @classmethod
    def upsert(cls):
        """The statement that takes `values()`; the name at insert is a placeholder that a trigger replaces."""
        names = cls.FIXED + cls.COLUMNS
        return (
            f"insert into {cls.TABLE} (name, {', '.join(names)}) values ('', {', '.join('?' * len(names))}) "
            f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in cls.COLUMNS)}"
        )

    def values(self):
        return tuple([getattr(self, name) for name in self.FIXED + self.COLUMNS])


class NodeState(RowState):
    TABLE = "nodes"
    FIXED = ("id", "gateway", "node_id")
    COLUMNS = (
        "role",
        "sketch_name",
        "sketch_version",
        "sketch_revision",
        "protocol_version",
        "parent_node_id",
        "arc",
        "signal",
        "battery_level",
        "battery_level_at",
        "smart_sleep_ms",
        "usual_interval_s",
        "id_given_at",
        "presented_at",
        "first_seen_at",
        "last_seen_at",
    )

    def __init__(self, *fixed):
        super().__init__(*fixed)
        self.role = "gateway" if self.node_id == 0 else "node"
        self._burst, self._epoch, self._last = 0.0, None, None
        self._intervals = deque(maxlen=INTERVALS)
        self._slot, self._in_slot = None, 0

    def loaded(self):
        if self.usual_interval_s is not None:  # what was usual before a restart counts for some pauses
            self._intervals.extend([self.usual_interval_s] * (INTERVALS // 3))

    def merge_imported(self, filed, pending):
        """What it is by default gives way to what it said when it presented itself; its usual pause weighs as at a start."""
        presented, usual = self.presented_at, self.usual_interval_s
        super().merge_imported(filed, pending)
        if presented is None and filed.presented_at is not None:
            self.role = filed.role
        if usual is None:
            self.loaded()

    def record_seen(self, at, epoch):
        """The node spoke `at` (monotonic seconds): learn its usual pause from the start of one burst to the next."""
        self._last = at
        if self._epoch != epoch:
            self._burst, self._epoch = at, epoch
        elif at - self._burst > SAME_WAKE_S:
            self._intervals.append(at - self._burst)
            self._burst = at
            if len(self._intervals) >= MIN_INTERVALS:
                self.usual_interval_s = round(median(self._intervals), 1)

    def seen_since(self, since):
        """When it last spoke (monotonic seconds), if that was after `since`; else None."""
        return self._last if self._last is not None and self._last >= since else None

    def starts_burst(self, number, at):
        """`number` messages came `at` (monotonic seconds): True once in each stretch of time with too many."""
        slot = at // BURST_S
        if slot != self._slot:
            self._slot, self._in_slot = slot, 0
        before, self._in_slot = self._in_slot, self._in_slot + number
        return before <= BURST < self._in_slot


class SensorState(RowState):
    TABLE = "sensors"
    FIXED = ("id", "node", "child_id")
    COLUMNS = ("type", "type_name", "description", "first_seen_at", "last_seen_at")


class ChannelState(RowState):
    TABLE = "channels"
    FIXED = ("id", "node", "sensor", "type", "type_name")
    COLUMNS = ("value", "text", "usual", "spread", "readings", "first_at", "last_at")

    def __init__(self, *fixed):
        super().__init__(*fixed)
        self.readings = self._filed = 0
        self.usual_range = UsualRange()
        self.has_usual_range = self.type_name not in WITHOUT_RANGE
        self.hours = {}  # start of the hour -> [count, numbers, low, total, high] since the last commit

    def loaded(self):
        self.usual_range = UsualRange(self.usual, self.spread, self.readings)
        self._filed = self.readings

    def merge_imported(self, filed, pending):
        """Readings are counted here and there: both counts stay."""
        value, readings = self.value, self.readings + filed.readings - self._filed
        fresh = self.usual_range.value is None
        super().merge_imported(filed, pending)
        self.readings, self._filed = readings, filed.readings
        if pending:
            self.value = value
        if fresh:
            self.usual_range = UsualRange(filed.usual, filed.spread, filed.readings)

    def reset(self):
        self.usual_range, self.first_at = UsualRange(), self.last_at
        self.readings = sum(sums[0] for sums in self.hours.values())

    def values(self):
        self.usual, self.spread = self.usual_range.value, self.usual_range.spread
        return super().values()

    def add_reading(self, number, text, at, hour):
        """A reading `at` (UTC text) in the hour that starts at `hour`."""
        self.value, self.text, self.last_at = number, text, at
        if self.first_at is None:
            self.first_at = at
        self.readings += 1
        sums = self.hours.get(hour)
        if sums is None:
            sums = self.hours[hour] = [0, 0, None, 0.0, None]
        sums[0] += 1
        if number is not None:
            sums[1] += 1
            sums[3] += number
            if sums[2] is None or number < sums[2]:
                sums[2] = number
            if sums[4] is None or number > sums[4]:
                sums[4] = number

    def hourly_rows(self):
        """Rows to merge into `readings_hourly`."""
        for hour, (count, numbers, low, total, high) in self.hours.items():
            yield self.id, hour, count, low, total / numbers if numbers else None, high, numbers

    def committed(self):
        """The sums are in the file: start new ones."""
        self.hours = {}
        self._filed = self.readings


MERGE_HOURS = """insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers) values (?, ?, ?, ?, ?, ?, ?)
on conflict (channel, hour_at) do update set
 count = count + excluded.count,
 min = min(coalesce(min, excluded.min), coalesce(excluded.min, min)),
 max = max(coalesce(max, excluded.max), coalesce(excluded.max, max)),
 avg = case when numbers + excluded.numbers = 0 then null else
   (coalesce(avg, 0) * numbers + coalesce(excluded.avg, 0) * excluded.numbers) / (numbers + excluded.numbers) end,
 numbers = numbers + excluded.numbers"""
