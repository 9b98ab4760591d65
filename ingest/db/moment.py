"""A moment on every clock of this machine, and how long ago one was that another process wrote down."""

import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME, which counts those of a suspended machine too and is never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """The id of this boot, '' where the system has none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Moment(NamedTuple):
    """One instant: the boot, CLOCK_BOOTTIME and the monotonic clock in seconds, and unix seconds."""

    boot_id: str
    boottime: float
    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> "Moment":
        """Return the present."""
        return cls(boot_id(), boottime(), time.monotonic(), time.time())

    def seconds_to(self, later: "Moment") -> float:
        """Seconds to a later instant: exact within a boot, else by the wall clock, at least 0."""
        if self.boot_id and self.boot_id == later.boot_id:
            return later.boottime - self.boottime
        return max(0.0, later.wall - self.wall)
