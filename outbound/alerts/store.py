"""The rows of `deliveries`, `alert_cursor` and `alert_pending`: SQL alone, on a connection that is open.

What writes runs inside the caller's transaction.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingest.clock.belief import clock_is_believed
from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc, parse_utc
from ingest.severity import Severity
from outbound.alerts.delivery import DONE, Delivery
from outbound.alerts.model import DeliveryKind, DeliveryState

TOPIC = "deliveries"
COLUMNS = (
    "event target kind number severity state attempts created_at sent_at reason title text rule digest "
    "report event_name name held_until held_why"
).split()
INSERT = f"""insert into deliveries ({", ".join(COLUMNS)}) values ({", ".join("?" * len(COLUMNS))})
on conflict do nothing returning id"""
CHANGED = "state attempts sent_at reason title text severity digest".split()
UPDATE = f"""update deliveries set {", ".join(f"{name} = ?" for name in CHANGED)}
where id = ? and target = ? and created_at = ? and state in ('queued', 'sending')"""
UPDATE_SAME = f"""update deliveries set {", ".join(f"{name} = ?" for name in CHANGED)}
where event = ? and target = ? and kind = ? and number = ? returning id"""
# A digest stands where the first one stood that it carries.
_UNSENT = """select *, coalesce((select min(id) from deliveries c where c.digest = d.id), id) as position
from deliveries d where target = ?1 and state in ('queued', 'sending') and digest is null"""
WAITING = f"""select * from ({_UNSENT} and held_until is null order by id limit ?2)
union all select * from ({_UNSENT} and held_until is not null order by id limit ?2) order by position, id"""
# What a delivery carried, and what those carried in their turn, shares its outcome.
CARRIED = """with recursive carried (id) as (
  select id from deliveries where digest = ?1
  union select d.id from deliveries d join carried c on d.digest = c.id)
