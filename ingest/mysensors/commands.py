"""Orders of users to nodes: rows of `outbox` on their way to the gateway, or to a node in its window.

An order asks the node's library for an echo. What is echoed has reached the node; whether the sketch acts on
it is another matter. Awake nodes are sent an unechoed order a few times; sleeping ones are sent it in each
window until it expires.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.db.time import format_utc
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    LineError,
    Presentation,
    format_line,
    validate_outgoing,
)

ORDERS = {
    "presentation": (Internal.I_PRESENTATION, ""),
    "reboot": (Internal.I_REBOOT, ""),
    "heartbeat": (Internal.I_HEARTBEAT_REQUEST, ""),
    "signal": (Internal.I_SIGNAL_REPORT_REQUEST, "R"),
}
PRESENTATION_TYPES = (Internal.I_PRESENTATION, Internal.I_REBOOT)  # a node presents itself upon these
ANSWERS: dict[tuple[int, int], tuple[Internal, ...]] = {  # a message -> the orders that it answers
    (Command.presentation, Presentation.S_ARDUINO_NODE): PRESENTATION_TYPES,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): PRESENTATION_TYPES,
    (Command.internal, Internal.I_HEARTBEAT_RESPONSE): (Internal.I_HEARTBEAT_REQUEST,),
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): (Internal.I_SIGNAL_REPORT_REQUEST,),
}
# Between two orders of one gateway: it handles a line a loop, and a radio has one buffer.
ORDER_INTERVAL_S = 0.1
PRESENTATION_INTERVAL_S = 0.5  # after a presentation request: each is answered by a burst of messages
MAX_TRIES = 3
WINDOW_MARGIN_S = 0.1  # nothing is sent so close to the end of a window
RETRY_S = 0.5  # between two looks at orders that cannot be sent now


class OutboxRow(NamedTuple):
    """An order as it stands in `outbox`: the name of one of ORDERS, or a line."""

    id: int
    node_id: int
    order: str | None
    line: str | None
    expires_at: str


@dataclass
class NodeOrder:
    """One order. Times are UTC texts for rows, seconds of the monotonic clock for waiting."""

    id: int
    node_id: int
    line: str
    header: Header
    expires_at: str
    tries: int = 0
    sent: float = 0.0
    sent_at: str | None = None

    @property
    def requests_presentation(self) -> bool:
        """Whether the node presents itself upon this order."""
        return self.header.command == Command.internal and self.header.type in PRESENTATION_TYPES


class NodeOrderChange(NamedTuple):
    """What is to be written to a row of `outbox`; None leaves `sent_at` and `line` as they are."""

    id: int
    state: str
    sent_at: str | None = None
    done_at: str | None = None
    reason: str = ""
    line: str | None = None


def parse_order(row: OutboxRow, listen_only: bool) -> NodeOrder:
    """Make the order of a row. Raises LineError where it cannot be sent."""
    if listen_only:
        raise LineError("this gateway is listened to only (controller: false)")
    if row.line:
        header, _ = validate_outgoing(row.line)
        is_broadcast = header.node == BROADCAST and row.node_id == GATEWAY_NODE
        if header.node != row.node_id and not is_broadcast:
            raise LineError(f"the line is for node {header.node}, the order is for node {row.node_id}")
        line = row.line + "\n"
    elif row.order in ORDERS:
        type, payload = ORDERS[row.order]
        header = Header(row.node_id, NODE_CHILD, Command.internal, 1, type)
        line = format_line(*header, payload)
    else:
        raise LineError(f"unknown order {row.order!r}: one of {', '.join(ORDERS)}, or a line")
    return NodeOrder(row.id, row.node_id, line, header, row.expires_at)


@dataclass
class ListenWindow:
    """A sleeping node listens until `end` (monotonic seconds)."""

    end: float
    sent: set[int] = field(default_factory=set)  # ids of the orders sent in it


@dataclass(eq=False)
class NodeOrderQueue:
    """The waiting and the sent orders of one gateway. `send_due()` decides what is sent now.

    `report` takes what has to be written to rows; `on_presentation_request(node_id)` is called for orders
    that make a node present itself; `echo_s` is how long an echo of an awake node may take.
    """

    transmitter: Transmitter
    is_sleeping: Callable[[int], bool]
    report: Callable[[NodeOrderChange], object]
    on_presentation_request: Callable[[int], object]
    echo_s: float = 5.0
    _waiting: deque[NodeOrder] = field(default_factory=deque, init=False)
    _sent: dict[int, NodeOrder] = field(default_factory=dict, init=False)  # by id, those without their echo
    _windows: dict[int, ListenWindow] = field(default_factory=dict, init=False)  # by node id
    _next: float = field(default=0.0, init=False)  # monotonic seconds

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def add(self, order: NodeOrder) -> None:
        """Take an order; a newer value for a channel replaces one that waits or would be sent again."""
        if order.header.command == Command.set:
            for other in [*self._waiting, *self._sent.values()]:
                if _is_same_channel(other.header, order.header):
                    if self._sent.pop(other.id, None) is None:
                        self._waiting.remove(other)
                    reason = f"replaced by order {order.id}"
                    self.report(NodeOrderChange(other.id, "expired", other.sent_at, reason=reason))
        self._waiting.append(order)

    def open_window(self, node_id: int, window_s: float, now: float) -> None:
        """The node announced that it listens for `window_s` and sleeps then."""
        self._windows[node_id] = ListenWindow(now + window_s - WINDOW_MARGIN_S)
        for order in [order for order in self._sent.values() if order.node_id == node_id]:
            del self._sent[order.id]
            self._waiting.appendleft(order)

    def forget(self, node_id: int) -> None:
        """The node is deleted, and its orders with it."""
        self._waiting = deque(order for order in self._waiting if order.node_id != node_id)
        self._sent = {id: order for id, order in self._sent.items() if order.node_id != node_id}
        self._windows.pop(node_id, None)

    def handle_echo(self, header: Header, now_at: str) -> None:
        """A message with the echo bit came: it closes the oldest order that it answers."""
        for order in self._sent.values():
            if order.header.echo and _is_same_channel(order.header, header):
                self._close(order, now_at)
                return

    def handle_answer(self, header: Header, now_at: str) -> bool:
        """A message that answers an order came: as good as an echo. Returns whether one was waiting."""
        answered = ANSWERS.get((header.command, header.type), ())
        orders = [
            order
            for order in self._sent.values()
            if order.node_id == header.node
            and order.header.command == Command.internal
            and order.header.type in answered
        ]
        for order in orders:
            self._close(order, now_at)
        return bool(orders)

    def _close(self, order: NodeOrder, now_at: str) -> None:
        del self._sent[order.id]
        self.report(NodeOrderChange(order.id, "echoed", order.sent_at, now_at))

    def send_due(self, now: float, wall: float) -> float | None:
        """Send what may be sent now; returns the seconds until it wants to be called again, or None."""
        self._expire(format_utc(wall))
        self._retry_unechoed(now, wall)
        self._windows = {node: window for node, window in self._windows.items() if window.end > now}
        for order in list(self._waiting):
            if now < self._next:
                break
            if self._may_send(order):
                self._waiting.remove(order)
                self._send(order, now, wall)
        if not self:
            return None
        return max(0.01, self._next - now) if any(map(self._may_send, self._waiting)) else RETRY_S

    def _may_send(self, order: NodeOrder) -> bool:
        if self.transmitter.is_held(order.node_id) or not self.transmitter.may_send(order.header):
            return False
        if self.is_sleeping(order.node_id):
            window = self._windows.get(order.node_id)
            return window is not None and order.id not in window.sent
        return True

    def _send(self, order: NodeOrder, now: float, wall: float) -> None:
        self.transmitter.send(order.line, order.header)
        order.tries += 1
        order.sent, order.sent_at = now, format_utc(wall)
        if order.node_id in self._windows:
            self._windows[order.node_id].sent.add(order.id)
        self._next = now + (PRESENTATION_INTERVAL_S if order.requests_presentation else ORDER_INTERVAL_S)
        if order.requests_presentation:
            self.on_presentation_request(order.node_id)
        if order.header.echo:
            self._sent[order.id] = order
        done_at = None if order.header.echo else order.sent_at  # nothing comes back for it, so it is done
        self.report(NodeOrderChange(order.id, "sent", order.sent_at, done_at, line=order.line.rstrip("\n")))

    def _retry_unechoed(self, now: float, wall: float) -> None:
        for order in [order for order in self._sent.values() if now - order.sent > self.echo_s]:
            del self._sent[order.id]
            if self.is_sleeping(order.node_id) or order.tries < MAX_TRIES:
                self._waiting.append(order)
            else:
                reason = f"no echo after {order.tries} tries: the node is off, out of reach or asleep"
                self.report(NodeOrderChange(order.id, "failed", order.sent_at, format_utc(wall), reason))

    def _expire(self, at: str) -> None:
        for order in [order for order in self._waiting if order.expires_at <= at]:
            self._waiting.remove(order)
            reason = self.transmitter.hold_reason(order.node_id)
            if not reason:
                is_sleeping = self.is_sleeping(order.node_id)
                reason = "the node did not wake in time" if is_sleeping else "its lifetime ended"
            self.report(NodeOrderChange(order.id, "expired", order.sent_at, at, f"expired: {reason}"))


def _is_same_channel(one: Header, other: Header) -> bool:
    return one[:3] == other[:3] and one.type == other.type
