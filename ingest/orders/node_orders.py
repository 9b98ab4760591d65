"""Orders to nodes as rows of `outbox`, which the gateway's reader sends and reports on."""

import sqlite3
import time

from ingest.db.time import LocalTime
from ingest.mysensors.channel_controls import find_control, parse_value
from ingest.mysensors.commands import check_ordered_line
from ingest.mysensors.known_nodes import read_node_sleep
from ingest.mysensors.order_reasons import window_reason
from ingest.mysensors.protocol import Command, LineError, format_line, type_name
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import NodeRef, find_row

# A channel that was never reported has no row yet: its sensor and type are in its number.
SENSOR = """select s.id, s.child_id, s.type, s.type_name, s.name, n.id as node, n.name as node_name,
  g.name as gateway, n.node_id
from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway where s.id = ?"""


def set_channel(connection: sqlite3.Connection, channel: int, value: str, actor: str, timezone: str) -> Done:
    """A value as people and programs write it, for a channel by its id. Raises RefusedError."""
    sensor_id, type = divmod(channel, 256)
    sensor = find_row(
        connection, SENSOR, (sensor_id,), f"No channel {channel}: the table sensors has no id {sensor_id}"
    )
    node = NodeRef(sensor["node"], sensor["node_name"], sensor["gateway"], sensor["node_id"])
    subject = _channel_subject(sensor, type)
    if find_control(sensor["type"], type) is None:
        raise RefusedError(
            409,
            f"{type_name(Command.set, type)} of {sensor['type_name'] or 'this sensor'} is reported by the "
            "node and not set. If its sketch takes it, send a line: POST /-/orders",
            subject=subject,
        )
    try:
        payload = parse_value(type, value)
    except LineError as error:
        raise RefusedError(400, f"value is {error}", subject=subject) from None
    line = format_line(node.node_id, sensor["child_id"], Command.set, 1, type, payload).rstrip("\n")
    order = queue_line(connection, node, line, actor)
    return Done(
        f"{subject}: {payload} queued{expected(connection, node, timezone)}",
        subject,
        {"ids": [order], "channel": channel, "value": payload, "line": line},
    )


def channel_subject(connection: sqlite3.Connection, channel: int) -> str:
    """A channel as the audit has it; '' where there is no such sensor."""
    sensor_id, type = divmod(channel, 256)
    sensor = connection.execute(SENSOR, (sensor_id,)).fetchone()
    return "" if sensor is None else _channel_subject(sensor, type)


def _channel_subject(sensor: sqlite3.Row, type: int) -> str:
    place = f"{sensor['gateway']}/{sensor['node_id']}/{sensor['child_id']}"
    symbol = type_name(Command.set, type)
    return f"{sensor['name']} {symbol} ({place}/{symbol})"


def expected(connection: sqlite3.Connection, node: NodeRef, timezone: str) -> str:
    """When an order to a node that sleeps will be sent, as the end of a sentence; '' if it is awake."""
    sleep, local = read_node_sleep(connection, node.id), LocalTime(timezone)
    reason = window_reason(sleep, time.monotonic(), time.time(), local.time_of_day)
    return f": {reason}" if reason else ""


def queue_line(connection: sqlite3.Connection, node: NodeRef, line: str, actor: str) -> int | None:
    """Queue a line for a node: the id of its row. Raises RefusedError for one that must not be sent."""
    try:
        check_ordered_line(line, node.node_id)
    except LineError as error:
        raise RefusedError(400, f"line: {error}", subject=node.label) from None
    return insert_order(connection, node.id, None, line, actor)


def insert_order(
    connection: sqlite3.Connection, node: int, order: str | None, line: str | None, actor: str
) -> int | None:
    """Queue one of ORDERS, or a line; the id of its row."""
    return connection.execute(
        'insert into outbox (node, "order", line, created_by) values (?, ?, ?, ?)', (node, order, line, actor)
    ).lastrowid
