"""The sparklines of pages: a day or a month of a figure.

Their rows come from the hours, or from a bounded number of look-ups by index, in one query for all lines of a
page. Pure: rows in, Markup out. `reporting.charts.sparkline` has the rule of their scales.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from ingest.db.time import format_utc, parse_utc
from reporting.canned_queries import Row
from reporting.charts.model import Point
from reporting.charts.sparkline import draw_sparkline, shared_scale
from reporting.formatting import NARROW_SPACE, format_figure

DAY_S, HALF_HOUR_S = 86_400, 1800
DAYS = 30  # of a battery: one level a day
LEAST_LOAD = 25.0  # per cent: the top of the scale of loads, at least


UPS_LOADS = """select h.ups, h.hour_at as at, h.ups_load_avg, h.watts_avg, h.on_battery_s
from ups u cross join ups_samples_hourly h on h.ups = u.id and h.hour_at >= ago('24 h')
where u.configured order by h.ups, h.hour_at"""
BATTERY_LEVELS = """select n.id as node, d.value ->> 0 as at, (select b.level from battery_levels b
  where b.node = n.id and b.received_at > d.value ->> 0 and b.received_at <= d.value ->> 1
  order by b.received_at desc limit 1) as level
from nodes n cross join json_each(:days) d where n.battery_level is not null order by n.id, at"""


def _describe_range(points: Iterable[Point], unit: str, what: str) -> str:
    points = list(points)
    low, high = min(point.low for point in points), max(point.high for point in points)
    span = format_figure(round(low, 2)) if low == high else f"{round(low, 2):.10g} to {round(high, 2):.10g}"
    return f"{what} {span}{NARROW_SPACE + unit if unit else ''}"


def _by(key: str, rows: Iterable[Row] | None) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows or ():
        found.setdefault(row[key], []).append(row)
    return found


def ups_loads(rows: Iterable[Row] | None, now: float) -> dict[int, Markup]:
    """Key of a UPS -> its load in the last 24 hours, red where it was on battery; `rows` of UPS_LOADS.

    All UPSes share the scale of their unit.
    """
    loads = {ups: _load_of(hours) for ups, hours in _by("ups", rows).items()}
    shown = {ups: load for ups, load in loads.items() if load.points}
    tops = {
        unit: shared_scale([load.points for load in shown.values() if load.unit == unit], "W", low=0)[1]
        for unit in ("%", "W")
    }
    tops["%"] = min(max(tops["%"], LEAST_LOAD), 100.0)
    return {
        ups: draw_sparkline(
            load.points,
            now - DAY_S,
            now,
            0,
            tops[load.unit],
            f"{_describe_range(load.points, load.unit, 'Load by the hour')} in 24 hours",
            on_battery=load.on_battery,
        )
        for ups, load in shown.items()
    }


class _Load(NamedTuple):
    unit: str
    points: list[Point]
    on_battery: list[tuple[float, float]]


def _load_of(hours: Sequence[Row]) -> _Load:
    in_per_cent = any(row["ups_load_avg"] is not None for row in hours)
    figure, unit = ("ups_load_avg", "%") if in_per_cent else ("watts_avg", "W")
    points = [
        Point(parse_utc(row["at"]) + HALF_HOUR_S, *[row[figure]] * 3)
        for row in hours
        if row[figure] is not None
    ]
    starts = [parse_utc(row["at"]) for row in hours if row["on_battery_s"]]
    return _Load(unit, points, [(start, start + 2 * HALF_HOUR_S) for start in starts])


def battery_days(now: float) -> list[list[str]]:
    """The [start, end] of the last days, for the parameter `days` of BATTERY_LEVELS, as JSON there."""
    ends = [now - number * DAY_S for number in range(DAYS + 1)]
    return [[format_utc(start), format_utc(end)] for end, start in pairwise(ends)]


def battery_levels(rows: Iterable[Row] | None, now: float) -> dict[int, Markup]:
    """Key of a node -> its battery level in the last 30 days; `rows` of BATTERY_LEVELS."""
    sparklines = {}
    for node, days in _by("node", rows).items():
        points = [
            Point(parse_utc(row["at"]) + DAY_S / 2, *[row["level"]] * 3)
            for row in days
            if row["level"] is not None
        ]
        if points:
            text = f"{_describe_range(points, '%', 'Battery')} in {DAYS} days"
            sparklines[node] = draw_sparkline(points, now - DAYS * DAY_S, now, 0, 100, text)
    return sparklines
