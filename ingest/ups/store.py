"""Rows of every UPS: a sink of the writer, the only place that writes UPS tables while ingest runs.

Samples, variables, hourly figures, runs of polls and events come from `Poll` items; the events are found in
`event_machine`, the energy in `energy`.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ingest.clock.reading import NOISE_S
from ingest.clock.roll_up import RollUpTime
from ingest.db.reserved_ids import imports_seen
from ingest.db.time import format_utc
from ingest.severity import Severity, event_severity
from ingest.ups.battery_health import parse_discharge
from ingest.ups.corrections import AllVariables, merge
from ingest.ups.energy import Observation
from ingest.ups.figures import FIGURES
from ingest.ups.limit_settings import read_limits
from ingest.ups.mains import PowerSource
from ingest.ups.measurement import Measurement, measure
from ingest.ups.pending_rows import FigureRow, HistoryRow, PendingRows, SampleRow, VariableRow
from ingest.ups.records import (
    CLOSED,
    OK,
    OPENED,
    UPDATED,
    WAIT,
    Event,
    EventChange,
    Figures,
    InstantCommand,
    Poll,
    PollRun,
    UpsClients,
    UpsControls,
    UpsFound,
    UpsItem,
    UpsSample,
    Variables,
)
from ingest.ups.registry import UpsSource
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ingest.ups.status import describe_status, describe_unknown, status_tokens
from ingest.ups.tracked_ups import SELECT, TrackedUps

log = logging.getLogger(__name__)

RUN_S = 30.0  # a run of polls that goes on is written this often, and with every sample
NO_DATA = "the server has no data from the driver yet"


class UpsStore:
    """Sink for the items of the sources given; `settings` is the config's `ups:`, `variables` its
    `variables:`.

    `on_sample` is called with the figures of each full poll that was answered.

    `logging_enabled` False: events and samples are not logged, as for a past that is made up. `boot_id` is
    the boot of the polls, '' for such a past.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        timezone: str,
        sources: Iterable[UpsSource],
        settings: Mapping[str, UpsSettings],
        logging_enabled: bool = True,
        variables: AllVariables | None = None,
        boot_id: str = "",
    ) -> None:
        self._connection, self._boot_id = connection, boot_id
        self._logging_enabled = logging_enabled
        self._settings, self._for_all = settings, variables or {}
        self._sources = {source.name: source for source in sources}
        self.rolled = RollUpTime(timezone)
        self._upses: dict[str, TrackedUps] = {}
        self._pending = PendingRows()
        self.is_urgent = False  # whether an event has begun or ended that is not committed
        self._open: set[Event] = set()  # events that were open when they were last handed in
        self.on_sample: Callable[[UpsSample], object] = lambda sample: None
        self._imports = imports_seen(connection)
        self._limits: dict[int, dict[str, float | None]] = {}  # that users set, by `ups.id`
        for row in connection.execute(f"{SELECT} where configured order by id").fetchall():
            if row[2] in self._sources:
                self._resume(*row)
        self._take_limits(connection)

    def _take_limits(self, connection: sqlite3.Connection) -> None:
        """Watch each UPS for the limits that users set on its page."""
        found = read_limits(connection)
        if found != self._limits:
            self._limits = found
            for ups in self._upses.values():
                ups.set_limits({} if ups.id is None else found.get(ups.id, {}))

    def names(self, source: str) -> list[str]:
        """The UPSes of a source that are known and configured."""
        return [ups.name for ups in self._upses.values() if ups.source == source]

    def _hour_at(self, at: float) -> str:
        return self.rolled.day_and_hour(at)[1]

    def _track(self, name: str, source: str, id: int | None = None) -> TrackedUps:
        own = self._settings.get(name, NO_SETTINGS)
        if self._for_all:
            own = replace(own, variables=merge(self._for_all, own.variables))
        ups = self._upses[name] = TrackedUps(name, source, own, self._hour_at, id, self._boot_id)
        return ups

    def _resume(
        self,
        id: int,
        name: str,
        source: str,
        address: str,
        label: str,
        *columns: Any,  # Any: of SQLite
    ) -> TrackedUps:  # Any: as SQLite gives them
        """Track a UPS that the file knows."""
        ups = self._track(name, source, id)
        ups.resume(self._connection, address, label, columns)
        return ups

    # Step one: items into memory.

    def absorb(self, item: UpsItem) -> None:
        """Take an item of a reader or sender into memory."""
        if isinstance(item, UpsFound):
            self._add_found(item)
            return
        ups = self._upses.get(item.ups)
        if ups is None:
            log.debug("%s of %s, which is no longer known, is left out", type(item).__name__, item.ups)
        elif isinstance(item, Poll):
            self._add_poll(ups, item)
        elif isinstance(item, InstantCommand):
            self._add_events(ups, ups.machine.apply_command(item))
        elif isinstance(item, UpsControls):
            self._add_controls(ups, item)
        elif isinstance(item, UpsClients):
            self._pending.clients[ups] = item
        else:
            self._add_events(ups, ups.machine.retire(item.at, "the server no longer lists it"))
            self._pending.gone.append(ups)
            del self._upses[item.ups]

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Take the connection that is the present one, and limits that were set; nothing is to be written."""
        self._connection = connection
        if changed:
            self._take_limits(connection)
        return False

    def _add_controls(self, ups: TrackedUps, controls: UpsControls) -> None:
        found = (controls.commands, controls.settings)
        if found != ups.controls:
            ups.controls = found
            self._pending.controls[ups] = controls

    def _add_found(self, found: UpsFound) -> None:
        if found.ups in self._upses:
            return
        known = self._connection.execute(f"{SELECT} where name = ?", (found.ups,)).fetchone()
        ups = self._track(found.ups, found.source) if known is None else self._resume(*known)
        ups.source, ups.address = found.source, found.address
        ups.label = ups.label or found.description or found.ups
        self._pending.new.append(ups)

    def _add_poll(self, ups: TrackedUps, poll: Poll) -> None:
        at = format_utc(poll.at)
        if poll.outcome == OK and poll.status and not status_tokens(poll.status):
            poll.outcome, poll.message = WAIT, NO_DATA
        self._count(ups, poll)
        if poll.informational:
            return
        ups.columns["outcome"], ups.columns["outcome_at"] = poll.outcome, at
        self._pending.changed.add(ups)
        if poll.outcome == OK and poll.status:
            ups.columns["status"], ups.columns["status_at"] = poll.status, at
            ups.columns["first_seen_at"] = ups.columns["first_seen_at"] or at
            self._note_unknown_words(ups, poll.status, at)
        measurement = None
        if poll.outcome == OK and poll.variables is not None:
            measurement = measure(poll.variables, ups.own)
        self._add_events(ups, ups.machine.apply_poll(poll, measurement))
        ups.update_mains()
        if poll.variables is not None and measurement is not None:
            self._add_sample(ups, poll, poll.variables, measurement)
            self.on_sample(
                UpsSample(
                    ups.name,
                    poll.at,
                    poll.monotonic,
                    poll.interval_s,
                    measurement.figures,
                    measurement.watts,
                )
            )

    def _note_unknown_words(self, ups: TrackedUps, status: str, at: str) -> None:
        words, reason = ups.new_unknown_words(status)
        if words:
            self._pending.oddities[ups, "ups.status"] = (at, reason)
        for word in words if self._logging_enabled else ():
            log.warning("%s: a word of ups.status is %s", ups.name, describe_unknown([word]))

    def _count(self, ups: TrackedUps, poll: Poll) -> None:
        """Add the poll, and the coalesced ones before it, to the run of polls."""
        if poll.coalesced:
            offset = poll.coalesced_at - poll.coalesced_monotonic
            self._extend_run(ups, OK, "", poll.coalesced_at, offset, poll.coalesced)
        offset = poll.at - poll.monotonic
        run = self._extend_run(ups, poll.outcome, poll.message, poll.at, offset, 1)
        if run.id is None or poll.variables is not None or poll.at - run.written >= RUN_S:
            run.written = poll.at
            self._pending.runs[run] = ups

    def _extend_run(
        self, ups: TrackedUps, outcome: str, detail: str, at: float, offset: float, count: int
    ) -> PollRun:
        """Add polls to the run that goes on; another outcome, or a step of the clock, begins a new one."""
        run = ups.run
        if run is not None and run.outcome == outcome and abs(offset - run.offset) <= NOISE_S:
            run.count += count
            run.ended = max(run.ended, at)
            return run
        if run is not None:
            self._pending.runs[run] = ups
        run = ups.run = PollRun(outcome, detail, at, at, offset, count)
        self._pending.runs[run] = ups
        return run

    def _add_sample(
        self, ups: TrackedUps, poll: Poll, variables: Variables, measurement: Measurement
    ) -> None:
        at, figures = format_utc(poll.at), measurement.figures
        watts, rule = measurement.watts, measurement.watts_rule
        if self._sources[ups.source].driver == "must":
            ups.estimate_battery(figures, watts, measurement.counted.get("battery.charger.status", ""))
        ups.update_identity(variables, measurement.rating)
        ups.update_battery_date(measurement.counted, self.rolled.day_and_hour(poll.at)[0])
        ups.columns["last_sample_at"] = at
        ups.columns["first_seen_at"] = ups.columns["first_seen_at"] or at
        values = [figures.get(name) for name in FIGURES]
        self._pending.samples.append(SampleRow(at, ups, poll.status, values, watts, rule))
        on_battery = ups.machine.mains is PowerSource.BATTERY
        tokens = status_tokens(poll.status)
        observation = Observation(poll.at, poll.monotonic, watts, tokens, poll.interval_s, on_battery)
        for span in ups.meter.add_observation(observation):
            self._pending.hour(ups, span.hour_at).add_span(span)
        self._pending.hour(ups, self._hour_at(poll.at)).add_sample(figures, watts, rule)
        self._add_series(ups, poll, at, measurement)
        ups.set_writable(poll.writable, poll.settings)
        self._add_variables(ups, variables, at, poll.monotonic)
        for variable, reason in ups.new_oddities(measurement.implausible):
            self._pending.oddities[ups, variable] = (at, reason)
            if self._logging_enabled:
                log.warning("%s: not used: %s", ups.name, reason)
        if self._logging_enabled and log.isEnabledFor(logging.DEBUG):
            log.debug("%s", sample_line(ups.name, poll.status, figures, watts))

    def _add_series(self, ups: TrackedUps, poll: Poll, at: str, measurement: Measurement) -> None:
        values, hours = ups.series.add_sample(
            poll.at, poll.interval_s, measurement.figures, measurement.counted
        )
        self._pending.figures += [FigureRow(ups, name, at, value) for name, value in values]
        for hour in hours:
            self._pending.add_series_hour(ups, hour)

    def _add_variables(self, ups: TrackedUps, variables: Variables, at: str, monotonic: float) -> None:
        """What changed gets its time, and a row of history where it is a setting."""
        pending = self._pending
        for change in ups.update_variables(variables):
            key = (ups, change.variable)
            if change.value is None:
                pending.variables[key] = None
            elif change.flag_alone:
                pending.writable[key] = change.writable
            else:
                pending.variables[key] = VariableRow(change.value, change.number, change.writable, at)
                if change.old is not None and not ups.history_allowance.take(monotonic):
                    log.warning(
                        "%s: its settings change so often that a change of %s is not kept", ups.name, key[1]
                    )
                elif change.old is not None:
                    pending.history.append(HistoryRow(ups, change.variable, change.old, change.value, at))
                    log.info("%s: %s was %s, is %s", ups.name, change.variable, change.old, change.value)

    def _add_events(self, ups: TrackedUps, changes: Iterable[EventChange]) -> None:
        for verb, event in changes:
            self._pending.events[event] = ups
            self._note_urgency(event)
            if verb == CLOSED and event.event == "ONBATT":
                ups.discharges.append(
                    parse_discharge(format_utc(event.started), event.complete, event.figures)
                )
            if not self._logging_enabled:
                continue
            text = f"{ups.name}: {event.event}" + (f": {event.detail}" if event.detail else "")
            if verb == OPENED:
                is_routine = event_severity(event.event) is Severity.OK
                log.log(logging.INFO if is_routine else logging.WARNING, "%s", text)
            elif verb == UPDATED and event.event == "ALARM" and event.complete:
                log.warning("%s", text)  # its text has come, or another one
            elif verb == CLOSED and event.ended is not None:
                log.info("%s: %s ended after %.0f s", ups.name, event.event, event.ended - event.started)

    def _note_urgency(self, event: Event) -> None:
        """An event that begins, ends, goes on after its end or was none is committed at once."""
        is_open = event.ended is None and not event.withdrawn
        if is_open == (event in self._open) and event.id is not None:
            return
        self.is_urgent = True
        self._open.add(event) if is_open else self._open.discard(event)

    # Step two: memory into the open transaction.

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what is pending; the topics that changed are returned."""
        seen = imports_seen(connection)
        if seen != self._imports:
            self._imports = seen
            for ups in self._upses.values():
                ups.hours = {}  # an import may have added to them
        if not self.rolled.is_known:
            self._pending.drop_hours()
        return self._pending.write(connection, self._sources)

    def committed(self) -> None:
        """Forget what was pending: it is committed."""
        self._pending.committed()
        self._pending = PendingRows()
        self.is_urgent = False


def sample_line(name: str, status: str, figures: Figures, watts: float | None) -> str:
    """One sample as a line of the log."""
    parts = [f"{name}: {describe_status(status) or 'no status'}"]
    for label, variable, unit in (
        ("input", "input.voltage", "V"),
        ("charge", "battery.charge", "%"),
        ("battery", "battery.voltage", "V"),
        ("runtime", "battery.runtime", "s"),
        ("load", "ups.load", "%"),
    ):
        if variable in figures:
            parts.append(f"{label} {figures[variable]:g} {unit}")
    if watts is not None:
        parts.append(f"{watts:.0f} W")
    return ", ".join(parts)
