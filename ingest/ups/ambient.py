"""Temperature and humidity around a UPS, and the limits that they are watched for. Pure.

The config's limits come first, bound by bound; else the device's own are used where they can be right. Of the
41 devices of NUT's device dump library that have a highest temperature, 11 have one that cannot (221, 206, 1,
0 ...). A probe that reports 0 degrees and no humidity is not there. Of the 52 figures
of probes in the library one is beyond a limit of its device, which says so in its alarm.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ingest.ups.limits import Limits
from ingest.ups.open_events import OpenEvents
from ingest.ups.records import Figures, Variables
from ingest.ups.variables import variable

SENSOR = re.compile(r"(ambient(?:\.\d+)?)\.(temperature|humidity)")
TIERS = ("{}.{}.warning", "{}.{}.critical", "{}.{}", "{}.alarm.{}")  # of the limits of a figure
ABSENT = ("no", "0", "false", "not present", "missing", "absent")
HYSTERESIS = {"temperature": 0.5, "humidity": 1.0}


class _Range(NamedTuple):
    """What limits can be: over `lowest`, at most `highest`; one alone on its side of `middle`."""

    lowest: float
    highest: float
    middle: float
    unit: str


RANGES = {"temperature": _Range(-40.0, 80.0, 20.0, "°C"), "humidity": _Range(-0.1, 100.0, 50.0, "%")}


class Crossing(NamedTuple):
    """A figure that is beyond one of its limits."""

    name: str
    value: float
    limit: float
    above: bool
    unit: str

    def describe(self) -> str:
        """`temperature around it above 40 °C: 43 °C`."""
        return f"{self.cause()}: {self.value:g} {self.unit}"

    def cause(self) -> str:
        """`temperature around it above 40 °C`."""
        label = variable(self.name).label
        words = label[:1].lower() + label[1:]
        return f"{words} {'above' if self.above else 'below'} {self.limit:g} {self.unit}"


@lru_cache(maxsize=4096)
def is_probe(variable: str) -> bool:
    """Whether a variable is a figure of a probe for the surroundings."""
    return SENSOR.fullmatch(variable) is not None


def drop_absent_probes(figures: Figures, variables: Variables) -> None:
    """Leave out what a probe reports that is not there; a humidity of 0 is none anywhere."""
    for name in [name for name in figures if name.startswith("ambient.")]:
        match = SENSOR.fullmatch(name)
        if match is None or name not in figures:
            continue
        probe = match[1]
        temperature, humidity = f"{probe}.temperature", f"{probe}.humidity"
        if not figures.get(humidity):
            figures.pop(humidity, None)
        is_absent = variables.get(f"{probe}.present", "").strip().lower() in ABSENT
        if is_absent or (humidity not in figures and figures.get(temperature) == 0):
            figures.pop(humidity, None)
            figures.pop(temperature, None)


def device_limits(figures: Figures, name: str) -> tuple[float | None, float | None]:
    """The device's own limits for a figure of a probe, None for one that it has not or that cannot be."""
    allowed = RANGES[name.rpartition(".")[2]]
    for tier in TIERS:
        low, high = (figures.get(tier.format(name, side)) for side in ("low", "high"))
        if low is not None and high is not None:
            if allowed.lowest < low < high <= allowed.highest:
                return low, high
        elif low is not None and allowed.lowest < low < allowed.middle:
            return low, None
        elif high is not None and allowed.middle < high <= allowed.highest:
            return None, high
    return None, None


class AmbientWatcher:
    """Opens, describes and closes AMBIENT of one UPS, one event for all of its probes."""

    def __init__(self, limits: Limits, open_events: OpenEvents) -> None:
        self.limits, self._open = limits, open_events

    def apply_sample(self, at: float, figures: Figures, alarm: str, contiguous: bool) -> None:
        """Compare a full sample of `at`, unix seconds.

        What `alarm`, the device's own text, tells already is no second event.
        """
        names = [name for name in figures if is_probe(name)]
        if not names:
            return
        text = alarm.lower()
        crossings = [
            crossing
            for name in names
            for crossing in self._crossings(name, figures)
            if name.rpartition(".")[2] not in text
        ]
        worst = dict(self._open.figures_of("AMBIENT").get("worst", {}))
        for one in crossings:
            worst[one.cause()] = (max if one.above else min)(worst.get(one.cause(), one.value), one.value)
        if not crossings and "AMBIENT" in self._open:
            self._open.describe(
                "AMBIENT", "; ".join(f"{cause}: {at_worst:g} at worst" for cause, at_worst in worst.items())
            )
        first = crossings[0] if crossings else None
        self._open.observe(
            "AMBIENT",
            first is not None,
            at,
            contiguous,
            "; ".join(one.describe() for one in crossings),
            first
            and {
                "variable": first.name,
                "value": first.value,
                "limit": first.limit,
                "extreme": worst[first.cause()],
                "worst": worst,
            },
        )

    def _crossings(self, name: str, figures: Figures) -> Iterator[Crossing]:
        quantity, value = name.rpartition(".")[2], figures[name]
        low, high = device_limits(figures, name)
        own = self.limits
        own_low, own_high = (
            (own.ambient_temperature_min, own.ambient_temperature_max)
            if quantity == "temperature"
            else (own.ambient_humidity_min, own.ambient_humidity_max)
        )
        low, high = low if own_low is None else own_low, high if own_high is None else own_high
        margin = HYSTERESIS[quantity] if "AMBIENT" in self._open else 0.0
        if high is not None and value > high - margin:
            yield Crossing(name, value, high, True, RANGES[quantity].unit)
        elif low is not None and value < low + margin:
            yield Crossing(name, value, low, False, RANGES[quantity].unit)
