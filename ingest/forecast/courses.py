"""The courses that a battery level may take from the first day to 0: some hundreds, drawn once. Pure.

A course is a table of the level over the share of the time until it is 0. One kind comes from the volts of a
chemistry (`ingest.forecast.curves`) with what sketches call full and empty, a begin on the way, a rate that
changes and an end that may be steeper; the other from formulas: a first drop, a line that may be bent, and a
knee of any width. The draws come from a fixed seed, so that the same levels always give the same forecast.
"""

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import neg
from typing import NamedTuple

from ingest.forecast.curves import VOLT_CURVES, VoltCurve

STEPS = 400  # of the table of a course
LEFT_AT = 0.5  # a level below this is reported as 0
GAUGES, KNEES, BENT, PER_CURVE = 24, 100, 40, 24  # courses of each kind
GAUGE_SHARE, KNEE_SHARE, BENT_SHARE = 0.08, 0.72, 0.2  # of the weight of those by formula
SHARP_LEVEL, SHARP = 30.0, 5.0  # a knee with more than this left after 0.9 of its time; its weight
IS_GAUGE, IS_GAUGE_SET = (
    0.6,
    0.12,
)  # the weight of straight lines where the level never rises; with a chemistry
NOT_SET, SET = 0.5, 0.85  # the weight of the courses by volts where no chemistry was set, where one was
USUAL = {"alkaline": 0.45, "lithium": 0.22, "lipo": 0.18, "nimh": 0.1, "lifepo4": 0.05}  # where not set
STRAIGHT, SLOWER, FASTER = "straight line", "falling slower", "falling faster to the end"
STEEPER = 45.0  # per cent: by which the end may be steeper than that of the curve, in half of the cells
STEEPER_SHARE = {"alkaline": 0.25}  # of the cells; those that sag to their end
POINTS = 20  # that are kept of an earlier discharge


class Course(NamedTuple):
    """The level at 0, 1/STEPS ... 1 of its time, in per cent; `spread`: how far its scale may be off."""

    name: str
    chemistry: str  # one of BATTERY_TYPES, or ""
    weight: float  # among those by formula, or of its chemistry
    spread: float
    levels: Sequence[float]
    fallen: Sequence[float]  # the levels below 0, which rise: for a binary search

    def place(self, level: float) -> float:
        """The share of its time after which it comes to this level."""
        return min(bisect_left(self.fallen, -level), STEPS) / STEPS


def _table(levels: Sequence[float]) -> Sequence[float]:
    return array("f", accumulate(levels, min))


def _course(name: str, chemistry: str, weight: float, spread: float, levels: Sequence[float]) -> Course:
    return Course(name, chemistry, weight, spread, levels, array("f", map(neg, levels)))


def _by_formula(rnd: random.Random, first: float, last: float, width: float, power: float) -> Sequence[float]:
    """A first drop, a knee of this width at the end, and between them a line or a bent one."""
    time = math.exp(rnd.uniform(math.log(0.02), math.log(0.45)))
    levels = []
    for step in range(STEPS + 1):
        used = step / STEPS
        drop = (1 - math.exp(-used / time)) / (1 - math.exp(-1 / time))
        knee = (math.exp((used - 1) / width) - math.exp(-1 / width)) / (1 - math.exp(-1 / width))
        rest = used**power if power >= 1 else 1 - (1 - used) ** (1 / power)
        levels.append(
            LEFT_AT + (100 - LEFT_AT) * (1 - first * drop - last * knee - (1 - first - last) * rest)
        )
    return _table(levels)


def _gauges(rnd: random.Random) -> Iterator[Course]:
    for _ in range(GAUGES):
        levels = _by_formula(rnd, rnd.uniform(0, 0.05), 0.0, 1.0, math.exp(rnd.gauss(0, 0.12)))
        yield _course(STRAIGHT, "", GAUGE_SHARE / GAUGES, 0.06, levels)


def _knees(rnd: random.Random) -> Iterator[Course]:
    found = []
    for number in range(KNEES):
        first = 0.0 if number % 3 == 0 else rnd.uniform(0.03, 0.5)
        last = rnd.uniform(0.1, 0.95) * (1 - first)
        width = math.exp(rnd.uniform(math.log(0.015), math.log(0.35)))
        power = 1.0 if number % 2 else math.exp(rnd.uniform(0, 1.2))
        levels = _by_formula(rnd, first, last, width, power)
        found.append((SHARP if levels[round(0.9 * STEPS)] > SHARP_LEVEL else 1.0, levels))
    total = sum(weight for weight, _ in found)
    for weight, levels in found:
        yield _course(FASTER, "", KNEE_SHARE * weight / total, 0.06, levels)


