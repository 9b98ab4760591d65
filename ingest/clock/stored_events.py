"""Events that were stored before steps of the clock were followed: those that are explained are corrected.

An outage counts the seconds that were observed on battery by a clock that is never set (`covered_s`). Where
it lasted longer, or less than nothing, by the wall clock, and a CLOCK_STEP inside it explains the difference
within 5 s, its start moves by the step; the figures of before stay in `figures.original`. All other events
in which the clock was set stay as they are, and are marked.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc

EXPLAINED_S = 5.0
SELECT_STEPS = """select id, started_at, json_extract(figures, '$.seconds') from events
where event = 'CLOCK_STEP' order by id"""
# Marked are those in which a step lies by the order of arrival and by the time after it.
SELECT_EVENTS = """select id, event, started_at, ended_at, figures from events
where event <> 'CLOCK_STEP' and ended_at is not null and id < ? order by id"""
UPDATE = "update events set started_at = ?, ended_at = ?, figures = ? where id = ?"


class StoredStep(NamedTuple):
    """A CLOCK_STEP: `at` is unix seconds, after it."""

    id: int
    at: float
    seconds: float


def correct_stored_events(connection: sqlite3.Connection) -> int:
    """Correct and mark the events that have ended, inside a transaction; return how many changed."""
    steps = [
        StoredStep(id, parse_utc(at), seconds)
        for id, at, seconds in connection.execute(SELECT_STEPS)
        if seconds is not None
    ]
    if not steps:
        return 0
    changed = 0
    for id, event, started_at, ended_at, text in connection.execute(
        SELECT_EVENTS, (steps[-1].id,)
    ).fetchall():
        figures = json.loads(text)
        started, ended = parse_utc(started_at), parse_utc(ended_at)
        if "seconds" in figures and event == "ONBATT":  # an end before the start was stored as the start
            ended = started + figures["seconds"]
        moved = _steps_inside([step for step in steps if step.id > id], started, ended)
        if not moved:
            continue
        covered = figures.get("covered_s") if event == "ONBATT" else None
        if covered is not None and abs(ended - started - moved - covered) <= EXPLAINED_S:
            figures["original"] = {
                "started_at": started_at,
                "ended_at": ended_at,
                "seconds": figures.get("seconds"),
            }
            figures |= {"clock_corrected_s": round(moved, 3), "seconds": round(ended - started - moved, 3)}
            started_at, ended_at = format_utc(started + moved), format_utc(ended)
        else:
            figures["clock_step_s"] = round(moved, 3)
        connection.execute(UPDATE, (started_at, ended_at, json.dumps(figures), id))
        changed += 1
    return changed


def _steps_inside(steps: Sequence[StoredStep], started: float, ended: float) -> float:
    """Seconds by which the clock was set within an event, in the order of these steps.

    After a step inside it, an event began at its start moved by the step and by those that follow.
    """
    moved = 0.0
    for step in reversed(steps):
        at = step.at + moved  # by the clock of the end
        if started + step.seconds + moved - EXPLAINED_S <= at <= ended + EXPLAINED_S:
            moved += step.seconds
    return moved
