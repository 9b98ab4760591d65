"""Settings that users make on pages: rows of the table `settings`, and which ones there are.

A setting is text, and belongs to a row of another table, its subject: `nodes/12`, `sensors/3073`, `ups/1`.
It goes before the config, which goes before what the device says; without a row nothing is set.
"""

import re
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from ingest.battery_voltage import BATTERY_TYPES, CURVES, EXAMPLE, BatteryRuleError, parse_battery_rule
from ingest.errors import VoltkeeperError
from ingest.limit_kinds import LIMIT_KINDS, LimitError, LimitKind, parse_limit
from ingest.nearest import nearest

TOPIC = "settings"  # in the table `changes`
MAX_VALUE = 500  # characters of a value, and of what is refused
MAX_LABEL = 60  # characters
MAX_ROWS = 20_000  # of the table
SILENCE_S = range(60, 366 * 86_400 + 1)  # limits of `silent_after_s`
CELLS = re.compile(r"(?:(\d{1,2})\s*[x×*]\s*)?([A-Za-z0-9][\w./+-]*(?: [\w./+-]+)?)", re.ASCII)
CELL_COUNT = range(1, 25)
MAX_CELL = 20  # characters of the size of a cell
SLEEP = ("awake", "sleeps", "auto")
SUBJECT = re.compile(r"(\w+)/(\d{1,12})", re.ASCII)
# Format characters that a text may need: joiners of emoji and of Persian or Indic letters, direction marks,
# and the tags that spell the flag of a region. Others, such as overrides of the direction, garble a page.
_JOINING = re.compile("[\u200c-\u200f\U000e0020-\U000e007f]")
_BLANK = re.compile("[\\s\u115f\u1160\u2800\u3164\uffa0\u200c-\u200f\ufe00-\ufe0f\U000e0020-\U000e007f]+")


class SettingError(VoltkeeperError, ValueError):
    """A setting that cannot be made, and why."""


class SettingKind(NamedTuple):
    """A key: the tables whose rows have it, `parse`, which returns the text to store, and its meaning.

    `parse` takes a text that is not empty, without blanks around it. Raises SettingError, without the key.
    """

    tables: tuple[str, ...]
    parse: Callable[[str], str]
    help: str
    example: str
    unit: str = ""
    title: str = ""  # on pages
    choices: tuple[str, ...] = ()  # what `parse` takes, where that is a few words
    of_gateways: bool = True  # whether a gateway's own node has it


def parse_label(text: str) -> str:
    """A name for people: one line of at most MAX_LABEL characters, of which one can be seen."""
    label = " ".join(text.split())
    if len(label) > MAX_LABEL:
        raise SettingError(f"is {len(label)} characters long: at most {MAX_LABEL} are kept")
    if not _BLANK.sub("", label):
        raise SettingError("has no character that can be seen")
    return label


def parse_silence(text: str) -> str:
    """Seconds of silence after which a node counts as silent, or `never`."""
    if text.lower() == "never":
        return "never"
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if seconds not in SILENCE_S:
        raise SettingError(
            f"is {text!r}: it is whole seconds, {SILENCE_S.start} to {SILENCE_S.stop - 1}, or never"
        )
    return str(seconds)


def parse_battery(text: str) -> str:
    """How a battery level follows from a voltage."""
    try:
        return str(parse_battery_rule(text))
    except BatteryRuleError as error:
        raise SettingError(str(error)) from None


def parse_cells(text: str) -> str:
    """How many cells of which size, as `2 x AA`; a size alone is one cell."""
    match = CELLS.fullmatch(text)
    if match is None or len(match[2]) > MAX_CELL or int(match[1] or 1) not in CELL_COUNT:
        raise SettingError(f"is {text!r}: it is NUMBER x SIZE with 1 to 24 cells, such as 2 x AA")
    return f"{int(match[1] or 1)} x {match[2]}"


