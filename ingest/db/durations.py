"""Durations as text with one unit, for Python and SQL from one table; `static/live.js` has the same."""

import math

UNITS = (
    (120, 1, "s"),
    (7200, 60, "min"),
    (172_800, 3600, "h"),
    (math.inf, 86_400, "d"),
)  # below, seconds, unit


def format_duration(seconds: float) -> str:
    """A duration as `45 s`, `12 min`, `5 h` or `3 d`."""
    seconds = max(0, seconds)
    size, unit = next((size, unit) for below, size, unit in UNITS if seconds < below)
    return f"{seconds / size:.0f} {unit}"


def duration_sql(seconds: str) -> str:
    """SQL: the same of an expression that gives seconds."""
    *shorter, (_, longest, last_unit) = UNITS
    cases = "".join(
        f"\n      when {seconds} < {below} then cast(round({seconds} / {size}.0) as integer) || ' {unit}'"
        for below, size, unit in shorter
    )
    return f"case{cases}\n      else cast(round({seconds} / {longest}.0) as integer) || ' {last_unit}' end"
