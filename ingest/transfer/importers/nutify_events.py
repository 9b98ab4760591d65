"""Nutify's events as ours. It stores a row a notification and ends each with the next one.

We store what lasted as one row.

Its samples have been imported by now: they hold the figures of an outage.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from sqlite3 import Connection
from typing import NamedTuple

from ingest.db.connection import dict_rows, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.importers.source import Saved
from ingest.transfer.recorded_ranges import NO_END, contains, unimported_sample_ranges
from ingest.transfer.records import ImportOptions
from ingest.transfer.timestamps import TimestampParser
from ingest.transfer.ups_match import find_ups
from ingest.ups.energy import GAP_INTERVALS

OPENS = {"ONBATT": "ONBATT", "COMMBAD": "COMMBAD", "NOCOMM": "COMMBAD", "LOWBATT": "LOWBATT"}
CLOSES = {"ONLINE": ("ONBATT", "LOWBATT"), "COMMOK": ("COMMBAD",)}
MOMENTS = {"SHUTDOWN": "FSD", "FSD": "FSD", "REPLBATT": "REPLBATT"}
MEANS = """select count(*) as samples, avg(watts) as watts_avg, avg(ups_load) as load_avg,
min(battery_charge) as lowest_charge,
min(battery_voltage) as lowest_battery_voltage, min(input_voltage) as lowest_input_voltage
from ups_samples where ups = ? and sampled_at between ? and ?"""
SAMPLES = """select sampled_at, battery_charge, battery_runtime from ups_samples
where ups = ? and sampled_at between ? and ? order by sampled_at"""
INSERT = """insert into events (id, event, ups, started_at, ended_at, complete, detail, figures)
values (?, ?, ?, ?, ?, ?, ?, ?)"""
STORED = "stored already"
RECORDED_HERE = "Voltkeeper recorded the UPS itself at that time"


NutifyRow = tuple[str, str, str, str | None]  # time, UPS, type, message
Figures = dict[str, float | None]


class EventKey(NamedTuple):
    """What makes an event unique."""

    ups: int
    event: str
    started_at: str


@dataclass
class NutifyEvent:
    """One event. `ended_at` None: the file ends before it does."""

    ups: int
    event: str
    started_at: str
    ended_at: str | None
    text: str
    complete: bool = True
    figures: str = "{}"

    @property
    def key(self) -> EventKey:
        """UPS, event, start."""
        return EventKey(self.ups, self.event, self.started_at)


@dataclass
class ReadEvents:
    """What the rows of a file come to."""

    events: list[NutifyEvent] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    names: dict[int, str] = field(default_factory=dict)  # number -> name of each UPS
    last_at: str = ""  # of the last row


class StoredSpans:
    """When events of each UPS and kind lasted: those with ids above `after`, inclusive start and end."""

    def __init__(self, connection: Connection, after: int | None = None) -> None:
        self._spans: defaultdict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
        where = "" if after is None else f"and id > {after}"
        for ups, event, started_at, ended_at in connection.execute(
            f"select ups, event, started_at, ended_at from events where ups is not null {where}"
        ):
            self._spans[ups, event].append((started_at, ended_at or NO_END))

    def add(self, one: NutifyEvent) -> None:
        """It is going to be stored."""
        self._spans[one.ups, one.event].append((one.started_at, one.ended_at or NO_END))

    def overlap(self, one: NutifyEvent) -> bool:
        """True when it is stored already, or lies in one that Voltkeeper saw itself."""
        return any(
            start <= (one.ended_at or NO_END) and end >= one.started_at
            for start, end in self._spans[one.ups, one.event]
        )


def save_events(
    connection: Connection,
    rows: Iterable[NutifyRow],
    timestamps: TimestampParser,
    options: ImportOptions,
    interval_s: Callable[[str], float],
) -> Saved:
    """Store rows in order of time. `interval_s(UPS)`: the usual seconds between two samples."""
    read = _read(connection, rows, timestamps, options)
    recorded = {ups: unimported_sample_ranges(connection, ups) for ups in read.names}
    (newest,) = connection.execute("select coalesce(max(id), 0) from events").fetchone()
    spans, unfinished = StoredSpans(connection), _unfinished(connection)
    new, longer = [], []
    for one in read.events:
        if one.key in unfinished and one.ended_at is not None:
            longer.append(one)
        elif spans.overlap(one):
            read.skipped[STORED] += 1
        elif contains(recorded[one.ups], parse_utc(one.started_at)):
            read.skipped[RECORDED_HERE] += 1
        else:
            spans.add(one)
            new.append(one)
    for one in (*new, *longer):
        if one.ended_at is None:
            one.ended_at, one.complete = read.last_at, False
        if one.event == "ONBATT":
            most_s = GAP_INTERVALS * interval_s(read.names[one.ups])
            one.figures = json.dumps(_figures(connection, one, one.ended_at, most_s))
    new.sort(key=lambda one: one.started_at)
    with transaction(connection):
        late = StoredSpans(connection, newest)  # what a reader has seen since
        stored = [one for one in new if not late.overlap(one)]
        read.skipped[STORED] += len(new) - len(stored)
        if stored:
            _insert(connection, stored)
        connection.executemany(
            "update events set ended_at = ?, complete = 1, figures = ? where id = ?",
            [(one.ended_at, one.figures, unfinished[one.key]) for one in longer],
        )
        raise_topics(connection, {"events", "ups"})
    return Saved(len(stored) + len(longer), +read.skipped)


def _read(
    connection: Connection, rows: Iterable[NutifyRow], timestamps: TimestampParser, options: ImportOptions
) -> ReadEvents:
    read = ReadEvents()
    ongoing: dict[tuple[int, str], NutifyEvent] = {}
    numbers: dict[str, int] = {}
    for time, name, type, text in rows:
        try:
            at = format_utc(timestamps.parse(time))
        except ValueError:
            read.skipped["its time cannot be read"] += 1
            continue
        read.last_at = max(read.last_at, at)
        if name not in numbers:
            numbers[name] = find_ups(connection, name, options)
        ups = numbers[name]
        if type in OPENS:
            if (ups, OPENS[type]) not in ongoing:
                one = ongoing[ups, OPENS[type]] = NutifyEvent(ups, OPENS[type], at, None, text or "")
                read.events.append(one)
        elif type in MOMENTS:
            read.events.append(NutifyEvent(ups, MOMENTS[type], at, at, text or ""))
        elif type in CLOSES:
            for key in {(ups, event) for event in CLOSES[type]} & ongoing.keys():
                ended = ongoing.pop(key)
                ended.ended_at = max(ended.started_at, at)
        else:
            read.skipped[f"{type} is no event of a UPS that is kept"] += 1
    read.names = {number: name for name, number in numbers.items()}
    return read


def _unfinished(connection: Connection) -> dict[EventKey, int]:
    """Key -> id of events that were not seen to their end.

    One of the very same start was imported when its file ended there.
    """
    rows = connection.execute(
        "select ups, event, started_at, id from events "
        "where ups is not null and not complete and ended_at is not null"
    )
    return {EventKey(*key): number for *key, number in rows}


def _insert(connection: Connection, new: list[NutifyEvent]) -> None:
    """Insert events, in order of time, with ids below all others; above them where all others are older."""
    low, high, newer = connection.execute(
        "select coalesce(min(id), 1), coalesce(max(id), 0), "
        "coalesce(max(started_at >= ? or ended_at is null), 0) from events",
        (new[0].started_at,),
    ).fetchone()
    first = min(1, low) - len(new) if newer else high + 1
    connection.executemany(
        INSERT,
        [
            (number, one.event, one.ups, one.started_at, one.ended_at, one.complete, one.text, one.figures)
            for number, one in enumerate(new, first)
        ],
    )


def _figures(connection: Connection, one: NutifyEvent, ended_at: str, most_s: float) -> Figures:
    """The figures of an outage from its samples, by the names that ingest uses.

    Samples more than `most_s` apart leave a gap.
    """
    span = (one.ups, one.started_at, ended_at)
    figures: Figures = dict_rows(connection, MEANS, span)[0]
    samples = connection.execute(SAMPLES, span).fetchall()
    pauses = [later - before for before, later in pairwise(parse_utc(row[0]) for row in samples)]
    covered_s = sum(pause for pause in pauses if pause <= most_s)
    charges = [row[1] for row in samples if row[1] is not None] or [None]
    figures |= {
        "seconds": parse_utc(ended_at) - parse_utc(one.started_at),
        "covered_s": covered_s,
        "charge_start": charges[0],
        "charge_end": charges[-1],
        "predicted_runtime_s": next((row[2] for row in samples if row[2] is not None), None),
    }
    if figures["watts_avg"] is not None:
        figures["wh"] = figures["watts_avg"] * covered_s / 3600
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in figures.items()
        if value is not None
    }
