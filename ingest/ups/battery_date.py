"""When the battery was put in, by what the device says. Pure.

Of 70 devices of NUT's device dump library with a `battery.date`, 43 have one that can be right: 12 send no
date (`not set`, 2052/00/36), 14 the one that the factory left there, years before the device was made, one is
in the future.
"""

import re
from datetime import date, timedelta

from ingest.ups.records import Variables

EARLIEST_YEAR = 1990
LAST_OF_CENTURY = 40  # a year of two digits up to this one is 20xx
BEFORE_MADE = timedelta(days=60)  # a battery may be a little older than the device
ZONES = timedelta(days=1)  # the device's day may be ahead of ours
DATES = ("battery.date", "battery.mfr.date", "ups.mfr.date")
MADE = DATES[1:]
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})")
_MONTH_FIRST = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})")
_DIGITS = re.compile(r"\d{8}")
_NAMED = re.compile(r"(\d{1,2})([A-Z]{3})(\d{2}|\d{4})")


def parse_date(text: str) -> date | None:
    """The date in a text as UPSes write it, the month before the day; None for what is none."""
    text = text.strip().upper()
    if match := _YEAR_FIRST.fullmatch(text):
        return _date(match[1], match[3], match[4])
    if match := _MONTH_FIRST.fullmatch(text):
        return _date(match[4], match[1], match[3])
    if _DIGITS.fullmatch(text):
        if text[:2] in ("19", "20") and (found := _date(text[:4], text[4:6], text[6:])):
            return found
        return _date(text[4:], text[:2], text[2:4])
    if (match := _NAMED.fullmatch(text)) and match[2] in _MONTHS:
        return _date(match[3], str(_MONTHS.index(match[2]) + 1), match[1])
    return None


def _date(year: str, month: str, day: str) -> date | None:
    full = int(year)
    if len(year) == 2:
        full += 2000 if full <= LAST_OF_CENTURY else 1900
    try:
        return date(full, int(month), int(day)) if full >= EARLIEST_YEAR else None
    except ValueError:
        return None


def battery_date(variables: Variables, today: date) -> date | None:
    """`battery.date` where it can be right: not in the future, nor long before the device was made."""
    found = parse_date(variables.get("battery.date", ""))
    if found is None or found > today + ZONES:
        return None
    for name in MADE:
        made = parse_date(variables.get(name, ""))
        if made is not None and made <= today + ZONES and found < made - BEFORE_MADE:
            return None
    return found
