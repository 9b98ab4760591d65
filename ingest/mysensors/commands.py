"""Orders of users to nodes: rows of `outbox`, what they send, and what answers them. Pure.

When they are sent is decided in `node_order_queue`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    LineError,
    Message,
    Presentation,
    SetReq,
    format_line,
    validate_outgoing,
)

ORDERS = {
    "presentation": (Internal.I_PRESENTATION, ""),
    "reboot": (Internal.I_REBOOT, ""),
    "heartbeat": (Internal.I_HEARTBEAT_REQUEST, ""),
    "signal": (Internal.I_SIGNAL_REPORT_REQUEST, "R"),
}
EMPTY = "0"  # an empty payload as it reaches the node: `core/MyProtocol.cpp` makes a byte of it
PRESENTATION_TYPES = (Internal.I_PRESENTATION, Internal.I_REBOOT)  # a node presents itself upon these
ANSWERS: dict[tuple[int, int], tuple[Internal, ...]] = {  # a message -> the orders that it answers
    (Command.presentation, Presentation.S_ARDUINO_NODE): PRESENTATION_TYPES,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): PRESENTATION_TYPES,
    (Command.internal, Internal.I_HEARTBEAT_RESPONSE): (Internal.I_HEARTBEAT_REQUEST,),
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): (Internal.I_SIGNAL_REPORT_REQUEST,),
}
# What takes effect anew each time that it arrives: sent again only where it is known not to have arrived.
ONCE_ONLY: frozenset[tuple[int, int]] = frozenset(
    {
        (Command.set, SetReq.V_SCENE_ON),
        (Command.set, SetReq.V_SCENE_OFF),
        (Command.set, SetReq.V_IR_SEND),
        (Command.set, SetReq.V_IR_RECORD),
        (Command.internal, Internal.I_REBOOT),
        (Command.internal, Internal.I_DEBUG),
    }
)


# Messages by which a node changes what it stores of itself, while its sketch runs (`core/MyTransport.cpp`).
# The commands to its bootloader do the same, ask for another right and check first.
STORED_BY_NODES = {
    Internal.I_ID_RESPONSE: ("gives a node an id", "set_node_id"),
    Internal.I_FIND_PARENT_RESPONSE: ("gives a node a parent", "set_parent"),
}
ERASE = "E"  # of I_DEBUG: erases what the library stores in the EEPROM (`core/MySensorsCore.cpp`)


class OutboxRow(NamedTuple):
    """An order as it stands in `outbox`: the name of one of ORDERS, or a line."""

    id: int
    node_id: int
    order: str | None
    line: str | None
    expires_at: str
    created_at: str = ""


@dataclass
class NodeOrder:
    """One order. Times are UTC texts for rows, seconds of the monotonic clock for waiting.

    `windows` of its `tries` were in announced windows, and so was the last one where `in_window` is True.
    `is_recorded`: the file has it as sent; `came_late`: a window was over by then. `reason` is what stands in
    its row; `other_echo` is the payload of an echo that was not its own.
    """

    id: int
    node_id: int
    line: str
    header: Header
    payload: str
    expires_at: str
    created_at: str = ""
    tries: int = 0
    windows: int = 0
    sent: float = 0.0
    sent_at: str | None = None
    in_window: bool = False
    is_probed: bool = False
    is_recorded: bool = False
    came_late: bool = False
    reason: str = ""
    other_echo: str | None = None

    @property
    def requests_presentation(self) -> bool:
        """Whether the node presents itself upon this order."""
        return self.header.command == Command.internal and self.header.type in PRESENTATION_TYPES

    @property
    def is_reboot(self) -> bool:
        """Whether the node restarts upon this order."""
        return self.header.command == Command.internal and self.header.type == Internal.I_REBOOT

    @property
    def is_repeatable(self) -> bool:
        """Whether a second arrival changes nothing."""
        return (
            self.header.command != Command.stream and (self.header.command, self.header.type) not in ONCE_ONLY
        )

    @property
    def value(self) -> tuple[Header, str] | None:
        """The Header of a report of the channel and the wanted value, where this order sets one."""
        node, child, command, _, type = self.header
        if command != Command.set or node == BROADCAST:
            return None
        return Header(node, child, Command.set, 0, type), self.payload or EMPTY

    def is_echo(self, header: Header, payload: str) -> bool:
        """Whether an echo is that of this order: the library sends back what reached the node."""
        if not self.header.echo or not is_same_channel(self.header, header):
            return False
        if self.header.command == Command.stream:  # a gateway writes upper-case hex
            return (self.payload or EMPTY).upper() == (payload.upper() or EMPTY)
        return (self.payload or EMPTY) == (payload or EMPTY)


class NodeOrderChange(NamedTuple):
    """What is to be written to a row of `outbox`; None leaves `sent_at` and `line` as they are."""

    id: int
    state: str
    sent_at: str | None = None
    done_at: str | None = None
    reason: str = ""
    line: str | None = None


def is_same_channel(one: Header, other: Header) -> bool:
    """Whether two messages are of the same node, child, command and type."""
    return one[:3] == other[:3] and one.type == other.type


def parse_order(row: OutboxRow, listen_only: bool) -> NodeOrder:
    """Make the order of a row. Raises LineError where it cannot be sent."""
    if listen_only:
        raise LineError("this gateway is listened to only (controller: false)")
    if row.line:
        header, payload = check_ordered_line(row.line, row.node_id)
        line = row.line + "\n"
    elif row.order in ORDERS:
        type, payload = ORDERS[row.order]
        header = Header(row.node_id, NODE_CHILD, Command.internal, 1, type)
        line = format_line(*header, payload)
    else:
        raise LineError(f"unknown order {row.order!r}: one of {', '.join(ORDERS)}, or a line")
    return NodeOrder(row.id, row.node_id, line, header, payload, row.expires_at, row.created_at)


def check_ordered_line(line: str, node_id: int) -> Message:
    """A line that may be ordered for a node. Raises LineError with the remedy.

    Stream lines carry firmware: a wrong one can leave a node without a sketch, and a bootloader's command
    erases its EEPROM. They have actions of their own, which check them and ask for another right.
    """
    header, payload = validate_outgoing(line)
    if header.command == Command.stream:
        raise LineError(
            "stream lines (command 4) carry firmware and are sent by the actions on /-/ota alone: "
            "POST /-/ota/updates, /-/ota/commands"
        )
    if header.command == Command.internal:
        _refuse_stored(header, payload)
    if header.node == BROADCAST and node_id != GATEWAY_NODE:
        raise LineError(
            f"the line is for node {BROADCAST}, a broadcast: its order is for the gateway's own node, 0"
        )
    if header.node not in (node_id, BROADCAST):
        raise LineError(f"the line is for node {header.node}, the order is for node {node_id}")
    return header, payload


def _refuse_stored(header: Header, payload: str) -> None:
    """Raise LineError for an internal message that does what a command to a bootloader does."""
    if header.type == Internal.I_DEBUG and payload.startswith(ERASE):
        effect, command = "with E erases a node's EEPROM", "erase_eeprom"
    elif header.type in STORED_BY_NODES:
        effect, command = STORED_BY_NODES[Internal(header.type)]
    else:
        return
    raise LineError(
        f"{Internal(header.type).name} {effect}: the actions on /-/ota alone do that, "
        f"POST /-/ota/commands with {command}"
    )
