"""What the store remembers of one UPS, so that a poll looks nothing up in the file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import starmap
from typing import Any

from ingest.db.time import parse_utc
from ingest.process.allowance import Allowance
from ingest.ups.battery_date import DATES, battery_date
from ingest.ups.battery_estimate import estimate_basis, estimate_charge, estimate_runtime
from ingest.ups.battery_health import Discharge, parse_discharge
from ingest.ups.energy import EnergyMeter
from ingest.ups.event_machine import EventMachine
from ingest.ups.figures import FIGURES, find_identity
from ingest.ups.hourly import UpsHour
from ingest.ups.limit_settings import OwnLimits, apply_limits
from ingest.ups.limits import InputVoltage
from ingest.ups.plausible import parse_value
from ingest.ups.records import Event, Figures, PollRun, Variables
from ingest.ups.self_test import SelfTestReport, test_verdict
from ingest.ups.series import SeriesRecorder
from ingest.ups.setting_values import Setting
from ingest.ups.settings import UpsSettings
from ingest.ups.status import describe_unknown, unknown_words
from ingest.ups.watts import Rating

COLUMNS = (
    "mfr",
    "model",
    "serial",
    "firmware",
    "realpower_nominal",
    "power_nominal",
    "power_factor",
    "status",
    "status_at",
    "outcome",
    "outcome_at",
    "first_seen_at",
    "last_sample_at",
    "mains",
    "mains_nominal",
    "test_verdict",
    "runtime_basis",
    "charge_basis",
    "battery_reported_at",
)
SELECT_DISCHARGES = """select e.started_at, e.complete, e.figures from events e join ups u on u.id = e.ups
where e.ups = ? and e.event = 'ONBATT' and e.ended_at is not null
  and e.started_at >= coalesce(u.battery_changed_at, '')
