"""The watts behind a UPS from the variables that it has: phases added, sources in a stated order. Pure.

What is measured comes before what is estimated, the whole before parts. A source of 0 beside a load is no
measurement: 20 of the 719 devices of NUT's device dump library report ups.realpower or ups.power 0 with a
load.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ingest.ups.records import Figures

MEASURED = "measured"
LOAD_OF_WATTS = "load x nominal W"
APPARENT = "VA x power factor"
LOAD_OF_APPARENT = "load x nominal VA x power factor"
CURRENT = "A x V x power factor"
LEAST_AC_V = 60.0  # below it the output is not AC: NUT's 12 DC devices report a current of another scale
POWER_FACTOR = 0.6  # assumed where neither the device nor the config gives one: that of 900 W at 1500 VA
LEAST_CURRENT_A = 0.1
LEAST_LOAD = 1.0  # % of load from which on 0 W is no measurement
# W per VA of what is measured: the least of the library is 0.33, and 0.1 where the scale of the W is wrong.
# Power supplies that hardly have a load come to 0.15 (their filters draw VA without W), and are believed.
LEAST_MEASURED_FACTOR = 0.11
LOAD_TOLERANCE = 2.0  # times the VA by load: more are not measured
# W per VA of nominal powers: the least of the library is 0.5, and 0.3 where the W are those of a phase.
NOMINAL_FACTORS = (0.45, 1.0)
LEAST_TOTAL_VA = 10.0  # less is a number of kVA: 0.04, 0.08 and 1.82 in the library
TOTAL_TOLERANCE = 0.05  # a group of outlets this near to the sum of the others is their total
_GROUP = re.compile(r"outlet\.group\.\d+\.realpower")
_OUTLET = re.compile(r"outlet\.[1-9]\d*\.realpower")
PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True)
class Rating:
    """Nominal W and VA (None: not known) and the power factor to go by."""

    realpower: float | None = None
    power: float | None = None
    power_factor: float = POWER_FACTOR


def find_rating(
    figures: Figures, realpower_nominal: float | None = None, power_factor: float | None = None
) -> Rating:
    """The Rating: the two values of the config; where they are None, what the device reports.

    Its power factor is the one that it measures, else that of its two nominal powers.
    """
    watts = realpower_nominal or _first(figures, "ups.realpower.nominal", "output.realpower.nominal")
    apparent = _first(figures, "ups.power.nominal", "output.power.nominal", "ups.upspower.nominal")
    if watts and apparent and not realpower_nominal and figures.get("output.phases") == len(PHASES):
        watts = _of_all_phases(watts, apparent)
    nominal_factor = watts / apparent if watts and apparent and 0.3 <= watts / apparent <= 1 else None
    return Rating(
        watts,
        apparent,
        power_factor or _first(figures, "output.powerfactor") or nominal_factor or POWER_FACTOR,
    )


def _of_all_phases(watts: float, apparent: float) -> float:
    """The nominal W: three times those of a device that has them for each phase and the VA for all."""
    least, most = NOMINAL_FACTORS
    total = len(PHASES) * watts
    return total if watts < least * apparent and least * apparent <= total <= most * apparent else watts


def _first(figures: Figures, *names: str) -> float | None:
    """The first of these figures that is there and not 0."""
    return next((figures[name] for name in names if figures.get(name)), None)


def add_totals(figures: Figures) -> None:
    """Add the standard figures that a device reports by phase or under another name alone; `phases.add_input`
    does those of the input."""
    for total, names, is_sum in (
        ("output.voltage", _by_phase("output", "voltage"), False),
        ("output.current", _by_phase("output", "current"), True),
        (
            "ups.load",
            (("output.power.percent",), _phases("ups.{}.load"), _phases("output.{}.power.percent")),
            False,
        ),
    ):
        if total in figures:
            continue
        for choice in names:
            found = [figures[name] for name in choice if name in figures]
            if found:
                figures[total] = round(sum(found) / (1 if is_sum else len(found)), 3)
                break


def _by_phase(part: str, quantity: str) -> tuple[tuple[str, ...], ...]:
    return _phases(f"{part}.{{}}-N.{quantity}"), _phases(f"{part}.{{}}.{quantity}")


@cache  # of the patterns in this file
def _phases(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(phase) for phase in PHASES)


def find_watts(figures: Figures, rating: Rating) -> tuple[float | None, str | None]:
    """(W, the rule that gave them), or (None, None) where nothing gives them. `add_totals` comes before."""
    is_loaded = (
        figures.get("ups.load", 0.0) >= LEAST_LOAD or figures.get("output.current", 0.0) > LEAST_CURRENT_A
    )
    for watts, rule in _sources(figures, rating):
        if watts or not is_loaded:
            return watts, rule
    return None, None


def _sources(figures: Figures, rating: Rating) -> Iterator[tuple[float, str]]:
    """Every source that is there, the best first."""
    load, factor = figures.get("ups.load"), rating.power_factor
    if not _is_of_another_scale(figures, rating):
        yield from _one(figures, "ups.realpower", MEASURED)
        yield from _one(figures, "output.realpower")
    for pattern in ("ups.{}.realpower", "ups.{}-N.realpower", "output.{}.realpower", "output.{}-N.realpower"):
        yield from _sum(figures, pattern)
    if not any(name.startswith("battery.") for name in figures):  # a PDU: all of its input is load
        yield from _one(figures, "input.realpower")
        yield from _sum(figures, "input.{}.realpower")
        yield from _outlets(figures)
    if load is not None and rating.realpower:
        yield load * rating.realpower / 100, LOAD_OF_WATTS
    for apparent, rule in _apparent(figures):
        yield apparent * factor, rule
    if load is not None and rating.power:
        yield load * rating.power * factor / 100, LOAD_OF_APPARENT
    yield from _outlets(figures)
    volts = figures.get("output.voltage", 0.0)
    if volts >= LEAST_AC_V and "output.current" in figures and "output.L1.current" not in figures:
        yield figures["output.current"] * volts * factor, CURRENT
    yield from _one(figures, "input.realpower")
    yield from _sum(figures, "input.{}.realpower")


def _apparent(figures: Figures) -> Iterator[tuple[float, str]]:
    """(VA, the rule) of every source of what is measured."""
    for pattern in ("output.{}.power", "ups.{}.power"):
        for apparent, rule in _sum(figures, pattern):
            yield apparent, f"{APPARENT} ({rule.partition('(')[2]}"
    if "ups.power" in figures:
        yield figures["ups.power"], APPARENT
    if figures.get("output.power", 0.0) >= LEAST_TOTAL_VA:
        yield figures["output.power"], f"{APPARENT} (output.power)"


def _is_of_another_scale(figures: Figures, rating: Rating) -> bool:
    """Whether the measured W are far too few for the measured VA: no load has such a power factor.

    VA that the load does not bear out (some devices report the nominal ones as measured) say nothing.
    """
    watts = _first(figures, "ups.realpower", "output.realpower")
    apparent = _first(figures, "ups.power", "output.power")
    if watts is None or apparent is None or watts >= LEAST_MEASURED_FACTOR * apparent:
        return False
    load = figures.get("ups.load")
    return load is None or not rating.power or apparent <= LOAD_TOLERANCE * load * rating.power / 100


def _one(figures: Figures, name: str, rule: str = "") -> Iterator[tuple[float, str]]:
    if name in figures:
        yield figures[name], rule or f"{MEASURED} ({name})"


def _sum(figures: Figures, pattern: str) -> Iterator[tuple[float, str]]:
    """The sum of the phases that are there; of the input, of as many as it has."""
    found = [figures[name] for name in _phases(pattern) if name in figures]
    if pattern.startswith("input"):
        found = found[: int(figures.get("input.phases") or len(found))]
    if found:
        yield sum(found), f"{MEASURED} (sum of {pattern.format('L1..L3')})"


def _outlets(figures: Figures) -> Iterator[tuple[float, str]]:
    """The outlets together: one that is the sum of the others, such as a group of all, is the total."""
    yield from _one(figures, "outlet.realpower")
    for pattern, name in ((_GROUP, "outlet.group.N.realpower"), (_OUTLET, "outlet.N.realpower")):
        found = sorted(number for variable, number in figures.items() if pattern.fullmatch(variable))
        if not found:
            continue
        *others, largest = found
        is_total = len(others) >= 2 and abs(largest - sum(others)) <= TOTAL_TOLERANCE * largest
        yield (largest if is_total else sum(found)), f"{MEASURED} (sum of {name})"
