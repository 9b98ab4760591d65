"""The limits that a UPS is watched for; the defaults are those of the EP20's own monitor. Keys of `ups: NAME: limits:`."""

from dataclasses import dataclass

MAINS_V = 230.0  # the mains that the default of input_voltage_min is meant for


@dataclass(frozen=True)
class Limits:
    """V, %, degrees C and %; null switches one off. The transfer limits are the device's own unless given here."""

    input_voltage_min: float | None = 180.0
    charge_min: float | None = 20.0
    temperature_max: float | None = 40.0
    load_max: float | None = 80.0
    input_transfer_low: float | None = None
    input_transfer_high: float | None = None

    def check(self):
        for name in ("charge_min", "load_max"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 200:
                yield name, "has to be a percentage, or null for none"
        low, high = self.input_transfer_low, self.input_transfer_high
        if low is not None and high is not None and low >= high:
            yield "input_transfer_low", "has to be less than input_transfer_high"


@dataclass(frozen=True)
class Threshold:
    """One limit: crossing it is `event`. `slack` is how far a value has to come back, so that one at the limit does not flap."""

    event: str
    variables: tuple[str, ...]  # the first one that is there counts
    limit: str
    above: bool
    slack: float
    words: str
    unit: str

    def value(self, figures):
        return next((figures[name] for name in self.variables if name in figures), None)

    def crossed(self, value, limit, open_):
        """Whether the value is beyond the limit, or not far enough back from it."""
        slack = self.slack if open_ else 0.0
        return value > limit - slack if self.above else value < limit + slack


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


def effective_limit(threshold, limits, figures):
    """The limit that holds for this UPS, None where it is off. That of the input follows the nominal voltage of 120 V mains."""
    limit = getattr(limits, threshold.limit)
    nominal = figures.get("input.voltage.nominal")
    if (
        threshold.limit == "input_voltage_min"
        and limit == Limits.input_voltage_min
        and nominal
        and nominal < limit
    ):
        return round(limit * nominal / MAINS_V)
    return limit
