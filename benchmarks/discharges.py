"""Discharges for `benchmarks/forecast.py`, made by models that share nothing with the estimator.

cells      volts of a cell under load with the temperature of day, night and season; a sketch reports per cent
           of its voltage, cut to whole numbers; alkaline, lithium, nimh, lipo
recorded   the same with volts of cells that were recorded until they were empty, or are in data sheets, and
           levels that may stick: none of these tables is in the estimator
gauge      a fuel gauge: events of use by a Poisson process whose rate changes; a level that sticks until it
           has fallen by some per cent, and steps where a sensor was added
process    no battery at all: a gamma process bent by a random power, with outliers and offsets
All lose days, and some lose weeks. A discharge is the chemistry,
where its owner said which, and a list of (day, levels of that day).
"""

import math
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import NamedTuple

Day = tuple[int, list[float]]
MOST_DAYS = 1500


def _is_missing(rnd: random.Random, lost: list[tuple[int, int]], day: int) -> bool:
    return any(begin <= day < end for begin, end in lost) or rnd.random() < 0.03


def _lost_weeks(rnd: random.Random, life: float) -> list[tuple[int, int]]:
    found = []
    for _ in range(rnd.choice((0, 0, 1, 2))):
        begin = int(rnd.uniform(0.1, 0.9) * life)
        found.append((begin, begin + rnd.randint(3, 21)))
    return found


def _volts(chemistry: str, used: float) -> float:
    """Volts of a cell at rest after this share of its charge, by formulas."""
    used = min(used, 1.2)
    if chemistry == "alkaline":
        late = 0.12 * used**6 + 0.1 * math.exp((used - 1) / 0.03)
        return 1.58 - 0.12 * (1 - math.exp(-used / 0.05)) - 0.25 * used - late
    if chemistry == "nimh":
        return 1.27 + 0.09 * math.exp(-used / 0.05) - 0.07 * used - 0.35 * math.exp((used - 1) / 0.045)
    if chemistry == "lithium":
        return 3.02 - 0.09 * used - 0.55 * math.exp((used - 1) / 0.07)
    return 3.72 + 0.48 * math.exp(-used / 0.38) - 0.62 * math.exp((used - 1) / 0.035)


LIMITS = {
    "alkaline": (0.95, 1.12, 1.5, 1.6),
    "nimh": (1.0, 1.1, 1.3, 1.4),
    "lithium": (2.2, 2.6, 2.95, 3.05),
    "lipo": (3.1, 3.5, 4.1, 4.2),
}


def cells(rnd: random.Random, chemistry: str) -> tuple[str, list[Day]]:
    """Voltages of a cell."""
    low_empty, high_empty, low_full, high_full = LIMITS[chemistry]
    empty, full = rnd.uniform(low_empty, high_empty), rnd.uniform(low_full, high_full)
    life = math.exp(rnd.uniform(math.log(130), math.log(700)))
    outside, phase, a_day = rnd.random() < 0.4, rnd.uniform(0, 365), rnd.choice((1, 4, 12, 24))
    by_degree = rnd.uniform(0.0003, 0.0012) * full
    noise, lost, used, days = rnd.uniform(0.001, 0.004) * full, _lost_weeks(rnd, life), 0.0, []
    weather, said = 0.0, chemistry if rnd.random() < 0.6 else ""
    for day in range(MOST_DAYS):
        weather = 0.8 * weather + rnd.gauss(0, 1.5 if outside else 0.4)
        season = (9 if outside else 2) * math.cos(2 * math.pi * (day - phase) / 365)
        levels = []
        for number in range(a_day):
            night = (5 if outside else 1) * math.cos(2 * math.pi * number / a_day)
            volts = (
                _volts(chemistry, used)
                + by_degree * (season + weather - night) * (1 + used)
                + rnd.gauss(0, noise)
            )
            levels.append(float(min(100, max(0, int(100 * (volts - empty) / (full - empty))))))
        used += (1 + 0.1 * rnd.gauss(0, 1)) / life
        if min(levels) <= 0:
            return said, [*days, (day, [0.0])]
        if not _is_missing(rnd, lost, day):
            days.append((day, levels))
    return said, days


