"""Reads what is stored of an outage, or of a day, and of the UPSes that took part."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc, parse_utc
from ingest.errors import VoltkeeperError
from ingest.playback.frames import MARGIN_S, RecordedUps, ValueStep
from ingest.recompute.replay import Span
from ingest.recompute.stored_samples import COLUMNS, StoredSample
from ingest.ups.event_machine import TOKEN_EVENTS
from ingest.ups.figures import FIGURES, column
from ingest.ups.records import Variables
from ingest.ups.variables import variable

SERIES_S = 600.0  # a value of a series is read from so long before: without `record:` there is one in 300 s
MAX_ID = 2**63 - 1
MAX_SAMPLES = 500_000  # of all UPSes together: five of them for a day at one sample a second
LASTING_GROUPS = ("settings", "device")
UNKNOWN_GROUPS = ("state", "outlets", "driver")  # their texts of now are not those of then
UNKNOWN_TEXTS = ("input.transfer.reason", "battery.charger.status", "battery.status", "input.source")
_LIMIT = re.compile(r".+\.(?:nominal|low|high|warning|critical|restart|delay|phases|packs|min|max)")
_WORDS = {"LOWBATT": "LB"} | {event: event for event in TOKEN_EVENTS}  # event -> word of ups.status
_SILENCE = "COMMBAD"
_SAMPLES = f"select {', '.join(COLUMNS)} from ups_samples where ups = ?"
_OUTAGE = """select e.value ->> '$.id' as id, o.ups, u.name, u.label, o.started_at, o.ended_at, o.samples
from mains_outages m, json_each(m.members) e join outages o on o.id = e.value ->> '$.id'
  join ups u on u.id = o.ups