order by e.id"""
# Changes of settings that are kept: a server that changes thousands with each poll must not fill the file.
HISTORY_AT_ONCE, HISTORY_A_MINUTE = 500, 20
MAX_KNOWN = 5_000  # names of settings
MAX_TEXT = 40  # characters of a refused text
MAX_WORDS = 10  # of its status that are not known
SELECT = f"select id, name, source, address, label, {', '.join(COLUMNS)} from ups"
DEVICE_IDENTITY = frozenset(
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


@dataclass(slots=True)
class VariableChange:
    """A variable that came, changed or went.

    `value` None: the UPS has it no more. `old`: for the history alone.
    """

    variable: str
    value: str | None
    writable: bool = False
    number: float | None = None
    old: str | None = None
    flag_alone: bool = False  # only whether it can be set has changed


def _open_event(
    name: str,
    started_at: str,
    complete: int,
    detail: str,
    figures: str,
    id: int,
    boot_id: str | None,
    boottime: float | None,
) -> Event:
    """The Event of an open row."""
    return Event(
        name,
        parse_utc(started_at),
        complete=bool(complete),
        detail=detail,
        figures=json.loads(figures),
        id=id,
        boot_id=boot_id or "",
        boottime=boottime or 0.0,
    )


class TrackedUps:
    """One UPS in memory. `id` None: its row is not committed yet."""

    def __init__(
        self,
        name: str,
        source: str,
        settings: UpsSettings,
        hour_at: Callable[[float], str],
        id: int | None = None,
        boot_id: str = "",
    ) -> None:
        self.name, self.source, self.id = name, source, id
        self._boot_id = boot_id
        self.own = settings  # its entry in the config, with what it says of the variables of all
        self.limits = settings.limits  # with those that users set on its page
        self.address = self.label = ""
        self.columns: dict[str, str | float | None] = dict.fromkeys(COLUMNS)
        self.variables: dict[str, tuple[str, bool]] = {}  # variable -> (value, whether it can be set)
        self.last_known: dict[str, str] = {}  # the last value of each variable whose changes are history
        self.history_allowance = Allowance(HISTORY_AT_ONCE, HISTORY_A_MINUTE)
        self._settings: frozenset[str] = frozenset()
        self._writable: frozenset[str] = frozenset()
        self._history = DEVICE_IDENTITY  # variables whose changes are history
        self.run: PollRun | None = None
        self.controls: tuple[dict[str, str], dict[str, Setting]] | None = (
            None  # commands, settings: last written
        )
        self.hours: dict[str, UpsHour] = {}  # hour_at -> the hour as the file has it, the last two
        self.meter = EnergyMeter(hour_at)
        self.series = SeriesRecorder(self.own.record, hour_at)
        self._battery_known: tuple[str, ...] = ()  # what its date was concluded from last
        self.odd: dict[str, str] = {}  # variable -> why its last text that could not be was refused
        self.unknown_words: list[str] = []  # of its status, since the start
        self.discharges: list[Discharge] = []  # since the battery was changed, in order of time
        self.machine = self._make_machine(())

    def _make_machine(self, open_events: Iterable[Event]) -> EventMachine:
        held = self.variables
        result, date = (
            held[name][0] if name in held else None for name in ("ups.test.result", "ups.test.date")
        )
        nominal = self.columns["mains_nominal"]
        return EventMachine(
            self.limits,
            self.own.discharging_is_outage,
            open_events,
            SelfTestReport(result, date),
            InputVoltage(self.limits, nominal if isinstance(nominal, float) else None),
            held.get("input.source", ("", False))[0],
            str(self.columns["status"] or ""),
            self._boot_id,
        )

    def set_limits(self, own: OwnLimits) -> None:
        """Watch for the limits that users set on its page, and for those of the config in all else."""
        limits = apply_limits(self.own.limits, own)
        if limits != self.limits:
            self.limits = limits
            self.machine.set_limits(limits)

    def resume(
        self,
        connection: sqlite3.Connection,
        address: str,
        label: str,
        columns: Iterable[Any],  # Any: of SQLite
    ) -> None:
        """Go on from the file: `columns` are the values of COLUMNS (Any: as SQLite gives them)."""
        self.address, self.label = address, label
        self.columns = dict(zip(COLUMNS, columns, strict=True))
        for variable, value, writable in connection.execute(
            "select variable, value, writable from ups_variables where ups = ?", (self.id,)
        ):
            self.variables[variable] = (value, bool(writable))
        self.last_known = {variable: value for variable, (value, _) in self.variables.items()}
        held = self.variables.items()
        self.set_writable(frozenset(variable for variable, (_, writable) in held if writable), None)
        rows = connection.execute(
            """select event, started_at, complete, detail, figures, id, boot_id, boottime_s from events
            where ups = ? and ended_at is null and event <> 'VALUE'""",
            (self.id,),
        ).fetchall()
        self.machine = self._make_machine(starmap(_open_event, rows))
        self.discharges = [
            parse_discharge(started_at, complete, json.loads(figures))
            for started_at, complete, figures in connection.execute(SELECT_DISCHARGES, (self.id,))
        ]

    def estimate_battery(self, figures: Figures, watts: float | None, charger_status: str) -> None:
        """Add charge and runtime of a UPS that reports none, and what the estimates rest on."""
        basis = estimate_basis(self.discharges)
        self.columns["charge_basis"] = "" if "battery.charge" in figures else basis
        if "battery.charge" not in figures:
            outage = self.machine.open.get("ONBATT")
            charge = estimate_charge(self.discharges, outage.figures if outage else None, charger_status)
            if charge is not None:
                figures["battery.charge"] = charge
        self.columns["runtime_basis"] = "" if "battery.runtime" in figures else basis
        if "battery.runtime" not in figures:
            runtime = estimate_runtime(self.discharges, figures.get("battery.charge"), watts)
            if runtime is not None:
                figures["battery.runtime"] = runtime

    def update_identity(self, variables: Variables, rating: Rating) -> None:
        """Take what a full poll shows of the device itself."""
        for name, text in find_identity(variables).items():
            if text is not None:
                self.columns[name] = text
        self.columns["realpower_nominal"], self.columns["power_nominal"] = rating.realpower, rating.power
        self.columns["power_factor"] = rating.power_factor
        if "ups.test.result" in variables:
            self.columns["test_verdict"] = test_verdict(variables["ups.test.result"])

    def update_battery_date(self, variables: Variables, today: str) -> None:
        """Take the date that the device gives its battery, where it can be right; `today` is a local date."""
        known = (*(variables.get(name, "") for name in DATES), today)
        if known != self._battery_known:
            self._battery_known = known
            found = battery_date(variables, date.fromisoformat(today))
            self.columns["battery_reported_at"] = f"{found}T12:00:00.000Z" if found else ""

    def update_mains(self) -> None:
        """Take what the event machine concludes about the mains."""
        self.columns["mains"] = self.machine.mains.value
        self.columns["mains_nominal"] = self.machine.voltage.learned

    def set_writable(self, writable: frozenset[str] | None, settings: frozenset[str] | None) -> None:
        """Take which variables can be set, and which ones are settings besides; None: as before."""
        if writable in (None, self._writable) and settings in (None, self._settings):
            return
        self._writable = self._writable if writable is None else writable
        self._settings = self._settings if settings is None else settings
        self._history = (self._writable | self._settings | DEVICE_IDENTITY) - MEASURED

    def new_unknown_words(self, status: str) -> tuple[list[str], str]:
        """Words of a status that are not known and come for the first time; all such words as a reason."""
        words = [word[:MAX_TEXT] for word in unknown_words(status)]
        found = [word for word in words if word not in self.unknown_words]
        found = found[: MAX_WORDS - len(self.unknown_words)]
        self.unknown_words += found
        return found, describe_unknown(self.unknown_words)

    def new_oddities(self, implausible: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
        """(variable, reason) of each variable whose text is refused for a new reason."""
        found = []
        for variable, (text, why) in implausible.items():
            if self.odd.get(variable) != why:
                self.odd[variable] = why
                found.append((variable, f"{variable} = {text[:MAX_TEXT]}: {why}"))
        return found

    def update_variables(self, variables: Variables) -> list[VariableChange]:
        """Take the variables of a full poll; what changed is returned."""
        held, history, changes = self.variables, self._history, []
        for variable, value in variables.items():
            writable = variable in self._writable
            before = held.get(variable)
            if before is None or before[0] != value:
                change = VariableChange(variable, value, writable, parse_value(value))
                if variable in history:
                    old = self.last_known.get(variable) if before is None else before[0]
                    change.old = old if old != value else None
                    if variable in self.last_known or len(self.last_known) < MAX_KNOWN:
                        self.last_known[variable] = value
                changes.append(change)
                held[variable] = (value, writable)
            elif before[1] != writable:
                changes.append(VariableChange(variable, value, writable, flag_alone=True))
                held[variable] = (value, writable)
        if len(held) > len(variables):
            for variable in held.keys() - variables.keys():
                del held[variable]
                changes.append(VariableChange(variable, None))
        return changes
