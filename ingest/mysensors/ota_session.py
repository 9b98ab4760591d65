"""Firmware updates in the dialogue with gateways: nodes are answered from memory, before anything is stored.

One `OtaService` serves all gateways of the process, in the event loop; each gateway has a `GatewayOtaSession`. What
changes goes to the sink in `ingest/mysensors/ota_store.py`, which also brings what people schedule.
"""

import asyncio
import logging
import time

from ingest.mysensors.handlers import USUAL_WINDOW_MS, sleep_window_ms
from ingest.mysensors.ota_store import (
    CommandState,
    FirmwareReport,
    NodeAttention,
    RefusedUpdate,
    UnreadablePayload,
    UpdateRow,
)
from ingest.mysensors.protocol import BROADCAST, NODE_CHILD, Command, Internal, format_line
from ota import actions
from ota.command import CommandOrder
from ota.server import OtaServer
from ota.update import REQUESTED
from ota.wire import StreamType, WireError, comes_from_sketch, parse_config_request

log = logging.getLogger(__name__)

STREAM = int(Command.stream)

TICK_S = 1.0
HELD = "its firmware is being updated"


class OtaService:
    """All updates of this process. `put(item)` and `flush()` reach the sink; neither waits."""

    def __init__(self, settings, at_once, put, flush):
        self.server = OtaServer(settings, at_once)
        self._put, self._flush = put, flush
        self._ahead = time.time() - time.monotonic()
        self.sessions = {}  # gateways.id -> GatewayOtaSession
        self._attention = {}  # nodes.id -> what was last stored
        self._saved = {}  # ota_updates.id -> (state, owed) as last handed to the sink
        self._timer = None

    def now(self):
        """Unix seconds that no step of the clock moves."""
        return time.monotonic() + self._ahead

    def join(self, gateway):
        """The GatewayOtaSession of a Gateway."""
        session = self.sessions[gateway.number] = GatewayOtaSession(self, gateway)
        return session

    def restore(self, kept):
        """Take up what `ota_store.load` found; once all gateways have joined."""
        for stored in kept.firmware:
            self.server.put_firmware(*stored)
        for key, request, sleeping, attention in kept.nodes:
            self.server.know_node(key, request, sleeping)
            if attention:
                self.server.node(key).attention = self._attention[key] = attention
        self.server.restore(kept.updates, self.now())
        for order in kept.commands:
            self._order(order)
        for session in self.sessions.values():
            session.lost()  # nobody is connected yet
            session.watch_all()
        self._settle()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self):
        """Hand over what is not saved yet."""
        if self._timer is not None:
            self._timer.cancel()
        self._save()

    # What people want; called in the loop by the sink.

    def take(self, news):
        """News of `OtaSink.poll`: tuples whose first item names a method here."""
        for name, *values in news:
            getattr(self, f"_take_{name}")(*values)
        self._settle()

    def _take_firmware(self, *stored):
        self.server.put_firmware(*stored)

    def _take_dropped(self, number):
        self.server.drop_firmware(number)

    def _take_update(self, update):
        session, now = self.sessions[update.node >> 8], self.now()
        node = self.server.node(update.node)
        node.sleeping = node.sleeping or session.sleeps(update.node)
        try:
            self.server.open(update, now)
        except KeyError:
            self._put(RefusedUpdate(update.id, "failed", "its firmware is no longer stored"))
            return
        if not session.is_connected:
            self.server.gateway_lost(session.number, now)
        session.watched.add(update.node & 255)
        session.nudge(update.node)

    def _take_cancel(self, number, key, person):
        machine = self.server.node(key).machine
        if machine is not None and machine.update.id == number:
            self.server.cancel(key, self.now(), f"cancelled by {person}")
        else:
            self._put(RefusedUpdate(number, "cancelled", f"cancelled by {person}"))

    def _take_command(self, order):
        self._order(order)
        self.sessions[order.node >> 8].nudge(order.node)

    def _take_command_cancel(self, number, key, person):
        command = self.server.node(key).command
        if command is not None and command.id == number:
            self.server.node(key).command = None
        self._put(CommandState(number, "failed", f"cancelled by {person}", 0, "cancelling"))

    def _order(self, order: CommandOrder):
        try:
            self.server.order(order)
        except ValueError as error:
            order.state, order.reason = "failed", str(error)
            self._put(CommandState.of(order))
            return
        self.sessions[order.node >> 8].watched.add(order.node & 255)

    # What is to be done.

    def act(self):
        """Do what the server decided, in order, then note what people should know of these nodes."""
        touched = set()
        for key, action in self.server.take_actions():
            session = self.sessions.get(key >> 8)
            if session is not None:
                session.act(key & 255, action)
                touched.add(key)
        for key in touched:
            attention = self.server.node(key).attention
            if self._attention.get(key) != attention:
                self._attention[key] = attention
                self._put(NodeAttention(key, attention or ""))
                if attention:
                    log.warning("Node %d: %s", key, attention)

    def _tick(self):
        self.server.tick(self.now())
        self._settle()
        for session in self.sessions.values():
            session.watch_all()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _settle(self):
        self.act()
        self._save()

    def _save(self):
        """Rows that changed go to the sink; a new state is committed at once, progress with the next commit."""
        urgent = False
        for update in self.server.take_updates():
            state = (update.state, update.owed)
            if update.id is None or self._saved.get(update.id) != state:
                urgent = True
                log.info(
                    "Update of node %d to %d/%d: %s %s",
                    update.node,
                    update.type,
                    update.version,
                    *words(update),
                )
                if not update.is_open and update.state != self._saved.get(update.id, (None,))[0]:
                    self.sessions[update.node >> 8].nudge_waiting()
            if update.id is not None:
                self._saved[update.id] = state
            self._put(UpdateRow(update, update.row()))
        if urgent:
            self._flush()

    def report(self, item):
        self._put(item)

    def keep_at_once(self, item):
        self._put(item)
        self._flush()


