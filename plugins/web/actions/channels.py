"""POST /-/channels/ID: a value for a channel, an order to its node like those of /-/orders."""

import sqlite3

from ingest.mysensors.channel_controls import find_control, parse_value
from ingest.mysensors.protocol import Command, LineError, format_line, type_name
from plugins.web.actions.action import Action, Done, Submission
from plugins.web.actions.node_orders import expected, queue_line
from plugins.web.actions.subjects import NodeRef, find_row
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import RefusedError

# A channel that was never reported has no row yet: its sensor and type are in its number.
SENSOR = """select s.id, s.child_id, s.type, s.type_name, s.name, n.id as node, n.name as node_name,
  g.name as gateway, n.node_id
from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway where s.id = ?"""


def set_value(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """`value` for the channel in the path: the id of the order. Raises RefusedError."""
    sensor_id, type = divmod(form.id, 256)
    sensor = find_row(
        connection, SENSOR, (sensor_id,), f"No channel {form.id}: the table sensors has no id {sensor_id}"
    )
    node = NodeRef(sensor["node"], sensor["node_name"], sensor["gateway"], sensor["node_id"])
    symbol = type_name(Command.set, type)
    subject = f"{sensor['name']} {symbol} ({node.gateway}/{node.node_id}/{sensor['child_id']}/{symbol})"
    if find_control(sensor["type"], type) is None:
        raise RefusedError(
            409,
            f"{symbol} of {sensor['type_name'] or 'this sensor'} is reported by the node and not set. "
            "If its sketch takes it, send a line: POST /-/orders",
            subject=subject,
        )
    if "value" not in form.fields:
        raise RefusedError(400, "value is needed", subject=subject)
    try:
        blanks = form.fields.raw("value").strip("\r\n")  # a text may be nothing else
        payload = parse_value(type, form.fields.text("value") or blanks)
    except LineError as error:
        raise RefusedError(400, f"value is {error}", subject=subject) from None
    line = format_line(node.node_id, sensor["child_id"], Command.set, 1, type, payload).rstrip("\n")
    order = queue_line(connection, node, line, form.actor)
    return Done(
        f"{subject}: {payload} queued{expected(connection, node, form.site.timezone)}",
        subject,
        {"ids": [order], "channel": form.id, "value": payload, "line": line},
    )


VALUE = Action("set value", "order", set_value, status=201, after="/nodes", topics=("outbox",))

ROUTES = (
    documented_route(
        r"^/-/channels/(?P<id>\d{1,12})$",
        VALUE.post,
        Endpoint(
            "Set the value of a channel",
            "An order to its node, as of /-/orders: switches take 0, 1, on and off; percentages 0 to 100; "
            "colours hex digits; set-points numbers; the other types their words of the serial API.",
            "POST",
            "order",
            {"value": "the wanted value"},
            {"value": "on"},
            {"ID": "{switch}"},
        ),
    ),
)
