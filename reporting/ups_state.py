"""A row of the view `ups_overview`: whether its figures are old, and whether the load is on battery."""

from ingest.db.connection import Row
from ingest.ups.mains import PowerSource


def is_old(ups: Row) -> bool:
    """Whether the figures of a row of ups_overview are old."""
    return ups["state"] in ("Stale", "No data")


def is_on_battery(ups: Row) -> bool:
    """Whether the mains have failed by what was concluded of a row of ups_overview; a test is no failure.

    Where nothing was concluded yet, an outage that is open decides.
    """
    if ups["mains"] in (None, PowerSource.UNKNOWN.value):
        return ups["on_battery_since"] is not None
    return bool(ups["mains"] == PowerSource.BATTERY.value)
