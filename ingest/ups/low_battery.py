"""Whether the battery of a UPS is low, by its word or by its own limits. Pure.

Of the 719 devices of NUT's device dump library 262 report battery.charge.low and 170 battery.runtime.low;
limits of 0, 120 and 345.6 % or 59940 s are refused. 10 that are on mains lie below theirs: no low battery.
NUT compares strictly below, too.
"""

from ingest.ups.records import Figures

LOW_WORDS = frozenset(("LB", "DEPLETED"))
LIMITS = (("battery.charge", "battery.charge.low"), ("battery.runtime", "battery.runtime.low"))
MAX_CHARGE_LIMIT = 95.0  # %: a limit above it would make every discharge low
MAX_RUNTIME_LIMIT_S = 3600.0


def is_battery_low(tokens: frozenset[str], figures: Figures) -> bool:
    """Whether a UPS on battery is low: LB, or charge or runtime below the limit that the device has for
    it."""
    if tokens & LOW_WORDS:
        return True
    for (variable, limit), highest in zip(LIMITS, (MAX_CHARGE_LIMIT, MAX_RUNTIME_LIMIT_S), strict=True):
        value, low = figures.get(variable), figures.get(limit)
        if value is not None and low is not None and 0 < low <= highest and value < low:
            return True
    return False