def _bent(rnd: random.Random) -> Iterator[Course]:
    for number in range(BENT):
        power = math.exp(rnd.gauss(0.1, 0.4))
        levels = _by_formula(rnd, 0.0 if number % 2 else rnd.uniform(0.03, 0.3), 0.0, 1.0, power)
        yield _course(FASTER if power > 1 else SLOWER, "", BENT_SHARE / BENT, 0.06, levels)


def _by_volts(rnd: random.Random, curve: VoltCurve) -> Sequence[float] | None:
    """A cell whose sketch calls some volts full and some empty; nothing where it would be empty at once."""
    full = rnd.gauss(curve.full.volts, curve.full.spread)
    empty = rnd.gauss(curve.empty.volts, curve.empty.spread)
    begin = 0.0 if rnd.random() < 0.7 else rnd.uniform(0, 0.35)
    bent = math.exp(rnd.gauss(0, 0.1))
    is_steeper = rnd.random() < STEEPER_SHARE.get(curve.chemistry, 0.5)
    steeper, width = rnd.uniform(0, STEEPER) if is_steeper else 0.0, rnd.uniform(0.02, 0.1)
    end = curve.used_at(empty + LEFT_AT / 100 * (full - empty))
    if end - begin < 0.3 or curve.volts[-1] > empty:
        return None
    levels = []
    for step in range(STEPS + 1):
        used = begin + (end - begin) * (step / STEPS) ** bent
        level = min(100.0, 100 * (curve.at(used) - empty) / (full - empty))
        levels.append(level + steeper * (1 - math.exp((step / STEPS - 1) / width)))
    most = max(100.0, levels[0])
    return _table([100 * level / most for level in levels])


def _of_curve(rnd: random.Random, curve: VoltCurve, weight: float) -> Iterator[Course]:
    left = PER_CURVE
    while left:
        levels = _by_volts(rnd, curve)
        if levels and levels[0] > 40:
            left -= 1
            yield _course(curve.name, curve.chemistry, weight / PER_CURVE, 0.03, levels)


@lru_cache(maxsize=1)
def all_courses() -> tuple[Course, ...]:
    """Every course; the weights of those by formula sum up to 1, and those of each chemistry do."""
    rnd = random.Random("courses by formula")
    found = [*_gauges(rnd), *_knees(rnd), *_bent(rnd)]
    for number, curve in enumerate(VOLT_CURVES):
        same = sum(other.chemistry == curve.chemistry for other in VOLT_CURVES)
        found += _of_curve(random.Random(f"courses by volts {number}"), curve, 1 / same)
    return tuple(found)


@lru_cache(maxsize=8)
def courses_for(chemistry: str) -> tuple[tuple[Course, float], ...]:
    """The courses with their weight before any level was seen, where the chemistry was set or not ("")."""
    found = []
    for course in all_courses():
        by_volts = SET if chemistry else NOT_SET
        if not course.chemistry:
            found.append((course, course.weight * (1 - by_volts)))
        elif not chemistry:
            found.append((course, course.weight * by_volts * USUAL[course.chemistry]))
        elif course.chemistry == chemistry:
            found.append((course, course.weight * by_volts))
    return tuple(found)


def of_gauge(course: Course, weight: float, chemistry: str) -> float:
    """The weight of a course where the level never rises, as that of a gauge that counts."""
    is_gauge = IS_GAUGE_SET if chemistry else IS_GAUGE
    return course.weight / GAUGE_SHARE * is_gauge if course.name == STRAIGHT else weight * (1 - is_gauge)


class Earlier(NamedTuple):
    """A discharge that has come to its end: the days that it lasted, its levels over even shares of them."""

    life: float
    levels: tuple[float, ...]


def earlier_of(days: Sequence[tuple[float, float]]) -> Earlier:
    """A discharge from (day, level); the days that a last level above 0 would have lasted are added."""
    (begin, first), (end, last) = days[0], days[-1]
    life = (end - begin) * first / (first - last)
    lowest, falling = first, []
    for day, level in days:
        lowest = min(lowest, level)
        falling.append(((day - begin) / life, lowest))
    falling.append((1.0, min(lowest, LEFT_AT)))
    return Earlier(life, tuple(_line(falling, number / POINTS) for number in range(POINTS + 1)))


def course_of(name: str, earlier: Earlier, weight: float) -> Course:
    """The course that such a discharge took."""
    points = [(number / POINTS, level) for number, level in enumerate(earlier.levels)]
    return _course(name, "", weight, 0.03, _table([_line(points, step / STEPS) for step in range(STEPS + 1)]))


def _line(points: Sequence[tuple[float, float]], place: float) -> float:
    """The value at a place of a line through points in order."""
    right = min(len(points) - 1, max(1, bisect_left(points, (place, -math.inf))))
    (left_place, left_value), (right_place, right_value) = points[right - 1], points[right]
    if right_place <= left_place:
        return right_value
    share = min(1.0, max(0.0, (place - left_place) / (right_place - left_place)))
    return left_value + share * (right_value - left_value)
