"""Cells in nodes that report volts: load, temperature, resistance, what the sketch makes of the volts.

One of the two ways in which `benchmarks.training_discharges` makes discharges; the other draws courses.
"""

import math
from typing import NamedTuple

import numpy as np

from benchmarks.training_curves import (
    TIME,
    USUAL,
    Array,
    Curve,
    Random,
    chance,
    drift,
    even,
    mixed_volts,
    table_of,
    two_cells,
)

TABLE_SHARE, PART_USED = 0.3, 0.1  # of the nodes
REFERENCE = 20.0  # degrees: of the curves
PLACES = ("room", "cellar", "outside")
COLLAPSE = 1.5  # of the volts of a new cell, per share of the charge: beyond the end of its curve


class Cell(NamedTuple):
    """Volts over the share of the charge, and what they depend on beside it."""

    curve: Curve
    volts: Array
    per_degree: float  # volts
    drop: float  # volts by the current, new and at 20 degrees
    rise: float  # of the resistance towards the end
    frost: float  # degrees by which it has to be colder for 2.7 times the resistance

    def at(self, used: Array, degrees: Array) -> Array:
        """Volts at these shares and temperatures."""
        colder = REFERENCE - degrees
        resistance = (1 + 0.6 * used + self.rise * used**5) * np.exp(np.clip(colder / self.frost, -1, 3))
        beyond = COLLAPSE * self.curve.full[0] * np.maximum(0, used - 1)
        return np.interp(used, TIME, self.volts) - self.per_degree * colder - self.drop * resistance - beyond


class Reading(NamedTuple):
    """How a sketch reads volts: linear between two of them or by a table, with an ADC."""

    volts: Array
    levels: Array
    step: float  # of the ADC, volts; 0: fine

    def level(self, volts: Array) -> Array:
        """Per cent for these volts."""
        if self.step:
            volts = np.floor(volts / self.step + 0.5) * self.step
        return np.interp(volts, self.volts, self.levels)


def _cell(rnd: Random, chemistry: str) -> Cell:
    curve, other = two_cells(rnd, chemistry)
    full, share = curve.full[0], rnd.random()
    used = TIME ** math.exp(rnd.normal(0, 0.08))
    volts = mixed_volts(used, curve, other, share)
    return Cell(
        curve,
        volts + rnd.normal(0, 0.005) * full,
        float(rnd.choice([0, 1])) * even(rnd, 0.0001, 0.001) * full,
        float(rnd.choice([0, 1])) * even(rnd, 0.0005, 0.03) * full,
        rnd.uniform(3, 9),
        rnd.uniform(15, 35),
    )


def _reading(rnd: Random, cell: Cell) -> Reading:
    curve = cell.curve
    step = float(rnd.choice([0, 0, 0.0005, 0.001, 0.002, 0.003])) * curve.full[0]
    table = table_of(rnd, curve)
    if table and chance(rnd, TABLE_SHARE):
        volts, levels = zip(*table, strict=True)
        return Reading(np.array(volts), np.array(levels), step)
    full, empty = rnd.normal(*curve.full), rnd.normal(*curve.empty)
    if curve.chemistry == "lithium" and chance(rnd, 0.1):
        empty = rnd.uniform(curve.volts[-1], full - 0.2)
    if chance(rnd, 0.6):
        full, empty = round(20 * full) / 20, round(20 * empty) / 20
    return Reading(np.array([empty, max(full, empty + 0.1)]), np.array([0.0, 100.0]), step)


def _degrees(rnd: Random, count: int, a_day: int) -> Array:
    """Temperatures at each report of each day."""
    place = str(rnd.choice(PLACES, p=(0.5, 0.2, 0.3)))
    middle, year, day, change = {
        "room": (rnd.uniform(18, 23), rnd.uniform(0, 3), rnd.uniform(0, 2), 0.7),
        "cellar": (rnd.uniform(9, 16), rnd.uniform(2, 6), rnd.uniform(0, 3), 1.2),
        "outside": (rnd.uniform(4, 14), rnd.uniform(6, 12), rnd.uniform(2, 6), 3.0),
    }[place]
    season = np.cos(2 * np.pi * (np.arange(count) - rnd.uniform(0, 365)) / 365)
    weather = change * 0.65 * drift(rnd, count, 0.75)
    hours = np.cos(2 * np.pi * (np.arange(a_day) / a_day - rnd.random()))
    return (middle - year * season + weather)[:, None] - day * hours[None, :]


