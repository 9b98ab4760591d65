"""Watts behind a UPS, and what they sum up to. Pure.

It is the energy of the load behind the UPS, not that at the wall: charging and the losses of the UPS are
not in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ingest.ups.records import Figures

MEASURED = "measured"
LOAD_OF_WATTS = "load x nominal W"
APPARENT = "VA x power factor"
LOAD_OF_APPARENT = "load x nominal VA x power factor"
POWER_FACTOR = 0.6  # assumed where neither the device nor the config gives one: that of 900 W at 1500 VA
GAP_INTERVALS = 3  # samples further apart than this many intervals leave a gap
QUARTER_S = 900


@dataclass(frozen=True)
class Rating:
    """Nominal W and VA (None: not known) and the power factor to go by."""

    realpower: float | None = None
    power: float | None = None
    power_factor: float = POWER_FACTOR


def find_rating(
    figures: Figures, realpower_nominal: float | None = None, power_factor: float | None = None
) -> Rating:
    """The Rating: what the device reports; where it does not, the two values of the config."""
    reported = figures.get("output.powerfactor")
    return Rating(
        figures.get("ups.realpower.nominal") or realpower_nominal,
        figures.get("ups.power.nominal") or None,
        power_factor or (reported if reported and 0 < reported <= 1 else POWER_FACTOR),
    )


def find_watts(figures: Figures, rating: Rating) -> tuple[float | None, str | None]:
    """(W, the rule that gave them), or (None, None) where nothing gives them."""
    load = figures.get("ups.load")
    if figures.get("ups.realpower") is not None:
        return figures["ups.realpower"], MEASURED
    if load is not None and rating.realpower:
        return load * rating.realpower / 100, LOAD_OF_WATTS
    if figures.get("ups.power") is not None:
        return figures["ups.power"] * rating.power_factor, APPARENT
    if load is not None and rating.power:
        return load * rating.power * rating.power_factor / 100, LOAD_OF_APPARENT
    return None, None


def watt_hours(before: float | None, after: float | None, seconds: float) -> float | None:
    """Wh between two samples of W, by the trapezoid; one of them alone counts for both. None without any."""
    if before is None:
        before = after
    if after is None:
        after = before
    return None if before is None or after is None else (before + after) / 2 * seconds / 3600


class Observation(NamedTuple):
    """What one answered poll shows. `at` is unix seconds, `interval_s` when the next poll is due."""

    at: float
    monotonic: float
    watts: float | None
    tokens: frozenset[str]
    interval_s: float


def covered_seconds(before: Observation, after: Observation) -> float | None:
    """Seconds between two observations by the monotonic clock, None where there is a gap.

    The wall clock counts for the gap alone: a machine that slept shows there and not on the monotonic clock.
    """
    seconds = after.monotonic - before.monotonic
    limit = GAP_INTERVALS * before.interval_s
    return seconds if 0 <= seconds <= limit and after.at - before.at <= limit else None


class CoveredSpan(NamedTuple):
    """Covered time within one local hour: `hour_at` as UTC text, `tokens` the status that held.

    `wh` None: no watts.
    """

    hour_at: str
    seconds: float
    wh: float | None
    tokens: frozenset[str]


class EnergyMeter:
    """Turns one UPS's observations into covered spans, cut at local hours.

    `hour_at(unix seconds)` names the hour.
    """

    def __init__(self, hour_at: Callable[[float], str]) -> None:
        self._hour_at = hour_at
        self._last: Observation | None = None

    def reset(self) -> None:
        """Leave the time between the last observation and the next one uncovered."""
        self._last = None

    def add_observation(self, observation: Observation) -> list[CoveredSpan]:
        """The spans from the observation before to this one: none after a gap."""
        before, self._last = self._last, observation
        seconds = covered_seconds(before, observation) if before else None
        if before is None or not seconds:
            return []
        began = observation.at - seconds
        spans = []
        for start, end in _quarters(began, observation.at):
            wh = None
            if before.watts is not None and observation.watts is not None:
                slope = (observation.watts - before.watts) / seconds
                wh = (before.watts + slope * ((start + end) / 2 - began)) * (end - start) / 3600
            spans.append(CoveredSpan(self._hour_at(start), end - start, wh, before.tokens))
        return spans


def _quarters(start: float, end: float) -> Iterator[tuple[float, float]]:
    """Pieces of start..end that no quarter of an hour divides, so that each has one local hour."""
    while start < end:
        stop = min(end, (start // QUARTER_S + 1) * QUARTER_S)
        yield start, stop
        start = stop
