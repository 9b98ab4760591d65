"""The page /-/ota: stored firmware, nodes with what they run, updates with their progress."""

from collections import Counter
from collections.abc import Iterable, Sequence

from datasette import Request, Response

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
    "commands": """select c.*, n.name from ota_commands c join nodes n on n.id = c.node
      order by c.id desc limit 10""",
}


async def ota(datasette: Site, request: Request) -> Response:
    """GET /-/ota; `?node=ID` chooses a node in the form."""
    found = await select_many(datasette, **{name: (sql, {}) for name, sql in QUERIES.items()})
    nodes = found["nodes"] or []
    chosen = request.args.get("node") or ""
    context = {
        "firmware": found["firmware"],
        "nodes": found["nodes"],
        "commands": found["commands"],
        "able": [node for node in nodes if node["bootloader"]],
        **_split(found["updates"] or []),
        "sketches": count_shared(node["sketch_name"] for node in nodes),
        "running": count_shared(_running(node) for node in nodes),
        "slow": found["updates"] is None,
        "chosen": int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 9 else None,
        "sample": SAMPLE if datasette.config.demo else None,
    }
    return await page(datasette, request, "pages/-/ota.html", context)


def _split(updates: Sequence[Row]) -> dict[str, list[Row]]:
    return {
        "open": sorted((update for update in updates if update["state"] in OPEN), key=_progress),
        "closed": [update for update in updates if update["state"] not in OPEN][:ENDED],
    }


def _running(node: Row) -> str | None:
    return None if node["type"] is None else f"{node['type']}/{node['version']}"


def _progress(update: Row) -> tuple[int, bool, int]:
    """Sort key of open updates: the furthest first, then released ones, in the order of requests."""
    return -OPEN.index(update["state"]), update["released_at"] is None, update["id"]


def count_shared(values: Iterable[str | None]) -> list[tuple[str, int]]:
    """(value, number of nodes) for those that two nodes or more share, the most frequent first."""
    counts = Counter(value for value in values if value)
    return sorted(
        ((value, count) for value, count in counts.items() if count > 1), key=lambda item: (-item[1], item[0])
    )
