"""Publishing at work: keeps a connection, publishes what changes, and takes orders in.

While the broker is away nothing is kept but what was published last: at the next connection everything goes
out anew. What is retained below our topics and is there no more, also from before a start, is taken away.
"""

import asyncio
import logging
import sqlite3
import time
from contextlib import suppress
from functools import partial

from ingest.config.model import Config
from ingest.config.publish import PublishSettings
from ingest.db.connection import transaction
from ingest.mqtt.client_id import publisher_part
from ingest.mqtt.problems import MqttError, taken_over
from ingest.mqtt.records import Published
from ingest.process.backoff import Backoff
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.mqtt.client import APART, BrokerClient, MqttMessage
from outbound.mqtt.events import EventMessages, read_events, save_cursor, start_cursor
from outbound.mqtt.health import WRITE_S, PublishHealth, write_health
from outbound.mqtt.home_assistant.announcer import Announcer
from outbound.mqtt.home_assistant.of_config import read_discovery
from outbound.mqtt.intake import OrderIntake
from outbound.mqtt.leftovers import Leftovers
from outbound.mqtt.snapshot import Snapshot
from outbound.mqtt.topics import COMMAND, OFFLINE, ONLINE, SET, UPDATE, Topics

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at whether anything has changed
FIRST_S, LONGEST_S = 1.0, 60.0  # between two attempts to connect
STEADY_S = 30.0  # a connection of this length resets the pause
SHORT = 3  # connections in a row that were shorter: something breaks them off
UNREAD_S = 30.0  # without the database: what is retained is old by then
GOODBYE_S = 0.5  # for the last message when the process ends
CLIENT = "voltkeeper"


