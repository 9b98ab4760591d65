"""Tables as Parquet files, for any engine that reads many sites together.

    table=messages/day=2026-11-20/part-hill-house.1.1-20000.parquet   history: added to; day is UTC
    table=readings_hourly/day=2026-11-20/part-hill-house.parquet      summed up: written anew when it changed
    table=nodes/part-hill-house.parquet                               current state: written anew every time
    table=files/part-hill-house.parquet                               the files of the last complete set
    table=sites/part-hill-house.parquet                               the site; is its set complete?

Every file has a column `house`. History is exported by row id, in ranges: a file has its range in its name,
takes that name when it is whole, and is never changed. Ids that stand in names of files are looked up in
these files before rows with such ids are written: so a run that was killed, ids that SQLite gives again
after the newest rows were deleted, and a database that was replaced by an older copy make nothing twice.
What the site has deleted stays in the files.

`files` is written after all others. While files that stand in it are replaced, `sites.complete` is 0.
"""

import json
import re
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from ingest.db.reserved_ids import HOLDERS
from ingest.transfer.export_state import ExportState, HistoryState, IdRange
from ingest.transfer.lake import Lake
from ingest.transfer.lake_schema import lake_schema
from ingest.transfer.parquet_writer import ParquetWriter
from ingest.transfer.stream_import import ProgressBar

HISTORY = {  # table -> the column with its time
    "messages": "received_at",
    "readings": "received_at",
    "battery_levels": "received_at",
    "oddities": "at",
    "ups_samples": "sampled_at",
    "ups_figures": "sampled_at",
    "ups_variable_changes": "changed_at",
}
SUMMED = {  # table -> (its day, what changes with it, its key)
    "readings_hourly": (
        "substr(hour_at, 1, 10)",
        "sum(count), sum(numbers), count(wrong)",
        ("channel", "hour_at"),
    ),
    "ups_samples_hourly": ("substr(hour_at, 1, 10)", "sum(samples), sum(covered_s)", ("ups", "hour_at")),
    "ups_figures_hourly": (
        "substr(hour_at, 1, 10)",
        "sum(samples)",
        ("ups", "variable", "hour_at"),
    ),
    "node_daily": ("day", "sum(messages)", ("series",)),
    "node_radio_daily": ("day", "sum(sent)", ("node",)),
    "polls": ("substr(started_at, 1, 10)", "sum(count)", ("ups", "started_at")),
}
CURRENT = (
    "gateways",
    "nodes",
    "sensors",
    "channels",
    "ups",
    "events",
    "battery_changes",
    "ups_battery_changes",
    "tariffs",
    "firmware",
    "ota_updates",
    "node_firmware",
    "battery_forecasts",
)
RANGE_ROWS = 100_000  # rows that are turned into files at a time
SAVE_S = 5.0  # between two times that the state is saved while sums are written
HALF = "half"  # a file on its way
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1  # below and above all ids
PART = re.compile(r"\.(-?\d+)-(-?\d+)\.parquet$")


class Part(NamedTuple):
    """A file of history, as its name has it."""

    first: int
    last: int
    name: str


class Made(NamedTuple):
    """A file that is written and has yet to be added."""

    path: Path
    rows: int


class SiteFacts(NamedTuple):
    """What the table `sites` says of a site, beside the export itself."""

    site_key: str
    title: str
    timezone: str
    version: str


