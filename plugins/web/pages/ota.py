"""What the page /-/ota shows: stored firmware, nodes with what they run, updates with their progress."""

from ota.update import OPEN
from plugins.web.query import select
from plugins.web.responses import page

HISTORY = 30  # updates that have ended
SAMPLE = "/static/sample.hex"


async def ota(datasette, request):
    """GET /-/ota; `?node=ID` chooses a node in the form, `?all=1` shows every node."""
    nodes = await select(datasette, "select * from ota_nodes order by id")
    updates = await select(datasette, f"select * from ota_overview limit {HISTORY + 200}")
    commands = await select(
        datasette,
        """select c.*, n.name from ota_commands c join nodes n on n.id = c.node order by c.id desc limit 10""",
    )
    chosen = request.args.get("node") or ""
    context = {
        "firmware": await select(datasette, "select * from firmware_overview order by type, version"),
        "nodes": nodes,
        "able": [node for node in nodes or [] if node["bootloader"]],
        "sketches": counted(nodes, lambda node: node["sketch_name"]),
        "running": counted(
            nodes, lambda node: f"{node['type']}/{node['version']}" if node["type"] is not None else None
        ),
        "open": sorted(
            (update for update in updates or [] if update["state"] in OPEN),
            key=lambda update: (-OPEN.index(update["state"]), update["released_at"] is None, update["id"]),
        ),
        "closed": [update for update in updates or [] if update["state"] not in OPEN][:HISTORY],
        "slow": updates is None,
        "commands": commands,
        "chosen": int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 9 else None,
        "sample": SAMPLE if datasette.config.demo else None,
    }
    return await page(datasette, request, "pages/-/ota.html", context)


def counted(nodes, name):
    """(value, number of nodes) for those that two nodes or more share, the most frequent first."""
    counts = {}
    for node in nodes or []:
        value = name(node)
        if value:
            counts[value] = counts.get(value, 0) + 1
    return sorted(
        ((value, count) for value, count in counts.items() if count > 1), key=lambda item: (-item[1], item[0])
    )
