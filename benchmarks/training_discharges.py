"""Discharges that the network of the battery forecast is trained on; `benchmarks/forecast.py` has others.

A cell runs down in a node (`benchmarks.training_cells`), or a course of the level over the share of the time
is drawn: by the volts of a cell between what a sketch calls empty and full, by a table of a firmware from
these volts, as a chemistry is usually drawn (a first drop, a plateau, an end), or by a formula (lines,
powers, knees, parts of lines, sigmoids, random falls), some of them bent or of few points, with noise,
weather, nights and seasons, and another rate later. A node reports it in steps, with levels that stick and
days that are missing, until the first 0.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.training_cells import cell_levels
from benchmarks.training_curves import (
    STEPS,
    TIME,
    USUAL,
    Array,
    Random,
    chance,
    drift,
    even,
    mixed_volts,
    table_of,
    two_cells,
)

CELLS_SHARE = 0.42  # of the discharges: cells in nodes
VOLTS_SHARE, DRAWN_SHARE = 0.45, 0.25  # of the others: by volts, as a chemistry is usually drawn
SET_SHARE, SET_OTHERS = 0.6, 0.25  # of those with a chemistry: the type is set; of those by a formula
TABLE_SHARE = 0.25  # of those by volts
BENT_SHARE, FEW_POINTS_SHARE = 0.35, 0.25  # of all; of all but cells
FORMULAS = {
    **{"line": 0.24, "power": 0.11, "power of the rest": 0.1, "knee": 0.17, "late": 0.03, "table": 0.14},
    **{"sigmoid": 0.1, "slower": 0.02, "random": 0.04, "mixed": 0.05},
}
MIXED = ("line", "power", "power of the rest", "knee", "table", "sigmoid", "slower")
LEAST_END = 25  # days


def _whole(left: Array) -> Array:
    """What falls, from 100 to 0."""
    left = np.minimum.accumulate(left)
    return 100 * (left - left[-1]) / (left[0] - left[-1])


def by_volts(rnd: Random) -> tuple[str, Array]:
    """The chemistry, and a level that is proportional to the volts of a cell of it."""
    chemistry = str(rnd.choice(list(USUAL), p=list(USUAL.values())))
    curve, other = two_cells(rnd, chemistry)
    share = rnd.uniform(0, 0.6)
    used = TIME ** math.exp(rnd.normal(0, 0.15)) + rnd.normal(0, 0.05) * np.sin(2 * np.pi * TIME)
    volts = mixed_volts(used, curve, other, share)
    height = curve.full[0] - curve.empty[0]
    if chance(rnd, 0.4):  # an end that is steeper
        volts = volts - rnd.uniform(0, 0.4) * height * np.exp((TIME - 1) / rnd.uniform(0.015, 0.1))
    if chance(rnd, 0.2):  # under load
        volts = volts - rnd.uniform(0, 0.12) * height * TIME ** rnd.uniform(1, 3)
    volts = np.minimum.accumulate(volts)
    table = table_of(rnd, curve)
    if table and chance(rnd, TABLE_SHARE):
        return chemistry, np.interp(volts + rnd.normal(0, 0.006) * curve.full[0], *zip(*table, strict=True))
    full, empty = rnd.normal(*curve.full), rnd.normal(*curve.empty)
    if chemistry == "lithium" and chance(rnd, 0.12):
        empty = rnd.uniform(volts[-1], max(volts[-1], full - 0.25))
    return chemistry, 100 * (volts - empty) / (full - empty)


def by_formula(rnd: Random, formula: str) -> Array:
    """A level that falls by this formula."""
    match formula:
        case "line":
            return _whole(1 - TIME ** math.exp(rnd.normal(0, 0.05)))
        case "power":
            return _whole(1 - TIME ** math.exp(rnd.uniform(-0.8, 1.3)))
        case "power of the rest":
            return _whole((1 - TIME) ** math.exp(rnd.uniform(-1.1, 0.9)))
        case "knee":
            return _knee(rnd)
        case "late":
            begin = rnd.uniform(0.3, 0.92)
            late = np.maximum(0, (TIME - begin) / (1 - begin)) ** math.exp(rnd.normal(0.05, 0.35))
            return _whole(1 - 0.05 * TIME * chance(rnd, 0.5) - late)
        case "table":
            return _table(rnd)
        case "sigmoid":
            middle, slope = rnd.uniform(0.3, 1.0), rnd.choice([0, rnd.uniform(0, 0.3)])
            return _whole(1 / (1 + np.exp(even(rnd, 3, 25) * (TIME - middle))) - slope * TIME)
        case "slower":
            return _whole(np.exp(-TIME / rnd.uniform(0.15, 0.7)) - rnd.uniform(0, 0.4) * TIME)
        case "random":
            falls = rnd.gamma(rnd.uniform(0.3, 3), 1, rnd.integers(4, 14))
            sums = np.concatenate([[0], np.cumsum(falls)])
            return _whole(-np.interp(TIME, np.linspace(0, 1, len(sums)), sums))
        case _:
            one, other = (by_formula(rnd, str(part)) for part in rnd.choice(MIXED, 2))
            share = rnd.random()
            return _whole(share * one + (1 - share) * other)


def _knee(rnd: Random) -> Array:
    """A first drop, a line that may be bent, and a knee at the end."""
    first = 0.0 if chance(rnd, 0.4) else rnd.uniform(0.02, 0.35)
    last = rnd.uniform(0.1, 0.95) * (1 - first)
    width, drop = even(rnd, 0.01, 0.3), even(rnd, 0.01, 0.25)
    power = 1.0 if chance(rnd, 0.6) else math.exp(rnd.uniform(-0.2, 0.6))
    knee = (np.exp((TIME - 1) / width) - np.exp(-1 / width)) / (1 - np.exp(-1 / width))
    if chance(rnd, 0.35):
        knee = TIME ** even(rnd, 3, 20)
    return _whole(1 - first * (1 - np.exp(-TIME / drop)) - last * knee - (1 - first - last) * TIME**power)


def _table(rnd: Random) -> Array:
    """Parts of a line."""
    count = int(rnd.integers(1, 5))
    places = np.sort(rnd.uniform(0.03, 0.97, count))
    if chance(rnd, 0.5):
        left = rnd.uniform(0.03, 0.97, count)
    else:
        left = np.clip(1 - places + rnd.normal(0, 0.15, count), 0.02, 0.98)
    return _whole(np.interp(TIME, [0, *places, 1], [1, *np.sort(left)[::-1], 0]))


# Per cent: the first drop, the level at the end of the plateau; the share of the life when it ends.
DRAWN = {
    "alkaline": ((2, 22), (8, 45), (0.6, 0.96)),
    "lithium": ((0, 12), (45, 93), (0.6, 0.97)),
    "nimh": ((3, 32), (20, 75), (0.6, 0.97)),
    "lipo": ((3, 22), (12, 60), (0.5, 0.96)),
    "lifepo4": ((0, 35), (25, 85), (0.6, 0.97)),
}


def as_drawn(rnd: Random, chemistry: str) -> Array:
    """A first drop, a plateau and an end, as this chemistry is usually drawn, of parts of lines."""
    drop, plateau, ends = DRAWN[chemistry]
    first, end = 100 - rnd.uniform(*drop), rnd.uniform(*ends)
    low = min(rnd.uniform(*plateau), first - 2)
    places, levels = [0.0, even(rnd, 0.01, 0.2)], [100.0, first]
    for share in np.sort(rnd.uniform(0.1, 0.9, rnd.integers(0, 3))):
        places.append(places[1] + share * (end - places[1]))
        levels.append(first - (first - low) * np.clip(share + rnd.normal(0, 0.12), 0.02, 0.98))
    places.append(end)
    levels.append(low)
    for share in np.sort(rnd.uniform(0.1, 0.9, rnd.integers(0, 3))):
        places.append(end + share * (1 - end))
        levels.append(low * (1 - share) ** math.exp(rnd.normal(-0.2, 0.5)))
    return _whole(np.interp(TIME, [*places, 1], [*levels, 0]))


def _of_few_points(rnd: Random, level: Array) -> Array:
    """A course that has lines between a few of its points."""
    inner = rnd.beta(1.2, rnd.choice([0.8, 1.2]), int(rnd.integers(2, 12)))
    places = np.concatenate([[0], np.sort(inner), [1]])
    found: Array = np.interp(TIME, places, np.interp(places, TIME, level))
    return found


def bend(rnd: Random) -> tuple[list[float], list[float]]:
    """Levels, and other per cents for them, as of another table; 0 and 100 stay. For `np.interp`."""
    places = np.sort(rnd.uniform(4, 96, int(rnd.integers(1, 4))))
    others = np.sort(np.clip(places + rnd.normal(0, 14, len(places)), 1, 99))
    return [-100, 0, *places, 100, 200], [-100, 0, *others, 100, 200]


class Discharge(NamedTuple):
    """The chemistry that was set or "", the day of the first 0, and each day's middle and lowest level."""

    kind: str
    chemistry: str
    end: int
    days: NDArray[np.int64]
    levels: Array
    lowest: Array


