"""One look at the clocks of the machine: boot id, CLOCK_BOOTTIME, wall clock, and whether NTP sets it.

CLOCK_BOOTTIME counts the seconds since the boot, those of a suspended machine too, and is never set.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.db.moment import boot_id, boottime

# systemd-timesyncd touches it at each answer of a server, at the latest every 2048 s (PollIntervalMaxSec).
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
SYNCHRONIZED_S = 2 * 2048.0
STA_UNSYNC = 0x40  # <sys/timex.h>: nothing disciplines the clock; set by the kernel where a program sets it
SAME_S = 2.0  # the kernel's clock and ours are one where they differ by less
NOISE_S = 1.0  # the wall clock minus CLOCK_BOOTTIME moves by more where the clock was set
QUICK_S, TRIES = 0.01, 5  # two clocks that are read so soon after one another belong together


class ClockReading(NamedTuple):
    """The clocks at one moment: `boottime` in seconds since the boot, `wall` in unix seconds.

    `boot_id` is '' where the system has none. `synchronized`: NTP sets this wall clock.
    """

    boot_id: str
    boottime: float
    wall: float
    synchronized: bool = False

    @property
    def offset(self) -> float:
        """The wall clock minus CLOCK_BOOTTIME: it changes when the wall clock is set, by so much."""
        return self.wall - self.boottime


class Clock(Protocol):
    """Where readings come from."""

    def read(self) -> ClockReading:
        """Look at the clocks now."""

    def stamp_by(self, reading: ClockReading, then: Callable[[], object] = lambda: None) -> None:
        """Stamp what is received from now on by the offset of this reading.

        What was stamped before is handed in when `then()` is called, and nothing that is stamped later.
        """


class Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>, with room for what follows the time."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_is_synchronized(wall: float) -> bool:
    """Whether the kernel calls its clock disciplined, and `wall` (unix seconds) is that clock.

    adjtimex(2) with modes 0 changes nothing and needs no right.
    """
    timex = Timex()
    try:
        state = _c_library().adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):  # a C library without it
        return False
    return state >= 0 and not timex.status & STA_UNSYNC and abs(timex.seconds - wall) < SAME_S


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def timesyncd_is_synchronized(wall: float, file: Path = SYNCHRONIZED) -> bool:
    """Whether systemd-timesyncd had an answer of a server just before `wall` (unix seconds).

    The file stays when the clock is set by hand afterwards: its own time then lies elsewhere.
    """
    try:
        return -SAME_S <= wall - file.stat().st_mtime < SYNCHRONIZED_S
    except OSError:
        return False


class Stamping(AbstractContextManager[float]):
    """What `SystemClock.stamping()` returns: a class, since a generator takes longer for each message."""

    def __init__(self, lock: threading.Lock, stamp: Callable[[], float]) -> None:
        self._lock, self._stamp = lock, stamp

    def __enter__(self) -> float:
        self._lock.acquire()
        return self._stamp()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._offset: float | None = None  # by which rows are stamped
        self._stamping = threading.Lock()  # held from a stamp until what bears it is handed in

    def read(self) -> ClockReading:
        """Look at the clocks now."""
        for _ in range(TRIES):  # the process may lose the CPU between two clocks
            before, wall = boottime(), time.time()
            if boottime() - before < QUICK_S:
                break
        return ClockReading(
            boot_id(), before, wall, kernel_is_synchronized(wall) or timesyncd_is_synchronized(wall)
        )

    def stamp_by(self, reading: ClockReading, then: Callable[[], object] = lambda: None) -> None:
        """Stamp what is received from now on by the offset of this reading; see `Clock`."""
        with self._stamping:
            self._offset = reading.offset
            then()

    def stamping(self) -> AbstractContextManager[float]:
        """`stamp()`, of which the writer takes no other offset before the end of the block.

        What bears the stamp is handed in within the block: else its commit could be one of the next stretch.
        """
        return Stamping(self._stamping, self.stamp)

    def restamp(self, boottime_s: float, stamped: float) -> float:
        """Return the stamp for what was `stamped` at this CLOCK_BOOTTIME, by the present offset."""
        return stamped if self._offset is None else boottime_s + self._offset

    def stamp(self) -> float:
        """Unix seconds for what is received now, of any thread.

        By the offset of a reading that ingest has followed: nothing bears the time of a clock of which no
        stretch (`ingest.clock.stretches`) is recorded.
        """
        return time.time() if self._offset is None else boottime() + self._offset


SYSTEM_CLOCK = SystemClock()
