"""What the battery of a UPS holds against new, when to replace it, how long it lasts at a load. Pure.

Each discharge that counts gives the time that a full charge lasts. Such times are compared by

    ln time = ln time when new + ln capacity(age) - k ln(watts / reference) + noise
    capacity(age) = 1 - (1 - END_OF_LIFE) (age / life) ** shape

with the life, the shape and the exponent k (Peukert's, about 1.15) unknown: every combination on a grid is
weighted by how well it fits the discharges, and by what is usual for lead-acid batteries in UPSes. The time
when new and the noise are summed over in closed form. Intervals hold 80 % of the weight.

A shallow discharge says less than a deep one, since the charge is a whole per cent and its scale is not
straight. A battery is at the end of its life at 80 % of its capacity: IEEE 1188.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from operator import mul
from statistics import median
from typing import NamedTuple

from ingest.db.time import parse_utc
from ingest.ups.battery_health import (
    END_OF_LIFE,
    NO_DISCHARGE,
    PEUKERT,
    Discharge,
    exclusion_reason,
    parse_discharge,
)
from ingest.ups.records import EventFigures

YEAR_S = 365.25 * 86_400
MIN_DISCHARGES = 3  # fewer show no ageing
MIN_SPAN_S = 60 * 86_400.0  # nor do those of a shorter time
MOST = 60  # discharges that are compared: the first half of them and the latest
MIN_COVERED = 0.9  # of an outage, which polls have seen: in a gap the charge goes on falling
LONGEST_S = 7 * 86_400.0  # no runtime is given as longer: a load near 0 would give any number
LEAST_WATTS, MOST_WATTS = 1.0, 1_000_000.0
# Capacity per °C around the temperature of a test, as IEC 60896 has it, for fast and for slow discharges.
PER_DEGREE_FAST, PER_DEGREE_SLOW, SLOW_S = 0.010, 0.006, 3 * 3600.0
PLAUSIBLE_DEGREES = (-20.0, 60.0)
# What is usual: batteries of small UPSes last three to eight years at room temperature.
USUAL_LIFE_YEARS, LIFE_SPREAD = 5.0, 0.4
SHORTEST_YEARS, LONGEST_YEARS, LIVES = 0.75, 20.0, 48
SHAPES = (0.8, 1.3, 2.0, 3.5, 6.0)  # from an early loss to a sudden end
PEUKERT_SPREAD = 0.12
EXPONENTS = (0.9, 1.0, 1.1, 1.2, 1.3, 1.4)
NOISE, NOISE_WEIGHT = (
    0.06,
    3.0,
)  # usual deviation of a deep discharge; how many of them that knowledge is worth
SHALLOW = 15.0  # % of charge: a discharge of that depth has twice the variance of a deep one
LEAST_CAPACITY = 0.05
# A change that was not entered: by how much (ln) discharges last longer, how many before and after it there
# are at least, how many are compared, of which weight, how far beyond the noise, within which ln load.
RENEWED_RISE, RENEWED_BEFORE, RENEWED_AFTER, RENEWED_AROUND = 0.08, 3, 3, 5
RENEWED_WEIGHT, RENEWED_NOISE, SAME_LOAD = 0.3, 2.0, 0.4
TAIL = 0.1  # of the weight, on each side of an interval
NEGLIGIBLE = math.log(1e-4)  # of the best combination's weight: what is below is left out
NORMAL_TAIL = 1.2816  # standard deviations that leave TAIL outside
NO_AGE = "when the battery was put in is not known: enter it on the UPS's page"


class Estimate(NamedTuple):
    """A figure with the ends of its 80 % interval."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True)
class BatteryForecast:
    """What the discharges of one battery tell. None: not known, for the reason in `basis`.

    `capacity` is a share of new, `replace_at` in unix seconds, `runtime_s` of a full charge at `watts`.
    `runtime_basis` is what the runtime rests on, or why there is none.
    """

    counted: int
    basis: str
    runtime_basis: str
    capacity: Estimate | None = None
    replace_at: Estimate | None = None
    runtime_s: Estimate | None = None
    watts: float | None = None


class PastDischarge(NamedTuple):
    """A discharge, and °C at the UPS when it began, where that is given."""

    discharge: Discharge
    temperature: float | None = None


class _Point(NamedTuple):
    """A discharge as the model has it: age in years, ln of the time, ln of the load, weight of 0 to 1."""

    age: float
    log_time: float
    log_watts: float
    weight: float


