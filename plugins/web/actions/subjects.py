"""The nodes and UPSes that forms name."""

import sqlite3
from typing import NamedTuple

from plugins.web.forms import RefusedError

NODE_HELP = "an id of the table nodes, or GATEWAY/NODE_ID"
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


class UpsRef(NamedTuple):
    """A row of `ups`: its key and name."""

    id: int
    name: str


def node_label(name: str, gateway: str, *ids: int) -> str:
    """A node as messages and audit rows name it: `Greenhouse (main/12)`; a sensor has its child id behind."""
    return f"{name} ({'/'.join(map(str, (gateway, *ids)))})"


def find_node(connection: sqlite3.Connection, text: str) -> NodeRef:
    """The node with this id or `GATEWAY/NODE_ID`. Raises RefusedError."""
    gateway, slash, number = text.strip().rpartition("/")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise RefusedError(400, f"node is needed: {NODE_HELP}")
    sql = "select n.id, n.name, g.name, n.node_id from nodes n join gateways g on g.id = n.gateway where "
    if slash:
        row = connection.execute(sql + "g.name = ? and n.node_id = ?", (gateway, int(number))).fetchone()
    else:
        row = connection.execute(sql + "n.id = ?", (int(number),)).fetchone()
    if row is None:
        raise RefusedError(404, f"No node {text}: the table nodes has no such id")
    return NodeRef(*row)


def find_ups(connection: sqlite3.Connection, text: str) -> UpsRef:
    """The UPS with this name or id. Raises RefusedError."""
    text = text.strip()
    if not text:
        raise RefusedError(400, f"ups is needed: {UPS_HELP}")
    row = connection.execute("select id, name from ups where name = ?", (text,)).fetchone()
    if row is None and text.isascii() and text.isdigit() and len(text) <= 9:
        row = connection.execute("select id, name from ups where id = ?", (int(text),)).fetchone()
    if row is None:
        raise RefusedError(404, f"No UPS {text}: the table ups has no such name or id")
    return UpsRef(*row)
