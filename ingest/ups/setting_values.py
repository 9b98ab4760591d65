"""The values that a settable variable takes, as the server reports them (type, ENUM, RANGE). Pure."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
MAX_LENGTH = 256  # characters; upsd has no room for much more in a line


@dataclass(frozen=True)
class Setting:
    """What a settable variable takes.

    `type` is the answer to GET TYPE (RW NUMBER, RW STRING:32 ...); `choices` are the ENUM, `ranges` the
    RANGEs.
    """

    type: str = ""
    choices: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_columns(cls, type: str, choices: str, ranges: str) -> "Setting":
        """A setting as the table `ups_controls` keeps it: `choices` and `ranges` are JSON."""
        return cls(type, tuple(json.loads(choices)), tuple((low, high) for low, high in json.loads(ranges)))

    @property
    def is_text(self) -> bool:
        """Whether any text is taken."""
        return "STRING" in self.type

    @property
    def max_length(self) -> int:
        """How many characters a text may have."""
        found = re.search(r"STRING:(\d+)", self.type)
        return min(int(found[1]), MAX_LENGTH) if found and int(found[1]) else MAX_LENGTH

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The ranges that are numbers."""
        pairs = [(parse_number(low), parse_number(high)) for low, high in self.ranges]
        return [(low, high) for low, high in pairs if low is not None and high is not None]


def parse_number(text: str) -> float | None:
    """The number that a strict decimal text is, else None.

    It is what a server is sent, so no comma is taken.
    """
    return float(text) if NUMBER.fullmatch(text) else None


def invalid_value_reason(setting: Setting, value: str, now: str = "") -> str | None:
    """Why a variable that is `now` does not take a value; None where it does."""
    if CONTROL_CHARACTER.search(value):
        return "has a control character in it"
    if value.endswith(('"', "\\")):
        # NUT's drivers report values unescaped (dstate_setinfo): upsd takes what follows for a part of it.
        return "ends with a quote or a backslash: drivers of NUT report it so that the next report is lost"
    if not value and not setting.is_text:
        return "is empty"
    if setting.choices and value not in setting.choices:
        return f"{value!r} is none of {', '.join(setting.choices)}"
    reason = _invalid_number_reason(setting, value, now)
    if reason is None and len(value) > setting.max_length:
        return f"is longer than {setting.max_length} characters"
    return reason


def _invalid_number_reason(setting: Setting, value: str, now: str) -> str | None:
    """Why a value is out of every range; or, without ranges, not a number where the variable holds one."""
    number, bounds = parse_number(value), setting.bounds
    if bounds:
        if number is not None and any(low <= number <= high for low, high in bounds):
            return None
        return f"{value!r} is not in {' or '.join(f'{low:g} to {high:g}' for low, high in bounds)}"
    takes_number = not setting.choices and not setting.is_text and parse_number(now) is not None
    return f"{value!r} is no number" if takes_number and number is None else None


def same_value(one: str, other: str) -> bool:
    """Whether two texts are the same value: `20` and `020` are, and long numbers are not rounded."""
    are_numbers = NUMBER.fullmatch(one) and NUMBER.fullmatch(other)
    return one == other or bool(are_numbers and Decimal(one) == Decimal(other))
