"""The forecast of one battery: which discharges agree with the levels so far, and when they end. Pure.

Each shape of `ingest.forecast.curves` is laid over the levels with a grid of begins and of places on it; how
well each agrees is its weight, and the ends of all of them, weighted, are the forecast. What no curve knows
(a colder winter, a sensor that reports more often) widens the interval by a share of the days left.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from math import log1p
from statistics import median
from typing import NamedTuple

from ingest.forecast.curves import SHAPES, STEPS, VOLT_CURVES, Shape
from ingest.forecast.volt_fits import LEFT_AT, Fit, Knot, fits_of_volts

LEAST_DAYS, LEAST_SPAN, LEAST_LOST = 5, 7.0, 3.0  # days with levels, days, per cent: at least
RECENT_DAYS = 14
RECENT_EDGES = (2.5, 5.5, 10.5, 17.5, 28.5, 45.5, 70.5)  # days back
SHARES = (0.15, 0.22, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the span, back
STARTS = ((0.0, 1.0), (0.05, 0.5), (0.15, 0.25), (0.35, 0.1))  # used before, weight
PLACES = 20  # of a shape that are tried, around the level now
SHAPE_ERROR = 6.0  # per cent: by which the first level departs from the curve that fits the last ones
LAGS, NOISE_DAYS, TRIMMED = (1, 4, 8), 120, 0.96  # days; the rest are outliers
ALIKE_DAYS = 4  # of the same weather
LEAST_NOISE, LEAST_ERROR = 0.3, 0.4  # per cent, of a day, of several
UNLIKELY = 25.0  # less than the best by this logarithm: not counted
# The weight of the curve of a chemistry where none was set, where it was, and where another one was.
NOT_SET, SET, OTHER = 0.06, 5.0, 0.005
LIFE_DAYS, LIFE_SPREAD = 350.0, 1.3  # of any battery of a node; the spread is of its logarithm
OWN_SPREAD = 0.4  # of the same node's lives
FUTURE_SPREAD = 0.11  # of the logarithm of the days left: what changes in the time to come
ADDED_DAYS = 0.8  # of a day: levels are whole per cents and come at some hour
NORMAL = (-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645)  # deciles' middles
SWING = 1.0  # of the depth of the lowest level of a day: the first 0 comes on a cold night
USUAL_LOG = -0.6  # of a level that agrees with a shape


class DayLevel(NamedTuple):
    """A day (days since 1970) with its middle and its lowest level, per cent."""

    day: float
    level: float
    lowest: float


class Forecast(NamedTuple):
    """Days from the last level until it is 0: the median and an interval of 80 %; the likeliest shape."""

    days: float
    low: float
    high: float
    shape: str


def too_little(days: Sequence[DayLevel]) -> str:
    """Why these days are too few for a forecast, or ""."""
    if len(days) < LEAST_DAYS:
        return (
            f"levels of {len(days)} {'day' if len(days) == 1 else 'days'}: at least {LEAST_DAYS} are needed"
        )
    span = days[-1].day - days[0].day
    if span < LEAST_SPAN:
        return f"levels of {span:.0f} days: at least {LEAST_SPAN:.0f} are needed"
    first, last = (median(day.level for day in part) for part in (days[:3], days[-3:]))
    if first - last < LEAST_LOST:
        return f"the level fell by {max(0.0, first - last):.0f} %: at least {LEAST_LOST:.0f} % are needed"
    return ""


def forecast(
    days: Sequence[DayLevel],
    chemistry: str = "",
    own: Shape | None = None,
    own_life: float | None = None,
) -> Forecast:
    """The forecast from days for which `too_little` is "".

    `chemistry` is one of BATTERY_TYPES or ""; `own` an earlier discharge of this node, `own_life` its days.
    """
    span = days[-1].day - days[0].day
    knots = _knots(days)
    life, spread = (own_life, OWN_SPREAD) if own_life else (LIFE_DAYS, LIFE_SPREAD)
    fits: list[Fit] = []
    best = -math.inf
    for curve in VOLT_CURVES:
        weight = NOT_SET if not chemistry else SET if curve.chemistry == chemistry else OTHER
        found = fits_of_volts(curve, knots, weight, best - UNLIKELY)
        best = max([best, *(fit.log_likelihood for fit in found)])
        fits += found
    for shape in [*SHAPES, *([own] if own else [])]:
        found = _fits(shape, knots, best - UNLIKELY)
        best = max([best, *(fit.log_likelihood for fit in found)])
        fits += found
    misfit = max(1.0, max(fit.log_likelihood for fit in fits) / (USUAL_LOG * len(knots)))
    ends = [
        (
            span * (1 - fit.now) / (fit.now - fit.start),
            fit.log_likelihood / misfit
            + math.log(fit.weight)
            - (math.log(span / (fit.now - fit.start) / life) / spread) ** 2 / 2,
            fit.name,
        )
        for fit in fits
    ]
    return _summary(ends)


def _fits(shape: Shape, knots: Sequence[Knot], least: float) -> list[Fit]:
    """The shape from each of STARTS to places around the level now."""
    levels, last = shape.levels, knots[0]
    near = 3.5 * last.error
    end = shape.used_at(LEFT_AT)
    first = min(end - 3 / STEPS, shape.used_at(min(100.0, last.level + near)))
    beyond = min(end - 1 / STEPS, max(first + 2 / STEPS, shape.used_at(max(LEFT_AT, last.level - near))))
    width = (beyond - first) / PLACES
    found = []
    for start, weight in STARTS:
        for step in range(PLACES):
            now = first + width * (step + 0.5)
            if now - start < 0.01:
                continue
            rise, log = (now - start) * STEPS, 0.0
            base = start * STEPS + 0.5
            for place, level, error in knots:
                distance = (levels[int(base + rise * place)] - level) / error
                log -= 2.5 * log1p(distance * distance / 4)
                if log < least:
                    break
            else:
                # Places are steps of different size: each stands for a stretch of its shape.
                found.append(Fit(shape.name, start / end, now / end, log, weight * shape.weight * width))
    return found


def _knots(days: Sequence[DayLevel]) -> list[Knot]:
    """The days as some twenty levels, the last one first; newer ones are closer and count more."""
    last, span = days[-1].day, days[-1].day - days[0].day
    recent = [day for day in days if last - day.day < RECENT_DAYS]
    noise = _noise([day.level for day in days])
    swing = max(SWING * median(day.level - day.lowest for day in recent), 0.7 * noise)
    knots = []
    for newest, oldest in pairwise(_edges(span)):
        part = [day for day in days if newest <= last - day.day < oldest]
        if part:
            place = sum(day.day - days[0].day for day in part) / len(part) / span
            level = max(LEFT_AT, median(day.level for day in part) - swing)
            error = math.hypot(
                noise / math.sqrt(1 + len(part) / ALIKE_DAYS), SHAPE_ERROR * (1 - place), LEAST_ERROR
            )
            knots.append(Knot(place, level, error))
    return knots


def _noise(levels: Sequence[float]) -> float:
    """By how much a day's level departs from its course: weather, levels that stick, whole per cents."""
    found = LEAST_NOISE
    for lag in LAGS:
        steps = [
            after - before
            for before, after in zip(levels[-NOISE_DAYS:], levels[-NOISE_DAYS + lag :], strict=False)
        ]
        if len(steps) > 2:
            usual = median(steps)
            departures = sorted(abs(step - usual) for step in steps)
            departures = departures[: max(2, round(TRIMMED * len(departures)))]
            found = max(found, 0.9 * sum(departures) / len(departures))
    return found


