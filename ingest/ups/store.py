"""Rows of every UPS: a sink of the writer, the only place that writes UPS tables while ingest runs.

Samples, variables, hourly figures, runs of polls and events come from `Poll` items; what they mean is decided in `events`
and `energy`.
"""

import json
import logging
from datetime import datetime

from ingest.db.reserved_ids import imports_seen
from ingest.db.time import LocalTime, format_utc
from ingest.ups.energy import EnergyMeter, Observation, find_rating, find_watts
from ingest.ups.event_machine import EventMachine
from ingest.ups.figures import FIGURES, parse_figures, parse_value
from ingest.ups.pending_rows import COLUMNS, Pending
from ingest.ups.records import (
    CLOSED,
    OK,
    OPENED,
    UPDATED,
    WAIT,
    Event,
    Failed,
    Good,
    InstantCommand,
    Poll,
    PollRun,
    UpsControls,
    UpsFound,
    UpsGone,
)
from ingest.ups.status import describe_status, status_tokens

log = logging.getLogger(__name__)

IDENTITY = frozenset(
    (
        "device.mfr",
        "device.model",
        "device.serial",
        "ups.mfr",
        "ups.model",
        "ups.serial",
        "ups.firmware",
        "ups.firmware.aux",
        "battery.date",
        "battery.mfr.date",
        "battery.type",
    )
)
# These change by themselves: a test driver lets every variable be set, and none of these is a setting.
MEASURED = frozenset(
    (*FIGURES, "ups.status", "ups.alarm", "ups.test.result", "ups.test.date", "input.transfer.reason")
)
SELECT = f"select id, name, source, address, label, {', '.join(COLUMNS)} from ups"
RUN_S = 30.0  # a run of polls that goes on is written this often, and with every sample
QUIET_EVENTS = ("TEST", "CAL", "TRIM", "BOOST")  # logged as INFO, all others as WARNING


class Ups:
    """One UPS in memory."""

    def __init__(self, name, source, id=None):
        self.name, self.source, self.id = name, source, id
        self.address = self.label = ""
        self.columns = dict.fromkeys(COLUMNS)
        self.variables = {}  # variable -> [value, writable]
        self.remembered = {}  # what a variable whose changes are history was when it was last told
        self.settings = self.writable = frozenset()
        self.run = None
        self.offered = None  # what it could be told to do, when it was last asked
        self.hours = {}  # hour_at -> Hour as the file has it, the last two
        self.machine = self.meter = None


