"""The local day and hour that figures are added up under: those of the right time, not of a suspect clock.

Within a boot the right time is known. Where it is not, nothing is added up: the raw rows are there.
"""

from collections.abc import Callable

from ingest.db.time import LocalTime


class RollUpTime:
    """Day and hour of what is recorded. `correction()` is what the clock lacks in seconds, None: unknown."""

    def __init__(self, timezone: str) -> None:
        self._local = LocalTime(timezone)
        self.correction: Callable[[], float | None] = lambda: 0.0

    @property
    def is_known(self) -> bool:
        """Whether the right time is known."""
        return self.correction() is not None

    def day_and_hour(self, at: float) -> tuple[str, str]:
        """As `LocalTime.day_and_hour`, of the right time for what the clock of now stamped `at`."""
        return self._local.day_and_hour(at + (self.correction() or 0.0))
