"""Forecasts of UPS batteries against simulated ones whose ageing is known.

    .venv/bin/python benchmarks/ups_forecast.py [--batteries 120] [--seed 1]

Each battery is discharged by outages of random length, load and temperature over one to six years; the
simulation has nothing of the estimator: energy is taken out of a store step by step, with losses of the
inverter, a charge that is shown as a whole per cent on a scale that is not straight, and four ways of ageing
(even, with a sudden end, fast at first, by the heat of summers). Asked after the last outage are the capacity
against new, the day on which it falls to 80 % of new, and the runtime at the usual load and at another one.

Printed per way of ageing and figure: the share of true values inside the interval of 80 %, the median error
and the median width, as shares of the true value (of the days left for the date).
"""

import argparse
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from ingest.db.time import format_utc
from ingest.ups.battery_forecast import BatteryForecast, Estimate, forecast_battery, parse_past_discharge
from ingest.ups.battery_health import END_OF_LIFE

DAY_S = 86_400.0
YEAR_S = 365.25 * DAY_S
START = 1_500_000_000.0  # unix seconds at which each battery is new
STEP_S = 10.0
POLL_S = 10
LONGEST_YEARS = 25.0

Ageing = Callable[[float], float]  # years -> capacity as a share of new


class Figure(NamedTuple):
    """A figure that was asked: its interval, the true value, and what errors are a share of."""

    name: str
    found: Estimate
    true: float
    scale: float


@dataclass
class Battery:
    """A battery of `wh` in a UPS with losses of its inverter. `bend`: how far from straight the charge is."""

    draw: random.Random
    ageing: Ageing
    wh: float
    watts: float
    losses: float
    peukert: float
    bend: float
    per_degree: float
    shows_temperature: bool

    def runtime_s(self, years: float, watts: float, degrees: float) -> float:
        """How long a full charge truly lasts."""
        drawn = watts / 0.88 + self.losses
        usable = self.wh * self.ageing(years) * (1 + self.per_degree * (degrees - 22))
        return 3600 * usable / drawn * (self.wh / drawn) ** (self.peukert - 1)

    def outage(self, years: float) -> dict[str, float]:
        """The figures of an outage at that age, as ingest stores them."""
        draw = self.draw
        degrees = temperature(years) + draw.gauss(0, 1.5)
        watts = self.watts * draw.lognormvariate(0, 0.18)
        full_s = self.runtime_s(years, watts, degrees) * draw.lognormvariate(0, 0.04)
        wanted = draw.lognormvariate(math.log(700), 0.9)
        left, seconds = 1.0, 0.0
        while seconds < wanted and left > 0.12:
            seconds, left = seconds + STEP_S, left - STEP_S / full_s
        shown = left + self.bend * left * (1 - left)
        return {
            "seconds": seconds,
            "covered_s": seconds,
            "samples": seconds // POLL_S,
            "watts_avg": round(watts, 2),
            "charge_start": 100.0,
            "lowest_charge": float(round(100 * max(0.0, shown))),
            "temperature": round(degrees, 1) if self.shows_temperature else math.nan,
        }


def temperature(years: float) -> float:
    """°C around a UPS over the year."""
    return 22 + 5 * math.sin(2 * math.pi * years)


def even(draw: random.Random) -> Ageing:
    """The same loss each year."""
    loss = draw.uniform(0.025, 0.08)
    return lambda years: 1 - loss * years


def sudden(draw: random.Random) -> Ageing:
    """Little loss until a knee, then a fall."""
    knee, slope = draw.uniform(2.0, 6.0), draw.uniform(0.25, 0.7)
    return lambda years: 1 - 0.008 * years - slope * math.log1p(math.exp(3 * (years - knee))) / 3


def early(draw: random.Random) -> Ageing:
    """Fast at first, slower later, then ever faster: corrosion beside a loss of water."""
    first, later = draw.uniform(0.02, 0.05), draw.uniform(0.002, 0.009)
    return lambda years: 1 - first * math.sqrt(years) - later * years**2


