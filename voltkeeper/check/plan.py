"""`voltkeeper check`: outage plans: their programs, and what their UPSes report."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing

from ingest.config.model import Config
from ingest.config.plan import OutagePlan
from ingest.db.connection import connect
from outbound.plan.lock import carries_out_plans
from outbound.plan.orders import order_problem
from outbound.plan.predicted import read_reported
from outbound.senders.programs import program_problem
from reporting.formatting import plural
from voltkeeper.check.sources import Finding
from voltkeeper.plans import NOT_RUNNING


def plan_findings(config: Config) -> Iterator[tuple[str, Finding]]:
    """(what, finding): of each plan its steps, of each program whether it is there; whether plans run."""
    for plan in config.plan:
        what = f"plan {plan.name}"
        yield what, Finding(True, _describe(plan))
        for step in plan.steps:
            if step.run and (problem := program_problem(step.run[0])):
                yield f"{what}, {step.name}", Finding(False, problem)
        for step_name, text in _stored_findings(config, plan):
            yield ", ".join(filter(None, (what, step_name))), Finding(False, text)
    if config.plan and not carries_out_plans(config.database):
        yield "plan", Finding(True, NOT_RUNNING)


def _describe(plan: OutagePlan) -> str:
    of = f" {plan.when} of" if len(plan.ups) > 1 else ""
    return (
        f"on battery{of} {', '.join(plan.ups)}: {plural(len(plan.on_battery), 'step')}, "
        f"{len(plan.power_back)} when mains are back; `voltkeeper plan --dry-run` tells when"
    )


def _stored_findings(config: Config, plan: OutagePlan) -> Iterator[tuple[str, str]]:
    """(step, what is wrong), by what the database tells of nodes and UPSes."""
    try:
        with closing(connect(config.database, readonly=True)) as connection:
            reported = read_reported(connection, plan)
            connection.row_factory = sqlite3.Row
            problems = [(step.name, order_problem(connection, step, config)) for step in plan.steps]
    except sqlite3.Error:
        return  # the database's own line reports what is wrong with it
    yield from ((name, text) for name, text in problems if text)
    yield from (("", text) for text in _unreported(plan, reported))


def _unreported(plan: OutagePlan, reported: Mapping[str, bool] | None) -> Iterator[str]:
    """Figures that steps wait for and no UPS of the plan has ever reported."""
    if reported is None:
        return
    for figure, variable in (("charge", "battery.charge"), ("runtime_s", "battery.runtime")):
        steps = [step.name for step in plan.steps if getattr(step, figure, None) is not None]
        if steps and not reported[figure]:
            names, upses = ", ".join(steps), ", ".join(plan.ups)
            yield f"{names}: {upses} does not report {variable}: {figure} has no effect"
