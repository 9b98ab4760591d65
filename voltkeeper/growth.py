"""When the disk of the database is full, for `voltkeeper status`."""

import sqlite3
import time
from contextlib import closing

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.maintenance.growth import DiskGrowth, read_growth
from reporting.formatting import format_bytes, plural
from voltkeeper.jobs import has_register

LIMIT_S = 3.0  # for the sizes of tables: `status` answers at once


def growth_lines(config: Config) -> list[str]:
    """The line of `status`; none without a file, or where its disk cannot be read. Raises sqlite3.Error."""
    if not has_register(config.database):
        return []
    deadline = time.monotonic() + LIMIT_S
    with closing(connect(config.database, readonly=True)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
        try:
            found = read_growth(connection, config.database.parent, config.retention)
        except sqlite3.OperationalError:
            if time.monotonic() <= deadline:
                raise
            return [f"disk     growth not known: the sizes of the tables took longer than {LIMIT_S:.0f} s"]
    return [describe_growth(found)] if found else []


def describe_growth(found: DiskGrowth) -> str:
    """The line about a disk."""
    line = f"disk     {format_bytes(found.free)} free"
    if found.bytes_a_day is None:
        return f"{line}; when it is full is not known: {found.reason}"
    full = found.reason if found.days_until_full is None else f"in {plural(found.days_until_full, 'day')}"
    return f"{line}; full {full} at {format_bytes(found.bytes_a_day)} a day, if nothing else fills it"
