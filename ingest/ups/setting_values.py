"""What a settable variable takes, as the server says (type, ENUM, RANGE), and whether a value is one of that. Pure."""

import re
from dataclasses import dataclass

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
MAX_LENGTH = 256  # characters; upsd has no room for much more in a line


@dataclass(frozen=True)
class Setting:
    """`type` is what GET TYPE says (RW NUMBER, RW STRING:32 ...); `choices` are the ENUM, `ranges` the RANGEs."""

    type: str = ""
    choices: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()

    @property
    def max_length(self):
        """How many characters a text may have."""
        found = re.search(r"STRING:(\d+)", self.type)
        return min(int(found[1]), MAX_LENGTH) if found and int(found[1]) else MAX_LENGTH


def parse_number(text):
    """The number that a strict decimal text is, else None."""
    return float(text) if NUMBER.fullmatch(text) else None


def invalid_value_reason(setting, value, now=""):
    """Why a variable that is `now` does not take a value, in words; None where it does."""
    if re.search(r"[\x00-\x1f\x7f]", value):
        return "has a control character in it"
    if not value and "STRING" not in setting.type:
        return "is empty"
    if setting.choices and value not in setting.choices:
        return f"{value!r} is none of {', '.join(setting.choices)}"
    bounds = [(parse_number(low), parse_number(high)) for low, high in setting.ranges]
    bounds = [(low, high) for low, high in bounds if low is not None and high is not None]
    number = parse_number(value)
    if bounds:
        told = " or ".join(f"{low:g} to {high:g}" for low, high in bounds)
        if number is None or not any(low <= number <= high for low, high in bounds):
            return f"{value!r} is not in {told}"
    elif (
        not setting.choices
        and "STRING" not in setting.type
        and number is None
        and parse_number(now) is not None
    ):
        return f"{value!r} is no number"
    if len(value) > setting.max_length:
        return f"is longer than {setting.max_length} characters"
    return None


def same_value(one, other):
    """Whether two texts say the same value: `20` and `020` do."""
    numbers = parse_number(one), parse_number(other)
    return one == other or (None not in numbers and numbers[0] == numbers[1])
