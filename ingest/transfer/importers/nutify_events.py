"""Nutify's events as ours. It stores a row a notification and ends each with the next one; we store what lasted as one row.

Its samples have been imported by now: they tell the figures of an outage.
"""

import json
from collections import Counter
from dataclasses import dataclass

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.recorded_ranges import FOR_EVER, sampled_alone, within
from ingest.transfer.ups_match import find_ups
from ingest.ups.energy import GAP_INTERVALS

OPENS = {"ONBATT": "ONBATT", "COMMBAD": "COMMBAD", "NOCOMM": "COMMBAD", "LOWBATT": "LOWBATT"}
CLOSES = {"ONLINE": ("ONBATT", "LOWBATT"), "COMMOK": ("COMMBAD",)}
MOMENTS = {"SHUTDOWN": "FSD", "FSD": "FSD", "REPLBATT": "REPLBATT"}
MEANS = """select count(*) as samples, avg(watts) as watts_avg, avg(ups_load) as load_avg, min(battery_charge) as lowest_charge,
min(battery_voltage) as lowest_battery_voltage, min(input_voltage) as lowest_input_voltage
from ups_samples where ups = ? and sampled_at between ? and ?"""
SEEN = """select sampled_at, battery_charge, battery_runtime from ups_samples
where ups = ? and sampled_at between ? and ? order by sampled_at"""
INSERT = "insert into events (id, event, ups, started_at, ended_at, complete, detail, figures) values (?, ?, ?, ?, ?, ?, ?, ?)"
STORED = "stored already"
SEEN_HERE = "Voltkeeper watched the UPS itself at that time"


@dataclass
class Happening:
    """One event. `ended_at` None: the file ends before it does."""

    ups: int
    event: str
    started_at: str
    ended_at: str | None
    text: str
    complete: bool = True
    figures: str = "{}"

    @property
    def key(self):
        return self.ups, self.event, self.started_at


def save(connection, rows, stamps, options, interval_s):
    """Store rows (time, UPS, type, text) in order of time. Returns (events stored, Counter of the reasons).

    `interval_s(UPS)` tells the usual seconds between two samples.
    """
    found, skipped, names, last = _read(connection, rows, stamps, options)
    own = {ups: sampled_alone(connection, ups) for ups in names}
    (newest,) = connection.execute("select coalesce(max(id), 0) from events").fetchone()
    held, cut = _held(connection), _cut(connection)
    fresh, longer = [], []
    for one in found:
        if one.key in cut and one.ended_at is not None:
            longer.append(one)
        elif _overlaps(held, one):
            skipped[STORED] += 1
        elif within(own[one.ups], parse_utc(one.started_at)):
            skipped[SEEN_HERE] += 1
        else:
            held.setdefault(one.key[:2], []).append((one.started_at, one.ended_at or FOR_EVER))
            fresh.append(one)
    for one in (*fresh, *longer):
        if one.ended_at is None:
            one.ended_at, one.complete = last, False
        if one.event == "ONBATT":
            one.figures = json.dumps(_figures(connection, one, GAP_INTERVALS * interval_s(names[one.ups])))
    fresh.sort(key=lambda one: one.started_at)
    with transaction(connection):
        late = _held(connection, newest)  # what a reader has seen since
        stored = [one for one in fresh if not _overlaps(late, one)]
        skipped[STORED] += len(fresh) - len(stored)
        _insert(connection, stored)
        connection.executemany(
            "update events set ended_at = ?, complete = 1, figures = ? where id = ?",
            [(one.ended_at, one.figures, cut[one.key]) for one in longer],
        )
        raise_topics(connection, {"events", "ups"})
    return len(stored) + len(longer), +skipped


def _read(connection, rows, stamps, options):
    """(Happenings, Counter of the reasons for rows that are none, number -> name of each UPS, time of the last row)."""
    found, skipped, going_on, numbers, last = [], Counter(), {}, {}, ""
    for time, name, type, text in rows:
        try:
            at = format_utc(stamps.seconds(time))
        except (ValueError, TypeError, AttributeError):
            skipped["its time cannot be read"] += 1
            continue
        last = max(last, at)
        if name not in numbers:
            numbers[name] = find_ups(connection, name, options)
        ups = numbers[name]
        if type in OPENS:
            if (ups, OPENS[type]) not in going_on:
                found.append(Happening(ups, OPENS[type], at, None, text or ""))
                going_on[found[-1].key[:2]] = found[-1]
        elif type in MOMENTS:
            found.append(Happening(ups, MOMENTS[type], at, at, text or ""))
        elif type in CLOSES:
            for event in CLOSES[type]:
                if (ups, event) in going_on:
                    one = going_on.pop((ups, event))
                    one.ended_at = max(one.started_at, at)
        else:
            skipped[f"{type} is no event of a UPS that is kept"] += 1
    return found, skipped, {number: name for name, number in numbers.items()}, last


def _held(connection, after=None):
    """(UPS, event) -> [(start, end)] of the events that are stored, or of those with ids above `after`."""
    held = {}
    where = "" if after is None else f"and id > {after}"
    for ups, event, started_at, ended_at in connection.execute(
        f"select ups, event, started_at, ended_at from events where ups is not null {where}"
    ):
        held.setdefault((ups, event), []).append((started_at, ended_at or FOR_EVER))
    return held


def _cut(connection):
    """Key -> id of events that were not seen to their end. One of the very same start was imported when its file ended there."""
    rows = connection.execute(
        "select ups, event, started_at, id from events where ups is not null and not complete and ended_at is not null"
    )
    return {tuple(key): number for *key, number in rows}


def _overlaps(held, one):
    """True when it is stored already, or lies in one that Voltkeeper saw itself."""
    end = one.ended_at or FOR_EVER
    return any(start <= end and ended >= one.started_at for start, ended in held.get(one.key[:2], ()))


def _insert(connection, fresh):
    """Insert events, in order of time, with ids below all others; above them where all others are older."""
    if not fresh:
        return
    low, high, newer = connection.execute(
        "select coalesce(min(id), 1), coalesce(max(id), 0), coalesce(max(started_at >= ? or ended_at is null), 0) from events",
        (fresh[0].started_at,),
    ).fetchone()
    first = min(1, low) - len(fresh) if newer else high + 1
    connection.executemany(
        INSERT,
        [
            (
                number,
                one.event,
                one.ups,
                one.started_at,
                one.ended_at,
                int(one.complete),
                one.text,
                one.figures,
            )
            for number, one in enumerate(fresh, first)
        ],
    )


def _figures(connection, one, most_s):
    """What the samples tell of an outage, by the names that ingest uses; samples more than `most_s` apart leave a gap."""
    place = (one.ups, one.started_at, one.ended_at)
    cursor = connection.execute(MEANS, place)
    figures = dict(zip((name[0] for name in cursor.description), cursor.fetchone()))
    seen = connection.execute(SEEN, place).fetchall()
    times = [parse_utc(row[0]) for row in seen]
    charges = [row[1] for row in seen if row[1] is not None] or [None]
    figures |= {
        "seconds": parse_utc(one.ended_at) - parse_utc(one.started_at),
        "covered_s": sum(
            later - before for before, later in zip(times, times[1:]) if later - before <= most_s
        ),
        "charge_start": charges[0],
        "charge_end": charges[-1],
        "predicted_runtime_s": next((row[2] for row in seen if row[2] is not None), None),
    }
    if figures["watts_avg"] is not None:
        figures["wh"] = figures["watts_avg"] * figures["covered_s"] / 3600
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in figures.items()
        if value is not None
    }
