"""The levels of a discharge as some twenty points, and how certain each is. Pure.

Levels that are noisy are gathered by age, newer ones more finely. Levels that stick, so that they fall by
several per cent at once, are known best at the moment when they change.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

RECENT_EDGES = (2.5, 5.5, 10.5, 17.5, 28.5, 45.5, 70.5)  # days back
SHARES = (0.15, 0.22, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the span, back
LAGS, NOISE_DAYS, TRIMMED = (1, 4, 8), 120, 0.96  # days; the rest are outliers
ALIKE_DAYS = 4  # of the same weather
LEAST_NOISE, LEAST_ERROR, COUNTED_ERROR = 0.3, 0.7, 0.35  # per cent, of a day; of several; that are counted
DRIFT = 5.0  # per cent: by which the first level departs from the course that fits the last ones
SWING_DAYS, AROUND, SWING_SHARE = 40, 3, 0.92  # days; on each side; of the days are no deeper
LEAST_CHANGES, RISES = 8, 0.03  # changes of the level from day to day; share of them that rise
STEP_DAYS, MOST_STEP = 120, 25  # days; per cent
STICKY, STICKY_SHARE = 2.0, 0.8  # per cent at once; share of days on which the level stays


class DayLevel(NamedTuple):
    """A day (days since 1970) with its middle and its lowest level, per cent."""

    day: float
    level: float
    lowest: float


class Knot(NamedTuple):
    """Some days as one: where they lie between the first and the last (0 to 1), their level, its error."""

    place: float
    level: float
    error: float


def knots_of(days: Sequence[DayLevel]) -> list[Knot]:
    """The knots of the days of a discharge, the newest first."""
    least = COUNTED_ERROR if counts_down(days) else LEAST_ERROR
    return _of_steps(days, least) or _of_ages(days, least)


def counts_down(days: Sequence[DayLevel]) -> bool:
    """Whether the level never rises, as that of a gauge that counts, and not as volts do with the weather."""
    changes = [after.level - before.level for before, after in pairwise(days) if after.level != before.level]
    return len(changes) >= LEAST_CHANGES and sum(change > 0 for change in changes) <= RISES * len(changes)


def _error(noise: float, place: float, least: float) -> float:
    return math.hypot(noise, DRIFT * (1 - place), least)


def _of_ages(days: Sequence[DayLevel], least: float) -> list[Knot]:
    last, span = days[-1].day, days[-1].day - days[0].day
    noise = noise_of([day.level for day in days])
    below = max(_depth(days), 0.7 * noise) + step_of(days) / 2 - 0.5
    knots = []
    for newest, oldest in pairwise(_edges(span)):
        part = [day for day in days if newest <= last - day.day < oldest]
        if part:
            place = sum(day.day - days[0].day for day in part) / len(part) / span
            level = max(0.5, median(day.level for day in part) - below)
            knots.append(
                Knot(place, level, _error(noise / math.sqrt(1 + len(part) / ALIKE_DAYS), place, least))
            )
    return knots


def step_of(days: Sequence[DayLevel]) -> float:
    """The step in which levels are reported, in whole per cents: half a step below it they are 0."""
    step = 0
    for day in days[-STEP_DAYS:]:
        if day.lowest % 1:
            return 1.0
        step = math.gcd(step, int(day.lowest))
    return float(max(1, step)) if step <= MOST_STEP else 1.0


def _depth(days: Sequence[DayLevel]) -> float:
    """By how much the lowest levels lie below the course: the first 0 comes on a cold night."""
    recent = days[-SWING_DAYS:]
    depths = []
    for index, day in enumerate(recent):
        around = recent[max(0, index - AROUND) : index + AROUND + 1]
        depths.append(median(other.level for other in around) - day.lowest)
    return max(0.0, sorted(depths)[int(SWING_SHARE * len(depths))])


def _of_steps(days: Sequence[DayLevel], least: float) -> list[Knot]:
    """Knots at the moments when a level that sticks changed; none where it does not stick."""
    falls = [before.level - after.level for before, after in pairwise(days)]
    changes = [fall for fall in falls if fall]
    if len(changes) < 4 or len(changes) > (1 - STICKY_SHARE) * len(falls):
        return []
    step = median(sorted(abs(fall) for fall in changes))
    if step < STICKY or sum(fall < 0 for fall in changes) > 0.2 * len(changes):
        return []
    begin, span = days[0].day, days[-1].day - days[0].day
    knots, lowest, seen = [], days[0].level, days[0].day
    for day in days[1:]:
        if day.level < lowest:
            at = (seen + day.day) / 2
            gap = (day.day - seen) / 2 / span * 100
            place = (at - begin) / span
            middle = (lowest + day.level - step) / 2 + 0.5
            knots.append(Knot(place, max(0.5, middle), _error(0.15 * step + gap, place, least)))
            lowest = day.level
        if day.level <= lowest + step / 2:
            seen = day.day
    usual = median(after.place - before.place for before, after in pairwise(knots)) if len(knots) > 2 else 1.0
    share = min(1.0, (1 - knots[-1].place) / max(usual, 1e-6))
    now = knots[-1].level - step * min(0.9, share)
    knots.append(Knot(1.0, max(0.5, now), _error(0.25 * step, 1.0, least)))
    return knots[::-1]


def noise_of(levels: Sequence[float]) -> float:
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
