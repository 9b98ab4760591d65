"""Steps that order something of a node or UPS: rows that ingest carries out, placed as the site places them.

The order is stored in the transaction that says that the step has begun, so that it is placed once, whatever
happens; a restart goes on to wait for its end. It expires with the time of the step.
"""

import sqlite3
import time

from ingest.config.model import Config
from ingest.config.plan import CommandStep, NodeStep, PlanAction
from ingest.db.changes import raise_topics
from ingest.db.time import format_utc
from ingest.mysensors.channel_controls import find_control
from ingest.mysensors.known_nodes import read_node_sleep
from ingest.mysensors.protocol import SetReq
from ingest.orders.audit import audit
from ingest.orders.node_orders import set_channel
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import find_sensor
from ingest.orders.ups_orders import place, plan_command
from outbound.plan.model import StepOutcome, StepState
from outbound.plan.store import PlacedOrder
from reporting.formatting import format_length

NOT_FOUND = 404  # of a RefusedError
HEARD = """select 1 from nodes n join gateways g on g.id = n.gateway
where g.name = ? and n.node_id <> 0 limit 1"""
WELL = ("done", "echoed", "sent")  # the last one: nothing answers it
STATES = {
    "outbox": "select state, reason, done_at from outbox where id = ?",
    "ups_orders": "select state, reason, done_at from ups_orders where id = ?",
}
ACTIONS = {"outbox": "set value", "ups_orders": "ups_order"}  # as the audit has them


def actor_of(plan: str) -> str:
    """Who orders it, as orders and the audit have it."""
    return f"plan:{plan}"


def place_order(connection: sqlite3.Connection, step: PlanAction, plan: str, config: Config) -> PlacedOrder:
    """Place the order of a step, inside the open transaction. Raises RefusedError."""
    before, connection.row_factory = connection.row_factory, sqlite3.Row
    try:
        if step.node is not None:
            table, done, detail = "outbox", *_order_node(connection, step.node, plan, config)
        else:
            assert step.command is not None
            table, done, detail = "ups_orders", *_order_ups(connection, step.command, plan, config)
    finally:
        connection.row_factory = before
    order = PlacedOrder(table, int(done.data["ids"][0] if table == "outbox" else done.data["order"]))
    connection.execute(
        f"update {table} set expires_at = min(expires_at, ?) where id = ?",
        (format_utc(time.time() + step.timeout_s), order.id),
    )
    audit(connection, actor_of(plan), ACTIONS[table], done.subject, detail, "done")
    raise_topics(connection, (table,))
    return order


def order_problem(connection: sqlite3.Connection, step: PlanAction, config: Config) -> str:
    """Why what a step orders would not be done now; '' where nothing that is stored tells of it.

    What was never heard or read yet is no problem: it is not known.
    """
    try:
        if step.node is not None:
            return _node_problem(connection, step.node, step.timeout_s)
        if step.command is not None:
            plan_command(connection, step.command.ups, step.command.name, step.command.value, config.ups)
    except RefusedError as error:
        return "" if error.status == NOT_FOUND else "; ".join(error.errors)
    return ""


def _node_problem(connection: sqlite3.Connection, step: NodeStep, timeout_s: float) -> str:
    gateway, _, _ = step.node.partition("/")
    if connection.execute(HEARD, (gateway,)).fetchone() is None:
        return ""
    try:
        sensor = find_sensor(connection, step.node)
    except RefusedError:
        return f"there is no sensor {step.node}: /nodes on the site has those that were presented"
    type = connection.execute("select type from sensors where id = ?", (sensor.id,)).fetchone()[0]
    if find_control(type, SetReq[step.type]) is None:
        return f"{step.type} of {sensor.label} is reported by the node and not set"
    sleep = read_node_sleep(connection, sensor.id // 256)
    if not sleep.awaits_window or (sleep.interval_s is not None and sleep.interval_s <= timeout_s):
        return ""
    every = "" if sleep.interval_s is None else f", and listens every {format_length(sleep.interval_s)}"
    return f"{sensor.label} sleeps{every}: timeout_s, {timeout_s:g} s, is too short for that"


def _order_node(
    connection: sqlite3.Connection, step: NodeStep, plan: str, config: Config
) -> tuple[Done, str]:
    sensor = find_sensor(connection, step.node)
    channel = sensor.id * 256 + SetReq[step.type]
    done = set_channel(connection, channel, step.value, actor_of(plan), config.timezone)
    return done, f"{step.type}={step.value}"


def _order_ups(
    connection: sqlite3.Connection, step: CommandStep, plan: str, config: Config
) -> tuple[Done, str]:
    order = plan_command(connection, step.ups, step.name, step.value, config.ups)
    done = place(connection, order, step.confirm, actor_of(plan))
    return done, " ".join(filter(None, (step.name, step.value)))


def order_outcome(connection: sqlite3.Connection, order: PlacedOrder) -> StepOutcome | None:
    """What came of an order; None while it is under way."""
    row = connection.execute(STATES[order.table], (order.id,)).fetchone()
    if row is None:
        return StepOutcome(StepState.FAILED, f"order {order.id}: its row is gone")
    state, reason, done_at = row
    if state in ("queued", "sent") and done_at is None:
        return None
    text = ": ".join(filter(None, (f"order {order.id} {state}", reason)))
    if state == "unknown":
        return StepOutcome(StepState.UNKNOWN, text)
    return StepOutcome(StepState.DONE if state in WELL else StepState.FAILED, text)


def refusal_text(error: RefusedError) -> str:
    """Why an order was refused."""
    return f"refused: {'; '.join(error.errors)}"
