"""How a UPS is now, for the messages of its open events: its last sample, where that is recent."""

import sqlite3

from ingest.db.time import parse_utc

RECENT_S = 180.0  # older figures say nothing about now: nothing is polled, or the UPS does not answer
NEWEST = """select sampled_at, battery_runtime, battery_charge, ups_load from ups_samples
where ups = ? order by sampled_at desc limit 1"""
NAMES = ("runtime_now_s", "charge_now", "load_now")


def present_figures(connection: sqlite3.Connection, ups: int, now: float) -> dict[str, float]:
    """`runtime_now_s` (s), `charge_now` and `load_now` (%), those that are known; `now` in unix seconds."""
    row = connection.execute(NEWEST, (ups,)).fetchone()
    if row is None:
        return {}
    sampled_at, *values = tuple(row)
    if not abs(now - parse_utc(sampled_at)) <= RECENT_S:
        return {}
    return {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
