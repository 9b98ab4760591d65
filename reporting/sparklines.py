"""Sparklines: a day or a month of a figure in the height of a line of text, as SVG in words that are read aloud.

They come from the hours, or from a bounded number of look-ups by index, in one query for all lines of a page. A gap
stays a gap.
"""

import json
import time

from markupsafe import Markup

from ingest.db.time import format_utc, parse_utc
from reporting.charts import pieces
from reporting.formatting import format_figure

WIDE, TALL = 96, 24
DAY_S = 86_400
DAYS, STEP_S = 30, DAY_S  # of a battery: one level a day
FRESH_S = 600  # the month of a battery is drawn anew after this
SWITCHES = ("V_TRIPPED", "V_STATUS", "V_ARMED", "V_LOCK_STATUS")  # on or off: a band in place of a line
CHANGES = 200  # readings of a switch in a day
LEAST = 0.05  # of the size of a figure: what varies less is drawn as flat as it is

UPS_LOADS = """select h.ups, h.hour_at as at, h.ups_load_avg, h.watts_avg, h.on_battery_s
from ups u cross join ups_samples_hourly h on h.ups = u.id and h.hour_at >= ago('24 h')
where u.configured order by h.ups, h.hour_at"""
NODE_VALUES = f"""select h.channel, h.hour_at as at, round(h.avg, 3) as value, h.min, h.max
from channels c cross join readings_hourly h on h.channel = c.id and h.hour_at >= ago('24 h')
where c.node = :node and c.type_name not in {SWITCHES} and h.avg is not null
union all
select channel, received_at, value, value, value from readings where id in (
  select r.id from channels c join readings r on r.id in (
    select id from readings where channel = c.id and received_at >= ago('24 h') order by received_at desc limit {CHANGES})
  where c.node = :node and c.type_name in {SWITCHES}) and value is not null
order by 1, 2"""
LEVELS = """select n.id as node, d.value ->> 0 as at, (select b.level from battery_levels b where b.node = n.id
  and b.received_at > d.value ->> 0 and b.received_at <= d.value ->> 1 order by b.received_at desc limit 1) as level
from nodes n cross join json_each(:days) d where n.battery_level is not null order by n.id, at"""


def line(points, since, until, words, low=None, high=None):
    """Markup of (unix seconds, average, least, greatest) from `since` to `until`, told as `words`; '' without a point."""
    if not points:
        return ""
    values = [point[1] for point in points]
    low, high = (min(values), max(values)) if low is None else (low, high)
    short = LEAST * max(abs(low), abs(high), 1) - (high - low)
    if short > 0:
        low, high = low - short / 2, high + short / 2

    def place(at, value):
        return f"{(at - since) / (until - since) * WIDE:.1f},{2 + (high - min(max(value, low), high)) / (high - low) * (TALL - 4):.1f}"

    drawn = ""
    for piece in pieces(points):
        ends = (
            piece
            if len(piece) > 1
            else [(piece[0][0] + side * (until - since) / WIDE, piece[0][1]) for side in (-1, 1)]
        )
        drawn += f'<polyline points="{" ".join(place(point[0], point[1]) for point in ends)}"/>'
    return _svg(drawn, words)


def band(points, since, until, words):
    """The same for what is on or off: filled while it is on. It stays as it is until the next point."""
    drawn = ""
    for (at, value, *_), after in zip(points, [point[0] for point in points[1:]] + [until]):
        if value:
            left, width = (at - since) / (until - since) * WIDE, (after - at) / (until - since) * WIDE
            drawn += f'<rect x="{left:.1f}" y="3" width="{max(width, 1):.1f}" height="{TALL - 6}"/>'
    return _svg(f'<line x1="0" y1="{TALL - 3}" x2="{WIDE}" y2="{TALL - 3}"/>{drawn}', words) if points else ""


def _svg(drawn, words):
    head = Markup('<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>')
    return head.format(WIDE, TALL, words, words) + Markup(drawn) + Markup("</svg>")


def _between(points, unit, what):
    low, high = min(point[2] for point in points), max(point[3] for point in points)
    span = format_figure(round(low, 2)) if low == high else f"{round(low, 2):.10g} to {round(high, 2):.10g}"
    return f"{what} {span}{chr(0x202F) + unit if unit else ''}"


def ups_loads(rows, now=None):
    """Key of a UPS -> Markup of its load in the last 24 hours; red below where it was on battery."""
    now, found = now or time.time(), {}
    for row in rows or []:
        found.setdefault(row["ups"], []).append(row)
    sparks = {}
    for ups, hours in found.items():
        figure, unit = (
            ("ups_load_avg", "%")
            if any(row["ups_load_avg"] is not None for row in hours)
            else ("watts_avg", "W")
        )
        points = [
            (parse_utc(row["at"]) + 1800, row[figure], row[figure], row[figure])
            for row in hours
            if row[figure] is not None
        ]
        if not points:
            continue
        drawn = line(points, now - DAY_S, now, f"{_between(points, unit, 'Load by the hour')} in 24 hours")
        on_battery = "".join(
            f'<rect class="outage" x="{(parse_utc(row["at"]) - now + DAY_S) / DAY_S * WIDE:.1f}" y="{TALL - 3}" width="4" height="3"/>'
            for row in hours
            if row["on_battery_s"]
        )
        sparks[ups] = Markup(str(drawn).replace("</svg>", f"{on_battery}</svg>"))
    return sparks


def node_values(rows, values, until=None):
    """Key of a channel -> Markup of its last 24 hours. `values` are rows of value_latest, `until` when it was last heard."""
    now, found = time.time(), {}
    for row in rows or []:
        at = parse_utc(row["at"])
        found.setdefault(row["channel"], []).append((at, row["value"], row["min"], row["max"]))
    sparks = {}
    for value in values or []:
        points = found.get(value["id"])
        if not points:
            continue
        if value["type"] in SWITCHES:
            times = sum(
                1 for before, after in zip([None, *points], points) if after[1] and not (before and before[1])
            )
            words = f"On {times} time{'' if times == 1 else 's'} in 24 hours"
            sparks[value["id"]] = band(points, now - DAY_S, min(now, until or now), words)
        else:
            points = [(at + 1800, *figures) for at, *figures in points]
            sparks[value["id"]] = line(
                points, now - DAY_S, now, f"{_between(points, '', 'From')} in 24 hours"
            )
    return sparks


async def battery_levels(datasette, select):
    """Key of a node -> Markup of its battery level in the last 30 days. Kept for a while: it costs 30 look-ups a node."""
    now = time.time()
    until, sparks = getattr(datasette, "battery_sparks", (0, None))
    if now < until:
        return sparks
    ends = [now - number * STEP_S for number in range(DAYS + 1)]
    rows = await select(
        datasette,
        LEVELS,
        {"days": json.dumps([[format_utc(start), format_utc(end)] for end, start in zip(ends, ends[1:])])},
    )
    found = {}
    for row in rows or []:
        if row["level"] is not None:
            found.setdefault(row["node"], []).append((parse_utc(row["at"]) + STEP_S / 2, *[row["level"]] * 3))
    sparks = {
        node: line(
            points, now - DAYS * DAY_S, now, f"{_between(points, '%', 'Battery')} in {DAYS} days", 0, 100
        )
        for node, points in found.items()
    }
    if rows is not None:
        datasette.battery_sparks = (now + FRESH_S, sparks)
    return sparks
