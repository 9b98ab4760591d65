"""When the steps of a plan would come, by the runtime that its UPSes predict now. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.config.plan import BatteryStep, OutagePlan


class RuntimePrediction(NamedTuple):
    """What is left at the load of now, in s, and the charge in %; None where it is not known."""

    runtime_s: float | None
    charge: float | None


class ExpectedStep(NamedTuple):
    """A step on battery: when it would be due, in s from now (None: not known), and by what."""

    name: str
    at_s: float | None
    by: str


def predict(
    figures: Mapping[str, RuntimePrediction], upses: Sequence[str], needs_all: bool
) -> RuntimePrediction:
    """Of several UPSes the one that is empty first counts; the last one where any of them suffices."""
    known = [figures[ups] for ups in upses if ups in figures]
    choose = max if needs_all else min
    runtimes = [one.runtime_s for one in known if one.runtime_s is not None]
    charges = [one.charge for one in known if one.charge is not None]
    return RuntimePrediction(choose(runtimes, default=None), choose(charges, default=None))


def expect(plan: OutagePlan, now: RuntimePrediction, battery_s: float = 0.0) -> list[ExpectedStep]:
    """When each step on battery would be due, if mains stayed away from now on.

    `battery_s`: so long it is on battery already. The charge is taken to fall evenly to 0 with the runtime. A
    step brings forward those before it.
    """
    found: list[ExpectedStep] = []
    following: ExpectedStep | None = None
    for step in reversed(plan.on_battery):
        own = min(_times(step, now, battery_s), key=lambda one: one.at_s or 0.0, default=None)
        expected = own or ExpectedStep(step.name, None, "")
        sooner = None if following is None else following.at_s
        if following is not None and sooner is not None and (own is None or (own.at_s or 0.0) > sooner):
            expected = ExpectedStep(step.name, sooner, f"before {following.name}")
        found.append(expected)
        following = expected
    return found[::-1]


def _times(step: BatteryStep, now: RuntimePrediction, battery_s: float) -> Iterable[ExpectedStep]:
    runtime_s, charge = now
    if step.after_s is not None:
        yield ExpectedStep(step.name, max(0.0, step.after_s - battery_s), "time")
    if step.runtime_s is not None and runtime_s is not None:
        yield ExpectedStep(step.name, max(0.0, runtime_s - step.runtime_s), "runtime")
    if step.charge is not None and runtime_s is not None and charge:
        at_s = max(0.0, runtime_s * (charge - step.charge) / charge)
        yield ExpectedStep(step.name, at_s, "charge")
