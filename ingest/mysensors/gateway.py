"""The dialogue with one gateway: what it says goes to the writer, what it asks is answered at once from memory.

An asyncio.Protocol: a transport (TCP or serial) feeds it. It never waits for the disk, except for an id: that one
is on disk before a node hears of it.
"""

import asyncio
import logging
import time

from ingest.db.time import LocalTime, format_utc
from ingest.mysensors import replies
from ingest.mysensors.commands import OrderQueue
from ingest.mysensors.events import GatewayConnected, GatewayLost
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.handlers import USUAL_WINDOW_MS, sleep_window_ms
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    format_line,
)
from ingest.mysensors.records import IdAssigned, PresentationRequested, ReceivedBlock

log = logging.getLogger(__name__)

SET = int(Command.set)
KEEPALIVE_S = 10.0  # of silence before the gateway is asked for a keepalive
IDLE_TIMEOUT_S = 20.0  # of silence after which the connection is given up
PRESENTATION_RETRY_S = 3600.0  # before a node that never presented itself is asked again
PAUSE_BACKLOG, RESUME_BACKLOG = 60_000, 20_000  # lines that wait for the disk: stop reading, read on
# Libraries 2.0 and 2.1 announce their window by a heartbeat instead of I_PRE_SLEEP_NOTIFICATION.
HEARTBEAT_WINDOWS = ("2.0", "2.1")


