"""The connection to one gateway: what it sends goes to the writer and to the gateway's Controller.

An asyncio protocol: a transport (TCP or serial) feeds it. A gateway by MQTT is a `MqttGateway`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.mysensors.controller import Controller, GatewayServices
from ingest.mysensors.dropped import GatewayDropped
from ingest.mysensors.events import GatewayConnected, GatewayLost, VersionAnswers
from ingest.mysensors.framing import FIRST_LINE, LineDecoder
from ingest.mysensors.intake import Dropped
from ingest.mysensors.keepalive import Keepalive, Liveness
from ingest.mysensors.known_nodes import KnownNodes
from ingest.mysensors.limited_reads import LimitedReads
from ingest.mysensors.protocol import GATEWAY_NODE, Command, Internal, Message, Reject
from ingest.mysensors.records import LIVE, BrokerDelivery, ReceivedBlock
from ingest.mysensors.settings import GatewayOptions
from ingest.pipeline.source_health import Health

log = logging.getLogger(__name__)

NOISE = "sends data that are no MySensors lines"
SILENCE = "the port is open but the gateway sends nothing"
BACKLOG_CHECK_S = 0.01
# Node, command and type of the gateway's answer to the question for its version.
VERSION = (GATEWAY_NODE, Command.internal, Internal.I_VERSION)


class ConnectionEnd(NamedTuple):
    """How a connection ended, whether the gateway sent a message in it, and for how long it was open."""

    reason: str
    received_any: bool
    seconds: float


class Gateway(LimitedReads):
    """One gateway of the config, for as long as the daemon runs; connections come and go."""

    def __init__(
        self, settings: GatewayOptions, known: KnownNodes, health: Health, services: GatewayServices
    ) -> None:
        super().__init__()
        self.settings, self.number, self.health = settings, known.gateway, health
        self.timing = services.timing
        self.controller = Controller(settings, known, health, services)
        self.end: asyncio.Future[ConnectionEnd] | None = None  # of the present connection
        self.opener: Callable[[], Awaitable[asyncio.Transport]] | None = None  # where it is no port
        self._services, self._writer = services, services.writer
        self._transport: asyncio.Transport | None = None
        self._decoder = LineDecoder()
        self._keepalive = Keepalive(services.timing, known.answers_version)
        self._connection = 0  # counts connections
        self.running = services.running
        self._opened = 0.0  # seconds of `running`: while we do not run, silence is ours
        self._last_data = 0.0  # the same
        self._missed_s = self.running.missed_s
        self._received_any = False
        self._last_message = 0.0  # seconds of `running`
        self._is_noisy = False  # what comes is no message
        self._stopping = False
        self._paused = False

    # The connection.

    @property
    def transport(self) -> asyncio.Transport | None:
        """The open connection, if there is one."""
        return self._transport

    @property
    def idle_s(self) -> float:
        """Seconds since the last byte came, or since the connection was opened."""
        return self.running.now() - self._last_data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A transport is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._decoder = LineDecoder(transport.get_extra_info("starts_mid_line", False))
        self._connection += 1
        self._received_any = self._paused = self._is_noisy = False
        self._opened = self._last_data = self.running.now()
        self._keepalive.connected()
        self.end = asyncio.get_running_loop().create_future()
        self.health.connects += 1
        self.health.set_state("connecting", "connected, waiting for the first message")
        self.controller.connected(transport.write)
        if self.settings.controller and self.settings.answers.keepalive:
            self._keep_alive(self.end)

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is closed, by the gateway or by us."""
        if self.end is None or self.end.done():
            return
        self.controller.disconnected()
        self._record([], self._decoder.finish())
        self._transport = None
        # A reset is how the other side closes while we are writing.
        if error is None or isinstance(error, ConnectionError):
            reason = "the gateway closed the connection"
        else:
            reason = getattr(error, "strerror", None) or str(error)
        if not self._stopping:
            with SYSTEM_CLOCK.stamping() as at:
                self._writer.put(self._services.events, GatewayLost(self.number, at, reason))
        seconds = self.running.now() - self._opened
        self.end.set_result(ConnectionEnd(reason, self._received_any, seconds))

    def abort(self, reason: str) -> None:
        """End the connection from our side."""
        transport = self._transport
        if transport is not None:
            self.connection_lost(OSError(reason))
            transport.abort()

    def note_taken(self, packets: Iterable[tuple[int, str]]) -> None:
        """What a broker numbered so is kept in the spool: nothing here would take it again."""

    def acknowledge(self, packets: list[int]) -> None:
        """What a broker numbered so is stored: nothing here waits for that."""

    def stop(self) -> None:
        """Close the connection because the daemon ends: that is no loss of the gateway."""
        self._stopping = True
        self.abort("stopped")

    def _keep_alive(self, end: asyncio.Future[ConnectionEnd]) -> None:
        """Ask for the version when nothing came for a while; close a connection whose gateway is gone.

        Each connection has its own series of calls, which ends with it: `end` is that connection's.
        """
        if end.done():
            return
        now = self.running.now()
        if self._paused:  # we do not read: that silence is ours
            self._last_data = now
        idle_s = self.idle_s
        liveness = Liveness.THERE
        if self.running.may_judge:  # else what waits is read first
            is_serial = bool(self.settings.serial)
            liveness = self._keepalive.assess(idle_s, self._received_any, is_serial)
        if liveness is Liveness.GONE:
            self._give_up(idle_s)
            if end.done():
                return
        if liveness is Liveness.UNKNOWN:
            self._note_silence()
        elif liveness is Liveness.QUIET and not self._received_any and not self.settings.serial:
            self._set_connected(self._opened)
        self._save_answers()
        if self._keepalive.is_due(now, idle_s, self._received_any):
            self.controller.request_version()
        pause_s, left_s = self.timing.keepalive_s / 2, self.timing.idle_timeout_s - idle_s
        next_s = min(pause_s, left_s) if left_s > 0 else pause_s  # the timeout is noticed when it is due
        asyncio.get_running_loop().call_later(next_s, self._keep_alive, end)

    def _give_up(self, idle_s: float) -> None:
        """The gateway does not answer any more."""
        self.abort(f"no answer for {idle_s:.0f} s: the gateway is off, or the network path is down")

    def _note_silence(self) -> None:
        """The gateway has never sent anything."""
        problem = NOISE if self._is_noisy or self._decoder.is_within_line else SILENCE
        self.health.fail("silent", f"{problem}: {self._hint()}")

    def _save_answers(self) -> None:
        """Remember over restarts whether the gateway answers, where that is news."""
        answers = self._keepalive.take_change()
        if answers is not None:
            self._writer.put(self._services.events, VersionAnswers(self.number, answers))
            if not answers:
                log.info("Gateway %s does not tell its version: its silence is no fault", self.settings.name)

    def _set_connected(self, since: float) -> None:
        """The gateway is there since `since` (seconds of `running`)."""
        self._received_any = True
        self.health.set_state("connected", "connected")
        with SYSTEM_CLOCK.stamping() as now:
            at = now - (self.running.now() - since)
            self._writer.put(self._services.events, GatewayConnected(self.number, at, since))
        log.info("Gateway %s: connected (%s)", self.settings.name, self.settings.address)

    def _hint(self) -> str:
        baud_rate = f"is the baud rate {self.settings.baudrate} right?"
        return baud_rate if self.settings.serial else "is it a MySensors gateway?"

    # What is received.

    def data_received(self, data: bytes) -> None:
        """Answer and store what the bytes complete."""
        if self._decoder.is_at_line_start:
            self.controller.ota.answer_early(data)
        self._receive(*self._decoder.decode_block(data))

    def _receive(
        self, messages: list[Message], rejects: list[Reject], delivery: BrokerDelivery = LIVE
    ) -> None:
        """Answer and store what came just now."""
        if messages:
            # Before everything else: a node in its bootloader waits for its answer.
            self.controller.ota.receive(messages)
        self._last_data = self.running.now()
        if self._missed_s != self.running.missed_s:
            self._missed_s = self.running.missed_s
            self._connection += 1  # no interval goes over the time in which we did not run
        if messages and not self._received_any:
            self._set_connected(self._last_data)
        self._note_noise(bool(messages), rejects)
        messages = self._record(messages, rejects, delivery)
        if messages:
            if self._keepalive.is_waiting and any(header[::2] == VERSION for header, _ in messages):
                self._keepalive.answered()
                self._save_answers()
            self.controller.handle_messages(messages)
        self._pause_if_behind()

    def _pause_if_behind(self) -> None:
        if self._writer.backlog > self.timing.pause_backlog:
            self._pause()

    def _note_noise(self, any_message: bool, rejects: list[Reject]) -> None:
        """Name data that is no message: of a gateway that never sent one, or has sent none for a while."""
        if any_message:
            self._last_message = self._last_data
            if self._is_noisy:
                self.health.set_state("connected", "connected")
            self._is_noisy = False
            return
        if self._received_any and self._last_data - self._last_message < self.timing.idle_timeout_s:
            return
        if self._decoder.is_endless or any(reason != FIRST_LINE for _, reason in rejects):
            self._is_noisy = True
            self.health.fail("silent", f"{NOISE}: {self._hint()}")

    def _drop(self, dropped: Dropped | None) -> None:
        if dropped is not None:
            with SYSTEM_CLOCK.stamping() as at:
                self._writer.put(self._services.dropped, GatewayDropped(self.settings.name, at, dropped))

    def _record(
        self, messages: list[Message], rejects: list[Reject], delivery: BrokerDelivery = LIVE
    ) -> list[Message]:
        """Hand what was received to the writer, as far as it is kept; returns the messages that are."""
        if not messages and not rejects:
            return messages
        name, received = self.settings.name, len(messages)
        self.health.received += received
        self.health.rejected += len(rejects)
        if rejects:
            log.debug("Gateway %s: %d lines rejected, the last: %s", name, len(rejects), rejects[-1])
        if not delivery.is_retained:  # these make no channels
            messages, dropped = self.controller.intake.take_messages(messages, self._last_data)
            self._drop(dropped)
        rejects, dropped = self.controller.intake.take_rejects(rejects, self._last_data)
        self._drop(dropped)
        with SYSTEM_CLOCK.stamping() as now:
            block = ReceivedBlock(
                self.number,
                name,
                now,
                self._last_data,
                (self.number, self._connection),
                messages,
                rejects,
                self.settings.repeat_window_s,
                delivery,
            )
            if messages or rejects or delivery.packets:
                self._writer.put(self._services.store, block, len(messages) + len(rejects))
        if received and not delivery.is_retained:
            self.health.last_data = now
        return messages

    # The disk is slower than the radio.

    def _pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            self._paused = True
            asyncio.get_running_loop().call_later(BACKLOG_CHECK_S, self._resume, self._transport)

    def _resume(self, transport: asyncio.Transport) -> None:
        """Read on as soon as the writer has caught up."""
        if transport is not self._transport or transport.is_closing():
            return
        if self._writer.backlog > self.timing.resume_backlog:
            asyncio.get_running_loop().call_later(BACKLOG_CHECK_S, self._resume, transport)
        else:
            self._paused = False
            self._last_data = self.running.now()
            self._connection += 1  # no interval goes over the time in which we did not read
            transport.resume_reading()
