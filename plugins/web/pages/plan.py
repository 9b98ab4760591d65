"""The page /-/plan: outage plans as timelines against the predicted runtime, and their last runs."""

import sqlite3
from collections.abc import Mapping, Sequence

from datasette import Request, Response

from ingest.config.model import Config
from ingest.config.plan import BatteryStep, OutagePlan, ReturnStep
from ingest.db.connection import dict_rows
from ingest.db.moment import Moment
from ingest.db.time import parse_utc
from outbound.plan.lock import carries_out_plans
from outbound.plan.model import PlanPhase, describe_action, describe_condition
from outbound.plan.outlook import ExpectedStep, RuntimePrediction, expect
from outbound.plan.predicted import read_prediction
from outbound.plan.read import read_outages
from outbound.plan.situation import find_outages
from plugins.web.auth.permissions import SIGNED_IN, has_right, require
from plugins.web.endpoint import Endpoint, Json, documented_route
from plugins.web.query import DATABASE, Row
from plugins.web.responses import page, wants_page
from plugins.web.site import Site

RUNS = 10
BEYOND = 1.25  # times the predicted runtime: as far as a timeline reaches
NEWEST_RUNS = """select r.*, u.name as ups from plan_runs r left join events e on e.id = r.outage
left join ups u on u.id = e.ups order by r.id desc limit ?"""
STEPS = "select * from plan_steps where run between ? and ? order by run, number, attempt"
PRIVATE = ("action", "result")  # of a step: what it runs or asks, and what that said


async def plan(datasette: Site, request: Request) -> Response:
    """GET /-/plan, as JSON for programs. What a step does in detail is for signed-in users."""
    require(datasette, request.actor, "read")
    shows_actions, config = has_right(datasette, request.actor, SIGNED_IN), datasette.config
    context: Json = await datasette.get_database(DATABASE).read_hidden(
        lambda connection: read_plans(connection, config, shows_actions)
    )
    if not wants_page(request):
        return Response.json({"ok": True, **context}, headers={"cache-control": "no-store"})
    return await page(datasette, request, "pages/-/plan.html", context)


def read_plans(connection: sqlite3.Connection, config: Config, shows_actions: bool) -> Json:
    """All that the page shows, as JSON has it."""
    runs = _read_runs(connection, shows_actions)
    plans = {plan.name: plan for plan in config.plan}
    for run in runs:
        if run["state"] == PlanPhase.BATTERY and run["plan"] in plans:
            run |= _on_battery(connection, plans[run["plan"]], run["outage"])
    open_runs = {run["plan"]: run for run in runs[::-1] if run["state"] != PlanPhase.OVER}
    return {
        "running": carries_out_plans(config.database),
        "shows_actions": shows_actions,
        "plans": [
            _plan(one, read_prediction(connection, one), open_runs.get(one.name), shows_actions)
            for one in config.plan
        ],
        "runs": runs,
    }


def _plan(plan: OutagePlan, now: RuntimePrediction, run: Row | None, shows_actions: bool) -> Row:
    is_on_battery = run is not None and run["state"] == PlanPhase.BATTERY
    battery_s = run["battery_s"] if run is not None and is_on_battery else 0.0
    states = {step["step"]: step["state"] for step in run["steps"]} if run is not None else {}
    expected = expect(plan, now, battery_s)
    times = [one.at_s for one in expected if one.at_s is not None]
    span_s = max([*times, 60.0])
    if now.runtime_s:  # what comes after the battery is empty stands at the end
        span_s = max(now.runtime_s, min(span_s, BEYOND * now.runtime_s))
    return {
        "name": plan.name,
        "ups": list(plan.ups),
        "when": plan.when,
        "settle_s": plan.settle_s,
        "within_s": plan.within_s,
        "run": None if run is None else run["id"],
        "phase": None if run is None else run["state"],
        "battery_s": battery_s,
        "is_least": run is not None and bool(run.get("is_least")),
        "runtime_s": now.runtime_s,
        "charge": now.charge,
        "span_s": span_s,
        "on_battery": [
            _battery_step(step, one, now, states, shows_actions)
            for step, one in zip(plan.on_battery, expected, strict=True)
        ],
        "power_back": [
            _step(step, states, shows_actions) | {"if_ran": list(step.if_ran)} for step in plan.power_back
        ],
    }


def _battery_step(
    step: BatteryStep,
    expected: ExpectedStep,
    now: RuntimePrediction,
    states: Mapping[str, str],
    shows_actions: bool,
) -> Row:
    at_s, runtime_s = expected.at_s, now.runtime_s
    return _step(step, states, shows_actions) | {
        "cancel_on_return": step.cancel_on_return,
        "expected_s": at_s,
        "expected_by": expected.by,
        "too_late": at_s is not None and runtime_s is not None and at_s > runtime_s,
    }


def _step(step: BatteryStep | ReturnStep, states: Mapping[str, str], shows_actions: bool) -> Row:
    found: Row = {
        "name": step.name,
        "kind": step.kind,
        "condition": describe_condition(step),
        "timeout_s": step.timeout_s,
        "repeat": step.repeat,
        "state": states.get(step.name),
    }
    return found | ({"action": describe_action(step)} if shows_actions else {})


def _read_runs(connection: sqlite3.Connection, shows_actions: bool) -> list[Row]:
    """The newest runs with every attempt of their steps."""
    runs = dict_rows(connection, NEWEST_RUNS, (RUNS,))
    ids = [run["id"] for run in runs]
    steps = dict_rows(connection, STEPS, (min(ids), max(ids))) if runs else []
    for run in runs:
        run["steps"] = [_shown(step, shows_actions) for step in steps if step["run"] == run["id"]]
    return runs


def _on_battery(connection: sqlite3.Connection, plan: OutagePlan, outage: int) -> Row:
    """Seconds on battery until now, of a run that began with this event; whether they are the least."""
    now = Moment.now()
    events = read_outages(connection, plan.ups, outage, outage, now.boot_id)
    outages = find_outages(events, plan.ups, plan.when == "all", plan.settle_s, now)
    own = next((one for one in outages if outage in one.ids), None)
    if own is None:
        return {"battery_s": 0.0, "is_least": False}
    return {"battery_s": own.battery_s(now.boottime), "is_least": own.is_least}


def _shown(step: Row, shows_actions: bool) -> Row:
    hidden: Sequence[str] = () if shows_actions else PRIVATE
    lasted_s = None
    if step["began_at"] and step["ended_at"]:
        lasted_s = round(parse_utc(step["ended_at"]) - parse_utc(step["began_at"]), 3)
    return {name: value for name, value in step.items() if name not in hidden} | {"lasted_s": lasted_s}


PLAN = documented_route(
    r"^/-/plan$",
    plan,
    Endpoint(
        "Outage plans: what is done when, against the predicted runtime, and their last runs",
        "Programs that do not ask for HTML get JSON. What a step runs or asks, and what that said, is for "
        "signed-in users and tokens.",
        answer="page",
    ),
)