class Gateway(asyncio.Protocol):
    """One gateway of the config, for as long as the daemon runs; connections come and go."""

    def __init__(self, config, number, timezone, writer, sinks, health, known):
        self.config, self.number, self.health = config, number, health
        self.transmitter = Transmitter()
        self.orders = OrderQueue(
            self.transmitter, self.is_sleeping, self._report, self._record_presentation_request
        )
        self.transmitter.on_release = lambda node_id: self._send_orders()
        self.firmware = sinks.firmware.join(self)
        self._writer, self._sinks = writer, sinks
        self._clock = LocalTime(timezone)
        self._transport = None
        self._lines = LineDecoder()
        self._epoch = 0
        self._values = known.values  # Header -> payload: the last word of each channel, for C_REQ
        self._heard = known.heard  # node ids in use, heard or given away
        self._assigned = known.assigned  # of these, node id that was never heard -> when it was given away
        self._presented = known.presented  # node ids
        self._sleepers = known.sleepers  # node ids
        self._protocols = known.protocols  # node id -> version of its library
        self._presentation_requested_at = {}  # node id -> when it was last asked for a presentation
        self._streaming = set()  # node ids whose last word was a stream message
        self._last_data = 0.0
        self._received_any = False
        self._stopping = False
        self._paused = False
        self._timer = None
        self.lost = None  # a future of the present connection, done when it ends

    # The connection.

    def connection_made(self, transport):
        self._transport = transport
        self._lines = LineDecoder(getattr(transport, "suspect", False))
        self._epoch += 1
        self._received_any = self._paused = False
        self._last_data = time.monotonic()
        self.lost = asyncio.get_running_loop().create_future()
        if self.config.controller:
            self.transmitter.write = transport.write
        self.firmware.connected()
        self.health.connects += 1
        self.health.set_state("connecting", "connected, waiting for the first message")
        if self.config.controller and self.config.answers.keepalive:
            self._keep_alive(self.lost)
        self._send_orders()

    def connection_lost(self, error):
        if self.lost is None or self.lost.done():
            return
        self.transmitter.write = None
        self.firmware.lost()
        self._put([], self._lines.finish())
        self._streaming.clear()
        self._transport = None
        if error is None or isinstance(
            error, ConnectionError
        ):  # a reset is how it closes while we are writing
            reason = "the other side closed the connection"
        else:
            reason = getattr(error, "strerror", None) or str(error)
        if not self._stopping:
            self._writer.put(self._sinks.events, GatewayLost(self.number, time.time(), reason))
        self.lost.set_result((reason, self._received_any))

    def drop(self, reason):
        """End the connection from our side, because it is dead."""
        transport = self._transport
        if transport is not None:
            self.connection_lost(OSError(reason))
            transport.abort()

    def stop(self):
        """The daemon ends: hang up. That is no loss of the gateway."""
        self._stopping = True
        self.drop("stopped")

    def _keep_alive(self, lost):
        """Ask for a keepalive after a silence; give up on a gateway that has spoken and speaks no more.

        Each connection has its own round, which ends with it: `lost` is that connection's.
        """
        if lost.done():
            return None
        if self._paused:  # nobody listens: that silence is ours
            self._last_data = time.monotonic()
        silent = time.monotonic() - self._last_data
        if silent >= IDLE_TIMEOUT_S:
            words = f"no answer for {silent:.0f} s: the gateway is off, or the way to it is cut"
            if self._received_any or self.config.tcp:
                return self.drop(words)
            self.health.fail("silent", f"the port is open but the gateway sends nothing: {self._hint()}")
        if silent >= KEEPALIVE_S or not self._received_any:
            line = replies.format_version_request()
            self.transmitter.send(
                line, Header(GATEWAY_NODE, NODE_CHILD, Command.internal, 0, Internal.I_VERSION)
            )
        asyncio.get_running_loop().call_later(KEEPALIVE_S / 2, self._keep_alive, lost)

    def _hint(self):
        return (
            f"is the baud rate {self.config.baudrate} right?"
            if self.config.serial
            else "is it a MySensors gateway?"
        )

    # What comes in.

    def data_received(self, data):
        items, rejects = self._lines.decode_block(data)
        if items:
            self.firmware.hear(items)  # before everything else: a node in its bootloader waits for its answer
        self._last_data = time.monotonic()
        if items and not self._received_any:
            self._received_any = True
            self.health.set_state("connected", "connected")
            self._writer.put(self._sinks.events, GatewayConnected(self.number, time.time(), self._last_data))
            log.info("Gateway %s: connected (%s)", self.config.name, self.config.address)
        self._put(items, rejects)
        if not items:
            if rejects and not self._received_any:
                self.health.fail("silent", f"none of its lines can be read: {self._hint()}")
            return
        self._values.update(items)
        last_words = {header.node: header.command for header, _ in items}
        nodes = set(last_words)
        self._heard |= nodes  # before anybody in the same read is given an id
        for node in nodes & self._assigned.keys():
            del self._assigned[node]
        for header, payload in items:
            if header[2] != SET or header[3]:  # by position: this runs for every message
                self._handle_message(header, payload)
        self._streaming -= nodes
        self._streaming |= {node for node, command in last_words.items() if command == Command.stream}
        unpresented = nodes - self._presented
        if unpresented:
            self._request_presentations(unpresented)
        if self._writer.backlog > PAUSE_BACKLOG:
            self._pause()

    def _put(self, items, rejects):
        health = self.health
        health.received += len(items)
        health.rejected += len(rejects)
        now = time.time()
        if items:
            health.last_data = now
        if rejects:
            log.debug(
                "Gateway %s: %d lines refused, the last: %s", self.config.name, len(rejects), rejects[-1]
            )
        if items or rejects:
            block = ReceivedBlock(
                self.number,
                self.config.name,
                now,
                self._last_data,
                (self.number, self._epoch),
                items,
                rejects,
                self.config.repeat_window_s,
            )
            self._writer.put(self._sinks.store, block, len(items) + len(rejects))

    def merge_imported(self, known):
        """An import wrote into the file, which now tells this: ids that are taken, and what was not known here."""
        self._sleepers |= known.sleepers - self._heard
        self._presented |= known.presented
        self._heard |= known.heard
        self._protocols = known.protocols | self._protocols
        self._values = known.values | self._values

    def _handle_message(self, header, payload):
        node, _, command, echo, type = header
        if echo:
            self.orders.handle_echo(header, format_utc(time.time()))
            return
        if command == Command.presentation:
            if header.child == NODE_CHILD:
                self._presented.add(node)
                self._sleepers.discard(node)  # it has started anew, perhaps with another sketch
                self._protocols[node] = payload
                self.orders.handle_answer(header, format_utc(time.time()))
        elif command == Command.req:
            if self.config.answers.requests:
                self._answer(header, replies.answer_request(header, self._values))
        elif command == Command.internal:
            self._handle_internal(header, payload, type, node)

    def _handle_internal(self, header, payload, type, node):
        answers = self.config.answers
        if replies.is_id_request(header):
            if answers.ids and payload in replies.TOKEN_PAYLOADS:
                self._assign_id(header)
        elif type == Internal.I_CONFIG and answers.config and node != GATEWAY_NODE:
            self._answer(header, replies.answer_config(header, self.config.metric))
        elif type == Internal.I_TIME and answers.time:
            self._answer(header, replies.answer_time(header, self._clock.wall_seconds(time.time())))
        elif type == Internal.I_PRE_SLEEP_NOTIFICATION:
            self._open_window(node, sleep_window_ms(payload) / 1000)
        elif type in (Internal.I_HEARTBEAT_RESPONSE, Internal.I_SIGNAL_REPORT_RESPONSE):
            asked = self.orders and self.orders.handle_answer(header, format_utc(time.time()))
            unasked_beat = type == Internal.I_HEARTBEAT_RESPONSE and not asked
            if unasked_beat and self._protocols.get(node, "").startswith(HEARTBEAT_WINDOWS):
                self._open_window(node, USUAL_WINDOW_MS / 1000)

    def _open_window(self, node, window_s):
        self._sleepers.add(node)
        self.orders.open_window(node, window_s, time.monotonic())
        self._send_orders()

    def forget_node(self, node_id, child):
        """People deleted a node, or one child of it: what speaks again is a stranger."""
        self._values = {
            header: value
            for header, value in self._values.items()
            if header.node != node_id or child not in (None, header.child)
        }
        if child is None:
            for known in (self._presented, self._sleepers, self._streaming):
                known.discard(node_id)
            self._protocols.pop(node_id, None)
            self._presentation_requested_at.pop(node_id, None)

    # What goes out.

    def _answer(self, header, line):
        if line is not None and self.config.controller and header.node != BROADCAST:
            self.transmitter.send(line, header)

    def _assign_id(self, header):
        if not self.config.controller:
            return
        node_id = replies.free_id(self._heard, self._assigned, time.time())
        if node_id is None:
            log.error("Gateway %s: a node asks for an id, but all of 1 to 254 are taken", self.config.name)
            self.health.last_error, self.health.last_error_time = (
                "a node got no id: all are taken",
                time.time(),
            )
            return
        self._heard.add(node_id)
        self._assigned[node_id] = time.time()
        log.info("Gateway %s: assigned id %d to a new node", self.config.name, node_id)
        loop, epoch = asyncio.get_running_loop(), self._epoch

        def send():
            if epoch == self._epoch:
                self.transmitter.send(replies.answer_id(header, node_id), header)

        self._writer.put(self._sinks.store, IdAssigned(self.number, node_id, time.time()))
        self._writer.flush(lambda: loop.call_soon_threadsafe(send))

    def _request_presentations(self, nodes):
        """Ask nodes that never presented themselves, once an hour; a node in its bootloader is left alone."""
        if not (self.config.controller and self.config.answers.presentation):
            return
        now = time.monotonic()
        for node in sorted(nodes - self._streaming - {BROADCAST}):
            last = self._presentation_requested_at.get(node)
            if last is None or now - last >= PRESENTATION_RETRY_S:
                header = Header(node, NODE_CHILD, Command.internal, 0, Internal.I_PRESENTATION)
                if self.transmitter.send(replies.format_presentation_request(node), header):
                    self._presentation_requested_at[node] = now
                    self._record_presentation_request(node)

    def add_orders(self, orders):
        """Orders from the outbox."""
        for order in orders:
            self.orders.add(order)
        self._send_orders()

    def _send_orders(self):
        if self._timer is not None:
            self._timer.cancel()
        again = self.orders.send_due(time.monotonic(), time.time())
        self._timer = (
            asyncio.get_running_loop().call_later(again, self._send_orders) if again is not None else None
        )

    def is_sleeping(self, node_id):
        return node_id in self._sleepers

    def opens_window(self, node_id):
        """True for a sleeping node that announces its window by a heartbeat."""
        return node_id in self._sleepers and self._protocols.get(node_id, "").startswith(HEARTBEAT_WINDOWS)

    def ask_heartbeat(self, node_id):
        """Ask an awake node for a keepalive; not one of a library whose heartbeat means a window."""
        if node_id in self._sleepers or self._protocols.get(node_id, "").startswith(HEARTBEAT_WINDOWS):
            return
        header = Header(node_id, NODE_CHILD, Command.internal, 0, Internal.I_HEARTBEAT_REQUEST)
        self.transmitter.send(format_line(*header), header)

    def _report(self, update):
        self._writer.put(self._sinks.outbox, update)

    def _record_presentation_request(self, node_id):
        self.firmware.asked(node_id)
        self._writer.put(
            self._sinks.store, PresentationRequested(256 * self.number + node_id, time.monotonic())
        )

    # The disk is slower than the radio.

    def _pause(self):
        transport = self._transport
        transport.pause_reading()
        self._paused = True

        def resume():
            if transport is not self._transport or transport.is_closing():
                return
            if self._writer.backlog > RESUME_BACKLOG:
                asyncio.get_running_loop().call_later(0.01, resume)
            else:
                self._paused = False
                self._last_data = time.monotonic()
                transport.resume_reading()

        asyncio.get_running_loop().call_later(0.01, resume)
