"""One limit of one value: when an event begins and when it ends. Pure.

Two clocks: `at` is unix seconds, for the event's times; `moment` is in seconds of the time in which the value
was observed, by which `for_s` is measured and which no step of the clock moves.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class ValueLimit:
    """A value is beyond `limit` above it (`is_above`) or below it; at the limit itself it is within."""

    limit: float
    is_above: bool
    for_s: float = 0.0
    hysteresis: float = 0.0

    @property
    def side(self) -> str:
        """`above` or `below`."""
        return "above" if self.is_above else "below"

    def is_beyond(self, value: float) -> bool:
        """Whether an event begins with this value, once that has lasted."""
        return value > self.limit if self.is_above else value < self.limit

    def is_back(self, value: float) -> bool:
        """Whether an event ends with this value: within the limit by `hysteresis`."""
        if self.is_above:
            return value <= self.limit - self.hysteresis
        return value >= self.limit + self.hysteresis

    def worse(self, one: float, other: float) -> float:
        """Of two values, the one that is further beyond."""
        return max(one, other) if self.is_above else min(one, other)


class Change(Enum):
    """What a value, or the time that passed, has changed."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(slots=True)
class Excursion:
    """Values beyond the limit, one after the other: `extreme` is the worst, `value` the last of them.

    `moment` None: of an earlier run, so the time counts from when the value is observed again.
    """

    started: float
    moment: float | None
    value: float
    extreme: float
    complete: bool = True


class LimitWatch:
    """Whether one value is beyond its limit, and since when. `excursion` is None while it is within."""

    def __init__(self, limit: ValueLimit) -> None:
        self.limit = limit
        self.excursion: Excursion | None = None
        self.is_open = False
        self._holds_until: float | None = None  # None: until the next value
        self._ends_at: float | None = None  # what comes later than this began anew

    def resume(self, started: float, value: float, extreme: float) -> None:
        """Go on with an event that an earlier run has opened."""
        self.excursion = Excursion(started, None, value, extreme)
        self.is_open = True

    def begin_with(self, value: float, at: float) -> None:
        """Take the last value of an earlier run: it counts from when it is observed again."""
        if self.excursion is None and self.limit.is_beyond(value):
            self.excursion = Excursion(at, None, value, value, complete=False)

    def take(
        self, value: float, at: float, moment: float, holds_s: float | None = None, gap_s: float | None = None
    ) -> Change | None:
        """Take a value. It is the present one for `holds_s`, None: until the next.

        A next value that comes later than `gap_s` begins anew what is not open yet.
        """
        limit, excursion = self.limit, self.excursion
        has_gap = self._ends_at is not None and moment > self._ends_at
        self._holds_until = None if holds_s is None else moment + holds_s
        self._ends_at = None if gap_s is None else moment + gap_s
        if self.is_open and excursion is not None:
            excursion.value = value
            if limit.is_back(value):
                self.excursion, self.is_open = None, False
                return Change.CLOSED
            excursion.extreme = limit.worse(excursion.extreme, value)
            return None
        if not limit.is_beyond(value):
            self.excursion = None
            return None
        if excursion is None or has_gap:
            self.excursion = Excursion(at, moment, value, value)
        else:
            excursion.value, excursion.extreme = value, limit.worse(excursion.extreme, value)
        return self._open_if_due(moment)

    def doubt(self) -> None:
        """No value came where one was due: nothing begins or ends until the next value."""
        self._holds_until = float("-inf")

    def elapse(self, moment: float) -> Change | None:
        """Let the time pass until now: the last value is still the present one, as far as it holds."""
        if self.is_open or self.excursion is None:
            return None
        if self.excursion.moment is None:
            self.excursion.moment = moment
        due = self.excursion.moment + self.limit.for_s
        if self._holds_until is not None and due > self._holds_until:
            return None
        return self._open_if_due(moment)

    def _open_if_due(self, moment: float) -> Change | None:
        excursion = self.excursion
        if excursion is None:
            return None
        if excursion.moment is None:
            excursion.moment = moment
        if moment - excursion.moment < self.limit.for_s:
            return None
        self.is_open = True
        return Change.OPENED