update deliveries set state = ?2, sent_at = ?3, reason = ?4
where id in carried and state in ('queued', 'sending')"""
NO_TARGET = "config.yml has this target no longer"
TIMES = ("created_at", "sent_at", "held_until")


@dataclass(frozen=True)
class PendingEvent:
    """A row of `alert_pending`: an event that is not yet sent to every target that a rule names.

    It began at `boottime_s` of CLOCK_BOOTTIME in the boot `boot_id`, at `begun_at` by the wall clock (unix
    seconds). `ended_s` is how long it lasted in seconds; None while it goes on.
    """

    event: int
    number: int
    begun_at: float
    boot_id: str
    boottime_s: float
    ended_s: float | None = None


def insert(connection: sqlite3.Connection, delivery: Delivery) -> Delivery | None:
    """Store a delivery; returns it with its id, None where the same is stored already."""
    row = connection.execute(INSERT, [_value(delivery, name) for name in COLUMNS]).fetchone()
    return None if row is None else replace(delivery, id=row[0])


def update(connection: sqlite3.Connection, delivery: Delivery) -> bool:
    """Store how far a delivery is, and its message; what it carries shares its outcome.

    Returns False where it was sent, or withdrawn, before; or where another database is there since.
    """
    values = [_value(delivery, name) for name in (*CHANGED, "id", "target", "created_at")]
    is_updated = connection.execute(UPDATE, values).rowcount == 1
    if is_updated and delivery.state in DONE:
        values = [_value(delivery, name) for name in ("id", "state", "sent_at", "reason")]
        connection.execute(CARRIED, values)
    return is_updated


def insert_or_update(connection: sqlite3.Connection, delivery: Delivery) -> int:
    """Store a delivery, over the one of the same key where there is one; returns its id."""
    stored = insert(connection, delivery)
    if stored is not None:
        return stored.id
    values = [_value(delivery, name) for name in (*CHANGED, "event", "target", "kind", "number")]
    number: int = connection.execute(UPDATE_SAME, values).fetchone()[0]
    return number


def carry(connection: sqlite3.Connection, carrier: int, carried: Iterable[int]) -> None:
    """These deliveries go with the message of another one."""
    connection.executemany("update deliveries set digest = ? where id = ?", [(carrier, id) for id in carried])


def waiting(connection: sqlite3.Connection, target: str, limit: int) -> list[Delivery]:
    """What waits for a target, in order; without what another delivery carries."""
    return [_delivery(row) for row in dict_rows(connection, WAITING, (target, limit))]


def carried(connection: sqlite3.Connection, carrier: int) -> list[Delivery]:
    """What a delivery carries, in order."""
    rows = dict_rows(connection, "select * from deliveries where digest = ? order by id", (carrier,))
    return [_delivery(row) for row in rows]


def being_sent(connection: sqlite3.Connection) -> set[int]:
    """The ids of what was being sent; at a start, when the process before ended."""
    rows = connection.execute("select id from deliveries where state = 'sending' and digest is null")
    return {number for (number,) in rows}


def spooled(connection: sqlite3.Connection) -> str:
    """The number of the contents of the spool that were stored last."""
    row = connection.execute("select number from alert_spool").fetchone()
    return "" if row is None else str(row[0])


def note_spooled(connection: sqlite3.Connection, number: str) -> None:
    """Note that these contents of the spool are stored."""
    connection.execute(
        "insert into alert_spool (id, number) values (1, ?) "
        "on conflict (id) do update set number = excluded.number",
        (number,),
    )


def of_event(connection: sqlite3.Connection, event: int) -> list[Delivery]:
    """All deliveries of an event, in order."""
    rows = dict_rows(connection, "select * from deliveries where event = ? order by id", (event,))
    return [_delivery(row) for row in rows]


def by_ids(connection: sqlite3.Connection, ids: Iterable[int]) -> list[Delivery]:
    """These deliveries, in order."""
    sql = "select * from deliveries where id in (select value from json_each(?)) order by id"
    return [_delivery(row) for row in dict_rows(connection, sql, (json.dumps(list(ids)),))]


def expire_strangers(connection: sqlite3.Connection, targets: Iterable[str]) -> int:
    """Give up what waits for targets that are none any more, inside a transaction; returns how many."""
    names = list(targets)
    return connection.execute(
        "update deliveries set state = 'expired', reason = ? where state in ('queued', 'sending') "
        f"and target not in ({', '.join('?' * len(names))})",
        (NO_TARGET, *names),
    ).rowcount


def may_expire(connection: sqlite3.Connection, delivery: Delivery) -> bool:
    """Whether a delivery that looks old is: its event is over, and the clock can say how old it is.

    The clock is believed, and was not set since the event.
    """
    keeps = connection.execute(
        "select 1 from events where event = 'CLOCK_STEP' and id > ?1 "
        "union all select 1 from events where id = ?1 and ended_at is null limit 1",
        (delivery.event or 0,),
    ).fetchone()
    return keeps is None and clock_is_believed(connection)


def newest(connection: sqlite3.Connection) -> int:
    """The highest id of `deliveries`, 0 where there is none."""
    row: tuple[int] = connection.execute("select coalesce(max(id), 0) from deliveries").fetchone()
    return row[0]


def sent_since(connection: sqlite3.Connection, target: str, since: float) -> int:
    """How many messages a target got since then (unix seconds)."""
    row: tuple[int] = connection.execute(
        "select count(*) from (select sent_at, digest from deliveries where target = ? order by id desc "
        "limit 100) where sent_at >= ? and digest is null",
        (target, format_utc(since)),
    ).fetchone()
    return row[0]


def read_pending(connection: sqlite3.Connection) -> list[PendingEvent]:
    """The events that are not yet told to everyone, in order."""
    return [
        PendingEvent(event, number, parse_utc(begun_at), boot_id, boottime_s, ended_s)
        for event, number, begun_at, boot_id, boottime_s, ended_s in connection.execute(
            "select event, number, begun_at, boot_id, boottime_s, ended_s from alert_pending order by rowid"
        )
    ]


def save_pending(connection: sqlite3.Connection, pending: Sequence[PendingEvent]) -> None:
    """Replace the events that are not yet told to everyone."""
    connection.execute("delete from alert_pending")
    connection.executemany(
        "insert into alert_pending (event, number, begun_at, boot_id, boottime_s, ended_s) "
        "values (?, ?, ?, ?, ?, ?)",
        [
            (one.event, one.number, format_utc(one.begun_at), one.boot_id, one.boottime_s, one.ended_s)
            for one in pending
        ],
    )


def read_cursor(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """The last change that is dealt with, and the counter of imports by then; None in a file without."""
    row: tuple[int, int] | None = connection.execute("select seq, imports from alert_cursor").fetchone()
    return row


def save_cursor(connection: sqlite3.Connection, seq: int, imports: int) -> None:
    """Store the last change that is dealt with."""
    connection.execute(
        "insert into alert_cursor (id, seq, imports) values (1, ?, ?) "
        "on conflict (id) do update set seq = excluded.seq, imports = excluded.imports",
        (seq, imports),
    )


def raise_topic(connection: sqlite3.Connection) -> None:
    """Count the topic of deliveries up, for pages."""
    raise_topics(connection, (TOPIC,))


def _value(delivery: Delivery, name: str) -> object:
    value = getattr(delivery, name)
    return format_utc(value) if name in TIMES and value is not None else value


def _delivery(row: Row) -> Delivery:
    values = {name: row[name] for name in (*COLUMNS, "id")}
    for name in TIMES:
        values[name] = None if values[name] is None else parse_utc(values[name])
    return Delivery(
        **values
        | {
            "kind": DeliveryKind(values["kind"]),
            "severity": Severity(values["severity"]),
            "state": DeliveryState(values["state"]),
        }
    )
