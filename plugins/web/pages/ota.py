"""The page /-/ota: stored firmware, nodes with what they run, updates with their progress."""

from collections import Counter
from collections.abc import Iterable

from datasette import Request, Response

from ingest.orders.numbers import whole_number
from ingest.schema.mysensors import REF
from ota.update import OPEN
from plugins.web.query import Row, select_many
from plugins.web.responses import page
from plugins.web.site import Site

ENDED = 30  # updates that have ended
SAMPLE = "/static/sample.hex"
QUERIES = {
    "firmware": "select * from firmware_overview order by type, version",
    "nodes": "select * from ota_nodes order by id",
    "updates": f"select * from ota_overview limit {ENDED + 200}",
    "commands": f"""select c.*, n.name, {REF} as ref, '/nodes/' || {REF} as href,
      '/nodes/' || g.name || '/' || m.node_id as new_href
      from ota_commands c join nodes n on n.id = c.node join gateways g on g.id = n.gateway
      left join nodes m on m.gateway = n.gateway and m.node_id = c.new_node_id and m.id <> n.id
      order by c.id desc limit 10""",
}


async def ota(datasette: Site, request: Request) -> Response:
    """GET /-/ota; `?node=ID` chooses a node in the form."""
    found = await select_many(datasette, QUERIES)
    nodes, updates = found["nodes"] or [], found["updates"] or []
    context = {
        "firmware": found["firmware"],
        "nodes": found["nodes"],
        "commands": found["commands"],
        "able": [node for node in nodes if node["bootloader"]],
        "open": sorted((update for update in updates if update["state"] in OPEN), key=_progress),
        "closed": [update for update in updates if update["state"] not in OPEN][:ENDED],
        "sketches": count_shared(node["sketch_name"] for node in nodes),
        "running": count_shared(
            f"{node['type']}/{node['version']}"
            for node in nodes
            if node["runs"] and node["runs"][0].isdigit()
        ),
        "slow": found["updates"] is None,
        "chosen": whole_number(request.args.get("node") or "", digits=8),
        "sample": SAMPLE if datasette.config.demo else None,
    }
    return await page(datasette, request, "pages/-/ota.html", context)


def _progress(update: Row) -> tuple[int, bool, int]:
    """Sort key of open updates: the furthest first, then released ones, in the order of requests."""
    return -OPEN.index(update["state"]), update["released_at"] is None, update["id"]


def count_shared(values: Iterable[str | None]) -> list[tuple[str, int]]:
    """(value, number of nodes) for those that two nodes or more share, the most frequent first."""
    counts = Counter(value for value in values if value)
    return sorted(
        ((value, count) for value, count in counts.items() if count > 1), key=lambda item: (-item[1], item[0])
    )
