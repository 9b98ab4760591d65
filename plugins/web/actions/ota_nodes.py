"""The nodes that a form names for an OTA update."""

import sqlite3

from ingest.orders.ota_nodes import NODES, TargetNode, find_target, read_version
from ingest.orders.outcome import RefusedError
from plugins.web.forms import Fields

HELP = "give node, or nodes (a list with commas), or sketch, or current (type/version that nodes run)"
# Nodes that listen all the time go before those that sleep, and those heard last before the silent ones.
IN_ORDER = " and g.configured and n.node_id > 0 order by n.smart_sleep_ms is not null, n.last_seen_at desc"


def choose_nodes(connection: sqlite3.Connection, fields: Fields) -> list[TargetNode]:
    """The nodes that a form names, one way or the other. Raises RefusedError."""
    named = [word for name in ("node", "nodes") for word in fields.text(name).replace(",", " ").split()]
    named += fields.ticked("node:")
    sketch, current = fields.text("sketch"), fields.text("current")
    if bool(named) + bool(sketch) + bool(current) != 1:
        raise RefusedError(400, f"Which nodes? {HELP}")
    if named:
        return list({node.id: node for node in (find_target(connection, word) for word in named)}.values())
    if sketch:
        rows = connection.execute(f"{NODES}where n.sketch_name = ?{IN_ORDER}", (sketch,)).fetchall()
        where = f"runs a sketch named {sketch}"
    else:
        type, version = read_version(current, "firmware")
        rows = connection.execute(
            f"{NODES}where f.type = ? and f.version = ?{IN_ORDER}", (type, version)
        ).fetchall()
        where = f"has reported that it runs {type}/{version}"
    if not rows:
        raise RefusedError(404, f"No node {where}")
    return [TargetNode(*row) for row in rows]
