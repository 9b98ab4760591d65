"""What a plan would have done in a recorded outage: the same decisions, over the samples of then."""

import sqlite3
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.config.plan import BatteryStep, OutagePlan, ReturnStep
from ingest.db.connection import dict_rows
from ingest.db.moment import Moment
from ingest.db.time import format_utc, parse_utc
from ingest.ups.status import status_tokens
from outbound.plan.decide import NEW, decide
from outbound.plan.model import PlanPhase, StepState, StepStatus
from outbound.plan.situation import (
    BatteryReading,
    OutageEvent,
    PlanFigures,
    PlanOutage,
    Situation,
    battery_figures,
    find_outages,
    return_charge,
)

YEAR_S = 365 * 86_400.0
BEFORE_S = 600.0  # of samples before an outage
NO_SAMPLES = "not known without samples"
MOST = 3000  # samples of a UPS after an outage: some hours
CLOSED = """select e.id, u.name as ups, e.started_at, e.ended_at,
  json_extract(e.figures, '$.seconds') as seconds
from events e join ups u on u.id = e.ups
where e.event = 'ONBATT' and e.ended_at is not null and e.started_at >= ? and u.name in ({names})"""
MEMBERS = """select e.value ->> '$.id' from mains_outages m, json_each(m.members) e
where exists (select 1 from json_each(m.members) x where x.value ->> '$.id' = ?)"""
SAMPLES = """select sampled_at, ups_status, battery_charge, battery_runtime from ups_samples
where ups = (select id from ups where name = ?) and sampled_at >= ? and sampled_at <= ?
order by sampled_at, id limit ?"""


class PlayedStep(NamedTuple):
    """A step as it would have come: seconds since the outage began, None where it would not; and why."""

    step: BatteryStep | ReturnStep
    at_s: float | None
    why: str


@dataclass(frozen=True)
class PlayedOutage:
    """A plan in one outage. `began` and `ended` are unix seconds; `samples` False: none of then are left."""

    plan: OutagePlan
    began: float
    ended: float
    battery_s: float
    ids: frozenset[int]
    steps: Sequence[PlayedStep]
    has_samples: bool


class TimedSample(NamedTuple):
    """A sample of a UPS; `at` is unix seconds."""

    at: float
    on_mains: bool
    charge: float | None
    runtime_s: float | None
    is_low: bool = False


def members_of(connection: sqlite3.Connection, outage: int) -> frozenset[int]:
    """The events of a mains outage, by one of them; empty where there is no such outage."""
    return frozenset(int(id) for (id,) in connection.execute(MEMBERS, (outage,)))


def play_outages(
    connection: sqlite3.Connection, plan: OutagePlan, now: Moment, only: frozenset[int] | None = None
) -> list[PlayedOutage]:
    """What the plan would have done in each outage of the last year, or in those with the events `only`."""
    since = format_utc(0.0 if only is not None else now.wall - YEAR_S)
    names = ", ".join("?" * len(plan.ups))
    events = [
        OutageEvent(row["id"], row["ups"], parse_utc(row["started_at"]), _seconds(row))
        for row in dict_rows(connection, CLOSED.format(names=names), (since, *plan.ups))
    ]
    at_wall = Moment("", now.wall, now.wall, now.wall)  # all of it on the wall clock
    outages = find_outages(events, plan.ups, plan.when == "all", plan.settle_s, at_wall)
    return [_play(connection, plan, outage) for outage in outages if only is None or outage.ids & only]


def _seconds(row: Mapping[str, object]) -> float:
    seconds = row["seconds"]
    if isinstance(seconds, int | float):
        return float(seconds)
    return max(0.0, parse_utc(str(row["ended_at"])) - parse_utc(str(row["started_at"])))


def _play(connection: sqlite3.Connection, plan: OutagePlan, outage: PlanOutage) -> PlayedOutage:
    end = outage.spells[-1].end
    samples = {ups: _read_samples(connection, ups, outage, plan) for ups in plan.ups}
    steps = play_plan(plan, outage, samples)
    has_samples = any(outage.begin <= one.at <= end for found in samples.values() for one in found)
    if not has_samples:
        steps = _without_samples(plan, steps)
    return PlayedOutage(plan, outage.begin, end, outage.battery_s(end), outage.ids, steps, has_samples)


def _without_samples(plan: OutagePlan, steps: Sequence[PlayedStep]) -> list[PlayedStep]:
    """Say of which steps it is not known whether they would have come: those that go by charge or runtime."""
    vague = {
        one.step.name
        for one in steps
        if one.at_s is None
        and isinstance(one.step, BatteryStep)
        and (one.step.charge is not None or one.step.runtime_s is not None)
    }
    vague |= {step.name for step in plan.power_back if vague & set(step.if_ran)}
    return [
        one._replace(why=NO_SAMPLES) if one.at_s is None and one.step.name in vague else one for one in steps
    ]


