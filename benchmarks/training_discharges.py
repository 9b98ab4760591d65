"""Discharges that the network of the battery forecast is trained on; `benchmarks/forecast.py` has others.

A course of the level over the share of the time is drawn, by the volts of a cell between what a sketch calls
empty and full, or by a formula (lines, powers, knees, tables, sigmoids, random falls). A node then reports it
with noise, weather, nights and seasons, in steps, at another rate later, with levels that stick and days that
are missing, until the first report of 0.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.forecast.curves import VOLT_CURVES

Random = np.random.Generator
Array = NDArray[np.float64]
STEPS = 400
TIME: Array = np.linspace(0, 1, STEPS + 1)
VOLTS_SHARE, SET_SHARE, SET_OTHERS = 0.6, 0.6, 0.15  # by volts; of those with the type set; of the others
USUAL = {"alkaline": 0.36, "lithium": 0.26, "lipo": 0.19, "nimh": 0.14, "lifepo4": 0.05}
FORMULAS = {
    **{"line": 0.24, "power": 0.11, "power of the rest": 0.1, "knee": 0.17, "late": 0.03, "table": 0.14},
    **{"sigmoid": 0.1, "slower": 0.02, "random": 0.04, "mixed": 0.05},
}
MIXED = ("line", "power", "power of the rest", "knee", "table", "sigmoid", "slower")
LEAST_END = 25  # days


class Curve(NamedTuple):
    """Volts of a cell over the share of its charge; what sketches call full and empty, with the spread."""

    chemistry: str
    full: tuple[float, float]
    empty: tuple[float, float]
    volts: Array


def _of(chemistry: str, full: tuple[float, float], empty: tuple[float, float], points: str) -> Curve:
    pairs = [tuple(map(float, point.split(":"))) for point in points.split()]
    used, volts = zip(*pairs, strict=True)
    return Curve(chemistry, full, empty, np.interp(TIME, used, volts))


ALKALINE = ("alkaline", (1.54, 0.07), (0.99, 0.125))
COIN = ("lithium", (3.0, 0.115), (2.2, 0.29))
NIMH = ("nimh", (1.38, 0.06), (1.02, 0.09))
LIPO = ("lipo", (4.2, 0.07), (3.25, 0.23))
CURVES = (
    *(
        Curve(
            one.chemistry,
            (one.full.volts, one.full.spread),
            (one.empty.volts, one.empty.spread),
            np.interp(TIME, np.linspace(0, 1, len(one.volts)), one.volts),
        )
        for one in VOLT_CURVES
    ),
    # Tables of hobby projects, and cells at the few microamperes of a node that sleeps.
    _of(*ALKALINE, "0:1.6 .1:1.45 .2:1.4 .3:1.35 .4:1.3 .5:1.27 .6:1.24 .7:1.2 .8:1.15 .9:1.1 1:.9"),
    _of(*ALKALINE, "0:1.58 .02:1.53 .1:1.46 .3:1.36 .5:1.28 .7:1.2 .85:1.13 .95:1.02 1:.8"),
    _of(*COIN, "0:3.2 .02:3.05 .1:2.98 .4:2.93 .7:2.86 .84:2.77 .92:2.62 .97:2.36 1:1.95"),
    _of(*COIN, "0:3.05 .05:2.95 .5:2.88 .8:2.8 .9:2.65 .96:2.4 1:2"),
    _of(*NIMH, "0:1.44 .04:1.36 .15:1.31 .4:1.28 .65:1.255 .8:1.23 .9:1.19 .95:1.14 .98:1.08 1:.98"),
    _of(*NIMH, "0:1.4 .1:1.3 .5:1.25 .8:1.2 .9:1.15 1:1"),
    _of(
        *LIPO,
        "0:4.2 .05:4.15 .1:4.11 .15:4.08 .2:4.02 .25:3.98 .3:3.95 .35:3.91 .4:3.87 .5:3.84 .6:3.8 .7:3.77"
        " .8:3.73 .9:3.69 .95:3.61 1:3.27",
    ),
    # Lithium and iron disulphide, lithium and thionyl chloride.
    _of(
        *("lithium", (1.65, 0.115), (1.05, 0.14)),
        "0:1.76 .03:1.66 .2:1.6 .5:1.55 .75:1.5 .88:1.44 .94:1.34 .97:1.2 1:.85",
    ),
    _of(*("lithium", (3.6, 0.035), (2.6, 0.4)), "0:3.67 .06:3.64 .6:3.6 .86:3.54 .94:3.4 .975:3.05 1:1.9"),
)


def _chance(rnd: Random, share: float) -> bool:
    return bool(rnd.random() < share)


def _even(rnd: Random, low: float, high: float) -> float:
    """A value whose logarithm is even between these."""
    return math.exp(rnd.uniform(math.log(low), math.log(high)))


def _whole(left: Array) -> Array:
    """What falls, from 100 to 0."""
    left = np.minimum.accumulate(left)
    return 100 * (left - left[-1]) / (left[0] - left[-1])


def by_volts(rnd: Random) -> tuple[str, Array]:
    """The chemistry, and a level that is proportional to the volts of a cell of it."""
    chemistry = str(rnd.choice(list(USUAL), p=list(USUAL.values())))
    own = [curve for curve in CURVES if curve.chemistry == chemistry]
    curve = own[rnd.integers(len(own))]
    like = [one for one in own if abs(one.full[0] - curve.full[0]) < 0.1]
    other, share = like[rnd.integers(len(like))], rnd.uniform(0, 0.6)
    used = TIME ** math.exp(rnd.normal(0, 0.15)) + rnd.normal(0, 0.05) * np.sin(2 * np.pi * TIME)
    volts = (1 - share) * np.interp(used, TIME, curve.volts) + share * np.interp(used, TIME, other.volts)
    height = curve.full[0] - curve.empty[0]
    if _chance(rnd, 0.4):  # an end that is steeper
        volts = volts - rnd.uniform(0, 0.4) * height * np.exp((TIME - 1) / rnd.uniform(0.015, 0.1))
    if _chance(rnd, 0.2):  # under load
        volts = volts - rnd.uniform(0, 0.12) * height * TIME ** rnd.uniform(1, 3)
    volts = np.minimum.accumulate(volts)
    full, empty = rnd.normal(*curve.full), rnd.normal(*curve.empty)
    if chemistry == "lithium" and _chance(rnd, 0.12):
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
            return _whole(1 - 0.05 * TIME * _chance(rnd, 0.5) - late)
        case "table":
            return _table(rnd)
        case "sigmoid":
            middle, slope = rnd.uniform(0.3, 1.0), rnd.choice([0, rnd.uniform(0, 0.3)])
            return _whole(1 / (1 + np.exp(_even(rnd, 3, 25) * (TIME - middle))) - slope * TIME)
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
    first = 0.0 if _chance(rnd, 0.4) else rnd.uniform(0.02, 0.35)
    last = rnd.uniform(0.1, 0.95) * (1 - first)
    width, drop = _even(rnd, 0.01, 0.3), _even(rnd, 0.01, 0.25)
    power = 1.0 if _chance(rnd, 0.6) else math.exp(rnd.uniform(-0.2, 0.6))
    knee = (np.exp((TIME - 1) / width) - np.exp(-1 / width)) / (1 - np.exp(-1 / width))
    if _chance(rnd, 0.35):
        knee = TIME ** _even(rnd, 3, 20)
    return _whole(1 - first * (1 - np.exp(-TIME / drop)) - last * knee - (1 - first - last) * TIME**power)


def _table(rnd: Random) -> Array:
    """Parts of a line."""
    count = int(rnd.integers(1, 5))
    places = np.sort(rnd.uniform(0.03, 0.97, count))
    if _chance(rnd, 0.5):
        left = rnd.uniform(0.03, 0.97, count)
    else:
        left = np.clip(1 - places + rnd.normal(0, 0.15, count), 0.02, 0.98)
    return _whole(np.interp(TIME, [0, *places, 1], [1, *np.sort(left)[::-1], 0]))


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
        chemistry = ""
        if _chance(rnd, VOLTS_SHARE):
            kind, level = by_volts(rnd)
            if _chance(rnd, SET_SHARE):
                chemistry = kind
        else:
            kind = str(rnd.choice(list(FORMULAS), p=list(FORMULAS.values())))
            level = by_formula(rnd, kind)
            if _chance(rnd, SET_OTHERS):
                chemistry = str(rnd.choice(list(USUAL)))
        if level[0] > 60 and level[-1] < 6:
            return kind, chemistry, level - max(0.0, level[-1]) * TIME**6


def _drift(rnd: Random, count: int, kept: float) -> Array:
    """Noise of which each day keeps a share."""
    found, value = np.zeros(count), 0.0
    for day, step in enumerate(rnd.normal(0, 1, count)):
        value = kept * value + step
        found[day] = value
    return found


def _used(rnd: Random, life: float, count: int) -> Array:
    """The share of the charge that is used at the begin of each day."""
    rate = 1 + float(rnd.choice([0, 0, 0.01, 0.02])) * _drift(rnd, count, 0.98)
    if _chance(rnd, 0.5):
        rate = rate * (1 + rnd.normal(0, 0.15, count))
    if _chance(rnd, 0.03):
        rate[int(rnd.uniform(0.1, 0.9) * life) :] *= rnd.uniform(0.7, 1.5)
    used: Array = np.concatenate([[0], np.cumsum(np.clip(rate, 0.1, 3)) / life])[:count]
    begin = rnd.uniform(0, 0.2) if _chance(rnd, 0.12) else 0.0
    return begin + (1 - begin) * used


def _weather(rnd: Random, used: Array, a_day: int, is_by_volts: bool) -> Array:
    """What is added to the level at each report: noise, a season, cold nights."""
    count, noise = len(used), _even(rnd, 0.2, 2.1)
    if is_by_volts and _chance(rnd, 0.5):
        noise *= 0.6
    cold = rnd.choice([0, 0, rnd.uniform(0.3, 3)])
    season = rnd.choice([0, rnd.uniform(0, 2), rnd.uniform(0, 6)])
    kept, share = float(rnd.choice([0, 0.5, 0.8, 0.95])), rnd.uniform(0, 1)
    drift = math.sqrt(1 - kept * kept) * _drift(rnd, count, kept)
    year = season * np.cos(2 * np.pi * (np.arange(count) - rnd.uniform(0, 365)) / 365)
    nights = cold * rnd.exponential(1, count) * (rnd.random(count) < rnd.uniform(0.05, 0.6))
    growth = 1 + used * rnd.choice([0, 1])
    daily = growth * (year - nights) + noise * math.sqrt(share) * drift
    hours = np.cos(2 * np.pi * np.arange(a_day) / a_day) * rnd.choice([0, 1]) * cold * (a_day > 1)
    each: Array = noise * math.sqrt(1 - share) * rnd.normal(0, 1, (count, a_day))
    return daily[:, None] + each - hours


def _in_steps(rnd: Random, levels: Array) -> Array:
    """Levels as they are reported: in whole steps, rounded, or cut off."""
    step = rnd.choice([1, 1, 1, 1, 1, 2, 5, 10, 0.1, 0.01])
    levels = np.clip(levels, 0, 100)
    if _chance(rnd, 0.25):
        found = np.ceil(levels / step - 1e-9) * step
    else:
        found = np.floor(levels / step + rnd.choice([0, 0.5, 0.5])) * step
    return np.clip(np.round(found, 3), 0, 100)


def _sticking(rnd: Random, levels: Array) -> Array:
    """Levels that are reported only after they have changed by so much, or that stay for some days."""
    by = float(rnd.choice([2, 3, 5, 10])) if _chance(rnd, 0.5) else 0.0
    share, longest, only_falls = rnd.uniform(0.05, 0.5), int(rnd.integers(2, 15)), _chance(rnd, 0.5)
    a_day, held, until = levels.shape[1], levels[0, 0], -1
    found = levels.reshape(-1).copy()
    for at, level in enumerate(found):
        if by:
            if level <= held - by or (not only_falls and level >= held + by) or level <= 0:
                held = level
        elif at // a_day >= until:
            held = level
            if at % a_day == 0:
                until = at // a_day + (int(rnd.integers(2, longest + 1)) if _chance(rnd, share) else 1)
        found[at] = held
    return found.reshape(levels.shape)


def _kept_days(rnd: Random, end: int) -> NDArray[np.bool_]:
    """Which of the days have levels."""
    kept = rnd.random(end) >= rnd.choice([0, 0.03, 0.1, 0.3, 0.6], p=[0.3, 0.3, 0.2, 0.15, 0.05])
    for _ in range(rnd.choice([0, 0, 1, 2])):
        begin = int(rnd.uniform(0.1, 0.95) * end)
        kept[begin : begin + int(rnd.integers(3, 25))] = False
    return kept


def discharge(rnd: Random) -> Discharge | None:
    """A discharge, or None where it ends too soon or not at all."""
    kind, chemistry, course = _course(rnd)
    counts = kind not in USUAL and _chance(rnd, 0.5 if kind == "line" else 0.2)
    life, a_day = _even(rnd, 60, 1100), int(rnd.choice([1, 1, 1, 2, 4, 12, 24]))
    used = _used(rnd, life, int(1.6 * life) + 60)
    steepest = max(40.0, (course[-8] - course[-1]) * STEPS / 7)
    true = np.interp(used, TIME, course) - steepest * np.maximum(0, used - 1)
    levels = np.repeat(true[:, None], a_day, axis=1)
    if not counts:
        levels = levels + _weather(rnd, used, a_day, kind in USUAL)
    levels = _in_steps(rnd, levels)
    if _chance(rnd, 0.25):
        levels = _sticking(rnd, levels)
    elif counts or _chance(rnd, 0.04):
        levels = np.minimum.accumulate(levels.reshape(-1)).reshape(levels.shape)
    lowest = levels.min(axis=1)
    empty = np.nonzero(lowest <= 0)[0]
    if not len(empty) or empty[0] < LEAST_END:
        return None
    end = int(empty[0])
    kept = _kept_days(rnd, end)
    middle = np.sort(levels[:end][kept], axis=1)[:, (a_day - 1) // 2]
    lowest = lowest[:end][kept]
    if _chance(rnd, 0.08):
        false = rnd.random(len(middle)) < 0.02
        middle[false] = np.clip(middle[false] + rnd.choice([-50, -25, 25]), 1, 100)
        lowest = np.minimum(lowest, middle)
    return Discharge(kind, chemistry, end, np.nonzero(kept)[0], middle, lowest)
