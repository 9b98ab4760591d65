"""/-/nodes/retire: a node is out of use, or in use again. Its history stays, and its id stays taken."""

import sqlite3
import time

from ingest.db.time import format_utc
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import NODE_HELP, find_node
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route

RETIRED_HELP = "1: out of use from now on; 0: in use again"


def _retire(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `node`, `retired`."""
    node = find_node(connection, form.fields.text("node"))
    retired = form.fields.required("retired", RETIRED_HELP, node.label)
    if retired not in ("0", "1"):
        raise RefusedError(400, f"retired is {retired!r}: {RETIRED_HELP}", subject=node.label)
    if node.node_id == GATEWAY_NODE:
        text = f"{node.label} is the gateway itself: what retires it is the config without it"
        raise RefusedError(400, text, subject=node.label)
    at = format_utc(time.time()) if retired == "1" else None
    # One that is retired already stays so from its first day.
    connection.execute(
        "update nodes set retired_at = case when ?1 is null then null else coalesce(retired_at, ?1) end "
        "where id = ?2",
        (at, node.id),
    )
    message = f"{node.label} is {'retired until it is heard again' if at else 'in use again'}"
    return Done(message, node.label, {"node": node.id, "retired": at is not None})


RETIRE = Action("retire_node", "edit", _retire, after="/nodes", topics=("nodes",))

ROUTES = (
    documented_route(
        r"^/-/nodes/retire$",
        RETIRE.post,
        Endpoint(
            "Retire a node, or take it back",
            "A retired node is out of attention, forecasts and counts until it is heard again. Its history "
            "stays, and its id stays taken.",
            "POST",
            "edit",
            {"node": NODE_HELP, "retired": RETIRED_HELP},
            {"node": "{node}", "retired": "0"},
        ),
    ),
)
