"""What comes in: a message as an order, and the order placed by the same code that the site's actions use.

`PREFIX/ups/NAME/command` takes `COMMAND`, `COMMAND VALUE`, or JSON with `command`, `value` and `confirm`.
`PREFIX/node/GATEWAY/NODE_ID/CHILD/V_TYPE/set` takes the value. With `S_COVER` in place of the type it takes a
move of a cover, `V_UP`, `V_STOP` or `V_DOWN`, for programs that have one topic for these.
`PREFIX/node/GATEWAY/NODE_ID/update` takes `TYPE/VERSION`, `newest`, or JSON with `firmware` and `confirm`.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.config.model import Config
from ingest.mqtt.records import Published
from ingest.mysensors.protocol import SetReq
from ingest.orders.node_orders import set_channel
from ingest.orders.numbers import whole_number
from ingest.orders.ota_nodes import find_target, read_version
from ingest.orders.ota_updates import Rollout, choose_firmware, schedule
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import find_node
from ingest.orders.ups_orders import place, plan_command
from outbound.mqtt.topics import COVER, NEWEST, RESULT, Topics

MAX_PAYLOAD = 1024  # bytes
YES = ("1", "true", "yes", "on")
MOVES = ("V_UP", "V_STOP", "V_DOWN")  # of a cover


@dataclass(frozen=True)
class MqttOrder:
    """An order as a message has it. `names` are those in its topic; `topic` gets the result below it."""

    topic: str
    action: str  # as the audit has it: ups_order, set value, schedule_update
    table: str  # of the row that it makes
    names: Sequence[str]
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def result_topic(self) -> str:
        """Where the result goes."""
        return f"{self.topic}/{RESULT}"

    @property
    def is_confirmed(self) -> bool:
        """Whether the sender knows the risk."""
        return self.fields.get("confirm", "").lower() in YES


def read_order(topics: Topics, message: Published) -> MqttOrder:
    """The order that a message is. Raises RefusedError.

    A retained message was meant for some moment before, and would be carried out at every new connection.
    """
    names: Sequence[str]
    match topics.split(message.topic):
        case ("ups", name, "command"):
            action, table, names = "ups_order", "ups_orders", (name,)
        case ("node", gateway, node_id, child_id, type, "set"):
            action, table, names = "set value", "outbox", (gateway, node_id, child_id, type)
        case ("node", gateway, node_id, "update"):
            action, table, names = "schedule_update", "ota_updates", (gateway, node_id)
        case _:
            raise RefusedError(404, f"{message.topic[:200]} takes no orders")
    subject = "/".join(names)[:200]
    if message.retained:
        raise RefusedError(
            409, "a retained order is not carried out: publish it without retain", subject=subject
        )
    if len(message.payload) > MAX_PAYLOAD:
        raise RefusedError(413, f"the payload is larger than {MAX_PAYLOAD} bytes", subject=subject)
    try:
        text = message.payload.decode()
    except UnicodeDecodeError:
        raise RefusedError(400, "the payload is not UTF-8", subject=subject) from None
    fields = {} if action == "set value" else _fields(text, subject)
    return MqttOrder(message.topic, action, table, names, text, fields)


def _fields(text: str, subject: str) -> Mapping[str, str]:
    """The members of a JSON object; none for a plain text."""
    if not text.lstrip().startswith("{"):
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the payload begins as JSON and is none", subject=subject) from None
    known = ("command", "value", "confirm", "firmware")
    strange = [name for name in content if name not in known]
    if strange or any(isinstance(one, dict | list) for one in content.values()):
        raise RefusedError(400, f"the payload is JSON with the keys {', '.join(known)}", subject=subject)
    return {
        name: "" if one is None else str(one).lower() if isinstance(one, bool) else str(one)
        for name, one in content.items()
    }


def carry_out(connection: sqlite3.Connection, order: MqttOrder, config: Config, actor: str) -> Done:
    """Place it inside the open transaction: the row that ingest carries out. Raises RefusedError.

    `data["ids"]` has the id of the row.
    """
    if order.action == "ups_order":
        return _order_ups(connection, order, config, actor)
    if order.action == "set value":
        return _set_value(connection, order, config, actor)
    return _update_node(connection, order, config, actor)


def _order_ups(connection: sqlite3.Connection, order: MqttOrder, config: Config, actor: str) -> Done:
    (name,) = order.names
    command, _, value = order.text.strip().partition(" ")
    if order.fields:
        command, value = order.fields.get("command", ""), order.fields.get("value", "")
    if not command:
        raise RefusedError(400, "a command is needed, such as test.battery.start.quick", subject=name)
    plan = plan_command(connection, name, command, value.strip() or None, config.ups)
    if plan.ups.name != name:  # an id is no name here
        raise RefusedError(404, f"No UPS {name}", subject=name)
    try:
        done = place(connection, plan, order.is_confirmed, actor)
    except RefusedError as error:
        if plan.risk and not order.is_confirmed:
            text = f'{command}: {plan.risk}. Send {{"command": "{command}", "confirm": true}} to confirm'
            raise RefusedError(409, text, subject=name) from error
        raise
    return done._replace(data={"ids": [done.data["order"]]})


def _set_value(connection: sqlite3.Connection, order: MqttOrder, config: Config, actor: str) -> Done:
    gateway, node_id, child_id, type = order.names
    node = find_node(connection, f"{gateway}/{node_id}")
    child, value = whole_number(child_id, digits=3), order.text
    if type == COVER:
        if value not in MOVES:
            raise RefusedError(400, f"a cover takes {', '.join(MOVES)}", subject=node.label)
        type, value = value, "1"
    if child is None or child > 255 or type not in SetReq.__members__:
        raise RefusedError(404, f"{child_id}/{type} is no channel", subject=node.label)
    channel = (node.id * 256 + child) * 256 + SetReq[type]
    return set_channel(connection, channel, value, actor, config.timezone)


def _update_node(connection: sqlite3.Connection, order: MqttOrder, config: Config, actor: str) -> Done:
    node = find_target(connection, "/".join(order.names))
    wanted = order.fields.get("firmware", "") if order.fields else order.text.strip()
    if wanted == NEWEST:
        newest = connection.execute(
            "select max(version) from firmware where type = ?", (node.type,)
        ).fetchone()[0]
        if newest is None:
            raise RefusedError(409, f"No firmware of the type of {node.label} is stored", subject=node.label)
        wanted = f"{node.type}/{newest}"
    firmware = choose_firmware(connection, *read_version(wanted, "firmware"))
    return schedule(connection, config.gateways, Rollout([node], firmware, order.is_confirmed, actor))