def _edges(span: float) -> list[float]:
    """The ages, in days, between which days are one knot."""
    ages = {age for age in RECENT_EDGES if age < SHARES[0] * span}
    return [0.0, *sorted(ages | {share * span for share in SHARES}), span + 1]


def _summary(ends: Sequence[tuple[float, float, str]]) -> Forecast:
    """The median and the interval of days left, each with the logarithm of its weight and its shape."""
    most = max(log for _, log, _ in ends)
    likely: dict[str, float] = {}
    samples = []
    for days, log, shape in ends:
        weight = math.exp(log - most)
        if weight > 1e-4:
            likely[shape] = likely.get(shape, 0.0) + weight
            for deviation in NORMAL:
                samples.append(
                    (max(0.0, days * math.exp(FUTURE_SPREAD * deviation) + ADDED_DAYS * deviation), weight)
                )
    samples.sort()
    total = sum(weight for _, weight in samples)
    wanted, sum_so_far = [0.1, 0.5, 0.9], 0.0
    found: list[float] = []
    for days, weight in samples:
        sum_so_far += weight
        while len(found) < 3 and sum_so_far >= wanted[len(found)] * total - 1e-9:
            found.append(days)
    low, middle, high = found
    return Forecast(middle, low, high, max(likely, key=lambda name: likely[name]))
