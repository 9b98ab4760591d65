"""The rows of events VALUE: begun, brought up to date and ended inside the writer's open transaction."""

import json
import sqlite3
from dataclasses import dataclass

from ingest.db.bulk_insert import Value
from ingest.db.time import format_utc
from ingest.thresholds.limit import ValueLimit
from ingest.thresholds.subject import ChannelSubject, FigureSubject, Subject
from ingest.ups.variables import variable

EVENT = "VALUE"
_OPEN_ROW = f"event = '{EVENT}' and ended_at is null and json_extract(figures, '$.threshold') = :threshold"
_VALUES = "started_at, complete, detail, figures) select"
_BEGIN = ":started_at, :complete, :detail, :figures"
OPEN_CHANNEL = f"""insert into events (event, node, {_VALUES} '{EVENT}', n.id, {_BEGIN}
from nodes n where n.id = :node and not exists (select 1 from events where {_OPEN_ROW})"""
OPEN_FIGURE = f"""insert into events (event, ups, {_VALUES} '{EVENT}', u.id, {_BEGIN}
from ups u where u.name = :ups and not exists (select 1 from events where {_OPEN_ROW})"""
UPDATE = f"update events set detail = :detail, figures = json_patch(figures, :figures) where {_OPEN_ROW}"
CLOSE = f"update events set ended_at = max(started_at, :ended_at) where {_OPEN_ROW}"
EXPLAIN = f"update events set detail = detail || '; ' || :reason where {_OPEN_ROW}"
SELECT_OPEN = f"""select json_extract(e.figures, '$.threshold'), e.started_at, e.figures, e.node
from events e where e.event = '{EVENT}' and e.ended_at is null"""
SELECT_CHANNEL = """select n.name, coalesce(nullif(s.label, ''), nullif(trim(s.description), ''),
  coalesce(s.type_name, 'child') || ' ' || s.child_id),
  (select unit from channel_units where channel = :channel)
from sensors s join nodes n on n.id = s.node where s.id = :channel >> 8"""


@dataclass(frozen=True)
class ValueEvent:
    """What one event of a threshold is at one moment. Times are unix seconds; `ended` None: it is open.

    `reason` says why it ended where no value did it.
    """

    threshold: str
    subject: Subject
    limit: ValueLimit
    started: float
    value: float
    extreme: float
    complete: bool = True
    ended: float | None = None
    reason: str = ""


def open_event(connection: sqlite3.Connection, event: ValueEvent) -> None:
    """Insert the row, unless the node or UPS is gone or the threshold has one that is open."""
    subject = event.subject
    values = _values(connection, event) | {
        "started_at": format_utc(event.started),
        "complete": int(event.complete),
    }
    if isinstance(subject, ChannelSubject):
        connection.execute(OPEN_CHANNEL, values | {"node": subject.node})
    else:
        connection.execute(OPEN_FIGURE, values | {"ups": subject.ups})


def update_event(connection: sqlite3.Connection, event: ValueEvent) -> None:
    """Bring the row in line with the event, and end it where the event has ended."""
    connection.execute(UPDATE, _values(connection, event))
    if event.ended is not None:
        end_event(connection, event.threshold, event.ended, event.reason)


def end_event(connection: sqlite3.Connection, threshold: str, ended: float, reason: str = "") -> None:
    """End the row of a threshold's open event; `reason` is added to its detail."""
    values = {"threshold": threshold, "ended_at": format_utc(ended), "reason": reason}
    if reason:
        connection.execute(EXPLAIN, values)
    connection.execute(CLOSE, values)


def _values(connection: sqlite3.Connection, event: ValueEvent) -> dict[str, Value]:
    label, unit = describe_subject(connection, event.subject)
    limit = event.limit
    number, worst = (event.value, "") if event.ended is None else (event.extreme, " at worst")
    between = " at" if label[-1:].isdigit() else ""  # `child 1 2 °C` would read as one number after another
    value = f"{_number(number)}{unit and f' {unit}'}"
    detail = f"{event.threshold}: {label}{between} {value}{worst}, {limit.side}"
    figures = {
        "threshold": event.threshold,
        "subject": event.subject.key,
        "value": event.value,
        "limit": limit.limit,
        "side": limit.side,
        "extreme": event.extreme,
        "unit": unit,
    }
    return {
        "threshold": event.threshold,
        "detail": f"{detail} {_number(limit.limit)}",
        "figures": json.dumps(figures),
    }


def describe_subject(connection: sqlite3.Connection, subject: Subject) -> tuple[str, str]:
    """The label and the unit of a channel or figure, as text for people; the unit is '' where it has none."""
    if isinstance(subject, FigureSubject):
        row = connection.execute("select label from ups where name = ?", (subject.ups,)).fetchone()
        name = "ups.realpower" if subject.figure == "watts" else subject.variable
        shown = variable(name)
        return f"{row[0] if row else subject.ups} {shown.label[:1].lower()}{shown.label[1:]}", shown.unit
    row = connection.execute(SELECT_CHANNEL, {"channel": subject.channel}).fetchone()
    if row is None:
        return f"node {subject.node & 255}", ""
    node, sensor, unit = row
    return f"{node} {sensor}", unit or ""


def _number(value: float) -> str:
    return f"{value:.6g}"
