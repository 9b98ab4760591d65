"""Controls of channels on pages: what may be set, what is wanted, and what became of the last order.

wanted -> sent -> echoed -> reported: an order is a row of `outbox`; the node's library echoes it; the sketch
reports a value when it has acted on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.mysensors.channel_controls import ChannelControl, find_control, offered_types
from ingest.mysensors.protocol import TYPES, Command, LineError, parse_line, type_name
from plugins.web.endpoint import Json
from plugins.web.query import Row
from reporting.message_text import VALUES

ORDERS_READ = 200  # of a node; the last one of each channel is shown
QUERIES = {
    "sensors": """select s.id, s.child_id, s.type, s.type_name, s.name, s.label, s.description from sensors s
      where s.node = :node order by s.child_id""",
    "channels": """select id, sensor, type, type_name, name, text, last_at, wanted, wanted_at, wanted_order,
      wanted_newer, (select href from channel_units where channel = channels.id) as href
      from channels where node = :node order by id""",
    "orders": f"""select id, line, state, reason, created_at, created_by, sent_at, done_at
      from (select * from outbox order by id desc limit 1000) where node = :node and line is not null
      order by id desc limit {ORDERS_READ}""",
}
WAITING = ("queued", "sent")
ORDER_SYMBOLS = {  # what the form of a message offers, by command; stream lines have actions of their own
    label: [type.name for type in TYPES[command][1]]
    for label, command in (
        ("set and req", Command.set),
        ("internal", Command.internal),
        ("presentation", Command.presentation),
    )
}


class ControlledChannel(NamedTuple):
    """A channel with its control. `order` is the last one for it; `wanted` is None without any."""

    id: int
    type: str  # its V_ symbol
    control: ChannelControl
    title: str  # what the value is, where the sensor has several
    text: str | None
    last_at: str | None
    wanted: str | None
    wanted_at: str | None
    order: Row | None
    href: str  # of its page; '' where it was never reported

    @property
    def is_waiting(self) -> bool:
        """True while the order may still be sent, echoed or answered by a report."""
        return self.order is not None and self.order["state"] in WAITING and not self.order["done_at"]

    @property
    def is_reported(self) -> bool:
        """True when a report that came after the last order has the wanted value."""
        return (
            self.wanted is not None
            and self.text is not None
            and self.last_at is not None
            and same_value(self.wanted, self.text)
            and self.last_at >= (self.wanted_at or "")
        )


class ControlledSensor(NamedTuple):
    """A sensor and those of its channels that can be set."""

    id: int
    name: str
    child_id: int
    type: str | None  # its S_ symbol
    channels: list[ControlledChannel]

    @property
    def buttons(self) -> list[ControlledChannel]:
        """The channels that are pressed: up, stop, down."""
        return [channel for channel in self.channels if channel.control.kind == "button"]

    @property
    def others(self) -> list[ControlledChannel]:
        """The channels that have a value."""
        return [channel for channel in self.channels if channel.control.kind != "button"]


def same_value(one: str, other: str) -> bool:
    """True for 50 and 50.0, FF0000 and ff0000."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one.lower() == other.lower()


def controlled_sensors(found: Mapping[str, Sequence[Row] | None]) -> list[ControlledSensor]:
    """The sensors of a node that have a control, by the rows of QUERIES."""
    channels: dict[int, dict[int, Row]] = {}
    for channel in found["channels"] or []:
        channels.setdefault(channel["sensor"], {})[channel["type"]] = channel
    orders = last_orders(found["orders"] or [])
    sensors = []
    for sensor in found["sensors"] or []:
        own = channels.get(sensor["id"], {})
        controlled = [
            _controlled(sensor, type, own.get(type), orders)
            for type in offered_types(sensor["type"], set(own))
        ]
        if controlled:
            name = sensor["label"] or sensor["description"] or sensor["name"]
            sensors.append(
                ControlledSensor(sensor["id"], name, sensor["child_id"], sensor["type_name"], controlled)
            )
    return sensors


def find_controlled(channel: int, found: Mapping[str, Sequence[Row] | None]) -> ControlledChannel | None:
    """A channel of `channels` by its id, None for one that is only reported."""
    row = next((row for row in found["channels"] or [] if row["id"] == channel), None)
    sensor = next((row for row in found["sensors"] or [] if row["id"] == channel // 256), None)
    if row is None or sensor is None or find_control(sensor["type"], row["type"]) is None:
        return None
    return _controlled(sensor, row["type"], row, last_orders(found["orders"] or []))


def last_orders(orders: Iterable[Row]) -> dict[tuple[int, int], Row]:
    """(child, V_ type) -> the last order that sets it, with its `payload`; rows begin with the last."""
    last: dict[tuple[int, int], Row] = {}
    for order in orders:
        try:
            header, payload = parse_line(order["line"])
        except LineError:
            continue
        if header.command == Command.set:
            last.setdefault((header.child, header.type), order | {"payload": payload})
    return last


def _controlled(
    sensor: Row, type: int, channel: Row | None, orders: Mapping[tuple[int, int], Row]
) -> ControlledChannel:
    control, symbol = find_control(sensor["type"], type), type_name(Command.set, type)
    assert control is not None
    row: Json = channel or {}
    order = orders.get((sensor["child_id"], type))
    wanted, wanted_at = row.get("wanted"), row.get("wanted_at")
    if order is not None and (wanted_at or "") <= order["created_at"]:  # not read by ingest yet
        wanted, wanted_at = order["payload"], order["created_at"]
    return ControlledChannel(
        256 * sensor["id"] + type,
        symbol,
        control,
        VALUES.get(symbol, symbol),
        row.get("text"),
        row.get("last_at"),
        wanted,
        wanted_at,
        order,
        channel["href"] if channel else "",
    )