def _load(rnd: Random, life: float, count: int) -> Array:
    """The load of each day, about 1."""
    days = np.arange(count)
    rate = np.exp(rnd.normal(0, float(rnd.choice([0.02, 0.08, 0.15, 0.3])), count))
    rate *= np.exp(float(rnd.choice([0, 0.01, 0.02])) * drift(rnd, count, 0.97))
    if chance(rnd, 0.2):
        rate[days > rnd.uniform(0.1, 0.85) * life] *= math.exp(rnd.normal(0.1, 0.4))
    if chance(rnd, 0.12):  # heating valves; lamps and motion in the other half of the year
        rate *= 1 + rnd.uniform(-0.5, 0.8) * np.cos(2 * np.pi * (days - rnd.uniform(0, 365)) / 365)
    if chance(rnd, 0.3):
        rate *= np.where(days % 7 < 5, 1 + rnd.uniform(0, 0.15), 1 - rnd.uniform(0, 0.35))
    for _ in range(rnd.choice([0, 0, 0, 1, 2])):  # holidays
        begin = rnd.uniform(0, life)
        rate[(days > begin) & (days < begin + rnd.uniform(5, 22))] *= rnd.uniform(0.5, 0.9)
    return np.clip(rate, 0.05, 4)


def cell_levels(rnd: Random, life: float, a_day: int) -> tuple[str, Array] | None:
    """The chemistry, and levels of each report of each day; None where the level is low from the begin."""
    chemistry = str(rnd.choice(list(USUAL), p=list(USUAL.values())))
    cell = _cell(rnd, chemistry)
    reading = _reading(rnd, cell)
    count = int(1.6 * life) + 60
    degrees = _degrees(rnd, count, a_day)
    usual = np.full(len(TIME), degrees.mean())
    empty = np.nonzero(reading.level(cell.at(TIME, usual)) < 0.7)[0]
    last = TIME[empty[0]] if len(empty) else 1.0
    begin = rnd.uniform(0.05, 0.35) * last if chance(rnd, PART_USED) else 0.0
    load = _load(rnd, life, count)
    rate = load * (last - begin) / life / load[: int(life)].mean()
    if chemistry == "nimh":  # what is lost by itself goes with what is left
        lost, left = rnd.uniform(0, 0.35), 1 - np.arange(count) / life
        rate = rate * (1 - lost) + lost * 2 * np.maximum(0, left) * (last - begin) / life
    used = begin + np.concatenate([[0], np.cumsum(rate)])[:count]
    now = used[:, None] + rate[:, None] * np.arange(a_day)[None, :] / a_day
    volts = cell.at(now, degrees)
    if chance(rnd, 0.25):  # the reference of the ADC
        volts = volts + rnd.normal(0, 0.0002) * cell.curve.full[0] * (degrees - REFERENCE)
    if chance(rnd, 0.04):  # a cell that drops early, and recovers in part
        days = np.arange(count)[:, None] - rnd.uniform(2, 0.5 * life)
        volts = volts - (days > 0) * rnd.uniform(0, 0.03) * volts[0, 0] * (
            1 + np.exp(-np.maximum(0, days) / 6)
        )
    span = reading.volts[-1] - reading.volts[0]
    noise = span * float(rnd.choice([0.0005, 0.001, 0.003, 0.006, 0.01, 0.02]))
    volts = volts + rnd.normal(0, noise, volts.shape)
    if chance(rnd, 0.2):  # read while it sends
        volts = volts - (rnd.random(volts.shape) < rnd.uniform(0, 0.05)) * rnd.uniform(2, 6) * noise
    levels = reading.level(volts)
    return (chemistry, levels) if levels[0].mean() > 30 else None
