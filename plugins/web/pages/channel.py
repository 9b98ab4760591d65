"""The page /nodes/GATEWAY/NODE_ID/CHILD/TYPE: a channel, its history, and its readings."""

import re
from urllib.parse import unquote

from datasette import Request, Response

from ingest.db.time import parse_utc
from ingest.mysensors.protocol import SetReq
from ingest.orders.numbers import whole_number
from plugins.web.pages.behind import Behind, channel_limits, read_outages
from plugins.web.pages.channel_states import States, read_states
from plugins.web.pages.controls import QUERIES as CONTROL_QUERIES
from plugins.web.pages.controls import find_controlled
from plugins.web.pages.measured import read_page
from plugins.web.pages.node import find_node
from plugins.web.pages.series import channel_series
from plugins.web.pages.view import PAGE, View, read_view
from plugins.web.query import Row, select, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.message_text import format_value

CHANNEL = "select * from value_latest where id = ?"
BY_ID = "select channel_href from value_latest where id = ?"
OF_SENSOR = "select type from value_latest where sensor = ? order by type"
READINGS = f"""select * from readings where channel = :channel and received_at < :before
  and (:wrong = '' or wrong is not null) order by received_at desc, id desc limit {PAGE + 1}"""
SYMBOL = re.compile(r"V_(\d{1,3})", re.ASCII)
DAY_S = 86_400


async def moved(datasette: Site, request: Request) -> Response:
    """GET /channels/ID: the address of before."""
    number = whole_number(request.url_vars["id"], digits=12)
    rows = needed(await select(datasette, BY_ID, [number])) if number is not None else []
    if not rows:
        raise PageError(404, f"No channel {request.url_vars['id']}: the table channels has no such id")
    query = f"?{request.query_string}" if request.query_string else ""
    return Response.redirect(datasette.root + rows[0]["channel_href"] + query, status=308)


async def channel(datasette: Site, request: Request) -> Response:
    """GET /nodes/GATEWAY/NODE_ID/CHILD/TYPE: a range, overlays, and readings by `wrong` and `before`."""
    node = await find_node(datasette, request.url_vars["gateway"], request.url_vars["node_id"])
    child, type = (unquote(request.url_vars[name]) for name in ("child", "type"))
    row = await _find_channel(datasette, node, child, type)
    view = read_view(datasette, request, row["channel_href"], _usual_range(row))
    given = {name: request.args.get(name) or "" for name in ("wrong", "before")}
    readings = await select(
        datasette,
        READINGS,
        {"channel": row["id"], "before": given["before"] or "9", "wrong": given["wrong"] and "1"},
    )
    controls = await select_many(datasette, CONTROL_QUERIES, {"node": row["node"]})
    states = await read_states(datasette, row, view.span)
    series = channel_series(row)
    context = {
        **await read_page(datasette, series, view, await _behind(datasette, row, view, states)),
        "channel": row,
        "node": node,
        "value": format_value(row["text"], row["unit"], row["type"], row["sensor_type"]),
        "value_figure": format_value(row["text"], "", row["type"]),
        "control": find_controlled(row["id"], controls),
        "states": states,
        "readings": None if readings is None else readings[:PAGE],
        "older": readings[PAGE - 1]["received_at"] if readings and len(readings) > PAGE else "",
        "given": given,
    }
    return await page(datasette, request, "pages/nodes/{gateway}/{node_id}/{child}/{type}.html", context)


def _usual_range(row: Row) -> str:
    """A week, or a day where there is not much more."""
    now = parse_utc(row["last_at"] or row["first_at"] or "1970-01-01T00:00:00.000Z")
    return "7 d" if row["first_at"] is None or now - parse_utc(row["first_at"]) > 2 * DAY_S else "24 h"


async def _find_channel(site: Site, node: Row, child: str, type: str) -> Row:
    """The row of value_latest of a channel of a node. Raises PageError."""
    child_id, number = whole_number(child, digits=3), _type_number(type)
    if child_id is None or child_id > 255:
        raise PageError(404, f"No sensor {child} on {node['name']}: a child id is a number from 0 to 255")
    sensor = 256 * node["id"] + child_id
    if number is not None:
        rows = needed(await select(site, CHANNEL, [256 * sensor + number]))
        if rows:
            return rows[0]
    types = [row["type"] for row in await select(site, OF_SENSOR, [sensor]) or []]
    has = f"It has reported: {', '.join(types)}" if types else "It has reported no value so far"
    raise PageError(404, f"Sensor {child_id} of {node['name']} has reported no {type}. {has}")


def _type_number(text: str) -> int | None:
    """The number of a V_ symbol, of V_200, or of a number."""
    if text in SetReq.__members__:
        return SetReq[text]
    match = SYMBOL.fullmatch(text)
    number = whole_number(match[1] if match else text, digits=3)
    return number if number is not None and number < 256 else None


async def _behind(site: Site, row: Row, view: View, states: States) -> Behind | None:
    """What stands behind the chart of a channel of numbers; None for states and texts."""
    if states.is_state or states.is_text:
        return None
    return Behind(await read_outages(site, view.span), states.silent, channel_limits(site, row))
