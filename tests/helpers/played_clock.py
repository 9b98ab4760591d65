"""A clock that a test plays: boot, CLOCK_BOOTTIME, wall time and NTP."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.clock.reading import ClockReading
from ingest.db.time import parse_utc


@dataclass
class PlayedClock:
    """`wall` and `boottime` go on by `advance()`; `set_by()` moves the wall clock alone."""

    wall: float = parse_utc("2026-11-30T12:00:00.000Z")
    boottime: float = 1000.0
    boot_id: str = "first"
    synchronized: bool = False
    offset: float = 0.0  # of the reading by which rows are stamped

    def read(self) -> ClockReading:
        return ClockReading(self.boot_id, self.boottime, self.wall, self.synchronized)

    def stamp_by(self, reading: ClockReading, then: Callable[[], object] = lambda: None) -> None:
        self.offset = reading.offset
        then()

    def stamp(self) -> float:
        return self.boottime + self.offset

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.boottime += seconds

    def set_by(self, seconds: float) -> None:
        self.wall += seconds
        self.synchronized = False

    def reboot(self, wall: float, boot_id: str = "second") -> None:
        self.boot_id, self.boottime, self.wall, self.synchronized = boot_id, 20.0, wall, False
