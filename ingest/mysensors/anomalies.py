"""Anomalies of values and messages: rows of `oddities`. Pure rules; each returns a reason or None."""

from ingest.mysensors.protocol import Command, Header, Internal, SetReq

WARM_UP = 30  # readings before a channel has a usual range
MEMORY = 200  # readings that the usual value and its spread remember
OUTLIER_DEVIATIONS = 10.0  # times the usual deviation
OUTLIERS_TO_RELEARN = 10  # readings far outside, one after the other, that make a new usual range
BURST_S, BURST = 10, 50  # more messages of one node in that time are a burst
QUIET = (Internal.I_LOG_MESSAGE, Internal.I_DEBUG, Internal.I_VERSION, Internal.I_GATEWAY_READY)

# States, texts and settings have no usual range, and counters leave theirs by growing.
WITHOUT_RANGE = frozenset(
    f"V_{name}"
    for name in (
        "STATUS FORECAST ARMED TRIPPED KWH SCENE_ON SCENE_OFF HVAC_FLOW_STATE HVAC_SPEED "
        "VAR1 VAR2 VAR3 VAR4 VAR5 UP DOWN STOP IR_SEND IR_RECEIVE VOLUME LOCK_STATUS RAIN RGB RGBW ID "
        "UNIT_PREFIX HVAC_SETPOINT_COOL HVAC_SETPOINT_HEAT HVAC_FLOW_MODE TEXT CUSTOM POSITION IR_RECORD "
        "WATT RAINRATE LIGHT_LEVEL MULTI_MESSAGE"
    ).split()
)
# A load, the wind, the sun on a light sensor, a door in front of a distance sensor change at once and by any
# factor: far outside their usual range they are no finding.
JUMPING = frozenset(
    SetReq[f"V_{name}"]
    for name in (
        "PERCENTAGE LEVEL WIND GUST DIRECTION UV WEIGHT DISTANCE IMPEDANCE FLOW CURRENT VAR VA POWER_FACTOR"
    ).split()
)
# What the quantity itself can be, whatever the channel reported before.
POSSIBLE: dict[int, tuple[float, float]] = {
    SetReq.V_TEMP: (-100, 1000),
    SetReq.V_HUM: (-5, 105),  # near both ends a sensor may report some per cent less or more: its tolerance
    SetReq.V_PERCENTAGE: (0, 100),
    SetReq.V_PRESSURE: (0, 120_000),  # in whatever unit: Pa, hPa, kPa, mmHg, inHg, bar
    SetReq.V_UV: (0, 50),
    SetReq.V_DIRECTION: (0, 360),
    SetReq.V_PH: (0, 14),
}
ANYTHING = (float("-inf"), float("inf"))


class UsualRange:
    """The usual value of one channel and its spread (mean absolute deviation), both in the channel's unit."""

    __slots__ = ("_outliers", "count", "spread", "value")

    def __init__(self, value: float | None = None, spread: float | None = None, count: int = 0) -> None:
        self.value, self.spread, self.count = value, spread or 0.0, count if value is not None else 0
        self._outliers = 0

    def forget(self) -> None:
        """Begin anew: the readings so far were errors."""
        self.value, self.spread, self.count, self._outliers = None, 0.0, 0, 0

    def assess(self, number: float) -> bool:
        """Take a reading; return True when it is far outside the usual range: then it does not widen that."""
        if self.takes(number):
            return False
        self._outliers += 1
        if self._outliers >= OUTLIERS_TO_RELEARN:
            self.value, self.spread, self.count, self._outliers = number, 0.0, 1, 0
        return True

    def takes(self, number: float) -> bool:
        """Take a reading, unless it is far outside the usual range: then nothing changes."""
        value, spread, count = self.value, self.spread, self.count
        if value is None:
            self.value, self.count = number, 1
            return True
        deviation = abs(number - value)
        if count >= WARM_UP and deviation > OUTLIER_DEVIATIONS * spread + abs(value) / 2 + 1:
            return False
        self._outliers = 0
        self.count = count = count + 1
        weight = 1 / (count if count < MEMORY else MEMORY)
        self.value = value + weight * (number - value)
        self.spread = spread + weight * (deviation - spread)
        return True


def is_traffic(header: Header) -> bool:
    """Whether such messages can be too many: not firmware, presentations, debug lines, echoes."""
    if header.echo or header.command in (Command.stream, Command.presentation):
        return False
    return header.command != Command.internal or header.type not in QUIET
