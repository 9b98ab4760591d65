"""A Nutify database, `nutify.db.sqlite` (SQLAlchemy): samples and events of UPSes.

Layouts, as its published models and schema files have them:
  0.0.1 to 0.1.x   one UPS. `ups_dynamic_data`: a column for each variable that the UPS has (dots as
  underscores), one averaged
                   row a minute; `ups_static_data`; `ups_events`, in the oldest `ups_events_socket`. The
                   oldest write local times as `timestamp_tz`, later ones UTC as `timestamp_utc`.
  0.2.0 and later  many UPSes. `ups_monitor_targets`; `ups_monitor_data` with `target_id`, `timestamp_utc`,
  common
                   variables as columns and all of them in `raw_json`; `ups_events` with `target_id`.
Settings are not imported, and with them no password. Where a UPS reports no power, 0.1.x stored what it had
computed itself as `ups_realpower`; the two cannot be distinguished.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from ingest.db.time import format_utc
from ingest.mysensors.payload_text import clean_text
from ingest.transfer.foreign_values import parse_json, text_of
from ingest.transfer.importers.nutify_events import NutifyRow, read_spans, save_events
from ingest.transfer.importers.source import Saved, StateImport
from ingest.transfer.importers.table_source import TableSource
from ingest.transfer.records import ImportOptions, Item, Sample, TransferError
from ingest.transfer.samples import USUAL_S, Samples, find_intervals
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream, TableStream, peek_tables
from ingest.transfer.timestamps import TimestampParser
from ingest.ups.event_rows import EventSpan
from ingest.ups.figures import FIGURES, RATINGS, column

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


class NutifySource(TableSource):
    """A Nutify database of any layout."""

    kind = "nutify"
    title = "Nutify database"
    looked_for = "a Nutify database: an SQLite file with the table ups_dynamic_data or ups_monitor_data"

    def __init__(self, path: Path, options: ImportOptions) -> None:
        super().__init__(path, options)
        self.target = options.ups or ""
        self._names = self._targets()
        self._intervals: dict[str, float] = {}

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file with the samples of either layout."""
        return bool({OLD, NEW} & peek_tables(path).keys())

    def _targets(self) -> dict[int | None, str]:
        """target_id -> name of the UPS; None is the one UPS of an old file."""
        names: dict[int | None, str] = {}
        if "ups_monitor_targets" in self._tables:
            for number, name, host in self._source.execute(
                "select id, ups_name, host from ups_monitor_targets order by id"
            ):
                is_taken = f"{name}@nutify" in names.values()
                names[number] = f"{name}@{host}" if is_taken else f"{name}@nutify"
        if len(names) > 1 and self._options.ups and not self._options.ups.startswith("@"):
            found = ", ".join(name.partition("@")[0] for name in names.values())
            raise TransferError(
                f"--ups names one UPS, the file holds {found}: --ups @closet makes each NAME@closet"
            )
        names[None] = f"{self._only_name()}@nutify"
        return names

    def _only_name(self) -> str:
        for table in self._event_tables():
            for (name,) in self._source.execute(
                f"select ups_name from {table} where ups_name <> '' order by id desc limit 1"
            ):
                return str(name).partition("@")[0]
        return NAME

    def _event_tables(self) -> list[str]:
        names = ("ups_events", "ups_events_socket")
        return [name for name in names if "event_type" in self._tables.get(name, ())]

    def _name(self, target: int | None) -> str:
        return self._options.ups_for(self._names.get(target) or f"target-{target}@nutify")

    def _timestamps(self, table: str) -> tuple[TimestampParser, str]:
        """(how its times are read, their column)."""
        if "timestamp_utc" in self._tables[table]:
            return TimestampParser("UTC"), "timestamp_utc"
        return TimestampParser(self._options.timezone), "timestamp_tz"

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The samples."""
        for table in (OLD, NEW):
            if table in self._tables:
                self._intervals = find_intervals(self._stream(table).items())
                yield self._stream(table), Samples(self._options, self._intervals, self._file_events())

    def _stream(self, table: str) -> TableStream:
        held = self._tables[table]
        variables = [name for name in VARIABLES if column(name) in held]
        status = "ups_status" if "ups_status" in held else "''"
        extra = ["target_id", "raw_json"] if table == NEW else ["null", "null"]
        columns = [self._timestamps(table)[1], status, *extra, *map(column, variables)]
        return TableStream(
            self._source,
            table,
            f"select id, {', '.join(columns)} from {table}",
            partial(self._parser, table, variables),
            time=1,
            at=lambda received: format_utc(self._timestamps(table)[0].parse(received)),
        )

    def _parser(self, table: str, variables: list[str]) -> Callable[..., Item]:
        timestamps, _ = self._timestamps(table)
        static = self._static() if table == OLD else {}

        def parse(
            received: str, status: str | None, target: int | None, raw: str | None, *values: object
        ) -> Item:
            at = timestamps.parse(received)
            columns = _texts(zip(variables, values, strict=True))
            return Sample(
                at, self._name(target), text_of(status) or "", static | _parse_variables(raw) | columns
            )

        return parse

    def _static(self) -> dict[str, str]:
        held = self._tables.get("ups_static_data", set())
        names = [name for name in VARIABLES if column(name) in held]
        if not names:
            return {}
        columns = ", ".join(map(column, names))
        row = self._source.execute(f"select {columns} from ups_static_data limit 1").fetchone()
        return {name: text for name, text in _texts(zip(names, row or (), strict=False)).items() if text}

    def states(self) -> Iterable[StateImport]:
        """The events."""
        for table in self._event_tables():
            yield StateImport("events of UPSes", "stored", partial(self._save_events, table))

    def _save_events(self, table: str, connection: Connection) -> Saved:
        return save_events(
            connection,
            self._event_rows(table),
            self._timestamps(table)[0],
            self._options,
            lambda name: self._intervals.get(name, USUAL_S),
        )

    def _event_rows(self, table: str) -> list[NutifyRow]:
        time = self._timestamps(table)[1]
        target = "target_id" if "target_id" in self._tables[table] else "null"
        rows = self._source.execute(
            f"select {time}, {target}, event_type, event_message from {table} order by {time}, id"
        )
        return [(row[0], self._name(row[1]), text_of(row[2]) or "", text_of(row[3])) for row in rows]

    def _file_events(self) -> dict[str, list[EventSpan]]:
        """UPS -> the events that the file has of it."""
        file_events: dict[str, list[EventSpan]] = {}
        for table in self._event_tables():
            rows, (timestamps, _) = self._event_rows(table), self._timestamps(table)
            for name, spans in read_spans(rows, timestamps).items():
                file_events.setdefault(name, []).extend(spans)
        return file_events


def _parse_variables(raw: str | None) -> dict[str, str]:
    """The variables in a JSON object, as text; nothing where it is none."""
    try:
        found = parse_json(text_of(raw) or "{}")
    except ValueError:
        return {}
    return _texts(found.items()) if isinstance(found, dict) else {}


def _texts(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    texts = ((clean_text(name), text_of(value)) for name, value in pairs)
    return {name: text for name, text in texts if text is not None}
