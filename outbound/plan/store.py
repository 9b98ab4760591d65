"""The rows of outage plans: runs, attempts of steps, and how far each plan has followed the outages."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.config.plan import OutagePlan
from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows, transaction
from ingest.db.time import format_utc
from outbound.plan.decide import INTERRUPTED, applies
from outbound.plan.failures import note_failure
from outbound.plan.model import (
    BAD,
    PlanPhase,
    StepChange,
    StepOutcome,
    StepState,
    StepStatus,
    describe_action,
    phase_of,
)

TOPICS = ("plan_runs", "plan_steps")
INSERT_STEP = """insert into plan_steps (run, number, attempt, step, phase, kind, action, owed, state, due_at,
due_by, changed_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
NEWEST = """select * from plan_steps s where run = ?
and attempt = (select max(attempt) from plan_steps x where x.run = s.run and x.step = s.step)
order by number"""


@dataclass(frozen=True)
class PlanRun:
    """A row of `plan_runs` that is not over."""

    id: int
    outage: int
    phase: PlanPhase
    boot_id: str


@dataclass(frozen=True)
class PlacedOrder:
    """The row that a step has placed, which ingest carries out."""

    table: str
    id: int


def read_cursor(connection: sqlite3.Connection, plan: str) -> int | None:
    """The newest ONBATT that a plan has seen; None for a plan that never ran."""
    row = connection.execute("select event from plan_cursor where plan = ?", (plan,)).fetchone()
    return None if row is None else row[0]


def save_cursor(connection: sqlite3.Connection, plan: str, event: int) -> None:
    """Store it."""
    connection.execute(
        "insert into plan_cursor (plan, event) values (?, ?) "
        "on conflict (plan) do update set event = excluded.event",
        (plan, event),
    )


def open_run(connection: sqlite3.Connection, plan: str) -> PlanRun | None:
    """The run of a plan that is not over."""
    row = connection.execute(
        "select id, outage, state, boot_id from plan_runs where plan = ? and state <> 'over' "
        "order by id desc limit 1",
        (plan,),
    ).fetchone()
    return None if row is None else PlanRun(row[0], row[1], PlanPhase(row[2]), row[3])


def begin_run(
    connection: sqlite3.Connection,
    plan: OutagePlan,
    outage: int,
    started: float,
    now: float,
    boot_id: str,
    owed: Mapping[str, str],
) -> PlanRun:
    """Insert a run with its steps, inside a transaction. `started` and `now` are unix seconds.

    `owed` are steps that the run before has left undone, with why.
    """
    number = connection.execute(
        "insert into plan_runs (plan, outage, started_at, boot_id) values (?, ?, ?, ?)",
        (plan.name, outage, format_utc(started), boot_id),
    ).lastrowid
    assert number is not None
    at = format_utc(now)
    for place, step in enumerate(plan.steps, 1):
        is_owed, phase = step.name in owed, phase_of(step)
        is_due = is_owed and phase is PlanPhase.BATTERY
        values = (number, place, 1, step.name, phase, step.kind, describe_action(step), is_owed)
        state = (StepState.DUE, at) if is_due else (StepState.WAITING, None)
        connection.execute(INSERT_STEP, (*values, *state, owed.get(step.name, ""), at))
    save_cursor(connection, plan.name, outage)
    raise_topics(connection, TOPICS)
    return PlanRun(number, outage, PlanPhase.BATTERY, boot_id)


def read_statuses(connection: sqlite3.Connection, run: int) -> dict[str, StepStatus]:
    """Each step of a run as it stands, by name."""
    began = {
        name
        for (name,) in connection.execute(
            "select distinct step from plan_steps where run = ? and began_at is not null", (run,)
        )
    }
    return {
        row["step"]: StepStatus(StepState(row["state"]), row["step"] in began, bool(row["owed"]))
        for row in newest_steps(connection, run)
    }


def newest_steps(connection: sqlite3.Connection, run: int) -> list[Row]:
    """The last attempt of each step of a run, in order."""
    return dict_rows(connection, NEWEST, (run,))


def add_missing(connection: sqlite3.Connection, plan: OutagePlan, run: int, now: float) -> None:
    """Insert the steps that the config has got since the run began, inside a transaction."""
    known = {row["step"] for row in newest_steps(connection, run)}
    for place, step in enumerate(plan.steps, 1):
        if step.name not in known:
            values = (run, place, 1, step.name, phase_of(step), step.kind, describe_action(step))
            connection.execute(INSERT_STEP, (*values, False, StepState.WAITING, None, "", format_utc(now)))


def apply_changes(
    connection: sqlite3.Connection, run: int, changes: Sequence[StepChange], now: float
) -> None:
    """Write changes of states, inside a transaction.

    A step that is due after an attempt that ended gets another attempt: no result is overwritten.
    """
    rows = {row["step"]: row for row in newest_steps(connection, run)}
    at = format_utc(now)
    for change in changes:
        row = rows[change.step]
        before = StepState(row["state"])
        if change.state is StepState.DUE and before not in (StepState.WAITING, StepState.DUE):
            if before is StepState.RUNNING:  # it is done again, so that this is no failure
                _write_end(connection, row["id"], StepState.UNKNOWN, change.why, at)
            values = [row[name] for name in ("run", "number", "attempt", "step", "phase", "kind", "action")]
            values[2] += 1
            connection.execute(INSERT_STEP, (*values, row["owed"], change.state, at, change.why, at))
        elif change.state is StepState.DUE:
            connection.execute(
                "update plan_steps set state = ?, due_at = ?, due_by = ?, changed_at = ? where id = ?",
                (change.state, at, change.why, at, row["id"]),
            )
        else:
            _end(connection, row["id"], change.state, change.why, at)
    if changes:
        raise_topics(connection, TOPICS)


def _end(
    connection: sqlite3.Connection, id: int, state: StepState, result: str, at: str, summary: str = ""
) -> None:
    """Give an attempt its last state, and tell where it has failed. `summary`: see StepOutcome."""
    _write_end(connection, id, state, result, at)
    if state in BAD:
        note_failure(connection, id, summary or result, at)


def _write_end(connection: sqlite3.Connection, id: int, state: StepState, result: str, at: str) -> None:
    """Write it; an attempt has an end only where that was seen."""
    ended_at = None if state is StepState.UNKNOWN else at
    connection.execute(
        "update plan_steps set state = ?, result = ?, ended_at = ?, changed_at = ? where id = ?",
        (state, result, ended_at, at, id),
    )


def begin_step(
    connection: sqlite3.Connection, run: int, step: str, now: float, order: PlacedOrder | None = None
) -> None:
    """Write that a step begins, inside the transaction that makes it certain before anything is done."""
    at = format_utc(now)
    table, id = (order.table, order.id) if order is not None else (None, None)
    connection.execute(
        """update plan_steps set state = 'running', began_at = ?, changed_at = ?, order_table = ?,
        order_id = ?
        where id = (select max(id) from plan_steps where run = ? and step = ?)""",
        (at, at, table, id, run, step),
    )
    raise_topics(connection, TOPICS)


def end_step(connection: sqlite3.Connection, run: int, step: str, outcome: StepOutcome, now: float) -> None:
    """Write how a step ended, inside a transaction."""
    (id,) = connection.execute(
        "select max(id) from plan_steps where run = ? and step = ?", (run, step)
    ).fetchone()
    _end(connection, id, outcome.state, outcome.result, format_utc(now), outcome.summary)
    raise_topics(connection, TOPICS)


def placed_order(connection: sqlite3.Connection, run: int, step: str) -> PlacedOrder | None:
    """The order that the last attempt of a step has placed."""
    row = connection.execute(
        "select order_table, order_id from plan_steps "
        "where id = (select max(id) from plan_steps where run = ? and step = ?)",
        (run, step),
    ).fetchone()
    return None if row is None or row[0] is None else PlacedOrder(row[0], row[1])


def set_phase(
    connection: sqlite3.Connection,
    run: int,
    phase: PlanPhase,
    battery_s: float,
    back: float | None,
    now: float,
) -> None:
    """Write the phase of a run, inside a transaction. `back`: when mains came back, unix seconds."""
    connection.execute(
        """update plan_runs set state = ?, battery_s = ?, back_at = coalesce(?, back_at),
        ended_at = ? where id = ?""",
        (
            phase,
            round(battery_s, 3),
            None if back is None else format_utc(back),
            format_utc(now) if phase is PlanPhase.OVER else None,
            run,
        ),
    )
    raise_topics(connection, TOPICS)


def note_boot(connection: sqlite3.Connection, run: int, boot_id: str) -> None:
    """Write the boot in which a UPS was last seen on battery, in a transaction of its own."""
    with transaction(connection):
        connection.execute("update plan_runs set boot_id = ? where id = ?", (boot_id, run))


def supersede(connection: sqlite3.Connection, plan: OutagePlan, run: int, now: float) -> dict[str, str]:
    """End a run that another outage has overtaken, inside a transaction.

    Returns the steps that the next run owes, with why: what was due and has not begun, and steps after the
    outage that were still to be done.
    """
    at, owed, statuses = format_utc(now), {}, read_statuses(connection, run)
    returns = {step.name: step for step in plan.power_back}
    for row in newest_steps(connection, run):
        name, status = row["step"], statuses[row["step"]]
        if status.state is StepState.RUNNING:
            _end(connection, row["id"], StepState.UNKNOWN, INTERRUPTED, at)
        if status.state not in (StepState.WAITING, StepState.DUE):
            continue
        if status.state is StepState.DUE or (name in returns and applies(returns[name], statuses)):
            owed[name] = f"left by run {run}"
        _end(connection, row["id"], StepState.CANCELLED, "mains failed again: left to the next run", at)
    connection.execute(
        "update plan_runs set state = 'over', ended_at = ?, reason = 'mains failed again' where id = ?",
        (at, run),
    )
    raise_topics(connection, TOPICS)
    return owed
