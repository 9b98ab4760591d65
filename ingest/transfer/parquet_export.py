"""Tables as Parquet files, for any engine that reads many sites together.

    DIR/table=messages/day=2026-11-20/part-hill-house.1.1-20000.parquet   history: added to; day is UTC
    DIR/table=readings_hourly/day=2026-11-20/part-hill-house.parquet      summed up: written anew when the
    day changed DIR/table=nodes/part-hill-house.parquet                               current state: written
    anew every time

Every file has a column `house`. History is exported by row id, in ranges: a file has its range in its name,
takes that name when it is whole, and is never changed. Ids that stand in names of files are looked up in
these files before rows with such ids are written: so a run that was killed, ids that SQLite gives again
after the newest rows were deleted, and a database that was replaced by an older copy make nothing twice.
What the site has deleted stays in the files.
"""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

from ingest.db.files import sync
from ingest.db.reserved_ids import HOLDERS
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
)
RANGE_ROWS = 100_000  # rows that are turned into files at a time
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1  # below and above all ids
PART = re.compile(r"\.(-?\d+)-(-?\d+)\.parquet$")

IdRange = list[int]  # [first, last], as JSON keeps it


class HistoryState(TypedDict):
    """How far a table has been exported; kept in `.voltkeeper-HOUSE.json`, whose keys these are.

    `stretches`: the ranges of ids. `top_at`: time of the highest id. `last_at`: the latest time. `before`:
    ranges and latest time of the rows that were exported when the table was found to be another one.
    """

    stretches: list[IdRange]
    top_at: str | None
    last_at: str
    before: NotRequired[tuple[list[IdRange], str]]


class Part(NamedTuple):
    """A file of history, as its name has it."""

    first: int
    last: int
    path: Path