def parse_choice(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes one of these words."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise SettingError(f"is {text!r}: {nearest(text, choices)}")
        return text.lower()

    return parse


SETTINGS = {
    "label": SettingKind(
        ("nodes", "sensors", "ups"),
        parse_label,
        f"its name for people, at most {MAX_LABEL} characters",
        "Tomatoes",
        title="Label",
    ),
    "silent_after_s": SettingKind(
        ("nodes",),
        parse_silence,
        "silence after which it counts as silent, or never; learnt from its messages unless set",
        "7200",
        "s",
        "Silent after",
        of_gateways=False,
    ),
    "sleep": SettingKind(
        ("nodes",),
        parse_choice(*SLEEP),
        "whether its radio sleeps: awake, sleeps, or auto, which goes by its messages",
        "sleeps",
        title="Sleep",
        choices=SLEEP,
        of_gateways=False,
    ),
    "battery": SettingKind(
        ("nodes",),
        parse_battery,
        f"the channel that reports the voltage of its battery, as {EXAMPLE}; curves: {', '.join(CURVES)}",
        EXAMPLE,
        title="Battery from a voltage",
    ),
    "battery_type": SettingKind(
        ("nodes",),
        parse_choice(*BATTERY_TYPES),
        "the chemistry of its battery, whose discharge curve its forecast then goes by",
        "alkaline",
        title="Battery type",
        choices=tuple(BATTERY_TYPES),
        of_gateways=False,
    ),
    "battery_cells": SettingKind(
        ("nodes",),
        parse_cells,
        "its cells for the shopping list, as NUMBER x SIZE",
        "2 x AA",
        title="Battery cells",
        of_gateways=False,
    ),
}


def _limit_setting(key: str, kind: LimitKind) -> SettingKind:
    def parse(text: str) -> str:
        try:
            return parse_limit(key, text)
        except LimitError as error:
            raise SettingError(str(error)) from None

    about = f"{kind.low:g} to {kind.high:g} {kind.unit}, or off"
    return SettingKind(("ups",), parse, about, f"{kind.high:g}", kind.unit, kind.title)


SETTINGS |= {key: _limit_setting(key, kind) for key, kind in LIMIT_KINDS.items()}
TABLES = tuple(sorted({table for kind in SETTINGS.values() for table in kind.tables}))


def subject_of(table: str, row: int) -> str:
    """Return the subject of a row, as `settings.subject` has it."""
    return f"{table}/{row}"


def parse_subject(text: str) -> tuple[str, int]:
    """Return (table, id) of a subject such as nodes/12. Raises SettingError."""
    match = SUBJECT.fullmatch(text)
    if match is None:
        raise SettingError(f"subject is {text[:MAX_VALUE]!r}: it is TABLE/ID, such as nodes/12")
    table, row = match.groups()
    if table not in TABLES:
        raise SettingError(f"there are no settings of {table!r}: {nearest(table, TABLES)}")
    return table, int(row)


def parse_setting(table: str, key: str, value: str) -> str:
    """Return the value as it is stored; '' takes the setting away. Raises SettingError with the remedy."""
    kind = SETTINGS.get(key)
    if kind is None or table not in kind.tables:
        known = [name for name, one in SETTINGS.items() if table in one.tables]
        why = "is not a setting" if kind is None else f"is a setting of {', '.join(kind.tables)}"
        raise SettingError(f"{key[:MAX_VALUE]!r} {why}, for {table} {nearest(key, known)}")
    value = value.strip()
    if len(value) > MAX_VALUE:
        raise SettingError(f"{key} is {len(value)} characters long: at most {MAX_VALUE} are kept")
    if not _JOINING.sub("", value).isprintable():
        raise SettingError(f"{key} has a line break or a control character: it is one line of text")
    try:
        return kind.parse(value) if value else ""
    except SettingError as error:
        raise SettingError(f"{key} {error}") from None


def read_settings(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Return every setting: (subject, key) -> value."""
    rows = connection.execute("select subject, key, value from settings").fetchall()
    return {(subject, key): value for subject, key, value in rows}


def save_setting(connection: sqlite3.Connection, subject: str, key: str, value: str, by: str) -> None:
    """Store a value of `parse_setting` inside the open transaction; '' takes it away. Raises SettingError."""
    if not value:
        connection.execute("delete from settings where subject = ? and key = ?", (subject, key))
        return
    connection.execute(
        """insert into settings (subject, key, value, set_by) values (?, ?, ?, ?)
        on conflict (subject, key) do update set
          value = excluded.value, set_at = excluded.set_at, set_by = excluded.set_by""",
        (subject, key, value, by),
    )
    if connection.execute("select count(*) from settings").fetchone()[0] > MAX_ROWS:
        raise SettingError(f"there are {MAX_ROWS} settings already: take away what is not needed")
