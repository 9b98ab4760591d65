"""The rows of host events: one open row of each event and `which`, as its figures say."""

import json
import sqlite3

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from outbound.host.condition import HostChanges, HostCondition, Key

WATCHED = (
    "INGEST_DOWN",
    "SITE_DOWN",
    "BACKUP_FAILED",
    "DATABASE_DAMAGED",
    "DATABASE_REPLACED",
    "DISK_LOW",  # which ingest writes
    "IDS_SHORT",
    "STRANGE_MESSAGES",
    "ROLLOUT_STOPPED",
    "CLOCK_SUSPECT",
)
PART_DIES = "PART_DIES"
STEADY_S = 900.0  # a part that has not died for so long runs again
_WHICH = "coalesce(json_extract(figures, '$.which'), '')"
OPEN = f"""select event, {_WHICH}, detail from events indexed by events_open
where ended_at is null and event in ({", ".join(map(repr, WATCHED))})"""
_OF_KEY = f"ended_at is null and event = :event and {_WHICH} = :which"
INSERT = f"""insert into events (event, gateway, started_at, ended_at, detail, figures)
select :event, (select id from gateways where id = :gateway), :started_at, :ended_at, :detail, :figures
where not exists (select 1 from events indexed by events_open where {_OF_KEY})"""
UPDATE = f"update events set detail = :detail where {_OF_KEY}"
END = f"update events set ended_at = max(started_at, :ended_at) where {_OF_KEY}"
DEATHS = f"""select id, figures from events indexed by events_open
where ended_at is null and event = '{PART_DIES}' and {_WHICH} = ?"""
OPEN_DEATHS = f"""select id, json_extract(figures, '$.last_at'), {_WHICH} from events indexed by events_open
where ended_at is null and event = '{PART_DIES}'"""
DOWN = {"ingest": "INGEST_DOWN", "web": "SITE_DOWN"}  # a part -> the event that says that it does not run
AGAIN = "update events set detail = ?, figures = ? where id = ?"
END_DEATH = "update events set ended_at = max(started_at, ?) where id = ?"


def open_details(connection: sqlite3.Connection) -> dict[Key, str]:
    """The details of the events that are open, by key."""
    return {(event, which): detail for event, which, detail in connection.execute(OPEN)}


def try_writing(connection: sqlite3.Connection) -> None:
    """Write a number of the file's header as it is. Raises sqlite3.Error where the file can be read alone."""
    version = connection.execute("pragma user_version").fetchone()[0]
    connection.execute(f"pragma user_version = {version:d}")


def save_changes(connection: sqlite3.Connection, changes: HostChanges, now: float) -> None:
    """Store what has changed, in a short transaction of its own; `now` is unix seconds."""
    if not changes:
        return
    with transaction(connection):
        for one in changes.begun:
            _insert(connection, one, now)
        for one in changes.updated:
            connection.execute(UPDATE, {"event": one.event, "which": one.which, "detail": one.detail})
        for event, which in changes.ended:
            connection.execute(END, {"event": event, "which": which, "ended_at": format_utc(now)})
        raise_topics(connection, ("events",))


def _insert(connection: sqlite3.Connection, one: HostCondition, now: float) -> None:
    figures = {"which": one.which, "name": one.name, **one.figures}
    started = min(now, now if one.since is None else one.since)
    connection.execute(
        INSERT,
        {
            "event": one.event,
            "which": one.which,
            "gateway": one.gateway,
            "started_at": format_utc(started),
            "ended_at": format_utc(started) if one.is_moment else None,
            "detail": one.detail,
            "figures": json.dumps(figures),
        },
    )


def report_death(connection: sqlite3.Connection, condition: HostCondition, now: float) -> None:
    """Open the event of a part that dies again and again, or note that it goes on; `now` is unix seconds."""
    with transaction(connection):
        row = connection.execute(DEATHS, (condition.which,)).fetchone()
        if row is None:
            connection.execute(
                INSERT,
                {
                    "event": condition.event,
                    "which": condition.which,
                    "gateway": None,
                    "started_at": format_utc(now),
                    "ended_at": None,
                    "detail": condition.detail,
                    "figures": json.dumps(
                        {"which": condition.which, "name": condition.name, "last_at": format_utc(now)}
                    ),
                },
            )
        else:
            figures = json.loads(row[1]) | {"last_at": format_utc(now)}
            connection.execute(AGAIN, (condition.detail, json.dumps(figures), row[0]))
        raise_topics(connection, ("events",))


def end_deaths(connection: sqlite3.Connection, now: float) -> bool:
    """End the events of parts that run and were not reported for STEADY_S; `now` is unix seconds.

    Returns whether there were any.
    """
    down = {event for event, _ in open_details(connection)}
    ended = [
        id
        for id, last_at, part in connection.execute(OPEN_DEATHS).fetchall()
        if (last_at is None or abs(now - parse_utc(last_at)) >= STEADY_S) and DOWN.get(part) not in down
    ]
    if ended:
        with transaction(connection):
            connection.executemany(END_DEATH, [(format_utc(now), id) for id in ended])
            raise_topics(connection, ("events",))
    return bool(ended)
