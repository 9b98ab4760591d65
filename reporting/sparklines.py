"""Sparklines: a day or a month of a figure as high as a line of text, as SVG with a text that is read aloud.

Their rows come from the hours, or from a bounded number of look-ups by index, in one query for all lines of a
page. A gap stays a gap. Pure: rows in, Markup out.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from markupsafe import Markup

from ingest.db.time import format_utc, parse_utc
from reporting.charts import Point, cut_at_gaps
from reporting.formatting import NARROW_SPACE, format_figure, plural

WIDE, TALL = 96, 24
DAY_S, HALF_HOUR_S = 86_400, 1800
DAYS = 30  # of a battery: one level a day
SWITCHES = ("V_TRIPPED", "V_STATUS", "V_ARMED", "V_LOCK_STATUS")  # on or off: a band in place of a line
CHANGES = 200  # readings of a switch in a day
LEAST = 0.05  # of the size of a figure: what varies less is drawn as flat as it is

Row: TypeAlias = dict[str, Any]  # Any: a column is whatever SQLite gives

UPS_LOADS = """select h.ups, h.hour_at as at, h.ups_load_avg, h.watts_avg, h.on_battery_s
from ups u cross join ups_samples_hourly h on h.ups = u.id and h.hour_at >= ago('24 h')
where u.configured order by h.ups, h.hour_at"""
NODE_VALUES = f"""select h.channel, h.hour_at as at, round(h.avg, 3) as value, h.min, h.max
from channels c cross join readings_hourly h on h.channel = c.id and h.hour_at >= ago('24 h')
where c.node = :node and c.type_name not in {SWITCHES} and h.avg is not null and h.wrong is null
union all
select channel, received_at, value, value, value from readings where id in (
  select r.id from channels c join readings r on r.id in (
    select id from readings where channel = c.id and received_at >= ago('24 h') and wrong is null
    order by received_at desc limit {CHANGES})
  where c.node = :node and c.type_name in {SWITCHES}) and value is not null
order by 1, 2"""
BATTERY_LEVELS = """select n.id as node, d.value ->> 0 as at, (select b.level from battery_levels b
  where b.node = n.id and b.received_at > d.value ->> 0 and b.received_at <= d.value ->> 1
  order by b.received_at desc limit 1) as level
from nodes n cross join json_each(:days) d where n.battery_level is not null order by n.id, at"""


def line(
    points: Sequence[Point],
    since: float,
    until: float,
    text: str,
    low: float | None = None,
    high: float | None = None,
) -> Markup:
    """A line from `since` to `until`, unix seconds, described by `text`; empty without a point.

    `low` and `high` are the ends of the axis, else those of the values.
    """
    if not points:
        return Markup()
    bottom = min(point.mean for point in points) if low is None else low
    top = max(point.mean for point in points) if high is None else high
    short = LEAST * max(abs(bottom), abs(top), 1) - (top - bottom)
    if short > 0:
        bottom, top = bottom - short / 2, top + short / 2

    def place(at: float, value: float) -> str:
        down = (top - min(max(value, bottom), top)) / (top - bottom)
        return f"{_across(at, since, until):.1f},{2 + down * (TALL - 4):.1f}"

    drawn = ""
    for piece in cut_at_gaps(points):
        ends = [(point.at, point.mean) for point in piece]
        if len(piece) == 1:  # as long as it takes to be seen
            apart = (until - since) / WIDE
            ends = [(piece[0].at - apart, piece[0].mean), (piece[0].at + apart, piece[0].mean)]
        drawn += f'<polyline points="{" ".join(place(at, value) for at, value in ends)}"/>'
    return _svg(drawn, text)


def band(points: Sequence[Point], since: float, until: float, text: str) -> Markup:
    """The same for what is on or off: filled while it is on. It stays as it is until the next point."""
    if not points:
        return Markup()
    drawn = ""
    for point, after in zip(points, [*(point.at for point in points[1:]), until], strict=True):
        if point.mean:
            left, width = _across(point.at, since, until), _across(after, point.at, point.at + until - since)
            drawn += f'<rect x="{left:.1f}" y="3" width="{max(width, 1):.1f}" height="{TALL - 6}"/>'
    return _svg(f'<line x1="0" y1="{TALL - 3}" x2="{WIDE}" y2="{TALL - 3}"/>{drawn}', text)


def _across(at: float, since: float, until: float) -> float:
    return (at - since) / (until - since) * WIDE


def _svg(drawn: str, text: str) -> Markup:
    head = Markup('<svg class="sparkline" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>')
    return head.format(WIDE, TALL, text, text) + Markup(drawn) + Markup("</svg>")


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
    """Key of a UPS -> its load in the last 24 hours, red where it was on battery; `rows` of UPS_LOADS."""
    sparklines = {}
    for ups, hours in _by("ups", rows).items():
        in_per_cent = any(row["ups_load_avg"] is not None for row in hours)
        figure, unit = ("ups_load_avg", "%") if in_per_cent else ("watts_avg", "W")
        points = [
            Point(parse_utc(row["at"]) + HALF_HOUR_S, *[row[figure]] * 3)
            for row in hours
            if row[figure] is not None
        ]
        if not points:
            continue
        text = f"{_describe_range(points, unit, 'Load by the hour')} in 24 hours"
        drawn = line(points, now - DAY_S, now, text)
        on_battery = "".join(
            f'<rect class="outage" x="{_across(parse_utc(row["at"]), now - DAY_S, now):.1f}" y="{TALL - 3}" '
            'width="4" height="3"/>'
            for row in hours
            if row["on_battery_s"]
        )
        sparklines[ups] = Markup(str(drawn).replace("</svg>", f"{on_battery}</svg>"))
    return sparklines


def node_values(
    rows: Iterable[Row] | None, values: Iterable[Row] | None, now: float, last_seen: float | None = None
) -> dict[int, Markup]:
    """Key of a channel -> its last 24 hours; `rows` of NODE_VALUES, `values` of the view value_latest.

    `last_seen` is when a silent node was heard last: a switch is not drawn as on after that.
    """
    found, sparklines = _by("channel", rows), {}
    for value in values or ():
        if value["id"] not in found:
            continue
        points = [
            Point(parse_utc(row["at"]), row["value"], row["min"], row["max"]) for row in found[value["id"]]
        ]
        if value["type"] in SWITCHES:
            text = f"On {plural(_times_switched_on(points), 'time')} in 24 hours"
            sparklines[value["id"]] = band(points, now - DAY_S, min(now, last_seen or now), text)
        else:
            points = [point._replace(at=point.at + HALF_HOUR_S) for point in points]
            text = f"{_describe_range(points, value['unit'], 'From')} in 24 hours"
            sparklines[value["id"]] = line(points, now - DAY_S, now, text)
    return sparklines


def _times_switched_on(points: Sequence[Point]) -> int:
    on = [bool(point.mean) for point in points]
    return int(on[0]) + sum(after and not before for before, after in pairwise(on))


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
            sparklines[node] = line(points, now - DAYS * DAY_S, now, text, 0, 100)
    return sparklines


def polyline(
    points: Sequence[tuple[float, float]], low: float, high: float, width: int = 240, height: int = 40
) -> str:
    """(x, y) points as the `points` of an SVG polyline in a box of width x height; '' for fewer than two.

    The box is as wide as the points lie apart, and goes from `low` to `high`.
    """
    if len(points) < 2:
        return ""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    across, up = (right - left) or 1, (high - low) or 1
    return " ".join(
        f"{(x - left) / across * width:.1f},{height - (min(max(y, low), high) - low) / up * height:.1f}"
        for x, y in points
    )
