"""The nodes of an OTA update, and whether a firmware can reach them."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from ingest.mysensors.settings import GatewayOptions
from ingest.orders.numbers import parse_number
from ingest.orders.outcome import RefusedError
from ingest.orders.subjects import find_node, node_label
from ota.image import BLOCK_SIZES, image_refusal
from ota.wire import UNSET

MAX_NUMBER = 65535  # of a type or version
NODES = """select n.id, n.name, g.name as gateway, n.node_id, g.configured,
  f.type, f.version, f.blocks, f.crc, f.bootloader, f.block_size
from nodes n join gateways g on g.id = n.gateway left join node_firmware f on f.node = n.id """


class TargetFirmware(NamedTuple):
    """What of a stored firmware decides whether a node takes it. `blocks` are of 16 bytes."""

    id: int
    type: int
    version: int
    blocks: int
    crc: int

    @property
    def label(self) -> str:
        """`type/version`."""
        return f"{self.type}/{self.version}"


class TargetNode(NamedTuple):
    """A node with what it reported of its firmware and bootloader; None where it reported nothing."""

    id: int
    name: str
    gateway: str
    node_id: int
    configured: int
    type: int | None
    version: int | None
    blocks: int | None
    crc: int | None
    bootloader: int | None
    block_size: int | None

    @property
    def label(self) -> str:
        """As in `Greenhouse (main/12)`."""
        return node_label(self.name, self.gateway, self.node_id)

    def runs(self, firmware: TargetFirmware) -> bool:
        """True when the node has reported this very image."""
        return (
            (self.type, self.version) == (firmware.type, firmware.version)
            and (self.blocks or 0) * (self.block_size or 16) == firmware.blocks * 16
            and self.crc == firmware.crc
        )


def read_version(text: str, name: str) -> tuple[int, int]:
    """(type, version) of a text such as 33/4. Raises RefusedError."""
    type, slash, version = text.partition("/")
    if not slash:
        raise RefusedError(400, f"{name} is needed as type/version, such as 33/4")
    return parse_number(type, "type", MAX_NUMBER), parse_number(version, "version", MAX_NUMBER)


def find_target(connection: sqlite3.Connection, text: str) -> TargetNode:
    """The node with this id or `GATEWAY/NODE_ID`. Raises RefusedError."""
    node = find_node(connection, text)
    return TargetNode(*connection.execute(NODES + "where n.id = ?", (node.id,)).fetchone())


def unreachable_reason(gateways: Iterable[GatewayOptions], node: TargetNode) -> str | None:
    """Why no firmware reaches this node, whatever it is, or None."""
    if node.node_id == 0:
        return f"{node.label} is the gateway itself, which takes no firmware over the air"
    config = next((one for one in gateways if one.name == node.gateway), None)
    if config is None or not node.configured:
        return f"{node.label}: its gateway {node.gateway} is not in the config"
    if not config.controller:
        return f"{node.label}: gateway {node.gateway} is listened to only (controller: false)"
    return None


def update_refusal(
    connection: sqlite3.Connection,
    gateways: Iterable[GatewayOptions],
    node: TargetNode,
    firmware: TargetFirmware,
    confirmed: bool,
) -> str | None:
    """Why this node cannot be updated to this firmware, or None. `confirmed`: another type is meant."""
    unreachable = unreachable_reason(gateways, node)
    if unreachable:
        return unreachable
    block_size = node.block_size if node.block_size in BLOCK_SIZES else None
    refused = image_refusal(firmware.blocks, node.bootloader, block_size)
    if refused:
        return f"{node.label}: {refused}"
    if node.type not in (None, UNSET, firmware.type) and not confirmed:
        return (
            f"{node.label} runs type {node.type}, the image is of type {firmware.type}: "
            "send confirm=1 (tick the box) to confirm"
        )
    command = waiting_command(connection, node)
    if command is not None:
        return f"{node.label}: bootloader command {command} is under way: wait for its end, or cancel it"
    return None


def waiting_command(connection: sqlite3.Connection, node: TargetNode) -> int | None:
    """The id of a bootloader command that is under way for the node, or None."""
    row = connection.execute(
        "select id from ota_commands where node = ? and (state in ('queued', 'rebooting') "
        "or (state = 'sent' and sent_at is not null))",
        (node.id,),
    ).fetchone()
    return row["id"] if row else None
