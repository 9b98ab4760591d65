"""The nodes and UPSes that forms name."""

import sqlite3
from typing import NamedTuple

from ingest.orders.numbers import whole_number
from ingest.orders.outcome import RefusedError

NODE_HELP = "an id of the table nodes, or GATEWAY/NODE_ID"
NODE = "select n.id, n.name, g.name, n.node_id from nodes n join gateways g on g.id = n.gateway where "
SENSOR_HELP = "an id of the table sensors, or GATEWAY/NODE_ID/CHILD_ID"
SENSOR = """select s.id, s.name, g.name, n.node_id, s.child_id from sensors s join nodes n on n.id = s.node
join gateways g on g.id = n.gateway where """
# A name that is a number goes before the id.
UPS = (
    "select id, name, label, configured, driver from ups where name = ? or id = ? order by name <> ? limit 1"
)
UPS_HELP = "a name such as rack@closet, or an id of the table ups"


class NodeRef(NamedTuple):
    """A row of `nodes`: its key, name, the name of its gateway, its MySensors node id."""

    id: int
    name: str
    gateway: str
    node_id: int

    @property
    def label(self) -> str:
        """As in `Greenhouse (main/12)`."""
        return node_label(self.name, self.gateway, self.node_id)


class SensorRef(NamedTuple):
    """A row of `sensors`: its key, name, the name of its gateway, its MySensors node id and child id."""

    id: int
    name: str
    gateway: str
    node_id: int
    child_id: int

    @property
    def label(self) -> str:
        """As in `Greenhouse · Air (main/12/1)`."""
        return node_label(self.name, self.gateway, self.node_id, self.child_id)


class UpsRef(NamedTuple):
    """A row of `ups`: its key, name, label, whether it is read, and how ('nut' or 'must')."""

    id: int
    name: str
    label: str
    configured: int
    driver: str


def node_label(name: str, gateway: str, *ids: int) -> str:
    """A node as messages and audit rows name it: `Greenhouse (main/12)`; a sensor has its child id behind."""
    return f"{name} ({'/'.join(map(str, (gateway, *ids)))})"


def find_row(
    connection: sqlite3.Connection, sql: str, params: tuple[object, ...], missing: str
) -> sqlite3.Row:
    """The row that a form names. Raises RefusedError with the text `missing`."""
    row: sqlite3.Row | None = connection.execute(sql, params).fetchone()
    if row is None:
        raise RefusedError(404, missing)
    return row


def find_node(connection: sqlite3.Connection, text: str) -> NodeRef:
    """The node with this id or `GATEWAY/NODE_ID`. Raises RefusedError."""
    gateway, slash, digits = text.strip().rpartition("/")
    number = whole_number(digits)
    if number is None:
        raise RefusedError(400, f"node is needed: {NODE_HELP}")
    where, params = ("g.name = ? and n.node_id = ?", (gateway, number)) if slash else ("n.id = ?", (number,))
    return NodeRef(
        *find_row(connection, NODE + where, params, f"No node {text}: the table nodes has no such id")
    )


def find_sensor(connection: sqlite3.Connection, text: str) -> SensorRef:
    """The sensor with this id or `GATEWAY/NODE_ID/CHILD_ID`. Raises RefusedError."""
    gateway, *digits = text.strip().split("/") if "/" in text else ("", text.strip())
    numbers = tuple(whole_number(part, digits=12) for part in digits)
    if None in numbers or len(numbers) != (2 if gateway else 1):
        raise RefusedError(400, f"sensor is needed: {SENSOR_HELP}")
    where = "g.name = ? and n.node_id = ? and s.child_id = ?" if gateway else "s.id = ?"
    params = (gateway, *numbers) if gateway else numbers
    missing = f"No sensor {text.strip()}: the table sensors has no such id"
    return SensorRef(*find_row(connection, SENSOR + where, params, missing))


def find_ups(connection: sqlite3.Connection, text: str, by_id: bool = False) -> UpsRef:
    """The UPS with this name or id, or only `by_id`. Raises RefusedError."""
    text = text.strip()
    if not text:
        raise RefusedError(400, f"ups is needed: {UPS_HELP}")
    missing = f"No UPS {text}: the table ups has no such name or id"
    return UpsRef(*find_row(connection, UPS, (None if by_id else text, whole_number(text), text), missing))
