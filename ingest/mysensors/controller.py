"""The controller of one gateway: what nodes ask is answered at once from memory, and orders are sent to them.

It never waits for the disk, except for an id: that one is on disk before a node receives it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.db.time import LocalTime, format_utc
from ingest.mysensors import replies
from ingest.mysensors.commands import NodeOrder, NodeOrderQueue
from ingest.mysensors.events import EventSink
from ingest.mysensors.handlers import USUAL_WINDOW_MS, sleep_window_ms
from ingest.mysensors.known_nodes import KnownNodes
from ingest.mysensors.node_hold import Transmitter
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
from ingest.mysensors.records import IdGiven, PresentationRequested
from ingest.mysensors.settings import GatewayOptions, GatewayTiming
from ingest.mysensors.store import Store
from ingest.pipeline.source_health import Health
from ingest.pipeline.writer import Writer

log = logging.getLogger(__name__)

SET = int(Command.set)
REPORT_S = 3600.0  # between two reports that a node got no id


@dataclass(frozen=True)
class GatewayServices:
    """What all gateways of a process share: the writer and its sinks, firmware updates, zone and times."""

    writer: Writer
    store: Store
    events: EventSink
    outbox: Outbox
    ota: OtaService
    timezone: str
    timing: GatewayTiming


class Controller:
    """Answers the nodes of one gateway and sends them orders; connections come and go.

    Without `controller: true` in its settings it sends nothing: its Transmitter is never given a connection.
    """

    def __init__(
        self, settings: GatewayOptions, known: KnownNodes, health: Health, services: GatewayServices
    ) -> None:
        self.settings, self.number, self.known = settings, known.gateway, known
        self._health, self._services = health, services
        self._clock = LocalTime(services.timezone)
        self._timer: asyncio.TimerHandle | None = None
        self._refusal_reported = float("-inf")  # monotonic seconds
        self.transmitter = Transmitter()
        self.transmitter.on_release = lambda node_id: self._send_orders()
        self.ota = services.ota.join(self)
        self._orders = NodeOrderQueue(
            self.transmitter,
            self.is_sleeping,
            lambda change: services.writer.put(services.outbox, change),
            self._record_presentation_request,
            services.timing.echo_s,
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
            self._orders.handle_echo(header, format_utc(time.time()))
        elif header.command == Command.presentation:
            if header.child == NODE_CHILD:
                self.known.record_presentation(header.node, payload)
                self._orders.handle_answer(header, format_utc(time.time()))
        elif header.command == Command.req:
            if self.settings.answers.requests:
                self._answer(header, replies.answer_request(header, self.known.values))
        elif header.command == Command.internal:
            self._handle_internal(header, payload)

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
            self._open_window(header.node, sleep_window_ms(payload) / 1000)
        elif type in (Internal.I_HEARTBEAT_RESPONSE, Internal.I_SIGNAL_REPORT_RESPONSE):
            ordered = self._orders.handle_answer(header, format_utc(time.time()))
            is_heartbeat = type == Internal.I_HEARTBEAT_RESPONSE and not ordered
            if is_heartbeat and self.known.announces_by_heartbeat(header.node):
                self._open_window(header.node, USUAL_WINDOW_MS / 1000)

    def _open_window(self, node_id: int, window_s: float) -> None:
        self.known.sleeping.add(node_id)
        self._orders.open_window(node_id, window_s, time.monotonic())
        self._send_orders()

    # What is sent.

    def _answer(self, header: Header, line: str | None) -> None:
        if line is not None and header.node != BROADCAST:
            self.transmitter.send(line, header)

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
        loop, write = asyncio.get_running_loop(), self.transmitter.write

        def send() -> None:
            if self.transmitter.write == write:  # the same connection
                self.transmitter.send(replies.answer_id(header, node_id), header)

        self._services.writer.put(self._services.store, IdGiven(self.number, node_id, header.child, now))
        self._services.writer.flush(lambda: loop.call_soon_threadsafe(send))

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
        item = PresentationRequested(256 * self.number + node_id, time.monotonic())
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
        if child is None and is_gone:
            self._orders.forget(node_id)
            self.ota.forget(node_id)

    def add_orders(self, orders: list[NodeOrder]) -> None:
        """Take orders from the outbox."""
        for order in orders:
            self._orders.add(order)
        self._send_orders()

    def _send_orders(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        again = self._orders.send_due(time.monotonic(), time.time())
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(again, self._send_orders) if again is not None else None

    # What is known of nodes.

    def is_sleeping(self, node_id: int) -> bool:
        """Whether this node sleeps: it receives what is sent in its windows alone."""
        return node_id in self.known.sleeping

    def opens_window(self, node_id: int) -> bool:
        """True for a sleeping node that announces its window by a heartbeat."""
        return self.is_sleeping(node_id) and self.known.announces_by_heartbeat(node_id)
