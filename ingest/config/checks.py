"""Checks that sections of config.yml share. A `check_...` yields (key, what is wrong)."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

from ingest.nearest import nearest

Problems = Iterator[tuple[str, str]]

NAME = re.compile(r"[a-z0-9_-]+")
COMMON_TIMEZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Tokyo")  # in all time zone data
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Polled(Protocol):
    """A source of UPSes: seconds between two full polls, and between two of the status."""

    @property
    def poll_s(self) -> float:
        """Seconds between two polls of every variable."""

    @property
    def status_s(self) -> float:
        """Seconds between two polls of the status."""


def check_that(is_right: bool, key: str, problem: str) -> Problems:
    """A condition that a single expression gives."""
    if not is_right:
        yield key, problem


def check_name(name: str) -> Problems:
    """Sources, users and tokens are named with letters that need no quoting anywhere."""
    return check_that(
        bool(NAME.fullmatch(name)),
        "name",
        f"{name!r} is not a valid name: use small letters, digits, - and _",
    )


def check_device(path: str) -> Problems:
    """A serial port is given as a device path."""
    return check_that(
        path.startswith("/"),
        "serial",
        f"{path!r} is not a device, such as /dev/ttyUSB0; see /dev/serial/by-id",
    )


def check_unique(values: Sequence[str], where: str, what: str = "name") -> Problems:
    """No value comes twice."""
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield where, f"the {what} {value!r} is used twice: each needs its own"


def check_intervals(source: Polled) -> Problems:
    """A source of UPSes is polled at a pace that it can keep."""
    yield from check_that(0.5 <= source.poll_s <= 3600, "poll_s", "has to be 0.5 to 3600 seconds")
    yield from check_that(source.status_s >= 0.5, "status_s", "has to be 0.5 or more seconds")


def check_time(text: str) -> Problems:
    """A time of day is written with hours and minutes."""
    return check_that(bool(TIME_OF_DAY.fullmatch(text)), "at", time_problem(text))


def time_problem(text: str) -> str:
    """What is wrong with a time of day, with the one that was probably meant."""
    meant = _time_meant(text) or "03:00"
    return f'{text!r} is not a time of day: write it in quotes, such as "{meant}"'


def _time_meant(text: str) -> str:
    """`22:00` of 1320, which YAML makes of it without quotes; `08:00` of 8:00, 8.00, 8h and 8; else ''."""
    if text.isdecimal() and 60 <= int(text) < 1440:
        return f"{int(text) // 60:02d}:{int(text) % 60:02d}"
    match = re.fullmatch(r"(\d{1,2})(?:[:.h ]?(\d{1,2})?)?(?::\d\d)?", text.strip().lower())
    hours, minutes = (int(match[1]), int(match[2] or 0)) if match else (99, 0)
    return f"{hours % 24:02d}:{minutes:02d}" if hours <= 24 and minutes < 60 else ""


def nearest_choice(word: str, choices: Sequence[str]) -> str:
    """Return the choices as text, after the one that was probably meant."""
    guess = nearest(word, choices)
    every = ", ".join(choices)
    return f"{guess} Choose from {every}" if guess.endswith("?") else f"choose from {every}"


def is_host_port(text: str) -> bool:
    """True for HOST:PORT; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    good_host = len(host) > 2 if bracketed else bool(host) and not set(host) & set(":/[] \t")
    return good_host and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def is_date(text: str) -> bool:
    """True for a date as 2026-01-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_timezone(name: str) -> bool:
    """True for a time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


def timezone_problem(name: str) -> str:
    """Return why a time zone cannot be used, with the remedy; '' where it can."""
    if is_timezone(name):
        return ""
    if not all(map(is_timezone, COMMON_TIMEZONES)):
        return "time zone data is missing: install tzdata (`apt install tzdata`, or `pip install tzdata`)"
    return (
        f"{name!r} is not a time zone; they look like Europe/Rome, America/New_York, UTC; old names such as "
        "US/Eastern may need the package tzdata-legacy"
    )