def _course(rnd: Random) -> tuple[str, str, Array]:
    """The kind of a course, the chemistry that is set, and the level."""
    while True:
        chemistry, way = "", rnd.random()
        if way < VOLTS_SHARE + DRAWN_SHARE:
            kind, level = by_volts(rnd)
            if way >= VOLTS_SHARE:
                level = as_drawn(rnd, kind)
            if chance(rnd, SET_SHARE):
                chemistry = kind
        else:
            kind = str(rnd.choice(list(FORMULAS), p=list(FORMULAS.values())))
            level = by_formula(rnd, kind)
            if chance(rnd, SET_OTHERS):
                chemistry = str(rnd.choice(list(USUAL)))
        if chance(rnd, FEW_POINTS_SHARE):
            level = _of_few_points(rnd, level)
        if level[0] > 60 and level[-1] < 6:
            return kind, chemistry, level - max(0.0, level[-1]) * TIME**6


def _used(rnd: Random, life: float, count: int) -> Array:
    """The share of the charge that is used at the begin of each day."""
    rate = 1 + float(rnd.choice([0, 0, 0.01, 0.02])) * drift(rnd, count, 0.98)
    if chance(rnd, 0.5):
        rate = rate * (1 + rnd.normal(0, 0.15, count))
    if chance(rnd, 0.1):
        rate[int(rnd.uniform(0.1, 0.9) * life) :] *= math.exp(rnd.normal(0.1, 0.3))
    if chance(rnd, 0.08):  # heating valves
        rate *= 1 + rnd.uniform(0, 0.4) * np.cos(2 * np.pi * (np.arange(count) - rnd.uniform(0, 365)) / 365)
    used: Array = np.concatenate([[0], np.cumsum(np.clip(rate, 0.1, 3)) / life])[:count]
    if chance(rnd, 0.12):  # a sensor is added, a firmware is loaded
        for _ in range(int(rnd.integers(1, 4))):
            used[int(rnd.uniform(0.05, 0.95) * life) :] += rnd.uniform(0.01, 0.08)
    begin = rnd.uniform(0, 0.2) if chance(rnd, 0.12) else 0.0
    return begin + (1 - begin) * used


