"""Events as messages: one at the beginning of each and one at its end, in their order, not retained.

A cursor in the database remembers what a broker has acknowledged. What it did not take within LATE_S is left
out: a program that acts on an event is not to act on one of yesterday.
"""

import json
import sqlite3
from dataclasses import dataclass

from ingest.db.time import format_utc, parse_utc
from outbound.alerts.feed import load_event
from outbound.alerts.model import AlertEvent
from outbound.mqtt.topics import Topics

LATE_S = 600.0  # what began or ended before that is not published any more
TOGETHER = 200  # changes that are read at once
NEWEST = "select coalesce(max(seq), 0) from event_changes"
CURSOR = "select seq from publish_cursor"
SAVE = "insert into publish_cursor (id, seq) values (1, ?) on conflict (id) do update set seq = excluded.seq"
CHANGES = "select seq, event, change, at from event_changes where seq > ? order by seq limit ?"


@dataclass(frozen=True)
class EventMessages:
    """Messages (topic, payload) up to the change `seq`. `is_all`: there are no more now."""

    messages: tuple[tuple[str, bytes], ...]
    seq: int
    is_all: bool = True


def start_cursor(connection: sqlite3.Connection) -> int:
    """Where to go on: behind what was published, at the first start behind the newest change.

    A cursor that is ahead of the file, which is then a copy of before, counts as none.
    """
    newest: int = connection.execute(NEWEST).fetchone()[0]
    row = connection.execute(CURSOR).fetchone()
    return newest if row is None or row[0] > newest else row[0]


def save_cursor(connection: sqlite3.Connection, seq: int) -> None:
    """Note in the open transaction that everything up to `seq` is published."""
    connection.execute(SAVE, (seq,))


def read_events(connection: sqlite3.Connection, topics: Topics, seq: int, now: float) -> EventMessages:
    """The messages of the changes after `seq`; `now` is unix seconds."""
    rows = connection.execute(CHANGES, (seq, TOGETHER)).fetchall()
    found = []
    for number, event, change, at in rows:
        if now - parse_utc(at) > LATE_S:
            continue
        loaded = load_event(connection, event)
        if loaded is not None and not _is_of_the_past(loaded[0], now):
            found.append(event_message(topics, number, loaded[0], change))
    return EventMessages(tuple(found), rows[-1][0] if rows else seq, len(rows) < TOGETHER)


def _is_of_the_past(event: AlertEvent, now: float) -> bool:
    """Whether it was over long before it was stored: of an import, or computed anew."""
    return event.ended_at is not None and now - event.ended_at > LATE_S


def event_message(topics: Topics, seq: int, event: AlertEvent, change: str) -> tuple[str, bytes]:
    """Topic and payload of the `begin` or `end` of an event. `id` is another one for each of the two."""
    is_end = change == "end"
    ended_at = event.ended_at if is_end else None
    content = {
        "id": seq,
        "event": event.event,
        "kind": change,
        "name": event.name,
        "label": event.label,
        "severity": str(event.severity),
        "started_at": format_utc(event.started_at),
        "ended_at": None if ended_at is None else format_utc(ended_at),
        "detail": event.detail,
        "figures": dict(event.figures),
    }
    payload = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
    return event_topic(topics, event), payload.encode("utf-8", "replace")


def event_topic(topics: Topics, event: AlertEvent) -> str:
    """Where the events of its subject are published."""
    if event.ups is not None:
        return topics.event("ups", event.name)
    if event.node is not None:
        gateway, _, node_id = event.name.rpartition("/")
        return topics.event("node", gateway, node_id)
    if event.gateway is not None:
        return topics.event("gateway", event.name)
    return topics.event("site")
