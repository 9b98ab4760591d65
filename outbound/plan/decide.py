"""What an outage plan does next: a function of its steps, what became of them, and the situation. Pure.

On battery a step that is due brings forward those listed before it, so that their order is kept and none
waits for a later time than its own. What is due is certain to begin, also when mains return meanwhile, unless
the step says `cancel_on_return`. Steps after the outage wait for those listed before them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.config.plan import BatteryStep, OutagePlan, ReturnStep
from outbound.plan.model import OPEN, PlanPhase, StepChange, StepState, StepStatus
from outbound.plan.situation import Situation
from reporting.formatting import format_length

State = StepState
Statuses = Mapping[str, StepStatus]
NEW = StepStatus()
NOT_DUE = "mains were back before it was due"
RETURNED = "mains came back"
LATE_S = (
    600.0  # so long after an outage what was due in it, and has not begun, is done no more after a restart
)
INTERRUPTED = "the plan was interrupted while it ran; whether it was done is not known, it is not repeated"


@dataclass
class PlanDecision:
    """What changes, which step begins, which running one is ended because mains are back, the phase then."""

    phase: PlanPhase
    changes: list[StepChange] = field(default_factory=list)
    start: str | None = None
    cancel: str | None = None


def decide(plan: OutagePlan, statuses: Statuses, phase: PlanPhase, situation: Situation) -> PlanDecision:
    """Return what follows from the situation. A step that is not in `statuses` waits.

    Steps are never made to begin while another one of the plan runs.
    """
    decision = PlanDecision(phase)
    now = dict(statuses)
    if not situation.is_certain:
        return decision
    if phase is PlanPhase.BATTERY:
        _decide_on_battery(plan, now, situation, decision)
    if decision.phase is PlanPhase.BACK:
        _decide_after(plan, now, situation, decision)
    return decision


def _apply(now: dict[str, StepStatus], decision: PlanDecision, step: str, state: State, why: str) -> None:
    decision.changes.append(StepChange(step, state, why))
    now[step] = now.get(step, NEW)._replace(state=state)


def _state(now: Statuses, step: BatteryStep | ReturnStep) -> State:
    return now.get(step.name, NEW).state


def _decide_on_battery(
    plan: OutagePlan, now: dict[str, StepStatus], situation: Situation, decision: PlanDecision
) -> None:
    if situation.on_battery:
        _find_due(plan, now, situation, decision)
    else:
        _give_up(plan, now, situation, decision)
    running = [step for step in plan.steps if _state(now, step) is State.RUNNING]
    if running:
        if isinstance(step := running[0], BatteryStep) and step.cancel_on_return and not situation.on_battery:
            decision.cancel = step.name
        return
    due = [step for step in plan.on_battery if _state(now, step) is State.DUE]
    if due and (situation.on_battery or not due[0].cancel_on_return):
        decision.start = due[0].name
    elif not due and situation.is_settled:
        decision.phase = PlanPhase.BACK


def _find_due(
    plan: OutagePlan, now: dict[str, StepStatus], situation: Situation, decision: PlanDecision
) -> None:
    for step in plan.on_battery:
        if _state(now, step) is State.CANCELLED:  # it was due, and mains have failed again
            _apply(now, decision, step.name, State.DUE, "mains failed again")
    reasons = [due_reason(step, situation) for step in plan.on_battery]
    last = max(
        (n for n, step in enumerate(plan.on_battery) if reasons[n] or _state(now, step) is State.DUE),
        default=-1,
    )
    for number, step in enumerate(plan.on_battery[: last + 1]):
        if _state(now, step) is State.WAITING:
            why = reasons[number] or f"before {plan.on_battery[last].name}"
            _apply(now, decision, step.name, State.DUE, why)


def battery_text(seconds: float, is_least: bool) -> str:
    """So long on battery; `is_least`: it may be longer."""
    text = f"{format_length(seconds)} on battery"
    return f"at least {text}: how long the machine was off meanwhile is not known" if is_least else text


def due_reason(step: BatteryStep, situation: Situation) -> str:
    """By what a step is due, as text; '' where it is not."""
    if step.after_s is not None and situation.battery_s >= step.after_s:
        return battery_text(step.after_s, situation.is_least)
    charge, runtime_s = situation.charge, situation.runtime_s
    if step.charge is not None and charge is not None and charge <= step.charge:
        return f"charge {charge:g} %"
    if step.runtime_s is not None and runtime_s is not None and runtime_s <= step.runtime_s:
        return f"runtime {format_length(runtime_s)}"
    return ""


def _give_up(
    plan: OutagePlan, now: dict[str, StepStatus], situation: Situation, decision: PlanDecision
) -> None:
    """Mains are back: what is not due will not be, and what may be cancelled is, once they stay."""
    if not situation.is_settled:
        return
    worst = Situation(
        situation.battery_s,
        None,
        0.0,
        charge=situation.lowest_charge,
        runtime_s=situation.lowest_runtime_s,
    )
    for step in plan.on_battery:
        state = _state(now, step)
        if state is State.DUE and step.cancel_on_return:
            _apply(now, decision, step.name, State.CANCELLED, RETURNED)
        elif state is State.WAITING:
            reason = due_reason(step, worst)
            text = f"{reason}: the plan did not act then" if reason else NOT_DUE
            _apply(now, decision, step.name, State.MISSED if reason else State.SKIPPED, text)


def _decide_after(
    plan: OutagePlan, now: dict[str, StepStatus], situation: Situation, decision: PlanDecision
) -> None:
    back_s = situation.back_s
    if back_s is None or any(status.state is State.RUNNING for status in now.values()):
        return
    for step in plan.power_back:
        status = now.get(step.name, NEW)
        if status.state not in OPEN:
            continue
        if status.state is State.WAITING and not applies(step, now):
            _apply(now, decision, step.name, State.SKIPPED, f"{' or '.join(step.if_ran)} did not begin")
        elif back_s > plan.within_s:
            why = f"not due within {format_length(plan.within_s)}: {waits_for(step, situation)}"
            _apply(now, decision, step.name, State.EXPIRED, why)
        elif status.state is State.DUE or not waits_for(step, situation):
            if status.state is not State.DUE:
                _apply(now, decision, step.name, State.DUE, _return_reason(step, situation))
            decision.start = step.name
            return
        else:
            return
    decision.phase = PlanPhase.OVER


def applies(step: ReturnStep, now: Statuses) -> bool:
    """Whether a step after the outage is to be done at all: what it undoes has begun."""
    status = now.get(step.name, NEW)
    return status.owed or not step.if_ran or any(now.get(name, NEW).has_begun for name in step.if_ran)


def waits_for(step: ReturnStep, situation: Situation) -> str:
    """What a step after an outage waits for, as text; '' where it is due."""
    if situation.back_s is None or situation.back_s < step.after_s:
        return f"mains to be back for {format_length(step.after_s)}"
    if step.charge is None:
        return ""
    if situation.charge is None:
        return f"a charge of {step.charge:g} %, which is not known now"
    return f"a charge of {step.charge:g} %" if situation.charge < step.charge else ""


def _return_reason(step: ReturnStep, situation: Situation) -> str:
    if step.charge is not None and situation.charge is not None:
        return f"mains back, charge {situation.charge:g} %"
    return "mains back"


def resume(plan: OutagePlan, statuses: Statuses) -> list[StepChange]:
    """Return what becomes of the steps of a run with which the process did not come to an end.

    A step that began and has no recorded end is not begun again, unless it says `repeat`.
    """
    steps = {step.name: step for step in plan.steps}
    changes = []
    for name, status in statuses.items():
        if status.state is State.RUNNING:
            if name in steps and steps[name].repeat:
                changes.append(StepChange(name, State.DUE, "repeated: the plan was interrupted while it ran"))
            else:
                changes.append(StepChange(name, State.UNKNOWN, INTERRUPTED))
        elif status.state in OPEN and name not in steps:
            changes.append(StepChange(name, State.SKIPPED, "config.yml has it no longer"))
    return changes


def too_late(plan: OutagePlan, statuses: Statuses, back_s: float | None) -> list[StepChange]:
    """Return the steps on battery that were due and have not begun, where mains are back for long.

    A machine that was off meanwhile does not stop on mains what it was to stop on battery.
    """
    if back_s is None or back_s <= LATE_S:
        return []
    why = f"mains were back for {format_length(back_s)} when the plan ran again"
    return [
        StepChange(step.name, State.MISSED, why)
        for step in plan.on_battery
        if _state(statuses, step) is State.DUE
    ]
