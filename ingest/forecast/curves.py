"""The volts of a cell over the charge that was used, by chemistry. Pure.

Most sketches report a level that is proportional to the voltage between an empty and a full one, so that the
discharge curve of the chemistry shows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingest.battery_voltage import CURVES

STEPS = 1000  # of the table of a curve
Points = Sequence[tuple[float, float]]  # share of the life used, level


class Scale(NamedTuple):
    """What sketches call full or empty, in volts of a cell, and by how much they differ in it."""

    volts: float
    spread: float


class VoltCurve(NamedTuple):
    """The volts of a cell over the share of its charge that was used, as a table that falls."""

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
        return min(bisect_left(self.volts, -volts, key=lambda one: -one), STEPS) / STEPS

    def at(self, used: float) -> float:
        """Its volts after this share of its charge."""
        place = used * STEPS
        left = min(STEPS - 1, int(place))
        return self.volts[left] + (place - left) * (self.volts[left + 1] - self.volts[left])


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
# Li-ion cells of 18650 that were discharged to their end: the Samsung 30Q and the LG HG2.
LI_ION = (
    (
        *((0.0, 4.2), (0.008, 4.16), (0.032, 4.11), (0.064, 4.08), (0.19, 4.03), (0.25, 3.99)),
        *((0.32, 3.91), (0.46, 3.81), (0.77, 3.52), (0.85, 3.4), (1.0, 3.12)),
    ),
    (
        *((0.0, 4.2), (0.015, 4.14), (0.035, 4.11), (0.21, 4.01), (0.62, 3.64), (0.74, 3.56)),
        *((0.87, 3.45), (0.91, 3.38), (0.96, 3.26), (1.0, 3.12)),
    ),
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
    *(VoltCurve("lipo", Scale(4.2, 0.06), Scale(3.3, 0.15), _falling(points)) for points in LI_ION),
    VoltCurve("lifepo4", Scale(3.4, 0.06), Scale(2.8, 0.25), _volts_of("lifepo4")),
)
