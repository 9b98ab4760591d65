"""The words of outage plans: phases and states of runs and steps, and a step as it stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ingest.config.plan import BatteryStep, PlanAction, ReturnStep
from ingest.ups.commands import command_label
from outbound.senders.address import url_address
from reporting.formatting import format_length


class PlanPhase(StrEnum):
    """Where a run is: in the outage, after it, or over."""

    BATTERY = "battery"
    BACK = "back"
    OVER = "over"


class StepState(StrEnum):
    """What became of a step.

    DUE: it is certain to begin, at its turn. UNKNOWN: it began, and no end of it is recorded. MISSED: it was
    due while the plan did not run.
    """

    WAITING = "waiting"
    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    MISSED = "missed"
    EXPIRED = "expired"


OPEN = frozenset((StepState.WAITING, StepState.DUE, StepState.RUNNING))
WELL = frozenset((StepState.DONE, StepState.SKIPPED))
# What a step was to do was not done, or nobody knows.
BAD = frozenset(
    (StepState.FAILED, StepState.TIMED_OUT, StepState.UNKNOWN, StepState.MISSED, StepState.EXPIRED)
)


class StepStatus(NamedTuple):
    """A step as it stands: the state of its last attempt, and whether any attempt has begun.

    `owed`: an earlier run left it undone.
    """

    state: StepState = StepState.WAITING
    has_begun: bool = False
    owed: bool = False


class StepChange(NamedTuple):
    """A step gets another state; `why` is by what it is due, or why it does not happen."""

    step: str
    state: StepState
    why: str = ""


class StepOutcome(NamedTuple):
    """How a step ended: its state, and what came of it as text without secrets.

    `summary` is the same for everybody who sees events, '' where that is `result`: it has neither what a
    program printed nor which one it was.
    """

    state: StepState
    result: str
    summary: str = ""


@dataclass(frozen=True)
class PlanMoment:
    """The outage in which a step is done, as programs and webhooks get it."""

    plan: str
    step: str
    phase: PlanPhase
    run: int
    outage: int
    ups: tuple[str, ...]
    on_battery_s: float
    charge: float | None = None
    runtime_s: float | None = None

    def fields(self) -> Mapping[str, object]:
        """As programs get it: JSON of a webhook, variables of a program."""
        return {
            "plan": self.plan,
            "step": self.step,
            "phase": str(self.phase),
            "run": self.run,
            "outage": self.outage,
            "ups": list(self.ups),
            "on_battery_s": round(self.on_battery_s, 1),
            "charge": self.charge,
            "runtime_s": self.runtime_s,
        }


def describe_action(step: PlanAction) -> str:
    """What a step does, as text without secrets: of a program its path alone, of an address its host."""
    if step.webhook is not None:
        return f"{step.webhook.method} to {url_address(step.webhook.url)}"
    if step.node is not None:
        return f"{step.node.type} = {step.node.value} for {step.node.node}"
    if step.command is not None:
        return f"{command_label(step.command.name, value=step.command.value)}: {step.command.ups}"
    if step.wake is not None:
        return f"wake {step.wake.mac}"
    return step.run[0]


def phase_of(step: PlanAction) -> PlanPhase:
    """The phase to which a step belongs."""
    return PlanPhase.BATTERY if isinstance(step, BatteryStep) else PlanPhase.BACK


def describe_condition(step: BatteryStep | ReturnStep) -> str:
    """When a step is due, as text."""
    if isinstance(step, ReturnStep):
        parts = [f"mains back for {format_length(step.after_s)}"] if step.after_s else ["mains back"]
        parts += [f"charge from {step.charge:g} % on"] if step.charge is not None else []
        parts += [f"only if {' or '.join(step.if_ran)} began"] if step.if_ran else []
        return ", ".join(parts)
    parts = [f"{format_length(step.after_s)} on battery"] if step.after_s is not None else []
    parts += [f"charge {step.charge:g} %"] if step.charge is not None else []
    parts += [f"runtime {format_length(step.runtime_s)}"] if step.runtime_s is not None else []
    return " or ".join(parts)
