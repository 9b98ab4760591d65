"""Marks on stored readings: what does not count any more, or counts again, and what follows from that.

Whoever changes them (a user's action, `ingest/recompute`) brings the hour and the channel's last value in
line in the same transaction and raises the topic by which ingest, which holds channels in memory, learns of
it.
"""

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ingest.db.changes import raise_topics
from ingest.db.time import LocalTime, format_utc, parse_utc
from ingest.errors import VoltkeeperError
from ingest.mysensors.anomalies import UsualRange
from ingest.mysensors.verdicts import BY_HAND, ReadingRule

TOPIC = "readings_marked"
HOUR_S = 3600.0
PRUNED = "a reading of it does not count, and others are pruned"
IN_HOUR = "channel = ? and received_at >= ? and received_at < ?"


class ReadingMark(NamedTuple):
    """What a stored reading is to be: `value` and `wrong` as the columns of `readings`."""

    reading: int
    value: float | None
    wrong: str | None
    change: int = 0  # of the number of readings that count: -1, 0 or 1


class HandMark(NamedTuple):
    """A reading that a user has marked; `is_hour_whole`: the figures of its hour are in line."""

    channel: int
    channel_name: str
    received_at: str
    text: str
    is_hour_whole: bool


class NoReadingError(VoltkeeperError):
    """There is no such reading."""


def last_mark(connection: sqlite3.Connection) -> int:
    """A number that rises with every change of marks."""
    row = connection.execute("select seq from changes where topic = ?", (TOPIC,)).fetchone()
    return int(row[0]) if row else 0


def request_rereading(connection: sqlite3.Connection, channels: Collection[int]) -> None:
    """Have all readings of these channels read again (`ingest/recompute`)."""
    connection.executemany(
        "insert into channel_recomputations (channel) values (?) "
        "on conflict (channel) do update set done_to = '', ended_at = null",
        [(channel,) for channel in channels],
    )


def mark_by_hand(
    connection: sqlite3.Connection, reading: int, is_wrong: bool, user: str, clock: LocalTime
) -> HandMark:
    """Mark a reading wrong, or right, inside the open transaction; the rules do not change it any more.

    Raises NoReadingError.
    """
    row = connection.execute(
        "select r.channel, c.name, r.received_at, r.text, r.value, r.wrong from readings r "
        "join channels c on c.id = r.channel where r.id = ?",
        (reading,),
    ).fetchone()
    if row is None:
        raise NoReadingError(f"No reading {reading}: the table readings has no such id")
    channel, name, at, text, value, wrong = row
    change = int(wrong is not None) - int(is_wrong)
    hour = clock.day_and_hour(parse_utc(at))[1]
    marks = [ReadingMark(reading, value, BY_HAND if is_wrong else None, change)] if change else []
    connection.execute("update readings set marked_by = null where id = ?", (reading,))
    is_whole = apply_marks(connection, channel, hour, marks)
    connection.execute("update readings set marked_by = ? where id = ?", (user, reading))
    follow_marks(connection, channel)
    return HandMark(channel, name, at, text, is_whole)


def apply_marks(
    connection: sqlite3.Connection, channel: int, hour_at: str, marks: Iterable[ReadingMark]
) -> bool:
    """Write marks of readings of one hour and its figures; False: some of its readings are pruned.

    Then the figures stay as they are, and the hour is marked where they are known to be wrong.
    """
    marks, hour = list(marks), (channel, hour_at, hour_end(hour_at))
    held = connection.execute(
        "select count from readings_hourly where channel = ? and hour_at = ?", hour[:2]
    ).fetchone()
    count = f"select count(*) from readings where {IN_HOUR} and wrong is null"
    is_whole: bool = held is None or held[0] <= connection.execute(count, hour).fetchone()[0]
    change = 0
    for mark in marks:
        written = connection.execute(
            "update readings set value = ?, wrong = ? where id = ? and marked_by is null",
            (mark.value, mark.wrong, mark.reading),
        )
        change += mark.change * written.rowcount
    connection.execute("update channels set readings = max(0, readings + ?) where id = ?", (change, channel))
    if is_whole:
        _sum_up(connection, hour)
    elif any(mark.change <= 0 for mark in marks):
        mark_hour(connection, channel, hour_at, PRUNED)
    return is_whole


def hour_end(hour_at: str) -> str:
    """The end of an hour, UTC text."""
    return format_utc(parse_utc(hour_at) + HOUR_S)


def _sum_up(connection: sqlite3.Connection, hour: tuple[int, str, str]) -> None:
    """The figures of an hour from its readings; no row where none counts."""
    figures = connection.execute(
        "select count(*), min(value), avg(value), max(value), count(value) from readings "
        f"where {IN_HOUR} and wrong is null",
        hour,
    ).fetchone()
    if figures[0]:
        connection.execute(
            "insert or replace into readings_hourly (channel, hour_at, count, min, avg, max, numbers) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (*hour[:2], *figures),
        )
    else:
        connection.execute("delete from readings_hourly where channel = ? and hour_at = ?", hour[:2])


def mark_hour(connection: sqlite3.Connection, channel: int, hour_at: str, reason: str) -> None:
    """Mark an hour whose figures are known to be wrong and cannot be computed any more."""
    connection.execute(
        "update readings_hourly set wrong = ? where channel = ? and hour_at = ? and wrong is null",
        (reason, channel, hour_at),
    )


def follow_marks(connection: sqlite3.Connection, channel: int) -> None:
    """Bring a channel's last value in line with its readings inside the open transaction; tell ingest."""
    _set_last(connection, channel)
    raise_topics(connection, {TOPIC, "readings", "nodes"})
    connection.execute("update channels set marked_seq = ? where id = ?", (last_mark(connection), channel))


def _set_last(connection: sqlite3.Connection, channel: int) -> None:
    newest, good = (
        connection.execute(
            f"select value, text, received_at, wrong from readings where channel = ? {condition} "
            "order by received_at desc, id desc limit 1",
            (channel,),
        ).fetchone()
        for condition in ("", "and wrong is null")
    )
    value, text, last_at, *rule = connection.execute(
        "select value, text, last_at, type, type_name, usual, spread, readings from channels where id = ?",
        (channel,),
    ).fetchone()
    refused = (newest[1], newest[2], newest[3]) if newest and newest[3] is not None else (None, None, None)
    # What is younger than all readings, or older, came with an import of states or is pruned as a reading.
    is_older = newest is None or (good is None and (last_at or "") < _first_at(connection, channel))
    if is_older or (last_at or "") > newest[2]:
        type, type_name, usual, spread, readings = rule
        verdict = ReadingRule(type, type_name, UsualRange(usual, spread, readings)).assess(value, text or "")
        if text is None or verdict.wrong is None:
            good, refused = (value, text, last_at), refused if is_older else (None, None, None)
        else:
            refused = (text, last_at, verdict.wrong)
    value, text, last_at = good[:3] if good else (None, None, None)
    connection.execute(
        "update channels set value = ?, text = ?, last_at = ?, refused_text = ?, refused_at = ?, "
        "refused_reason = ?, first_at = case when exists (select 1 from readings where channel = channels.id "
        "and received_at = first_at and wrong is not null) then (select min(received_at) from readings "
        "where channel = channels.id and wrong is null) else first_at end where id = ?",
        (value, text, last_at, *refused, channel),
    )


def _first_at(connection: sqlite3.Connection, channel: int) -> str:
    row = connection.execute(
        "select received_at from readings where channel = ? order by received_at limit 1", (channel,)
    ).fetchone()
    return str(row[0]) if row else ""
