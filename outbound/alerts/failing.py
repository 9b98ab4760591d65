"""Targets that fail: an event TARGET_FAILING each, which goes to the other targets."""

import re
import sqlite3
from collections.abc import Sequence

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.time import format_utc
from ingest.severity import event_severity
from outbound.alerts.model import AlertEvent
from outbound.alerts.planner import TARGET_FAILING

OPEN = """insert into events (event, started_at, detail, figures)
select ?1, ?2, ?3, json_object('target', ?4, 'reason', ?5)
where not exists (select 1 from events
  where event = ?1 and ended_at is null and figures ->> '$.target' = ?4)"""
CLOSE = """update events set ended_at = max(?, started_at)
where event = ? and ended_at is null and figures ->> '$.target' = ?"""
# Servers repeat the address that they refuse; events can be read by more people than deliveries.
ADDRESS = re.compile(r"[^\s<>:;,()]+@[^\s<>:;,()]+")
OPEN_TARGETS = "select figures ->> '$.target' from events where event = ? and ended_at is null"


def open_failing(connection: sqlite3.Connection, target: str, reason: str, since: float) -> None:
    """Store that a target fails since then (unix seconds), and why, without mail addresses."""
    reason = _without_addresses(reason)
    with transaction(connection):
        connection.execute(OPEN, (TARGET_FAILING, format_utc(since), reason, target, reason))
        raise_topics(connection, ("events",))


def close_failing(connection: sqlite3.Connection, target: str, now: float) -> None:
    """Store that a target takes messages again (unix seconds), or is one no longer."""
    with transaction(connection):
        connection.execute(CLOSE, (format_utc(now), TARGET_FAILING, target))
        raise_topics(connection, ("events",))


def stored_failing(connection: sqlite3.Connection) -> Sequence[str]:
    """The targets that fail, by the events."""
    return [name for (name,) in connection.execute(OPEN_TARGETS, (TARGET_FAILING,))]


def failing_event(target: str, reason: str, since: float, ended: float | None) -> AlertEvent:
    """The same as an event, for a database that cannot be written. Times are unix seconds."""
    reason = _without_addresses(reason)
    return AlertEvent(
        None,
        TARGET_FAILING,
        event_severity(TARGET_FAILING),
        "target",
        target,
        target,
        since,
        ended,
        reason,
        {"target": target, "reason": reason},
        "/-/alerts",
    )


def _without_addresses(reason: str) -> str:
    return ADDRESS.sub("(address)", reason)
