"""What the watts behind a UPS sum up to. Pure.

It is the energy of the load behind the UPS, not that at the wall: charging and the losses of the UPS are
not in it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

GAP_INTERVALS = 3  # samples further apart than this many intervals leave a gap
QUARTER_S = 900


def watt_hours(before: float | None, after: float | None, seconds: float) -> float | None:
    """Wh between two samples of W, by the trapezoid; one of them alone counts for both. None without any."""
    if before is None:
        before = after
    if after is None:
        after = before
    return None if before is None or after is None else (before + after) / 2 * seconds / 3600


class Observation(NamedTuple):
    """What one answered poll shows. `at` is unix seconds, `interval_s` when the next poll is due.

    `on_battery`: in an outage, which a battery test is not.
    """

    at: float
    monotonic: float
    watts: float | None
    tokens: frozenset[str]
    interval_s: float
    on_battery: bool = False


def covered_seconds(before: Observation, after: Observation) -> float | None:
    """Seconds between two observations by CLOCK_BOOTTIME, None where there is a gap.

    That clock counts the time that a machine slept, and is never set.
    """
    seconds = after.monotonic - before.monotonic
    return seconds if 0 <= seconds <= GAP_INTERVALS * before.interval_s else None


class CoveredSpan(NamedTuple):
    """Covered time within one local hour: `hour_at` as UTC text, `tokens` the status that held.

    `wh` None: no watts.
    """

    hour_at: str
    seconds: float
    wh: float | None
    tokens: frozenset[str]
    on_battery: bool


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
            spans.append(CoveredSpan(self._hour_at(start), end - start, wh, before.tokens, before.on_battery))
        return spans


def _quarters(start: float, end: float) -> Iterator[tuple[float, float]]:
    """Pieces of start..end that no quarter of an hour divides, so that each has one local hour."""
    while start < end:
        stop = min(end, (start // QUARTER_S + 1) * QUARTER_S)
        yield start, stop
        start = stop
