"""The page /nodes/GATEWAY/NODE_ID: a node, its sensors over a day, its battery, its messages, its forms."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datasette import Request, Response

from ingest.battery_voltage import CURVES, EXAMPLE
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.value_types import ValueKind, value_kind
from ingest.orders.numbers import whole_number
from plugins.web.canned import run_query
from plugins.web.pages.behind import SILENCES, read_intervals
from plugins.web.pages.controls import ORDER_SYMBOLS, controlled_sensors
from plugins.web.pages.controls import QUERIES as CONTROL_QUERIES
from plugins.web.pages.measured import ZERO_UNITS
from plugins.web.pages.series import sensor_label, state_channel
from plugins.web.pages.settings import (
    NODE_SETTINGS,
    SENSOR_SETTINGS,
    show_battery_settings,
    show_node_settings,
    show_sensor_labels,
)
from plugins.web.query import Row, read_timed, select, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.charts import (
    ChartSeries,
    Interval,
    LineChart,
    LineChartData,
    Point,
    Timeline,
    TimelineData,
    TimelineRow,
    TimeMark,
    draw_lines,
    draw_timeline,
)
from reporting.message_text import format_value
from reporting.node_day import KeptHour, read_day
from reporting.state_spans import by_channel, timeline_row

HOUR_S, DAY_S = 3600, 86_400
YEAR_S, HOURS_S = 365 * DAY_S, 10 * DAY_S  # the battery is drawn by the hour within HOURS_S
IDS = 40  # node ids that a 404 lists
MESSAGES = 50
NODE_QUERIES = {
    "settings": NODE_SETTINGS,
    "sensor_settings": SENSOR_SETTINGS,
    "values": "select * from value_latest where node = :node order by child_id, type",
    "silent": SILENCES,
    "first_level": "select min(received_at) as at from battery_levels where node = :node",
    "silent_sensors": "select * from sensor_latest where node = :node and channel is null order by child_id",
    "battery_changes": "select * from battery_changes where node = :node order by changed_at desc limit 10",
    "messages": f"""select m.*, c.name as command_name,
        (select unit from channel_units where channel = 65536 * m.node + 256 * m.child_id + m.type
          and m.command = 1) as unit,
        (select type_name from sensors where id = 256 * m.node + m.child_id) as sensor_type
      from messages m join commands c on c.id = m.command
      where m.id in (select id from messages where node = :node order by id desc limit {MESSAGES})
      order by m.id desc""",
    "others": """select o.node_id, o.name, g.name as gateway from nodes o join gateways g on g.id = o.gateway
      where o.id <> :node and o.node_id > 0 order by o.gateway, o.node_id""",
    "replacements": """select r.state, r.old_node = :node as is_old, r.done_at, o.name, o.node_id,
        g.name as gateway from node_replacements r
      join nodes o on o.id = iif(r.old_node = :node, r.new_node, r.old_node)
      join gateways g on g.id = o.gateway
      where r.old_child_id is null and r.state in ('queued', 'running', 'reverting', 'done')
      and (r.old_node = :node or r.new_node = :node) order by r.id desc limit 5""",
    "orders": """select * from (select * from outbox order by id desc limit 1000) where node = :node
      order by id desc limit 10""",
}
BATTERY_HOURS = """select substr(received_at, 1, 13) || ':30:00.000Z' as at, avg(level) as level,
  min(level) as low, max(level) as high from battery_levels where node = :node and received_at >= :since
