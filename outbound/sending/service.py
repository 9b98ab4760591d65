"""Alerts at work: looks for changes of events, plans what follows, and lets the queues send it."""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from ingest.clock.belief import clock_is_believed
from ingest.config.alerts import Alerts
from ingest.db.connection import transaction
from ingest.db.moment import Moment
from outbound.alerts import failing, store
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent
from outbound.alerts.plan import DeliveryPlan
from outbound.alerts.planner import AlertPlanner
from outbound.alerts.unstored import UnstoredEvents
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.senders import MessageSender
from outbound.sending.book import DeliveryBook
from outbound.sending.queue import TargetQueue

log = logging.getLogger(__name__)

POLL_S = 0.25  # between two looks at whether another program has written
UNSENT_S = 10.0  # the same where there is no target: how far alerts are goes on
CLOCK_S = 10.0  # between two looks at whether the clock is believed
JUST_NOW_S = 60.0  # messages of so long ago count for storms after a start


@dataclass(frozen=True)
class _Look:
    """What one look at the database found."""

    plan: DeliveryPlan
    newest: int  # delivery


class AlertService:
    """All of alerts. `run()` has to run; `take_memory_event` may be called from the event loop."""

    def __init__(
        self,
        alerts: Alerts,
        site: AlertSite,
        database: OutboundDatabase,
        book: DeliveryBook,
        senders: Mapping[str, MessageSender],
    ) -> None:
        self._database, self._book = database, book
        self._planner = AlertPlanner(alerts, site, book.known)
        self._unstored = UnstoredEvents(alerts, site)
        self._unstored.go_on(book.of_memory)
        self._is_believed = True
        self.queues = {
            name: TargetQueue(name, sender, book, site, lambda: self._is_believed)
            for name, sender in senders.items()
        }
        self._failing: set[str] = set()  # targets that are reported
        self._events: asyncio.Queue[AlertEvent] = asyncio.Queue()
        self._sending: list[asyncio.Task[None]] = []
        self._is_started = False
        self._started_with = 0  # databases that were opened in the place of another, by then
        self._version: int | None = None
        self._newest = 0
        self._clock_looked = float("-inf")

    def take_memory_event(self, event: AlertEvent) -> None:
        """Send an event that cannot be stored, whose `id` is None; call it again when it has ended.

        It runs in the event loop.
        """
        self._events.put_nowait(event)

    def look_again(self) -> None:
        """Look for changes that this process has stored: a connection does not see its own as such."""
        self._version = None

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._take_unstored())
            self._sending = [group.create_task(queue.run()) for queue in self.queues.values()]

    async def finish(self, within_s: float) -> None:
        """Send nothing new, and wait until what is being sent is, for so many seconds at most."""
        for queue in self.queues.values():
            queue.stop()
        if self._sending:
            await asyncio.wait(self._sending, timeout=within_s)

    async def _follow(self) -> None:
        while True:
            with suppress(DatabaseUnavailableError):  # the log has it; what is in memory is sent
                await self._look()
            await self._report_failing()
            await asyncio.sleep(POLL_S if self.queues else UNSENT_S)

    async def _look(self) -> None:
        if self._started_with != self._database.replaced:
            self._book.forget_rows()
            self._is_started = False
        if not self._is_started:
            await self._start()
        found = await self._database.run(self._read)
        if found.plan:
            is_stored = await self._book.add(found.plan)
            self._planner.stored(is_stored)
        elif self._book.unsaved:
            await self._book.settle()
        if found.plan.groups or found.newest != self._newest:
            self._newest = found.newest
            self._wake()

    async def _start(self) -> None:
        await self._book.start()
        await self._database.run(self._start_with)
        self._started_with, self._is_started, self._version = self._database.replaced, True, None
        self._wake()

    def _start_with(self, connection: sqlite3.Connection) -> None:
        """Go on where the database says that alerts were; in its thread."""
        now = Moment.now()
        self._planner.start(connection, now)
        failing_before = set(failing.stored_failing(connection))
        for name in failing_before - self.queues.keys():  # it is no target any more
            failing.close_failing(connection, name, now.wall)
        self._failing = failing_before & self.queues.keys()
        with transaction(connection):
            expired = store.expire_strangers(connection, self.queues)
        if expired:
            log.warning("Messages to targets that config.yml has no longer are given up: %d", expired)
        for name, queue in self.queues.items():
            for _ in range(store.sent_since(connection, name, now.wall - JUST_NOW_S)):
                queue.pace.note(now.boottime - JUST_NOW_S / 2)

    def _read(self, connection: sqlite3.Connection) -> _Look:
        """Look for changes; in the database's thread."""
        now = Moment.now()
        seen, self._version = self._version, None  # what cannot be read now counts as changed the next time
        version: int = connection.execute("pragma data_version").fetchone()[0]
        is_changed = seen != version
        if now.boottime - self._clock_looked >= CLOCK_S:
            self._is_believed, self._clock_looked = clock_is_believed(connection), now.boottime
        plan = self._planner.step(connection, now, is_changed)
        newest = store.newest(connection) if is_changed else self._newest
        self._version = version
        return _Look(plan, newest)

    async def _take_unstored(self) -> None:
        """Send events that are in memory alone."""
        while True:
            event = await self._events.get()
            groups = self._unstored.plan(event, Moment.now().wall, self._is_believed)
            await self._book.add(DeliveryPlan(groups))
            self._wake()

    async def _report_failing(self) -> None:
        """Open an event for each target that fails for a while, and close it when it does no longer."""
        now = Moment.now()
        for name, queue in self.queues.items():
            since = now.wall - queue.retries.away_s(now.boottime)
            if name not in self._failing and queue.retries.is_failing(now.boottime):
                self._failing.add(name)
                log.error("Target %s fails for %.0f s: %s", name, now.wall - since, queue.last_reason)
                await self._note_failing(name, queue.last_reason, since, None)
            elif name in self._failing and queue.has_succeeded:
                self._failing.discard(name)
                await self._note_failing(name, "", since, now.wall)

    async def _note_failing(self, name: str, reason: str, since: float, ended: float | None) -> None:
        def write(connection: sqlite3.Connection) -> None:
            if ended is None:
                failing.open_failing(connection, name, reason, since)
            else:
                failing.close_failing(connection, name, ended)

        try:
            await self._database.run(write)
            self.look_again()
        except DatabaseUnavailableError:
            self.take_memory_event(failing.failing_event(name, reason, since, ended))

    def _wake(self) -> None:
        for queue in self.queues.values():
            queue.wake()