class _CurveFit(NamedTuple):
    """A combination of the grid with its weight; ln of the time when new at the reference load."""

    weight: float
    life: float
    shape: float
    exponent: float
    log_new: float
    noise: float  # variance of a deep discharge
    variance: float  # of log_new


def parse_past_discharge(
    started_at: str,
    complete: bool,
    figures: EventFigures,
    temperature: float | None = None,
    is_estimated: bool = False,
) -> PastDischarge:
    """A row of `events` (ONBATT) with its figures.

    `is_estimated`: its charge was estimated from earlier discharges, so that it shows nothing of this one.
    """
    found = parse_discharge(started_at, complete, figures)
    if is_estimated:
        found = replace(found, charge_start=None, charge_end=None)
    if found.covered_s < MIN_COVERED * figures.get("seconds", 0.0):
        found = replace(found, complete=False)
    if temperature is not None and not PLAUSIBLE_DEGREES[0] <= temperature <= PLAUSIBLE_DEGREES[1]:
        temperature = None
    return PastDischarge(found, temperature)


def forecast_battery(
    discharges: Iterable[PastDischarge],
    changed_at: str | None,
    now: float,
    watts: float | None,
    temperature: float | None = None,
) -> BatteryForecast:
    """What discharges in order of time show of the battery that is in the UPS since `changed_at`.

    `changed_at` is UTC text, None where it is not known; `now` unix seconds. `watts` is the load that the
    runtime is asked for, `temperature` is that of the UPS now in °C, where it is given.
    """
    present = [one for one in discharges if one.discharge.started_at >= (changed_at or "")]
    counted = _choose(present)
    if not counted:
        reason = _why_none(present)
        return BatteryForecast(0, reason, reason, watts=watts)
    usual = _usual_temperature(counted)
    starts = [parse_utc(one.discharge.started_at) for one in counted]
    put_in = parse_utc(changed_at) if changed_at else starts[0]
    points = [_point(one, at, put_in, usual) for one, at in zip(counted, starts, strict=True)]
    renewed = _renewed(points)
    if renewed:
        counted, starts, points = counted[renewed:], starts[renewed:], points[renewed:]
    reference = sum(one.log_watts for one in points) / len(points)
    fits = _fit(tuple(points), reference)
    age = max(0.0, (now - put_in) / YEAR_S)
    runtime = _runtime(fits, age, reference, watts, _degrees_off(temperature, usual))
    basis = _describe(counted, starts, usual)
    runtime_basis = basis if runtime else "the load is not known"
    if reason := _why_renewed(counted) if renewed else _why_no_age(changed_at, starts):
        return BatteryForecast(len(counted), reason, runtime_basis, runtime_s=runtime, watts=watts)
    capacity = _weighted_interval((_capacity(age, one.life, one.shape), one.weight) for one in fits)
    return BatteryForecast(
        len(counted), basis, runtime_basis, capacity, _replace_at(fits, put_in), runtime, watts
    )