class UpsStore:
    """Sink for `Poll`, `UpsFound`, `InstantCommand`, `UpsControls` and `UpsGone` items of the sources given; `settings` is the config's `ups:`.

    `telling` False: nothing is logged, for a past that is made up.
    """

    def __init__(self, connection, timezone, sources, settings, telling=True):
        self._connection = connection
        self._telling = telling
        self._settings = settings
        self._sources = {source.name: source for source in sources}
        clock = LocalTime(timezone)
        self._hour_at = lambda at: clock.day_and_hour(at)[1]
        self._upses = {}
        self._pending = Pending()
        self._imports = imports_seen(connection)
        self._load()

    def names(self, source):
        """The UPSes of a source that are known and configured."""
        return [ups.name for ups in self._upses.values() if ups.source == source]

    def _load(self):
        for row in self._connection.execute(f"{SELECT} where configured order by id").fetchall():
            if row[2] in self._sources:
                self._revive(*row)

    def _revive(self, number, name, source, address, label, *columns):
        """A UPS as the file knows it."""
        ups = self._upses[name] = Ups(name, source, number)
        ups.address, ups.label = address, label
        ups.columns = dict(zip(COLUMNS, columns))
        for variable, value, writable in self._connection.execute(
            "select variable, value, writable from ups_variables where ups = ?", (number,)
        ):
            ups.variables[variable] = [value, writable]
        ups.remembered = {variable: value for variable, (value, _) in ups.variables.items()}
        ups.writable = frozenset(variable for variable, (_, writable) in ups.variables.items() if writable)
        self._equip(ups, self._open_events(number))
        return ups

    def _open_events(self, number):
        for event in self._connection.execute(
            "select id, event, started_at, complete, detail, figures from events where ups = ? and ended_at is null",
            (number,),
        ).fetchall():
            id, name, started_at, complete, detail, figures = event
            started = datetime.fromisoformat(started_at).timestamp()
            yield Event(name, started, None, bool(complete), detail, json.loads(figures), id)

    def _equip(self, ups, open_events=()):
        own = self._settings.get(ups.name)
        told = {
            name: ups.variables[name][0]
            for name in ("ups.test.result", "ups.test.date")
            if name in ups.variables
        }
        options = {"limits": own.limits, "discharging_is_outage": own.discharging_is_outage} if own else {}
        ups.machine = EventMachine(
            open_events=open_events, test=(told.get("ups.test.result"), told.get("ups.test.date")), **options
        )
        ups.meter = EnergyMeter(self._hour_at)

    # Step one: items into memory.

    def absorb(self, item):
        if isinstance(item, Poll):
            self._absorb_poll(item)
        elif isinstance(item, UpsFound):
            self._find(item)
        elif item.ups in self._upses:
            ups = self._upses[item.ups]
            if isinstance(item, InstantCommand):
                self._tell(
                    ups, ups.machine.apply_command(item.at, item.monotonic, item.command, item.by, item.sure)
                )
            elif isinstance(item, UpsControls):
                self._offer(ups, item)
            elif isinstance(item, UpsGone):
                self._tell(ups, ups.machine.retire(item.at, "the server lists it no more"))
                self._pending.gone.append(ups)
                del self._upses[item.ups]

    def poll(self, connection, changed):
        return False

    def _offer(self, ups, offer):
        """What it can be told to do, where that is news."""
        said = (offer.commands, offer.settings)
        if said != ups.offered:
            ups.offered = said
            self._pending.offers[ups] = (offer, self._settings.get(ups.name))

    def _find(self, found):
        if found.ups in self._upses:
            return
        known = self._connection.execute(f"{SELECT} where name = ?", (found.ups,)).fetchone()
        if known is not None:
            ups = self._revive(*known)
        else:
            ups = self._upses[found.ups] = Ups(found.ups, found.source)
            self._equip(ups)
        ups.source, ups.address, ups.label = (
            found.source,
            found.address,
            ups.label or found.description or found.ups,
        )
        self._pending.new.append(ups)

    def _absorb_poll(self, poll):
        ups = self._upses.get(poll.ups)
        if ups is None:
            log.debug("A poll of %s, which is not known any more, is left out", poll.ups)
            return
        at = format_utc(poll.at)
        if poll.outcome == OK and poll.status and not status_tokens(poll.status):
            poll.outcome, poll.message = WAIT, "the server has no data from the driver yet"
        self._count(ups, poll)
        if poll.informational:
            return
        ups.columns["outcome"], ups.columns["outcome_at"] = poll.outcome, at
        self._pending.dirty.add(ups)
        if poll.outcome not in (OK, WAIT):
            failed = Failed(poll.at, poll.monotonic, poll.outcome, poll.where, poll.message)
            self._tell(ups, ups.machine.apply_poll(failed))
            return
        if poll.outcome == OK and poll.status:
            ups.columns["status"], ups.columns["status_at"] = poll.status, at
            ups.columns["first_seen_at"] = ups.columns["first_seen_at"] or at
        if poll.outcome == OK and poll.variables is not None:
            self._sample(ups, poll, at)
        else:
            self._tell(
                ups, ups.machine.apply_poll(Good(poll.at, poll.monotonic, poll.status, poll.interval_s))
            )

    def _count(self, ups, poll):
        """Runs of polls: the quiet ones before this one, and this one."""
        if poll.coalesced:
            self._extend(ups, OK, "", poll.coalesced_at, poll.coalesced)
        run = self._extend(ups, poll.outcome, poll.message, poll.at, 1)
        if run.id is None or poll.variables is not None or poll.at - run.written >= RUN_S:
            run.written = poll.at
            self._pending.runs[run] = ups

    def _extend(self, ups, outcome, detail, at, count):
        run = ups.run
        if run is not None and run.outcome == outcome:
            run.count += count
            run.ended = max(run.ended, at)
            return run
        if run is not None:
            self._pending.runs[run] = ups
        run = ups.run = PollRun(outcome, detail, at, at, count)
        self._pending.runs[run] = ups
        return run

    def _sample(self, ups, poll, at):
        variables = poll.variables
        figures = parse_figures(variables)
        own = self._settings.get(ups.name)
        rating = find_rating(figures, own and own.realpower_nominal, own and own.power_factor)
        watts, rule = find_watts(figures, rating)
        watts = None if watts is None else round(watts, 3)
        words = status_tokens(poll.status)
        self._identify(ups, variables, rating)
        ups.columns["last_sample_at"] = at
        self._pending.samples.append(
            (ups, at, poll.status, [figures.get(name) for name in FIGURES], watts, rule)
        )
        for span in ups.meter.add_observation(
            Observation(poll.at, poll.monotonic, watts, words, poll.interval_s)
        ):
            self._pending.hour(ups, span.hour_at).add_span(span)
        self._pending.hour(ups, self._hour_at(poll.at)).add_sample(figures, watts, rule)
        if poll.writable is not None:
            ups.writable = poll.writable
        if poll.settings is not None:
            ups.settings = poll.settings
        self._keep(ups, variables, at)
        if self._telling and log.isEnabledFor(logging.INFO):
            log.info("%s", sample_line(ups.name, poll.status, figures, watts))
        good = Good(poll.at, poll.monotonic, poll.status, poll.interval_s, variables, figures, watts, rule)
        self._tell(ups, ups.machine.apply_poll(good))

    def _identify(self, ups, variables, rating):
        columns = ups.columns
        for name, *choices in (
            ("mfr", "device.mfr", "ups.mfr"),
            ("model", "device.model", "ups.model"),
            ("serial", "device.serial", "ups.serial"),
            ("firmware", "ups.firmware"),
        ):
            told = next((variables[choice] for choice in choices if variables.get(choice)), None)
            if told is not None:
                columns[name] = told
        columns["realpower_nominal"], columns["power_nominal"] = rating.realpower, rating.power
        columns["power_factor"] = rating.power_factor

    def _keep(self, ups, variables, at):
        """Variables as they come; what changed gets its time, and a row of history where it is a setting."""
        held = ups.variables
        history = (ups.writable | ups.settings | IDENTITY) - MEASURED
        for variable, value in variables.items():
            writable = int(variable in ups.writable)
            before = held.get(variable)
            if before is None or before[0] != value:
                old = ups.remembered.get(variable) if before is None else before[0]
                if variable in history:
                    if old is not None and old != value:
                        self._pending.history.append((ups, variable, old, value, at))
                        log.info("%s: %s was %s, is %s", ups.name, variable, old, value)
                    ups.remembered[variable] = value
                self._pending.variables[ups, variable] = (value, parse_value(value), writable, at)
                held[variable] = [value, writable]
            elif before[1] != writable:
                before[1] = writable
                self._pending.flags[ups, variable] = writable
        if len(held) > len(variables):
            for variable in held.keys() - variables.keys():
                del held[variable]
                self._pending.variables[ups, variable] = None

    def _tell(self, ups, changes):
        for verb, event in changes:
            self._pending.events[event] = ups
            if not self._telling:
                continue
            words = f"{ups.name}: {event.event}" + (f": {event.detail}" if event.detail else "")
            if verb == OPENED:
                log.log(logging.INFO if event.event in QUIET_EVENTS else logging.WARNING, "%s", words)
            elif verb == UPDATED and event.event == "ALARM" and event.complete:
                log.warning("%s", words)  # its text has come, or another one
            elif verb == CLOSED:
                log.info("%s: %s is over after %.0f s", ups.name, event.event, event.ended - event.started)

    # Step two: memory into the open transaction.

    def write(self, connection):
        """Write what is pending; the topics that changed are returned."""
        seen = imports_seen(connection)
        if seen != self._imports:
            self._imports = seen
            for ups in self._upses.values():
                ups.hours = {}  # an import may have added to them
        return self._pending.write(connection, self._sources)

    def committed(self):
        self._pending.committed()
        self._pending = Pending()


def sample_line(name, status, figures, watts):
    """One sample in words, for the log."""
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
