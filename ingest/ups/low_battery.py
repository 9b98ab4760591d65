"""Whether the battery of a UPS is low, by its word or by its own limits. Pure.

Of the 719 devices of NUT's device dump library 262 report battery.charge.low and 170 battery.runtime.low;
limits of 0, 120 and 345.6 % or 59940 s are refused. 10 that are on mains lie below theirs: no low battery.
NUT compares strictly below, too.
"""

from ingest.ups.records import Figures
from ingest.ups.status import LOW_WORDS

# Variable, its limit, and the highest limit that is believed: one above 95 % would make every discharge low.
LIMITS = (
    ("battery.charge", "battery.charge.low", 95.0),
    ("battery.runtime", "battery.runtime.low", 3600.0),
)


def is_battery_low(tokens: frozenset[str], figures: Figures) -> bool:
    """Whether a UPS on battery is low: LB, or charge or runtime below the limit that the device has for
    it."""
    if tokens & LOW_WORDS:
        return True
    for variable, limit, highest in LIMITS:
        value, low = figures.get(variable), figures.get(limit)
        if value is not None and low is not None and 0 < low <= highest and value < low:
            return True
    return False
