"""A gateway that is reached by an MQTT broker: its session there, and what is fresh of what comes.

It is connected while its broker is. A QoS 1 message is acknowledged when its row is committed, so that the
broker sends it again after a process that ended before; what was stored and comes again is known by its
number and its text. What comes first in a session that the broker has kept may have been sent while nothing
read: it is stored with the time at which it came, no interval is made of it, and nothing in it is answered,
because the node does not listen any more.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.mqtt.connection import BrokerConnection, open_connection
from ingest.mqtt.problems import MqttError, taken_over
from ingest.mqtt.records import ClientOptions, Published, Retained, Subscription
from ingest.mysensors.broker_rows import Packet
from ingest.mysensors.broker_session import BrokerSession
from ingest.mysensors.controller import GatewayServices
from ingest.mysensors.events import GatewayConnected, GatewayLost
from ingest.mysensors.gateway import BACKLOG_CHECK_S, Gateway
from ingest.mysensors.known_nodes import KnownNodes
from ingest.mysensors.mqtt_topics import format_topic, parse_published, raw_text
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Header, LineError, Message, Reject
from ingest.mysensors.records import BrokerDelivery, RetainedFetched
from ingest.mysensors.retained_fetch import RetainedFetch
from ingest.mysensors.settings import GatewayOptions
from ingest.pipeline.source_health import Health

log = logging.getLogger(__name__)

KEPT_GAP_S = 0.3  # without a QoS 1 message, after which nothing that the broker kept is left
KEPT_MOST_S = 10.0  # after which it counts as sent now, whatever comes
COMMIT_AT = 8  # messages without acknowledgement; a broker sends 20 at most, or what it is set to
NEW_GAP_S = 0.5  # after a subscription, for what is retained to come with it where it is a new one
FORGET_S = 2.0  # for the disk, before a session begins
FETCH_AGAIN_S = 60.0  # between two attempts to fetch what is retained
SHORT_S, OFTEN = 10.0, 3  # so many connections in a row that short: another client takes the session
NOT_HEARD = (
    "the broker is connected; the gateway has sent nothing yet: is it on, are publish: and subscribe: its "
    "MY_MQTT_PUBLISH_TOPIC_PREFIX and MY_MQTT_SUBSCRIBE_TOPIC_PREFIX?"
)
NOT_FETCHED = (
    "retained messages are not fetched: the broker ends the connection whenever another one fetches them: "
    "does it take all clients of a user for one (use_username_as_clientid)?"
)
NO_ANSWER = "the broker is connected, the gateway has not answered for {:.0f} s: is it on?"


class MqttTransport(asyncio.Transport):
    """An open session as the transport of its gateway: lines are published, and what comes is batched."""

    def __init__(self, gateway: "MqttGateway", connection: BrokerConnection) -> None:
        super().__init__()
        self._gateway, self._connection = gateway, connection
        self._prefix = gateway.settings.subscribe or ""
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Publish lines, each with QoS 1."""
        connection, name = self._connection, self._gateway.settings.name
        with connection.publishing():
            for line in bytes(data).splitlines():
                if not self._is_closing and not connection.publish(*format_topic(self._prefix, line)):
                    log.warning("Gateway %s: the broker takes nothing; an order is not sent", name)

    def pause_reading(self) -> None:
        """Let the broker wait."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._is_closing:
            self._connection.resume_reading()

    def acknowledge(self, packets: Iterable[int]) -> None:
        """Tell the broker what is stored."""
        if not self._is_closing:
            self._connection.acknowledge(packets)

    def is_closing(self) -> bool:
        """Whether the connection is closed."""
        return self._is_closing

    def abort(self) -> None:
        """Close the connection; the broker keeps the session."""
        self._is_closing = True
        self._connection.close()


class MqttGateway(Gateway):
    """One gateway of the config whose messages go by a broker."""

    def __init__(
        self,
        settings: GatewayOptions,
        known: KnownNodes,
        health: Health,
        services: GatewayServices,
        session: BrokerSession,
    ) -> None:
        super().__init__(settings, known, health, services)
        self.session = session
        self.opener = self._open
        self._prefix = settings.publish or ""
        self._link: MqttTransport | None = None
        self._batch: list[Published] = []
        self._early: list[Published] = []  # what came before all was subscribed
        self._retained = 0  # messages with the subscription of this connection
        self._fetching: asyncio.Task[None] | None = None  # what is retained
        self._kept_until: float | None = None  # seconds of the loop's clock; None: what comes was sent now
        self._kept_gap_ends = 0.0
        self._is_committing = False
        self._end_reason: MqttError | None = None
        self._is_announced = False  # as connected
        self._opened_at = 0.0  # seconds of the loop's clock
        self._is_gone = False  # the gateway does not answer, while the broker is there

    async def _open(self) -> asyncio.Transport:
        """Connect to the broker and subscribe. Raises MqttError."""
        session, loop = self.session, asyncio.get_running_loop()
        self._retained, self._batch, self._is_gone, self._is_announced = 0, [], False, False
        self._end_reason, self._early = None, []
        options = ClientOptions(session.client_id, connect_s=self.timing.connect_s)
        connection = await open_connection(
            lambda is_v5: BrokerConnection(
                session.broker, options, self._published, self._ended, self._answered, is_v5
            ),
            session.is_v5,
        )
        session.is_v5 = connection.may_know_v5
        if connection.session_present:
            self._kept_until, self._kept_gap_ends = loop.time() + KEPT_MOST_S, loop.time() + KEPT_GAP_S
        else:
            session.begin_anew()
            self._kept_until = None
        self._opened_at = loop.time()
        self._link = transport = MqttTransport(self, connection)
        try:
            loop.call_soon(self._take_batch)  # what came with the broker's answer
            await self._subscribe(connection)
            self.connection_made(transport)
            self._set_connected(self._opened)
            early, self._early = self._early, []
            self._take_live(early)
            self._fetching = asyncio.create_task(self._fetch_retained())
        except BaseException as error:
            self._link = None
            if isinstance(error, Exception):  # else the daemon ends
                self.connection_lost(error)
            transport.abort()
            if self._end_reason is not None:
                raise self._end_reason from error
            raise
        return transport

    async def _subscribe(self, connection: BrokerConnection) -> None:
        """Subscribe, where the session of this process has not."""
        session, retained = self.session, Retained.IF_NEW
        if connection.session_present and session.has_subscribed:
            return
        if not connection.session_present:
            retained = Retained.NEVER
            await self._forget_fetched()
        await connection.subscribe(Subscription((f"{self._prefix}/#",), retained=retained))
        session.has_subscribed = True

    # What the broker retains.

    async def _forget_fetched(self) -> None:
        """Nothing is fetched of a session that begins now; that is on the disk before it has messages."""
        if not self.session.fetched:
            return
        self.session.fetched = ""
        self._writer.put(self._services.store, RetainedFetched(self.number, ""))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._flush(), FORGET_S)

    def _flush(self) -> "asyncio.Future[None]":
        """A commit of all that was handed in."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self._writer.flush(lambda: loop.call_soon_threadsafe(finish))
        return done

    async def _fetch_retained(self) -> None:
        """Fetch what is retained, once in a session, until that has succeeded.

        A subscription that should have been there and was new brings retained messages with it: the process
        before was killed before it could note that the session is another one. A broker of MQTT 3.1.1 sends
        them upon any subscription.
        """
        session, logged = self.session, ""
        await asyncio.sleep(NEW_GAP_S)
        while self._retained or not session.is_fetched:
            if session.unfinished_fetches >= OFTEN:
                log.warning("Gateway %s: %s", self.settings.name, NOT_FETCHED)
                return
            session.unfinished_fetches += 1  # the end of our connection ends this task
            try:
                fetch = RetainedFetch(session, self.timing.connect_s, self._published, self._room)
                count = await fetch.run()
                session.unfinished_fetches = 0
            except MqttError as error:
                session.unfinished_fetches = 0
                if str(error) != logged:
                    log.warning("Gateway %s: retained messages: %s", self.settings.name, error)
                logged = str(error)
                await asyncio.sleep(FETCH_AGAIN_S)
                continue
            self._take_batch()
            session.fetched, self._retained = session.name, 0
            self._writer.put(self._services.store, RetainedFetched(self.number, session.name))
            log.debug("Gateway %s: %d retained messages fetched", self.settings.name, count)

    async def _room(self) -> None:
        """Until the disk has caught up."""
        while self._writer.backlog > self.timing.resume_backlog:
            await asyncio.sleep(BACKLOG_CHECK_S)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended: what is fetched is fetched anew in the next one."""
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None
        super().connection_lost(error)

    def _ended(self, error: MqttError) -> None:
        """The broker ended the connection, or it broke."""
        if self._link is None:
            return
        session, loop = self.session, asyncio.get_running_loop()
        self._take_batch()
        is_short = loop.time() - self._opened_at < SHORT_S
        session.short_ends = session.short_ends + 1 if is_short and not error.code else 0
        if session.short_ends >= OFTEN and error.is_unexplained:
            error = MqttError(
                f"{error}, soon and again and again: {taken_over(session.broker, session.client_id)}"
            )
        self._link, self._end_reason = None, error
        self.connection_lost(error)

    def _answered(self, _topic: str, reason: str) -> None:
        """The broker has taken what is sent to the gateway, or does not pass it on."""
        if not reason:
            return
        topic = f"{self.settings.subscribe}/#"
        problem = f"the broker does not pass on orders ({reason}): allow writing {topic} in its ACL"
        if self.health.last_error != problem:
            log.warning("Gateway %s: %s", self.settings.name, problem)
        self.health.fail("connected", problem)

    # What is received.

    def _published(self, message: Published) -> None:
        """Collect what one read of the socket brings."""
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._take_batch)
        self._batch.append(message)

    def _take_batch(self) -> None:
        if self._link is None:
            return  # not yet open, or closed: nothing is acknowledged
        batch, self._batch = self._batch, []
        while batch:
            retained = batch[0].retained
            count = next((n for n, one in enumerate(batch) if one.retained != retained), len(batch))
            if retained:
                self._take_retained(batch[:count])
            elif self._transport is None:  # the subscription is not complete
                self._early += batch[:count]
            else:
                self._take_live(batch[:count])
            batch = batch[count:]

    def _take_retained(self, batch: list[Published]) -> None:
        """Store messages of an age that is not known; those of QoS 1 came with the subscription."""
        fresh, packets = self._take_new(batch)
        self._retained += len(packets)
        messages, rejects = self._parse(fresh)
        self.controller.known.ids.hear({header.node for header, _ in messages})
        self._record(messages, rejects, BrokerDelivery(is_retained=True, packets=tuple(packets)))
        self._pause_if_behind()
        self._commit_soon()

    def _take_new(self, batch: list[Published]) -> tuple[list[Published], list[Packet]]:
        """What was not taken before, and the numbers under which it came."""
        fresh, packets, stored = [], [], []
        for message in batch:
            if not message.packet:
                fresh.append(message)
            elif (packet := self.session.take(message)) is not None:
                fresh.append(message)
                packets.append(packet)
            elif message.packet not in self.session.unstored:
                stored.append(message.packet)
        if stored and self._link is not None:
            self._link.acknowledge(stored)
        return fresh, packets

    def _take_live(self, batch: list[Published]) -> None:
        fresh, packets = self._take_new(batch)
        if not fresh:
            return
        messages, rejects = self._parse(fresh)
        if self._may_be_late(bool(packets)):
            self._take_late(messages, rejects, BrokerDelivery(may_be_late=True, packets=tuple(packets)))
        else:
            if self._is_gone or any(_is_presentation_of_gateway(header) for header, _ in messages):
                self._keepalive.restarted()
            self._receive(messages, rejects, BrokerDelivery(packets=tuple(packets)))
            self._note_heard()
        self._commit_soon()

    def _take_late(self, messages: list[Message], rejects: list[Reject], delivery: BrokerDelivery) -> None:
        """Store what may have been sent a while ago, and take no time and no question of it."""
        self._connection += 1  # no interval goes over what was kept
        self._last_data = self.running.now()
        messages = self._record(messages, rejects, delivery)
        self.controller.known.record(messages)
        self._pause_if_behind()

    def _may_be_late(self, is_numbered: bool) -> bool:
        """Whether the broker may have kept it: a session begins with what came while nothing read."""
        if self._kept_until is None:
            return False
        now = asyncio.get_running_loop().time()
        if not is_numbered or now > min(self._kept_until, self._kept_gap_ends):
            if is_numbered:
                self._kept_until = None
            return False
        self._kept_gap_ends = now + KEPT_GAP_S
        return True

    def _parse(self, batch: list[Published]) -> tuple[list[Message], list[Reject]]:
        messages, rejects = [], []
        for one in batch:
            try:
                messages.append(parse_published(self._prefix, one.topic, one.payload))
            except LineError as error:
                rejects.append(Reject(raw_text(one.topic, one.payload), str(error)))
        return messages, rejects

    def note_taken(self, packets: Iterable[Packet]) -> None:
        """These messages are kept in the spool."""
        self.session.taken.update(packets)

    def _commit_soon(self) -> None:
        """A broker stops at so many without acknowledgement: do not wait for a commit."""
        if len(self.session.unstored) < COMMIT_AT or self._is_committing:
            return
        self._is_committing = True

        def committed(_done: object) -> None:
            self._is_committing = False
            self._commit_soon()  # what came meanwhile: the broker may wait for just that

        self._flush().add_done_callback(committed)

    def acknowledge(self, packets: list[int]) -> None:
        """These messages are stored."""
        due = [packet for packet in packets if packet in self.session.unstored]
        self.session.unstored.difference_update(due)
        if self._link is not None:
            self._link.acknowledge(due)

    # The gateway behind the broker.

    def _give_up(self, idle_s: float) -> None:
        """The gateway is lost, its broker is not."""
        self.health.set_state("connected", NO_ANSWER.format(self.timing.idle_timeout_s))
        if not self._is_gone:
            self._is_gone = True
            reason = f"no answer for {idle_s:.0f} s by a broker that is connected: the gateway is off"
            log.warning("Gateway %s: %s", self.settings.name, reason)
            with SYSTEM_CLOCK.stamping() as at:
                self._writer.put(self._services.events, GatewayLost(self.number, at, reason))

    def _set_connected(self, since: float) -> None:
        """The broker is there, or the gateway has sent its first message in this connection."""
        self._received_any = self._is_announced
        if not self._is_announced:
            self._is_announced = True
            super()._set_connected(since)
            self._received_any = False  # by the gateway itself

    def _note_noise(self, any_message: bool, rejects: list[Reject]) -> None:
        """Nothing: a broker has other topics too, and what is no message is among the rejects."""

    def _note_silence(self) -> None:
        self.health.set_state("connected", NOT_HEARD)

    def _note_heard(self) -> None:
        """The gateway sends: whatever was said of its silence is over."""
        self.health.set_state("connected", "connected")
        if self._is_gone:
            self._is_gone = False
            with SYSTEM_CLOCK.stamping() as at:
                self._writer.put(self._services.events, GatewayConnected(self.number, at, self.running.now()))


def _is_presentation_of_gateway(header: Header) -> bool:
    """What a gateway of the library sends when it has connected to the broker, before it subscribes."""
    return (header.node, header.child, header.command) == (GATEWAY_NODE, NODE_CHILD, Command.presentation)
