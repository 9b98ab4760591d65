"""SQL functions of every connection that runs canned queries or queries that visitors write."""

import json
import math
import re
import sqlite3
import time
from collections.abc import Callable
from operator import itemgetter

from ingest.db.time import format_utc
from ingest.ups.battery_health import assess, parse_discharge
from ingest.ups.variables import variable
from reporting import periods
from reporting.periods import parse_duration
from reporting.ups_forecast import check_watts, ups_battery_forecast

LITERAL = re.compile(r"\bago\(\s*'([^']*)'\s*\)")
SAME = 1e-6  # of their size: values that are apart by less are one, and means of floats


def ago(text: str, now: Callable[[], float] = time.time) -> str | None:
    """SQL: the UTC text of that long ago, to compare `*_at` columns with; null for what is not a duration.

    An error raised here would reach the log alone, so `check_parameters` looks before the query runs.
    """
    try:
        return format_utc(max(0.0, now() - parse_duration(text)))
    except ValueError:
        return None


def check_parameters(sql: str, params: object, timezone: str = "UTC") -> None:
    """Raise ValueError with a message for what the functions of a query could not read.

    That is a duration that is a literal or the parameter `range`, the moments `since` and `until`, the period
    `per`, the load `watts`.
    """
    given = params if isinstance(params, dict) else {}
    if "ago(" in sql:
        for text in LITERAL.findall(sql):
            parse_duration(text)
        if ":range" in sql and given.get("range"):
            parse_duration(given["range"])
    if "moment(" in sql:
        ends = [periods.parse_moment(given[name], timezone) for name in ("since", "until") if given.get(name)]
        if len(ends) == 2 and ends[0] >= ends[1]:
            raise ValueError(f"since, {given['since']}, is not before until, {given['until']}")
    if "local_periods(" in sql and given.get("per"):
        periods.check_period_name(given["per"], periods.ALL_PERS)
    if "ups_battery_forecast(" in sql and given.get("watts"):
        check_watts(str(given["watts"]))


def local_periods(per: str, since: str | None, until: str | None, timezone: str) -> str | None:
    """SQL: local periods between two UTC texts, JSON of [start, end, label]; null where one of them is."""
    if not since or not until:
        return None
    found = periods.local_periods(
        per, periods.parse_moment(since, "UTC"), periods.parse_moment(until, "UTC"), timezone
    )
    return json.dumps([[format_utc(start), format_utc(end), label] for start, end, label in found])


def battery_health(outages: str, since: str | None) -> str:
    """SQL: what recorded discharges show of a battery (`ingest.ups.battery_health`), as JSON.

    Shares are per cent. `outages` is JSON of [started_at, complete, figures], in any order, since what
    is imported comes late; `since` is when the battery was changed.
    """
    discharges = [
        parse_discharge(at, whole, json.loads(figures))
        for at, whole, figures in sorted(json.loads(outages), key=itemgetter(0))
    ]
    health = assess(discharges, since or "")
    accuracy = health.runtime_accuracy or (None, None, None)
    return json.dumps(
        {
            "summary": health.summary,
            "counted": health.counted,
            "excluded": len(health.excluded),
            "watts": health.watts,
            "first_s": health.first_full_charge_s,
            "latest_s": health.latest_full_charge_s,
            "capacity": _per_cent(health.capacity),
            "accuracy": _per_cent(accuracy[0]),
            "accuracy_min": _per_cent(accuracy[1]),
            "accuracy_max": _per_cent(accuracy[2]),
            "reasons": "; ".join(f"{at[:10]}: {reason}" for at, reason in health.excluded[-3:]),
        }
    )


def bin_width(low: float | None, high: float | None, count: int) -> float | None:
    """SQL: the least of 1, 2, 5, 10 ... and their tenths of which `count` span the two values."""
    if low is None or high is None:
        return None
    size = max(abs(low), abs(high), 1e-3)
    if high - low > SAME * size:
        least = (high - low) / count
    else:
        least = 10.0 ** math.floor(math.log10(abs(high) or 1)) / 10
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if round(step * power, 12) >= round(least, 12))


def _per_cent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def register(connection: sqlite3.Connection, timezone: str) -> None:
    """Make all functions available to the queries of a connection; local time is that of `timezone`."""
    functions: dict[str, tuple[int, Callable[..., str | float | None]]] = {
        "ago": (1, ago),
        "moment": (1, lambda text: periods.moment(text, timezone)),
        "bucket_s": (3, periods.bucket_s),
        "bin_width": (3, bin_width),
        "local_periods": (3, lambda per, since, until: local_periods(per, since, until, timezone)),
        "local_day": (1, lambda text: periods.local_day(text, timezone)),
        "local_hour": (1, lambda text: periods.local_hour(text, timezone)),
        "local_weekday": (1, lambda text: periods.local_weekday(text, timezone)),
        "variable_label": (1, lambda name: variable(name).label),
        "variable_unit": (1, lambda name: variable(name).unit),
        "variable_order": (1, lambda name: variable(name).order),
        "battery_health": (2, battery_health),
        "ups_battery_forecast": (6, ups_battery_forecast),
    }
    for name, (arguments, function) in functions.items():
        connection.create_function(name, arguments, function)