where exists (select 1 from json_each(m.members) x where x.value ->> '$.id' = ?)
order by o.id <> ?, o.started_at, o.ups"""
_UPSES_OF_DAY = """select id as ups, name, label from ups
where exists (select 1 from ups_samples s where s.ups = ups.id and s.sampled_at >= ? and s.sampled_at < ?)
order by id"""


class RecordingError(VoltkeeperError):
    """What cannot be played, and why."""


@dataclass(frozen=True)
class Recording:
    """The UPSes that took part, from when to when (unix seconds), and what it is, for people."""

    title: str
    span: Span
    upses: Sequence[RecordedUps]


def read_recording(connection: sqlite3.Connection, wanted: str, timezone: str) -> Recording:
    """Return what is stored of an outage, named by `outages.id`, or of a local day, `2026-11-20`.

    Of an outage these are all UPSes that took part in the mains outage, the one of that id first. Raises
    RecordingError, ValueError for a text that is neither, and sqlite3.Error.
    """
    if wanted.isascii() and wanted.isdigit():
        return _read_outage(connection, int(wanted))
    return _read_day(connection, date.fromisoformat(wanted), ZoneInfo(timezone))


def _read_outage(connection: sqlite3.Connection, id: int) -> Recording:
    rows = dict_rows(connection, _OUTAGE, (id, id)) if id <= MAX_ID else []
    if not rows:
        raise RecordingError(f"There is no outage {id}. {_known(connection)}")
    if any(row["ended_at"] is None for row in rows):
        raise RecordingError(f"Outage {id} goes on: replay it when all its UPSes are back on mains.")
    span = Span(
        min(parse_utc(row["started_at"]) for row in rows), max(parse_utc(row["ended_at"]) for row in rows)
    )
    for row in rows:
        _require_samples(connection, row)
    title = f"Outage {id} of {rows[0]['started_at']}"
    return Recording(title, span, _read_upses(connection, rows, span))


def _known(connection: sqlite3.Connection) -> str:
    count, last = connection.execute("select count(*), max(id) from outages").fetchone()
    if not count:
        return "No outage was recorded yet."
    return f"{count} are recorded, the last one is {last}: see /telemetry/outages on the site."


def _require_samples(connection: sqlite3.Connection, row: Row) -> None:
    """Raise RecordingError where samples of an outage are no longer there."""
    ups, started_at, ended_at, counted = row["ups"], row["started_at"], row["ended_at"], row["samples"] or 0
    found = connection.execute(
        "select count(*) from ups_samples where ups = ? and sampled_at >= ? and sampled_at <= ?",
        (ups, started_at, ended_at),
    ).fetchone()[0]
    (oldest,) = connection.execute("select min(sampled_at) from ups_samples where ups = ?", (ups,)).fetchone()
    are_pruned = oldest is None or oldest > started_at
    if (found < counted and (are_pruned or 2 * found < counted)) or (not found and are_pruned):
        raise RecordingError(
            f"Outage {row['id']} of {row['name']}: of its {counted} samples {found} are left, the others "
            "were deleted. Hourly figures do not show its course. Replay a newer outage, or restore a backup "
            "that has this one. retention: {ups_samples_days: ...} says how long samples are kept."
        )


def _read_day(connection: sqlite3.Connection, day: date, zone: ZoneInfo) -> Recording:
    start, end = (
        datetime(one.year, one.month, one.day, tzinfo=zone).timestamp()
        for one in (day, day + timedelta(days=1))
    )
    rows = dict_rows(connection, _UPSES_OF_DAY, (format_utc(start), format_utc(end)))
    if not rows:
        raise RecordingError(
            f"No sample of {day} is stored: nothing was recorded, or the retention has deleted it. Hourly "
            "figures do not show the course of a day."
        )
    (last,) = connection.execute("select max(last_sample_at) from ups").fetchone()
    if last < format_utc(end):
        raise RecordingError(f"{day} is not recorded to its end: replay it when it is over.")
    span = Span(start, end)
    return Recording(f"The day {day}", span, _read_upses(connection, rows, span))


def _read_upses(connection: sqlite3.Connection, rows: Iterable[Row], span: Span) -> list[RecordedUps]:
    found, count = [], 0
    for row in rows:
        found.append(_read_ups(connection, row, span))
        count += len(found[-1].samples)
        if count > MAX_SAMPLES:
            raise RecordingError(
                f"It has more than {MAX_SAMPLES:,} samples: choose a shorter outage or another day."
            )
    return found


def _read_ups(connection: sqlite3.Connection, row: Row, span: Span) -> RecordedUps:
    ups = row["ups"]
    events = _read_events(connection, ups, span)
    steps = _read_changes(connection, ups, span) | _read_series(connection, ups, span)
    return RecordedUps(
        row["name"],
        row["label"],
        _read_samples(connection, ups, span),
        events["ONBATT"],
        {word: events[event] for event, word in _WORDS.items() if event in events},
        events[_SILENCE],
        _read_constants(connection, ups),
        steps,
    )


def _read_samples(connection: sqlite3.Connection, ups: int, span: Span) -> list[StoredSample]:
    """The samples of a span with the margins around it, and the ones before and after."""
    since, until = format_utc(span.start - MARGIN_S), format_utc(span.end + MARGIN_S)
    rows = [
        *dict_rows(
            connection,
            f"{_SAMPLES} and sampled_at < ? order by sampled_at desc, id desc limit 1",
            (ups, since),
        ),
        *dict_rows(
            connection,
            f"{_SAMPLES} and sampled_at >= ? and sampled_at < ? order by sampled_at, id limit ?",
            (ups, since, until, MAX_SAMPLES + 1),
        ),
        *dict_rows(
            connection, f"{_SAMPLES} and sampled_at >= ? order by sampled_at, id limit 1", (ups, until)
        ),
    ]
    return [
        StoredSample(
            row["id"],
            parse_utc(row["sampled_at"]),
            row["ups_status"],
            {name: row[column(name)] for name in FIGURES if row[column(name)] is not None},
            row["watts"],
            row["watts_rule"],
        )
        for row in rows
    ]


def _read_events(connection: sqlite3.Connection, ups: int, span: Span) -> defaultdict[str, list[Span]]:
    """Kind of event -> when one was open in the span."""
    kinds = ("ONBATT", _SILENCE, *_WORDS)
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for kind, started_at, ended_at in connection.execute(
        f"""select event, started_at, ended_at from events
        where ups = ? and event in ({", ".join("?" * len(kinds))}) and started_at < ?
          and coalesce(ended_at, ?) >= ? order by started_at, id""",
        (ups, *kinds, format_utc(span.end), format_utc(span.end), format_utc(span.start)),
    ):
        end = parse_utc(ended_at) if ended_at else float("inf")
        found[kind].append(Span(parse_utc(started_at), end))
    return found


def _read_changes(connection: sqlite3.Connection, ups: int, span: Span) -> dict[str, list[ValueStep]]:
    """Settings that have changed since: the value before the first change is that of then."""
    found: dict[str, list[ValueStep]] = {}
    for name, old, value, changed_at in connection.execute(
        """select variable, old, value, changed_at from ups_variable_changes
        where ups = ? and changed_at >= ? order by id""",
        (ups, format_utc(span.start - MARGIN_S)),
    ):
        steps = found.setdefault(name, [ValueStep(float("-inf"), old)])
        steps.append(ValueStep(parse_utc(changed_at), value))
    return found


def _read_series(connection: sqlite3.Connection, ups: int, span: Span) -> dict[str, list[ValueStep]]:
    """Variables that are kept as series: phases, outlets, surroundings, and those that `record:` names."""
    found: dict[str, list[ValueStep]] = {}
    for name, at, value in connection.execute(
        """select f.variable, f.sampled_at, f.value from ups_variables v
        join ups_figures f on f.ups = v.ups and f.variable = v.variable
        where v.ups = ? and f.sampled_at >= ? and f.sampled_at < ? order by f.sampled_at, f.id""",
        (ups, format_utc(span.start - SERIES_S), format_utc(span.end + MARGIN_S)),
    ):
        if name not in FIGURES:
            found.setdefault(name, []).append(ValueStep(parse_utc(at), f"{value:.15g}"))
    return found


def _read_constants(connection: sqlite3.Connection, ups: int) -> Variables:
    return {
        name: value
        for name, value, number in connection.execute(
            "select variable, value, number from ups_variables where ups = ?", (ups,)
        )
        if is_lasting(name, number is not None)
    }


def is_lasting(name: str, is_number: bool) -> bool:
    """Whether a variable is a setting, a limit or a description: its value of now is that of then.

    What a device measures or does is not.
    """
    group = variable(name).group
    if name in FIGURES or name in UNKNOWN_TEXTS or group in UNKNOWN_GROUPS or name.startswith("driver."):
        return False
    return not is_number or group in LASTING_GROUPS or _LIMIT.fullmatch(name) is not None
