"""What a kWh costs: the config's `energy:` as rows of `tariffs`."""

import re

from ingest.db.connection import transaction

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COLUMNS = ("valid_from", "valid_to", "hours", "days", "price_per_kwh", "currency")
_HOURS = re.compile(r"(\d{1,2})(?::00)?\s*-\s*(\d{1,2})(?::00)?")


def parse_hours(text):
    """'22-6, 13-15' as the hours that begin in it, '00,01,...': the form in which SQL looks for one. '' is all.

    Raises ValueError.
    """
    hours = set()
    for part in filter(None, map(str.strip, text.split(","))):
        match = _HOURS.fullmatch(part)
        if not match or int(match[1]) > 23 or not 0 <= int(match[2]) <= 24:
            raise ValueError(f"{part!r} are no hours, such as 7-23 or 22:00-6:00")
        start, end = int(match[1]), int(match[2])
        hours |= set(range(start, end)) if start < end else {*range(start, 24), *range(end)}
    return ",".join(f"{hour:02d}" for hour in sorted(hours))


def parse_days(text):
    """'mon-fri, sun' as 'mon,tue,wed,thu,fri,sun'. '' is all. Raises ValueError."""
    days = set()
    for part in filter(None, map(str.strip, text.lower().split(","))):
        start, _, end = (word.strip() for word in part.partition("-"))
        if start not in DAYS or (end and end not in DAYS):
            raise ValueError(f"{part!r} are no days, such as mon-fri or sat")
        first, last = DAYS.index(start), DAYS.index(end or start)
        days |= {DAYS[day % 7] for day in range(first, (last if last >= first else last + 7) + 1)}
    return ",".join(day for day in DAYS if day in days)


def save_tariffs(connection, tariffs):
    """Make `tariffs` hold what the config says; nothing is written where it does."""
    wanted = [
        (
            tariff.valid_from or None,
            tariff.valid_to or None,
            parse_hours(tariff.hours),
            parse_days(tariff.days),
            tariff.price_per_kwh,
            tariff.currency,
        )
        for tariff in tariffs
    ]
    held = connection.execute(f"select {', '.join(COLUMNS)} from tariffs order by id").fetchall()
    if held == wanted:
        return
    with transaction(connection):
        connection.execute("delete from tariffs")
        connection.executemany(
            f"insert into tariffs ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))})", wanted
        )
