"""The mains of the demo: voltage, frequency and failures as pure functions of absolute time (unix seconds).

History that is made up afterwards and what is served live agree, because both ask the same functions.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

SLOT_S = 6 * 3600  # one short failure at most in each
LONG_EVERY_S = 19 * 86400  # one long failure in each
TRIP_EVERY_S = 9 * 86400  # one trip of a circuit's own breaker in each


@dataclass(frozen=True)
class MainsFailure:
    """Mains are gone from `start` until before `end`, unix seconds."""

    start: float
    end: float


@lru_cache(maxsize=65536)
def chance(*what: object) -> float:
    """A number in [0, 1) that is always the same for the same arguments."""
    digest = hashlib.blake2b(repr(what).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


@lru_cache(maxsize=4096)
def _short_failure(slot: int) -> MainsFailure | None:
    if chance("outage", slot) >= 0.2:
        return None
    begin = slot * SLOT_S + 600 + chance("begin", slot) * (SLOT_S - 3600)
    return MainsFailure(round(begin), round(begin + 15 + 165 * chance("length", slot) ** 2))


@lru_cache(maxsize=4096)
def _long_failure(slot: int) -> MainsFailure:
    begin = (slot + 0.2 + 0.6 * chance("long", slot)) * LONG_EVERY_S
    return MainsFailure(round(begin), round(begin + 2400 + 900 * chance("long length", slot)))


@lru_cache(maxsize=4096)
def _trip(circuit: str, slot: int) -> MainsFailure:
    begin = (slot + 0.9 * chance("trip", circuit, slot)) * TRIP_EVERY_S
    return MainsFailure(round(begin), round(begin + 120 + 480 * chance("trip length", circuit, slot)))


def wobble(name: str, t: float, period_s: float) -> float:
    """A smooth curve between -1 and 1 that takes a new direction every `period_s`."""
    step, part = divmod(t / period_s, 1)
    blend = (1 - math.cos(math.pi * part)) / 2
    return 2 * (chance(name, int(step)) * (1 - blend) + chance(name, int(step) + 1) * blend) - 1


@dataclass(frozen=True)
class Mains:
    """What comes out of the wall. `extra` are failures besides the usual ones.

    `quiet` leaves the usual ones out.

    `circuit` names one breaker of the home, which trips now and then when the others do not; '' is the main
    one.
    """

    extra: tuple[MainsFailure, ...] = ()
    quiet: bool = False
    circuit: str = ""

    def behind(self, circuit: str) -> "Mains":
        """The same mains behind one of the breakers."""
        return replace(self, circuit=circuit)

    def failures(self, start: float, end: float) -> list[MainsFailure]:
        """Every failure that touches start..end, in order, overlapping ones joined."""
        every = [*self.extra, *(() if self.quiet else self._usual(start, end))]
        found = [o for o in every if o.end > start and o.start < end]
        joined: list[MainsFailure] = []
        for failure in sorted(found, key=lambda o: o.start):
            if joined and failure.start <= joined[-1].end:
                joined[-1] = MainsFailure(joined[-1].start, max(failure.end, joined[-1].end))
            else:
                joined.append(failure)
        return joined

    def failure_at(self, t: float) -> MainsFailure | None:
        """The failure that lasts at `t`."""
        return next((o for o in self.failures(t, t + 0.001) if o.start <= t < o.end), None)

    def voltage(self, t: float) -> float:
        """V at the wall, 0 in a failure: lower in the evening, with a sag now and then."""
        if self.failure_at(t):
            return 0.0
        evening = -3.0 * math.cos((t % 86400) / 86400 * 2 * math.pi)
        sag = -22.0 if chance("sag", int(t // 900)) < 0.004 else 0.0
        return 230.0 + evening + 2.5 * wobble("volt", t, 1800) + 0.8 * wobble("flicker", t, 20) + sag

    def frequency(self, t: float) -> float:
        """Hz, 0 in an failure."""
        return 0.0 if self.failure_at(t) else 50.0 + 0.03 * wobble("hertz", t, 120)

    def _usual(self, start: float, end: float) -> Iterator[MainsFailure]:
        for slot in range(int((start - 3600) // SLOT_S), int(end // SLOT_S) + 1):
            if (short := _short_failure(slot)) is not None:
                yield short
        for slot in range(int((start - 7200) // LONG_EVERY_S), int(end // LONG_EVERY_S) + 1):
            yield _long_failure(slot)
        if not self.circuit:
            return
        for slot in range(int((start - 7200) // TRIP_EVERY_S), int(end // TRIP_EVERY_S) + 1):
            yield _trip(self.circuit, slot)


@dataclass(frozen=True)
class UpsBattery:
    """A battery that runs down at `watts` in a failure; from empty to full it takes `recharge_s`."""

    watt_hours: float
    watts: float
    recharge_s: float = 6 * 3600

    def charge(self, mains: Mains, t: float) -> float:
        """% at `t`, from the failures of the last two days.

        A battery never falls below 3 %, the device is off by then.
        """
        level, at = 100.0, t - 2 * 86400
        for failure in mains.failures(at, t):
            level = min(100.0, level + max(0.0, failure.start - at) / self.recharge_s * 100)
            begin, end = max(failure.start, at), min(failure.end, t)
            level = max(3.0, level - (end - begin) * self.watts / 36 / self.watt_hours)
            at = end
        return min(100.0, level + (t - at) / self.recharge_s * 100)

    def runtime(self, charge: float) -> float:
        """s until empty at the usual load."""
        return charge * 36 * self.watt_hours / self.watts
