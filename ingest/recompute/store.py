"""Reads and writes what `replay` needs and finds: samples, hours, outages, and how far each UPS is done."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ingest.db.changes import raise_topics
from ingest.db.time import format_utc, parse_utc
from ingest.errors import VoltkeeperError
from ingest.recompute.replay import HourPair, Span
from ingest.recompute.stored_samples import COLUMNS, CONSTANTS, StoredSample, is_possible
from ingest.schema.sql_fragments import NOW
from ingest.ups.figures import FIGURES, column
from ingest.ups.hourly import HOURLY_FIGURES
from ingest.ups.records import EventFigures, Variables

HOUR_S = 3600.0
NOT_RECOMPUTED = "not_recomputed"  # the figure of an outage, 1
_SELECT = f"select {', '.join(COLUMNS)} from ups_samples"


class ChangedError(VoltkeeperError):
    """Samples of an hour have come since they were read: it is to be done again."""


class PendingUps(NamedTuple):
    """A row of `ups_recomputations` that is not done. Times are UTC text."""

    id: int
    name: str
    until_at: str
    done_to: str


class StoredOutage(NamedTuple):
    """A row of `events` (ONBATT) that has ended."""

    id: int
    span: Span
    figures: EventFigures


def pending(connection: sqlite3.Connection) -> list[PendingUps]:
    """The UPSes that are not done."""
    rows = connection.execute(
        """select u.id, u.name, r.until_at, r.done_to from ups_recomputations r join ups u on u.id = r.ups
        where r.ended_at is null order by u.id"""
    )
    return [PendingUps(*row) for row in rows]


def constants_of(connection: sqlite3.Connection, ups: int) -> Variables:
    """The settings and ratings of the device, as it reports them now."""
    marks = ", ".join("?" * len(CONSTANTS))
    nominal = connection.execute(
        "select realpower_nominal, power_nominal from ups where id = ?", (ups,)
    ).fetchone()
    known = zip(("ups.realpower.nominal", "ups.power.nominal"), nominal, strict=True)
    reported = connection.execute(
        f"select variable, value from ups_variables where ups = ? and variable in ({marks})",
        (ups, *CONSTANTS),
    ).fetchall()
    return {name: f"{value:.15g}" for name, value in known if value is not None} | dict(reported)


def next_hours(connection: sqlite3.Connection, ups: PendingUps, count: int) -> list[str]:
    """The next hours that are not done, those that began by `until_at` alone."""
    rows = connection.execute(
        "select hour_at from ups_samples_hourly where ups = ? and hour_at > ? and hour_at <= ? "
        "order by hour_at limit ?",
        (ups.id, ups.done_to, ups.until_at, count),
    )
    return [hour_at for (hour_at,) in rows]


def hour_end(hour_at: str) -> str:
    """The end of an hour, UTC text."""
    return format_utc(parse_utc(hour_at) + HOUR_S)


def is_suspicious(connection: sqlite3.Connection, ups: int, hour_at: str, condition: str) -> bool:
    """Whether an hour has a sample that is to be looked at, by `condition`."""
    found = connection.execute(
        f"select 1 from ups_samples where ups = ? and sampled_at >= ? and sampled_at < ? "
        f"and ({condition}) limit 1",
        (ups, hour_at, hour_end(hour_at)),
    ).fetchone()
    return found is not None


def samples_between(connection: sqlite3.Connection, ups: int, start: str, end: str) -> list[StoredSample]:
    """Samples from `start` on and before `end`, in order of time."""
    rows = connection.execute(
        f"{_SELECT} where ups = ? and sampled_at >= ? and sampled_at < ? order by sampled_at, id",
        (ups, start, end),
    )
    return _in_order(rows)


def samples_before(connection: sqlite3.Connection, ups: int, start: str, count: int) -> list[StoredSample]:
    """The last samples before `start`, in order of time."""
    rows = connection.execute(
        f"{_SELECT} where ups = ? and sampled_at < ? order by sampled_at desc, id desc limit ?",
        (ups, start, count),
    ).fetchall()
    return _in_order(reversed(rows))


def samples_from(connection: sqlite3.Connection, ups: int, start: str, count: int) -> list[StoredSample]:
    """The first samples from `start` on, in order of time."""
    rows = connection.execute(
        f"{_SELECT} where ups = ? and sampled_at >= ? order by sampled_at, id limit ?", (ups, start, count)
    )
    return _in_order(rows)


def first_samples_on_mains(connection: sqlite3.Connection, ups: int, count: int) -> list[StoredSample]:
    """The first samples that say OL."""
    rows = connection.execute(
        f"{_SELECT} where ups = ? and ups_status like 'OL%' order by sampled_at limit ?", (ups, count)
    )
    return _in_order(rows)


def _in_order(rows: Iterable[Sequence[Any]]) -> list[StoredSample]:  # Any: columns of SQLite
    found: list[StoredSample] = []
    for id, sampled_at, status, *values, watts, rule in rows:
        at = parse_utc(sampled_at)
        if not found or at > found[-1].at:
            figures = {name: value for name, value in zip(FIGURES, values, strict=True) if value is not None}
            found.append(StoredSample(id, at, status, figures, watts, rule))
    return found


# Outages and self-tests.


def tests_between(connection: sqlite3.Connection, ups: int, start: str, end: str) -> list[Span]:
    """When self-tests of a UPS were recorded that have a moment in this time."""
    rows = connection.execute(
        """select started_at, ended_at from events indexed by events_ups
        where ups = ? and event = 'TEST' and ended_at >= ? and started_at < ? order by started_at""",
        (ups, start, end),
    )
    return [Span(parse_utc(start), parse_utc(end)) for start, end in rows]


def outages_between(connection: sqlite3.Connection, ups: int, start: str, end: str) -> list[StoredOutage]:
    """Outages that have ended and began in this time."""
    rows = connection.execute(
        """select id, started_at, ended_at, figures from events indexed by events_ups
        where ups = ? and event = 'ONBATT' and ended_at is not null and started_at >= ? and started_at < ?
        order by started_at""",
        (ups, start, end),
    )
    return [
        StoredOutage(id, Span(parse_utc(started), parse_utc(ended)), json.loads(figures))
        for id, started, ended, figures in rows
    ]


def all_of_kind(connection: sqlite3.Connection, ups: int, event: str) -> list[Span]:
    """When events of a kind are stored; one that goes on has no end."""
    rows = connection.execute(
        "select started_at, ended_at from events indexed by events_ups where ups = ? and event = ?",
        (ups, event),
    )
    return [Span(parse_utc(start), parse_utc(end) if end else float("inf")) for start, end in rows]


def count_samples(connection: sqlite3.Connection, ups: int, span: Span) -> int:
    """Samples from the start of a span on and before its end."""
    row: tuple[int] = connection.execute(
        "select count(*) from ups_samples where ups = ? and sampled_at >= ? and sampled_at < ?",
        (ups, format_utc(span.start), format_utc(span.end)),
    ).fetchone()
    return row[0]


def update_figures(connection: sqlite3.Connection, event: int, figures: EventFigures) -> None:
    """Store the figures of an event inside the open transaction."""
    text = json.dumps({name: value for name, value in figures.items() if value is not None})
    connection.execute("update events set figures = ? where id = ?", (text, event))


def remove_outage(connection: sqlite3.Connection, ups: int, outage: StoredOutage) -> None:
    """Take away an outage that was a self-test inside the open transaction: the test keeps its times."""
    row = connection.execute(
        """select id, figures from events indexed by events_ups where ups = ? and event = 'TEST'
        and started_at <= ? and ended_at >= ? order by started_at limit 1""",
        (ups, format_utc(outage.span.end + 60), format_utc(outage.span.start - 60)),
    ).fetchone()
    if row is None:
        connection.execute("update events set event = 'TEST' where id = ?", (outage.id,))
        return
    figures = json.loads(row[1])
    figures["outage_taken_back"] = [format_utc(outage.span.start), format_utc(outage.span.end)]
    update_figures(connection, row[0], figures)
    connection.execute("delete from events where id = ?", (outage.id,))


# Hours.


def write_hour(connection: sqlite3.Connection, ups: int, pair: HourPair, most_w: float) -> bool | None:
    """Bring an hour in line inside the open transaction. False: its samples are not all there any more.

    None: it has none, or nothing of it differs.
    """
    names = [f"{column(name)}_{part}" for name in HOURLY_FIGURES for part in ("min", "avg", "max")]
    row = connection.execute(
        f"select samples, covered_s, on_battery_s, {', '.join(names)} from ups_samples_hourly "
        "where ups = ? and hour_at = ?",
        (ups, pair.now.hour_at),
    ).fetchone()
    if row is None:
        return None
    samples, covered_s, on_battery_s = row[:3]
    if samples > pair.now.samples:
        if not is_incomplete(connection, ups, pair.now.hour_at):
            raise ChangedError  # an import has added samples since these were read
        mark_hour(connection, ups, pair.now.hour_at, most_w)
        return False
    before, now = pair.before.values(ups), pair.now.values(ups)
    new: dict[str, object] = {}
    for name, old_value, value in zip(names, before[9:], now[9:], strict=True):
        if old_value != value:
            new[name] = value
    if before[7] != now[7]:
        new["wh"] = now[7]
    if before[8] != now[8]:
        new["watts_rule"] = now[8]
    # Nearer to what is right it was written by this already.
    if abs(on_battery_s - pair.before.on_battery) < abs(on_battery_s - pair.now.on_battery):
        new["on_battery_s"] = round(min(pair.now.on_battery, covered_s), 3)
    if not new:
        return None
    _update_hour(connection, ups, pair.now.hour_at, new)
    return True


def is_incomplete(connection: sqlite3.Connection, ups: int, hour_at: str) -> bool:
    """Whether samples of an hour are gone."""
    found = connection.execute(
        """select 1 from ups_samples_hourly where ups = ?1 and hour_at = ?2 and samples > (
          select count(*) from ups_samples where ups = ?1 and sampled_at >= ?2 and sampled_at < ?3)""",
        (ups, hour_at, hour_end(hour_at)),
    ).fetchone()
    return found is not None


def mark_hour(connection: sqlite3.Connection, ups: int, hour_at: str, most_w: float) -> None:
    """Mark an hour whose samples are gone inside the open transaction; what cannot be becomes null.

    `most_w`: the most W that are believed.
    """
    names = [f"{column(name)}_{part}" for name in HOURLY_FIGURES for part in ("min", "max")]
    row = connection.execute(
        f"select {', '.join(names)} from ups_samples_hourly where ups = ? and hour_at = ?", (ups, hour_at)
    ).fetchone()
    connection.execute("insert or ignore into ups_hours_not_recomputed values (?, ?)", (ups, hour_at))
    new: dict[str, object] = {}
    for number, name in enumerate(HOURLY_FIGURES):
        low, high = row[2 * number : 2 * number + 2]
        if low is not None and not is_possible(name, low, high, most_w):
            new |= dict.fromkeys((f"{column(name)}_{part}" for part in ("min", "avg", "max")), None)
            if name == "watts":
                new |= {"wh": None, "watts_rule": None}
    if new:
        _update_hour(connection, ups, hour_at, new)


def _update_hour(connection: sqlite3.Connection, ups: int, hour_at: str, new: dict[str, object]) -> None:
    connection.execute(
        f"update ups_samples_hourly set {', '.join(f'{name} = ?' for name in new)} "
        "where ups = ? and hour_at = ?",
        (*new.values(), ups, hour_at),
    )


# Samples.


def write_samples(
    connection: sqlite3.Connection,
    ups: int,
    changes: Sequence[tuple[StoredSample, dict[str, float | str | None]]],
) -> None:
    """Bring samples in line inside the open transaction; what is refused of them goes into `ups_refused`."""
    by_column = {column(name): name for name in FIGURES}
    for sample, changed in changes:
        connection.execute(
            f"update ups_samples set {', '.join(f'{name} = ?' for name in changed)} where id = ?",
            (*changed.values(), sample.id),
        )
        for name in changed.keys() & by_column.keys():
            _keep_refused(connection, ups, by_column[name], sample)


def _keep_refused(connection: sqlite3.Connection, ups: int, name: str, sample: StoredSample) -> None:
    """Keep a value that a sample had: one row for as long as it stays the same."""
    at, value = format_utc(sample.at), sample.figures[name]
    row = connection.execute(
        "select id, value from ups_refused where ups = ? and figure = ? order by id desc limit 1", (ups, name)
    ).fetchone()
    if row is not None and row[1] == value:
        connection.execute(
            "update ups_refused set ended_at = ?, samples = samples + 1 where id = ?", (at, row[0])
        )
    else:
        connection.execute(
            "insert into ups_refused (ups, figure, value, started_at, ended_at, samples) "
            "values (?, ?, ?, ?, ?, 1)",
            (ups, name, value, at, at),
        )


# Progress.


def save_progress(
    connection: sqlite3.Connection, ups: int, done_to: str | None = None, **counts: int
) -> None:
    """Note inside the open transaction how far a UPS is done, and what was done."""
    columns = "".join(f", {name} = {name} + {count}" for name, count in counts.items())
    connection.execute(
        f"update ups_recomputations set started_at = coalesce(started_at, {NOW}), "
        f"done_to = coalesce(?, done_to){columns} where ups = ?",
        (done_to, ups),
    )
    if counts:
        raise_topics(connection, {"ups", "ups_samples", "events"})


def save_end(connection: sqlite3.Connection, ups: int) -> None:
    """Note inside the open transaction that a UPS is done."""
    connection.execute(f"update ups_recomputations set ended_at = {NOW} where ups = ?", (ups,))
