"""Rows that a wrong clock stamped are shifted to the time at which they came: first a plan, then its rows.

The offset of a boot's clock is that of the stretch that NTP or a user confirmed, else that of its last one
where nothing contradicted it. The rows of every other stretch of that boot are off by the difference. Rows
are chosen by their ids, and in the commit with which a stretch begins by their times as well.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from ingest.clock.stretches import STAMPED, Stretch, read_stretches
from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.reserved_ids import HOLDERS
from ingest.db.time import format_utc

LEAST_S = 5.0  # a smaller difference is no step
NEAR_S = 3600.0  # rows of a stretch lie so near to its times, at the most
# Rows of the commit with which a stretch begins that bear its time: the clock is read just before its rows
# are taken.
AROUND_S = 1.0
LATE_S = 86_400.0  # of a stretch that ended with the machine only the last note is known
BATCH = 5_000  # ids in a transaction
SHIFTED = "strftime('%Y-%m-%dT%H:%M:%fZ', {column}, ?1)"


class Shift(NamedTuple):
    """The rows of a stretch, and the seconds by which they are to be shifted. `rows`: table -> how many."""

    stretch: Stretch
    before: Stretch | None  # the stretch of the same boot before it
    after: Stretch | None
    seconds: float
    rows: dict[str, int]


def plan_shifts(connection: sqlite3.Connection) -> list[Shift]:
    """Return a Shift for each stretch whose clock is known to have been wrong, and was not shifted yet."""
    found = []
    for boot in _boots(connection):
        right = right_offset(boot)
        if right is None:
            continue
        for number, stretch in enumerate(boot):
            before = boot[number - 1] if number else None
            after = boot[number + 1] if number + 1 < len(boot) else None
            seconds = right - stretch.offset
            if abs(seconds) > LEAST_S and stretch.last_ids is not None and stretch.shifted is None:
                shift = Shift(stretch, before, after, round(seconds, 3), {})
                rows = {table: _count(connection, shift, table) for table in STAMPED}
                found.append(shift._replace(rows={table: number for table, number in rows.items() if number}))
    return found


def first_misdated(connection: sqlite3.Connection, table: str, since: float) -> float:
    """Return the lowest id in `table` that a wrong clock may have stamped at `since` (unix seconds) or later.

    Infinity where there is none. Such rows look older or younger than they are until they are shifted. Where
    the right time of a stretch is not known, it ended before the next one whose time is.
    """
    found, next_began = math.inf, math.inf
    for boot in reversed(_boots(connection)):
        right = right_offset(boot)
        for stretch in reversed(boot):
            off = None if right is None else right - stretch.offset
            until = next_began if off is None else stretch.until + off
            is_wrong = (off is None or abs(off) > LEAST_S) and stretch.shifted is None
            if is_wrong and until >= since:
                found = min(found, stretch.first_ids.get(table, 1))
            next_began = next_began if off is None else stretch.began + off
    return found


def _boots(connection: sqlite3.Connection) -> list[list[Stretch]]:
    return [
        list(group) for _, group in groupby(read_stretches(connection), key=lambda stretch: stretch.boot_id)
    ]


def right_offset(boot: Sequence[Stretch]) -> float | None:
    """The offset of the right clock in the stretches of one boot, None where that is not known. Pure."""
    confirmed = [stretch.offset for stretch in boot if stretch.confirmed_by]
    if confirmed:
        return confirmed[-1]
    return boot[-1].offset if boot[-1].confirmed_by is not None else None


def describe_shift(shift: Shift) -> str:
    """Return a shift as text."""
    rows = ", ".join(f"{count:,} of {table}" for table, count in shift.rows.items()) or "no rows"
    began, until = (format_utc(at)[:19] for at in (shift.stretch.began, shift.stretch.until))
    return f"from {began} to {until} the clock was off by {-shift.seconds:+,.1f} s: {rows}"


def apply_shift(connection: sqlite3.Connection, shift: Shift) -> int:
    """Shift the rows of a plan, in short transactions; return how many.

    A row that was shifted lies outside of the times of its stretch, so that a run that was cut off goes on.
    """
    shifted = 0
    for table in STAMPED:
        first, last = _ids(shift, table)
        for low in range(first, last + 1, BATCH):
            with transaction(connection):
                shifted += _shift(connection, shift, table, low, min(last, low + BATCH - 1))
    with transaction(connection):
        connection.execute(
            "update clock_stretches set shifted_s = ? where id = ?", (shift.seconds, shift.stretch.id)
        )
        raise_topics(connection, ("clock_stretches", *STAMPED))
    return shifted


def _ids(shift: Shift, table: str) -> tuple[int, int]:
    assert shift.stretch.last_ids is not None
    return shift.stretch.first_ids.get(table, 1), shift.stretch.last_ids.get(table, 0)


def _count(connection: sqlite3.Connection, shift: Shift, table: str) -> int:
    where, values = _condition(shift, table)
    ids = _ids(shift, table)
    return int(
        connection.execute(
            f"select count(*) from {table} where id between ?2 and ?3 and {where}", (None, *ids, *values)
        ).fetchone()[0]
    )


def _shift(connection: sqlite3.Connection, shift: Shift, table: str, low: int, high: int) -> int:
    where, values = _condition(shift, table)
    sets = [f"{column} = {SHIFTED.format(column=column)}" for column in STAMPED[table]]
    if table == "events":
        original = "json_object('started_at', started_at, 'ended_at', ended_at)"
        original = f"json(coalesce(json_extract(figures, '$.original'), {original}))"
        corrected = f"'$.clock_corrected_s', {shift.seconds}"
        sets.append(f"figures = json_set(figures, '$.original', {original}, {corrected})")
    return connection.execute(
        f"update {table} set {', '.join(sets)} where id between ?2 and ?3 and {where}",
        (f"{shift.seconds:+.3f} seconds", low, high, *values),
    ).rowcount


def _condition(shift: Shift, table: str) -> tuple[str, list[object]]:
    """SQL, with its values from ?4 on: rows in the range of ids that bear the time of a stretch."""
    values: list[object] = []

    def value(one: object) -> str:
        values.append(one)
        return f"?{len(values) + 3}"

    stretch, parts = shift.stretch, []
    low = value(format_utc(stretch.began - _near(stretch, shift.before)))
    high = value(format_utc(stretch.until + (_near(stretch, shift.after) if shift.after else LATE_S)))
    for column in STAMPED[table]:
        parts.append(f"{column} between {low} and {high}")
        if shift.before is not None and shift.before.last_ids is not None:
            last = value(shift.before.last_ids.get(table, 0))
            parts.append(f"(id > {last} or {_begins(column, stretch, shift.before, value)})")
        if shift.after is not None:
            first = value(shift.after.first_ids.get(table, 1))
            parts.append(f"(id < {first} or not {_begins(column, shift.after, stretch, value)})")
    if table in HOLDERS:
        parts.append(
            f"not exists (select 1 from imports where numbers = {value(HOLDERS[table])} "
            f"and {table}.id between first_id and last_id)"
        )
    return " and ".join(parts), values


def _begins(column: str, stretch: Stretch, before: Stretch, value: Callable[[object], str]) -> str:
    """SQL: a row of the commit with which a stretch begins bears its time, not that of the stretch before."""
    near = min(_near(stretch, before), AROUND_S)
    low, high = (value(format_utc(at)) for at in (stretch.began - near, stretch.began + near))
    return f"({column} between {low} and {high})"


def _near(stretch: Stretch, other: Stretch | None) -> float:
    """How near to a step its rows lie: half of it, so that they are on their side of it."""
    return NEAR_S if other is None else min(NEAR_S, abs(stretch.offset - other.offset) / 2)


def total_rows(shifts: Iterable[Shift]) -> int:
    """How many rows a plan shifts."""
    return sum(sum(shift.rows.values()) for shift in shifts)
