"""Carries out one plan: it looks every second, does one step at a time, and stores how each ended."""

import asyncio
import logging
import sqlite3
import time
from contextlib import suppress

from ingest.config.model import Config
from ingest.config.plan import OutagePlan, WakeStep
from ingest.db.connection import transaction
from ingest.db.wake import wake_ingest
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.plan import store
from outbound.plan.follow import BegunStep, PlanFollower, PlanLook
from outbound.plan.model import WELL, StepOutcome, StepState
from outbound.plan.orders import order_outcome
from outbound.plan.program import run_program
from outbound.plan.store import PlacedOrder
from outbound.plan.wake import send_wake
from outbound.plan.webhook import call_webhook
from outbound.senders.threads import start_thread

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks
ORDER_S = 0.5  # between two looks at an order that ingest carries out
CANCELLED = "ended, since mains came back"
PLACED = "order %d was placed; ingest carries it out until it expires"


class PlanRunner:
    """Runs a plan until cancelled."""

    def __init__(self, plan: OutagePlan, config: Config, database: OutboundDatabase) -> None:
        self.plan = plan
        self._config, self._database = config, database
        self._follower = PlanFollower(plan, config)
        self._begun: BegunStep | None = None
        self._work: asyncio.Task[StepOutcome] | None = None
        self._ended: StepOutcome | None = None  # that is not stored yet
        self._seen: tuple[int, int] | None = None  # data_version and databases by the last look on mains
        self._replaced = 0
        self._stops = False

    async def run(self) -> None:
        """Look and act, until it is cancelled or finishes."""
        while not self._stops:
            with suppress(DatabaseUnavailableError):  # the log has it; it is tried again
                await self._turn()
            waited = {self._work} if self._work is not None else set()
            if waited:
                await asyncio.wait(waited, timeout=LOOK_S)
            else:
                await asyncio.sleep(LOOK_S)

    async def finish(self, within_s: float) -> None:
        """Begin nothing new, and wait for the step that runs, for so many seconds at most."""
        self._stops = True
        if self._work is not None:
            await asyncio.wait((self._work,), timeout=within_s)
            with suppress(DatabaseUnavailableError):
                await self._store_end()

    async def _turn(self) -> None:
        await self._store_end()
        look = await self._database.run(self._look)
        if look.begun is not None:
            self._start(look.begun)
        work = self._work
        if look.cancel is not None and work is not None and not work.done() and not work.cancelling():
            log.warning("Plan %s: %s: mains came back", self.plan.name, look.cancel)
            work.cancel()  # once: a second time would not wait for the end of its program

    def _look(self, connection: sqlite3.Connection) -> PlanLook:
        """In the database's thread. On mains nothing is read while nobody writes."""
        version = (connection.execute("pragma data_version").fetchone()[0], self._database.replaced)
        if version == self._seen:
            return PlanLook()
        if self._replaced != self._database.replaced and self._begun is None:
            # Another file was put in its place: what runs there is taken up as after a start.
            self._follower, self._replaced = PlanFollower(self.plan, self._config), self._database.replaced
        self._seen = None
        look = self._follower.look(connection, self._begun.step.name if self._begun else None)
        if not look.is_open and look.begun is None:
            self._seen = version
        return look

    def _start(self, begun: BegunStep) -> None:
        log.warning("Plan %s: %s begins", self.plan.name, begun.step.name)
        self._begun = begun
        self._work = asyncio.create_task(self._do(begun), name=f"step {begun.step.name}")

    async def _do(self, begun: BegunStep) -> StepOutcome:
        step, timeout_s = begun.step, begun.step.timeout_s
        try:
            if begun.order is not None:
                wake_ingest(self._config.database)
                return await self._wait_for_order(begun.order, timeout_s)
            if step.webhook is not None:
                return await call_webhook(step.webhook, timeout_s, begun.moment)
            if step.wake is not None:
                wake = step.wake
                return await self._send_wake(wake, timeout_s)
            return await run_program(step.run, timeout_s, begun.moment)
        except asyncio.CancelledError:
            if self._stops:
                raise
            order = f"; {PLACED % begun.order.id}" if begun.order is not None else ""
            return StepOutcome(StepState.CANCELLED, CANCELLED + order)
        except Exception as error:  # a mistake of the program ends one step, not the plan
            log.exception("Plan %s: %s", self.plan.name, step.name)
            return StepOutcome(StepState.FAILED, f"{type(error).__name__}")

    @staticmethod
    async def _send_wake(wake: WakeStep, timeout_s: float) -> StepOutcome:
        """Send it; the name of a broadcast address is looked up, which may take longer than the step."""
        try:
            async with asyncio.timeout(timeout_s):
                return await start_thread(lambda: send_wake(wake), "wake")
        except TimeoutError:
            text = f"not sent within {timeout_s:g} s: is {wake.broadcast} an address, or in /etc/hosts?"
            return StepOutcome(StepState.TIMED_OUT, text, f"not sent within {timeout_s:g} s")

    async def _wait_for_order(self, order: PlacedOrder, timeout_s: float) -> StepOutcome:
        until = time.monotonic() + timeout_s
        while True:
            with suppress(DatabaseUnavailableError):
                outcome = await self._database.run(lambda connection: order_outcome(connection, order))
                if outcome is not None:
                    return outcome
            if time.monotonic() >= until:
                text = f"no result within {timeout_s:g} s: {PLACED % order.id}"
                return StepOutcome(StepState.TIMED_OUT, text)
            await asyncio.sleep(ORDER_S)

    async def _store_end(self) -> None:
        """Store how the step ended that this process has begun. Raises DatabaseUnavailableError."""
        begun, work = self._begun, self._work
        if begun is None or work is None or not work.done():
            return
        if self._ended is None:
            if work.cancelled():
                return
            self._ended = work.result()
            level = logging.INFO if self._ended.state in WELL else logging.ERROR
            state, result = self._ended.state, self._ended.result
            log.log(level, "Plan %s: %s %s: %s", self.plan.name, begun.step.name, state, result)
        outcome = self._ended

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                store.end_step(connection, begun.moment.run, begun.step.name, outcome, time.time())

        await self._database.run(write)
        self._begun = self._work = self._ended = None