def by_heat(draw: random.Random) -> Ageing:
    """The loss doubles with each 10 °C; a battery that is new gains a little in its first months."""
    loss, gain = draw.uniform(0.02, 0.05), draw.uniform(0.0, 0.03)

    def capacity(years: float) -> float:
        steps = max(1, int(years * 24))
        summed = sum(2 ** ((temperature(years * (i + 0.5) / steps) - 20) / 10) for i in range(steps))
        aged = summed / steps * years
        return 1 + gain * (1 - math.exp(-3 * years)) - loss * aged**1.2

    return capacity


WAYS = (even, sudden, early, by_heat)


def make_battery(draw: random.Random, way: Callable[[random.Random], Ageing]) -> Battery:
    """A battery and its UPS, drawn at random."""
    wh = draw.uniform(80, 900)
    watts = wh * draw.uniform(0.5, 2.5)
    return Battery(
        draw,
        way(draw),
        wh,
        watts,
        watts * draw.uniform(0.02, 0.12),
        draw.uniform(1.05, 1.25),
        draw.uniform(-0.15, 0.15),
        draw.uniform(0.004, 0.01),
        draw.random() < 0.5,
    )


def end_of_life(ageing: Ageing) -> float | None:
    """The age in years at which a battery comes to the end of its life; None where it does not."""
    low, high = 0.0, LONGEST_YEARS
    if ageing(high) > END_OF_LIFE:
        return None
    while high - low > 0.002:
        middle = (low + high) / 2
        low, high = (middle, high) if ageing(middle) > END_OF_LIFE else (low, middle)
    return high


def ask(battery: Battery, watts: float) -> tuple[BatteryForecast, float]:
    """The forecast after outages over one to six years, and the age of the battery in years."""
    draw = battery.draw
    age = draw.uniform(1, 6)
    ages = sorted(draw.uniform(0, age) for _ in range(max(3, round(age * draw.uniform(1.5, 8)))))
    past = []
    for one in ages:
        figures = battery.outage(one)
        degrees = figures.pop("temperature")
        past.append(
            parse_past_discharge(
                format_utc(START + one * YEAR_S), True, figures, None if math.isnan(degrees) else degrees
            )
        )
    now = START + age * YEAR_S
    degrees_now = temperature(age) if battery.shows_temperature else None
    return forecast_battery(past, format_utc(START), now, watts, degrees_now), age


def figures_of(battery: Battery) -> Iterator[Figure]:
    """What is asked of one battery, with the truth."""
    other = battery.watts * battery.draw.choice((0.4, 0.6, 1.5, 2.0))
    state = battery.draw.getstate()
    for name, watts in (("runtime", battery.watts), ("runtime at another load", other)):
        battery.draw.setstate(state)
        found, age = ask(battery, watts)
        if found.runtime_s is not None:
            true = battery.runtime_s(age, watts, temperature(age))
            yield Figure(name, found.runtime_s, true, true)
        if name != "runtime" or found.capacity is None or found.replace_at is None:
            continue
        true = battery.ageing(age)
        yield Figure("capacity", found.capacity, true, true)
        end = end_of_life(battery.ageing)
        if end is not None and end > age + 0.25:
            yield Figure("replace by", found.replace_at, START + end * YEAR_S, (end - age) * YEAR_S)


def summarise(name: str, figures: Iterable[Figure]) -> str:
    """A line about the figures of one name."""
    own = [one for one in figures if one.name == name]
    if not own:
        return f"{name:24} none"
    inside = sum(one.found.low <= one.true <= one.found.high for one in own) / len(own)
    error = median(abs(one.found.middle - one.true) / one.scale for one in own)
    width = median((one.found.high - one.found.low) / one.scale for one in own)
    return f"{name:24} {len(own):4}  inside {inside:4.0%}  error {error:6.1%}  width {width:6.1%}"


def main() -> None:
    """Print the results of every way of ageing, then of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batteries", type=int, default=120, help="of each way of ageing")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    every: list[Figure] = []
    names = ("capacity", "replace by", "runtime", "runtime at another load")
    for way in WAYS:
        draw = random.Random(f"{args.seed} {way.__name__}")
        figures = [one for _ in range(args.batteries) for one in figures_of(make_battery(draw, way))]
        every += figures
        print(
            f"{way.__name__}: {args.batteries} batteries",
            *(summarise(name, figures) for name in names),
            sep="\n  ",
        )
    print("all", *(summarise(name, every) for name in names), sep="\n  ")


if __name__ == "__main__":
    main()
