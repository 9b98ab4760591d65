"""After how many days the disk of the database is full, by how its tables grow."""

import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.db.time import parse_utc
from ingest.maintenance.retention import (
    DAY_S,
    FARTHEST,
    GrowingTable,
    RetentionDays,
    days_kept,
    days_until_full,
    forecast,
    plan,
)
from ingest.maintenance.table_sizes import TableSize, overview

MIN_HISTORY_DAYS = 3  # of rows: growth over less says nothing about a month
AHEAD_DAYS = 30  # that `bytes_a_day` is the mean of
TOO_SHORT = f"rows of less than {MIN_HISTORY_DAYS} days are stored: too short a time to show growth"
FAR_OFF = f"not within {FARTHEST // 365} years"


class DiskGrowth(NamedTuple):
    """The disk of the database: its size and what is free, in bytes, and how fast the file grows.

    `bytes_a_day` is the mean of the next AHEAD_DAYS, with what a prune deletes; None where it is not known.
    `days_until_full` is None for the `reason`, which is empty otherwise.
    """

    bytes: int
    free: int
    bytes_a_day: float | None
    days_until_full: int | None
    reason: str


def read_growth(
    connection: sqlite3.Connection,
    folder: Path,
    retention: RetentionDays,
    tables: Sequence[TableSize] | None = None,
) -> DiskGrowth | None:
    """The growth of the file of a connection; None where its disk cannot be read.

    `tables` are its tables where the caller has read them. Quick whatever the size of the file. Raises
    sqlite3.OperationalError where the caller limits the time.
    """
    try:
        disk = shutil.disk_usage(folder)
    except OSError:
        return None
    now = time.time()
    days = days_kept(plan(connection, retention))
    tables = overview(connection, now) if tables is None else tables
    size, pages = (
        connection.execute(f"pragma {name}").fetchone()[0] for name in ("page_size", "freelist_count")
    )
    return assess_growth(tables, days, (disk.total, disk.free, size * pages), now)


def assess_growth(
    tables: Sequence[TableSize], days: Mapping[str, float | None], room: tuple[int, int, int], now: float
) -> DiskGrowth:
    """What growing tables make of a disk. A table that is pruned stops when it is as old as its rows get.

    `days` that the rows of some tables are kept; `room` is the size of the disk, what of it is free, and what
    is free in the file and used first: bytes. `now` is in unix seconds.
    """
    size, free, free_in_file = room
    starts = [parse_utc(at if "T" in at else f"{at}T00:00:00.000Z") for one in tables if (at := one.first_at)]
    if not starts or now - min(starts) < MIN_HISTORY_DAYS * DAY_S:
        return DiskGrowth(size, free, None, None, TOO_SHORT)
    growing = [
        GrowingTable(one.rows_a_day or 0, one.bytes_a_row, one.rows, days.get(one.name)) for one in tables
    ]
    ahead = sum(forecast(*one, AHEAD_DAYS) - forecast(*one, 0) for one in growing) / AHEAD_DAYS
    full = days_until_full(growing, free + free_in_file)
    return DiskGrowth(size, free, ahead, full, "" if full is not None else FAR_OFF)
