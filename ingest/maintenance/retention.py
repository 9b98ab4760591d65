"""What is kept for how long: the policies, and the plan of a prune.

Raw rows go when they are old; what sums them up stays, and so does everything without a policy here. Tables
are not indexed by time, and need not be: ids rise in order of arrival, so the first row to keep is found by
binary search.

The newest row of a table always stays: ids go on rising, and what refers to a row never finds another one
there.
"""

import sqlite3
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.clock.repair import first_misdated
from ingest.db.connection import connect
from ingest.db.reserved_ids import HOLDERS
from ingest.db.rowid_search import ends, first_since
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.table_sizes import bytes_per_row

COUNTED = 200_000  # ids; in a longer range rows are not counted but estimated
DAY_S = 86_400
FARTHEST = 3653  # days: ten years are as far as the growth of some days says anything


@dataclass(frozen=True)
class Policy:
    """A table whose rows go after `days`. `at` rises with the id; the age of a row is that of `age`.

    `only` is a further condition in SQL: which of the rows go at all.
    """

    table: str
    at: str
    setting: str
    age: str = ""
    only: str = ""

    @property
    def column(self) -> str:
        """The column that the age of a row is counted from."""
        return self.age or self.at

    @property
    def condition(self) -> str:
        """SQL: rows that go, with the time before which they are old, and the time of the plan."""
        old = f"({self.column} < ? or {self.at} > ?)"
        return f"{old} and {self.only}" if self.only else old


# Events that a source may bring every minute, for years. Outages, tests and all other events stay.
FREQUENT_EVENTS = (
    "GATEWAY_LOST",
    "NODE_SILENT",
    "NODE_BACK",
    "COMMBAD",
    "TRIM",
    "BOOST",
    "BYPASS",
    "VOLTAGE",
    "AMBIENT",
    "INPUT_SOURCE",
    "ALARM",
    "VALUE",
    "NODE_BATTERY_LOW",
    "BATTERY_DUE",
    "INGEST_DOWN",
    "SITE_DOWN",
    "IDS_SHORT",
    "STRANGE_MESSAGES",
    "TARGET_FAILING",
    "PART_DIES",
)
ENDED = f"ended_at is not null and event in ({', '.join(map(repr, FREQUENT_EVENTS))})"
POLICIES = (
    Policy("messages", "received_at", "messages_days"),
    Policy("readings", "received_at", "readings_days"),
    Policy("ups_samples", "sampled_at", "ups_samples_days"),
    Policy("ups_figures", "sampled_at", "ups_samples_days"),
    Policy("polls", "started_at", "polls_days", age="ended_at"),
    Policy("rejects", "received_at", "rejects_days"),
    Policy("oddities", "at", "rejects_days"),
    Policy("events", "started_at", "events_days", age="ended_at", only=ENDED),
)
# Rows that go with those that they add up.
ADDED_UP = {"ups_minutes": "ups_samples"}


class RetentionDays(Protocol):
    """How many days rows are kept, by the name of a policy's setting; None: permanently."""

    @property
    def messages_days(self) -> int | None:
        """Days that messages are kept; the others are called in the same manner."""


@dataclass(frozen=True)
class PruneItem:
    """What goes of one table: rows with first <= id < end that are older than `before`.

    `counted`: rows is exact. `now` is when the plan was made: rows that lie behind it go, too.
    """

    policy: Policy
    days: float | None
    before: str
    now: str
    first: int
    end: int
    from_at: str | None
    to_at: str | None
    rows: int
    counted: bool
    bytes: int

    @property
    def table(self) -> str:
        """The name of the table."""
        return self.policy.table


def plan(
    connection: sqlite3.Connection, settings: RetentionDays, now: float | None = None
) -> list[PruneItem]:
    """Return an item for every table with a limit, also where nothing goes.

    Reads a few dozen rows of each.
    """
    now = time.time() if now is None else now
    limits = ((policy, getattr(settings, policy.setting)) for policy in POLICIES)
    return [
        _item(connection, policy, now - days * DAY_S, now, days)
        for policy, days in limits
        if days is not None
    ]


def days_kept(items: Sequence[PruneItem]) -> dict[str, float | None]:
    """Return the days that all rows of a table are kept, by its name; permanently where there is none."""
    days = {item.table: item.days for item in items if not item.policy.only}
    return days | {table: days[of] for table, of in ADDED_UP.items() if of in days}


def plan_before(connection: sqlite3.Connection, at: float, now: float | None = None) -> list[PruneItem]:
    """Return items for everything older than `at` (unix seconds), whatever the settings."""
    now = time.time() if now is None else now
    return [_item(connection, policy, at, now) for policy in POLICIES if not policy.only]


