"""The limits that a UPS is watched for; the defaults are those of the EP20's own monitor.

Keys of `ups: NAME: limits:`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from ingest.ups.open_events import OpenEvents
from ingest.ups.records import EventFigures, Figures

MAINS_V = 230.0  # the mains that the default of input_voltage_min is meant for
LEAST_MAINS_V = 60.0  # an input below it is DC, or no mains: there are no limits for it
MAINS_NOMINALS = (100.0, 110.0, 115.0, 120.0, 127.0, 200.0, 208.0, 220.0, 230.0, 240.0)
NOMINAL_TOLERANCE = 0.08  # how far the usual voltage may be from a nominal one
# The usual voltage is the median of the first ones, of at least so many.
LEARNING_SAMPLES, LEAST_SAMPLES = 100, 2
NORMAL_BAND = (0.78, 1.2)  # of the nominal voltage, where the UPS has no transfer voltages
CONTRADICTION = 0.25  # a nominal voltage this far from the usual one is another device's
INPUT_EVENTS = ("VOLTAGE", "INPUT_LOW")
HYSTERESIS_V = 1.0  # INPUT_LOW ends so far above its limit
OVERLOAD = 100.0  # % of load


@dataclass(frozen=True)
class Limits:
    """V, %, degrees C and %; null switches one off.

    The limits of transfer and of the surroundings are the device's own unless given here.
    """

    input_voltage_min: float | None = 180.0
    charge_min: float | None = 20.0
    temperature_max: float | None = 40.0
    load_max: float | None = 80.0
    input_transfer_low: float | None = None
    input_transfer_high: float | None = None
    ambient_temperature_min: float | None = None
    ambient_temperature_max: float | None = None
    ambient_humidity_min: float | None = None
    ambient_humidity_max: float | None = None

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each value that is wrong."""
        for name in ("charge_min", "load_max"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 200:
                yield name, "has to be a percentage, or null for none"
        low, high = self.input_transfer_low, self.input_transfer_high
        if low is not None and high is not None and low >= high:
            yield "input_transfer_low", "has to be less than input_transfer_high"
        for quantity in ("ambient_temperature", "ambient_humidity"):
            low, high = getattr(self, f"{quantity}_min"), getattr(self, f"{quantity}_max")
            if low is not None and high is not None and low >= high:
                yield f"{quantity}_min", f"has to be less than {quantity}_max"


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Threshold:
    """One limit: crossing it is `event`.

    `hysteresis` is how far a value has to come back before the event ends. `covered_by`: while that event is
    open, this one would be a second one for the same cause.
    """

    event: str
    variables: tuple[str, ...]  # the first one that is there counts
    limit: str
    above: bool
    hysteresis: float
    text: str
    unit: str
    covered_by: str = ""

    def value(self, figures: Figures) -> float | None:
        """The number that is compared, None where the UPS has none."""
        return next((figures[name] for name in self.variables if name in figures), None)

    def is_crossed(self, value: float, limit: float, is_open: bool) -> bool:
        """Whether the value is beyond the limit or, while the event is open, not far enough back from it."""
        hysteresis = self.hysteresis if is_open else 0.0
        return value > limit - hysteresis if self.above else value < limit + hysteresis

    def further(self, value: float, other: float) -> float:
        """The one of two values that is further beyond the limit."""
        return max(value, other) if self.above else min(value, other)


THRESHOLDS = (
    Threshold(
        "CHARGE_LOW", ("battery.charge",), "charge_min", False, 1.0, "battery charge below", "%", "LOWBATT"
    ),
    Threshold(
        "HOT",
        ("ups.temperature", "battery.temperature"),
        "temperature_max",
        True,
        0.5,
        "temperature above",
        "°C",
    ),
    Threshold("LOAD_HIGH", ("ups.load",), "load_max", True, 1.0, "load above", "%", "OVER"),
)


class InputVoltage:
    """What is normal at the input of one UPS: its own limits where they can be, else those of its mains.

    `learned` is the nominal voltage that earlier samples showed, V. Of 719 devices of NUT's device dump
    library 225 have transfer voltages; 18 of them cannot be right (0 and 0, 16 and 29, 340 and 460 at 227 V).
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, learned: float | None = None) -> None:
        self.limits, self.learned = limits, learned
        self._samples: list[float] = []  # V on mains and within limits, until there are enough
        self._median: float | None = None  # of the samples
        self._believed: tuple[float | None, float | None] = (
            None,
            None,
        )  # transfer voltages that can be right
        self.is_measured = learned is not None  # an input voltage was seen
        self._zero_on_mains = False  # the device says that it is on mains, at no voltage: it does not measure

    def add_sample(self, figures: Figures, on_mains: bool) -> None:
        """Learn from a full sample."""
        volts = figures.get("input.voltage")
        if volts is None:
            return
        if volts < LEAST_MAINS_V:
            self._zero_on_mains = self._zero_on_mains or on_mains
            return
        self.is_measured = True
        is_usual = on_mains and not _is_outside(volts, *self.transfer_range(figures))
        if is_usual and self.learned is None and len(self._samples) < LEARNING_SAMPLES:
            self._samples.append(volts)
            self._median = median(self._samples)
            if len(self._samples) == LEARNING_SAMPLES:
                self.learned = self._usual()

    def _usual(self) -> float | None:
        """The nominal voltage nearest to the median of the samples, None where none is near."""
        usual = self._median
        if usual is None or len(self._samples) < LEAST_SAMPLES:
            return None
        nearest = min(MAINS_NOMINALS, key=lambda nominal: abs(nominal - usual))
        return nearest if abs(nearest - usual) <= NOMINAL_TOLERANCE * nearest else None

    def nominal(self, figures: Figures) -> float | None:
        """The nominal voltage: the device's of its input, of its output, else the usual one.

        One that contradicts what is measured is not used: 6 devices of the library say 120 V at 230 V, or the
        reverse, and 3 the voltage between phases.
        """
        usual = self.learned or self._usual()
        for name in ("input.voltage.nominal", "output.voltage.nominal"):
            nominal = figures.get(name, 0.0)
            if nominal >= LEAST_MAINS_V and (usual is None or abs(nominal - usual) <= CONTRADICTION * usual):
                return nominal
        return usual

    def transfer_range(self, figures: Figures) -> tuple[float | None, float | None]:
        """The lowest and highest input voltage at which the UPS stays on mains, V; None: not known.

        The config's come first. The device's are used where its nominal voltage, its usual one or the present
        one lies between them: others are of another mains, or of the voltage between two phases.
        """
        low, high = (
            number if number is not None and number >= LEAST_MAINS_V else None
            for number in (figures.get("input.transfer.low"), figures.get("input.transfer.high"))
        )
        references = [
            self.nominal(figures),
            figures.get("input.voltage.nominal"),
            figures.get("input.voltage"),
        ]
        references.append(self.learned if self._median is None else self._median)
        if any(volts is not None and (low or 0.0) < volts < (high or math.inf) for volts in references):
            self._believed = (low, high)
        elif (low, high) != self._believed:
            low = high = None
        own = self.limits
        return (
            low if own.input_transfer_low is None else own.input_transfer_low,
            high if own.input_transfer_high is None else own.input_transfer_high,
        )

    def lowest(self, figures: Figures) -> float | None:
        """The voltage below which the input is low, V: the config's, else the device's, else by its nominal
        one."""
        limit = self.limits.input_voltage_min
        if limit is None or limit != Limits.input_voltage_min:
            return limit
        low, _ = self.transfer_range(figures)
        nominal = self.nominal(figures)
        return low if low is not None else round(limit * nominal / MAINS_V) if nominal else None

    def is_present(self, figures: Figures) -> bool | None:
        """Whether mains are there by the measured voltage; None where it is not measured."""
        volts = figures.get("input.voltage")
        if volts is None:
            return None
        nominal = self.nominal(figures)
        if volts < LEAST_MAINS_V:
            is_known = self.is_measured or (nominal is not None and not self._zero_on_mains)
            return False if is_known else None
        low, high = self.transfer_range(figures)
        if low is None and high is None and nominal is not None:
            low, high = (share * nominal for share in NORMAL_BAND)
        return not _is_outside(volts, low, high)


class LimitWatcher:
    """Opens and closes the events of one UPS whose figures are beyond their limits."""

    def __init__(self, limits: Limits, voltage: InputVoltage, open_events: OpenEvents) -> None:
        self.limits, self._voltage, self._open = limits, voltage, open_events

    def apply_sample(
        self, at: float, figures: Figures, on_mains: bool, contiguous: bool, phase_lost: bool = False
    ) -> None:
        """Compare a full sample of `at`, unix seconds. `on_mains` False: the UPS is on its battery.

        `contiguous`: no poll was missed since the one before. `phase_lost`: the input voltage is low for that
        cause, which is an event already.
        """
        for threshold in THRESHOLDS:
            self._apply_threshold(threshold, at, figures, contiguous)
        if not phase_lost:
            self._apply_voltage(at, figures, on_mains, contiguous)
            return
        for name in ("VOLTAGE", "INPUT_LOW"):
            self._open.observe(name, False, at, contiguous)

    def _apply_threshold(self, threshold: Threshold, at: float, figures: Figures, contiguous: bool) -> None:
        value, limit = threshold.value(figures), getattr(self.limits, threshold.limit)
        if limit is None or (threshold.covered_by in self._open):
            self._open.observe(threshold.event, False, at, contiguous)
            return
        if value is None:
            return
        event = self._open.get(threshold.event)
        crossed = threshold.is_crossed(value, limit, event is not None)
        extreme = threshold.further(value, self._open.figures_of(threshold.event).get("extreme", value))
        text = f"{threshold.text} {limit:g} {threshold.unit}"
        if event is not None and not crossed:
            self._open.describe(
                threshold.event, f"{text}: {event.figures['extreme']:g} {threshold.unit} at worst"
            )
        self._open.observe(
            threshold.event,
            crossed,
            at,
            contiguous,
            f"{text}: {value:g} {threshold.unit}",
            {"limit": limit, "value": value, "extreme": extreme},
        )

    def _apply_voltage(self, at: float, figures: Figures, on_mains: bool, contiguous: bool) -> None:
        """VOLTAGE: on mains, out of the range of transfer; else INPUT_LOW. One of them is open at a time."""
        volts = figures.get("input.voltage")
        if volts is None and on_mains:
            return  # not known: what is open goes on
        bound = self._crossed_bound(volts, figures) if on_mains and volts is not None else None
        name = next((name for name in INPUT_EVENTS if name in self._open), "")
        if bound is None or volts is None:
            if name:
                self._open.describe(name, _worst_voltage(self._open[name].figures))
            for event in INPUT_EVENTS:
                self._open.observe(event, False, at, contiguous)
            return
        low, high = self._voltage.transfer_range(figures)
        name = name or ("VOLTAGE" if _is_outside(volts, low, high) else "INPUT_LOW")
        seen = self._open.figures_of(name)
        side = "above" if volts > bound else "below"
        self._open.observe(
            name,
            True,
            at,
            contiguous,
            f"input voltage {side} {bound:g} V: {volts:g} V",
            {
                "limit": bound,
                "value": volts,
                "lowest": min(seen.get("lowest", volts), volts),
                "highest": max(seen.get("highest", volts), volts),
            },
        )

    def _crossed_bound(self, volts: float, figures: Figures) -> float | None:
        """The limit that a voltage is beyond; None where it is normal, or not measured."""
        if self._voltage.is_present(figures) is None:
            return None
        low, high = self._voltage.transfer_range(figures)
        if high is not None and volts > high:
            return high
        if low is not None and volts < low:
            return low
        least = self._voltage.lowest(figures)
        hysteresis = HYSTERESIS_V if "INPUT_LOW" in self._open else 0.0
        return least if least is not None and volts < least + hysteresis else None


def _worst_voltage(figures: EventFigures) -> str:
    """The detail of an input event that is over; '' where its figures are of an older version."""
    limit, lowest, highest = (figures.get(name) for name in ("limit", "lowest", "highest"))
    if limit is None or lowest is None or highest is None:
        return ""
    if highest > limit:
        return f"input voltage above {limit:g} V: {highest:g} V at worst"
    return f"input voltage below {limit:g} V: {lowest:g} V at worst"


def _is_outside(volts: float, low: float | None, high: float | None) -> bool:
    return (low is not None and volts < low) or (high is not None and volts > high)
