"""The limits that a UPS is watched for; the defaults are those of the EP20's own monitor.

Keys of `ups: NAME: limits:`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.ups.open_events import OpenEvents
from ingest.ups.records import Figures

MAINS_V = 230.0  # the mains that the default of input_voltage_min is meant for
VOLTAGE_SAMPLES = 2  # consecutive samples out of range are VOLTAGE


@dataclass(frozen=True)
class Limits:
    """V, %, degrees C and %; null switches one off.

    The transfer limits are the device's own unless given here.
    """

    input_voltage_min: float | None = 180.0
    charge_min: float | None = 20.0
    temperature_max: float | None = 40.0
    load_max: float | None = 80.0
    input_transfer_low: float | None = None
    input_transfer_high: float | None = None

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each value that is wrong."""
        for name in ("charge_min", "load_max"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 200:
                yield name, "has to be a percentage, or null for none"
        low, high = self.input_transfer_low, self.input_transfer_high
        if low is not None and high is not None and low >= high:
            yield "input_transfer_low", "has to be less than input_transfer_high"

    def input_range(self, figures: Figures) -> tuple[float | None, float | None]:
        """The lowest and highest input voltage at which the UPS stays on mains, V; None: not known."""
        low, high = self.input_transfer_low, self.input_transfer_high
        return (
            figures.get("input.transfer.low") if low is None else low,
            figures.get("input.transfer.high") if high is None else high,
        )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Threshold:
    """One limit: crossing it is `event`.

    `hysteresis` is how far a value has to come back before the event ends.
    """

    event: str
    variables: tuple[str, ...]  # the first one that is there counts
    limit: str
    above: bool
    hysteresis: float
    text: str
    unit: str

    def value(self, figures: Figures) -> float | None:
        """The number that is compared, None where the UPS has none."""
        for name in self.variables:
            if name in figures:
                return figures[name]
        return None

    def is_crossed(self, value: float, limit: float, is_open: bool) -> bool:
        """Whether the value is beyond the limit or, while the event is open, not far enough back from it."""
        hysteresis = self.hysteresis if is_open else 0.0
        return value > limit - hysteresis if self.above else value < limit + hysteresis

    def exceeds(self, value: float, other: float) -> bool:
        """Whether a value is further beyond the limit than another one."""
        return value > other if self.above else value < other


THRESHOLDS = (
    Threshold("INPUT_LOW", ("input.voltage",), "input_voltage_min", False, 1.0, "input voltage below", "V"),
    Threshold("CHARGE_LOW", ("battery.charge",), "charge_min", False, 1.0, "battery charge below", "%"),
    Threshold(
        "HOT",
        ("ups.temperature", "battery.temperature"),
        "temperature_max",
        True,
        0.5,
        "temperature above",
        "°C",
    ),
    Threshold("LOAD_HIGH", ("ups.load",), "load_max", True, 1.0, "load above", "%"),
)


def effective_limit(threshold: Threshold, limits: Limits, figures: Figures) -> float | None:
    """The limit for this UPS, None where it is off.

    That of the input follows the nominal voltage of 120 V mains.
    """
    limit: float | None = getattr(limits, threshold.limit)
    nominal = figures.get("input.voltage.nominal")
    if (
        threshold.limit == "input_voltage_min"
        and limit is not None
        and limit == Limits.input_voltage_min
        and nominal
        and nominal < limit
    ):
        return round(limit * nominal / MAINS_V)
    return limit


class LimitWatcher:
    """Opens and closes the events of one UPS whose figures are beyond their limits."""

    def __init__(self, limits: Limits, open_events: OpenEvents) -> None:
        self._limits, self._open = limits, open_events
        self._out_of_range: list[tuple[float, float]] = []  # (at, V), of consecutive samples

    def apply_sample(self, at: float, figures: Figures, tokens: frozenset[str], contiguous: bool) -> None:
        """Compare a full sample of `at`, unix seconds.

        `contiguous`: no poll was missed since the one before.
        """
        for threshold in THRESHOLDS:
            self._apply_threshold(threshold, at, figures, contiguous)
        self._apply_voltage(at, figures, tokens, contiguous)

    def _apply_threshold(self, threshold: Threshold, at: float, figures: Figures, contiguous: bool) -> None:
        value = threshold.value(figures)
        limit = effective_limit(threshold, self._limits, figures)
        if value is None or limit is None:
            return
        event = self._open.get(threshold.event)
        if not threshold.is_crossed(value, limit, event is not None):
            if event is not None:
                self._open.close(threshold.event, at)
        elif event is None:
            detail = f"{threshold.text} {limit:g} {threshold.unit}: {value:g} {threshold.unit}"
            figures = {"limit": limit, "value": value, "extreme": value}
            self._open.open(threshold.event, at, detail, figures, contiguous)
        elif threshold.exceeds(value, event.figures.get("extreme", value)):
            event.figures["extreme"] = value
            self._open.mark_updated(event)

    def _apply_voltage(self, at: float, figures: Figures, tokens: frozenset[str], contiguous: bool) -> None:
        """VOLTAGE: on mains, with an input out of the range of transfer in consecutive samples."""
        volts = figures.get("input.voltage")
        low, high = self._limits.input_range(figures)
        if volts is None or "OB" in tokens or not _is_outside(volts, low, high):
            self._out_of_range = []
            self._open.close("VOLTAGE", at)
            return
        before = self._out_of_range[-(VOLTAGE_SAMPLES - 1) :] if contiguous else []
        self._out_of_range = [*before, (at, volts)]
        event = self._open.get("VOLTAGE")
        if event is not None:
            seen = {
                "lowest": min(event.figures.get("lowest", volts), volts),
                "highest": max(event.figures.get("highest", volts), volts),
            }
            if not seen.items() <= event.figures.items():
                event.figures |= seen
                self._open.mark_updated(event)
        elif len(self._out_of_range) >= VOLTAGE_SAMPLES:
            bound = f"above {high:g} V" if high is not None and volts > high else f"below {low:g} V"
            voltages = [volts for _, volts in self._out_of_range]
            self._open.open(
                "VOLTAGE",
                self._out_of_range[0][0],
                f"input voltage {bound}: {volts:g} V",
                {"low": low, "high": high, "lowest": min(voltages), "highest": max(voltages)},
            )


def _is_outside(volts: float, low: float | None, high: float | None) -> bool:
    return (low is not None and volts < low) or (high is not None and volts > high)
