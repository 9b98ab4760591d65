"""When orders are sent: the waiting and the sent orders of one gateway.

An order asks the node's library for an echo. What is echoed has reached the node; whether the sketch acts on
it is another matter. A node that is awake is sent an unechoed order a few times. A node that announces
windows is sent it in each of them until it expires, and is tried at once as well, since it may be awake.
What takes effect anew each time that it arrives is sent again only where it is known not to have arrived:
that it was sent is on disk before it is, so that a crash does not have it sent again.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ingest.db.time import format_utc
from ingest.mysensors.commands import ANSWERS, NodeOrder, NodeOrderChange, is_same_channel
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.order_reasons import expiry_reason, failure_reason, other_echo_reason, window_reason
from ingest.mysensors.protocol import NODE_CHILD, Command, Header, Internal, format_line
from ingest.mysensors.sleep import NodeSleep

# Between two orders of one gateway: it handles a line a loop, and a radio has one buffer.
ORDER_INTERVAL_S = 0.1
ECHO_INTERVAL_S = 0.01  # after an echo: a turn of the loop of the gateway
PRESENTATION_INTERVAL_S = 0.5  # after a presentation request: each is answered by a burst of messages
MAX_TRIES = 3  # outside windows
AT_ONCE_S = 10.0  # between two tries of a node outside its windows
WINDOW_MARGIN = 0.2  # the share of a window, at its end, in which nothing more is sent ...
MAX_MARGIN_S = 0.1  # ... and the most of it
MAX_GRACE_S = 0.03  # an order that was sent so shortly before a window may still be echoed
RETRY_S = 0.5  # between two looks at orders that cannot be sent now
LOOK_S = 0.2  # between two looks at what orders wait for, at least
WINDOW_LOOK_S = 0.01  # the same while a window is open
RESTART_S = 15.0  # after a reboot, at most: a bootloader may take an order for an answer
COPY_S = 5.0  # within which the radio's copies of an echo arrive


@dataclass
class ListenWindow:
    """A node listens for `length` seconds from `opened` (monotonic seconds) on."""

    opened: float
    length: float
    sent: set[int] = field(default_factory=set)  # ids of the orders sent in it

    def is_open(self, now: float) -> bool:
        """Whether something may be sent: the first order at any time, others not close to the end."""
        margin = min(MAX_MARGIN_S, WINDOW_MARGIN * self.length) if self.sent else 0.0
        return now < self.opened + self.length - margin

    @property
    def grace_s(self) -> float:
        """How long the echo of an order may take that was sent before the window."""
        return min(MAX_GRACE_S, self.length / 4)


@dataclass(eq=False)
class NodeQueue:
    """The waiting orders of one node, by id, and its window. Times are monotonic seconds."""

    waiting: list[NodeOrder] = field(default_factory=list)
    window: ListenWindow | None = None
    tried: float = float("-inf")  # outside its windows
    probed: float = float("-inf")  # sent a heartbeat request to see whether it is awake
    restarts_until: float = float("-inf")

    def open_window(self, now: float) -> ListenWindow | None:
        """The window that is open now, or None."""
        return self.window if self.window is not None and self.window.is_open(now) else None


@dataclass(eq=False)
class NodeOrderQueue:
    """The waiting and the sent orders of one gateway. `send_due()` decides what is sent now.

    `report` takes what has to be written to rows; `on_presentation_request(node_id)` is called for orders
    that make a node present itself, `on_value(order)` whenever an order counts as newer than the reports of
    its channel, `on_awake(node_id)` when an answer came outside a window. `echo_s` is how long an echo of an
    awake node may take; `local_time(unix seconds)` is a time of the day as text; `commit(done)` calls
    `done()` when what was reported is on disk.
    """

    transmitter: Transmitter
    sleep_of: Callable[[int], NodeSleep]
    report: Callable[[NodeOrderChange], object]
    on_presentation_request: Callable[[int], object]
    on_value: Callable[[NodeOrder], object]
    on_awake: Callable[[int], object]
    local_time: Callable[[float], str]
    echo_s: float = 5.0
    commit: Callable[[Callable[[], object]], object] = lambda done: done()
    _nodes: dict[int, NodeQueue] = field(default_factory=dict, init=False)  # by node id
    _sent: dict[int, NodeOrder] = field(default_factory=dict, init=False)  # by id, those without their echo
    _recording: dict[int, NodeOrder] = field(default_factory=dict, init=False)  # not on disk as sent yet
    _replaced: dict[int, NodeOrder] = field(default_factory=dict, init=False)  # sent, their echo may come
    _echoes: dict[Header, tuple[str, float]] = field(default_factory=dict, init=False)  # -> payload, when
    _next: float = field(default=0.0, init=False)  # monotonic seconds
    _next_look: float = field(default=0.0, init=False)

    def __len__(self) -> int:
        waiting = sum(len(queue.waiting) for queue in self._nodes.values())
        return waiting + len(self._recording) + len(self._sent)

    def _queue(self, node_id: int) -> NodeQueue:
        return self._nodes.setdefault(node_id, NodeQueue())

    def _open_orders(self, node_id: int) -> Iterator[NodeOrder]:
        yield from self._queue(node_id).waiting
        for held in (self._recording, self._sent):
            yield from (order for order in held.values() if order.node_id == node_id)

    def add(self, order: NodeOrder) -> None:
        """Take an order; a newer value for a channel replaces one that waits or would be sent again."""
        if order.header.command == Command.set:
            for other in list(self._open_orders(order.node_id)):
                if is_same_channel(other.header, order.header):
                    if self._take(other):
                        self._replaced[other.id] = other
                    reason = f"replaced by order {order.id}"
                    self.report(NodeOrderChange(other.id, "expired", other.sent_at, reason=reason))
        self._wait(order)
        self.on_value(order)

    def _take(self, order: NodeOrder) -> bool:
        """Take an open order out; returns whether it was sent."""
        if self._sent.pop(order.id, None) is not None:
            return True
        if self._recording.pop(order.id, None) is None:
            self._queue(order.node_id).waiting.remove(order)
        return False

    def _wait(self, order: NodeOrder) -> None:
        insort(self._queue(order.node_id).waiting, order, key=lambda one: one.id)

    def forget(self, node_id: int) -> None:
        """The node is deleted, and its orders with it."""
        for held in (self._recording, self._sent):
            for number in [number for number, order in held.items() if order.node_id == node_id]:
                del held[number]
        self._nodes.pop(node_id, None)

    def forget_child(self, node_id: int, child: int) -> None:
        """The child is deleted: what it was ordered to be would make it anew."""
        for order in list(self._open_orders(node_id)):
            if order.header.child == child:
                self._take(order)
                self.report(
                    NodeOrderChange(order.id, "failed", order.sent_at, reason="its child was deleted")
                )

    def open_value(self, channel: Header) -> str | None:
        """The value of the newest order for this channel (the Header of a report) that is not done."""
        values = [
            order.value[1]
            for order in sorted(self._open_orders(channel.node), key=lambda order: order.id)
            if order.value is not None and order.value[0] == channel
        ]
        return values[-1] if values else None

    def open_window(self, node_id: int, window_s: float, now: float) -> None:
        """The node announced that it listens for `window_s` and sleeps then."""
        queue = self._queue(node_id)
        queue.window = ListenWindow(now, window_s)
        queue.restarts_until = float("-inf")

    # What comes back.

    def handle_echo(self, header: Header, payload: str, now: float, wall: float) -> None:
        """A message with the echo bit came: it closes the oldest order whose echo it is."""
        for order in self._sent.values():
            if order.is_echo(header, payload):
                self._close(order, now, wall)
                return
        for order in self._replaced.values():
            if order.is_echo(header, payload):  # it has reached the node, before the one that replaced it
                del self._replaced[order.id]
                self.report(NodeOrderChange(order.id, "echoed", order.sent_at, format_utc(wall)))
                return
        if header[1:3] == (NODE_CHILD, Command.internal) and header.type == Internal.I_HEARTBEAT_REQUEST:
            self._handle_probe(header.node, now)
            return
        echoed, at = self._echoes.get(header, ("", float("-inf")))
        if echoed == payload and now - at <= COPY_S:
            return
        for order in self._sent.values():
            if is_same_channel(order.header, header):
                order.other_echo = payload
                self._give_reason(order, other_echo_reason(order))
                return

    def _handle_probe(self, node_id: int, now: float) -> None:
        queue = self._queue(node_id)
        if now - queue.probed <= self.echo_s and queue.open_window(now) is None:
            self.on_awake(node_id)
        queue.probed = float("-inf")

    def handle_answer(self, header: Header, now: float, wall: float) -> bool:
        """A message that answers an order came: as good as an echo. Returns whether one was waiting."""
        if header.command == Command.presentation:
            self._queue(header.node).restarts_until = float("-inf")
        if not self._sent:  # as nearly always, for every heartbeat and presentation
            return False
        answered = ANSWERS.get((header.command, header.type), ())
        orders = [
            order
            for order in self._sent.values()
            if order.node_id == header.node
            and order.header.command == Command.internal
            and order.header.type in answered
        ]
        for order in orders:
            self._close(order, now, wall)
        return bool(orders)

    def _close(self, order: NodeOrder, now: float, wall: float) -> None:
        del self._sent[order.id]
        self.report(NodeOrderChange(order.id, "echoed", order.sent_at, format_utc(wall)))
        self.on_value(order)
        self._echoes[order.header] = order.payload, now
        if not order.requests_presentation:
            self._next = min(self._next, now + ECHO_INTERVAL_S)
        if not order.in_window and self._queue(order.node_id).open_window(now) is None:
            self.on_awake(order.node_id)

    # What is sent.

    def skip(self, seconds: float) -> None:
        """Time in which this process did not run is no time in which an echo did not come."""
        for order in (*self._sent.values(), *self._replaced.values()) if seconds else ():
            order.sent += seconds

    def send_due(
        self, now: float, wall: float, may_judge: bool = True, may_expire: bool = True
    ) -> float | None:
        """Send what may be sent now; returns the seconds until it wants to be called again, or None.

        Unless `may_judge`, an echo may have come that is not read yet: nothing counts as late. Unless
        `may_expire`, the wall clock may be wrong: no order is too old by it.
        """
        looks = may_judge and now >= self._next_look  # not at every call: windows are looked at often
        if looks:
            self._next_look = now + LOOK_S
            if may_expire:
                self._expire(format_utc(wall), now)
        if may_judge:
            self._settle_unechoed(now, wall)
        while (order := self._next_order(now)) is not None:
            self._send(order, now, wall)
        if looks:
            self._explain(now, wall)
        if not self:
            return None
        queues = [queue for queue in self._nodes.values() if queue.waiting]
        if any(queue.open_window(now) for queue in queues):
            return WINDOW_LOOK_S
        may_send = any(self._sendable(queue, now) for queue in queues)
        return max(0.01, self._next - now) if may_send else RETRY_S

    def _next_order(self, now: float) -> NodeOrder | None:
        """The order to send now: one whose node has just opened a window does not wait for its turn."""
        is_free = now >= self._next
        found = None
        for queue in self._nodes.values():
            if not queue.waiting:
                continue
            window = queue.open_window(now)
            is_first = window is not None and not window.sent
            if not is_first and (not is_free or (found is not None and window is None)):
                continue
            order = self._sendable(queue, now)
            if order is not None and is_first:
                return order
            found = order or found
        return found

    def _sendable(self, queue: NodeQueue, now: float) -> NodeOrder | None:
        """The first order of a node that may be sent now, were it the node's turn."""
        return next((order for order in queue.waiting if self._may_send(order, queue, now)), None)

    def _may_send(self, order: NodeOrder, queue: NodeQueue, now: float) -> bool:
        if self.transmitter.is_held(order.node_id) or not self.transmitter.may_send(order.header):
            return False
        if queue.restarts_until > now:
            return False
        if not self.sleep_of(order.node_id).awaits_window:
            return True
        window = queue.open_window(now)
        if window is not None:
            is_early = order.is_repeatable or not window.sent or now < window.opened + window.length / 2
            return is_early and order.id not in window.sent
        if now - queue.tried < AT_ONCE_S:
            return False
        is_blind = order.is_repeatable and order.header.echo
        return order.tries - order.windows < MAX_TRIES if is_blind else not order.is_probed

    def _send(self, order: NodeOrder, now: float, wall: float) -> None:
        queue = self._nodes[order.node_id]
        window = queue.open_window(now)
        if window is None and self.sleep_of(order.node_id).awaits_window:
            queue.tried = now
            if not (order.is_repeatable and order.header.echo):
                self._probe(order, queue, now)
                return
        queue.waiting.remove(order)
        self._nodes[order.node_id] = self._nodes.pop(order.node_id)  # the others come first now
        if not (order.is_repeatable or order.is_recorded or order.came_late):
            self._record(order)
            return
        self.transmitter.send(order.line, order.header)
        order.in_window = window is not None
        if window is not None:
            window.sent.add(order.id)
        order.tries += 1
        order.windows += order.in_window
        order.sent, order.sent_at, order.reason = now, format_utc(wall), ""
        self._next = now + (PRESENTATION_INTERVAL_S if order.requests_presentation else ORDER_INTERVAL_S)
        if order.is_reboot:
            queue.restarts_until = now + RESTART_S
        self._note_sent(order)

    def _note_sent(self, order: NodeOrder) -> None:
        """An order was sent: report it, and await its echo."""
        if order.requests_presentation:
            self.on_presentation_request(order.node_id)
        if order.header.echo:
            self._sent[order.id] = order
        done_at = None if order.header.echo else order.sent_at  # nothing comes back for it, so it is done
        self.report(NodeOrderChange(order.id, "sent", order.sent_at, done_at, line=order.line.rstrip("\n")))
        self.on_value(order)
        if not (order.is_repeatable or order.is_recorded):
            order.is_recorded = True
            self.commit(lambda: None)  # soon: a crash must not have it sent again

    def _record(self, order: NodeOrder) -> None:
        """Have it on disk that an order is sent; then it is."""
        self._recording[order.id], order.reason = order, ""
        self.report(NodeOrderChange(order.id, "sent", line=order.line.rstrip("\n")))
        self.commit(lambda: self._recorded(order))

    def _recorded(self, order: NodeOrder) -> None:
        if self._recording.pop(order.id, None) is not None:
            order.is_recorded = True
            self._wait(order)

    def _probe(self, order: NodeOrder, queue: NodeQueue, now: float) -> None:
        """Ask for a heartbeat instead of sending what must not arrive twice: is the node awake?"""
        header = Header(order.node_id, NODE_CHILD, Command.internal, 1, Internal.I_HEARTBEAT_REQUEST)
        self.transmitter.send(format_line(*header), header)
        order.is_probed = True
        queue.probed = now
        self._next = now + ORDER_INTERVAL_S

    def _settle_unechoed(self, now: float, wall: float) -> None:
        """Let orders without their echo wait again, or fail."""
        for order in list(self._sent.values()):
            window = self._nodes[order.node_id].open_window(now)
            waited = now - order.sent
            if window is not None and order.id not in window.sent:
                # A node that announces a window and has not presented itself has not restarted.
                has_restarted = order.is_reboot and window.opened - order.sent <= self.echo_s
                if waited > window.grace_s and (order.is_repeatable or order.is_reboot) and not has_restarted:
                    del self._sent[order.id]
                    self._wait(order)
            elif waited > self.echo_s:
                self._end_wait(order, wall)
        self._replaced = {
            number: order for number, order in self._replaced.items() if now - order.sent <= self.echo_s
        }

    def _end_wait(self, order: NodeOrder, wall: float) -> None:
        awaits_window = self.sleep_of(order.node_id).awaits_window
        if order.is_reboot and awaits_window:
            self._give_reason(order, "no echo yet: its next window shows whether it has restarted")
            return
        del self._sent[order.id]
        if order.is_repeatable and (awaits_window or order.tries < MAX_TRIES):
            self._wait(order)
            return
        reason = failure_reason(order)
        self.report(NodeOrderChange(order.id, "failed", order.sent_at, format_utc(wall), reason))

    # Why orders wait.

    def _explain(self, now: float, wall: float) -> None:
        """Report what waiting orders wait for, where that has changed."""
        for node_id, queue in self._nodes.items():
            if not queue.waiting:
                continue
            held = self.transmitter.hold_reason(node_id)
            restarts = "the node restarts" if queue.restarts_until > now else ""
            reason = held or restarts or window_reason(self.sleep_of(node_id), now, wall, self.local_time)
            for order in queue.waiting:
                is_forbidden = not held and not self.transmitter.may_send(order.header)
                text = "a firmware update is under way" if is_forbidden else reason
                self._give_reason(order, f"waits: {text}" if text else "")

    def _give_reason(self, order: NodeOrder, reason: str) -> None:
        if reason != order.reason:
            order.reason = reason
            state = "sent" if order.sent_at else "queued"
            if not order.sent_at and order.is_recorded:
                order.is_recorded, order.came_late = False, self.sleep_of(order.node_id).awaits_window
            self.report(NodeOrderChange(order.id, state, order.sent_at, reason=reason))

    def _expire(self, at: str, now: float) -> None:
        waiting = [order for queue in self._nodes.values() for order in queue.waiting]
        unechoed = [order for order in self._sent.values() if now - order.sent > self.echo_s]
        for order in waiting + unechoed:
            if order.expires_at <= at:
                if self._sent.pop(order.id, None) is None:
                    self._nodes[order.node_id].waiting.remove(order)
                held = self.transmitter.hold_reason(order.node_id)
                awaits_window = self.sleep_of(order.node_id).awaits_window
                reason = f"expired: {held or expiry_reason(order, awaits_window)}"
                self.report(NodeOrderChange(order.id, "expired", order.sent_at, at, reason))
