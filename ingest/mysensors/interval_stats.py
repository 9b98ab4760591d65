"""Counting messages and the pauses between them, a day at a time, for rows of `node_daily`."""


class IntervalStats:
    """Messages of one series since the last commit, and the pauses between them in seconds.

    A pause is only measured between two messages of one connection: what passed while nobody listened is no pause.
    """

    __slots__ = ("_epoch", "_last", "high", "intervals", "low", "messages", "row", "total")

    def __init__(self, row):
        self.row = row  # series, node, sensor if the child is one, child_id, command, type, type_name
        self._last, self._epoch = 0.0, None
        self.clear()

    def clear(self):
        """Forget the counts, not the time of the last message."""
        self.messages = self.intervals = 0
        self.low = self.high = None
        self.total = 0.0

    def forget_last(self):
        """The node was deleted: the next message is the first one."""
        self._epoch = None

    def add(self, count, at, epoch):
        """`count` messages were read together `at` (monotonic seconds) in the connection numbered `epoch`."""
        self.messages += count
        if self._epoch == epoch:
            pause = at - self._last
            self.total += pause
            self.intervals += count
            if self.high is None or pause > self.high:
                self.high = pause
            if count > 1:
                pause = 0.0  # the others came in the same read
            if self.low is None or pause < self.low:
                self.low = pause
        elif count > 1:
            self.intervals += count - 1
            self.low = 0.0
            self.high = self.high or 0.0
        self._last, self._epoch = at, epoch

    def values(self, day, sensors):
        """The row to merge into `node_daily`; `sensors` are the ids of those that there are by now."""
        series, node, sensor, *rest = self.row
        average = self.total / self.intervals if self.intervals else None
        known = sensor if sensor in sensors else None
        return (day, series, node, known, *rest, self.messages, self.intervals, self.low, average, self.high)


def series_key(node, child=-1, command=-1, type=-1):
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
