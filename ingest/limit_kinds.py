"""The limits of a UPS that users can set on its page: what each is about, and the range that it can be in."""

import re
from typing import NamedTuple

from ingest.errors import VoltkeeperError

OFF = "off"  # watched for no more; null in the config
NUMBER = re.compile(r"-?\d{1,4}(\.\d{1,3})?", re.ASCII)


class LimitError(VoltkeeperError, ValueError):
    """A text that is no limit, and why."""


class LimitKind(NamedTuple):
    """What a limit is about on pages, its unit, and the range that it can be in."""

    title: str
    unit: str
    low: float
    high: float


# By the keys of `limits:` in the config.
LIMIT_KINDS = {
    "charge_min": LimitKind("Charge at least", "%", 1, 100),
    "load_max": LimitKind("Load at most", "%", 1, 200),
    "temperature_max": LimitKind("Temperature at most", "°C", -40, 120),
    "input_voltage_min": LimitKind("Input at least", "V", 0, 600),
    "input_transfer_low": LimitKind("Mains from", "V", 60, 600),
    "input_transfer_high": LimitKind("Mains up to", "V", 60, 600),
    "ambient_temperature_min": LimitKind("Surroundings at least", "°C", -60, 100),
    "ambient_temperature_max": LimitKind("Surroundings at most", "°C", -60, 100),
    "ambient_humidity_min": LimitKind("Humidity at least", "%", 0, 100),
    "ambient_humidity_max": LimitKind("Humidity at most", "%", 0, 100),
}


def parse_limit(key: str, text: str) -> str:
    """A limit as it is stored: a number within its range, or OFF. Raises LimitError."""
    if text.lower() == OFF:
        return OFF
    kind, number = LIMIT_KINDS[key], text.replace(",", ".").removeprefix("+")
    if not NUMBER.fullmatch(number) or not kind.low <= float(number) <= kind.high:
        raise LimitError(f"is {text!r}: it is {kind.low:g} to {kind.high:g} {kind.unit}, or {OFF}")
    return f"{float(number):g}"
