"""The page /nodes."""

import json
import time
from collections.abc import Sequence
from typing import Any

from datasette import Request, Response
from markupsafe import Markup

from ingest.mysensors.battery_reports import LOW
from plugins.web.canned import run_query
from plugins.web.pages.node_choice import FACETS, ORDERS, choose_nodes, describe_order, urgency
from plugins.web.query import Row, select
from plugins.web.render.address import address_of
from plugins.web.responses import page
from plugins.web.site import Site
from reporting.sparklines import BATTERY_LEVELS, battery_days, battery_levels

LEVELS_KEPT_S = 600  # the month of the batteries costs 30 look-ups a node


def gateway_metric(site: Site) -> dict[str, bool]:
    """Gateway name -> whether it works in metric units."""
    return {gateway.name: gateway.metric for gateway in site.config.gateways}


async def nodes(datasette: Site, request: Request) -> Response:
    """GET /nodes, filtered by the columns in FACETS and by `q`, in an order, a page at a time."""
    rows = await select(datasette, "select * from node_overview")
    with_retired = "retired" in request.args or request.args.get("state") == "Retired"
    rows, retired = _in_use(rows, with_retired)
    choice = choose_nodes(rows or [], {name: request.args[name] for name in request.args})
    chosen = {name: choice.kept[name] for name in FACETS if name in choice.kept}
    context = {
        "choice": choice,
        "order": describe_order(choice.kept),
        "retired": retired,
        "with_retired": with_retired,
        "address": address_of("/nodes", choice.kept),
        "gateways": datasette.config.gateways,
        "all": rows,
        **_summary(rows or []),
        "chosen": chosen,
        "orders": ORDERS,
        "facets": {name: _facet(rows or [], name, chosen.get(name)) for name in FACETS},
        "levels": await _battery_levels(datasette),
        "forecasts": {one["node"]: one for one in await run_query(datasette, "battery_forecast") or []},
    }
    return await page(datasette, request, "pages/nodes.html", context)


def _summary(rows: Sequence[Row]) -> dict[str, Any]:  # Any: template variables
    """What the headline says."""
    in_use = [row for row in rows if row["state"] != "Retired"]
    return {
        "heard": sum(row["state"] not in ("Stale", "No data") for row in in_use),
        "in_use": len(in_use),
        "silent": sorted(
            (row for row in in_use if row["state"] == "Stale" and not _is_cut_off(row)), key=urgency
        ),
        "cut_off": sum(map(_is_cut_off, in_use)),
        "low": sorted((row for row in in_use if _is_low(row)), key=lambda row: float(row["battery_level"])),
    }


def _is_cut_off(row: Row) -> bool:
    """Whether a node is not known because its gateway is lost."""
    return "lost (" in (row["reason"] or "")


def _is_low(row: Row) -> bool:
    known = row["battery_level"] is not None and row["battery_refused_at"] is None
    return known and row["battery_level"] < LOW


def _in_use(rows: list[Row] | None, with_retired: bool) -> tuple[list[Row] | None, int]:
    """The rows to show, with or without retired nodes, and how many are retired."""
    in_use = [row for row in rows or [] if row["retired_at"] is None]
    return rows if with_retired or rows is None else in_use, len(rows or []) - len(in_use)


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
