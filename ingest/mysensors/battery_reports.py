"""Battery levels as nodes report them: which are possible, and which report is the newest. Pure rules."""

from dataclasses import dataclass
from typing import Self

from ingest.mysensors.protocol import parse_number

LOW = 20  # battery level, per cent: NODE_BATTERY_LOW
FULL = 100.0
FRESH = 120.0  # sketches scale a voltage, and fresh cells have more than the one they call full


def read_battery_level(text: str) -> tuple[float, None] | tuple[None, str]:
    """The level that a report means, per cent, or why it means none.

    255 is -1 in a byte: a sketch that computed a level below empty, or could not measure.
    """
    level = parse_number(text)
    if level is None or not 0 <= level <= FRESH:
        return None, f"battery level {text!r}: 0 to {FRESH:.0f} per cent is possible"
    return min(level, FULL), None


@dataclass(frozen=True)
class BatteryReports:
    """The last level (per cent) of a node and why a newer report was refused; times as UTC text."""

    level: float | None
    level_at: str | None
    refused: str | None
    refused_at: str | None

    @property
    def newest_at(self) -> str:
        """When the newest report came, refused or not."""
        return max(self.refused_at or "", self.level_at or "")

    def merged(self, other: Self) -> "BatteryReports":
        """Both together: the newer level, and the refusal if no newer report was good."""
        level = other if self.level is None or (other.level_at or "") > (self.level_at or "") else self
        newest = other if other.newest_at > self.newest_at else self
        return BatteryReports(level.level, level.level_at, newest.refused, newest.refused_at)
