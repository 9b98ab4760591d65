"""`voltkeeper plan --dry-run`: what each plan would have done when, in recorded outages."""

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.config.model import Config
from ingest.config.plan import OutagePlan
from ingest.db.connection import connect
from ingest.db.moment import Moment
from ingest.db.problems import find_problem
from ingest.errors import VoltkeeperError
from ingest.schema.migrate import migrate
from outbound.plan.lock import carries_out_plans
from outbound.plan.model import PlanPhase, describe_action, phase_of
from outbound.plan.outlook import expect
from outbound.plan.predicted import read_prediction
from outbound.plan.recorded import PlayedOutage, PlayedStep, members_of, play_outages
from reporting.formatting import format_length, plural

NOT_RUNNING = "outage plans are not carried out: `voltkeeper plan` does not run; `voltkeeper up` starts it"


class DryRunError(VoltkeeperError):
    """What is not known, and why."""


def run_dry_run(config: Config, wanted: str | None) -> int:
    """Print it for all outages of the last year, or for one, `wanted`. Returns the exit code."""
    try:
        for line in _lines(config, wanted):
            print(line)
    except VoltkeeperError as error:
        return _fail(error)
    except sqlite3.Error as error:
        return _fail(f"The outages cannot be read: {find_problem(config.database, error)}")
    return 0


def _fail(message: object) -> int:
    print(message, file=sys.stderr)
    return 1


def _lines(config: Config, wanted: str | None) -> Iterator[str]:
    if not config.plan:
        raise DryRunError("There is no plan: config.yml has no plan:")
    if not config.database.exists():
        raise DryRunError(f"{config.database}: no such file: nothing has been stored yet")
    migrate(config.database)
    now = Moment.now()
    with closing(connect(config.database, readonly=True)) as connection:
        only = None if wanted is None else _members(connection, wanted)
        played = [one for plan in config.plan for one in play_outages(connection, plan, now, only)]
        played.sort(key=lambda one: (one.began, one.plan.name))
        zone = ZoneInfo(config.timezone)
        yield f"Dry run of {plural(len(config.plan), 'plan')}: nothing is done. {_what(wanted, played)}"
        for one in played:
            yield ""
            yield from _outage_lines(one, zone)
        if wanted is None:
            for plan in config.plan:
                yield ""
                yield from _outlook_lines(connection, plan)


def _members(connection: sqlite3.Connection, wanted: str) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    if wanted.isascii() and wanted.isdigit() and int(wanted) < 2**63:
        found = members_of(connection, int(wanted))
    if not found:
        raise DryRunError(f"There is no outage {wanted}: see /telemetry/outages on the site.")
    goes_on = connection.execute(
        "select 1 from events where ended_at is null and id in (select value from json_each(?))",
        (str(sorted(found)),),
    ).fetchone()
    if goes_on:
        raise DryRunError(f"Outage {wanted} goes on: ask again when all its UPSes are back on mains.")
    return found


def _what(wanted: str | None, played: Sequence[PlayedOutage]) -> str:
    if wanted is not None:
        return f"Outage {wanted}:" if played else f"No plan is about the UPSes of outage {wanted}."
    if not played:
        return "No outage of their UPSes in the last year."
    return f"{plural(len({one.ids for one in played}), 'outage')} in the last year:"


def _outage_lines(one: PlayedOutage, zone: ZoneInfo) -> Iterator[str]:
    began = datetime.fromtimestamp(one.began, zone)
    length = format_length(one.battery_s)
    yield f"Outage {min(one.ids)}, {began:%Y-%m-%d %H:%M:%S}, {length} on battery: plan {one.plan.name}"
    if not one.has_samples:
        yield "  its samples were deleted: only times are known, no charge and no runtime"
    for step in one.steps:
        yield _step_line(step, one)


def _step_line(step: PlayedStep, one: PlayedOutage) -> str:
    when = "-"
    if step.at_s is not None:
        after_s = one.began + step.at_s - one.ended
        is_back = phase_of(step.step) is PlanPhase.BACK
        when = f"+ {format_length(after_s)}" if is_back else format_length(step.at_s)
    return f"  {when:>12}  {step.step.name:16} {describe_action(step.step)} ({step.why})"


def _outlook_lines(connection: sqlite3.Connection, plan: OutagePlan) -> Iterator[str]:
    now = read_prediction(connection, plan)
    if now.runtime_s is None:
        yield f"Plan {plan.name}: {', '.join(plan.ups)} predicts no runtime now"
        return
    yield f"Plan {plan.name} from now on, with {format_length(now.runtime_s)} of runtime predicted:"
    steps = {step.name: step for step in plan.on_battery}
    for expected in expect(plan, now):
        when = "not known" if expected.at_s is None else format_length(expected.at_s)
        late = expected.at_s is not None and expected.at_s > now.runtime_s
        why = f"{expected.by}; the battery is empty before" if late else expected.by
        yield f"  {when:>12}  {expected.name:16} {describe_action(steps[expected.name])} ({why})"


def plan_lines(config: Config) -> list[str]:
    """The lines of `status` about plans; none where there are none."""
    if not config.plan:
        return []
    if not carries_out_plans(config.database):
        return [f"plan     {NOT_RUNNING}"]
    with closing(connect(config.database, readonly=True)) as connection:
        rows = connection.execute(
            "select plan, state, outage from plan_runs where state <> 'over' order by id"
        ).fetchall()
    going = {"battery": "on battery", "back": "mains are back, steps are left"}
    names = [plan.name for plan in config.plan]
    texts = [
        f"plan     {plan}: {going[state]}, outage {outage}" for plan, state, outage in rows if plan in names
    ]
    return texts or [f"plan     {', '.join(names)}: on mains, nothing to do"]
