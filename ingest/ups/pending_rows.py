"""The rows that a UpsStore pends, and how they get into the open transaction. A write may be repeated."""

import json

from ingest.db.bulk_insert import Insert
from ingest.db.time import format_utc
from ingest.ups import registry
from ingest.ups.commands import command_label
from ingest.ups.figures import FIGURES, column
from ingest.ups.hourly import UPSERT_HOUR, UpsHour
from ingest.ups.variables import full_label

SAMPLES = Insert(
    "ups_samples", ["sampled_at", "ups", "ups_status", *map(column, FIGURES), "watts", "watts_rule"]
)
CHANGES = Insert("ups_variable_changes", ["ups", "variable", "old", "value", "changed_at"])
UPSERT_VARIABLE = """insert into ups_variables (ups, variable, value, number, writable, changed_at) values (?, ?, ?, ?, ?, ?)
on conflict (ups, variable) do update set value = excluded.value, number = excluded.number, writable = excluded.writable,
changed_at = excluded.changed_at"""
INSERT_CONTROL = """insert into ups_controls (ups, kind, name, description, listed, type, choices, ranges, checked_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
INSERT_RUN = "insert into polls (ups, started_at, ended_at, count, outcome, detail) values (?, ?, ?, ?, ?, ?)"
INSERT_EVENT = """insert into events (event, ups, started_at, ended_at, complete, detail, figures)
values (?, ?, ?, ?, ?, ?, ?)"""
UPDATE_EVENT = "update events set ended_at = ?, complete = ?, detail = ?, figures = ? where id = ?"
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
)
KEPT = ("first_seen_at",)  # where the file has one, an import may have told an earlier one
SET = (f"{name} = coalesce({f'{name}, ?' if name in KEPT else f'?, {name}'})" for name in COLUMNS)
UPDATE_UPS = f"update ups set {', '.join(SET)} where id = ?"


class Pending:
    """What one commit holds. Rows refer to Ups, PollRun and Event objects, whose ids are known once it stands."""

    def __init__(self):
        self.new, self.gone, self.dirty = [], [], set()  # Ups objects
        self.samples = []  # (ups, at, status, figures, watts, rule)
        self.variables = {}  # (ups, variable) -> (value, number, writable, changed_at), None: the UPS tells it no more
        self.flags = {}  # (ups, variable) -> writable
        self.history = []  # (ups, variable, old, value, changed_at)
        self.hours = {}  # (ups, hour_at) -> Hour, what is to be added to that of the file
        self.runs, self.events = {}, {}  # -> the Ups that each is of
        self.offers = {}  # Ups -> (UpsControls, the settings that the config has for it)
        self._ids, self._row_ids, self._totals = {}, {}, {}

    def hour(self, ups, hour_at):
        """What is pending of an hour."""
        if (ups, hour_at) not in self.hours:
            self.hours[ups, hour_at] = UpsHour(hour_at)
        return self.hours[ups, hour_at]

    def write(self, connection, sources):
        """Write all of it inside the open transaction; returns the topics that changed."""
        left_out = "update ups set configured = 0 where id = ?"
        connection.executemany(left_out, [(ups.id,) for ups in self.gone if ups.id is not None])
        self._ids = {ups: self._insert(connection, ups, sources[ups.source]) for ups in self.new}
        number = self._number
        connection.executemany(left_out, [(number(ups),) for ups in self.gone if ups.id is None])
        connection.executemany(UPDATE_UPS, [(*ups.columns.values(), number(ups)) for ups in self.dirty])
        self._write_hours(connection)  # before the samples: what the file has of them is looked up
        flat = []
        for ups, at, status, figures, watts, rule in self.samples:
            flat += (at, number(ups), status, *figures, watts, rule)
        SAMPLES.append(connection, flat)
        self._write_variables(connection)
        for ups, offered in self.offers.items():
            self._write_offer(connection, number(ups), *offered)
        self._row_ids = {**self._write_runs(connection), **self._write_events(connection)}
        told = {
            "ups": self.dirty or self.new or self.gone,
            "ups_samples": flat,
            "ups_variables": self.variables or self.flags,
            "polls": self.runs,
            "events": self.events,
            "ups_controls": self.offers,
        }
        return {topic for topic, rows in told.items() if rows}

    def committed(self):
        """The transaction stands: what is new has its number now."""
        for ups, number in self._ids.items():
            ups.id = number
        for row, number in self._row_ids.items():
            row.id = number
        for (ups, hour_at), hour in self._totals.items():
            ups.hours[hour_at] = hour
            for earlier in sorted(ups.hours)[:-2]:
                del ups.hours[earlier]

    @staticmethod
    def _insert(connection, ups, source):
        number = registry.insert(connection, ups.name, source.driver, source.name, ups.address, ups.label)
        connection.execute("update ups set configured = 1 where id = ?", (number,))
        return number

    def _number(self, ups):
        return self._ids[ups] if ups.id is None else ups.id

    def _write_hours(self, connection):
        self._totals = {}
        for (ups, hour_at), fresh in self.hours.items():
            held = ups.hours.get(hour_at) or UpsHour.load(connection, self._number(ups), hour_at)
            self._totals[ups, hour_at] = held.merged(fresh)
        connection.executemany(
            UPSERT_HOUR, [hour.values(self._number(ups)) for (ups, _), hour in self._totals.items()]
        )

    def _write_variables(self, connection):
        number = self._number
        rows = [(number(ups), variable, row) for (ups, variable), row in self.variables.items()]
        connection.executemany(
            UPSERT_VARIABLE, [(ups, variable, *row) for ups, variable, row in rows if row is not None]
        )
        connection.executemany(
            "delete from ups_variables where ups = ? and variable = ?",
            [(ups, variable) for ups, variable, row in rows if row is None],
        )
        connection.executemany(
            "update ups_variables set writable = ? where ups = ? and variable = ?",
            [(writable, number(ups), variable) for (ups, variable), writable in self.flags.items()],
        )
        CHANGES(connection, [value for ups, *rest in self.history for value in (number(ups), *rest)])

    @staticmethod
    def _write_offer(connection, ups, offer, own):
        at = format_utc(offer.at)
        rows = [
            (
                ups,
                "command",
                name,
                command_label(name, words),
                int(own is not None and name in own.commands),
                "",
                "[]",
                "[]",
                at,
            )
            for name, words in offer.commands.items()
        ]
        rows += [
            (
                ups,
                "setting",
                name,
                full_label(name),
                1,
                one.type,
                json.dumps(one.choices),
                json.dumps(one.ranges),
                at,
            )
            for name, one in offer.settings.items()
        ]
        connection.execute("delete from ups_controls where ups = ?", (ups,))
        connection.executemany(INSERT_CONTROL, rows)

    def _write_runs(self, connection):
        ids = {}
        for run, ups in self.runs.items():
            if run.id is None:
                row = (
                    self._number(ups),
                    format_utc(run.started),
                    format_utc(run.ended),
                    run.count,
                    run.outcome,
                    run.detail,
                )
                ids[run] = connection.execute(INSERT_RUN, row).lastrowid
            else:
                connection.execute(
                    "update polls set ended_at = ?, count = ? where id = ?",
                    (format_utc(run.ended), run.count, run.id),
                )
        return ids

    def _write_events(self, connection):
        ids = {}
        for event, ups in self.events.items():
            figures = json.dumps({name: value for name, value in event.figures.items() if value is not None})
            row = (event.ended and format_utc(event.ended), int(event.complete), event.detail, figures)
            if event.id is None:
                head = (event.event, self._number(ups), format_utc(event.started))
                ids[event] = connection.execute(INSERT_EVENT, (*head, *row)).lastrowid
            else:
                connection.execute(UPDATE_EVENT, (*row, event.id))
        return ids
