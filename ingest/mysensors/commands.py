"""Orders of people to nodes: rows of `outbox` on their way through the gateway, to a sleeping node in its window.

An order asks the node's library for an echo. What is echoed has reached the node; whether the sketch acts on it is
another matter. Awake nodes get an unechoed order a few times; sleeping ones get it in each window until it expires.
"""

from collections import deque
from dataclasses import dataclass, field

from ingest.db.time import format_utc
from ingest.mysensors.protocol import (
    BROADCAST,
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
_PRESENTATION_TYPES = (Internal.I_PRESENTATION, Internal.I_REBOOT)
ANSWERS = {  # what comes -> the orders that it answers
    (Command.presentation, Presentation.S_ARDUINO_NODE): _PRESENTATION_TYPES,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): _PRESENTATION_TYPES,
    (Command.internal, Internal.I_HEARTBEAT_RESPONSE): (Internal.I_HEARTBEAT_REQUEST,),
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): (Internal.I_SIGNAL_REPORT_REQUEST,),
}
ORDER_INTERVAL_S = (
    0.1  # between two orders of one gateway: it handles a line a turn, and a radio has one buffer
)
PRESENTATION_INTERVAL_S = 0.5  # before a presentation request: each is answered by a burst of messages
ECHO_S = 5.0  # without an echo by then, an awake node is asked again
TRIES = 3
WINDOW_MARGIN_S = 0.1  # nothing is sent so close to the end of a window


@dataclass
class NodeOrder:
    """One row of the outbox. Times are seconds of the wall clock for rows, of the monotonic clock for waiting."""

    id: int
    node_id: int
    line: str
    header: Header
    expires_at: str
    wants_presentation: bool = False
    tries: int = 0
    sent: float = 0.0
    sent_at: str | None = None


@dataclass
class NodeOrderChange:
    """What is to be written to a row of the outbox."""

    id: int
    state: str
    sent_at: str | None = None
    done_at: str | None = None
    reason: str = ""
    line: str | None = None


def parse_order(row, listen_only):
    """A row (id, node_id, order, line, expires_at) as a NodeOrder. Raises LineError where it cannot be sent."""
    number, node_id, name, line, expires_at = row
    if listen_only:
        raise LineError("this gateway is listened to only (controller: false)")
    if line:
        header, _ = validate_outgoing(line)
        if header.node != node_id and not (header.node == BROADCAST and node_id == 0):
            raise LineError(f"the line is for node {header.node}, the order is for node {node_id}")
        line += "\n"
    elif name in ORDERS:
        type, payload = ORDERS[name]
        header = Header(node_id, NODE_CHILD, Command.internal, 1, type)
        line = format_line(*header, payload)
    else:
        raise LineError(f"unknown order {name!r}: one of {', '.join(ORDERS)}, or a line")
    wants_presentation = header.command == Command.internal and header.type in _PRESENTATION_TYPES
    return NodeOrder(number, node_id, line, header, expires_at, wants_presentation)


@dataclass
class ListenWindow:
    """A sleeping node listens until `end` (monotonic seconds)."""

    end: float
    sent: set = field(default_factory=set)


