"""SQL functions for people who write queries."""

import re
import time

from ingest.database import utc

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600, "month": 2_629_800}
NAMES = {
    "second": "s", "sec": "s", "minute": "min", "m": "min", "hour": "h", "day": "d", "week": "w", "year": "y",
}  # fmt: skip
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
        return utc(max(0.0, now() - parse_span(text)))
    except ValueError:
        return None


def check_spans(sql, params):
    """Raise ValueError, in words, for a span that `ago` could not read: a literal, or the parameter `range`."""
    if "ago(" not in sql:
        return
    spans = LITERAL.findall(sql)
    if isinstance(params, dict) and ":range" in sql and params.get("range"):
        spans.append(params["range"])
    for span in spans:
        parse_span(span)
