"""Mutes: what is not sent for a time, or until an event ends; the rows of the table `mutes`."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.clock.belief import assess_clock, read_witness
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.db.changes import raise_topics
from ingest.db.connection import dict_rows
from ingest.db.time import format_utc, parse_utc
from outbound.alerts.model import AlertEvent

TOPIC = "mutes"
LONGEST_S = 366 * 86_400
ACTIVE = """select * from mutes where ended_at is null and (until is null or until > ?)
  and (event is null or exists (select 1 from events e where e.id = mutes.event and e.ended_at is null))
order by id"""


@dataclass(frozen=True)
class MuteScope:
    """What is muted: a UPS, a node (GATEWAY/NODE_ID), a rule (its name or number), or everything."""

    ups: str | None = None
    node: str | None = None
    rule: str | None = None
    everything: bool = False

    def covers(self, event: AlertEvent, rule: str) -> bool:
        """Whether it holds for an event that this rule sends."""
        if self.everything:
            return True
        if self.rule is not None:
            return rule == self.rule
        kind, name = ("UPS", self.ups) if self.ups is not None else ("node", self.node)
        return event.subject_kind == kind and event.name == name

    def __str__(self) -> str:
        if self.everything:
            return "everything"
        if self.rule is not None:
            return self.rule if self.rule.startswith("rule ") else f"rule {self.rule}"
        return f"UPS {self.ups}" if self.ups is not None else f"node {self.node}"


@dataclass(frozen=True)
class Mute:
    """An active row of `mutes`. `until` is unix seconds; None where it ends with an event, or by hand."""

    id: int
    scope: MuteScope
    until: float | None
    event: int | None
    reason: str
    muted_at: float
    muted_by: str | None

    def covers(self, event: AlertEvent, rule: str) -> bool:
        """Whether what this rule sends of an event is muted."""
        return self.scope.covers(event, rule)


def believed_now(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> float:
    """The present time in unix seconds by which mutes begin and expire.

    That of the clock while it is believed; else the right one as far as it is known: at least the time since
    the boot has passed since the last time that was believed.
    """
    reading, witness = clock.read(), read_witness(connection)
    belief = assess_clock(reading, witness)
    if belief.correction is not None:
        return reading.wall + belief.correction
    return witness.wall + reading.boottime if witness is not None else reading.wall


def active_mutes(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> list[Mute]:
    """The mutes that hold now, the oldest first. Only reads."""
    rows = dict_rows(connection, ACTIVE, (format_utc(believed_now(connection, clock)),))
    return [
        Mute(
            row["id"],
            MuteScope(row["ups"], row["node"], row["rule"], bool(row["everything"])),
            None if row["until"] is None else parse_utc(row["until"]),
            row["event"],
            row["reason"],
            parse_utc(row["muted_at"]),
            row["muted_by"],
        )
        for row in rows
    ]


def describe_end(connection: sqlite3.Connection, mute: Mute) -> str:
    """With what a mute ends that has no time: `until ONBATT of rack@closet ends`."""
    if mute.event is None:
        return "until it is ended by hand"
    row = connection.execute(
        "select event, case kind when 'node' then ref else name end from all_events where id = ?",
        (mute.event,),
    ).fetchone()
    return "until its event ends" if row is None else f"until {row[0]} of {row[1]} ends"


def find_mute(mutes: Iterable[Mute], event: AlertEvent, rule: str) -> Mute | None:
    """The first of the mutes that keeps this rule from sending an event; None where none does."""
    return next((mute for mute in mutes if mute.covers(event, rule)), None)


def add_mute(
    connection: sqlite3.Connection,
    scope: MuteScope,
    by: str,
    *,
    for_s: float | None = None,
    event: int | None = None,
    reason: str = "",
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Insert a mute for so many seconds, or until an event (`events.id`) ends; returns its id.

    Inside a transaction. With neither it holds until it is ended.
    """
    now = believed_now(connection, clock)
    until = None if for_s is None else format_utc(now + for_s)
    number: int = connection.execute(
        "insert into mutes (ups, node, rule, everything, until, event, reason, muted_at, muted_by) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
        (
            *(scope.ups, scope.node, scope.rule, int(scope.everything)),
            *(until, event, reason, format_utc(now), by),
        ),
    ).fetchone()[0]
    raise_topics(connection, (TOPIC,))
    return number


def end_mute(connection: sqlite3.Connection, number: int, by: str, clock: Clock = SYSTEM_CLOCK) -> bool:
    """End a mute by hand, inside a transaction; False where it has ended before, or never was."""
    at = format_utc(believed_now(connection, clock))
    ended = connection.execute(
        "update mutes set ended_at = ?, ended_by = ? where id = ? and ended_at is null", (at, by, number)
    ).rowcount
    raise_topics(connection, (TOPIC,))
    return ended == 1
