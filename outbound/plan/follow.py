"""One look at a plan: reads what there is, decides, and writes it in one transaction.

All of it runs in the database's thread. Whatever a step does comes after the commit that says that it has
begun.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.config.model import Config
from ingest.config.plan import BatteryStep, OutagePlan, ReturnStep
from ingest.db.connection import transaction
from ingest.db.moment import Moment
from ingest.orders.audit import note_refusal
from ingest.orders.outcome import RefusedError
from outbound.plan import store
from outbound.plan.decide import PlanDecision, battery_text, decide, resume, too_late
from outbound.plan.model import (
    PlanMoment,
    PlanPhase,
    StepOutcome,
    StepState,
    StepStatus,
    phase_of,
)
from outbound.plan.orders import ACTIONS, actor_of, place_order, refusal_text
from outbound.plan.read import PlanReader, newest_outage, read_lowest, read_outages
from outbound.plan.situation import (
    OutageEvent,
    PlanOutage,
    Situation,
    battery_figures,
    find_outages,
    return_charge,
)
from outbound.plan.store import PlacedOrder, PlanRun

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BegunStep:
    """A step that the database says has begun. `order` is the row that it has placed."""

    step: BatteryStep | ReturnStep
    moment: PlanMoment
    order: PlacedOrder | None = None


@dataclass(frozen=True)
class PlanLook:
    """What a look has found: a step to be done now, one to be ended, and whether a run is open."""

    begun: BegunStep | None = None
    cancel: str | None = None
    is_open: bool = False


class PlanFollower:
    """Follows the outages of one plan."""

    def __init__(self, plan: OutagePlan, config: Config, clock: Callable[[], Moment] = Moment.now) -> None:
        self.plan, self._config, self._clock = plan, config, clock
        self._reader = PlanReader(plan.ups)
        self._is_resumed, self._is_first = False, True
        self._over_by: dict[int, float] = {}  # events that were over at this CLOCK_BOOTTIME
        self._least: tuple[int, float] = (0, 0.0)  # run, and seconds on battery that it had at least

    def look(self, connection: sqlite3.Connection, running: str | None) -> PlanLook:
        """Take one look. `running` is the step that this process is doing."""
        now = self._clock()
        run = store.open_run(connection, self.plan.name)
        if not self._is_resumed:
            found = self._resume(connection, run, now)
            self._is_resumed = True
            if found is not None:
                return found
        cursor = self._cursor(connection)
        floor, outage = (cursor + 1, None) if run is None else (run.outage, run.outage)
        stored = self._counted(read_outages(connection, self.plan.ups, floor, outage, now.boot_id), now)
        needs_all = self.plan.when == "all"
        outages = find_outages(stored, self.plan.ups, needs_all, self.plan.settle_s, now)
        if run is None:
            run = self._begin(connection, outages, cursor, now)
            if run is None:
                return PlanLook()
        own = next((one for one in outages if run.outage in one.ids), None)
        later = _later_outage(run, own, outages)
        if later is not None and running is not None:
            return PlanLook(is_open=True)  # it comes to its end first
        if later is not None:
            run = self._overtake(connection, run, None if later is own else own, later, stored, now)
            own = later
        return self._act(connection, run, own, stored, now, running is not None)

    def _counted(self, stored: Sequence[OutageEvent], now: Moment) -> list[OutageEvent]:
        """The outages that count: of those that go on, the ones of which a UPS has said so in this boot.

        Where none has, all of them stay: whether the plan is on battery is not known then.
        """
        for one in stored:
            if one.seconds is not None:
                self._over_by.setdefault(one.id, now.boottime)
        ended = [one._replace(over_by=self._over_by[one.id]) for one in stored if one.seconds is not None]
        going = [one for one in stored if one.seconds is None]
        confirmed = [one for one in going if self._is_confirmed(one, now)]
        return [*ended, *(confirmed if confirmed and self.plan.when == "any" else going)]

    def _is_confirmed(self, outage: OutageEvent, now: Moment) -> bool:
        """Whether its UPS has said so in this boot: an event of an earlier one may be long over."""
        return outage.boot_id == now.boot_id or outage.ups in self._reader.heard

    def _resume(self, connection: sqlite3.Connection, run: PlanRun | None, now: Moment) -> PlanLook | None:
        """Take up a run of before: an order that was placed is waited for, what else ran is not repeated."""
        if run is None:
            return None
        with transaction(connection):
            store.add_missing(connection, self.plan, run.id, now.wall)
        statuses = store.read_statuses(connection, run.id)
        steps = {step.name: step for step in self.plan.steps}
        for name, status in statuses.items():
            if status.state is StepState.RUNNING and name in steps:
                order = store.placed_order(connection, run.id, name)
                if order is not None:
                    nothing = Situation(0.0, None, 0.0)
                    return PlanLook(BegunStep(steps[name], self._moment(run, steps[name], nothing), order))
        changes = resume(self.plan, statuses)
        for change in changes:
            log.warning("Plan %s: %s: %s", self.plan.name, change.step, change.why)
        if changes:
            with transaction(connection):
                store.apply_changes(connection, run.id, changes, now.wall)
        return None

    def _cursor(self, connection: sqlite3.Connection) -> int:
        """The newest outage that was seen; a plan that is new has seen all that are over."""
        cursor = store.read_cursor(connection, self.plan.name)
        if cursor is None:
            cursor = newest_outage(connection)
            with transaction(connection):
                store.save_cursor(connection, self.plan.name, cursor)
        return cursor

    def _begin(
        self,
        connection: sqlite3.Connection,
        outages: Sequence[PlanOutage],
        cursor: int,
        now: Moment,
    ) -> PlanRun | None:
        """Begin a run for the newest outage, unless that was seen or is long over."""
        if not outages:
            return None
        newest = outages[-1]
        back_s = newest.back_s(now.boottime)
        fresh = [id for id in newest.ids if id > cursor] or ([max(newest.ids)] if newest.is_open else [])
        if not fresh:
            return None
        with transaction(connection):
            if back_s is not None and back_s > self.plan.within_s:
                store.save_cursor(connection, self.plan.name, max(newest.ids))
                return None
            run = self._insert(connection, newest, min(fresh), now, {})
        log.warning("Plan %s: run %d begins: outage %d", self.plan.name, run.id, run.outage)
        return run

    def _insert(
        self,
        connection: sqlite3.Connection,
        outage: PlanOutage,
        event: int,
        now: Moment,
        owed: dict[str, str],
    ) -> PlanRun:
        started = now.wall - (now.boottime - outage.begin)
        run = store.begin_run(connection, self.plan, event, started, now.wall, "", owed)
        store.save_cursor(connection, self.plan.name, max(outage.ids))
        return run

    def _overtake(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        own: PlanOutage | None,
        newest: PlanOutage,
        stored: Sequence[OutageEvent],
        now: Moment,
    ) -> PlanRun:
        """End a run whose outage is over, and begin one for the next outage with what is left of it."""
        with transaction(connection):
            if own is not None:
                situation = self._situation(connection, run, own, stored, now)
                late = too_late(self.plan, store.read_statuses(connection, run.id), own.back_s(newest.begin))
                store.apply_changes(connection, run.id, late, now.wall)
                # What would begin now is left to the next run.
                decision = decide(self.plan, store.read_statuses(connection, run.id), run.phase, situation)
                store.apply_changes(connection, run.id, decision.changes, now.wall)
            owed = store.supersede(connection, self.plan, run.id, now.wall)
            later = [id for id in newest.ids if id > run.outage] or [max(newest.ids)]
            new = self._insert(connection, newest, min(later), now, owed)
        log.warning("Plan %s: run %d goes on as run %d: mains failed again", self.plan.name, run.id, new.id)
        return new

    def _act(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        own: PlanOutage | None,
        stored: Sequence[OutageEvent],
        now: Moment,
        is_busy: bool,
    ) -> PlanLook:
        situation = self._situation(connection, run, own, stored, now)
        if situation.on_battery and situation.is_certain and run.boot_id != now.boot_id:
            self._note_boot(connection, run, situation, now)
        statuses = store.read_statuses(connection, run.id)
        if self._is_first and (late := too_late(self.plan, statuses, situation.back_s)):
            with transaction(connection):
                store.apply_changes(connection, run.id, late, now.wall)
            statuses = store.read_statuses(connection, run.id)
        self._is_first = False
        if not is_busy and (left := self._written_only(connection, run, statuses, situation)) is not None:
            return PlanLook(left, is_open=True)
        decision = decide(self.plan, statuses, run.phase, situation)
        begun = None
        if decision.changes or decision.start is not None or decision.phase is not run.phase:
            seen = max(own.ids) if own is not None else run.outage
            begun = self._write(connection, run, decision, situation, now, seen)
        return PlanLook(begun, decision.cancel, decision.phase is not PlanPhase.OVER)

    def _note_boot(
        self, connection: sqlite3.Connection, run: PlanRun, situation: Situation, now: Moment
    ) -> None:
        if run.boot_id:
            text = battery_text(situation.battery_s, situation.is_least)
            log.warning("Plan %s: run %d goes on after a boot: %s", self.plan.name, run.id, text)
        store.note_boot(connection, run.id, now.boot_id)

    def _written_only(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        statuses: Mapping[str, StepStatus],
        situation: Situation,
    ) -> BegunStep | None:
        """A step that was written as begun after this process had given the attempt up: it begins now."""
        for step in self.plan.steps:
            if statuses[step.name].state is StepState.RUNNING:
                order = store.placed_order(connection, run.id, step.name)
                return BegunStep(step, self._moment(run, step, situation), order)
        return None

    def _write(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        decision: PlanDecision,
        situation: Situation,
        now: Moment,
        seen: int,
    ) -> BegunStep | None:
        begun = None
        with transaction(connection):
            store.apply_changes(connection, run.id, decision.changes, now.wall)
            if decision.phase is not run.phase:
                back = None if situation.back_s is None else now.wall - situation.back_s
                store.set_phase(connection, run.id, decision.phase, situation.battery_s, back, now.wall)
                store.save_cursor(connection, self.plan.name, seen)
            if decision.start is not None:
                step = next(one for one in self.plan.steps if one.name == decision.start)
                begun = self._begin_step(connection, run, step, situation, now)
        for change in decision.changes:
            log.info("Plan %s: %s: %s %s", self.plan.name, change.step, change.state, change.why)
        return begun

    def _begin_step(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        step: BatteryStep | ReturnStep,
        situation: Situation,
        now: Moment,
    ) -> BegunStep | None:
        """Write that a step begins, with the order that it places; one that is refused has failed."""
        try:
            order = self._place(connection, step)
        except RefusedError as error:
            text = refusal_text(error)
            log.error("Plan %s: %s: %s", self.plan.name, step.name, text)
            action = ACTIONS["outbox" if step.node is not None else "ups_orders"]
            actor = actor_of(self.plan.name)
            note_refusal(connection, actor, action, error.subject, step.name, outcome=text)
            store.begin_step(connection, run.id, step.name, now.wall)
            outcome = StepOutcome(StepState.FAILED, text)
            store.end_step(connection, run.id, step.name, outcome, now.wall)
            return None
        store.begin_step(connection, run.id, step.name, now.wall, order)
        return BegunStep(step, self._moment(run, step, situation), order)

    def _place(self, connection: sqlite3.Connection, step: BatteryStep | ReturnStep) -> PlacedOrder | None:
        if step.node is None and step.command is None:
            return None
        return place_order(connection, step, self.plan.name, self._config)

    def _situation(
        self,
        connection: sqlite3.Connection,
        run: PlanRun,
        own: PlanOutage | None,
        stored: Sequence[OutageEvent],
        now: Moment,
    ) -> Situation:
        """The situation of a run. An event that is gone was no outage: mains are there."""
        plan = self.plan
        needs_all = plan.when == "all"
        started = {one.ups: one.started for one in stored if one.seconds is None}
        figures = self._reader.read(connection, started, now)
        if own is None:
            longest = max((step.after_s for step in plan.power_back), default=0.0)
            charge = return_charge(figures, plan.ups, needs_all)
            return Situation(0.0, max(plan.settle_s, longest), plan.settle_s, charge=charge)
        back_s, battery_s = own.back_s(now.boottime), own.battery_s(now.boottime)
        if self._least[0] == run.id:  # by the clock of now it may be less
            battery_s = max(battery_s, self._least[1])
        if own.is_least:
            self._least = (run.id, battery_s)
        if back_s is not None:
            charge = return_charge(figures, plan.ups, needs_all)
            begin = now.wall - (now.boottime - own.begin)
            lowest: tuple[float | None, float | None] = (None, None)
            if run.phase is PlanPhase.BATTERY:
                lowest = read_lowest(connection, plan.ups, needs_all, begin, now.wall - back_s)
            return Situation(
                battery_s,
                back_s,
                plan.settle_s,
                charge,
                lowest_charge=lowest[0],
                lowest_runtime_s=lowest[1],
            )
        on_battery = {name: one for name, one in figures.items() if name in started}
        charge, runtime_s = battery_figures(on_battery, needs_all, own.spell_s(now.boottime))
        going = [self._is_confirmed(one, now) for one in stored if one.seconds is None]
        is_certain = run.boot_id == now.boot_id or all(going)
        return Situation(battery_s, None, plan.settle_s, charge, runtime_s, is_certain, is_least=own.is_least)

    def _moment(self, run: PlanRun, step: BatteryStep | ReturnStep, situation: Situation) -> PlanMoment:
        return PlanMoment(
            self.plan.name,
            step.name,
            phase_of(step),
            run.id,
            run.outage,
            self.plan.ups,
            situation.battery_s,
            situation.charge,
            situation.runtime_s,
        )


def _later_outage(run: PlanRun, own: PlanOutage | None, outages: Sequence[PlanOutage]) -> PlanOutage | None:
    """The outage that has overtaken a run, whose own is `own`; None where there is none."""
    newest = outages[-1] if outages else None
    if newest is not None and newest is not own and max(newest.ids) > run.outage:
        return newest
    # Mains failed again just as the steps after the outage began.
    return own if own is not None and own.is_open and run.phase is PlanPhase.BACK else None
