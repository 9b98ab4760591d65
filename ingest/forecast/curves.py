"""The shapes that a reported battery level takes from full to empty, by chemistry. Pure.

A shape gives the level (per cent) over the share of its life that a battery has used. Most sketches report a
level that is proportional to the voltage between an empty and a full one, so that the discharge curve of the
chemistry shows; others report the charge itself, which falls in a straight line.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingest.battery_voltage import CURVES

STEPS = 1000  # of the table of a shape
Points = Sequence[tuple[float, float]]  # share of the life used, level


class Shape(NamedTuple):
    """A discharge as a table: the level at 0, 1/STEPS ... 1 of the life; `weight` is its share before."""

    name: str
    weight: float
    levels: tuple[float, ...]

    def used_at(self, level: float) -> float:
        """The share of the life after which the level falls to this one."""
        return _place(self.levels, level)


class Scale(NamedTuple):
    """What sketches call full or empty, in volts of a cell, and by how much they differ in it."""

    volts: float
    spread: float


class VoltCurve(NamedTuple):
    """The volts of a cell over the share of its charge that was used, as a table like that of a Shape."""

    chemistry: str  # one of BATTERY_TYPES
    full: Scale
    empty: Scale
    volts: tuple[float, ...]

    @property
    def name(self) -> str:
        """As `method` says it."""
        return f"{self.chemistry}, by its voltage"

    def used_at(self, volts: float) -> float:
        """The share of the charge after which the cell has so many volts."""
        return _place(self.volts, volts)


def _place(falling: Sequence[float], value: float) -> float:
    return min(bisect_left(falling, -value, key=lambda one: -one), STEPS) / STEPS


# An alkaline cell at the few microamperes of a node that sleeps: it keeps its volts for longer.
LOW_DRAIN = (
    *((0.0, 1.6), (0.05, 1.5), (0.22, 1.4), (0.45, 1.33), (0.65, 1.27)),
    *((0.82, 1.2), (0.93, 1.1), (0.97, 1.0), (1.0, 0.9)),
)
# Cells of lithium and iron disulphide (the Energizer L91 at 25 mA): flat, then it falls within days.
LITHIUM_IRON = (
    *((0.0, 100.0), (0.03, 93.0), (0.2, 88.0), (0.5, 83.0), (0.75, 79.0)),
    *((0.88, 72.0), (0.94, 58.0), (0.97, 38.0), (1.0, 0.0)),
)
# What lies beyond the ends of the curves of `ingest.battery_voltage`: a new cell, and one drawn down further.
BEYOND: dict[str, tuple[Points, Points]] = {
    "alkaline": (((0.8, -5.0), (0.9, -3.0)), ((1.6, 102.0),)),
    "cr2032": (((1.8, -2.0),), ((3.2, 101.0),)),
    "nimh": (((0.8, -2.0),), ()),
}


def _falling(points: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    """A table through points whose values fall; the first and the last lie at 0 and 1."""
    points = sorted(points)
    begin, length = points[0][0], points[-1][0] - points[0][0]
    values, place = [], 0
    for step in range(STEPS + 1):
        used = begin + length * step / STEPS
        while place < len(points) - 2 and points[place + 1][0] < used:
            place += 1
        (left, above), (right, below) = points[place], points[place + 1]
        values.append(above + (used - left) / (right - left) * (below - above))
    return tuple(values)


def _volts_of(curve: str) -> tuple[float, ...]:
    lower, upper = BEYOND.get(curve, ((), ()))
    return _falling((100.0 - left, volts) for volts, left in (*lower, *CURVES[curve], *upper))


VOLT_CURVES = (
    VoltCurve("alkaline", Scale(1.55, 0.06), Scale(1.02, 0.1), _volts_of("alkaline")),
    VoltCurve("alkaline", Scale(1.55, 0.06), Scale(1.02, 0.1), _falling(LOW_DRAIN)),
    VoltCurve("lithium", Scale(3.0, 0.08), Scale(2.25, 0.25), _volts_of("cr2032")),
    VoltCurve("lithium", Scale(100.0, 5.0), Scale(0.0, 15.0), _falling(LITHIUM_IRON)),
    VoltCurve("nimh", Scale(1.38, 0.05), Scale(1.03, 0.08), _volts_of("nimh")),
    VoltCurve("lipo", Scale(4.2, 0.06), Scale(3.25, 0.25), _volts_of("lithium")),
    VoltCurve("lifepo4", Scale(3.4, 0.06), Scale(2.8, 0.25), _volts_of("lifepo4")),
)


def _shape(name: str, weight: float, points: Iterable[tuple[float, float]]) -> Shape:
    return Shape(name, weight, tuple(min(100.0, max(0.0, level)) for level in _falling(points)))


def _power(power: float) -> Shape:
    """A level that falls faster and faster (a power above 1), or slower and slower."""
    steps = [step / 50 for step in range(51)]
    late = power > 1
    points = [(used, 100 * (1 - used**power if late else (1 - used) ** (1 / power))) for used in steps]
    return _shape("falling faster to the end" if late else "falling slower", 2 * WEIGHT, points)


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
    return _shape(kind, WEIGHT * 5 if kind == "straight line" else WEIGHT, points)


WEIGHT = 0.25  # of a shape of no chemistry
FIRST_DROP = 0.06  # of the life, in which a fresh battery loses its first volts
SHAPES: tuple[Shape, ...] = (
    _knee(0, 0, 1.0),
    *(
        _knee(first, last, width)
        for first in (0.0, 20.0)
        for last, width in ((40, 0.06), (40, 0.15), (70, 0.06), (70, 0.12), (90, 0.08), (90, 0.2))
        if first + last <= 100
    ),
    *(_power(power) for power in (1.4, 1.9, 1 / 1.3, 1 / 1.7)),
)


def own_shape(points: Points, weight: float) -> Shape:
    """The shape of an earlier discharge of the same node: its levels over the share of its life."""
    lowest, falling = 100.0, []
    for used, level in sorted(points):
        lowest = min(lowest, level)
        falling.append((used, lowest))
    return _shape("its last discharge", weight, [*falling, (1.0, 0.0)])
