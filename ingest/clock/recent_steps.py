"""The last steps of the wall clock that a program saw: a time that it remembers can move with them."""

from collections import deque

from ingest.clock.reading import NOISE_S

KEPT = 100


class RecentSteps:
    """Steps of the wall clock, found from its offset (see `ClockReading`); moments are monotonic seconds."""

    def __init__(self, offset: float) -> None:
        self._offset = offset
        self._steps: deque[tuple[float, float]] = deque(maxlen=KEPT)  # (moment, seconds)

    def look(self, offset: float, moment: float) -> None:
        """Take the present offset."""
        moved = offset - self._offset
        if abs(moved) > NOISE_S:
            self._steps.append((moment, moved))
            self._offset = offset

    def moved_since(self, moment: float) -> float:
        """Seconds by which the clock was set after a moment."""
        return sum(seconds for at, seconds in self._steps if at > moment)
