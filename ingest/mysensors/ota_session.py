"""Firmware updates in the dialogue with gateways: nodes are answered before anything is stored.

One `OtaService` serves all gateways of the process, in the event loop; each has a `GatewayOtaSession`.
What changes goes to the sink in `ingest/mysensors/ota_store.py`, which also brings what users schedule. Both
classes stand in one file because each calls the other.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import InitVar, dataclass, field
from typing import Protocol

from ingest.mysensors.early_blocks import EarlyBlocks, format_reply
from ingest.mysensors.handlers import sleep_window_ms
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.ota_records import (
    CancelledCommand,
    CancelledUpdate,
    ChangedUpdate,
    CommandState,
    DeletedFirmware,
    FirmwareReport,
    NodeAttention,
    OtaChange,
    OtaRecord,
    RefusedUpdate,
    StoredOtaState,
    UnreadablePayload,
)
from ingest.mysensors.protocol import BROADCAST, BYTES, NODE_CHILD, Command, Header, Internal, format_line
from ingest.mysensors.settings import GatewayOptions
from ingest.mysensors.sleep import USUAL_WINDOW_MS
from ingest.process.running_time import RunningTime
from ota import actions
from ota.command import CommandOrder
from ota.errors import OtaError
from ota.server import MissingFirmwareError, OtaServer, StoredFirmware
from ota.settings import OtaSettings
from ota.update import CANCELLED, FAILED, OtaUpdate
from ota.wire import Reply, StreamType, WireError, comes_from_sketch, parse_config_request

log = logging.getLogger(__name__)

STREAM = int(Command.stream)
PARENT_REPORTS = (Internal.I_CONFIG, Internal.I_DISCOVER_RESPONSE)
ID_DIALOGUE = (Internal.I_ID_REQUEST, Internal.I_ID_RESPONSE)
# What a node presents itself upon; a bootloader command is followed by a restart of its own.
PRESENTED_UPON = (actions.Reboot, actions.RequestPresentation, actions.Release, actions.CommandChanged)

TICK_S = 1.0
HOLD_REASON = "its firmware is being updated"


class OtaGateway(Protocol):
    """What a session needs of its gateway's Controller. Node ids are those of the radio network."""

    number: int
    settings: GatewayOptions
    transmitter: Transmitter

    def is_sleeping(self, node_id: int) -> bool:
        """True for a node that sends sleep notifications."""

    def opens_window(self, node_id: int) -> bool:
        """True for a node whose heartbeat opens a window (library 2.0 and 2.1)."""

    def ask_heartbeat(self, node_id: int) -> None:
        """Request a heartbeat of an awake node."""

    def expect_presentation(self, node_id: int) -> None:
        """Something is done upon which the node presents itself."""


