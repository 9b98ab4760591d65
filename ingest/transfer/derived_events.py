"""Events of another program's samples: what ingest would have seen, had it polled the UPS then.

They are kept in memory and stored when the file has been read, so that no page shows an outage of the past as
one that goes on; an import that was killed reads its samples again anyway.
"""

import json
from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.transfer.checkpoint import raise_topics
from ingest.transfer.recorded_ranges import GAP_S
from ingest.transfer.records import Sample
from ingest.ups.energy import GAP_INTERVALS
from ingest.ups.event_machine import EventMachine
from ingest.ups.event_rows import (
    NO_END,
    RECLASSIFIED,
    TOGETHER,
    EventRow,
    EventSpan,
    StoredSpans,
    insert_in_batches,
)
from ingest.ups.limits import InputVoltage
from ingest.ups.mains import PowerSource
from ingest.ups.measurement import Measurement
from ingest.ups.records import Event, Poll
from ingest.ups.settings import UpsSettings
from ingest.ups.status import status_tokens

FILE_ENDS = "the file ends before it does"
NO_SAMPLES = "no samples from then on"
RECORDED_HERE = "recorded here from then on"
BY_VOLTAGE = "by the voltages: the file has no status"
SLACK_INTERVALS = 2  # what a file tells may be this many intervals away from what its samples show
UPDATE = "update events set event = ?, ended_at = ?, complete = ?, detail = ?, figures = ? where id = ?"


class DerivedEvents:
    """The samples of one UPS of a file, in order of time, through the event machine.

    `file_events`: the events that the file has itself. `settings`: the UPS's entry in the config.
    """

    def __init__(
        self, settings: UpsSettings, interval_s: float, file_events: Sequence[EventSpan] = ()
    ) -> None:
        self._settings, self._interval_s, self._file_events = settings, interval_s, file_events
        self.voltage = InputVoltage(settings.limits)
        self._machine = self._make_machine()
        self._last: float | None = None
        self._names: dict[Event, set[str]] = {}  # every name that an event has had
        self._new: set[Event] = set()  # those that a sample that is new has changed
        self._are_all_new = False

    def _make_machine(self) -> EventMachine:
        own = self._settings
        return EventMachine(own.limits, own.discharging_is_outage, voltage=self.voltage)

    @property
    def mains(self) -> PowerSource:
        """What feeds the load, by the last sample."""
        return self._machine.mains

    def resume(self) -> None:
        """An import that was interrupted goes on: none of its events is stored yet."""
        self._are_all_new = True

    def add_sample(self, sample: Sample, measurement: Measurement, is_new: bool) -> None:
        """Take a sample; one that is not new was stored by an import before this one."""
        longest_s = max(GAP_S, GAP_INTERVALS * self._interval_s)
        if self._last is not None and sample.at - self._last > longest_s:
            self.stop(NO_SAMPLES, is_new)
        self._last = sample.at
        status = sample.status or sample.shown
        poll = Poll(
            sample.ups, sample.at, sample.at, self._interval_s, status=status, variables=sample.variables
        )
        is_answer = not status or bool(status_tokens(status))
        before = set(self._machine.open)
        self._take(self._machine.apply_poll(poll, measurement if is_answer else None), is_new)
        event = self._machine.open.get("ONBATT")
        if event is not None and not sample.status and sample.shown and "ONBATT" not in before:
            event.detail = BY_VOLTAGE

    def stop(self, reason: str, is_new: bool = True) -> None:
        """Nothing is known of the time behind the last sample: what is open ends with it."""
        if self._last is not None:
            self._take(self._machine.retire(self._last, reason), is_new)
            self._machine = self._make_machine()

    def _take(self, changes: Iterable[tuple[str, Event]], is_new: bool) -> None:
        for _, event in changes:
            self._names.setdefault(event, set()).add(event.event)
            if is_new or self._are_all_new:
                self._new.add(event)

    def found(self) -> list[tuple[Event, set[str]]]:
        """The events to be stored, in order of time, each with every name that it has had."""
        events = [event for event in self._names if event in self._new and not self._is_in_file(event)]
        return [(event, self._names[event]) for event in sorted(events, key=lambda event: event.started)]

    def _is_in_file(self, event: Event) -> bool:
        """Whether the file has the event itself. A test that it has as an outage is marked as such."""
        slack = SLACK_INTERVALS * self._interval_s
        start, end = event.started - slack, (event.ended or event.started) + slack
        kinds = {
            span.event
            for span in self._file_events
            if parse_utc(span.started_at) <= end
            and (span.ended_at is None or parse_utc(span.ended_at) >= start)
        }
        if event.event == "TEST" and "ONBATT" in kinds and not self._has_outage(event):
            event.figures[RECLASSIFIED] = 1
        return event.event in kinds

    def _has_outage(self, test: Event) -> bool:
        """Whether there was an outage during a test."""
        return any(
            other.event == "ONBATT"
            and not other.withdrawn
            and other.started <= (test.ended or test.started)
            and (other.ended or other.started) >= test.started
            for other in self._names
        )


def save_derived(connection: Connection, found: Iterable[tuple[int, Event, set[str]]]) -> int:
    """Store events, as (UPS, event, its names); returns how many rows are new.

    One that an earlier import of the same file has stored, up to its end of that time, goes on. One that a
    reader has seen, or another file has, is left as it is stored.
    """
    stored = {
        (ups, name, started_at): (id, name, ended_at, detail)
        for id, ups, name, started_at, ended_at, detail in connection.execute(
            "select id, ups, event, started_at, ended_at, detail from events where ups is not null"
        )
    }
    spans = StoredSpans(connection)
    new: list[EventRow] = []
    known: list[tuple[int, Event, EventRow]] = []
    for ups, event, names in found:
        row = _row(ups, event)
        held = next(
            (stored[key] for name in names if (key := (ups, name, row.span.started_at)) in stored), None
        )
        if held is None:
            if not event.withdrawn and not spans.overlap(row.span):
                new.append(row)
            continue
        id, name, ended_at, detail = held
        was_renamed = name != event.event and ended_at == row.span.ended_at
        if event.withdrawn or FILE_ENDS in detail or was_renamed:
            known.append((id, event, row))
    _update(connection, known)
    return insert_in_batches(connection, sorted(new, key=lambda row: row.span.started_at))


def _row(ups: int, event: Event) -> EventRow:
    ended_at = NO_END if event.ended is None else format_utc(event.ended)
    span = EventSpan(ups, event.event, format_utc(event.started), ended_at)
    figures = json.dumps({name: value for name, value in event.figures.items() if value is not None})
    return EventRow(span, event.complete, event.detail, figures)


def _update(connection: Connection, known: Sequence[tuple[int, Event, EventRow]]) -> None:
    """Bring rows of an earlier import in line with what the file shows now."""
    for start in range(0, len(known), TOGETHER):
        with transaction(connection):
            for id, event, row in known[start : start + TOGETHER]:
                if event.withdrawn:
                    connection.execute("delete from events where id = ?", (id,))
                else:
                    span = row.span
                    values = (span.event, span.ended_at, int(row.complete), row.detail, row.figures, id)
                    connection.execute(UPDATE, values)
            raise_topics(connection, {"events", "ups"})
