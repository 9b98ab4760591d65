"""SQL functions for people who write queries."""

import json
import re
import sqlite3
import time

from ingest.db.time import format_utc
from ingest.ups.battery_health import assess, parse_discharge
from ingest.ups.variables import variable
from reporting import periods

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600, "month": 2_629_800}
NAMES = {
    "second": "s",
    "sec": "s",
    "minute": "min",
    "m": "min",
    "hour": "h",
    "day": "d",
    "week": "w",
    "year": "y",
}
LITERAL = re.compile(r"\bago\(\s*'([^']*)'\s*\)")
SPANS = "90 min, 6 hours, 7 d, 2 weeks, 1 year"
SPAN = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]+?)\s*", re.ASCII)


def parse_span(text):
    """Seconds of `6 hours`, `90min`, `7d`, `1 y`, `2 weeks`. Raises ValueError in words."""
    match = SPAN.fullmatch(str(text).lower())
    name = match[2] if match else ""
    for candidate in (name, name.removesuffix("s")):
        unit = UNITS.get(NAMES.get(candidate, candidate))
        if match and unit:
            return float(match[1]) * unit
    raise ValueError(f"{text!r} is no span of time: {SPANS}")


def ago(text, now=time.time):
    """SQL: the UTC text of that long ago, comparable with every `*_at` column; null for what is no span of time.

    A function that raised would say why to the log alone, so `check_spans` looks before the query runs.
    """
    try:
        return format_utc(max(0.0, now() - parse_span(text)))
    except ValueError:
        return None


def check_spans(sql, params, timezone="UTC"):
    """Raise ValueError, in words, for what a query's functions could not read.

    That is a span that is a literal or the parameter `range`, the moments `since` and `until`, the period `per`.
    """
    given = params if isinstance(params, dict) else {}
    if "ago(" in sql:
        for span in LITERAL.findall(sql):
            parse_span(span)
        if ":range" in sql and given.get("range"):
            parse_span(given["range"])
    if "moment(" in sql:
        ends = [periods.parse_moment(given[name], timezone) for name in ("since", "until") if given.get(name)]
        if len(ends) == 2 and ends[0] >= ends[1]:
            raise ValueError(f"since, {given['since']}, does not lie before until, {given['until']}")
    if "local_periods(" in sql and given.get("per") and given["per"] not in periods.ALL_PERS:
        raise ValueError(f"{given['per']!r} is no period: {', '.join(periods.ALL_PERS)}")


def local_periods(per, since, until, timezone):
    """SQL: local periods between two UTC texts, JSON of [start, end, label]; null where one of them is none."""
    if not since or not until:
        return None
    found = periods.local_periods(
        per, periods.parse_moment(since, "UTC"), periods.parse_moment(until, "UTC"), timezone
    )
    return json.dumps([[format_utc(start), format_utc(end), label] for start, end, label in found])


def battery_truth(outages, since):
    """SQL: what recorded discharges say of a battery (`ingest.ups.battery_health`), as JSON.

    `outages` is JSON of [started_at, complete, figures], in order of time; `since` the time of the battery's change.
    """
    health = assess(
        [parse_discharge(at, whole, json.loads(figures)) for at, whole, figures in json.loads(outages)],
        since or "",
    )
    share = lambda value: None if value is None else round(100 * value, 1)  # noqa: E731
    accuracy = health.runtime_accuracy or (None, None, None)
    return json.dumps(
        {
            "words": health.summary,
            "counted": health.counted,
            "refused": len(health.excluded),
            "watts": health.watts,
            "first_s": health.first_full_charge_s,
            "latest_s": health.latest_full_charge_s,
            "capacity": share(health.capacity),
            "promise": share(accuracy[0]),
            "promise_min": share(accuracy[1]),
            "promise_max": share(accuracy[2]),
            "why": "; ".join(f"{at[:10]}: {why}" for at, why in health.excluded[-3:]),
        }
    )


def register(connection: sqlite3.Connection, timezone):
    """Make all of it available to the queries of a connection; local time is that of the house."""
    connection.create_function("ago", 1, ago)
    connection.create_function("moment", 1, lambda text: periods.moment(text, timezone))
    connection.create_function("bucket_s", 3, periods.bucket_s)
    connection.create_function("local_periods", 3, lambda *given: local_periods(*given, timezone))
    for name in ("local_day", "local_hour", "local_weekday"):
        function = getattr(periods, name)
        connection.create_function(name, 1, lambda text, function=function: function(text, timezone))
    connection.create_function("variable_label", 1, lambda name: variable(name).label)
    connection.create_function("variable_unit", 1, lambda name: variable(name).unit)
    connection.create_function("variable_order", 1, lambda name: variable(name).order)
    connection.create_function("battery_truth", 2, battery_truth)
