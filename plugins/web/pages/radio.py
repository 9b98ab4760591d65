"""The page /radio: how well the nodes are heard, a map and a tree of each gateway, traffic and the log."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from datasette import Request, Response
from markupsafe import Markup

from ingest.mysensors.protocol import TYPES, Command
from ingest.orders.numbers import whole_number
from ingest.schema.mysensors import REF
from plugins.web.pages.controls import ORDER_SYMBOLS
from plugins.web.pages.radio_log import FILTERS, ORDER_ROWS, ORDERS, SWITCHES, read_log
from plugins.web.query import Row, read_timed, select_many
from plugins.web.readers import correct_readers
from plugins.web.render.filters import age
from plugins.web.responses import page
from plugins.web.site import Site
from reporting.radio_links import LINKS, describe_link, describe_traffic, summarize_links
from reporting.radio_map import carried, draw_wide, roots_of
from reporting.radio_map_narrow import draw_narrow
from reporting.radio_map_svg import narrow_svg, wide_svg
from reporting.radio_traffic import HalfHour, draw_traffic, read_traffic
from reporting.radio_tree import ENDS, Tree, grow_tree

OPEN = 60  # nodes of a tree that is shown open
QUERIES = {
    "nodes": "select * from radio_tree order by id",
    "readers": """select g.name, g.name as source, g.address, g.configured, r.verdict, r.words, r.received,
      r.rejected, r.last_data_at from gateways g left join readers r on r.source = g.name
      where g.configured or g.id in (select gateway from nodes) order by g.id""",
    "rejects": """select source, raw, reason, received_at from rejects where id in (
      select max(id) from (select id, source from rejects order by id desc limit 1000) group by source)""",
    "waiting": f"""{ORDER_ROWS} x.state in ('queued', 'sent') and x.sent_at is null
      order by x.id limit {ORDERS}""",
    "types": "select distinct type_name as name from channels order by 1",
    "gateway_names": "select name from gateways order by id",
    "node_names": f"""select n.id, n.name || ' (' || {REF} || ')' as name
      from nodes n join gateways g on g.id = n.gateway order by n.name, n.id""",
    "strange": """select n.name, count(*) as messages
      from (select * from oddities order by id desc limit 5000) o join nodes n on n.id = o.node
      where o.at > ago('24 h') group by n.id order by 2 desc""",
}


class GatewayView(NamedTuple):
    """A gateway with its nodes as a tree and as maps, wide and for a phone; `links` are their kinds."""

    row: Row
    tree: Tree
    wide: Markup | None
    narrow: Markup | None
    links: frozenset[str]


async def radio(datasette: Site, request: Request) -> Response:
    """GET /radio, the log filtered by FILTERS; `before`: messages older than this id."""
    found = await select_many(datasette, QUERIES)
    chosen = {name: text for name in FILTERS if (text := (request.args.get(name) or "").strip())}
    chosen |= {name: "1" for name in SWITCHES if name in chosen}
    before = whole_number(request.args.get("before") or "", digits=17)
    nodes = found["nodes"] or []
    gateways = correct_readers(found["readers"], datasette.config.database) or []
    links = summarize_links(nodes)
    context = {
        "gateways": [_view(datasette, gateway, nodes) for gateway in gateways],
        "gateway_rows": [gateway for gateway in gateways if gateway["configured"]],
        "slow": found["nodes"] is None,
        "nodes": nodes,
        "links": links,
        "kinds": LINKS,
        "ends": ENDS,
        "open": OPEN,
        "describe_link": describe_link,
        "describe_traffic": describe_traffic,
        "busiest": _busiest(nodes),
        "strange": found["strange"],
        "traffic": draw_traffic(await _read_traffic(datasette), datasette.timezone),
        "chosen": chosen,
        "before": before,
        "log": await read_log(datasette, chosen, before),
        "options": _filter_options(found),
        "rejects": found["rejects"],
        "waiting": found["waiting"],
        "keepalive_today": sum(node["keepalive_today"] for node in nodes),
        "symbols": ORDER_SYMBOLS,
    }
    return await page(datasette, request, "pages/radio.html", context)


def _view(site: Site, gateway: Row, nodes: Sequence[Row]) -> GatewayView:
    tree = grow_tree([node for node in nodes if node["state"] != "Retired"], gateway["name"])
    roots = roots_of(tree, f"Gateway {gateway['name']}")
    wide, narrow = None, None
    if tree.children or tree.ends:
        label = f"Map of gateway {gateway['name']} by hops; the tree below is its text form"
        note = _note(gateway, tree, site.timezone)
        wide = wide_svg(draw_wide(roots), carried(roots), label, note, site.root)
        narrow = narrow_svg(draw_narrow(roots), label)
    links = frozenset(node["link"] for node in nodes if node["gateway"] == gateway["name"] and node["link"])
    return GatewayView(gateway, tree, wide, narrow, links)


def _note(gateway: Row, tree: Tree, timezone: str) -> Markup | str:
    """What stands below a gateway on the map."""
    if tree.root is None:
        return "not heard yet"
    if gateway["verdict"] == "OK" and tree.root["last_seen_at"]:
        return age(tree.root["last_seen_at"], timezone)
    return str(gateway["words"]).partition(" (")[0] if gateway["verdict"] else "not read yet"


def _busiest(nodes: Sequence[Row]) -> Row | None:
    sending = [node for node in nodes if node["link"] is not None and node["messages_a_day"]]
    return max(sending, key=lambda node: float(node["messages_a_day"]), default=None)


async def _read_traffic(site: Site) -> list[HalfHour]:
    """Messages by the half hour, those of finished ones kept."""
    known: dict[float, int] = site.cache.setdefault("radio_traffic", {})
    return await read_timed(site, lambda connection: read_traffic(connection, time.time(), known))


def _filter_options(found: dict[str, list[Row] | None]) -> dict[str, Any]:  # Any: template variables
    """What the filters offer."""
    symbols = {
        command.name: [type.name for type in TYPES[command][1]]
        for command in (Command.internal, Command.presentation, Command.stream)
    }
    return {
        "gateway": found["gateway_names"],
        "node": found["node_names"],
        "command": [command.name for command in Command],
        "type": {"values heard": [row["name"] for row in found["types"] or []], **symbols},
    }