def _item(
    connection: sqlite3.Connection, policy: Policy, cutoff: float, now: float, days: float | None = None
) -> PruneItem:
    before, today = format_utc(max(0, cutoff)), format_utc(now)
    stretches = _stretches(connection, policy, before, today)
    if not stretches:
        return PruneItem(policy, days, before, today, 0, 0, None, None, 0, True, 0)
    first, end = min(low for low, _ in stretches), max(end for _, end in stretches)
    counted = end - first <= COUNTED
    if counted:
        rows, from_at, to_at = connection.execute(
            f"select count(*), min({policy.at}), max({policy.at}) from {policy.table} "
            f"where id >= ? and id < ? and {policy.condition}",
            (first, end, before, today),
        ).fetchone()
    else:
        rows = sum(end - low for low, end in stretches)
        times = [at for stretch in stretches for at in _times_at_ends(connection, policy, stretch)]
        from_at, to_at = min(times, default=None), max(times, default=None)
    size = round(rows * bytes_per_row(connection, policy.table)) if rows else 0
    return PruneItem(policy, days, before, today, first, end, from_at, to_at, rows, counted, size)


def _stretches(
    connection: sqlite3.Connection, policy: Policy, before: str, now: str
) -> list[tuple[int, int]]:
    """Ranges of ids (first, end behind the last) in which rows may be older than `before`.

    Times rise in what came live, and in each import; an import's rows may be younger than those of the next
    ids, so that each has a range of its own. None is empty; in an empty table there is none.
    """
    low, high = ends(connection, policy.table)
    if low is None or high is None:
        return []
    imported = connection.execute(
        "select first_id, last_id + 1 from imports where numbers = ? and last_id is not null order by 1 desc",
        (HOLDERS.get(policy.table),),
    ).fetchall()
    live = max([low, *(end for _, end in imported)])
    found = []
    for start, stop in ((live, high), *imported):
        end = min(first_since(connection, policy.table, policy.at, before, now, (start, stop)), high)
        if end > start:
            found.append((max(start, low), end))
    # Rows that a wrong clock stamped may be younger than they look, until they are shifted.
    misdated = first_misdated(connection, policy.table, parse_utc(before))
    return [(start, int(min(end, misdated))) for start, end in found if min(end, misdated) > start]


def _times_at_ends(connection: sqlite3.Connection, policy: Policy, stretch: tuple[int, int]) -> Iterator[str]:
    """The times of the first and the last row of a stretch of ids."""
    for order in ("asc", "desc"):
        row = connection.execute(
            f"select {policy.at} from {policy.table} where id >= ? and id < ? order by id {order} limit 1",
            stretch,
        ).fetchone()
        if row is not None:
            yield row[0]


def forecast(
    rows_a_day: float, bytes_a_row: float, rows: int, days: float | None, ahead_days: int = 365
) -> int:
    """Return the bytes of a table `ahead_days` from now, if it grows as in the last days.

    `days` that rows are kept, or None.
    """
    later = rows + rows_a_day * ahead_days
    return round(bytes_a_row * (later if days is None else min(later, max(rows, rows_a_day * days))))


class GrowingTable(NamedTuple):
    """What the forecast of a table needs; `days` that its rows are kept, or None."""

    rows_a_day: float
    bytes_a_row: float
    rows: int
    days: float | None


def days_until_full(tables: Sequence[GrowingTable], free: int) -> int | None:
    """Return after how many days tables that grow as in the last days have taken `free` bytes.

    None: not within FARTHEST days. A table that is pruned stops growing once it is as old as its rows get.
    """

    def growth(days: int) -> float:
        return sum(forecast(*one, days) - forecast(*one, 0) for one in tables)

    if growth(FARTHEST) < free:
        return None
    return bisect_left(range(FARTHEST), float(free), key=growth)


def describe_item(item: PruneItem) -> str:
    """Return an item as text: `messages older than 30 days: about 1,200 rows, about 0.3 MB, ...`."""
    table = f"frequent {item.table}" if item.policy.only else item.table
    what = f"{table} older than {item.days} days" if item.days else f"{table} before {item.before}"
    if not item.rows:
        return f"{what}: nothing"
    rows = f"{'' if item.counted else 'about '}{count_rows(item.rows)}"
    return f"{what}: {rows}, about {item.bytes / 1e6:,.1f} MB, from {item.from_at} to {item.to_at}"


def count_rows(number: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def read_plan(path: Path, settings: RetentionDays) -> list[PruneItem]:
    """Return the plan of a file, read without a lock."""
    with closing(connect(path, readonly=True)) as connection:
        return plan(connection, settings)
