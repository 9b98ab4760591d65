"""Watts behind a UPS, and what they sum up to. Pure.

It is the energy of the load behind the UPS, not that at the wall: charging and the losses of the UPS are not in it.
"""

from dataclasses import dataclass

MEASURED = "measured"
LOAD_OF_WATTS = "load x nominal W"
APPARENT = "VA x power factor"
LOAD_OF_APPARENT = "load x nominal VA x power factor"
POWER_FACTOR = 0.6  # assumed where neither the device nor the config tells: that of 900 W at 1500 VA
GAP_INTERVALS = 3  # times the interval: samples further apart than that leave a gap
QUARTER_S = 900


@dataclass(frozen=True)
class Rating:
    """Nominal W and VA (None: not known) and the power factor to go by."""

    realpower: float | None = None
    power: float | None = None
    power_factor: float = POWER_FACTOR


def find_rating(figures, realpower_nominal=None, power_factor=None):
    """The Rating: what the device tells; where it does not, the two values of the config."""
    told = figures.get("output.powerfactor")
    return Rating(
        figures.get("ups.realpower.nominal") or realpower_nominal,
        figures.get("ups.power.nominal") or None,
        power_factor or (told if told and 0 < told <= 1 else POWER_FACTOR),
    )


def find_watts(figures, rating):
    """(W, the rule that gave them), or (None, None) where nothing tells."""
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


def watt_hours(before, after, seconds):
    """Wh between two samples of W, by the trapezoid; one of them alone counts for both. None without any."""
    if before is None and after is None:
        return None
    return ((after if before is None else before) + (before if after is None else after)) / 2 * seconds / 3600


@dataclass(frozen=True)
class Observation:
    """What a good full poll tells the meter. `at` is unix seconds, `interval_s` when the next one is promised."""

    at: float
    monotonic: float
    watts: float | None
    words: frozenset
    interval_s: float


def covered_seconds(before, after):
    """Seconds between two observations by the monotonic clock, None where there is a gap.

    The wall clock counts for the gap alone: a machine that slept shows there and not on the monotonic clock.
    """
    seconds = after.monotonic - before.monotonic
    limit = GAP_INTERVALS * before.interval_s
    return seconds if 0 <= seconds <= limit and after.at - before.at <= limit else None


@dataclass(frozen=True)
class CoveredSpan:
    """Covered time within one local hour: `hour_at` as UTC text, `words` the status that held. `wh` None: no watts."""

    hour_at: str
    seconds: float
    wh: float | None
    words: frozenset


class EnergyMeter:
    """Turns one UPS's observations into covered spans, cut at local hours. `hour_at(unix seconds)` names the hour."""

    def __init__(self, hour_at):
        self._hour_at = hour_at
        self._last = None

    def forget(self):
        """What comes next does not go on from what came last."""
        self._last = None

    def add_observation(self, observation):
        """The spans from the observation before to this one: none after a gap."""
        before, self._last = self._last, observation
        seconds = covered_seconds(before, observation) if before else None
        if not seconds:
            return []
        began = observation.at - seconds
        spans = []
        for start, end in _cut(began, observation.at):
            wh = None
            if before.watts is not None and observation.watts is not None:
                slope = (observation.watts - before.watts) / seconds
                wh = (before.watts + slope * ((start + end) / 2 - began)) * (end - start) / 3600
            spans.append(CoveredSpan(self._hour_at(start), end - start, wh, before.words))
        return spans


def _cut(start, end):
    """Pieces of start..end that no quarter of an hour divides, so that each has one local hour."""
    while start < end:
        stop = min(end, (start // QUARTER_S + 1) * QUARTER_S)
        yield start, stop
        start = stop
