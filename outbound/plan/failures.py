"""The event PLAN_STEP_FAILED: a step was not done, or nobody knows whether it was.

It is a moment, written in the transaction that writes the end of the step, so that each has one.
"""

import json
import sqlite3

from ingest.db.changes import raise_topics

EVENT = "PLAN_STEP_FAILED"
STEP = """select r.plan, s.run, s.step, s.attempt, s.phase, s.state, s.kind from plan_steps s
join plan_runs r on r.id = s.run where s.id = ?"""
INSERT = """insert into events (event, started_at, ended_at, detail, figures)
values (:event, :at, :at, :detail, :figures)"""


def note_failure(connection: sqlite3.Connection, step: int, summary: str, at: str) -> None:
    """Insert the event of an attempt, a row of `plan_steps`, inside a transaction.

    `summary` is what became of it, for everybody who sees events.
    """
    plan, run, name, attempt, phase, state, kind = connection.execute(STEP, (step,)).fetchone()
    figures = {
        "name": f"Plan {plan}",
        "plan": plan,
        "step": name,
        "run": run,
        "attempt": attempt,
        "phase": phase,
        "state": state,
        "kind": kind,
    }
    detail = f"{name}: {summary or state}"
    connection.execute(INSERT, {"event": EVENT, "at": at, "detail": detail, "figures": json.dumps(figures)})
    raise_topics(connection, ("events",))
