"""The pages /nodes and /nodes/GATEWAY/NODE_ID."""

import json
import time
from collections.abc import Sequence

from datasette import Request, Response
from markupsafe import Markup

from ingest.battery_voltage import CURVES, EXAMPLE
from ingest.db.time import parse_utc
from plugins.web.forms import whole_number
from plugins.web.pages.controls import ORDER_SYMBOLS, controlled_sensors
from plugins.web.pages.controls import QUERIES as CONTROL_QUERIES
from plugins.web.pages.settings import (
    NODE_SETTINGS,
    SENSOR_SETTINGS,
    show_node_settings,
    show_sensor_labels,
)
from plugins.web.query import Row, select, select_many
from plugins.web.render.address import address_of
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.sparklines import (
    BATTERY_LEVELS,
    NODE_VALUES,
    battery_days,
    battery_levels,
    node_values,
    polyline,
)

FACETS = ("state", "gateway", "sketch_name", "label", "location", "role")
SEARCHED = ("name", "ref", "sketch_name", "location")
WORST = {"Critical": 0, "Stale": 1, "Warning": 2, "No data": 3, "OK": 4, "Retired": 5}  # state -> place
LEVELS_KEPT_S = 600  # the month of the batteries costs 30 look-ups a node
IDS = 40  # node ids that a 404 lists
LINE_WIDTH = 240  # of the line of battery levels
NODE_QUERIES = {
    "settings": NODE_SETTINGS,
    "sensor_settings": SENSOR_SETTINGS,
    "levels": """select received_at, level from (select received_at, level from battery_levels
      where node = :node order by received_at desc limit 500) order by received_at""",
    "values": "select * from value_latest where node = :node order by child_id, type",
    "day": NODE_VALUES,
    "silent_sensors": "select * from sensor_latest where node = :node and channel is null order by child_id",
    "battery_changes": "select * from battery_changes where node = :node order by changed_at desc limit 10",
    "messages": """select m.*, c.name as command_name from messages m join commands c on c.id = m.command
      where m.id in (select id from messages where node = :node order by id desc limit 50)
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


def urgency(node: Row) -> tuple[int, float, int]:
    """Sort key of a row of node_overview: worst first, then the longest silence."""
    return WORST[node["state"]], -(node["silent_s"] or 0), node["id"]


def gateway_metric(site: Site) -> dict[str, bool]:
    """Gateway name -> whether it works in metric units."""
    return {gateway.name: gateway.metric for gateway in site.config.gateways}


async def nodes(datasette: Site, request: Request) -> Response:
    """GET /nodes, filtered by the columns in FACETS and by `q`."""
    rows = await select(datasette, "select * from node_overview")
    chosen = {name: request.args[name] for name in FACETS if name in request.args}
    with_retired = "retired" in request.args or chosen.get("state") == "Retired"
    rows, retired = _in_use(rows, with_retired)
    search = (request.args.get("q") or "").strip()
    grouped = request.args.get("group") == "location"
    shown = sorted((row for row in rows or [] if _matches(row, chosen, search)), key=urgency)
    if grouped:
        shown.sort(key=lambda row: (not row["location"], row["location"].lower()))
    context = {
        "grouped": grouped,
        "retired": retired,
        "with_retired": with_retired,
        "address": address_of("/nodes", _kept(chosen, search, grouped, with_retired)),
        "gateways": datasette.config.gateways,
        "all": rows,
        "nodes": shown,
        "chosen": chosen,
        "search": search,
        "facets": {name: _facet(rows or [], name, chosen.get(name)) for name in FACETS},
        "levels": await _battery_levels(datasette),
    }
    return await page(datasette, request, "pages/nodes.html", context)


def _in_use(rows: list[Row] | None, with_retired: bool) -> tuple[list[Row] | None, int]:
    """The rows to show, with or without retired nodes, and how many are retired."""
    in_use = [row for row in rows or [] if row["retired_at"] is None]
    return rows if with_retired or rows is None else in_use, len(rows or []) - len(in_use)


def _kept(chosen: dict[str, str], search: str, grouped: bool, with_retired: bool) -> dict[str, str]:
    """What is chosen, as parameters of the address."""
    switches = {"q": search, "group": "location" if grouped else "", "retired": "1" if with_retired else ""}
    return {**chosen, **{name: value for name, value in switches.items() if value}}


def _matches(row: Row, chosen: dict[str, str], search: str) -> bool:
    text = " ".join(str(row[name] or "") for name in SEARCHED).lower()
    return all(str(row[name] or "") == value for name, value in chosen.items()) and all(
        word in text for word in search.lower().split()
    )


def count_values(rows: Sequence[Row], name: str) -> list[tuple[str, int]]:
    """(value, count) of a column, most frequent first; nothing when all rows agree or no two do."""
    counts: dict[str, int] = {}
    for row in rows:
        value = str(row[name] or "")
        counts[value] = counts.get(value, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0])) if 1 < len(counts) < len(rows) else []


def _facet(rows: Sequence[Row], name: str, chosen: str | None) -> list[tuple[str, int]]:
    """As count_values; of labels, most of which stand on one node alone, those that several share."""
    counted = count_values(rows, name)
    if name != "label":
        return counted
    return [(value, count) for value, count in counted if value and (count > 1 or value == chosen)]


async def _battery_levels(site: Site) -> dict[int, Markup]:
    """Key of a node -> its battery level in the last 30 days, kept for a while."""
    now = time.time()
    until, sparklines = site.cache.get("battery_levels", (0, {}))
    if now < until:
        return sparklines
    rows = await select(site, BATTERY_LEVELS, {"days": json.dumps(battery_days(now))})
    sparklines = battery_levels(rows, now)
    if rows is not None:
        site.cache["battery_levels"] = (now + LEVELS_KEPT_S, sparklines)
    return sparklines


async def node(datasette: Site, request: Request) -> Response:
    """GET /nodes/GATEWAY/NODE_ID"""
    row = await _find_node(datasette, request.url_vars["gateway"], request.url_vars["node_id"])
    found = await select_many(datasette, NODE_QUERIES, {"node": row["id"]})
    controls = await select_many(datasette, CONTROL_QUERIES, {"node": row["id"]})
    levels = [(parse_utc(level["received_at"]), level["level"]) for level in found["levels"] or []]
    last_seen = parse_utc(row["last_seen_at"]) if row["state"] == "Stale" and row["last_seen_at"] else None
    context = found | {
        "node": row,
        "set": {setting["key"]: setting["value"] for setting in found["settings"] or []},
        "sparklines": node_values(found["day"], found["values"], time.time(), last_seen),
        "battery_line": polyline(levels, 0, 100, LINE_WIDTH),
        "battery_levels": found["levels"],
        "battery_marks": _change_marks(found["battery_changes"] or [], levels),
        "settings": show_node_settings(row, found["settings"] or []),
        "sensor_labels": show_sensor_labels(found["sensor_settings"] or []),
        "controlled": controlled_sensors(controls),
        "symbols": ORDER_SYMBOLS,
        "battery_example": EXAMPLE,
        "battery_curves": CURVES,
    }
    return await page(datasette, request, "pages/nodes/{gateway}/{node_id}.html", context)


def _change_marks(changes: Sequence[Row], levels: Sequence[tuple[float, float]]) -> list[float]:
    """Where on the line of battery levels, (unix seconds, per cent), the battery was changed."""
    if len(levels) < 2:
        return []
    first, last = levels[0][0], levels[-1][0]
    times = [parse_utc(change["changed_at"]) for change in changes]
    return [round((at - first) / (last - first or 1) * LINE_WIDTH, 1) for at in times if first <= at <= last]


async def _find_node(site: Site, gateway: str, number: str) -> Row:
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
