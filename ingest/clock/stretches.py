"""Stretches of the wall clock: from a boot, or from a step of the clock, to the next step.

All that is recorded in a stretch bears the time of one clock, right or wrong by the same amount throughout.
Which rows those are is known by their ids: those of a wrong clock may bear the times of right rows.
"""

import json
import sqlite3
from typing import NamedTuple

from ingest.clock.belief import Belief
from ingest.clock.reading import ClockReading
from ingest.db.time import format_utc, parse_utc

# The tables whose rows are stamped as they come, with ids that rise, and the columns with their times.
STAMPED = {
    "messages": ("received_at",),
    "readings": ("received_at",),
    "battery_levels": ("received_at",),
    "rejects": ("received_at",),
    "oddities": ("at",),
    "ups_samples": ("sampled_at",),
    "ups_figures": ("sampled_at",),
    "ups_variable_changes": ("changed_at",),
    "polls": ("started_at", "ended_at"),
    "events": ("started_at", "ended_at"),
}
Ids = dict[str, int]  # table -> id


class Stretch(NamedTuple):
    """A row of `clock_stretches`. Times are unix seconds by its own clock; `last_ids` None: it goes on.

    `confirmed_by` is '' where nothing contradicted its clock, None where that was suspect.
    """

    id: int
    boot_id: str
    offset: float
    began: float
    until: float
    confirmed_by: str | None
    first_ids: Ids
    last_ids: Ids | None
    shifted: float | None


def read_stretches(connection: sqlite3.Connection) -> list[Stretch]:
    """Return all stretches, in order of time."""
    rows = connection.execute(
        "select id, boot_id, offset_s, began_at, until_at, confirmed_by, first_ids, last_ids, shifted_s "
        "from clock_stretches order by id"
    )
    return [_stretch(*row) for row in rows]


def read_present_stretch(connection: sqlite3.Connection) -> Stretch | None:
    """Return the stretch that goes on, or None in a file that has none."""
    row = connection.execute(
        "select id, boot_id, offset_s, began_at, until_at, confirmed_by, first_ids, last_ids, shifted_s "
        "from clock_stretches where last_ids is null order by id desc limit 1"
    ).fetchone()
    return None if row is None else _stretch(*row)


def _stretch(
    id: int,
    boot_id: str,
    offset: float,
    began_at: str,
    until_at: str,
    confirmed_by: str | None,
    first_ids: str,
    last_ids: str | None,
    shifted: float | None,
) -> Stretch:
    last = None if last_ids is None else json.loads(last_ids)
    began, until, first = parse_utc(began_at), parse_utc(until_at), json.loads(first_ids)
    return Stretch(id, boot_id, offset, began, until, confirmed_by, first, last, shifted)


def newest_ids(connection: sqlite3.Connection) -> Ids:
    """Return the newest id of each table of STAMPED, 0 for an empty one."""
    return {
        table: connection.execute(f"select coalesce(max(id), 0) from {table}").fetchone()[0]
        for table in STAMPED
    }


def confirmation(belief: Belief) -> str | None:
    """What `confirmed_by` of a stretch is by this belief. A clock that is behind the witness is wrong."""
    return None if belief.witness is None else belief.witness.confirmed_by


def begin_stretch(
    connection: sqlite3.Connection, reading: ClockReading, confirmed_by: str | None, after: Ids
) -> int:
    """Insert a stretch whose rows have ids above `after`, inside a transaction; return its id."""
    at = format_utc(reading.wall)
    cursor = connection.execute(
        "insert into clock_stretches (boot_id, offset_s, began_at, until_at, confirmed_by, first_ids) "
        "values (?, ?, ?, ?, ?, ?)",
        (
            reading.boot_id,
            round(reading.offset, 3),
            at,
            at,
            confirmed_by,
            json.dumps({table: id + 1 for table, id in after.items()}),
        ),
    )
    return int(cursor.lastrowid or 0)


def note_stretch(connection: sqlite3.Connection, id: int, wall: float, confirmed_by: str | None) -> None:
    """Note that a stretch still goes on at `wall` (unix seconds), and what is believed of it."""
    connection.execute(
        "update clock_stretches set until_at = ?, confirmed_by = ? where id = ?",
        (format_utc(wall), confirmed_by, id),
    )


def end_stretches(connection: sqlite3.Connection, last_ids: Ids, until_at: str | None = None) -> None:
    """End whatever stretch goes on, inside a transaction: its rows have no ids above these.

    `until_at` is its end by its own clock, None where only the last note of it is known.
    """
    connection.execute(
        "update clock_stretches set last_ids = ?, until_at = coalesce(?, until_at) where last_ids is null",
        (json.dumps(last_ids), until_at),
    )
