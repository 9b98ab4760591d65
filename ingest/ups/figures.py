"""The standard figures of a UPS: which variables make a sample, and how their text becomes numbers."""

import re

from ingest.ups.records import Figures, Variables

# A sample's columns, by NUT's names; the dot becomes an underscore. Units: V, Hz, A, %, s, degrees C, W, VA.
FIGURES = (
    "input.voltage",
    "input.frequency",
    "output.voltage",
    "output.frequency",
    "output.current",
    "battery.charge",
    "battery.voltage",
    "battery.current",
    "battery.runtime",
    "battery.temperature",
    "ups.load",
    "ups.realpower",
    "ups.power",
    "ups.temperature",
    "ups.efficiency",
)
RATINGS = ("ups.realpower.nominal", "ups.power.nominal", "output.powerfactor", "input.voltage.nominal")
TRANSFERS = ("input.transfer.low", "input.transfer.high")
# Column of `ups` -> the variables that it is taken from, the first one that has a text.
IDENTITY = {
    "mfr": ("device.mfr", "ups.mfr"),
    "model": ("device.model", "ups.model"),
    "serial": ("device.serial", "ups.serial"),
    "firmware": ("ups.firmware",),
}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,2})?")
_LARGEST = 1e15


def column(variable: str) -> str:
    """`battery.charge` as the name of a column."""
    return variable.replace(".", "_")


def parse_value(text: str) -> float | None:
    """The number in a variable's text, else None. NUT's own list has '21,52': a comma counts as a point."""
    text = text.strip()
    number = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None
    return number if number is not None and abs(number) < _LARGEST else None


def parse_figures(variables: Variables) -> Figures:
    """Variable -> number for every standard figure that is there and is a number."""
    found = {}
    for name in (*FIGURES, *RATINGS, *TRANSFERS):
        number = parse_value(variables[name]) if name in variables else None
        if number is not None:
            found[name] = number
    return found


def find_identity(variables: Variables) -> dict[str, str | None]:
    """Column of IDENTITY -> text, None where no variable has one."""
    found: dict[str, str | None] = dict.fromkeys(IDENTITY)
    for name, choices in IDENTITY.items():
        for choice in choices:
            if variables.get(choice):
                found[name] = variables[choice]
                break
    return found
