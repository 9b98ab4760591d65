"""The queue of one target: its messages one after the other, each tried until it is taken.

A delivery is marked as being sent, and that committed, before it is sent; one that is found so at a start is
sent once more, with its id in the title, and ends as uncertain.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ingest.db.moment import Moment
from outbound.alerts.delivery import AT_ONCE, NOBODY_WAITS, Delivery
from outbound.alerts.digests import NextMessage, choose_next, compose_digest
from outbound.alerts.holds import is_released
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import DeliveryKind, DeliveryState
from outbound.alerts.retries import Retries, is_given_up
from outbound.alerts.storms import Pace
from outbound.senders import MessageSender, SendError
from outbound.sending.book import DeliveryBook

log = logging.getLogger(__name__)

LOOK_S = 5.0  # between two looks at what is held back, at most
SEND_S = 180.0  # of one attempt, whatever a sender does: longer than any of their own limits
EXPIRED_S = 60 * 86_400.0  # so old, and nothing that goes on: not sent any more
AT_ONCE_S = 180.0  # so old, a test or a rehearsal is not sent any more
EXPIRED = "it could not be sent for 60 days"


class TargetQueue:
    """Sends what waits for a target. `is_believed()`: whether one may go by the wall clock."""

    def __init__(
        self,
        target: str,
        sender: MessageSender,
        book: DeliveryBook,
        site: AlertSite,
        is_believed: Callable[[], bool],
    ) -> None:
        self.target = target
        self.retries = Retries()
        self.last_reason = ""  # why the last attempt failed
        self.pace = Pace()
        self._sender, self._book, self._site, self._is_believed = sender, book, site, is_believed
        self._awake = asyncio.Event()
        self._has_succeeded = self._is_stopping = False
        self._seen: dict[int, float] = {}  # held back: since when this process sees it (CLOCK_BOOTTIME)
        self._first_tries: dict[int, float] = {}

    @property
    def has_succeeded(self) -> bool:
        """Whether the last attempt since the start was taken."""
        return self._has_succeeded

    def wake(self) -> None:
        """Something may wait."""
        self._awake.set()

    def stop(self) -> None:
        """Send nothing more than what is being sent."""
        self._is_stopping = True
        self._awake.set()

    async def run(self) -> None:
        """Send until stopped or cancelled."""
        while not self._is_stopping:
            self._awake.clear()
            try:
                pause_s = await self._next()
            except Exception:  # whatever it is: the other targets go on
                log.exception("The queue of target %s cannot go on now", self.target)
                pause_s = LOOK_S
            if pause_s > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._awake.wait()

    async def _next(self) -> float:
        """Send one message where one is due. Returns the seconds until the next look."""
        waiting = await self._book.waiting(self.target)
        now = Moment.now()
        self._forget_all_but({one.id for one in waiting})
        for delivery in waiting:
            if delivery.kind in AT_ONCE:
                await self._send_at_once(delivery, now)
                return 0.0
        if now.boottime < self.retries.next_at:
            return self.retries.next_at - now.boottime
        released = await self._released(waiting, now)
        is_uncertain = bool(released) and self._book.is_uncertain(released[0])
        away_s = self.retries.away_s(now.boottime)
        chosen = choose_next(released, is_uncertain, away_s, self.pace, now.boottime)
        if not chosen.deliveries:
            return LOOK_S if chosen.pause_s is None else min(LOOK_S, chosen.pause_s)
        await self._send(chosen.deliveries[0] if chosen.why is None else await self._merge(chosen, now))
        return 0.0

    def _forget_all_but(self, ids: set[int]) -> None:
        self._seen = {id: since for id, since in self._seen.items() if id in ids}
        self._first_tries = {id: since for id, since in self._first_tries.items() if id in ids}

    async def _released(self, waiting: Sequence[Delivery], now: Moment) -> list[Delivery]:
        """What may be sent now, in order, but first what was being sent when the process before ended."""
        fresh = [one for one in waiting if not await self._expires(one, now)]
        released = [one for one in fresh if self._is_released(one, now)]
        return sorted(released, key=lambda one: not self._book.is_uncertain(one))

    async def _send_at_once(self, delivery: Delivery, now: Moment) -> None:
        """Send a test or a rehearsal, unless it waited so long that nobody looks for it any more."""
        if now.wall - delivery.created_at <= AT_ONCE_S:
            await self._send(delivery)
        else:
            await self._book.save(replace(delivery, state=DeliveryState.EXPIRED, reason=NOBODY_WAITS))

    async def _merge(self, chosen: NextMessage, now: Moment) -> Delivery:
        assert chosen.why is not None
        carried: list[Delivery] = []
        for one in chosen.deliveries:
            carried += await self._book.carried(one)
        own = [one for one in carried if one.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
        digest = compose_digest(chosen.deliveries, own, chosen.why, now.wall, self._site)
        others = [one for one in chosen.deliveries if one.id != digest.id]
        return await self._book.merge(digest, others)

    async def _send(self, delivery: Delivery) -> None:
        """Make one attempt, and store what became of it."""
        is_uncertain = self._book.is_uncertain(delivery)
        delivery = replace(delivery, state=DeliveryState.SENDING, attempts=delivery.attempts + 1)
        if not await self._book.save(delivery):
            return  # withdrawn meanwhile
        began = Moment.now()
        self._first_tries.setdefault(delivery.id, began.boottime)
        try:
            async with asyncio.timeout(SEND_S):
                answer = await self._sender.send(delivery.message, delivery.id if is_uncertain else None)
        except SendError as error:
            await self._failed(delivery, error.reason, error.is_final, is_uncertain, began)
        except TimeoutError:
            await self._failed(delivery, f"no answer within {SEND_S:g} s", False, is_uncertain, began)
        except Exception as error:  # a plug-in of Apprise may raise anything: the other targets go on
            log.exception("The sender of target %s failed", self.target)
            await self._failed(delivery, f"{type(error).__name__}", False, is_uncertain, began)
        else:
            await self._succeeded(delivery, answer, is_uncertain)

    async def _succeeded(self, delivery: Delivery, answer: str, is_uncertain: bool) -> None:
        now = Moment.now()
        state = DeliveryState.UNCERTAIN if is_uncertain else DeliveryState.SENT
        await self._book.save(replace(delivery, state=state, sent_at=now.wall, reason=answer))
        if self.retries.since is not None:
            log.info("Target %s takes messages again", self.target)
        self.retries.succeeded()
        self.last_reason, self._has_succeeded = "", True
        if delivery.kind not in AT_ONCE:
            self.pace.note(now.boottime)

    async def _failed(
        self, delivery: Delivery, reason: str, is_final: bool, is_uncertain: bool, began: Moment
    ) -> None:
        now = Moment.now()
        self.last_reason, self._has_succeeded = reason, False
        tried_s = now.boottime - self._first_tries[delivery.id]
        if delivery.kind in AT_ONCE or is_given_up(is_final, delivery.attempts, tried_s):
            await self._book.save(replace(delivery, state=DeliveryState.FAILED, reason=reason))
            if delivery.kind not in AT_ONCE:
                log.error("Target %s does not take a message, which is given up: %s", self.target, reason)
                self.retries.succeeded()
            return
        # One that may have arrived before stays as it is, so that the next process knows it, too.
        state = DeliveryState.SENDING if is_uncertain else DeliveryState.QUEUED
        await self._book.save(replace(delivery, state=state, reason=reason))
        pause_s = self.retries.failed(began.boottime, now.boottime)
        log.warning(
            "Target %s failed: %s; attempt %d, trying again in %.0f s",
            self.target,
            reason,
            delivery.attempts,
            pause_s,
        )

    def _is_released(self, delivery: Delivery, now: Moment) -> bool:
        if delivery.held_until is None:
            return True
        waited_s = now.boottime - self._seen.setdefault(delivery.id, now.boottime)
        return is_released(delivery, now.wall, self._is_believed(), waited_s)

    async def _expires(self, delivery: Delivery, now: Moment) -> bool:
        """Whether a delivery is too old; it is marked so."""
        is_old = now.wall - delivery.created_at > EXPIRED_S and delivery.kind is not DeliveryKind.REPORT
        if not is_old or not await self._book.may_expire(delivery):
            return False
        await self._book.save(replace(delivery, state=DeliveryState.EXPIRED, reason=EXPIRED))
        return True