def words(update):
    """State and reason for the log."""
    return update.state, f"({update.reason})" if update.reason else ""


def is_about_ids(header):
    """True for the dialogue with a node that has no id yet: it is in its own bootloader, and waits for one."""
    return header.command == Command.internal and header.type in (
        Internal.I_ID_REQUEST,
        Internal.I_ID_RESPONSE,
    )


class GatewayOtaSession:
    """One gateway's side of it. Node ids are those of the radio; the server's keys are `nodes.id`."""

    def __init__(self, firmware, gateway):
        self._firmware, self._server, self._gateway = firmware, firmware.server, gateway
        self._transmitter = gateway.transmitter
        self.number = gateway.number
        self.watched = set()  # node ids whose every message matters now
        self.is_connected = False
        self._answers = gateway.config.controller
        self._transmitter.forbids = self._forbids

    def sleeps(self, key):
        return self._gateway.is_sleeping(key & 255)

    def connected(self):
        self.is_connected = True
        self._server.gateway_back(self.number, self._firmware.now())

    def lost(self):
        self.is_connected = False
        self._server.gateway_lost(self.number, self._firmware.now())

    def hear(self, items):
        """(Header, payload) pairs as they came. Stream messages are answered at once, each of them."""
        watched = self.watched
        for header, payload in items:
            if header[2] == STREAM or header[0] in watched:  # by position: this runs for every message
                self._hear(header, payload)

    def _hear(self, header, payload):
        node, child, command, echo, type = header
        if echo or node == BROADCAST:
            return
        key, server = 256 * self.number + node, self._server
        if not self._answers:
            self._overhear(key, command, type, payload)
        elif command == STREAM:
            reply = server.answer(key, type, payload, self._firmware.now())
            if reply is not None:
                self._transmitter.send_past_hold(f"{node};255;4;0;{reply[0]:d};{reply[1]}\n")
            self.watched.add(node)
        elif command == Command.presentation and child == NODE_CHILD:
            server.presented(key, self._firmware.now())
        elif comes_from_sketch(command, type):
            server.heard(key, self._firmware.now(), self._window(header, payload))
        if server.actions:
            self._firmware.act()

    def _overhear(self, key, command, type, payload):
        """Where another controller answers, what nodes report is noted all the same."""
        if command == Command.stream and type == StreamType.ST_FIRMWARE_CONFIG_REQUEST:
            try:
                self._firmware.report(FirmwareReport(key, parse_config_request(payload)))
            except WireError as error:
                self._firmware.report(UnreadablePayload(self._gateway.config.name, payload, str(error)))

    def _window(self, header, payload):
        """Seconds that the sender of this message goes on to listen, or None where it says nothing of that."""
        if header.command != Command.internal:
            return None
        if header.type == Internal.I_PRE_SLEEP_NOTIFICATION:
            return sleep_window_ms(payload) / 1000
        if header.type == Internal.I_HEARTBEAT_RESPONSE and self._gateway.opens_window(header.node):
            return USUAL_WINDOW_MS / 1000
        return None

    def asked(self, node):
        """Somebody asked the node for its presentation."""
        self._server.asked(256 * self.number + node, self._firmware.now())

    def _forbids(self, header):
        if header.node == BROADCAST:
            return not is_about_ids(header) and self._server.holds_any(self.number)
        if header.command == Command.stream or header.node not in self.watched:
            return False
        return self._server.holds(256 * self.number + header.node, header.command, header.type)

    def act(self, node, action):
        gate = self._transmitter
        if isinstance(action, actions.Send):
            gate.send_past_hold(f"{node};255;4;0;{action.type:d};{action.payload}\n")
        elif isinstance(action, actions.Reboot):
            gate.send_past_hold(format_line(node, NODE_CHILD, Command.internal, 0, Internal.I_REBOOT))
        elif isinstance(action, actions.AskPresentation):
            gate.send_past_hold(format_line(node, NODE_CHILD, Command.internal, 0, Internal.I_PRESENTATION))
        elif isinstance(action, actions.Hold):
            gate.hold(node, HELD)
        elif isinstance(action, actions.Release):
            gate.release(node)
        elif isinstance(action, actions.Reported):
            self._firmware.report(FirmwareReport(256 * self.number + node, action.request))
        elif isinstance(action, actions.Rejected):
            line = f"{node};255;4;0;?;{action.payload}"
            self._firmware.report(UnreadablePayload(self._gateway.config.name, line, action.reason))
        elif isinstance(action, actions.CommandChanged):
            self._firmware.keep_at_once(CommandState.of(action.order))

    def nudge(self, key):
        """Ask an awake node for a sign of life: it is restarted when it is heard."""
        if self.is_connected and not self._server.holds(key):
            self._gateway.ask_heartbeat(key & 255)

    def nudge_waiting(self):
        """A transfer is over: those that wait for their turn may begin as soon as they are heard."""
        for node in self._server.nodes.values():
            if node.key >> 8 == self.number and node.machine and node.machine.update.state == REQUESTED:
                self.nudge(node.key)

    def watch_all(self):
        """Leave out of `watched` who has nothing to do with firmware any more."""
        self.watched.clear()
        self.watched.update(
            node.key & 255
            for node in self._server.nodes.values()
            if node.key >> 8 == self.number
            and (node.machine or node.command or node.unfinished or node.held_at is not None)
        )
