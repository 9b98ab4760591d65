"""How long a node is usually silent: its gaps of 14 days on a logarithmic scale, kept a day at a time.

A gap is the time from one waking of a node to the next, as far as its gateway was connected and read. The
limit that follows is the view `silence_limits` (`ingest.schema.silence`), which pages and events go by.
"""

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from ingest.db.time import format_utc

WINDOW_DAYS = 14
LEAST_S = 600  # no node counts as silent before this
UNKNOWN_S = 86_400  # the limit of a node of which too little is known
FACTOR = 1.5  # times the longest usual gap
QUANTILE = 0.99  # of the gaps are no longer than the longest usual one
ENOUGH_GAPS, ENOUGH_LIMITS = (
    100,
    10,
)  # it is known from so many gaps in so many times the limit, or from a day
ONCE_DAYS = (3, 7)  # of so many days one, and then two, have a longest gap that is not usual
BINS = 16  # of a doubling: a bin is 4.4 % wide
LONG_S, KEPT_S = 600.0, 3600.0  # gaps this long are written at once, the others once an hour


class GapRow(NamedTuple):
    """A row to merge into `node_gaps`: gaps of a node on a day whose lengths lie in the same bin."""

    node: int
    day: str
    bin: int
    gaps: int
    seconds: float
    longest_s: float


@dataclass(slots=True)
class GatewayClock:
    """The time that a gateway was connected and read, in seconds: gaps and silence are counted in it."""

    started: float = 0.0  # when it was first heard, monotonic seconds
    last: float = 0.0
    missing: float = 0.0
    _epoch: object = None

    def heard(self, at: float, epoch: object) -> float:
        """Take a block of messages `at` (monotonic seconds) in the connection `epoch`; return its time."""
        if self._epoch is None:
            self.started = at
        elif self._epoch != epoch:
            self.missing += at - self.last
        self.last, self._epoch = at, epoch
        return at - self.missing

    def silence(self, now: float, last: float | None) -> float:
        """The silence of a node at `now` (monotonic seconds) that was `last` heard at this time, or never."""
        return now - self.missing - (self.started if last is None else last)


@dataclass(slots=True)
class GapCounts:
    """Gaps of a node that wait to be written: those of today, and those of the day that has ended."""

    _bins: dict[int, tuple[int, float, float]] = field(default_factory=dict)  # -> gaps, seconds, longest
    _ended: list[GapRow] = field(default_factory=list)
    _written: float | None = None  # time of the gateway
    due: bool = False

    def add(self, gap: float, at: float) -> None:
        """Count a gap that ended `at` (time of the gateway)."""
        number = bin_of(gap)
        gaps, seconds, longest = self._bins.get(number, (0, 0.0, 0.0))
        self._bins[number] = gaps + 1, seconds + gap, max(gap, longest)
        if self._written is None:
            self._written = at - gap
        if gap >= LONG_S or at - self._written >= KEPT_S:
            self.due, self._written = True, at

    def end_day(self, node: int, day: str) -> None:
        """Gaps from now on are of another day."""
        self._ended += [GapRow(node, day, number, *counted) for number, counted in self._bins.items()]
        self._bins, self.due = {}, bool(self._ended)

    def take(self, node: int, day: str) -> list[GapRow]:
        """Rows of what waits; then nothing waits."""
        self.end_day(node, day)
        rows, self._ended, self.due = self._ended, [], False
        return rows


class UsualGap(NamedTuple):
    """The longest usual gap of a node, None while too little is known, and what it was found from."""

    seconds: float | None
    gaps: int


def bin_of(gap: float) -> int:
    """The number of the bin of a gap in seconds."""
    return math.floor(BINS * math.log2(gap))


def limit_of(gap: float) -> float:
    """Seconds of silence after which a node with this longest usual gap is silent."""
    return max(LEAST_S, FACTOR * gap)


def usual_gap(rows: Sequence[GapRow]) -> UsualGap:
    """The longest usual gap in these rows of one node: 99 of 100 are no longer, and none recurs that is.

    A sensor of movement is lively for minutes and quiet every night: among so many short gaps the night is
    less than one in a hundred. So the longest gap of a day is usual where other days have such ones: the
    third longest of them within a week or more, the second longest within three days, the longest before.
    """
    gaps, observed = sum(row.gaps for row in rows), sum(row.seconds for row in rows)
    if not gaps:
        return UsualGap(None, 0)
    longest: dict[str, float] = {}  # of each day
    for row in rows:
        longest[row.day] = max(row.longest_s, longest.get(row.day, 0.0))
    ranked = sorted(longest.values(), reverse=True)
    once = sum(len(ranked) >= days for days in ONCE_DAYS)
    usual = round(max(quantile(rows, math.ceil(QUANTILE * gaps)), ranked[once]), 1)
    enough = gaps >= ENOUGH_GAPS and observed >= ENOUGH_LIMITS * limit_of(usual)
    known = enough or observed >= UNKNOWN_S
    return UsualGap(usual if known else None, gaps)


def quantile(rows: Sequence[GapRow], rank: int) -> float:
    """The longest gap in the bin of the gap with this rank, counted from the shortest."""
    bins: dict[int, tuple[int, float]] = {}
    for row in rows:
        gaps, longest = bins.get(row.bin, (0, 0.0))
        bins[row.bin] = gaps + row.gaps, max(longest, row.longest_s)
    counted = accumulate(bins[number][0] for number in sorted(bins))
    return next(bins[number][1] for number, gaps in zip(sorted(bins), counted, strict=True) if gaps >= rank)


MERGE = """insert into node_gaps (node, day, bin, gaps, seconds, longest_s) select ?1, ?2, ?3, ?4, ?5, ?6
where exists (select 1 from nodes where id = ?1)
on conflict (node, day, bin) do update set gaps = gaps + excluded.gaps, seconds = seconds + excluded.seconds,
 longest_s = max(longest_s, excluded.longest_s)"""
FORGET = f"""delete from node_gaps where node = :node and day <= date((select max(day) from node_gaps
where node = :node), '-{WINDOW_DAYS} days')"""


def save_gaps(connection: sqlite3.Connection, rows: Sequence[GapRow]) -> set[str]:
    """Merge rows inside the open transaction, and what is usual then; returns the topics that changed."""
    connection.executemany(MERGE, rows)
    refresh_usual_gaps(connection, {row.node for row in rows})
    return {"nodes"} if rows else set()


def refresh_usual_gaps(connection: sqlite3.Connection, nodes: Iterable[int]) -> None:
    """Find anew what is usual for these nodes; gaps from before the last 14 days with gaps are forgotten."""
    for node in nodes:
        connection.execute(FORGET, {"node": node})
        rows = connection.execute(
            "select node, day, bin, gaps, seconds, longest_s from node_gaps where node = ?", (node,)
        )
        found = usual_gap([GapRow(*row) for row in rows])
        connection.execute("update nodes set usual_gap_s = ?, usual_gaps = ? where id = ?", (*found, node))


def first_day(now: float) -> str:
    """The first day of the window that ends at `now` (unix seconds): older gaps need not be stored."""
    return format_utc(now - WINDOW_DAYS * 86_400)[:10]