group by 1 order by 1"""
BATTERY_DAYS = """select day || 'T12:00:00.000Z' as at, low as level, low, low as high
from battery_daily where node = :node and day >= substr(:since, 1, 10) order by day"""


@dataclass(frozen=True)
class SensorCard:
    """A channel on the page of its node: a row of value_latest, and its last day where it has numbers."""

    row: Row
    label: str
    chart: LineChart | None


@dataclass(frozen=True)
class Sensors:
    """The channels of a node: those with a chart, those that are texts, the states as a timeline."""

    cards: list[SensorCard]
    texts: list[Row]
    states: Timeline | None
    held: list[Row]  # the channels of the timeline


async def node(datasette: Site, request: Request) -> Response:
    """GET /nodes/GATEWAY/NODE_ID"""
    row = await find_node(datasette, request.url_vars["gateway"], request.url_vars["node_id"])
    now = float(-(-time.time() // 60) * 60)  # charts that are drawn again soon are the same ones
    span = {"since": format_utc(now - DAY_S), "until": format_utc(now)}
    found = await select_many(datasette, NODE_QUERIES, {"node": row["id"], **span})
    controls = await select_many(datasette, CONTROL_QUERIES, {"node": row["id"]})
    forecasts = await run_query(datasette, "battery_forecast", node=str(row["id"]))
    states = await run_query(datasette, "state_spans", node=str(row["id"]), **span)
    day = await _read_day(datasette, row["id"], now)
    context = found | {
        "node": row,
        "sensors": draw_sensors(datasette, found, day, states or [], now),
        "battery_chart": await draw_battery(datasette, row, found, now),
        "forecast": forecasts[0] if forecasts else None,
        "set": {setting["key"]: setting["value"] for setting in found["settings"] or []},
        "settings": show_node_settings(row, found["settings"] or []),
        "sensor_labels": show_sensor_labels(found["sensor_settings"] or []),
        "controlled": controlled_sensors(controls),
        "symbols": ORDER_SYMBOLS,
        "battery_settings": show_battery_settings(row["id"], found["settings"] or []),
        "battery_example": EXAMPLE,
        "battery_curves": CURVES,
        "metric": {one.name: one.metric for one in datasette.config.gateways}.get(row["gateway"], True),
        "spans": f"node={row['id']}&range=24+h",
    }
    return await page(datasette, request, "pages/nodes/{gateway}/{node_id}.html", context)


async def _read_day(site: Site, node: int, now: float) -> dict[int, list[Point]]:
    """The day of each channel, hours that did not change kept."""
    kept: dict[tuple[int, str], KeptHour] = site.cache.setdefault("node_day", {})
    return await read_timed(site, lambda connection: read_day(connection, node, now, kept))


def draw_sensors(
    site: Site,
    found: Mapping[str, list[Row] | None],
    measured: Mapping[int, Sequence[Point]],
    states: Sequence[Row],
    now: float,
) -> Sensors:
    """The day of each channel, from the rows of NODE_QUERIES, its points and the rows of state_spans."""
    silent = read_intervals(found["silent"], now)
    spans = by_channel(states)
    cards: list[SensorCard] = []
    texts: list[Row] = []
    held: list[Row] = []
    rows: list[TimelineRow] = []
    for value in found["values"] or []:
        channel = value["id"]
        if channel in spans and not _is_text(value):
            held.append(value)
            row = timeline_row(spans[channel], state_channel(value, silent), len(rows) + 1)
            now_word = format_value(value["text"], "", value["type"], value["sensor_type"])
            rows.append(row._replace(total=f"{now_word} · {row.total}"))
        elif channel in measured or value["value"] is not None:
            drawn = _draw_day(site, value, measured.get(channel, []), silent, now)
            cards.append(SensorCard(value, sensor_label(value), drawn))
        else:
            texts.append(value)
    data = TimelineData("States in 24 hours", rows, now - DAY_S, now)
    return Sensors(cards, texts, draw_timeline(data, site.timezone), held)


def _is_text(value: Row) -> bool:
    """Whether a row of value_latest is of a text that is no state."""
    return value["type"] in ("V_TEXT", "V_CUSTOM") or value_kind(value["id"] % 256) is ValueKind.COLOUR


def _draw_day(
    site: Site, value: Row, points: Sequence[Point], silent: Sequence[Interval], now: float
) -> LineChart | None:
    unit = value["unit"] or ""
    data = LineChartData(
        f"{value['child_id']} {value['type']}",
        unit,
        [ChartSeries("", points)],
        now - DAY_S,
        now,
        silent=silent,
        floor=0 if unit in ZERO_UNITS else None,
    )
    return draw_lines(data, site.timezone)


async def draw_battery(
    site: Site, row: Row, found: Mapping[str, list[Row] | None], now: float
) -> LineChart | None:
    """The level of the battery in the last year: of each hour, or the lowest of each day."""
    first = (found["first_level"] or [{"at": None}])[0]["at"]
    if first is None:
        return None
    since = max(parse_utc(first), now - YEAR_S)
    sql, label, span_s = BATTERY_HOURS, "level", HOUR_S
    if now - since > HOURS_S:
        sql, label, span_s = BATTERY_DAYS, "lowest of the day", DAY_S
    since = since // span_s * span_s
    points = [
        Point(min(now, parse_utc(level["at"])), round(level["level"], 3), level["low"], level["high"])
        for level in await select(site, sql, {"node": row["id"], "since": format_utc(since)}) or []
    ]
    if len(points) < 2:
        return None
    data = LineChartData("Battery", "%", [ChartSeries(label, points)], since, now, floor=0)
    chart = draw_lines(data, site.timezone)
    if chart is not None:
        changes = [parse_utc(change["changed_at"]) for change in found["battery_changes"] or []]
        chart.moments = [TimeMark(at, "changed") for at in changes]
    return chart


async def find_node(site: Site, gateway: str, number: str) -> Row:
    """The row of node_overview. Raises PageError."""
    gateways = needed(await select(site, "select id, name from gateways order by id"))
    keys = {row["name"]: row["id"] for row in gateways}
    if gateway not in keys:
        there_are = f"There are: {', '.join(keys)}." if keys else "None was configured yet."
        raise PageError(404, f"No gateway {gateway}. {there_are}")
    node_id = whole_number(number, digits=3)
    if node_id is not None:
        key = 256 * keys[gateway] + node_id
        sql = "select * from node_overview where gateway = ? and id = ?"
        rows = needed(await select(site, sql, [gateway, key]))
        if rows:
            return rows[0]
    heard = await select(
        site, "select node_id from nodes where gateway = ? order by node_id", [keys[gateway]]
    )
    ids = [str(row["node_id"]) for row in heard or []]
    listed = ", ".join(ids[:IDS]) + (" ..." if len(ids) > IDS else "")
    raise PageError(404, f"No node {number} on gateway {gateway}. Heard so far: {listed or 'none'}")