class OrderQueue:
    """The waiting and the sent orders of one gateway. `send_due()` decides what goes out now.

    `report(NodeOrderChange)` takes what has to be written to the row; `on_presentation_request(node_id)` is called for
    orders that make a node present itself.
    """

    def __init__(self, transmitter, is_sleeping, report, on_presentation_request):
        self._transmitter, self._is_sleeping = transmitter, is_sleeping
        self._report, self._on_presentation_request = report, on_presentation_request
        self._waiting = deque()
        self._sent = {}  # order id -> NodeOrder that waits for its echo
        self._windows = {}  # node id -> ListenWindow
        self._next = 0.0

    def __len__(self):
        return len(self._waiting) + len(self._sent)

    def add(self, order):
        """Take an order; a newer value for the same channel replaces one that still waits or would be tried again."""
        if order.header.command == Command.set:
            for other in [
                o for o in (*self._waiting, *self._sent.values()) if _same_channel(o.header, order.header)
            ]:
                self._remove(other)
                self._report(
                    NodeOrderChange(
                        other.id, "expired", other.sent_at, reason=f"replaced by order {order.id}"
                    )
                )
        self._waiting.append(order)

    def _remove(self, order):
        if self._sent.pop(order.id, None) is None:
            self._waiting.remove(order)

    def open_window(self, node_id, window_s, now):
        """The node said that it listens for `window_s` and sleeps then."""
        self._windows[node_id] = ListenWindow(now + window_s - WINDOW_MARGIN_S)
        for order in [order for order in self._sent.values() if order.node_id == node_id]:
            del self._sent[order.id]
            self._waiting.appendleft(order)

    def handle_echo(self, header, now_at):
        """A message with the echo bit came: it closes the oldest order it answers."""
        for order in self._sent.values():
            if order.header.echo and order.header[:3] == header[:3] and order.header.type == header.type:
                del self._sent[order.id]
                self._report(NodeOrderChange(order.id, "echoed", order.sent_at, now_at))
                return

    def handle_answer(self, header, now_at):
        """A message that a node sends on such an order came: as good as an echo. Returns whether one was waiting."""
        asked = ANSWERS.get((header.command, header.type), ())
        before = len(self._sent)
        for order in list(self._sent.values()):
            if (
                order.node_id == header.node
                and order.header.command == Command.internal
                and order.header.type in asked
            ):
                del self._sent[order.id]
                self._report(NodeOrderChange(order.id, "echoed", order.sent_at, now_at))
        return len(self._sent) < before

    def send_due(self, now, wall):
        """Send what may go now; returns the seconds until it wants to be called again, or None."""
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
        return max(0.01, self._next - now) if any(map(self._may_send, self._waiting)) else 0.5

    def _may_send(self, order):
        if not (self._transmitter.is_open(order.node_id) and self._transmitter.may_send(order.header)):
            return False
        window = self._windows.get(order.node_id)
        if self._is_sleeping(order.node_id):
            return window is not None and order.id not in window.sent
        return True

    def _send(self, order, now, wall):
        self._transmitter.send(order.line, order.header)
        order.tries += 1
        order.sent, order.sent_at = now, format_utc(wall)
        if order.node_id in self._windows:
            self._windows[order.node_id].sent.add(order.id)
        self._next = now + (PRESENTATION_INTERVAL_S if order.wants_presentation else ORDER_INTERVAL_S)
        if order.wants_presentation:
            self._on_presentation_request(order.node_id)
        if order.header.echo:
            self._sent[order.id] = order
            self._report(NodeOrderChange(order.id, "sent", order.sent_at, line=order.line.rstrip("\n")))
        else:  # nothing comes back for it, so it is done
            self._report(
                NodeOrderChange(order.id, "sent", order.sent_at, order.sent_at, line=order.line.rstrip("\n"))
            )

    def _retry_unechoed(self, now, wall):
        for order in [order for order in self._sent.values() if now - order.sent > ECHO_S]:
            del self._sent[order.id]
            if self._is_sleeping(order.node_id) or order.tries < TRIES:
                self._waiting.append(order)
            else:
                reason = f"no echo after {order.tries} tries: the node is off, out of reach or asleep"
                self._report(NodeOrderChange(order.id, "failed", order.sent_at, format_utc(wall), reason))

    def _expire(self, at):
        for order in [order for order in self._waiting if order.expires_at <= at]:
            self._waiting.remove(order)
            reason = self._transmitter.hold_reason(order.node_id) or (
                "the node opened no window in which it hears"
                if self._is_sleeping(order.node_id)
                else "its time was over"
            )
            self._report(NodeOrderChange(order.id, "expired", order.sent_at, at, f"expired: {reason}"))


def _same_channel(one, other):
    return (one.node, one.child, one.command, one.type) == (
        other.node,
        other.child,
        other.command,
        other.type,
    )