def gauge(rnd: random.Random) -> tuple[str, list[Day]]:
    """A fuel gauge."""
    life = math.exp(rnd.uniform(math.log(130), math.log(600)))
    stick, a_day = rnd.choice((1, 1, 2, 5)), rnd.choice((1, 2, 6))
    rate, left, shown, days = 1.0, 100.0, 100.0, []
    lost = _lost_weeks(rnd, life)
    steps = {int(rnd.uniform(0.1, 0.9) * life): rnd.uniform(2, 8) for _ in range(rnd.choice((0, 0, 1)))}
    for day in range(MOST_DAYS):
        if rnd.random() < 1 / 60:
            rate = min(2.0, max(0.5, rate * math.exp(rnd.gauss(0, 0.2))))
        week = 1.3 if day % 7 > 4 else 0.9
        events = sum(rnd.random() < 0.5 for _ in range(40)) / 20
        left -= 100 / life * (0.4 + 0.6 * rate * week * events) + steps.get(day, 0.0)
        if left <= shown - stick or left <= 0.5:
            shown = max(0.0, float(round(left)))
        if shown <= 0:
            return "", [*days, (day, [0.0])]
        if not _is_missing(rnd, lost, day):
            days.append((day, [shown] * a_day))
    return "", days


def process(rnd: random.Random) -> tuple[str, list[Day]]:
    """A random process without a battery."""
    life, power = math.exp(rnd.uniform(math.log(130), math.log(600))), math.exp(rnd.gauss(0.15, 0.35))
    a_day, noise, top = rnd.choice((1, 3, 24)), rnd.uniform(0.2, 1.5), rnd.uniform(88, 102)
    lumps, lost, used, drift, days = rnd.uniform(0.02, 0.5), _lost_weeks(rnd, life), 0.0, 0.0, []
    for day in range(MOST_DAYS):
        used += rnd.gammavariate(1 / lumps, lumps) / life
        drift = 0.97 * drift + rnd.gauss(0, 0.25)
        true = top * (1 - min(1.0, used) ** power) + drift
        levels = [float(round(min(100.0, max(0.0, true + rnd.gauss(0, noise))))) for _ in range(a_day)]
        if min(levels) <= 0 or used >= 1:
            return "", [*days, (day, [0.0])]
        if rnd.random() < 0.02:
            levels[0] = min(100.0, levels[0] + rnd.choice((-30, 25))) if levels[0] > 35 else levels[0]
        if not _is_missing(rnd, lost, day):
            days.append((day, levels))
    return "", days


class Recorded(NamedTuple):
    """Volts of a cell over the per cent that were left, and what sketches call empty and full."""

    chemistry: str
    empty: tuple[float, float]
    full: tuple[float, float]
    volts: tuple[tuple[float, float], ...]

    def at(self, used: float) -> float:
        """Volts after this share of its charge."""
        left = 100 * (1 - used)
        for (above, more), (below, less) in pairwise(self.volts):
            if left >= less:
                return below + (above - below) * (left - less) / (more - less) if more > less else below
        return self.volts[-1][0]


