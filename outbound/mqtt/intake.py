"""Orders that come in: at most so many, one after the other, each with an audit row and a result."""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from ingest.config.model import Config
from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.wake import wake_ingest
from ingest.mqtt.records import Published
from ingest.orders.audit import audit, note_refusal
from ingest.orders.outcome import Done, RefusedError
from ingest.process.allowance import Allowance
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.mqtt.client import MqttMessage
from outbound.mqtt.orders import MqttOrder, carry_out, read_order
from outbound.mqtt.results import OrderResults, accepted, refused
from outbound.mqtt.topics import RESULT, Topics

log = logging.getLogger(__name__)

AT_ONCE, A_MINUTE = 30, 30  # orders; further ones are refused
MOST = 50  # that wait
AUDITED_S = 60.0  # between two rows of the audit about orders that were too many
TOO_MANY = f"more than {A_MINUTE} orders a minute"
DETAIL = 200  # characters of a payload that the audit keeps


class OrderIntake:
    """Takes messages as orders and places them as `actor`. Its methods run in the event loop."""

    def __init__(self, config: Config, topics: Topics, database: OutboundDatabase, actor: str) -> None:
        self._config, self._topics, self._database, self._actor = config, topics, database, actor
        self._allowance = Allowance(AT_ONCE, A_MINUTE)
        self._waiting: deque[Published] = deque()
        self._came = asyncio.Event()
        self._results = OrderResults()
        self._too_many, self._audited_at = 0, float("-inf")
        self._left: set[str] = set()  # topics of those that were too many since the last look
        self.taken = self.refused = 0

    def take(self, message: Published) -> None:
        """Take a message; one too many is refused. An empty one takes a retained order away."""
        if not message.payload:
            return
        if len(self._waiting) < MOST and self._allowance.take(time.monotonic()):
            self._waiting.append(message)
        else:
            self._too_many += 1
            self.refused += 1
            if len(self._left) < MOST:
                self._left.add(message.topic)
        self._came.set()

    async def wait(self) -> None:
        """Until a message has come."""
        await self._came.wait()

    async def work(self) -> list[MqttMessage]:
        """Place what waits; returns the results to publish, also of orders of before.

        Raises DatabaseUnavailableError where those cannot be read.
        """
        self._came.clear()
        found = []
        while self._waiting:
            message = self._waiting.popleft()
            payload = await self._place(message)
            found.append(MqttMessage(f"{message.topic}/{RESULT}", payload, retain=False))
        found += self._refuse_too_many()
        await self._note_too_many()
        if self._results:
            changed = await self._database.run(lambda connection: list(self._results.read(connection)))
            found += [MqttMessage(topic, payload, retain=False) for topic, payload in changed]
        return found

    async def _place(self, message: Published) -> bytes:
        order: MqttOrder | None = None
        try:
            order = read_order(self._topics, message)
            done = await self._database.run(partial(self._carry_out, order))
        except RefusedError as error:
            self.refused += 1
            log.warning("%s from %s refused: %s", message.topic, self._actor, "; ".join(error.errors))
            await self._note_refusal(message, order, error)
            return refused(error)
        except DatabaseUnavailableError as error:
            self.refused += 1
            log.error("%s from %s cannot be stored: %s", message.topic, self._actor, error)
            return refused(RefusedError(503, "the database could not be written: send it again"))
        self.taken += 1
        wake_ingest(self._config.database)
        self._results.follow(order, done)
        log.info("%s by %s: %s", order.action, self._actor, done.message)
        return accepted(order, done)

    def _carry_out(self, order: MqttOrder, connection: sqlite3.Connection) -> Done:
        """In the database's thread."""
        before, connection.row_factory = connection.row_factory, sqlite3.Row
        try:
            with transaction(connection):
                done = carry_out(connection, order, self._config, self._actor)
                raise_topics(connection, (order.table,))
                audit(connection, self._actor, order.action, done.subject, order.text[:DETAIL], "done")
        finally:
            connection.row_factory = before
        return done

    async def _note_refusal(self, message: Published, order: MqttOrder | None, error: RefusedError) -> None:
        outcome = "refused: " + "; ".join(error.errors)
        action = order.action if order is not None else "mqtt order"
        detail = message.topic[:DETAIL]

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                note_refusal(connection, self._actor, action, error.subject, detail, outcome=outcome)

        await self._try(write)

    def _refuse_too_many(self) -> list[MqttMessage]:
        """One result for each topic, however many orders came there."""
        left, self._left = sorted(self._left), set()
        payload = refused(RefusedError(429, TOO_MANY))
        return [MqttMessage(f"{topic}/{RESULT}", payload, retain=False) for topic in left]

    async def _note_too_many(self) -> None:
        """One row, and one line of the log, for all that were too many within AUDITED_S."""
        now = time.monotonic()
        if not self._too_many or now - self._audited_at < AUDITED_S:
            return
        self._audited_at, number, self._too_many = now, self._too_many, 0
        outcome = f"refused: {TOO_MANY}"
        log.warning("Orders from %s %s: %d of them", self._actor, outcome, number)

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                note_refusal(connection, self._actor, "mqtt order", "", "", outcome=outcome)

        await self._try(write)

    async def _try(self, write: Callable[[sqlite3.Connection], None]) -> None:
        try:
            await self._database.run(write)
        except DatabaseUnavailableError as error:
            log.error("No audit row for a refusal: %s", error)
