"""Checks that sections of config.yml share. A `check_...` yields (key, what is wrong)."""

import re
from datetime import date
from zoneinfo import ZoneInfo

from ingest.config.loader import nearest

NAME = re.compile(r"[a-z0-9_-]+")


def check_name(name):
    if not NAME.fullmatch(name):
        yield "name", f"{name!r} is no name: use small letters, digits, - and _"


def check_unique(words, where, what="name"):
    for word in sorted({word for word in words if words.count(word) > 1}):
        yield where, f"the {what} {word!r} is used twice: each needs its own"


def nearest_choice(word, choices):
    guess = nearest(word, choices)
    return (
        f"{guess} Choose from {', '.join(choices)}"
        if guess.endswith("?")
        else f"choose from {', '.join(choices)}"
    )


def is_host_port(text):
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    good_host = len(host) > 2 if bracketed else bool(host) and not set(host) & set(":/[] \t")
    return good_host and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def is_date(text):
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_timezone(name):
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True
