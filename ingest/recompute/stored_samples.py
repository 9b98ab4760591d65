"""What a stored sample amounts to by the present rules. Pure.

Of the past only the columns of `ups_samples` are known. So these rules can be applied: the ranges of the
figures in them, the watts of those figures (load, VA, measured W), and mains or battery by status, input
voltage and the self-tests that were recorded. Settings of the device, such as its nominal power and its
transfer voltages, are taken as they are now. What other variables showed (phases, outlets, ups.alarm) is not
known any more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.ups.figures import FIGURES, RATINGS, column
from ingest.ups.measurement import Measurement, measure
from ingest.ups.plausible import LARGEST_POWER, NOMINAL_FACTOR, plausible_range
from ingest.ups.records import Figures, Variables
from ingest.ups.settings import UpsSettings
from ingest.ups.watts import APPARENT, LEAST_CURRENT_A, LEAST_LOAD, MEASURED, POWER_FACTOR, Rating

# Variables that are settings or ratings of a device: those of now are taken for those of then.
CONSTANTS = (
    *(name for name in RATINGS if name != "output.powerfactor"),
    "output.realpower.nominal",
    "output.power.nominal",
    "output.voltage.nominal",
    "ups.upspower.nominal",
    "input.transfer.low",
    "input.transfer.high",
    "battery.charge.low",
    "battery.runtime.low",
)
COLUMNS = ("id", "sampled_at", "ups_status", *map(column, FIGURES), "watts", "watts_rule")
NOMINAL_W = (10.0, 2_000_000.0)  # a nominal power that can be
FACTOR = (0.3, 1.0)  # a power factor that can be
SAME = 0.001  # the share within which two numbers are one


class StoredSample(NamedTuple):
    """A row of `ups_samples`. `at`: unix seconds; `figures`: those that are not null."""

    id: int
    at: float
    status: str
    figures: Figures
    watts: float | None
    watts_rule: str | None


class Correction(NamedTuple):
    """A sample by the present rules. `changed`: column -> value, of the columns that are others now."""

    measurement: Measurement
    variables: Variables
    changed: dict[str, float | str | None]


def correct(
    sample: StoredSample, constants: Variables, own: UpsSettings, is_right: bool = False
) -> Correction:
    """A stored sample by the present rules; `constants` are the variables of CONSTANTS that the UPS has.

    `is_right`: it was concluded by them.
    """
    variables = {**constants, **{name: f"{value:.15g}" for name, value in sample.figures.items()}}
    found = measure(variables, own)
    if is_right:
        found = found._replace(watts=sample.watts, watts_rule=sample.watts_rule)
        return Correction(found, variables, {})
    figures, watts, rule, *_ = found
    if not _is_better(sample, figures, watts, rule):
        watts, rule = sample.watts, sample.watts_rule
    changed: dict[str, float | str | None] = {
        column(name): figures.get(name)
        for name, value in sample.figures.items()
        if figures.get(name) != value
    }
    if watts != sample.watts or rule != sample.watts_rule:
        changed |= {"watts": watts, "watts_rule": rule}
    return Correction(found._replace(watts=watts, watts_rule=rule), variables, changed)


def _is_better(sample: StoredSample, figures: Figures, watts: float | None, rule: str | None) -> bool:
    """Whether the watts found now are to stand in place of those that are stored.

    They are where the stored ones cannot be, or came by a source that is not the best one. A nominal power or
    a power factor that can be was that of its time: it stays.
    """
    before = sample.watts
    if before is None or not _can_stand(before, sample.watts_rule or "", figures):
        return before != watts
    if watts is None or rule is None or (sample.watts_rule or "").startswith(MEASURED):
        return False
    if rule != sample.watts_rule:
        return True
    apparent = figures.get("ups.power", 0.0)
    is_assumed = rule == APPARENT and apparent and abs(before / apparent - POWER_FACTOR) <= SAME
    return bool(is_assumed) and abs(before - watts) > SAME * max(abs(watts), 1.0)


def _can_stand(watts: float, rule: str, figures: Figures) -> bool:
    """Whether watts that are stored can be, by the figures of their sample that can."""
    load, apparent = figures.get("ups.load"), figures.get("ups.power")
    is_loaded = (load or 0.0) >= LEAST_LOAD or figures.get("output.current", 0.0) > LEAST_CURRENT_A
    if watts == 0 and is_loaded:
        return False
    if rule == MEASURED:
        return figures.get("ups.realpower") == watts
    if rule.startswith("load"):
        low, high = NOMINAL_W
        return load is not None and (not load or low <= watts * 100 / load <= high)
    if rule == APPARENT:
        return apparent is not None and (not apparent or FACTOR[0] <= watts / apparent <= FACTOR[1])
    return True


def most_watts(rating: Rating) -> float:
    """The most W or VA that are believed of a device."""
    nominal = rating.realpower or rating.power
    return NOMINAL_FACTOR * nominal if nominal else LARGEST_POWER


def suspicious_sql(rating: Rating, own: UpsSettings) -> str:
    """SQL: a row of `ups_samples` that the present rules may see otherwise than it is stored.

    Rows that are not are most of all, and need not be read.
    """
    most_w = most_watts(rating)
    is_rated = "1" if rating.realpower or rating.power else "0"
    factor_differs = rating.realpower is not None or abs(rating.power_factor - POWER_FACTOR) > SAME
    low, high = NOMINAL_W
    conditions = [
        "ups_status not like '%OL%'",
        "ups_status like '%OB%'",
        "ups_status like '%!OL%'",
        f"(ups_status like '%DISCHRG%' and ({int(own.discharging_is_outage)} or input_voltage < 100))",
        *_range_conditions(),
        "(battery_runtime = 0 and battery_charge > 0)",
        "(battery_charge = ups_load and battery_charge = battery_voltage)",
        f"(watts = 0 and (ups_load >= {LEAST_LOAD} or output_current > {LEAST_CURRENT_A}))",
        f"watts > {most_w}",
        f"ups_power > {most_w}",
        f"(watts is null and (ups_realpower or ups_power or ({is_rated} and ups_load)))",
        f"(watts_rule like 'load%' and watts * 100 not between {low} * ups_load and {high} * ups_load)",
        f"({int(factor_differs)} and watts_rule like '%VA x%')",
    ]
    return " or ".join(conditions)


def _range_conditions() -> Iterable[str]:
    """SQL for each figure that is outside its range, or a code."""
    for name in FIGURES:
        rule = plausible_range(name)
        if rule is not None:
            codes = "".join(f" or {column(name)} = {code}" for code in sorted(rule.codes))
            yield f"({column(name)} < {rule.low} or {column(name)} > {rule.high}{codes})"


def is_possible(name: str, low: float, high: float, most_w: float = LARGEST_POWER) -> bool:
    """Whether the lowest and highest value of a figure can be; 0 may mean that there is none."""
    if name == "watts":
        return low >= 0 and high <= most_w
    rule = plausible_range(name)
    if rule is None:
        return True
    most = rule.high if rule.capped is None else rule.capped
    return all(
        (rule.low <= value <= most and value not in rule.codes) or (rule.zero_is_none and value == 0)
        for value in (low, high)
    )
