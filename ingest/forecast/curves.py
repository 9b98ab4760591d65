"""The shapes that a reported battery level takes from full to empty, by chemistry. Pure.

A shape gives the level (per cent) over the share of its life that a battery has used. Most sketches report a
level that is proportional to the voltage between an empty and a full one, so that the discharge curve of the
chemistry shows; others report the charge itself, which falls in a straight line.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from ingest.battery_voltage import CURVES

STEPS = 1000  # of the table of a shape
Points = Sequence[tuple[float, float]]  # share of the life used, level


class Shape(NamedTuple):
    """A discharge as a table: the level at 0, 1/STEPS ... 1 of the life; `weight` is its share before."""

    name: str
    chemistry: str  # a type of BATTERY_TYPES, or "" for what fits several
    weight: float
    levels: tuple[float, ...]

    def used_at(self, level: float) -> float:
        """The share of the life after which the level falls to this one."""
        low = bisect_left(self.levels, -level, key=lambda value: -value)
        return min(low, STEPS) / STEPS


# What lies beyond the ends of these curves: a new cell, and one that is drawn down further.
BEYOND = {
    "alkaline": (((0.8, -5.0), (0.9, -3.0)), ((1.6, 102.0),)),
    "cr2032": (((1.8, -2.0),), ((3.2, 101.0),)),
}
# Volts of one cell that sketches call full, and empty. Two cells in series are the same curve.
VOLTS = {
    ("alkaline", "alkaline"): ((1.5, 1.6), (0.9, 1.0, 1.1, 1.2)),
    ("lithium", "lipo"): ((4.1, 4.2), (3.0, 3.3, 3.5)),
    ("lifepo4", "lifepo4"): ((3.4,), (2.6, 3.0)),
    ("nimh", "nimh"): ((1.3, 1.4), (1.0, 1.1)),
    ("cr2032", "lithium"): ((3.0,), (2.0, 2.2, 2.5)),
}
# Cells of lithium and iron disulphide (the Energizer L91 at 25 mA): flat, then it falls within days.
LITHIUM_IRON = (
    *((0.0, 100.0), (0.03, 93.0), (0.2, 88.0), (0.5, 83.0), (0.75, 79.0)),
    *((0.88, 72.0), (0.94, 58.0), (0.97, 38.0), (1.0, 0.0)),
)


def _table(name: str, chemistry: str, weight: float, points: Iterable[tuple[float, float]]) -> Shape:
    """A shape through these points, whose levels fall."""
    points = sorted(points)
    levels, place = [], 0
    for step in range(STEPS + 1):
        used = step / STEPS
        while place < len(points) - 2 and points[place + 1][0] < used:
            place += 1
        (left, above), (right, below) = points[place], points[place + 1]
        share = (used - left) / (right - left) if right > left else 1.0
        levels.append(min(100.0, max(0.0, above + share * (below - above))))
    return Shape(name, chemistry, weight, tuple(levels))


def _of_volts(curve: str, chemistry: str, full: float, empty: float, weight: float) -> Shape:
    """The level that is proportional to the volts of a cell between empty and full."""
    lower, upper = BEYOND.get(curve, ((), ()))
    falling = [(volts, 100.0 - left) for volts, left in (*lower, *CURVES[curve], *upper)][::-1]
    end = 100.0
    for (above, before), (below, after) in pairwise(falling):
        if below <= empty <= above:
            end = before + (above - empty) / (above - below) * (after - before)
    begin = falling[0][1]
    points = [
        ((used - begin) / (end - begin), 100 * (volts - empty) / (full - empty))
        for volts, used in falling
        if used < end
    ]
    return _table(f"{chemistry}, by its voltage", chemistry, weight, [*points, (1.0, 0.0)])


def _knee(first: float, last: float, width: float) -> Shape:
    """A level that loses `first` per cent at once, `last` in a knee at the end, and the rest evenly."""
    points = []
    for step in range(101):
        used = step / 100
        knee = (math.exp((used - 1) / width) - math.exp(-1 / width)) / (1 - math.exp(-1 / width))
        drop = (1 - math.exp(-used / FIRST_DROP)) / (1 - math.exp(-1 / FIRST_DROP))
        points.append((used, 100 - first * drop - last * knee - (100 - first - last) * used))
    kind = (
        "straight line"
        if not first and not last
        else "falling faster to the end"
        if last
        else "falling slower"
    )
    return _table(kind, "", WEIGHT * 5 if kind == "straight line" else WEIGHT, points)


WEIGHT = 0.25  # of a shape of no chemistry
FIRST_DROP = 0.06  # of the life, in which a fresh battery loses its first volts
SHAPES: tuple[Shape, ...] = (
    *(
        _of_volts(curve, chemistry, full, empty, 2.0 / len(fulls) / len(empties))
        for (curve, chemistry), (fulls, empties) in VOLTS.items()
        for full in fulls
        for empty in empties
    ),
    _table("lithium, by its voltage", "lithium", 1.0, LITHIUM_IRON),
    _knee(0, 0, 1.0),
    *(
        _knee(first, last, width)
        for first in (0.0, 20.0)
        for last, width in (
            (30, 0.05),
            (30, 0.15),
            (50, 0.05),
            (50, 0.1),
            (70, 0.05),
            (70, 0.1),
            (60, 0.3),
            (90, 0.06),
            (90, 0.12),
            (90, 0.4),
        )
        if first + last <= 100
    ),
    _knee(35.0, 0.0, 1.0),
)


def own_shape(points: Points, weight: float) -> Shape:
    """The shape of an earlier discharge of the same node: its levels over the share of its life."""
    lowest, falling = 100.0, []
    for used, level in sorted(points):
        lowest = min(lowest, level)
        falling.append((used, lowest))
    return _table("its last discharge", "", weight, [*falling, (1.0, 0.0)])