def _weather(rnd: Random, used: Array, a_day: int, is_by_volts: bool) -> Array:
    """What is added to the level at each report: noise, a season, cold nights."""
    count, noise = len(used), even(rnd, 0.2, 2.1)
    if is_by_volts and chance(rnd, 0.5):
        noise *= 0.6
    cold = rnd.choice([0, 0, rnd.uniform(0.3, 3)])
    season = rnd.choice([0, rnd.uniform(0, 2), rnd.uniform(0, 6)])
    kept, share = float(rnd.choice([0, 0.5, 0.8, 0.95])), rnd.uniform(0, 1)
    slow = math.sqrt(1 - kept * kept) * drift(rnd, count, kept)
    year = season * np.cos(2 * np.pi * (np.arange(count) - rnd.uniform(0, 365)) / 365)
    nights = cold * rnd.exponential(1, count) * (rnd.random(count) < rnd.uniform(0.05, 0.6))
    growth = 1 + used * rnd.choice([0, 1])
    daily = growth * (year - nights) + noise * math.sqrt(share) * slow
    hours = np.cos(2 * np.pi * np.arange(a_day) / a_day) * rnd.choice([0, 1]) * cold * (a_day > 1)
    each: Array = noise * math.sqrt(1 - share) * rnd.normal(0, 1, (count, a_day))
    return daily[:, None] + each - hours


