"""A Nutify database, `nutify.db.sqlite` (SQLAlchemy): samples of UPSes and what happened to them.

Layouts, as its published models and schema files have them:
  0.0.1 to 0.1.x   one UPS. `ups_dynamic_data`: a column for each variable that the UPS has (dots as underscores), one averaged
                   row a minute; `ups_static_data`; `ups_events`, in the oldest `ups_events_socket`. The oldest write local
                   times as `timestamp_tz`, later ones UTC as `timestamp_utc`.
  0.2.0 and later  many UPSes. `ups_monitor_targets`; `ups_monitor_data` with `target_id`, `timestamp_utc`, common
                   variables as columns and all of them in `raw_json`; `ups_events` with `target_id`.
Settings are not imported, and with them no password. Where a UPS tells no power, 0.1.x stored what it had computed itself
as `ups_realpower`; nothing tells the two apart.
"""

import json

from ingest.db.time import format_utc
from ingest.transfer.importers import nutify_events
from ingest.transfer.records import Sample, Skip, TransferError
from ingest.transfer.samples import USUAL_S, Samples, find_intervals
from ingest.transfer.streams import TableStream, open_source, peek_tables, tables_of
from ingest.transfer.timestamps import Stamps
from ingest.ups.figures import FIGURES, RATINGS, column

LOOKED_FOR = "a Nutify database: an SQLite file with the table ups_dynamic_data or ups_monitor_data"
TITLE = "Nutify database"
VARIABLES = (
    *FIGURES,
    *RATINGS,
    "device.mfr",
    "device.model",
    "device.serial",
    "ups.mfr",
    "ups.model",
    "ups.serial",
    "ups.firmware",
)
OLD, NEW = "ups_dynamic_data", "ups_monitor_data"
NAME = "ups"  # of the one UPS of an old file without events


def recognise(path, options):
    return bool({OLD, NEW} & peek_tables(path).keys())


class Source:
    kind = "nutify"

    def __init__(self, path, options):
        self._source = open_source(path)
        self._tables = tables_of(self._source)
        self._options = options
        self.target = options.ups or ""
        self._names = self._targets()
        self._intervals = {}

    def close(self):
        self._source.close()

    def _targets(self):
        """target_id -> name of the UPS; None is the one UPS of an old file."""
        names = {}
        if "ups_monitor_targets" in self._tables:
            for number, name, host in self._source.execute(
                "select id, ups_name, host from ups_monitor_targets order by id"
            ):
                names[number] = (
                    f"{name}@{host}"
                    if name in {n.partition("@")[0] for n in names.values()}
                    else f"{name}@nutify"
                )
        if len(names) > 1 and self._options.ups and not self._options.ups.startswith("@"):
            found = ", ".join(name.partition("@")[0] for name in names.values())
            raise TransferError(
                f"--ups names one UPS, the file holds {found}: --ups @closet makes each NAME@closet"
            )
        names[None] = f"{self._only_name()}@nutify"
        return names

    def _only_name(self):
        for table in self._event_tables():
            row = self._source.execute(
                f"select ups_name from {table} where ups_name <> '' order by id desc limit 1"
            ).fetchone()
            if row:
                return row[0].partition("@")[0]
        return NAME

    def _event_tables(self):
        return [
            name for name in ("ups_events", "ups_events_socket") if "event_type" in self._tables.get(name, ())
        ]

    def _name(self, target):
        return self._options.ups_for(self._names.get(target) or f"target-{target}@nutify")

    def _stamps(self, table):
        """(how its times read, their column)."""
        if "timestamp_utc" in self._tables[table]:
            return Stamps("UTC"), "timestamp_utc"
        return Stamps(self._options.timezone), "timestamp_tz"

    def streams(self):
        for table in (OLD, NEW):
            if table in self._tables:
                self._intervals = find_intervals(self._stream(table).items())
                yield self._stream(table), Samples(self._options, self._intervals)

    def _stream(self, table):
        held = self._tables[table]
        _, time = self._stamps(table)
        variables = [name for name in VARIABLES if column(name) in held]
        extra = ["target_id", "raw_json"] if table == NEW else ["null", "null"]
        static = self._static() if table == OLD else {}
        columns = ", ".join(
            [time, "ups_status" if "ups_status" in held else "''", *extra, *map(column, variables)]
        )

        def parser():
            stamps, _ = self._stamps(table)

            def parse(received, status, target, raw, *values):
                try:
                    at = stamps.seconds(received)
                except (ValueError, TypeError, AttributeError):
                    return Skip("its time cannot be read")
                told = {
                    **static,
                    **_texts(raw),
                    **{n: str(v) for n, v in zip(variables, values) if v is not None},
                }
                return Sample(at, self._name(target), status or "", told)

            return parse

        def at(received):
            return format_utc(self._stamps(table)[0].seconds(received))

        return TableStream(self._source, table, f"select id, {columns} from {table}", parser, time=1, at=at)

    def _static(self):
        held = self._tables.get("ups_static_data", set())
        names = [name for name in VARIABLES if column(name) in held]
        if not names:
            return {}
        row = self._source.execute(
            f"select {', '.join(map(column, names))} from ups_static_data limit 1"
        ).fetchone()
        return {name: str(value) for name, value in zip(names, row or ()) if value not in (None, "")}

    def states(self):
        for table in self._event_tables():
            yield (
                "events of UPSes",
                "stored",
                lambda connection, table=table: self._save_events(connection, table),
            )

    def _save_events(self, connection, table):
        stamps, time = self._stamps(table)
        target = "target_id" if "target_id" in self._tables[table] else "null"
        rows = self._source.execute(
            f"select {time}, {target}, event_type, event_message from {table} order by {time}, id"
        )
        found = [(row[0], self._name(row[1]), *row[2:]) for row in rows]
        return nutify_events.save(
            connection, found, stamps, self._options, lambda name: self._intervals.get(name, USUAL_S)
        )


def _texts(raw):
    """The variables in a JSON object, as text; nothing where it is none."""
    try:
        told = json.loads(raw) if raw else {}
    except ValueError:
        told = {}
    return {n: str(v) for n, v in told.items() if v is not None} if isinstance(told, dict) else {}