def _choose(present: Iterable[PastDischarge]) -> list[PastDischarge]:
    """Those that count and are compared, all of one kind.

    Their time is that to empty; where the UPS shows no charge, that to LB.
    """
    counted = [one for one in present if exclusion_reason(one.discharge) is None]
    counted = [one for one in counted if one.discharge.charge_lost] or counted
    return counted if len(counted) <= MOST else [*counted[: MOST // 2], *counted[-MOST // 2 :]]


def _why_none(present: Sequence[PastDischarge]) -> str:
    if not present:
        return NO_DISCHARGE
    ((reason, _),) = Counter(exclusion_reason(one.discharge) for one in present).most_common(1)
    return f"{NO_DISCHARGE} that counts: {reason}"


def _renewed(points: Sequence[_Point]) -> int:
    """The first discharge of a newer battery than was entered; 0 where there is none.

    A battery only loses: where discharges at one load take clearly longer than those before, it was changed.
    """
    deep = [index for index, one in enumerate(points) if one.weight >= RENEWED_WEIGHT]
    rise, found = RENEWED_RISE, 0
    for place in range(RENEWED_BEFORE, len(deep) - RENEWED_AFTER + 1):
        before = [points[index] for index in deep[max(0, place - RENEWED_AROUND) : place]]
        after = [points[index] for index in deep[place : place + RENEWED_AROUND]]
        if abs(median(one.log_watts for one in after) - median(one.log_watts for one in before)) > SAME_LOAD:
            continue
        shorter, longer = (
            sorted(one.log_time + PEUKERT * one.log_watts for one in part) for part in (before, after)
        )
        # Nearly all of those after it last longer than nearly all before.
        is_apart = longer[len(longer) // 4] > shorter[-1 - len(shorter) // 4]
        noise = NOISE / math.sqrt(median(one.weight for one in before + after))
        least = RENEWED_NOISE * noise * math.sqrt(1 / len(before) + 1 / len(after))
        if is_apart and median(longer) - median(shorter) > max(rise, least):
            rise, found = median(longer) - median(shorter), deep[place]
    return found


def _why_renewed(counted: Sequence[PastDischarge]) -> str:
    day = counted[0].discharge.started_at[:10]
    return f"discharges since {day} last longer than those before: if the battery was changed, enter when"


def _why_no_age(changed_at: str | None, starts: Sequence[float]) -> str:
    """Why discharges show no ageing; empty where they do."""
    if changed_at is None:
        return NO_AGE
    if len(starts) < MIN_DISCHARGES:
        many = "discharge counts" if len(starts) == 1 else "discharges count"
        return f"{len(starts)} {many}, {MIN_DISCHARGES} are needed to show ageing"
    if starts[-1] - starts[0] < MIN_SPAN_S:
        return f"all discharges lie within {MIN_SPAN_S / 86_400:.0f} days: too short a time to show ageing"
    return ""


def _describe(counted: Sequence[PastDischarge], starts: Sequence[float], usual: float | None) -> str:
    watts = [one.discharge.watts or 0.0 for one in counted]
    low, high = f"{min(watts):.0f}", f"{max(watts):.0f}"
    load = f"{low} W" if low == high else f"{low} to {high} W"
    span_s = starts[-1] - starts[0]
    span = f"{span_s / YEAR_S:.1f} years" if span_s >= YEAR_S else f"{math.ceil(span_s / 86_400)} days"
    over = f" over {span}" if span_s else ""
    heat = "" if usual is None else f", brought to {usual:.0f} °C"
    return f"{len(counted)} discharge{'s' if len(counted) > 1 else ''}{over} at {load}{heat}"


def _point(one: PastDischarge, at: float, put_in: float, usual: float | None) -> _Point:
    discharge = one.discharge
    full_s = discharge.full_charge_s or 1.0
    lost = discharge.charge_lost
    weight = 1.0 if not lost else 1 / (1 + (SHALLOW / lost) ** 2)
    warmth = _warmth(_degrees_off(one.temperature, usual), full_s)
    return _Point(
        max(0.0, (at - put_in) / YEAR_S),
        math.log(max(full_s, 1.0)) - warmth,
        math.log(max(discharge.watts or 0.0, LEAST_WATTS)),
        weight,
    )


def _degrees_off(temperature: float | None, usual: float | None) -> float:
    """°C above the usual temperature of the discharges; 0 where one of both is not given."""
    return 0.0 if temperature is None or usual is None else temperature - usual


def _warmth(degrees: float, full_s: float) -> float:
    """ln of what a battery gives more by being that much warmer."""
    rate = PER_DEGREE_SLOW if full_s >= SLOW_S else PER_DEGREE_FAST
    return math.log(max(0.3, 1 + rate * degrees))


def _capacity(age: float, life: float, shape: float) -> float:
    """The capacity at an age, as a share of new. Years."""
    loss: float = (1 - END_OF_LIFE) * (age / life) ** shape
    return max(LEAST_CAPACITY, 1 - loss)


@cache
def _lives() -> tuple[tuple[float, float], ...]:
    """The lives of the grid in years, each with the log of how usual it is."""
    step = math.log(LONGEST_YEARS / SHORTEST_YEARS) / (LIVES - 1)
    lives = [SHORTEST_YEARS * math.exp(step * number) for number in range(LIVES)]
    return tuple((life, -0.5 * (math.log(life / USUAL_LIFE_YEARS) / LIFE_SPREAD) ** 2) for life in lives)


class _Moments(NamedTuple):
    """Weighted means of ln time (y) and ln load (x) and their sums of squares about them."""

    total: float
    y: float
    x: float
    yy: float
    xy: float
    xx: float


def _moments(points: Sequence[_Point], reference: float) -> _Moments:
    total = sum(one.weight for one in points)
    y = sum(one.weight * one.log_time for one in points) / total
    x = sum(one.weight * (one.log_watts - reference) for one in points) / total
    off = [(one.weight, one.log_time - y, one.log_watts - reference - x) for one in points]
    return _Moments(
        total,
        y,
        x,
        sum(weight * dy * dy for weight, dy, _ in off),
        sum(weight * dx * dy for weight, dy, dx in off),
        sum(weight * dx * dx for weight, _, dx in off),
    )


@lru_cache(maxsize=16)  # of the UPSes on a page: they change with a discharge, and are asked for at each look
def _fit(points: tuple[_Point, ...], reference: float) -> tuple[_CurveFit, ...]:
    """Every combination of the grid that is not negligible, with its share of the weight."""
    moments = _moments(points, reference)
    freedom = NOISE_WEIGHT + (len(points) - 1) / 2
    weighed = [*_weigh(points, moments, reference, freedom)]
    best = max(one[0] for one in weighed)
    kept = [(math.exp(one[0] - best), one) for one in weighed if one[0] - best > NEGLIGIBLE]
    total = sum(weight for weight, _ in kept)
    found = []
    for weight, (_, life, shape, exponent, mean, scale) in kept:
        noise = scale / (freedom - 1)
        log_new = moments.y - mean + exponent * moments.x
        found.append(_CurveFit(weight / total, life, shape, exponent, log_new, noise, noise / moments.total))
    return tuple(found)


def _weigh(
    points: Sequence[_Point], moments: _Moments, reference: float, freedom: float
) -> Iterator[tuple[float, float, float, float, float, float]]:
    """Each combination: ln of its weight, life, shape, exponent, mean ln capacity, scale of the noise."""
    total, y, x, yy, xy, xx = moments
    weights = [one.weight for one in points]
    off_y = [one.weight * (one.log_time - y) for one in points]
    off_x = [one.weight * (one.log_watts - reference - x) for one in points]
    expected = [(one, -0.5 * ((one - PEUKERT) / PEUKERT_SPREAD) ** 2) for one in EXPONENTS]
    for life, usual in _lives():
        for shape in SHAPES:
            logs = [math.log(_capacity(one.age, life, shape)) for one in points]
            mean = sum(map(mul, logs, weights)) / total
            aa = sum(map(mul, weights, map(mul, logs, logs))) - total * mean * mean
            ya, xa = sum(map(mul, logs, off_y)), sum(map(mul, logs, off_x))
            for exponent, weight in expected:
                squares = yy + aa - 2 * ya + exponent * (2 * xy - 2 * xa + exponent * xx)
                scale = NOISE_WEIGHT * NOISE**2 + max(0.0, squares) / 2
                yield usual + weight - freedom * math.log(scale), life, shape, exponent, mean, scale


def _replace_at(fits: Sequence[_CurveFit], put_in: float) -> Estimate:
    found = _weighted_interval([(one.life, one.weight) for one in fits])
    return Estimate(*(put_in + years * YEAR_S for years in found))


def _weighted_interval(values: Iterable[tuple[float, float]]) -> Estimate:
    """The median and the interval of values with weights that sum up to 1."""
    ordered = sorted(values)
    middle, low, high = (_quantile(ordered, share) for share in (0.5, TAIL, 1 - TAIL))
    return Estimate(middle, low, high)


def _quantile(ordered: Sequence[tuple[float, float]], share: float) -> float:
    """The value below which `share` of the weight lies, on a line between the centres of two weights."""
    below, before = 0.0, None
    for value, weight in ordered:
        centre = below + weight / 2
        if centre >= share:
            if before is None or centre == before[1]:
                return value
            return before[0] + (value - before[0]) * (share - before[1]) / (centre - before[1])
        before, below = (value, centre), below + weight
    return ordered[-1][0]


def _runtime(
    fits: Sequence[_CurveFit], age: float, reference: float, watts: float | None, degrees: float
) -> Estimate | None:
    """How long a full charge lasts at a load, in s, with the deviation of a single discharge."""
    if watts is None or not LEAST_WATTS <= watts <= MOST_WATTS:
        return None
    heavier = math.log(watts) - reference
    logs = [
        (one, one.log_new + math.log(_capacity(age, one.life, one.shape)) - one.exponent * heavier)
        for one in fits
    ]
    mean = sum(one.weight * log for one, log in logs)
    variance = sum(one.weight * ((log - mean) ** 2 + one.variance + one.noise) for one, log in logs)
    mean += _warmth(degrees, math.exp(mean))
    off = NORMAL_TAIL * math.sqrt(variance)
    return Estimate(*(min(LONGEST_S, math.exp(log)) for log in (mean, mean - off, mean + off)))


def _usual_temperature(counted: Iterable[PastDischarge]) -> float | None:
    """The temperature that discharges are brought to; None where fewer than two have one to compare."""
    given = [one.temperature for one in counted if one.temperature is not None]
    return median(given) if len(given) > 1 else None