def _read_samples(
    connection: sqlite3.Connection, ups: str, outage: PlanOutage, plan: OutagePlan
) -> list[TimedSample]:
    end = outage.spells[-1].end
    charges = any(step.charge is not None for step in plan.power_back)
    spans = [(outage.begin - BEFORE_S, end, -1)]
    spans += [(end + 0.001, end + plan.within_s, MOST)] if charges else []
    return [
        TimedSample(
            parse_utc(row["sampled_at"]),
            "OB" not in status_tokens(row["ups_status"]),
            row["battery_charge"],
            row["battery_runtime"],
            "LB" in status_tokens(row["ups_status"]),
        )
        for since, until, most in spans
        for row in dict_rows(connection, SAMPLES, (ups, format_utc(since), format_utc(until), most))
    ]


@dataclass
class _PlanCourse:
    """A plan as it goes through an outage. Times are unix seconds."""

    plan: OutagePlan
    outage: PlanOutage
    samples: Mapping[str, Sequence[TimedSample]]
    phase: PlanPhase = PlanPhase.BATTERY
    statuses: dict[str, StepStatus] = field(default_factory=dict)
    found: dict[str, PlayedStep] = field(default_factory=dict)

    def moments(self) -> list[float]:
        """When anything may be decided otherwise than before."""
        end, begin = self.outage.spells[-1].end, self.outage.begin
        found = {edge for spell in self.outage.spells for edge in spell}
        found |= {sample.at for samples in self.samples.values() for sample in samples if sample.at >= begin}
        for step in self.plan.on_battery:
            if step.after_s is not None:
                found |= self._when_on_battery(step.after_s)
            if step.runtime_s is not None:
                found |= {
                    sample.at + sample.runtime_s - step.runtime_s
                    for samples in self.samples.values()
                    for sample in samples
                    if sample.runtime_s is not None
                }
        settled = end + self.plan.settle_s
        found |= {settled, *(max(settled, end + step.after_s) for step in self.plan.power_back)}
        found.add(end + self.plan.within_s + 1)
        return sorted(at for at in found if at >= begin)

    def _when_on_battery(self, seconds: float) -> set[float]:
        """The moment at which it was on battery for so long in all."""
        for spell in self.outage.spells:
            length = spell.end - spell.begin
            if seconds <= length:
                return {spell.begin + seconds}
            seconds -= length
        return set()

    def go_to(self, at: float) -> None:
        """Decide at a moment; a step that begins ends at once."""
        for _ in range(len(self.plan.steps) + 1):
            decision = decide(self.plan, self.statuses, self.phase, self._situation(at))
            self.phase = decision.phase
            for change in decision.changes:
                before = self.statuses.get(change.step, NEW)
                self.statuses[change.step] = before._replace(state=change.state)
                step = next(one for one in self.plan.steps if one.name == change.step)
                came = at - self.outage.begin if change.state is StepState.DUE else None
                self.found[change.step] = PlayedStep(step, came, change.why)
            if decision.start is None:
                return
            self.statuses[decision.start] = StepStatus(StepState.DONE, True)

    def _situation(self, at: float) -> Situation:
        settle_s, needs_all = self.plan.settle_s, self.plan.when == "all"
        spells = [spell for spell in self.outage.spells if spell.begin <= at]
        last = spells[-1]
        battery_s = sum(min(spell.end, at) - spell.begin for spell in spells)
        figures = {ups: self._figures(ups, at, last.begin) for ups in self.plan.ups}
        if at < last.end:
            charge, runtime_s = battery_figures(figures, needs_all, at - last.begin)
            return Situation(battery_s, None, settle_s, charge, runtime_s)
        charge = return_charge(figures, self.plan.ups, needs_all)
        return Situation(battery_s, at - last.end, settle_s, charge)

    def _figures(self, ups: str, at: float, since: float) -> PlanFigures:
        samples = self.samples.get(ups, ())
        place = bisect_right(samples, at, key=lambda one: one.at)
        past = samples[max(0, place - 2) : place][::-1]
        readings = [BatteryReading(one.charge, one.runtime_s, at - one.at, one.is_low) for one in past]
        battery = [reading for reading, one in zip(readings, past, strict=True) if one.at >= since]
        on_mains = bool(past) and past[0].on_mains
        return PlanFigures(battery, readings[0] if readings else None, True, on_mains)


def play_plan(
    plan: OutagePlan, outage: PlanOutage, samples: Mapping[str, Sequence[TimedSample]]
) -> list[PlayedStep]:
    """What the plan would have done in an outage that is over, with samples by UPS. Pure."""
    course = _PlanCourse(plan, outage, samples)
    for at in course.moments():
        course.go_to(at)
        if course.phase is PlanPhase.OVER:
            break
    return [course.found.get(step.name, PlayedStep(step, None, "not due")) for step in plan.steps]
