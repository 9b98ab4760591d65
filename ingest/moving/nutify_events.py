"""Nutify's events as ours. It stores a row a notification and ends each with the next one; we store what lasted as one row."""

import json
from collections import Counter

from ingest.database import seconds, utc
from ingest.moving.upses import find_ups

OPENS = {"ONBATT": "ONBATT", "COMMBAD": "COMMBAD", "NOCOMM": "COMMBAD", "LOWBATT": "LOWBATT"}
CLOSES = {"ONLINE": ("ONBATT", "LOWBATT"), "COMMOK": ("COMMBAD",)}
MOMENTS = {"SHUTDOWN": "FSD", "FSD": "FSD", "REPLBATT": "REPLBATT"}
OUTAGE = """select count(*) as samples, avg(watts) as watts_avg, avg(ups_load) as load_avg, min(battery_charge) as lowest_charge,
min(battery_voltage) as lowest_battery_voltage, min(input_voltage) as lowest_input_voltage
from ups_samples where ups = ? and sampled_at between ? and ?"""
CHARGE = "select battery_charge from ups_samples where ups = ? and sampled_at between ? and ? order by sampled_at {} limit 1"


def save(connection, rows, stamps, options):
    """Store rows (time, end, UPS, type, text) in order of time. Returns (events stored, Counter of the reasons)."""
    stored, skipped, open_events = 0, Counter(), {}

    def close(key, ended_at, complete):
        nonlocal stored
        started_at, text = open_events.pop(key)
        fresh = _insert(connection, *key, started_at, max(started_at, ended_at), complete, text)
        stored += fresh
        skipped["stored already"] += not fresh

    for time, end, name, type, text in rows:
        try:
            at, end_at = utc(stamps.seconds(time)), end and utc(stamps.seconds(end))
        except (ValueError, TypeError, AttributeError):
            skipped["its time cannot be read"] += 1
            continue
        ups = find_ups(connection, name, options)
        last_end = end_at or at
        if type in OPENS:
            open_events.setdefault((ups, OPENS[type]), (at, text or ""))
        elif type in MOMENTS:
            fresh = _insert(connection, ups, MOMENTS[type], at, at, True, text or "")
            stored += fresh
            skipped["stored already"] += not fresh
        elif type in CLOSES:
            for event in CLOSES[type]:
                if (ups, event) in open_events:
                    close((ups, event), at, True)
        else:
            skipped[f"{type} is no event of a UPS that is kept"] += 1
    for key in list(open_events):  # the file ends before they do
        close(key, last_end, False)
    return stored, +skipped


def _insert(connection, ups, event, started_at, ended_at, complete, text):
    """Store an event; 0 where it is stored already, or lies in one that Voltkeeper saw itself."""
    if connection.execute(
        "select 1 from events where ups = ? and event = ? and started_at <= ? and coalesce(ended_at, '9') >= ?",
        (ups, event, ended_at, started_at),
    ).fetchone():
        return 0
    figures = _figures(connection, ups, started_at, ended_at) if event == "ONBATT" else {}
    connection.execute(
        "insert into events (event, ups, started_at, ended_at, complete, detail, figures) values (?, ?, ?, ?, ?, ?, ?)",
        (event, ups, started_at, ended_at, int(complete), text, json.dumps(figures)),
    )
    return 1


def _figures(connection, ups, started_at, ended_at):
    """What the samples tell of an outage, by the names that ingest uses; what they do not tell is left out."""
    lasted = seconds(ended_at) - seconds(started_at)
    cursor = connection.execute(OUTAGE, (ups, started_at, ended_at))
    figures = dict(zip((name[0] for name in cursor.description), cursor.fetchone()))
    figures["seconds"] = round(lasted, 3)
    if figures["watts_avg"] is not None:
        figures["wh"] = round(figures["watts_avg"] * lasted / 3600, 3)
    for name, order in (("charge_start", "asc"), ("charge_end", "desc")):
        row = connection.execute(CHARGE.format(order), (ups, started_at, ended_at)).fetchone()
        figures[name] = row and row[0]
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items() if value is not None}