class Export:
    """The export of one site to one lake."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        lake: Lake,
        house: str,
        state: ExportState,
        writer: ParquetWriter,
        range_rows: int,
    ) -> None:
        self._db, self._lake, self.house, self._writer = connection, lake, house, writer
        self._state, self._range_rows = state, range_rows
        self._files = self._known_files()
        self._saved = 0.0
        self.rows: Counter[str] = Counter()  # table -> rows written in this run
        self.notes: list[str] = []  # what people should know of it

    def _known_files(self) -> dict[str, list[int]]:
        """Name -> [rows, bytes] of the files that are there, those of a run that was killed among them."""
        known, lake = self._state.files, self._lake
        names: Iterable[str] = (
            [*(known or {}), *self._state.writing] if known is not None else lake.list_files()
        )
        doubtful = set(names) if lake.stages else set(self._state.writing)  # files may have been taken away
        found = {}
        for name in names:
            if name not in doubtful or lake.exists(name):
                found[name] = (known or {}).get(name) or self._measure(name)
        return found

    def _measure(self, name: str) -> list[int]:
        path = self._lake.find(name)
        return [self._writer.count(path), path.stat().st_size] if path else [0, 0]

    def run(self, bar: ProgressBar, site: SiteFacts) -> None:
        """Write what has come since the last run."""
        held = {row[0] for row in self._db.execute("select name from sqlite_master where type = 'table'")}
        history = [table for table in HISTORY if table in held]
        self._check_history(history)
        with bar(length=sum(map(self._left, history)), label="Exporting") as progress:
            for table in history:
                for number in self._write_history(table):
                    progress.update(number)
        if not self._lake.stages:  # from here on, files of the last set are replaced
            self._put_site(site, complete=False)
        for table in (name for name in SUMMED if name in held):
            self._write_sums(table)
        for table in (name for name in CURRENT if name in held):
            name = self._file(table)
            self._add(name, self._make(HALF, name, table, f"select * from {table}"))
        self._save()
        if self._lake.stages:
            self._put_site(site, complete=False)
            self._lake.publish()
        self._state.set_number += 1
        self._put_table("files", sorted(self._listed()))
        self._put_site(site, complete=True)
        self._save()

    # What belongs to the set.

    def _listed(self) -> Iterator[tuple[str, str | None, str, int, int]]:
        """Rows of the table `files`, without `house`."""
        for name, (rows, size) in self._files.items():
            table, *day = (part.partition("=")[2] for part in name.split("/")[:-1])
            yield table, day[0] if day else None, name, rows, size

    def _put_site(self, site: SiteFacts, complete: bool) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        version = lake_schema().version
        self._put_table("sites", [(*site, version, self._state.set_number, at, int(complete))])

    def _put_table(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        columns = list(lake_schema().tables[table])
        half = self._lake.work / HALF
        self._writer.write(half, table, self.house, columns, rows)
        self._lake.put(self._file(table), half)

    # History.

    def _check_history(self, tables: Sequence[str]) -> None:
        """Where the newest row or import that was exported is missing, ids may be other rows' now.

        A node was deleted, then, or the database was replaced by an older copy: all rows of the table are
        compared with the files. Where these were taken away, rows count as exported that are not newer than
        all that was.
        """
        imported = self._state.imported
        lost = bool(imported) and imported != self._import(int((imported or [0])[0]))
        for table in tables:
            state = self._state.history.setdefault(table, {"stretches": [], "top_at": None, "last_at": ""})
            ranges = state["stretches"]
            if ranges and (
                (lost and table in HOLDERS) or self._time(table, ranges[-1][1]) != state["top_at"]
            ):
                state["before"] = (ranges, state["last_at"])
                state["stretches"] = []
                self.notes.append(
                    f"{table}: the newest rows that were exported are not in the database any more: they "
                    "were deleted, or an older copy was put in its place. What is not in the files is "
                    "written; what is there stays."
                )
        self._state.imported = self._import(None)
        self._save()

    def _import(self, number: int | None) -> list[int | str] | None:
        """[id, start] of an import that has brought something; None: of the newest one."""
        where = "order by id desc limit 1" if number is None else f"and id = {number}"
        row = self._db.execute(f"select id, started_at from imports where position > 0 {where}").fetchone()
        return list(row) if row else None

    def _left(self, table: str) -> int:
        ranges = self._state.history[table]["stretches"]
        last = ranges[-1][1] if ranges else LOWEST
        return int(self._db.execute(f"select count(*) from {table} where id > ?", (last,)).fetchone()[0])

    def _write_history(self, table: str) -> Iterator[int]:
        """Write range by range; yields how many rows each has."""
        state, parts = self._state.history[table], self._find_parts(table)
        while (found := self._next_range(table, state["stretches"])) is not None:
            yield self._write_range(table, state, parts, *found)
            state["stretches"] = join([*state["stretches"], found])
            state["top_at"] = self._time(table, state["stretches"][-1][1])
            self._save()
        if "before" in state:
            del state["before"]
            self._save()

    def _time(self, table: str, number: int) -> str | None:
        row = self._db.execute(f"select {HISTORY[table]} from {table} where id = ?", (number,)).fetchone()
        return row[0] if row else None

    def _reserved(self, table: str) -> list[tuple[int, int]]:
        """Ranges of ids that an import has yet to fill."""
        return self._db.execute(
            "select next_id, last_id from imports "
            "where finished_at is null and next_id <= last_id and numbers = ?",
            (HOLDERS.get(table),),
        ).fetchall()

    def _next_range(self, table: str, ranges: list[IdRange]) -> IdRange | None:
        """The first rows in a gap between, before or behind what is exported: imports fill in older ids."""
        self._db.execute("begin")  # one snapshot of what is reserved and of what is there
        with self._db:
            taken = join([*ranges, *self._reserved(table)])
            edges = [LOWEST, *(edge for found in taken for edge in found), HIGHEST]
            for below, above in zip(edges[::2], edges[1::2], strict=True):
                first, last = self._db.execute(
                    "select min(id), max(id) from "
                    f"(select id from {table} where id > ? and id < ? order by id limit ?)",
                    (below, above, self._range_rows),
                ).fetchone()
                if first is not None:
                    return [first, last]
        return None

    def _write_range(self, table: str, state: HistoryState, parts: list[Part], first: int, last: int) -> int:
        """Write the rows of a range, by day, that stand in no file yet. Returns how many rows it has."""
        column = HISTORY[table]
        files = self._find([part.name for part in parts if part.first <= last and part.last >= first])
        exported = dict(self._writer.read(files, column, first, last)) if files else {}
        before = None if files else state.get("before")
        days: defaultdict[str, list[int]] = defaultdict(list)
        self._db.execute("begin")  # what is deleted meanwhile is there to the end
        with self._db:
            rows = self._db.execute(
                f"select id, {column} from {table} where id between ? and ?", (first, last)
            ).fetchall()
            for number, at in rows:
                if not _is_exported(number, at, exported, before):
                    days[at[:10]].append(number)
            names = {day: self._part_name(table, day, first, last) for day in sorted(days)}
            self._state.writing = list(names.values())
            self._save()  # a run that is killed from here on finds them again
            chosen = f"select * from {table} where id in (select value from json_each(?)) order by id"
            made = {
                name: self._make(f"half-{number}", name, table, chosen, json.dumps(days[day]))
                for number, (day, name) in enumerate(names.items())
            }
        for name, half in made.items():  # an upload may be slow: no transaction is held up by it
            self._add(name, half)
        parts += [Part(first, last, name) for name in names.values()]
        self._state.writing = []
        state["last_at"] = max([state["last_at"], *(at for _, at in rows)])
        return len(rows)

    def _part_name(self, table: str, day: str, first: int, last: int) -> str:
        names = (self._file(table, day, f".{n}.{first}-{last}") for n in count(1))
        return next(name for name in names if name not in self._files)

    def _find_parts(self, table: str) -> list[Part]:
        """The files of a table."""
        found = ((PART.search(name), name) for name in self._files if name.startswith(f"table={table}/"))
        return [Part(int(part[1]), int(part[2]), name) for part, name in found if part]

    def _find(self, names: Iterable[str]) -> list[Path]:
        return [path for name in names if (path := self._lake.find(name)) is not None]

    # Sums.

    def _write_sums(self, table: str) -> None:
        day, sums, _ = SUMMED[table]
        written = self._state.sums.setdefault(table, {})
        for of_day, *figures in self._db.execute(
            f"select {day}, count(*), {sums} from {table} group by 1 order by 1"
        ).fetchall():
            if written.get(of_day) != figures:
                select = f"select * from {table} where {day} = ?"
                name = self._file(table, of_day)
                self._add(name, self._make(HALF, name, table, select, of_day))
                written[of_day] = figures
                if time.monotonic() - self._saved > SAVE_S:
                    self._save()

    # Files.

    def _file(self, table: str, day: str | None = None, suffix: str = "") -> str:
        folder = f"table={table}/"
        if day is not None:
            folder += f"day={re.sub('[^0-9-]', '_', day)}/"
        return f"{folder}part-{self.house}{suffix}.parquet"

    def _make(self, half: str, name: str, table: str, select: str, *parameters: str) -> Made:
        """Write the rows of a query to a file on its way; to a sum's, also rows that were deleted since."""
        held = lake_schema().tables[table]
        rows = self._db.execute(select, parameters)
        names = [column[0] for column in rows.description]
        chosen = [number for number, column in enumerate(names) if column in held]
        keep = SUMMED[table][-1] if table in SUMMED else ()
        path = self._lake.work / half
        written, total = self._writer.write(
            path,
            table,
            self.house,
            [names[number] for number in chosen],
            ([row[number] for number in chosen] for row in rows),
            self._lake.find(name) if keep and (self._lake.stages or name in self._files) else None,
            keep,
        )
        self.rows[table] += written
        return Made(path, total)

    def _add(self, name: str, made: Made) -> None:
        self._files[name] = [made.rows, self._lake.add(name, made.path)]

    def _save(self) -> None:
        self._state.files = self._files
        self._lake.save_state(self._state.to_json())
        self._saved = time.monotonic()


def _is_exported(
    number: int, at: str, exported: dict[int, str], before: tuple[list[IdRange], str] | None
) -> bool:
    """True for a row that stands in a file, or did so before the files were taken away."""
    ranges, last_at = before or ([], "")
    return exported.get(number) == at or (
        at <= last_at and any(first <= number <= last for first, last in ranges)
    )


def join(ranges: Sequence[Sequence[int]]) -> list[IdRange]:
    """Ranges [first, last] in order; those that touch become one."""
    joined: list[IdRange] = []
    for first, last in sorted(map(tuple, ranges)):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined
