"""What a kWh costs: rows of `tariffs`, of the config's `energy:` and of users who entered them."""

import re
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from ingest.db.connection import transaction

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{1,2})(?::00)?\s*-\s*(\d{1,2})(?::00)?")


class TariffRow(NamedTuple):
    """A row of `tariffs`: a price per kWh.

    `valid_from`, `valid_to` are local days (None: without limit); `hours` and `days` of the week are '' for
    all.
    """

    valid_from: str | None
    valid_to: str | None
    hours: str
    days: str
    price_per_kwh: float
    currency: str


COLUMNS = ", ".join(TariffRow._fields)
MARKS = ", ".join("?" * len(TariffRow._fields))
FIRST_ENTERED = 1_000_000  # id of those that users entered: of two alike, the higher one counts


def parse_hours(text: str) -> str:
    """'22-6, 13-15' as the hours that begin in it, '00,01,...', for SQL to look one up. '' is all.

    Raises ValueError.
    """
    hours: set[int] = set()
    for part in filter(None, map(str.strip, text.split(","))):
        match = _HOURS.fullmatch(part)
        if not match or int(match[1]) > 23 or not 0 <= int(match[2]) <= 24:
            raise ValueError(f"{part!r} are no hours, such as 7-23 or 22:00-6:00")
        start, end = int(match[1]), int(match[2])
        hours |= set(range(start, end)) if start < end else {*range(start, 24), *range(end)}
    return ",".join(f"{hour:02d}" for hour in sorted(hours))


def parse_days(text: str) -> str:
    """'mon-fri, sun' as 'mon,tue,wed,thu,fri,sun'. '' is all. Raises ValueError."""
    days: set[str] = set()
    for part in filter(None, map(str.strip, text.lower().split(","))):
        start, _, end = (day.strip() for day in part.partition("-"))
        if start not in DAYS or (end and end not in DAYS):
            raise ValueError(f"{part!r} are no days, such as mon-fri or sat")
        first, last = DAYS.index(start), DAYS.index(end or start)
        days |= {DAYS[day % 7] for day in range(first, (last if last >= first else last + 7) + 1)}
    return ",".join(day for day in DAYS if day in days)


def save_tariffs(connection: sqlite3.Connection, tariffs: Iterable[TariffRow]) -> None:
    """Make the table hold these rows of the config; nothing is written where it does.

    Those that users entered stay.
    """
    wanted = list(tariffs)
    held = connection.execute(f"select {COLUMNS} from tariffs where set_at is null order by id").fetchall()
    if held == wanted:
        return
    with transaction(connection):
        connection.execute("delete from tariffs where set_at is null")
        connection.executemany(
            f"insert into tariffs (id, {COLUMNS}) values (?, {MARKS})",
            [(id, *row) for id, row in enumerate(wanted, 1)],
        )


def add_tariff(connection: sqlite3.Connection, row: TariffRow, at: str, by: str) -> int:
    """Store a tariff that a user entered inside the open transaction; returns its id."""
    next_id = "select max(?, coalesce(max(id), 0) + 1) from tariffs"
    (id,) = connection.execute(next_id, (FIRST_ENTERED,)).fetchone()
    connection.execute(
        f"insert into tariffs (id, {COLUMNS}, set_at, set_by) values (?, {MARKS}, ?, ?)", (id, *row, at, by)
    )
    return int(id)
