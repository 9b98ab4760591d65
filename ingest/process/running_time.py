"""How long this process ran: a timer that is late is our own silence, not that of whom we listen to.

A machine that swaps, an SD card that stalls, a container that is frozen and a laptop that sleeps all stop a
process while what it is sent waits in its sockets. What waits is read first, and is judged then.
"""

import asyncio
import time
from collections.abc import Callable

TICK_S = 0.5
LATE_S = 2.0  # a tick that is later than this: the process, or its event loop, did not run meanwhile
LAST_LOOK_S = 0.001
SETTLE_S = 2.0  # after that, for reading what waits


class RunningTime:
    """The time in which the event loop ran, in seconds of the monotonic clock.

    `run()` has to run in that loop; before its first tick, every second counts. The rest may be called from
    any thread.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._missed_s = 0.0
        self._ticked: float | None = None
        self._settled_at = float("-inf")

    @property
    def missed_s(self) -> float:
        """Seconds in which the loop did not run."""
        late_s = 0.0 if self._ticked is None else self._monotonic() - self._ticked - LATE_S
        return self._missed_s + max(0.0, late_s)

    def now(self) -> float:
        """The monotonic clock without the seconds in which the loop did not run."""
        return self._monotonic() - self.missed_s

    @property
    def may_judge(self) -> bool:
        """False from the moment in which the loop stopped until it has read what came meanwhile."""
        now = self._monotonic()
        return now >= self._settled_at and (self._ticked is None or now - self._ticked <= LATE_S)

    def tick(self) -> float:
        """The loop runs; return the seconds in which it did not since the last call, 0 for none."""
        missed_s = self.missed_s - self._missed_s
        self._missed_s += missed_s
        self._ticked = self._monotonic()
        if missed_s:
            self._settled_at = self._ticked + SETTLE_S
        return missed_s

    async def run(self, stalled: Callable[[float], object] = lambda missed_s: None) -> None:
        """Tick until cancelled; `stalled` is called with the seconds that were missed."""
        while True:
            missed_s = self.tick()
            if missed_s:
                stalled(missed_s)
            await asyncio.sleep(TICK_S)


class RunningDeadline:
    """A deadline for a thread that waits in slices; what a slice takes too long does not count.

    A call such as `recv` with a time-out returns at once without looking when the process goes on after the
    time-out: so the last look comes after the deadline.
    """

    SLICE_S = 1.0

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds
        self._slice_end: float | None = None
        self._is_over = False

    def next_s(self) -> float | None:
        """Return how long the next wait may be, in seconds; None when the time is over."""
        now = self._monotonic()
        if self._slice_end is not None and now > self._slice_end + LATE_S:
            self._end += now - self._slice_end
        if self._is_over:
            return None
        self._is_over = now >= self._end  # a last look is left
        wait_s = min(max(self._end - now, LAST_LOOK_S), self.SLICE_S)
        self._slice_end = now + wait_s
        return wait_s