class MqttPublisher:
    """Publishes the state and events of one site, by `run()`, until it is cancelled."""

    def __init__(self, config: Config, settings: PublishSettings, database: OutboundDatabase) -> None:
        self._config, self._settings, self._database = config, settings, database
        self._broker = config.broker(settings.mqtt)
        self._topics = Topics(settings.prefix)
        self._snapshot = Snapshot(self._topics, settings.every_s)
        self._intake = OrderIntake(config, self._topics, database, f"mqtt:{self._broker.name}")
        self._announcer: Announcer | None = None  # to Home Assistant, where that is configured
        self._is_old = False  # the broker knows MQTT 3.1.1 alone
        self._cursor: int | None = None  # the last `event_changes.seq` that is published
        self._replaced = database.replaced
        self._fault = "not connected yet"
        self._since = self._written_at = time.monotonic()
        self._published = self._connects = self._short = 0

    @property
    def client_id(self) -> str:
        """The same for the same prefix, so that two that publish the same topics are told of each other."""
        return f"{self._broker.client_id or CLIENT}-{publisher_part(self._settings.prefix)}"

    async def run(self) -> None:
        """Connect, publish, and connect again after a pause that grows."""
        backoff = Backoff(FIRST_S, LONGEST_S)
        try:
            while True:
                began = time.monotonic()
                try:
                    fault = await self._connection()
                except Exception as error:
                    # A mistake here is not to end the process, which sends alerts, too.
                    log.exception("Publishing to %s failed", self._broker.address)
                    fault = f"{type(error).__name__}: {error}"
                self._note(fault)
                if time.monotonic() - began >= STEADY_S:
                    backoff.reset()
                await self._pause(backoff.next_s())
        finally:
            self._note("stopped")

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, WRITE_S))
            self._write_health()

    async def _connection(self) -> str:
        """One connection from its begin to its end; returns why it ended."""
        leftovers = Leftovers(self._topics.filters_of_state(), self._is_left)
        will = MqttMessage(self._topics.status, OFFLINE.encode())
        receive = partial(self._receive, leftovers)
        client = BrokerClient(self._broker, self.client_id, will, receive, self._is_old)
        try:
            await client.connect()
            if client.is_old and not self._is_old:
                log.info("%s has no MQTT 5: what is retained there does not expire", self._broker.address)
            self._is_old = client.is_old
            await self._serve(client, leftovers)
        except MqttError as error:
            return f"{error}{self._hint(error)}"
        except asyncio.CancelledError:
            await self._say_goodbye(client)
            raise
        finally:
            client.close()
        return ""

    def _hint(self, error: MqttError) -> str:
        """What it may be that breaks connections off again and again, soon after they are made."""
        is_short = self._fault == "" and time.monotonic() - self._since < STEADY_S
        self._short = self._short + 1 if is_short and error.is_unexplained else 0
        if self._short < SHORT:
            return ""
        return f", soon and again and again: {taken_over(self._broker, self.client_id, APART)}"

    async def _serve(self, client: BrokerClient, leftovers: Leftovers) -> None:
        """Publish until the connection ends. Raises MqttError."""
        self._connects += 1
        self._note("")
        self._snapshot.forget_published()
        # First: orders come by these filters, too, and who sees a state may send one at once.
        await client.subscribe(leftovers.filters, qos=0)
        is_begun = is_online = False
        unread_at: float | None = None  # since then the database cannot be read
        while True:
            try:
                await self._publish_state(client)
                if not is_online:
                    await self._database.run(self._begin_events)  # what happens from `online` on is published
                    await self._publish(client, [MqttMessage(self._topics.status, ONLINE.encode())])
                    is_online = True
                if not is_begun:
                    leftovers.begin(time.monotonic())
                    await self._begin_announcing(client)
                    is_begun = True
                await self._publish_events(client)
                await self._publish(client, await self._intake.work())
                await self._announce(client)
                unread_at = None
            except DatabaseUnavailableError as error:
                log.debug("Nothing is published: %s", error)  # others say what is wrong with the database
                unread_at = time.monotonic() if unread_at is None else unread_at
                if is_online and time.monotonic() - unread_at >= UNREAD_S:
                    await self._publish(client, [MqttMessage(self._topics.status, OFFLINE.encode())])
                    is_online = False
            await self._take_away(client, leftovers)
            self._write_health()
            await self._wait(client)

    async def _wait(self, client: BrokerClient) -> None:
        """Until the next look, or an order. Raises MqttError where the connection has ended."""
        order = asyncio.ensure_future(self._intake.wait())
        await asyncio.wait((order, client.lost), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        order.cancel()
        if client.lost.done():
            raise client.lost.result()

    async def _publish(self, client: BrokerClient, messages: list[MqttMessage]) -> None:
        await client.publish(messages)
        self._published += len(messages)

    async def _publish_state(self, client: BrokerClient) -> None:
        now = time.monotonic()
        await self._database.run(lambda connection: self._snapshot.read(connection, now))
        messages = self._snapshot.outgoing(now)
        await self._publish(client, messages)
        self._snapshot.published(messages)

    async def _begin_announcing(self, client: BrokerClient) -> None:
        """Ask for what the broker has of announcements, and to be told when Home Assistant starts."""
        if self._settings.home_assistant is None:
            return
        read = partial(read_discovery, config=self._config, publish=self._settings)
        self._announcer = Announcer(await self._database.run(read))
        await client.subscribe(self._announcer.filters)
        self._announcer.begin(time.monotonic())

    async def _announce(self, client: BrokerClient) -> None:
        now = time.monotonic()
        if self._announcer is None or not self._announcer.is_due(now):
            return
        found, again = self._announcer.outgoing(self._snapshot.site, now)
        await self._publish(client, [MqttMessage(topic, payload) for topic, payload in found])
        if again:
            self._snapshot.publish_all()

    async def _publish_events(self, client: BrokerClient) -> None:
        """The events since the last one that was published; the cursor follows the acknowledgement."""
        if self._replaced != self._database.replaced:
            self._replaced, self._cursor = self._database.replaced, None
        is_all = False
        while not is_all:
            found = await self._database.run(self._read_events)
            is_all = found.is_all
            await self._publish(
                client, [MqttMessage(topic, payload, retain=False) for topic, payload in found.messages]
            )
            if found.seq != self._cursor:
                await self._database.run(partial(self._save_cursor, found.seq))
                self._cursor = found.seq

    def _begin_events(self, connection: sqlite3.Connection) -> int:
        """Where to go on; at the first start it is remembered."""
        if self._cursor is None:
            self._cursor = start_cursor(connection)
            self._save_cursor(self._cursor, connection)
        return self._cursor

    def _read_events(self, connection: sqlite3.Connection) -> EventMessages:
        return read_events(connection, self._topics, self._begin_events(connection), time.time())

    @staticmethod
    def _save_cursor(seq: int, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            save_cursor(connection, seq)

    async def _take_away(self, client: BrokerClient, leftovers: Leftovers) -> None:
        """When all that is retained has come back, take away what is no more; then orders alone come."""
        gone = leftovers.finish(time.monotonic(), self._snapshot.topics)
        if gone is None:
            return
        client.unsubscribe(leftovers.filters)
        await client.subscribe(
            self._topics.filters_of_orders(self._settings.commands, self._settings.updates)
        )
        await self._publish(client, [MqttMessage(topic, b"") for topic in gone])
        if gone:
            log.info("%d retained topics of before taken away", len(gone))

    def _receive(self, leftovers: Leftovers, message: Published) -> None:
        now = time.monotonic()
        announcer = self._announcer
        if announcer is not None and announcer.take(message.topic, message.payload, message.retained, now):
            return
        kind = message.topic.rpartition("/")[2]
        if kind not in (COMMAND, SET, UPDATE):
            leftovers.take(message, now)
            return
        is_wanted = self._settings.updates if kind == UPDATE else self._settings.commands
        # A retained order comes again, and is refused, when its own filter is subscribed.
        if is_wanted and (leftovers.is_done or not message.retained):
            self._intake.take(message)

    def _is_left(self, message: Published) -> bool:
        """Whether a retained message may be taken away where nothing of ours replaces it."""
        return not self._snapshot.is_published(message.topic)

    async def _say_goodbye(self, client: BrokerClient) -> None:
        """Tell that nothing is published any more: the broker sends the last will only of what breaks off."""
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await client.publish([MqttMessage(self._topics.status, OFFLINE.encode())])

    def _note(self, fault: str) -> None:
        """The connection was made, or ended."""
        if fault != self._fault:
            if fault and fault != "stopped":
                log.error("Not publishing: %s", fault)
            elif not fault:
                log.info("Publishing to %s below %s/", self._broker.address, self._settings.prefix)
            if bool(fault) != bool(self._fault) or not fault:
                self._since = time.monotonic()
            self._fault = fault
            self._write_health(is_news=True)

    def _write_health(self, is_news: bool = False) -> None:
        now = time.monotonic()
        if not is_news and now - self._written_at < WRITE_S:
            return
        self._written_at = now
        health = PublishHealth(
            self._broker.address,
            self._fault,
            now - self._since,
            len(self._snapshot.topics),
            self._published,
            self._intake.taken,
            self._intake.refused,
            self._connects,
        )
        write_health(self._config.database, health)
