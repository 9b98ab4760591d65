"""POST /-/orders: orders to nodes as rows of `outbox`; the gateway's reader sends them and notes what came of it."""

from ingest.mysensors.commands import ORDERS
from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, LineError, validate_outgoing
from plugins.web.actions.action import Done, find_node, perform, raise_topic
from plugins.web.forms import RefusedError

HELP = f"give node and order ({', '.join(ORDERS)}), or node and line, or all=1"


async def post_orders(datasette, request):
    """`node` with `order` or `line`, or `all=1`: 201 with the ids of the rows."""
    return await perform(datasette, request, "order", "order", place, status=201, after="/nodes")


def place(connection, fields, actor):
    """Insert what the form asks for. Raises RefusedError."""
    wrong = [name for name, value in fields.items() if not isinstance(value, str)]
    if wrong:
        raise RefusedError(400, f"{wrong[0]} is a text, not a file")
    fields = {name: value.strip() for name, value in fields.items()}
    if fields.get("all") in ("1", "true", "on", "yes"):
        return _place_for_all(connection, fields, actor)
    if not fields.get("node"):
        raise RefusedError(400, f"node is needed: {HELP}")
    node = find_node(connection, fields["node"])
    subject = f"{node['name']} ({node['gateway']}/{node['node_id']})"
    order, line = fields.get("order", ""), fields.get("line", "")
    if bool(order) == bool(line):
        raise RefusedError(400, f"either order or line is needed: {HELP}", subject=subject)
    if order and order not in ORDERS:
        raise RefusedError(400, f"order is {order!r}: known are {', '.join(ORDERS)}", subject=subject)
    if line:
        _check_line(line, node, subject)
    ids = [_insert(connection, node["id"], order or None, line or None, actor)]
    raise_topic(connection, "outbox")
    return Done(f"{order or line} queued for {subject}", subject, {"ids": ids})


def _place_for_all(connection, fields, actor):
    if fields.get("node") or fields.get("line") or fields.get("order") not in (None, "", "presentation"):
        raise RefusedError(400, "all=1 asks every node for its presentation and goes with nothing else")
    nodes = connection.execute(
        """select id from nodes where last_seen_at is not null
        and gateway in (select id from gateways where configured) order by id"""
    ).fetchall()
    if not nodes:
        raise RefusedError(404, "No node was heard yet, so there is nobody to ask")
    ids = [_insert(connection, row["id"], "presentation", None, actor) for row in nodes]
    raise_topic(connection, "outbox")
    return Done(f"presentation queued for {len(ids)} nodes", "all nodes", {"ids": ids})


def _check_line(line, node, subject):
    try:
        header, _ = validate_outgoing(line)
    except LineError as error:
        raise RefusedError(400, f"line: {error}", subject=subject) from None
    if header.node == BROADCAST and node["node_id"] != GATEWAY_NODE:
        raise RefusedError(
            400, "line is a broadcast: give the gateway's own node, 0, as node", subject=subject
        )
    if header.node not in (node["node_id"], BROADCAST):
        raise RefusedError(
            400, f"line is for node {header.node}, the order for node {node['node_id']}", subject=subject
        )


def _insert(connection, node, order, line, actor):
    return connection.execute(
        'insert into outbox (node, "order", line, created_by) values (?, ?, ?, ?)', (node, order, line, actor)
    ).lastrowid
