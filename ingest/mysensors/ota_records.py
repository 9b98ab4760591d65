"""What the dialogue with gateways and the sink of firmware updates hand to each other.

`OtaRecord`: from the dialogue, to be stored. `OtaChange`: from the tables, what users changed.
`StoredOtaState`: what the dialogue starts with.
"""

from typing import NamedTuple

from ota.command import CommandOrder
from ota.server import StoredFirmware
from ota.update import OtaUpdate
from ota.wire import ConfigRequest


class ChangedUpdate(NamedTuple):
    """An update whose row is to be saved; `snapshot` is a copy, since the dialogue goes on meanwhile."""

    update: OtaUpdate
    snapshot: OtaUpdate


class RefusedUpdate(NamedTuple):
    """An update that the dialogue never took on: how it ends, and why."""

    id: int
    state: str
    reason: str


class FirmwareReport(NamedTuple):
    """The configuration that a node reported."""

    node: int
    request: ConfigRequest


class NodeAttention(NamedTuple):
    """What a person should know of a node's firmware; empty when there is nothing any more."""

    node: int
    text: str


class UnreadablePayload(NamedTuple):
    """A stream payload that could not be read, for `rejects`."""

    source: str
    line: str
    reason: str


class CommandState(NamedTuple):
    """What became of a bootloader command; with `before`, only where the row is in this state."""

    id: int | None
    state: str
    reason: str
    reboots: int = 0
    sent_at: float | None = None
    given_ids: str = ""
    new_node_id: int | None = None
    before: str | None = None

    @classmethod
    def of(cls, order: CommandOrder) -> "CommandState":
        """Take the state that an order has now."""
        given = ",".join(map(str, order.given_ids))
        return cls(
            order.id, order.state, order.reason, order.reboots, order.sent_at, given, order.new_node_id
        )


OtaRecord = ChangedUpdate | RefusedUpdate | FirmwareReport | NodeAttention | UnreadablePayload | CommandState


class DeletedFirmware(NamedTuple):
    """A firmware whose row is gone."""

    id: int


class CancelledUpdate(NamedTuple):
    """An update that a user cancelled."""

    id: int
    node: int
    user: str


class CancelledCommand(NamedTuple):
    """A bootloader command that a user cancelled."""

    id: int
    node: int
    user: str


OtaChange = StoredFirmware | DeletedFirmware | OtaUpdate | CancelledUpdate | CommandOrder | CancelledCommand


class NodeFirmware(NamedTuple):
    """What is stored of a node: its last configuration request, and what a person should know."""

    node: int
    request: ConfigRequest | None
    sleeping: bool
    attention: str | None


class StoredOtaState(NamedTuple):
    """What the tables hold at the start, as far as the dialogue needs it."""

    firmware: list[StoredFirmware]
    nodes: list[NodeFirmware]
    updates: list[OtaUpdate]  # open, or with an unfinished image; oldest first
    commands: list[CommandOrder]
