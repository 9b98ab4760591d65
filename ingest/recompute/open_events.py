"""Events that a version before left open, and that the present rules would not open: they are closed.

What a UPS reports now is known as a whole, by `ups_variables`: it goes through the event machine once more,
with the events that are open. This runs before a reader takes them over.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.schema.sql_fragments import NOW
from ingest.ups.corrections import AllVariables, merge
from ingest.ups.event_machine import EventMachine
from ingest.ups.limits import THRESHOLDS, InputVoltage
from ingest.ups.measurement import measure
from ingest.ups.records import Event, Poll, Variables
from ingest.ups.self_test import LONGEST_ON_MAINS_S, SelfTestReport
from ingest.ups.settings import NO_SETTINGS, UpsSettings

RULE_CHANGED = "rule changed"
UNTOUCHED = ("COMMBAD", "LOWBATT", "REPLBATT")  # by failed polls, or by what went before
INTERVAL_S = 60.0


def close_obsolete(
    connection: sqlite3.Connection, settings: Mapping[str, UpsSettings], for_all: AllVariables
) -> int:
    """Close the events of every UPS that is not done yet; returns how many.

    `settings` is the config's `ups:`, `for_all` its `variables:`.
    """
    rows = connection.execute(
        """select u.id, u.name, u.status, coalesce(u.last_sample_at, u.status_at)
        from ups_recomputations r join ups u on u.id = r.ups where r.closed_at is null"""
    ).fetchall()
    closed = 0
    for ups, name, status, at in rows:
        own = settings.get(name, NO_SETTINGS)
        own = replace(own, variables=merge(for_all, own.variables))
        closed += _close(connection, ups, own, status or "", at)
    return closed


def _close(connection: sqlite3.Connection, ups: int, own: UpsSettings, status: str, at: str | None) -> int:
    variables: Variables = dict(
        connection.execute("select variable, value from ups_variables where ups = ?", (ups,)).fetchall()
    )
    found = []
    if at is not None and variables.get("ups.status", "") == status:
        found = _obsolete(_open_events(connection, ups), variables, own, parse_utc(at))
    with transaction(connection):
        for event in found:
            detail = "; ".join(filter(None, (event.detail, RULE_CHANGED)))
            ended_at = max(format_utc(event.started), at or "")
            connection.execute(
                "update events set ended_at = ?, complete = 0, detail = ? where id = ?",
                (ended_at, detail, event.id),
            )
        connection.execute(
            f"update ups_recomputations set closed_at = {NOW}, events = events + ? where ups = ?",
            (len(found), ups),
        )
    return len(found)


def _open_events(connection: sqlite3.Connection, ups: int) -> list[Event]:
    rows = connection.execute(
        """select id, event, started_at, complete, detail, figures from events
        where ups = ? and ended_at is null and event <> 'VALUE' order by id""",
        (ups,),
    )
    return [
        Event(name, parse_utc(started_at), None, bool(complete), detail, json.loads(figures), id)
        for id, name, started_at, complete, detail, figures in rows
    ]


def _obsolete(events: list[Event], variables: Variables, own: UpsSettings, at: float) -> list[Event]:
    """Those of the open events that the present rules would not keep open at this poll."""
    measurement = measure(variables, own)
    report = SelfTestReport(variables.get("ups.test.result"), variables.get("ups.test.date"))
    copies = [Event(one.event, one.started, None, figures=dict(one.figures), id=one.id) for one in events]
    machine = EventMachine(
        own.limits,
        own.discharging_is_outage,
        copies,
        report,
        InputVoltage(own.limits, _nominal(variables, own)),
    )
    for number in range(2):
        seconds = at + number * INTERVAL_S
        poll = Poll(
            "", seconds, seconds, INTERVAL_S, status=variables.get("ups.status", ""), variables=variables
        )
        machine.apply_poll(poll, measurement)
    kept = {event.id for event in machine.open.values()}
    unknown = {threshold.event for threshold in THRESHOLDS if threshold.value(measurement.figures) is None}
    if "input.voltage" not in measurement.figures:
        unknown |= {"VOLTAGE", "INPUT_LOW"}
    if not report.is_running and at - min((e.started for e in events if e.event == "TEST"), default=at) > (
        LONGEST_ON_MAINS_S
    ):
        unknown.add("TEST")  # the word alone, which drivers leave there
    return [
        event
        for event in events
        if event.event not in UNTOUCHED and (event.id not in kept or event.event in unknown)
    ]


def _nominal(variables: Variables, own: UpsSettings) -> float | None:
    """The nominal voltage of the mains that the present input voltage is near to."""
    voltage, figures = InputVoltage(own.limits), measure(variables, own).figures
    for _ in range(3):
        voltage.add_sample(figures, on_mains="OL" in variables.get("ups.status", "").split())
    return voltage.nominal(figures)