def _in_steps(rnd: Random, levels: Array) -> Array:
    """Levels as they are reported: in whole steps, rounded, or cut off."""
    step = rnd.choice([1, 1, 1, 1, 1, 2, 5, 10, 0.1, 0.01])
    levels = np.clip(levels, 0, 100)
    if chance(rnd, 0.25):
        found = np.ceil(levels / step - 1e-9) * step
    else:
        found = np.floor(levels / step + rnd.choice([0, 0.5, 0.5])) * step
    return np.clip(np.round(found, 3), 0, 100)


def _sticking(rnd: Random, levels: Array) -> Array:
    """Levels that are reported only after they have changed by so much, or that stay for some days."""
    by = float(rnd.choice([2, 3, 5, 10])) if chance(rnd, 0.5) else 0.0
    share, longest, only_falls = rnd.uniform(0.05, 0.5), int(rnd.integers(2, 15)), chance(rnd, 0.5)
    a_day, held, until = levels.shape[1], levels[0, 0], -1
    found = levels.reshape(-1).copy()
    for at, level in enumerate(found):
        if by:
            if level <= held - by or (not only_falls and level >= held + by) or level <= 0:
                held = level
        elif at // a_day >= until:
            held = level
            if at % a_day == 0:
                until = at // a_day + (int(rnd.integers(2, longest + 1)) if chance(rnd, share) else 1)
        found[at] = held
    return found.reshape(levels.shape)


def _kept_days(rnd: Random, end: int) -> NDArray[np.bool_]:
    """Which of the days have levels."""
    kept = rnd.random(end) >= rnd.choice([0, 0.03, 0.1, 0.3, 0.6], p=[0.3, 0.3, 0.2, 0.15, 0.05])
    for _ in range(rnd.choice([0, 0, 1, 2])):
        begin = int(rnd.uniform(0.1, 0.95) * end)
        kept[begin : begin + int(rnd.integers(3, 25))] = False
    return kept


def _course_levels(rnd: Random, life: float, a_day: int) -> tuple[str, str, Array, bool]:
    """The kind, the chemistry that is set, levels at each report; whether they are counted."""
    kind, chemistry, course = _course(rnd)
    counts = kind not in USUAL and chance(rnd, 0.5 if kind == "line" else 0.2)
    used = _used(rnd, life, int(1.6 * life) + 60)
    steepest = max(40.0, (course[-8] - course[-1]) * STEPS / 7)
    true = np.interp(used, TIME, course) - steepest * np.maximum(0, used - 1)
    levels = np.repeat(true[:, None], a_day, axis=1)
    if not counts:
        levels = levels + _weather(rnd, used, a_day, kind in USUAL)
    return kind, chemistry, levels, counts


def discharge(rnd: Random) -> Discharge | None:
    """A discharge, or None where it ends too soon or not at all."""
    life, a_day, counts = even(rnd, 60, 1100), int(rnd.choice([1, 1, 1, 2, 4, 12, 24])), False
    if chance(rnd, CELLS_SHARE):
        found = cell_levels(rnd, life, a_day)
        if found is None:
            return None
        (kind, levels), chemistry = found, ""
        if chance(rnd, SET_SHARE):
            chemistry = kind
    else:
        kind, chemistry, levels, counts = _course_levels(rnd, life, a_day)
    if chance(rnd, BENT_SHARE):
        levels = np.interp(levels, *bend(rnd))
    levels = _in_steps(rnd, levels)
    if chance(rnd, 0.25):
        levels = _sticking(rnd, levels)
    elif counts or chance(rnd, 0.04):
        levels = np.minimum.accumulate(levels.reshape(-1)).reshape(levels.shape)
    lowest = levels.min(axis=1)
    empty = np.nonzero(lowest <= 0)[0]
    if not len(empty) or empty[0] < LEAST_END:
        return None
    end = int(empty[0])
    kept = _kept_days(rnd, end)
    middle = np.sort(levels[:end][kept], axis=1)[:, (a_day - 1) // 2]
    lowest = lowest[:end][kept]
    if chance(rnd, 0.08):
        false = rnd.random(len(middle)) < 0.02
        middle[false] = np.clip(middle[false] + rnd.choice([-50, -25, 25]), 1, 100)
        lowest = np.minimum(lowest, middle)
    return Discharge(kind, chemistry, end, np.nonzero(kept)[0], middle, lowest)