@dataclass(eq=False)
class OtaService:
    """All updates of this process. `put(record)` and `flush()` reach the sink; neither waits."""

    settings: InitVar[OtaSettings]
    put: Callable[[OtaRecord], object]
    flush: Callable[[], object]
    running: RunningTime = field(default_factory=RunningTime)
    _sessions: dict[int, "GatewayOtaSession"] = field(default_factory=dict, init=False)  # by gateways.id
    _attention: dict[int, str | None] = field(default_factory=dict, init=False)  # last stored, by nodes.id
    # ota_updates.id -> (state, owed) as last stored
    _saved: dict[int, tuple[str, int]] = field(default_factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def __post_init__(self, settings: OtaSettings) -> None:
        self.server = OtaServer(settings)
        self._clock_offset = time.time() - time.monotonic()
        self._missed_s = self.running.missed_s

    def now(self) -> float:
        """Unix seconds that no step of the clock moves."""
        return time.monotonic() + self._clock_offset

    def join(self, gateway: OtaGateway) -> "GatewayOtaSession":
        """Open the session of a gateway."""
        return self._sessions.setdefault(gateway.number, GatewayOtaSession(self, gateway))

    def restore(self, stored: StoredOtaState) -> None:
        """Take over what was stored, once all gateways have joined; start to tick."""
        for firmware in stored.firmware:
            self.server.add_firmware(firmware)
        for node in stored.nodes:
            self.server.load_node(node.node, node.request, node.sleeping)
            if node.attention:
                self.server.node(node.node).attention = self._attention[node.node] = node.attention
        self.server.restore(stored.updates, self.now())
        for order in stored.commands:
            if order.is_waiting:
                self._queue_command(order)
            else:
                self.server.follow_command(order, self.now())
        self._tick()

    def stop(self) -> None:
        """Hand over what is not saved yet."""
        if self._timer is not None:
            self._timer.cancel()
        self._save()

    # What users change; called in the loop by the sink.

    def apply(self, changes: Iterable[OtaChange]) -> None:
        """Do what users asked for."""
        for change in changes:
            match change:
                case StoredFirmware():
                    self.server.add_firmware(change)
                case DeletedFirmware(number):
                    self.server.remove_firmware(number)
                case OtaUpdate():
                    self._open_update(change)
                case CancelledUpdate():
                    self._cancel_update(change)
                case CommandOrder():
                    self._queue_command(change)
                    self._sessions[change.node >> 8].request_heartbeat(change.node)
                case CancelledCommand():
                    self._cancel_command(change)
        self._settle()

    def _open_update(self, update: OtaUpdate) -> None:
        session = self._sessions[update.node >> 8]
        node = self.server.node(update.node)
        node.sleeping = node.sleeping or session.gateway.is_sleeping(update.node & 255)
        try:
            self.server.open_update(update, self.now())
        except MissingFirmwareError as error:
            if update.id is not None:
                self.put(RefusedUpdate(update.id, FAILED, str(error)))
            return
        session.watched.add(update.node & 255)
        session.request_heartbeat(update.node)

    def _cancel_update(self, cancelled: CancelledUpdate) -> None:
        reason = f"cancelled by {cancelled.user}"
        machine = self.server.node(cancelled.node).machine
        if machine is not None and machine.update.id == cancelled.id:
            self.server.cancel(cancelled.node, self.now(), reason)
        else:
            self.put(RefusedUpdate(cancelled.id, CANCELLED, reason))

    def _queue_command(self, order: CommandOrder) -> None:
        try:
            self.server.queue_command(order)
        except OtaError as error:
            order.state, order.reason = "failed", str(error)
            self.put(CommandState.of(order))
            return
        self._sessions[order.node >> 8].watched.add(order.node & 255)

    def _cancel_command(self, cancelled: CancelledCommand) -> None:
        node = self.server.node(cancelled.node)
        if node.command is not None and node.command.id == cancelled.id:
            node.command = None  # it may have been sent just now: then the row is not in this state any more
        self.put(CommandState(cancelled.id, "failed", f"cancelled by {cancelled.user}", before="cancelling"))

    # What the server decides.

    def act(self) -> None:
        """Do what the server decided, in order, then store what people should know of these nodes."""
        touched = set()
        for key, action in self.server.take_actions():
            session = self._sessions.get(key >> 8)
            if session is not None:
                session.act(key & 255, action)
                touched.add(key)
        for key in touched:
            attention = self.server.node(key).attention
            if self._attention.get(key) != attention:
                self._attention[key] = attention
                self.put(NodeAttention(key, attention or ""))
                if attention:
                    log.warning("Node %d: %s", key, attention)

    def _tick(self) -> None:
        if self.running.missed_s > self._missed_s:  # as after a loss: until now the silence was ours
            self._missed_s = self.running.missed_s
            for session in self._sessions.values():
                if session.is_connected:
                    session.connected()
        if self.running.may_judge:
            self.server.tick(self.now())
        self._settle()
        for session in self._sessions.values():
            session.watch_all()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _settle(self) -> None:
        self.act()
        self._save()

    def _save(self) -> None:
        """Hand changed rows to the sink; a new state is committed at once, progress later."""
        urgent = False
        for update in self.server.take_updates():
            state = (update.state, update.owed)
            before = None if update.id is None else self._saved.get(update.id)
            if before != state:
                urgent = True
                reason = f" ({update.reason})" if update.reason else ""
                name = f"node {update.node} to {update.type}/{update.version}"
                log.info("Update of %s: %s%s", name, update.state, reason)
            if update.id is not None:
                self._saved[update.id] = state
            self.put(ChangedUpdate(update, copy(update)))
        if urgent:
            self.flush()


class GatewayOtaSession:
    """One gateway's side of it. Node ids are those of the radio network; keys are `nodes.id`."""

    def __init__(self, service: OtaService, gateway: OtaGateway) -> None:
        self._service, self._server, self.gateway = service, service.server, gateway
        self._transmitter = gateway.transmitter
        self.number = gateway.number
        self._received = Header(0, 0, 0, 0, 0)  # of the message that is being handled
        self._early = EarlyBlocks(self._server)
        self.watched: set[int] = set()  # node ids whose every message matters now
        self._followed = False  # a bootloader command was sent, its node is still to be heard again
        self.lost()  # not connected yet
        self._transmitter.forbids = self._forbids

    def connected(self) -> None:
        """Take note that the gateway is connected."""
        self.is_connected = True
        self._server.gateway_back(self.number, self._service.now())

    def lost(self) -> None:
        """Take note that the gateway is not connected."""
        self.is_connected = False
        self._server.gateway_lost(self.number)

    def answer_early(self, data: bytes) -> None:
        """Send the block that a line of `data` asks for, where that is certain before it is decoded.

        `data` begins with a line. `receive` gets its messages next, and does not answer that one again.
        """
        answer = self._early.find(data)
        if answer is not None:
            self._transmitter.send_past_hold(answer)

    def receive(self, items: Iterable[tuple[Header, str]]) -> None:
        """Take messages as they came. Stream messages are answered at once, each of them."""
        watched = self.watched
        for header, payload in items:
            if header[2] == STREAM or header[0] in watched:  # by position: this runs for every message
                self._receive(header, payload)
        self._early.take_sent()  # where the messages before it changed what it gets

    def forget(self, node_id: int) -> None:
        """The node is deleted: another one may get its id."""
        if self._server.forget(256 * self.number + node_id):
            self.watched.discard(node_id)
            self._early.forget(node_id)
            self._transmitter.release(node_id)

    def _receive(self, header: Header, payload: str) -> None:
        node, child, command, echo, type = self._received = header
        if echo or node == BROADCAST:
            return
        key, server = 256 * self.number + node, self._server
        if not self.gateway.settings.controller:
            self._record_only(key, command, type, payload)
        elif command == STREAM:
            reply = server.answer(key, type, payload, self._service.now(), self._send_reply)
            if reply and type == StreamType.ST_FIRMWARE_REQUEST:
                self._early.note_request(key, header, payload, reply)
            self.watched.add(node)
        elif command == Command.presentation and child == NODE_CHILD:
            server.presentation_received(key, self._service.now())
        elif comes_from_sketch(command, type):
            server.message_received(key, self._service.now(), self._window_s(header, payload))
        if self._followed and self.gateway.settings.controller:
            self._follow(key, header, payload)
        if server.effects.actions:
            self._service.act()

    def _send_reply(self, reply: Reply) -> None:
        if not self._early.take_sent():
            self._transmitter.send_past_hold(format_reply(self._received.node, reply))

    def _follow(self, key: int, header: Header, payload: str) -> None:
        """Let commands that were sent to bootloaders take note of a message."""
        from_sketch = comes_from_sketch(header.command, header.type)
        reports = header.command == Command.internal and header.type in PARENT_REPORTS
        parent = BYTES.get(payload) if reports else None
        self._server.node_heard(key, self._service.now(), from_sketch, parent)

    def id_given(self, child: int, node_id: int) -> None:
        """Take note that a node without an id, which asked with this `child`, was given one."""
        if child == NODE_CHILD:  # as MYSBootloader asks
            self._server.id_given(self.number, node_id)
            self._service.act()
            self.watch_all()

    def _reject(self, payload: str, reason: str) -> None:
        """Note that the message that is being handled cannot be read, as it was sent."""
        line = format_line(*self._received, payload).rstrip("\n")
        self._service.put(UnreadablePayload(self.gateway.settings.name, line, reason))

    def _record_only(self, key: int, command: int, type: int, payload: str) -> None:
        """Note what nodes report also where another controller answers."""
        if command == Command.stream and type == StreamType.ST_FIRMWARE_CONFIG_REQUEST:
            try:
                self._service.put(FirmwareReport(key, parse_config_request(payload)))
            except WireError as error:
                self._reject(payload, str(error))

    def _window_s(self, header: Header, payload: str) -> float | None:
        """Seconds that the sender announces to go on listening, or None."""
        type = header.type if header.command == Command.internal else None
        if type == Internal.I_PRE_SLEEP_NOTIFICATION:
            return sleep_window_ms(payload) / 1000
        opens_window = type == Internal.I_HEARTBEAT_RESPONSE and self.gateway.opens_window(header.node)
        return USUAL_WINDOW_MS / 1000 if opens_window else None

    def presentation_requested(self, node: int) -> None:
        """Take note that an order asked the node for its presentation."""
        self._server.presentation_requested(256 * self.number + node, self._service.now())

    def _forbids(self, header: Header) -> bool:
        if header.node == BROADCAST:
            # A node that has no id yet waits for one in its bootloader.
            is_about_ids = header.command == Command.internal and header.type in ID_DIALOGUE
            return not is_about_ids and self._server.holds_broadcasts(self.number)
        if header.command == Command.stream or header.node not in self.watched:
            return False
        return self._server.holds(256 * self.number + header.node, header.command, header.type)

    def _send_internal(self, node: int, type: Internal) -> None:
        line = format_line(node, NODE_CHILD, Command.internal, 0, type)
        self._transmitter.send_past_hold(line.encode())

    def act(self, node: int, action: actions.Action) -> None:
        """Do one thing that the server decided."""
        transmitter, service = self._transmitter, self._service
        if isinstance(action, PRESENTED_UPON):
            self.gateway.expect_presentation(node)
        match action:
            case actions.Send(type, payload):
                transmitter.send_past_hold(format_reply(node, (type, payload)))
            case actions.Reboot():
                self._send_internal(node, Internal.I_REBOOT)
            case actions.RequestPresentation():
                self._send_internal(node, Internal.I_PRESENTATION)
            case actions.RequestHeartbeat():
                self.request_heartbeat(256 * self.number + node)
            case actions.Hold():
                transmitter.hold(node, HOLD_REASON)
            case actions.Release():
                transmitter.release(node)
            case actions.Reported(request):
                service.put(FirmwareReport(256 * self.number + node, request))
            case actions.Rejected(payload, reason):
                self._reject(payload, reason)
            case actions.CommandChanged(order):
                self.watch_all()
                service.put(CommandState.of(order))
                service.flush()
            case actions.Attention():
                pass  # `OtaService.act` stores it

    def request_heartbeat(self, key: int) -> None:
        """Ask an awake node for a heartbeat: the node is restarted when it is heard."""
        if self.is_connected and not self._server.holds(key):
            self.gateway.ask_heartbeat(key & 255)

    def watch_all(self) -> None:
        """Watch the nodes that have something to do with firmware now, and no others."""
        self.watched = {node.key & 255 for node in self._server.nodes_of(self.number) if not node.is_idle}
        followed = self._server.followed(self.number)
        self._followed = bool(followed)
        self.watched |= {node_id for order in followed for node_id in order.node_ids}