class Export:
    """The export of one site to one folder."""

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, house: str, writer: ParquetWriter, range_rows: int
    ) -> None:
        self._db, self._folder, self._house, self._writer = connection, folder, house, writer
        self._range_rows = range_rows
        self._path = folder / f".voltkeeper-{house}.json"
        state = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._imported: list[int | str] | None = state.pop("imported", None)
        self._sums: dict[str, dict[str, list[object]]] = {
            table: state.pop(table, {}) for table in SUMMED
        }  # table -> day -> what changes with it
        self._history: dict[str, HistoryState] = state
        self.rows: Counter[str] = Counter()  # table -> rows written in this run
        self.notes: list[str] = []  # what people should know of it

    def run(self, bar: ProgressBar) -> None:
        """Write what has come since the last run."""
        for half in self._folder.glob(f"table=*/**/.part-{self._house}.*half"):  # of a run that was killed
            half.unlink()
        held = {row[0] for row in self._db.execute("select name from sqlite_master where type = 'table'")}
        history = [table for table in HISTORY if table in held]
        self._check_history(history)
        with bar(length=sum(map(self._left, history)), label="Exporting") as progress:
            for table in history:
                for number in self._write_history(table):
                    progress.update(number)
        for table in (name for name in SUMMED if name in held):
            self._write_sums(table)
        for table in (name for name in CURRENT if name in held):
            self._write(self._file(table), table, f"select * from {table}")

    # History.

    def _check_history(self, tables: Sequence[str]) -> None:
        """Where the newest row or import that was exported is missing, ids may be other rows' now.

        A node was deleted, then, or the database was replaced by an older copy: all rows of the table are
        compared with the files. Where these were taken away, rows count as exported that are not newer than
        all that was.
        """
        lost = bool(self._imported) and self._imported != self._import(int((self._imported or [0])[0]))
        for table in tables:
            state = self._history.setdefault(table, {"stretches": [], "top_at": None, "last_at": ""})
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
        self._imported = self._import(None)
        self._save()

    def _import(self, number: int | None) -> list[int | str] | None:
        """[id, start] of an import that has brought something; None: of the newest one."""
        where = "order by id desc limit 1" if number is None else f"and id = {number}"
        row = self._db.execute(f"select id, started_at from imports where position > 0 {where}").fetchone()
        return list(row) if row else None

    def _left(self, table: str) -> int:
        ranges = self._history[table]["stretches"]
        last = ranges[-1][1] if ranges else LOWEST
        return int(self._db.execute(f"select count(*) from {table} where id > ?", (last,)).fetchone()[0])

    def _write_history(self, table: str) -> Iterator[int]:
        """Write range by range; yields how many rows each has."""
        state, parts = self._history[table], self._find_parts(table)
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
        files = [part.path for part in parts if part.first <= last and part.last >= first]
        type = self._types(table)[column]
        exported = dict(self._writer.read(files, column, type, first, last)) if files else {}
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
            parts += [self._write_part(table, day, first, last, ids) for day, ids in sorted(days.items())]
        state["last_at"] = max([state["last_at"], *(at for _, at in rows)])
        return len(rows)

    def _write_part(self, table: str, day: str, first: int, last: int, ids: list[int]) -> Part:
        names = (self._file(table, day, f".{n}.{first}-{last}") for n in count(1))
        path = next(path for path in names if not path.exists())
        chosen = f"select * from {table} where id in (select value from json_each(?)) order by id"
        self._write(path, table, chosen, json.dumps(ids))
        return Part(first, last, path)

    def _find_parts(self, table: str) -> list[Part]:
        """The files of a table."""
        found = self._folder.glob(f"table={table}/day=*/part-{self._house}.*.parquet")
        named = ((PART.search(path.name), path) for path in found)
        return [Part(int(name[1]), int(name[2]), path) for name, path in named if name]

    # Sums.

    def _write_sums(self, table: str) -> None:
        day, sums, key = SUMMED[table]
        written = self._sums[table]
        for name, *figures in self._db.execute(
            f"select {day}, count(*), {sums} from {table} group by 1 order by 1"
        ).fetchall():
            if written.get(name) != figures:
                select = f"select * from {table} where {day} = ?"
                self._write(self._file(table, name), table, select, name, keep=key)
                written[name] = figures
                self._save()

    # Files.

    def _file(self, table: str, day: str | None = None, suffix: str = "") -> Path:
        folder = self._folder / f"table={table}"
        if day is not None:
            folder /= "day=" + re.sub("[^0-9-]", "_", day)
        return folder / f"part-{self._house}{suffix}.parquet"

    def _write(self, path: Path, table: str, select: str, *parameters: str, keep: Sequence[str] = ()) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.half")
        old = path if keep and path.exists() else None
        rows = self._db.execute(select, parameters)
        written = self._writer.write(half, self._house, rows, self._types(table), old, keep)
        rename_synced(half, path)
        self.rows[table] += written

    def _types(self, table: str) -> dict[str, str]:
        return {row[1]: row[2].lower() for row in self._db.execute(f"pragma table_info({table})")}

    def _save(self) -> None:
        half = self._path.with_name(f"{self._path.name}.half")
        sums = {table: days for table, days in self._sums.items() if days}
        half.write_text(json.dumps({"imported": self._imported, **self._history, **sums}))
        rename_synced(half, self._path)


def _is_exported(
    number: int, at: str, exported: dict[int, str], before: tuple[list[IdRange], str] | None
) -> bool:
    """True for a row that stands in a file, or did so before the files were taken away."""
    ranges, last_at = before or ([], "")
    return exported.get(number) == at or (
        at <= last_at and any(first <= number <= last for first, last in ranges)
    )


def rename_synced(half: Path, path: Path) -> None:
    """Give a file its name once its bytes are on the disk."""
    sync(half)
    half.replace(path)
    sync(path.parent)
    sync(path.parent.parent)  # the folder may be new, too


def join(ranges: Sequence[Sequence[int]]) -> list[IdRange]:
    """Ranges [first, last] in order; those that touch become one."""
    joined: list[IdRange] = []
    for first, last in sorted(map(tuple, ranges)):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined
