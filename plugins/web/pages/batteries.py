"""The page /-/batteries: locations of all nodes, and when each battery was changed, in one form."""

from collections.abc import Sequence

from datasette import Request, Response

from ingest.orders.numbers import whole_number
from plugins.web.auth.permissions import require
from plugins.web.canned import run_query
from plugins.web.query import Row, select_many
from plugins.web.responses import page
from plugins.web.site import Site
from reporting.ups_forecast_text import forecast_texts

PER_PAGE = 45  # things; each has two fields, and a form may carry MAX_FIELDS
QUERIES = {
    "nodes": "select * from node_overview where role <> 'gateway' and retired_at is null order by id",
    "upses": "select * from ups_overview where configured order by id",
}


async def batteries(datasette: Site, request: Request) -> Response:
    """GET /-/batteries; `page`: number of the page, from 1."""
    require(datasette, request.actor, "read")
    found = await select_many(datasette, QUERIES)
    of_upses = await run_query(datasette, "ups_battery_forecast") if found["upses"] else []
    things = _with_batteries_first(found["nodes"] or [], found["upses"] or [])
    pages = max(1, -(-len(things) // PER_PAGE))
    number = min(max(1, whole_number(request.args.get("page") or "1") or 1), pages)
    context = {
        "is_slow": found["nodes"] is None or found["upses"] is None,
        "count": len(things),
        "things": things[(number - 1) * PER_PAGE : number * PER_PAGE],
        "forecasts": {one["node"]: one for one in await run_query(datasette, "battery_forecast") or []},
        "cells": await run_query(datasette, "battery_shopping_list") or [],
        "ups_forecasts": {row["ups"]: forecast_texts(row) for row in of_upses or []},
        "page": number,
        "pages": pages,
    }
    return await page(datasette, request, "pages/-/batteries.html", context)


def _with_batteries_first(nodes: Sequence[Row], upses: Sequence[Row]) -> list[tuple[str, Row]]:
    """(kind, row) of what has a battery, and of the nodes that never reported one."""
    have = [row for row in nodes if row["battery_level"] is not None or row["battery_months"] is not None]
    others = [row for row in nodes if row not in have]
    return [
        *(("node", row) for row in have),
        *(("ups", row) for row in upses),
        *(("node", row) for row in others),
    ]
