"""POST /-/orders: orders to nodes as rows of `outbox`, which the gateway's reader sends and reports on."""

import re
import sqlite3
from collections.abc import Sequence

from ingest.mysensors.commands import ORDERS
from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, Command, LineError, format_line, parse_line
from ingest.orders.node_orders import expected, insert_order, queue_line
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import NodeRef, find_node
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.order_lines import DISCOVER, FIELDS, line_of_fields
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields

PAYLOAD_FOLLOWS = re.compile(r"\d+;\d+;1;[01];\d+;", re.ASCII)  # a value, so far without its payload
HELP = f"give node and order ({', '.join(ORDERS)}), or node and line, or node and type, or all=1"
MAX_CHANNEL = 999_999_999
GATEWAY_NODES = """select n.id, n.name, g.name, n.node_id from nodes n join gateways g on g.id = n.gateway
where n.node_id = :node and g.configured and (:name = '' or g.name = :name) order by g.id"""


def place_order(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """One of an order, a line, the fields of a line, or all=1: the ids of the rows. Raises RefusedError."""
    fields = form.fields
    if fields.text("order") == "discover":
        return _discover(connection, fields, form.actor)
    if fields.is_yes("all"):
        return _order_from_all(connection, fields, form.actor)
    node = _find_addressee(connection, fields)
    given = [name for name in ("order", "line", "type") if fields.text(name)]
    if len(given) != 1:
        raise RefusedError(400, f"either order or line or type is needed: {HELP}", subject=node.label)
    order, line = fields.text("order"), _typed_line(fields)
    if order == "request":
        line, order = _request_line(fields, node), ""
    if order and order not in ORDERS:
        raise RefusedError(
            400, f"order is {order!r}: known are {', '.join(ORDERS)}, request, discover", subject=node.label
        )
    if order:
        id = insert_order(connection, node.id, order, None, form.actor)
    else:
        line = line or line_of_fields(fields, node.node_id, node.label)
        id = queue_line(connection, node, line, form.actor)
    message = f"{order or line} queued for {node.label}"
    return Done(message + expected(connection, node, form.site.timezone), node.label, {"ids": [id]})


def _typed_line(fields: Fields) -> str:
    """The field `line` without blanks around it, save those that are the payload of a value."""
    line = fields.text("line")
    if not PAYLOAD_FOLLOWS.fullmatch(line):
        return line
    return line + fields.raw("line").rstrip("\r\n").rpartition(line)[2]


def _find_addressee(connection: sqlite3.Connection, fields: Fields) -> NodeRef:
    """The node of the form; of a line with `gateway` in place of it, the node that the line is for."""
    if fields.text("node") or not fields.text("line"):
        return find_node(connection, fields.required("node", HELP))
    gateway = fields.required("gateway", f"the gateway of the line; or {HELP}")
    try:
        number = parse_line(fields.text("line"))[0].node
    except LineError as error:
        raise RefusedError(400, f"line: {error}") from None
    return find_node(connection, f"{gateway}/{GATEWAY_NODE if number == BROADCAST else number}")


def _request_line(fields: Fields, node: NodeRef) -> str:
    """The line that asks a node for the value of the field `channel`."""
    sensor, type = divmod(fields.number("channel", MAX_CHANNEL), 256)
    owner, child = divmod(sensor, 256)
    if owner != node.id:
        raise RefusedError(400, f"channel is not one of {node.label}", subject=node.label)
    return format_line(node.node_id, child, Command.req, 1, type).rstrip("\n")


def _order_from_all(connection: sqlite3.Connection, fields: Fields, actor: str) -> Done:
    others = [name for name in ("node", "line", "gateway", *FIELDS) if fields.text(name)]
    if others or fields.text("order") not in ("", "presentation"):
        raise RefusedError(
            400,
            "all=1 asks every node for its presentation and goes with nothing else than order=discover",
        )
    nodes = connection.execute(
        """select id from nodes where last_seen_at is not null and retired_at is null
        and gateway in (select id from gateways where configured) order by id"""
    ).fetchall()
    if not nodes:
        raise RefusedError(404, "No node was heard yet, so there is none to ask")
    ids = [insert_order(connection, row["id"], "presentation", None, actor) for row in nodes]
    return Done(f"presentation queued for {len(ids)} nodes", "all nodes", {"ids": ids})


def _discover(connection: sqlite3.Connection, fields: Fields, actor: str) -> Done:
    """Ask the nodes within reach of a gateway, or of all, for their parents: a broadcast of each gateway."""
    if not fields.is_yes("all") and not fields.text("gateway") and fields.text("node"):
        gateways: Sequence[NodeRef] = [find_node(connection, fields.text("node"))]
        if gateways[0].node_id != GATEWAY_NODE:
            raise RefusedError(
                400, "discover is a broadcast of a gateway: give gateway or all=1", subject=gateways[0].label
            )
    else:
        name = "" if fields.is_yes("all") else fields.required("gateway", "a gateway's name, or all=1")
        rows = connection.execute(GATEWAY_NODES, {"node": GATEWAY_NODE, "name": name}).fetchall()
        gateways = [NodeRef(*row) for row in rows]
    if not gateways:
        raise RefusedError(
            404, "No such gateway was heard yet: its own node, 0, presents itself when it answers"
        )
    ids = [queue_line(connection, gateway, DISCOVER, actor) for gateway in gateways]
    names = ", ".join(gateway.gateway for gateway in gateways)
    return Done(f"discover queued for {names}", f"gateway {names}", {"ids": ids})


def _ask_reboot(fields: Fields) -> str:
    return "Reboot the node?" if fields.text("order") == "reboot" else ""


ORDER = Action(
    "order", "order", place_order, status=201, after="/nodes", topics=("outbox",), asks=_ask_reboot
)

ROUTES = (
    documented_route(
        r"^/-/orders$",
        ORDER.post,
        Endpoint(
            "Queue an order for a node",
            "A row of outbox, which says when it was sent, echoed, or why it failed. "
            "Stream lines (command 4) are refused: firmware has actions of its own.",
            "POST",
            "order",
            {
                "node": "id of the table nodes, or GATEWAY/NODE_ID",
                "order": f"{', '.join(ORDERS)}; request with channel; discover with gateway or all",
                "channel": "id of the table channels: the value that is requested",
                "line": "a line of your own in place of an order",
                **FIELDS,
                "gateway": "name of the gateway that discovers, or of that of a line without node",
                "all": "1: ask all nodes for their presentation; with discover, all gateways",
            },
            {"node": "{node}", "order": "presentation"},
        ),
    ),
)
