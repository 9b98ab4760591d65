"""Battery levels from a voltage that a node reports: the setting `battery` of a node. Pure rules.

A curve gives the level over the voltage of one cell at 20 °C and the low currents of sensor nodes. It is
stretched so that its ends lie at the volts that the setting calls empty and full: two cells, or a sketch that
stops at 1.1 V a cell, are no other curve. Sources of the points:
    alkaline  discharge at 25 mA in the data sheet of the Energizer E91
    lithium   rest voltages of Li-ion and LiPo cells as widely tabulated, 4.2 V full
    lifepo4   rest voltages as tabulated for packs of four cells, 13.6 V full, by cell
    nimh      discharge at 0.2 C of low self-discharge cells (Eneloop)
    cr2032    the fuel gauge for coin cells in Nordic's nRF5 SDK
NiMH and LiFePO4 are flat: in the middle their level is rough.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from ingest.errors import VoltkeeperError
from ingest.nearest import nearest

MAX_VOLTS = 100.0
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
CHANNEL = re.compile(r"(\d{1,3})/(\w{1,10})", re.ASCII)
TYPES = {  # the V_ types that sketches report volts in, with the numbers of the serial API
    **{"V_VOLTAGE": 38, "V_LEVEL": 37, "V_CUSTOM": 48},
    **{f"V_VAR{number}": 23 + number for number in range(1, 6)},
}
LEAST, MOST = 0.5, 1.3  # of empty, of full: outside nothing was measured, or not in volts
CURVES: dict[str, tuple[tuple[float, float], ...]] = {  # volts of a cell, per cent
    "linear": ((0, 0), (1, 100)),
    "alkaline": (
        *((1.0, 0), (1.1, 10), (1.15, 20), (1.2, 33)),
        *((1.25, 50), (1.3, 66), (1.4, 90), (1.5, 100)),
    ),
    "lithium": (
        *((3.0, 0), (3.45, 5), (3.68, 10), (3.74, 20), (3.77, 30), (3.79, 40)),
        *((3.82, 50), (3.87, 60), (3.92, 70), (3.98, 80), (4.06, 90), (4.2, 100)),
    ),
    "lifepo4": (
        *((2.5, 0), (3.0, 9), (3.125, 14), (3.2, 17), (3.225, 20), (3.25, 30)),
        *((3.275, 40), (3.3, 70), (3.325, 90), (3.35, 99), (3.4, 100)),
    ),
    "nimh": (
        *((1.0, 0), (1.1, 5), (1.17, 10), (1.2, 20), (1.23, 35)),
        *((1.25, 50), (1.27, 65), (1.3, 80), (1.33, 90), (1.4, 100)),
    ),
    "cr2032": ((2.1, 0), (2.44, 6), (2.74, 18), (2.9, 42), (3.0, 100)),
}
# What a user can say that a battery is made of: key -> meaning. Of each there is a curve for forecasts.
BATTERY_TYPES = {
    "alkaline": "alkaline",
    "lithium": "lithium cells that are not charged (AA, CR2032)",
    "nimh": "NiMH",
    "lipo": "LiPo or Li-ion",
    "lifepo4": "LiFePO4",
}
KEYS = ("channel", "empty", "full", "curve")
EXAMPLE = "{channel: 201/38, empty: 2.0, full: 3.0, curve: alkaline}"
PAIR = re.compile(r"""\s*["']?(\w+)["']?\s*:\s*["']?([^"']*?)["']?\s*""", re.ASCII)


class BatteryRuleError(VoltkeeperError, ValueError):
    """A text that is no rule, and why."""


class BatteryRule(NamedTuple):
    """The channel that reports a voltage, the volts of an empty and a full battery, and the curve between."""

    child_id: int
    type: int
    empty: float
    full: float
    curve: str

    def __str__(self) -> str:
        channel = f"{self.child_id}/{self.type}"
        return f"{{channel: {channel}, empty: {self.empty:g}, full: {self.full:g}, curve: {self.curve}}}"

    def channel(self, node: int) -> int:
        """The key of the channel of this node."""
        return 256 * (256 * node + self.child_id) + self.type

    def level(self, text: str) -> tuple[float, None] | tuple[None, str]:
        """The level of a reported voltage in whole per cent, or why it means none."""
        volts, least, most = _number(text), LEAST * self.empty, MOST * self.full
        if volts is None or not least <= volts <= most:
            return None, f"battery voltage {text!r}: {least:g} to {most:g} V is possible"
        return float(round(self._at((volts - self.empty) / (self.full - self.empty)))), None

    def _at(self, place: float) -> float:
        """The level at a place between empty (0) and full (1)."""
        points = CURVES[self.curve]
        (first, _), (last, _) = points[0], points[-1]
        cell = first + min(1.0, max(0.0, place)) * (last - first)
        upper = min(len(points) - 1, bisect_right(points, (cell, 101.0)))
        (low, below), (high, above) = points[upper - 1], points[upper]
        return below + (above - below) * (cell - low) / (high - low)


def parse_battery_rule(text: str) -> BatteryRule:
    """Return the rule of a text such as EXAMPLE, in YAML or JSON. Raises BatteryRuleError."""
    values: dict[str, str] = {}
    for part in text.strip().removeprefix("{").removesuffix("}").split(","):
        pair = PAIR.fullmatch(part)
        if pair is None:
            raise BatteryRuleError(f"has {part.strip()!r} in it: it is a rule such as {EXAMPLE}")
        key, values[key] = pair[1], pair[2]
        if key not in KEYS:
            raise BatteryRuleError(f"has {key!r} in it: {nearest(key, KEYS)}")
    missing = [key for key in KEYS[:3] if key not in values]
    if missing:
        raise BatteryRuleError(f"has no {' and no '.join(missing)}: it is a rule such as {EXAMPLE}")
    curve = values.get("curve", "linear").lower()
    if curve not in CURVES:
        raise BatteryRuleError(f"has the curve {curve!r}: {nearest(curve, CURVES)}")
    empty, full = (_volts(name, values[name]) for name in ("empty", "full"))
    if empty >= full:
        raise BatteryRuleError(f"has empty {empty:g} V, which is not below full {full:g} V")
    return BatteryRule(*_channel(values["channel"]), empty, full, curve)


def _number(text: str) -> float | None:
    return float(text) if len(text) < 20 and DECIMAL.fullmatch(text) else None


def _volts(name: str, text: str) -> float:
    volts = _number(text.lower().removesuffix("v").strip())
    if volts is None or not 0 < volts <= MAX_VOLTS:
        raise BatteryRuleError(f"has {name} {text!r}: it is volts, up to {MAX_VOLTS:g}")
    return volts


def _channel(text: str) -> tuple[int, int]:
    match = CHANNEL.fullmatch(text.replace(" ", "").upper())
    child = int(match[1]) if match else 255
    number = TYPES.get(match[2], match[2]) if match else ""
    type = int(number) if str(number).isdigit() else 256
    if child > 254 or type > 255:
        raise BatteryRuleError(
            f"has the channel {text!r}: it is CHILD/TYPE with the number of a V_ type, such as 201/38, "
            f"or one of {', '.join(TYPES)}"
        )
    return child, type
