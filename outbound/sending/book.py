"""Deliveries for those who plan and send them: in the database, and while that fails in memory and spool.

What is unsaved lies over the rows: it is what counts until the database takes it. Deliveries that have no row
yet have negative ids.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from ingest.db.connection import transaction
from outbound.alerts import store
from outbound.alerts.delivery import DONE, UNSENT, Delivery
from outbound.alerts.model import DeliveryState
from outbound.alerts.plan import DeliveryPlan, save_plan
from outbound.alerts.spool import DeliverySpool
from outbound.database import DatabaseUnavailableError, OutboundDatabase

log = logging.getLogger(__name__)

WAITING = 200  # deliveries of a target that are looked at together


class DeliveryBook:
    """All deliveries. Its methods run in the event loop, `known` in any thread."""

    def __init__(self, database: OutboundDatabase, spool: DeliverySpool) -> None:
        self._database, self._spool = database, spool
        self._unsaved: dict[int, Delivery] = spool.load()
        self._stored: dict[int, int] = {}  # ids of rows, by the negative ones that they had
        self._settling = asyncio.Lock()
        self._has_begun = self._may_read = False
        self._last = min(self._unsaved, default=0)
        self._resent = {
            one.id for one in self._unsaved.values() if one.state is DeliveryState.SENDING and not one.digest
        }

    @property
    def unsaved(self) -> int:
        """How many deliveries wait to be stored."""
        return len(self._unsaved)

    @property
    def of_memory(self) -> list[Delivery]:
        """Deliveries of events that are no rows themselves, oldest first, while they wait to be stored."""
        own = [one for one in self._unsaved.values() if one.event is None and one.event_name]
        return sorted(own, key=lambda one: abs(one.id))

    def known(self, event: int) -> list[Delivery]:
        """Deliveries of an event that wait to be stored."""
        return [one for one in tuple(self._unsaved.values()) if one.event == event]

    def is_uncertain(self, delivery: Delivery) -> bool:
        """Whether it was being sent when the process before ended: it is sent once more."""
        return delivery.id in self._resent

    async def start(self) -> None:
        """Find what was being sent when the process before ended; nothing waits until that was tried.

        Raises DatabaseUnavailableError: what is in memory is sent then, and this is to be called again.
        """
        self._has_begun = True
        number = await self._database.run(store.spooled)
        if self._unsaved and number == self._spool.number:
            # It was stored, and the process ended before it emptied the spool.
            self._unsaved, self._resent = {}, set()
        self._resent |= await self._database.run(store.being_sent)
        self._may_read = True
        if self._unsaved:
            await self.settle()
        else:
            self._spool.clear()

    def forget_rows(self) -> None:
        """Another database is in the place of the old one: what is unsaved gets new rows there."""
        ids = {one.id: self._next_id() if one.id > 0 else one.id for one in self._unsaved.values()}
        moved = [
            replace(one, id=ids[one.id], event=None, digest=ids.get(one.digest or 0))
            for one in self._unsaved.values()
        ]
        self._resent = {ids[old] for old in self._resent if old in ids}
        self._unsaved = {one.id: one for one in moved}
        self._stored.clear()
        self._may_read = False

    async def add(self, plan: DeliveryPlan) -> bool:
        """Store what was planned. Returns False where it is in memory and in the spool alone."""

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                save_plan(connection, plan)

        with suppress(DatabaseUnavailableError):
            if await self.settle():
                await self._database.run(write)
                return True
        deliveries = list(plan.changed)
        for group in plan.groups:
            carrier = self._next_id()
            others = [replace(one, id=self._next_id(), digest=carrier) for one in group[1:]]
            deliveries += [replace(group[0], id=carrier), *others]
        self._remember(deliveries)
        return False

    async def waiting(self, target: str) -> list[Delivery]:
        """What waits for a target, in order; of what cannot be read, what is in memory."""
        rows: list[Delivery] = []
        if self._may_read:
            with suppress(DatabaseUnavailableError):
                rows = await self._database.run(lambda connection: store.waiting(connection, target, WAITING))
        elif not self._has_begun:
            return []
        found = {row.id: row for row in rows if row.id not in self._unsaved}
        found |= {one.id: one for one in self._unsaved.values() if one.target == target}
        place = {row.id: number for number, row in enumerate(rows)}
        last = len(place)
        for one in sorted(self._unsaved.values(), key=lambda one: (one.id < 0, abs(one.id))):
            own = place.setdefault(one.id, last + abs(one.id))
            if one.digest is not None:  # the carrier stands where the first one stood that it carries
                place[one.digest] = min(place.get(one.digest, own), own)
        waiting = [one for one in found.values() if one.state in UNSENT and one.digest is None]
        return sorted(waiting, key=lambda one: place[one.id])

    async def may_expire(self, delivery: Delivery) -> bool:
        """Whether a delivery that looks old is, as far as that can be read."""
        with suppress(DatabaseUnavailableError):
            return await self._database.run(lambda connection: store.may_expire(connection, delivery))
        return False

    async def carried(self, carrier: Delivery) -> list[Delivery]:
        """What a delivery carries, as far as it can be read."""
        rows: list[Delivery] = []
        with suppress(DatabaseUnavailableError):
            rows = await self._database.run(lambda connection: store.carried(connection, carrier.id))
        found = {row.id: row for row in rows}
        found |= {one.id: one for one in self._unsaved.values() if one.digest == carrier.id}
        return list(found.values())

    async def save(self, delivery: Delivery) -> bool:
        """Store how far a delivery is. Returns False where it was withdrawn meanwhile."""
        delivery = self._renumbered(delivery)

        def write(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                is_updated = store.update(connection, delivery)
                store.raise_topic(connection)
            return is_updated

        if not self._unsaved and delivery.id > 0:
            with suppress(DatabaseUnavailableError):
                return await self._database.run(write)
        self._remember([delivery])
        await self.settle()
        return True

    async def merge(self, carrier: Delivery, carried: Sequence[Delivery]) -> Delivery:
        """Store a delivery whose message carries these others; returns it with its id."""

        def write(connection: sqlite3.Connection) -> Delivery:
            with transaction(connection):
                stored = carrier
                if carrier.id:
                    store.update(connection, carrier)
                else:
                    stored = replace(carrier, id=store.insert_or_update(connection, carrier))
                store.carry(connection, stored.id, [one.id for one in carried])
                store.raise_topic(connection)
            return stored

        if not self._unsaved and all(one.id >= 0 for one in (carrier, *carried)):
            with suppress(DatabaseUnavailableError):
                return await self._database.run(write)
        carrier = self._renumbered(carrier) if carrier.id else replace(carrier, id=self._next_id())
        self._remember([carrier, *(replace(self._renumbered(one), digest=carrier.id) for one in carried)])
        await self.settle()
        return self._renumbered(carrier)

    async def settle(self) -> bool:
        """Store everything that is unsaved. Returns False where that is not possible now."""
        async with self._settling:
            return await self._settle()

    async def _settle(self) -> bool:
        unsaved, number = list(self._unsaved.values()), self._spool.number
        if not unsaved:
            return True
        if not self._may_read:
            return False

        def write(connection: sqlite3.Connection) -> dict[int, int]:
            with transaction(connection):
                stored = _write_unsaved(connection, unsaved)
                store.note_spooled(connection, number)
                store.raise_topic(connection)
            return stored

        try:
            stored = await self._database.run(write)
        except DatabaseUnavailableError:
            return False
        self._stored |= stored
        self._resent |= {stored[old] for old in self._resent if old in stored}
        for delivery in unsaved:
            if self._unsaved.get(delivery.id) is delivery:
                del self._unsaved[delivery.id]
        later = [self._renumbered(one) for one in self._unsaved.values()]  # changed while this was written
        self._unsaved = {one.id: one for one in later}
        self._spool.clear()
        if later:
            self._spool.keep(later)
        log.warning("Messages that could not be stored in the database are stored now: %d", len(unsaved))
        return True

    def _remember(self, deliveries: Iterable[Delivery]) -> None:
        changed = {one.id: one for one in deliveries}
        self._unsaved |= changed
        self._spool.keep(changed.values())

    def _next_id(self) -> int:
        self._last -= 1
        return self._last

    def _renumbered(self, delivery: Delivery) -> Delivery:
        """The delivery with the id of its row, and its carrier's, where it has one by now."""
        digest = None if delivery.digest is None else self._stored.get(delivery.digest, delivery.digest)
        return replace(delivery, id=self._stored.get(delivery.id, delivery.id), digest=digest)


def _write_unsaved(connection: sqlite3.Connection, unsaved: Sequence[Delivery]) -> dict[int, int]:
    """Write deliveries as they are; returns the ids of rows by the negative ones that they had.

    What carries others comes last: they share its outcome.
    """
    stored: dict[int, int] = {}
    for delivery in sorted(unsaved, key=lambda one: -one.id):
        if delivery.id < 0:
            unsent = replace(delivery, state=DeliveryState.SENDING, digest=None)
            stored[delivery.id] = store.insert_or_update(connection, unsent)
    for delivery in sorted(unsaved, key=lambda one: one.state in DONE):
        number = stored.get(delivery.id, delivery.id)
        digest = None if delivery.digest is None else stored.get(delivery.digest, delivery.digest)
        if digest is not None:
            store.carry(connection, digest, [number])
        store.update(connection, replace(delivery, id=number, digest=digest))
    return stored