RECORDED = (
    # A LiPo of 2000 mAh in a node that ran for 50 days; per cent of the days. (An open firmware's table.)
    Recorded(
        "lipo",
        (3.1, 3.35),
        (4.1, 4.25),
        (
            *((4.25, 100), (4.15, 96), (4.1, 91), (4.08, 88), (4.07, 84), (4.05, 79), (4.0, 74)),
            *((3.96, 70), (3.92, 62), (3.87, 57), (3.83, 53), (3.78, 49), (3.74, 45), (3.7, 40)),
            *((3.67, 34), (3.64, 30), (3.62, 27), (3.6, 23), (3.57, 21), (3.51, 17), (3.45, 11)),
            *((3.34, 9), (3.31, 6), (3.26, 4), (3.21, 2), (3.1, 0)),
        ),
    ),
    # A LiPo of 2483 mAh in a LoRa node, 202 hours at 12 mA, the current integrated. (A MeshCore issue.)
    Recorded(
        "lipo",
        (3.52, 3.62),
        (4.1, 4.2),
        (
            *((4.2, 100), (4.15, 99.3), (4.1, 95.3), (4.05, 90.1), (4.0, 84.6), (3.95, 78.3)),
            *((3.9, 72.1), (3.85, 65.2), (3.8, 56.7), (3.75, 48.2), (3.7, 41.4), (3.65, 32.9)),
            *((3.6, 14.8), (3.55, 0.6), (3.3, 0)),
        ),
    ),
    # Coin cells, the mean of the data sheets of Energizer, Maxell and Panasonic. (Silicon Labs.)
    Recorded(
        "lithium",
        (2.0, 2.5),
        (2.95, 3.05),
        (
            *((3.05, 101), (3.0, 100), (2.9, 80), (2.8, 60), (2.7, 40)),
            *((2.6, 30), (2.5, 20), (2.4, 10), (2.0, 0)),
        ),
    ),
    # A NiMH AA of 2450 mAh. (The discharge curve of lygte-info.dk, by points.)
    Recorded(
        "nimh",
        (0.95, 1.15),
        (1.3, 1.42),
        ((1.45, 100), (1.35, 92), (1.3, 78), (1.25, 24), (1.22, 13), (1.16, 5), (1.1, 2), (0.9, 0)),
    ),
)


def recorded(rnd: random.Random) -> tuple[str, list[Day]]:
    """Voltages of a recorded cell at another rate, with weather and levels that stick."""
    cell = rnd.choice(RECORDED)
    empty, full = rnd.uniform(*cell.empty), rnd.uniform(*cell.full)
    life, stick = math.exp(rnd.uniform(math.log(130), math.log(700))), rnd.choice((1, 1, 1, 2, 5))
    swing, phase, a_day = rnd.choice((2, 2, 9)), rnd.uniform(0, 365), rnd.choice((1, 2, 24))
    by_degree, noise = rnd.uniform(0.0003, 0.001) * full, rnd.uniform(0.0005, 0.003) * full
    lost, used, rate, weather, days = _lost_weeks(rnd, life), 0.0, 1.0, 0.0, []
    for day in range(MOST_DAYS):
        weather = 0.8 * weather + rnd.gauss(0, swing / 6)
        season = swing * math.cos(2 * math.pi * (day - phase) / 365)
        levels = []
        for number in range(a_day):
            night = swing / 2 * math.cos(2 * math.pi * number / a_day)
            volts = cell.at(min(1.0, used)) + by_degree * (season + weather - night) + rnd.gauss(0, noise)
            level = min(100.0, max(0.0, 100 * (volts - empty) / (full - empty)))
            levels.append(float(stick * round(level / stick)))
        rate += 0.02 * (1 - rate) + rnd.gauss(0, 0.015)
        used += max(0.0, rate) / life
        if min(levels) <= 0 or used > 1:
            return cell.chemistry if rnd.random() < 0.6 else "", [*days, (day, [0.0])]
        if not _is_missing(rnd, lost, day):
            days.append((day, levels))
    return "", days


def again(rnd: random.Random, days: list[Day]) -> list[Day]:
    """The next discharge of the same node: its course at another rate, with noise of its own."""
    rate, before, end = rnd.lognormvariate(0, 0.15), dict(days), days[-1][0]
    found: list[Day] = []
    for day in range(int(end * rate)):
        levels = before.get(int(day / rate))
        if levels:
            level = float(min(100, max(0, round(median(levels) + rnd.gauss(0, 0.7)))))
            found.append((day, [level]))
            if not level:
                return found
    return [*found, (int(end * rate), [0.0])]


GENERATORS: dict[str, Callable[[random.Random], tuple[str, list[Day]]]] = {
    **{chemistry: partial(cells, chemistry=chemistry) for chemistry in LIMITS},
    "recorded": recorded,
    "gauge": gauge,
    "process": process,
}
