"""The controller of one gateway: what nodes ask is answered at once from memory, and orders are sent to them.

It never waits for the disk, except for an id, which is on disk before a node receives it, and for a value of
a channel whose last report may not count.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.db.time import LocalTime
from ingest.mysensors import replies
from ingest.mysensors.commands import NodeOrder
from ingest.mysensors.dropped import DroppedSink
from ingest.mysensors.events import EventSink
from ingest.mysensors.handlers import sleep_window_ms
from ingest.mysensors.intake import Intake
from ingest.mysensors.known_nodes import KnownNodes
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.node_order_queue import NodeOrderQueue
from ingest.mysensors.ota_session import OtaService
from ingest.mysensors.outbox import Outbox
from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    Message,
)
from ingest.mysensors.records import (
    IdGiven,
    PresentationRequested,
    SleepObserved,
    ValueAsked,
    WantedValue,
)
from ingest.mysensors.replies import answer_request
from ingest.mysensors.settings import GatewayOptions, GatewayTiming
from ingest.mysensors.sleep import AUTO, USUAL_WINDOW_MS
from ingest.mysensors.store import Store
from ingest.mysensors.verdicts import always_counts
from ingest.pipeline.source_health import Health
from ingest.pipeline.writer import Writer
from ingest.process.running_time import RunningTime

log = logging.getLogger(__name__)

SET = int(Command.set)
REPORT_S = 3600.0  # between two reports that a node got no id


@dataclass(frozen=True)
class GatewayServices:
    """What all gateways of a process share: the writer and its sinks, firmware updates, zone and times."""

    writer: Writer
    store: Store
    events: EventSink
    dropped: DroppedSink
    outbox: Outbox
    ota: OtaService
    timezone: str
    timing: GatewayTiming
    running: RunningTime = field(default_factory=RunningTime)
    clock_is_believed: Callable[[], bool] = lambda: True


class Controller:
    """Answers the nodes of one gateway and sends them orders; connections come and go.

    Without `controller: true` in its settings it sends nothing: its Transmitter is never given a connection.
    """

    def __init__(
        self, settings: GatewayOptions, known: KnownNodes, health: Health, services: GatewayServices
    ) -> None:
        self.settings, self.number, self.known = settings, known.gateway, known
        self._health, self._services = health, services
        self.intake = Intake(services.timing.limits, known.stored)
        self._clock = LocalTime(services.timezone)
        self._timer: asyncio.TimerHandle | None = None
        self._missed_s = services.running.missed_s  # so far, while we did not run
        self._refusal_reported = float("-inf")  # monotonic seconds
        self.transmitter = Transmitter()
        self.transmitter.on_release = lambda node_id: self._send_orders()
        self.ota = services.ota.join(self)
        self._orders = NodeOrderQueue(
            self.transmitter,
            known.sleep_of,
            lambda change: services.writer.put(services.outbox, change),
            self._record_presentation_request,
            self._record_wanted,
            self._find_awake,
            self._clock.time_of_day,
            services.timing.echo_s,
            self._record_sent,
        )

    def connected(self, write: Callable[[bytes], object]) -> None:
        """A connection is open; `write` sends bytes."""
        if self.settings.controller:
            self.transmitter.write = write
        self.ota.connected()
        self._send_orders()

    def disconnected(self) -> None:
        """The connection ended."""
        self.transmitter.write = None
        self.ota.lost()
        self.known.in_bootloader.clear()

    # What is received.

    def handle_messages(self, messages: list[Message]) -> None:
        """Answer the messages of one read."""
        nodes = self.known.record(messages)
        for header, payload in messages:
            if header[2] != SET or header[3]:  # by position: this runs for every message
                self._handle_message(header, payload)
        if not nodes <= self.known.presented:
            self._request_presentations(nodes)

    def _handle_message(self, header: Header, payload: str) -> None:
        if header.echo:
            self._handle_echo(header, payload)
        elif header.command == Command.presentation:
            if header.child == NODE_CHILD:
                self.known.record_presentation(header.node, payload)
                self._orders.handle_answer(header, time.monotonic(), time.time())
        elif header.command == Command.req:
            if self.settings.answers.requests:
                self._answer_request(header)
        elif header.command == Command.internal:
            self._handle_internal(header, payload)

    def _handle_echo(self, header: Header, payload: str) -> None:
        now = time.monotonic()
        self.transmitter.heartbeat_requests.note(header, now)
        if self._orders:
            self._orders.handle_echo(header, payload, now, time.time())
            self._send_orders()

    def _answer_request(self, header: Header) -> None:
        """C_REQ: an order that is under way is newer than what the node reported meanwhile.

        Where the last report may be none that counts, the store knows which one does.
        """
        channel = Header(header.node, header.child, Command.set, 0, header.type)
        ordered = self._orders.open_value(channel) if self._orders else None
        value = self.known.values.get(channel) if ordered is None else ordered
        if value is None:
            return
        if value and always_counts(channel.type, value):
            self._answer(header, answer_request(header, {channel: value}))
            return
        send = self._sender(header)
        item = ValueAsked(self.number, channel, lambda text: send(answer_request(header, {channel: text})))
        self._services.writer.put(self._services.store, item)
        self._services.writer.flush()

    def _handle_internal(self, header: Header, payload: str) -> None:
        answers, type = self.settings.answers, header.type
        if replies.is_id_request(header):
            if answers.ids and payload in replies.TOKEN_PAYLOADS:
                self._give_id(header)
        elif type == Internal.I_CONFIG:
            if answers.config and header.node != GATEWAY_NODE:
                self._answer(header, replies.answer_config(header, self.settings.metric))
        elif type == Internal.I_TIME:
            if answers.time:
                self._answer(header, replies.answer_time(header, self._clock.wall_seconds(time.time())))
        elif type == Internal.I_PRE_SLEEP_NOTIFICATION:
            self.known.sleep_of(header.node).announce(time.monotonic(), explicit=True)
            self._open_window(header.node, sleep_window_ms(payload) / 1000)
        elif type == Internal.I_HEARTBEAT_RESPONSE:
            self._handle_heartbeat(header, payload)
        elif type == Internal.I_SIGNAL_REPORT_RESPONSE:
            self._orders.handle_answer(header, time.monotonic(), time.time())

    def _handle_heartbeat(self, header: Header, payload: str) -> None:
        """Libraries 2.0 and 2.1 announce a window by a heartbeat that nobody asked for."""
        now, node_id = time.monotonic(), header.node
        is_answer = self.transmitter.heartbeat_requests.is_answer(node_id, payload, now)
        is_answer = self._orders.handle_answer(header, now, time.time()) or is_answer
        if not self.known.announces_by_heartbeat(node_id):
            return
        sleep = self.known.sleep_of(node_id)
        if not is_answer:
            sleep.announce(now, explicit=False)
            self._record_sleep(node_id)
        if sleep.windows > 0:  # it may have woken while an answer of it was awaited
            self._open_window(node_id, USUAL_WINDOW_MS / 1000)

    def _open_window(self, node_id: int, window_s: float) -> None:
        self._orders.open_window(node_id, window_s, time.monotonic())
        self._send_orders()

    def _find_awake(self, node_id: int) -> None:
        """An answer came outside the windows of the node: it does not sleep."""
        if self.known.sleep_of(node_id).find_awake():
            self._record_sleep(node_id)

    def _record_sleep(self, node_id: int) -> None:
        item = SleepObserved(256 * self.number + node_id, self.known.sleep_of(node_id).windows)
        self._services.writer.put(self._services.store, item)

    def _record_sent(self, done: Callable[[], object]) -> None:
        """Call `done()`, and look what is to be sent, when all that was reported of orders is on disk."""
        loop = asyncio.get_running_loop()

        def send() -> None:
            done()
            self._send_orders()

        self._services.writer.flush(lambda: loop.call_soon_threadsafe(send))

    def _record_wanted(self, order: NodeOrder) -> None:
        """An order counts as newer than every report so far."""
        if order.value is not None:
            header, value = order.value
            self.known.values[header] = value
            item = WantedValue(self.number, header, value, order.created_at, order.id)
            self._services.writer.put(self._services.store, item)

    # What is sent.

    def _answer(self, header: Header, line: str | None) -> None:
        if line is not None and header.node != BROADCAST:
            self.transmitter.send(line, header)

    def _sender(self, header: Header) -> Callable[[str | None], object]:
        """What the writer's thread calls with a line, sent on this connection, not on one that follows it."""
        loop, write = asyncio.get_running_loop(), self.transmitter.write

        def send(line: str | None) -> None:
            if line is not None and self.transmitter.write == write:
                self.transmitter.send(line, header)

        return lambda line: loop.call_soon_threadsafe(send, line)

    def _give_id(self, header: Header) -> None:
        if not self.settings.controller:
            return
        name, now, ids = self.settings.name, time.time(), self.known.ids
        before = len(ids.ring)
        node_id = ids.give(header.child, time.monotonic())
        if node_id is None:
            self._refuse_id(now)
            return
        level = logging.INFO if len(ids.ring) > before else logging.DEBUG  # a deaf node asks every 2 s
        log.log(level, "Gateway %s: gave id %d to a new node", name, node_id)
        self.ota.id_given(header.child, node_id)
        send = self._sender(header)
        self._services.writer.put(self._services.store, IdGiven(self.number, node_id, header.child, now))
        self._services.writer.flush(lambda: send(replies.answer_id(header, node_id)))

    def _refuse_id(self, now: float) -> None:
        """Report that a node got no id, where none is left; it asks again."""
        if self.known.ids.left:
            return  # those that were given just now rest for some seconds
        monotonic = time.monotonic()
        if monotonic - self._refusal_reported >= REPORT_S:
            self._refusal_reported = monotonic
            remedy = "delete nodes that are gone"
            log.error(
                "Gateway %s: a node requests an id, but all of 1 to 254 are taken: %s",
                self.settings.name,
                remedy,
            )
            self._health.last_error, self._health.last_error_time = "a node got no id: all are taken", now

    def _request_presentations(self, nodes: set[int]) -> None:
        """Ask unpresented nodes to present themselves, once an hour."""
        if not self.settings.answers.presentation:
            return
        now = time.monotonic()
        retry_s = self._services.timing.presentation_retry_s
        for node_id in self.known.unpresented(nodes - {BROADCAST}, now, retry_s):
            if self.transmitter.request(node_id, Internal.I_PRESENTATION):
                self.known.requested_at[node_id] = now
                self._record_presentation_request(node_id)

    def _record_presentation_request(self, node_id: int) -> None:
        self.ota.presentation_requested(node_id)
        self.expect_presentation(node_id)

    def expect_presentation(self, node_id: int) -> None:
        """Something is done upon which this node presents itself."""
        item = PresentationRequested(256 * self.number + node_id, self._services.running.now())
        self._services.writer.put(self._services.store, item)

    def request_version(self) -> None:
        """Ask the gateway for its version, which it answers whatever else it can do: the keepalive."""
        self.transmitter.request(GATEWAY_NODE, Internal.I_VERSION)

    def ask_heartbeat(self, node_id: int) -> None:
        """Ask an awake node for a heartbeat; not one of a library whose heartbeat means a window."""
        if not self.is_sleeping(node_id) and not self.known.announces_by_heartbeat(node_id):
            self.transmitter.request(node_id, Internal.I_HEARTBEAT_REQUEST)

    def forget(self, node_id: int, child: int | None, is_gone: bool) -> None:
        """Users deleted a node, or one child of it; what waited for the node is not for the next one."""
        self.known.forget(node_id, child, is_gone)
        self.intake.forget(node_id, child)
        if child is not None:
            self._orders.forget_child(node_id, child)
        elif is_gone:
            self._orders.forget(node_id)
            self.ota.forget(node_id)

    def merge_imported(self, imported: KnownNodes) -> None:
        """Take over what an import wrote into the file."""
        self.known.merge_imported(imported)
        self.intake.learn(imported.stored)

    def add_orders(self, orders: list[NodeOrder]) -> None:
        """Take orders from the outbox. What answers them is kept, however much that is new comes."""
        for order in orders:
            self._orders.add(order)
            answer = Command.set if order.header.command == Command.req else order.header.command
            self.intake.learn((order.header, order.header._replace(command=answer)))
        self._send_orders()

    def _send_orders(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        running = self._services.running
        self._orders.skip(running.missed_s - self._missed_s)
        self._missed_s = running.missed_s
        may_expire = self._services.clock_is_believed()
        again = self._orders.send_due(time.monotonic(), time.time(), running.may_judge, may_expire)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(again, self._send_orders) if again is not None else None

    # What is known of nodes.

    def set_sleep(self, settings: Mapping[int, str]) -> None:
        """Take what users set about the sleep of nodes, by node id; the others go by their messages."""
        for node_id in {*self.known.sleep, *settings}:
            self.known.sleep_of(node_id).setting = settings.get(node_id, AUTO)
        self._send_orders()

    def is_sleeping(self, node_id: int) -> bool:
        """Whether this node sleeps: it receives what is sent in its windows alone."""
        return self.known.sleep_of(node_id).is_asleep

    def opens_window(self, node_id: int) -> bool:
        """True for a sleeping node that announces its window by a heartbeat."""
        return self.is_sleeping(node_id) and self.known.announces_by_heartbeat(node_id)
