"""The rows that the store has pending, and how they get into the open transaction.

A write may be repeated.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from ingest.db.bulk_insert import Insert, Value
from ingest.db.time import format_utc
from ingest.ups import registry
from ingest.ups.commands import command_label
from ingest.ups.figures import FIGURES, column
from ingest.ups.hourly import UPSERT_HOUR, Statistics, UpsHour
from ingest.ups.records import Event, PollRun, UpsClients, UpsControls
from ingest.ups.registry import UpsSource
from ingest.ups.series import SeriesHour
from ingest.ups.tracked_ups import COLUMNS, TrackedUps
from ingest.ups.variables import full_label

SAMPLES = Insert(
    "ups_samples", ["sampled_at", "ups", "ups_status", *map(column, FIGURES), "watts", "watts_rule"]
)
FIGURES_ROWS = Insert("ups_figures", ["ups", "variable", "sampled_at", "value"])
UPSERT_SERIES_HOUR = """insert into ups_figures_hourly (ups, variable, hour_at, samples, min, avg, max)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (ups, variable, hour_at) do update set samples = excluded.samples, min = excluded.min,
avg = excluded.avg, max = excluded.max"""
VARIABLE_CHANGES = Insert("ups_variable_changes", ["ups", "variable", "old", "value", "changed_at"])
UPSERT_VARIABLE = """insert into ups_variables (ups, variable, value, number, writable, changed_at)
values (?, ?, ?, ?, ?, ?)
on conflict (ups, variable) do update set value = excluded.value, number = excluded.number,
writable = excluded.writable, changed_at = excluded.changed_at"""
INSERT_CONTROL = """insert into ups_controls
(ups, kind, name, description, listed, type, choices, ranges, checked_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
DELETE_CLIENTS = "delete from ups_clients where ups = ? and address not in (select value from json_each(?))"
UPSERT_CLIENT = """insert into ups_clients (ups, address, logins, since_at, checked_at) values (?, ?, ?, ?, ?)
on conflict (ups, address) do update set logins = excluded.logins, checked_at = excluded.checked_at"""
UPDATE_CLIENTS_AT = "update ups set clients_at = ? where id = ?"
INSERT_RUN = "insert into polls (ups, started_at, ended_at, count, outcome, detail) values (?, ?, ?, ?, ?, ?)"
UPDATE_RUN = "update polls set ended_at = ?, count = ? where id = ?"
INSERT_EVENT = """insert into events
(event, ups, started_at, boot_id, boottime_s, ended_at, complete, detail, figures)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
UPDATE_EVENT = """update events set event = ?, started_at = ?, boot_id = ?, boottime_s = ?,
ended_at = ?, complete = ?, detail = ?, figures = ? where id = ?"""
DELETE_EVENT = "delete from events where id = ?"
UPSERT_ODDITY = """insert into oddities (at, ups, variable, reason) values (?, ?, ?, ?)
on conflict (ups, variable) where ups is not null do update set at = excluded.at, reason = excluded.reason"""
UNCONFIGURE = "update ups set configured = 0 where id = ?"
KEPT = ("first_seen_at",)  # where the file has one, an import may have set an earlier one
SET = (f"{name} = coalesce({f'{name}, ?' if name in KEPT else f'?, {name}'})" for name in COLUMNS)
UPDATE_UPS = f"update ups set {', '.join(SET)} where id = ?"


class SampleRow(NamedTuple):
    """A row of `ups_samples`; `figures` are the values of FIGURES."""

    at: str
    ups: TrackedUps
    status: str
    figures: list[float | None]
    watts: float | None
    watts_rule: str | None


class VariableRow(NamedTuple):
    """A row of `ups_variables`."""

    value: str
    number: float | None
    writable: bool
    changed_at: str


class HistoryRow(NamedTuple):
    """A row of `ups_variable_changes`."""

    ups: TrackedUps
    variable: str
    old: str
    value: str
    changed_at: str


class FigureRow(NamedTuple):
    """A row of `ups_figures`."""

    ups: TrackedUps
    variable: str
    sampled_at: str
    value: float


class PendingRows:
    """The rows of one commit.

    They refer to TrackedUps, PollRun and Event objects, which get their ids by it.
    """

    def __init__(self) -> None:
        self.new: list[TrackedUps] = []
        self.gone: list[TrackedUps] = []
        self.changed: set[TrackedUps] = set()  # in their columns
        self.samples: list[SampleRow] = []
        self.variables: dict[tuple[TrackedUps, str], VariableRow | None] = {}  # None: to be deleted
        self.writable: dict[tuple[TrackedUps, str], bool] = {}  # variables of which this alone has changed
        self.history: list[HistoryRow] = []
        self.hours: dict[tuple[TrackedUps, str], UpsHour] = {}  # what is to be added to those of the file
        self.figures: list[FigureRow] = []
        self.series_hours: dict[tuple[TrackedUps, str, str], SeriesHour] = {}  # what is to be added to them
        self.runs: dict[PollRun, TrackedUps] = {}
        self.events: dict[Event, TrackedUps] = {}
        self.controls: dict[TrackedUps, UpsControls] = {}
        self.oddities: dict[tuple[TrackedUps, str], tuple[str, str]] = {}  # (ups, variable) -> (at, reason)
        self.clients: dict[TrackedUps, UpsClients] = {}
        self._ids: dict[TrackedUps, int] = {}
        self._row_ids: dict[PollRun | Event, int] = {}
        self._totals: dict[tuple[TrackedUps, str], UpsHour] = {}
        self._series_totals: dict[tuple[TrackedUps, str, str], Statistics] = {}

    def hour(self, ups: TrackedUps, hour_at: str) -> UpsHour:
        """What is pending of an hour."""
        if (ups, hour_at) not in self.hours:
            self.hours[ups, hour_at] = UpsHour(hour_at)
        return self.hours[ups, hour_at]

    def drop_hours(self) -> None:
        """Nobody knows which hours these are: the samples alone are kept."""
        self.hours, self.series_hours = {}, {}

    def add_series_hour(self, ups: TrackedUps, added: SeriesHour) -> None:
        """Add to what is pending of an hour of a series."""
        key = (ups, added.variable, added.hour_at)
        if key in self.series_hours:
            new = added.statistics
            self.series_hours[key].statistics.add(new.count, new.low, new.total, new.high)
        else:
            self.series_hours[key] = added

    def write(self, connection: sqlite3.Connection, sources: Mapping[str, UpsSource]) -> set[str]:
        """Write all of it inside the open transaction; returns the topics that changed."""
        connection.executemany(UNCONFIGURE, [(ups.id,) for ups in self.gone if ups.id is not None])
        self._ids = {ups: self._insert(connection, ups, sources[ups.source]) for ups in self.new}
        id_of = self._id_of
        connection.executemany(UNCONFIGURE, [(id_of(ups),) for ups in self.gone if ups.id is None])
        connection.executemany(UPDATE_UPS, [(*ups.columns.values(), id_of(ups)) for ups in self.changed])
        self._write_hours(connection)  # before the samples: what the file has of them is looked up
        flat: list[Value] = []
        for at, ups, status, figures, watts, rule in self.samples:
            flat += (at, id_of(ups), status, *figures, watts, rule)
        SAMPLES.append(connection, flat)
        self._write_series(connection)
        self._write_variables(connection)
        connection.executemany(
            UPSERT_ODDITY,
            [(at, id_of(ups), variable, reason) for (ups, variable), (at, reason) in self.oddities.items()],
        )
        for ups, controls in self.controls.items():
            self._write_controls(connection, ups, controls)
        self._write_clients(connection)
        self._row_ids = {**self._write_runs(connection), **self._write_events(connection)}
        written = {
            "ups": self.changed or self.new or self.gone,
            "ups_samples": flat,
            "ups_figures": self.figures,
            "ups_variables": self.variables or self.writable,
            "polls": self.runs,
            "events": self.events,
            "ups_controls": self.controls,
            "oddities": self.oddities,
            "ups_clients": self.clients,
        }
        return {topic for topic, rows in written.items() if rows}

    def committed(self) -> None:
        """Give the ids to what is new: the transaction is committed."""
        for ups, id in self._ids.items():
            ups.id = id
        for row, id in self._row_ids.items():
            row.id = id
        for (ups, hour_at), hour in self._totals.items():
            ups.hours[hour_at] = hour
            for earlier in sorted(ups.hours)[:-2]:
                del ups.hours[earlier]
        for (ups, variable, hour_at), total in self._series_totals.items():
            ups.series.keep(variable, hour_at, total)

    @staticmethod
    def _insert(connection: sqlite3.Connection, ups: TrackedUps, source: UpsSource) -> int:
        id = registry.insert(connection, ups.name, source.driver, source.name, ups.address, ups.label)
        connection.execute(
            "update ups set configured = 1, config_label = ?, location = ? where id = ?",
            (ups.own.label, ups.own.location, id),
        )
        return id

    def _id_of(self, ups: TrackedUps) -> int:
        return self._ids[ups] if ups.id is None else ups.id

    def _write_hours(self, connection: sqlite3.Connection) -> None:
        self._totals = {}
        for (ups, hour_at), added in self.hours.items():
            held = ups.hours.get(hour_at) or UpsHour.load(connection, self._id_of(ups), hour_at)
            self._totals[ups, hour_at] = held.merged(added)
        connection.executemany(
            UPSERT_HOUR, [hour.values(self._id_of(ups)) for (ups, _), hour in self._totals.items()]
        )

    def _write_series(self, connection: sqlite3.Connection) -> None:
        id_of = self._id_of
        flat: list[Value] = []
        for ups, variable, at, value in self.figures:
            flat += (id_of(ups), variable, at, value)
        FIGURES_ROWS(connection, flat)
        self._series_totals = {
            key: key[0].series.total(connection, id_of(key[0]), added)
            for key, added in self.series_hours.items()
        }
        connection.executemany(
            UPSERT_SERIES_HOUR,
            [
                (id_of(ups), variable, hour_at, held.count, *held.row())
                for (ups, variable, hour_at), held in self._series_totals.items()
            ],
        )

    def _write_variables(self, connection: sqlite3.Connection) -> None:
        id_of, rows = self._id_of, self.variables.items()
        connection.executemany(
            UPSERT_VARIABLE,
            [(id_of(ups), variable, *row) for (ups, variable), row in rows if row is not None],
        )
        connection.executemany(
            "delete from ups_variables where ups = ? and variable = ?",
            [(id_of(ups), variable) for (ups, variable), row in rows if row is None],
        )
        connection.executemany(
            "update ups_variables set writable = ? where ups = ? and variable = ?",
            [(writable, id_of(ups), variable) for (ups, variable), writable in self.writable.items()],
        )
        history: list[Value] = []
        for ups, *values in self.history:
            history += (id_of(ups), *values)
        VARIABLE_CHANGES(connection, history)

    def _write_controls(self, connection: sqlite3.Connection, ups: TrackedUps, controls: UpsControls) -> None:
        id, at = self._id_of(ups), format_utc(controls.at)
        commands: list[tuple[Value, ...]] = [
            (
                id,
                "command",
                name,
                command_label(name, text),
                int(name in ups.own.commands),
                "",
                "[]",
                "[]",
                at,
            )
            for name, text in controls.commands.items()
        ]
        settings: list[tuple[Value, ...]] = [
            (
                id,
                "setting",
                name,
                full_label(name),
                1,
                setting.type,
                json.dumps(setting.choices),
                json.dumps(setting.ranges),
                at,
            )
            for name, setting in controls.settings.items()
        ]
        connection.execute("delete from ups_controls where ups = ?", (id,))
        connection.executemany(INSERT_CONTROL, commands + settings)

    def _write_clients(self, connection: sqlite3.Connection) -> None:
        for ups, clients in self.clients.items():
            id, at, logins = self._id_of(ups), format_utc(clients.at), clients.logins or {}
            connection.execute(DELETE_CLIENTS, (id, json.dumps(list(logins))))
            connection.executemany(
                UPSERT_CLIENT, [(id, address, number, at, at) for address, number in logins.items()]
            )
            connection.execute(UPDATE_CLIENTS_AT, (None if clients.logins is None else at, id))

    def _write_runs(self, connection: sqlite3.Connection) -> dict[PollRun | Event, int]:
        ids: dict[PollRun | Event, int] = {}
        for run, ups in self.runs.items():
            ended_at = format_utc(run.ended)
            if run.id is None:
                row = (
                    self._id_of(ups),
                    format_utc(run.started),
                    ended_at,
                    run.count,
                    run.outcome,
                    run.detail,
                )
                ids[run] = _last_id(connection.execute(INSERT_RUN, row))
            else:
                connection.execute(UPDATE_RUN, (ended_at, run.count, run.id))
        return ids

    def _write_events(self, connection: sqlite3.Connection) -> dict[PollRun | Event, int]:
        ids: dict[PollRun | Event, int] = {}
        for event, ups in self.events.items():
            if event.withdrawn:
                connection.execute(DELETE_EVENT, (event.id,))
                continue
            figures = json.dumps({name: value for name, value in event.figures.items() if value is not None})
            ended_at = format_utc(event.ended) if event.ended else None
            boot = (event.boot_id, event.boottime) if event.boot_id and ended_at is None else (None, None)
            row = (format_utc(event.started), *boot, ended_at, int(event.complete), event.detail, figures)
            if event.id is None:
                head = (event.event, self._id_of(ups))
                ids[event] = _last_id(connection.execute(INSERT_EVENT, (*head, *row)))
            else:
                connection.execute(UPDATE_EVENT, (event.event, *row, event.id))
        return ids


def _last_id(cursor: sqlite3.Cursor) -> int:
    """The id of the row that was just inserted."""
    if cursor.lastrowid is None:
        raise RuntimeError("the cursor inserted no row")
    return cursor.lastrowid
