"""What the figures of a UPS can be: a range for each kind of variable, and codes that mean "not available".
Pure.

Of the 719 devices of NUT's device dump library (nut-ddl), the ranges leave out a value of 80: a charge of
255 or 1000 %, temperatures in kelvin, a runtime of 3932100 s, a load of 562020 %, an input of -159357104 V.
The text of a variable is kept as the device sends it, whatever the range says.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ingest.ups.records import Figures, Variables

LARGEST_POWER = 200_000.0  # W or VA, where no nominal power is known
NOMINAL_FACTOR = 1.5  # times the nominal power is the most that is believed
NOMINAL_POWER_FACTOR = 0.6  # between a nominal power in W and the one in VA, where only one is given
LEAST_CHARGED = 20.0  # % of charge from which on a runtime of 0 is none
SAME_FIGURES = 5  # as many figures with the same number are no measurements
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)  # 1,800: of 1 or of 1800, nobody knows
_DIGITS = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)  # a number, however large
_LARGEST = 1e15


class Plausible(NamedTuple):
    """From `low` to `high`, in `unit`.

    `codes` are numbers within the range that mean "not available". `capped`: values up to this one count as
    `high`. `zero_is_none`: 0 is "not measured", which is nothing odd.
    """

    low: float
    high: float
    unit: str
    codes: frozenset[float] = frozenset()
    capped: float | None = None
    zero_is_none: bool = False
    quiet: bool = False


_LINE = r"(?:\.L[123](?:-(?:L[123]|N))?)?"
_CHARGE = Plausible(0, 100, "%", capped=120)
_TEMPERATURE = Plausible(-40, 120, "°C")
_LIMIT = Plausible(-1000, 1000, "", quiet=True)
_RUNTIME = Plausible(0, 604_800, "s", frozenset((65_535, 3_932_100)))
_LOAD = Plausible(0, 200, "%")
_POWER = Plausible(0, 2_000_000, "W or VA")  # `_drop_impossible_powers` knows more
# The first pattern that a whole name matches counts; other variables are no figures.
_RULES: tuple[tuple[re.Pattern[str], Plausible], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"(?:driver|server|device\.(?!\d)|experimental|unmapped)\..*", Plausible(0, -1, "")),
        (r"battery\.(?:\d+\.)?charge", _CHARGE),
        (r"battery\.charge\.(?:low|warning|restart)", _CHARGE._replace(capped=None, quiet=True)),
        (r".*\.temperature", _TEMPERATURE),
        # Limits are judged by the pair (`ambient.device_limits`): 29 is none beside 206.
        (r".*\.(?:temperature|humidity)\.(?:alarm\.)?(?:low|high)(?:\.(?:warning|critical))?", _LIMIT),
        (r".*\.humidity", Plausible(0, 100, "%")),
        (r"battery\.(?:\d+\.)?runtime", _RUNTIME),
        (r"battery\.runtime\.low", _RUNTIME._replace(quiet=True)),
        (r"(?:ups|input|output|outlet)(?:\.group)?(?:\.\d+)?" + _LINE + r"\.(?:load|power\.percent)", _LOAD),
        (r"battery\.(?:\d+\.)?voltage", Plausible(0.5, 1000, "V")),
        (r"(?:input|output)(?:\..*)?\.voltage|outlet\..*voltage", Plausible(0, 600, "V")),
        (
            r"(?:input|output)\.voltage\.nominal|input\.transfer\.(?:low|high)",
            Plausible(0, 600, "V", quiet=True),
        ),
        (r"(?:input|output)\.(?:.*\.)?frequency", Plausible(40, 70, "Hz", zero_is_none=True)),
        (
            r"(?:ups|output)\.(?:real)?power\.nominal|ups\.upspower\.nominal",
            Plausible(10, 2_000_000, "W", quiet=True),
        ),
        (r"(?:ups|input|output|outlet)(?:\.group)?(?:\.\d+)?" + _LINE + r"\.(?:real)?power", _POWER),
        (r"battery\.(?:\d+\.)?current", Plausible(-2000, 2000, "A")),
        (
            r"(?:input|output|outlet)(?:\.group)?(?:\.\d+)?" + _LINE + r"\.current",
            Plausible(-2000, 2000, "A"),
        ),
        (r"(?:input|output)\.powerfactor", Plausible(0, 1, "")),
        (r"(?:input|output)\.phases", Plausible(1, 3, "", quiet=True)),
        (r"ups\.efficiency", Plausible(0, 100, "%")),
    )
)
# The figures of which several with one number show that nothing is measured: no two have one unit and range.
_COMPARED = (
    "battery.charge",
    "battery.runtime",
    "battery.voltage",
    "input.frequency",
    "input.voltage",
    "output.voltage",
    "ups.load",
    "ups.temperature",
)


class Readings(NamedTuple):
    """The figures of a full poll that can be, and those that cannot: variable -> (text, why), for people."""

    figures: Figures
    implausible: dict[str, tuple[str, str]]


@lru_cache(maxsize=4096)  # most texts of a poll are those of the one before
def parse_value(text: str) -> float | None:
    """The number in a variable's text, else None. NUT's own list has '21,52': a comma counts as a point."""
    text = text.strip()
    is_number = _NUMBER.fullmatch(text) and not _THOUSANDS.fullmatch(text)
    number = float(text.replace(",", ".")) if is_number else None
    return number if number is not None and abs(number) < _LARGEST else None


@lru_cache(maxsize=4096)
def plausible_range(variable: str) -> Plausible | None:
    """The range of a variable; None for one that is no figure."""
    rule = next((rule for pattern, rule in _RULES if pattern.fullmatch(variable)), None)
    return rule if rule is not None and rule.low <= rule.high else None


def read_figures(variables: Variables) -> Readings:
    """Every figure among the variables of a full poll. A text that is no number is none, and nothing odd."""
    figures: Figures = {}
    implausible: dict[str, tuple[str, str]] = {}
    common = _common_number(variables)
    for variable, text in variables.items():
        rule = plausible_range(variable)
        if rule is None:
            continue
        number = parse_value(text)
        if common is not None and number == common:
            implausible[variable] = (text, "the number of every other figure: nothing is measured")
        elif number is not None and rule.low <= number <= rule.high and number not in rule.codes:
            figures[variable] = number
        elif number is not None and rule.capped is not None and rule.high < number <= rule.capped:
            figures[variable] = rule.high
        elif not rule.quiet and (reason := _oddity(text, number, rule)):
            implausible[variable] = (text, reason)
    if figures.get("battery.runtime") == 0 and figures.get("battery.charge", 0.0) >= LEAST_CHARGED:
        del figures["battery.runtime"]  # devices that have no estimate send 0 all the time
    _drop_impossible_powers(figures, implausible)
    return Readings(figures, implausible)


def _oddity(text: str, number: float | None, rule: Plausible) -> str | None:
    """Why a text that gave no figure is odd; None where it is not, as for `n/a`."""
    if number is None and not _DIGITS.fullmatch(text.strip()):
        return None
    if number in rule.codes:
        return "a code for 'not available'"
    if number == 0 and rule.zero_is_none:
        return None
    return f"outside {rule.low:g} to {rule.high:g} {rule.unit}".rstrip()


def _drop_impossible_powers(figures: Figures, implausible: dict[str, tuple[str, str]]) -> None:
    """Leave out W and VA beyond NOMINAL_FACTOR times the nominal power, or LARGEST_POWER without one."""
    watts = figures.get("ups.realpower.nominal") or figures.get("output.realpower.nominal")
    apparent = figures.get("ups.power.nominal") or figures.get("output.power.nominal")
    limits, why = {"realpower": LARGEST_POWER, "power": LARGEST_POWER}, f"above {LARGEST_POWER:g}"
    if watts is not None or apparent is not None:
        why = f"more than {NOMINAL_FACTOR:g} times the nominal power"
        limits = {
            "realpower": NOMINAL_FACTOR * (watts or apparent or 0.0),
            "power": NOMINAL_FACTOR * (apparent or (watts or 0.0) / NOMINAL_POWER_FACTOR),
        }
    for name, number in list(figures.items()):
        limit = limits.get(name.rpartition(".")[2])
        if limit is not None and number > limit:
            del figures[name]
            implausible[name] = (f"{number:g}", why)


def _common_number(variables: Variables) -> float | None:
    """The number that every compared figure of a device has: it measures nothing. None for others."""
    numbers = [parse_value(variables[name]) for name in _COMPARED if name in variables]
    return numbers[0] if len(numbers) >= SAME_FIGURES and len(set(numbers)) == 1 else None
