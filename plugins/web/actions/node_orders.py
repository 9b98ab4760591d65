"""POST /-/orders: orders to nodes as rows of `outbox`, which the gateway's reader sends and reports on."""

import sqlite3

from ingest.mysensors.commands import ORDERS
from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, LineError, validate_outgoing
from plugins.web.actions.action import Action, Done, Submission
from plugins.web.actions.subjects import NodeRef, find_node
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields, RefusedError

HELP = f"give node and order ({', '.join(ORDERS)}), or node and line, or all=1"


def place_order(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """`node` with `order` or `line`, or `all=1`: the ids of the rows. Raises RefusedError."""
    fields = form.fields
    if fields.is_yes("all"):
        return _order_from_all(connection, fields, form.actor)
    node = find_node(connection, fields.required("node", HELP))
    order, line = fields.text("order"), fields.text("line")
    if bool(order) == bool(line):
        raise RefusedError(400, f"either order or line is needed: {HELP}", subject=node.label)
    if order and order not in ORDERS:
        raise RefusedError(400, f"order is {order!r}: known are {', '.join(ORDERS)}", subject=node.label)
    if line:
        _check_line(line, node)
    ids = [_insert(connection, node.id, order or None, line or None, form.actor)]
    return Done(f"{order or line} queued for {node.label}", node.label, {"ids": ids})


def _order_from_all(connection: sqlite3.Connection, fields: Fields, actor: str) -> Done:
    if fields.text("node") or fields.text("line") or fields.text("order") not in ("", "presentation"):
        raise RefusedError(400, "all=1 asks every node for its presentation and goes with nothing else")
    nodes = connection.execute(
        """select id from nodes where last_seen_at is not null and retired_at is null
        and gateway in (select id from gateways where configured) order by id"""
    ).fetchall()
    if not nodes:
        raise RefusedError(404, "No node was heard yet, so there is none to ask")
    ids = [_insert(connection, row["id"], "presentation", None, actor) for row in nodes]
    return Done(f"presentation queued for {len(ids)} nodes", "all nodes", {"ids": ids})


def _check_line(line: str, node: NodeRef) -> None:
    try:
        header, _ = validate_outgoing(line)
    except LineError as error:
        raise RefusedError(400, f"line: {error}", subject=node.label) from None
    if header.node == BROADCAST and node.node_id != GATEWAY_NODE:
        raise RefusedError(
            400, "line is a broadcast: give the gateway's own node, 0, as node", subject=node.label
        )
    if header.node not in (node.node_id, BROADCAST):
        raise RefusedError(
            400, f"line is for node {header.node}, the order for node {node.node_id}", subject=node.label
        )


def _insert(
    connection: sqlite3.Connection, node: int, order: str | None, line: str | None, actor: str
) -> int | None:
    return connection.execute(
        'insert into outbox (node, "order", line, created_by) values (?, ?, ?, ?)', (node, order, line, actor)
    ).lastrowid


ORDER = Action("order", "order", place_order, status=201, after="/nodes", topics=("outbox",))

ROUTES = (
    documented_route(
        r"^/-/orders$",
        ORDER.post,
        Endpoint(
            "Queue an order for a node",
            "A row of outbox, which says when it was sent, echoed, or why it failed.",
            "POST",
            "order",
            {
                "node": "id of the table nodes, or GATEWAY/NODE_ID",
                "order": ", ".join(ORDERS),
                "line": "a line of your own in place of an order",
                "all": "1: ask all nodes for their presentation",
            },
            {"node": "{node}", "order": "presentation"},
        ),
    ),
)
