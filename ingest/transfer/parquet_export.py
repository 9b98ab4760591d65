"""`voltkeeper export`: tables as Parquet files, for any engine that reads many houses together.

    DIR/table=messages/day=2026-11-20/part-hill-house.1.1-20000.parquet   happened: added to; day is UTC
    DIR/table=readings_hourly/day=2026-11-20/part-hill-house.parquet      summed up: written anew when the day changed
    DIR/table=nodes/part-hill-house.parquet                               is: written anew every time

Every file has a column `house`. What happened is taken by row id, in stretches: a file tells its stretch in its name, takes
that name when it is whole, and is never changed. Ids that stand in names of files are looked up in these files before
rows with such ids are written: so a run that was killed, ids that SQLite gives again after the newest rows were deleted,
and a database that an older copy took the place of make nothing twice. What the house has forgotten stays in the files.
"""

import json
import os
import re
import sqlite3
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import click

from ingest.db.connection import connect
from ingest.db.locks import LockedError, lock_file
from ingest.db.reserved_ids import HOLDERS
from ingest.transfer.records import TransferError

HAPPENED = {  # table -> the column with its time
    "messages": "received_at",
    "readings": "received_at",
    "battery_levels": "received_at",
    "oddities": "at",
    "ups_samples": "sampled_at",
    "ups_variable_changes": "changed_at",
}
SUMMED = {  # table -> (its day, what changes with it, its key)
    "readings_hourly": ("substr(hour_at, 1, 10)", "sum(count)", ("channel", "hour_at")),
    "ups_samples_hourly": ("substr(hour_at, 1, 10)", "sum(samples), sum(covered_s)", ("ups", "hour_at")),
    "node_daily": ("day", "sum(messages)", ("series",)),
    "polls": ("substr(started_at, 1, 10)", "sum(count)", ("ups", "started_at")),
}
PRESENT = (
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
STRETCH = 100_000  # rows that are turned into files at a time
PART = re.compile(r"\.(-?\d+)-(-?\d+)\.parquet$")
HOUSE = re.compile(r"[a-z0-9_-]+")


def house_name(text):
    """A title as a name for files: 'Hill house' is hill-house."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-") or "house"


class Export:
    """One house in one DIR."""

    def __init__(self, connection, folder, house, writer):
        self._db, self._folder, self._house, self._writer = connection, folder, house, writer
        self._path = folder / f".voltkeeper-{house}.json"
        self._state = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._types_of, self._files = {}, {}
        self.rows = {}  # table -> rows written in this run
        self.notes = []  # what people should know of it

    def run(self, bar):
        for half in self._folder.glob(f"table=*/**/.part-{self._house}.*half"):  # of a run that was killed
            half.unlink()
        held = {row[0] for row in self._db.execute("select name from sqlite_master where type = 'table'")}
        happened = [table for table in HAPPENED if table in held]
        self._look_back(happened)
        total = sum(map(self._left, happened))
        with bar(length=total, label="rows") as progress:
            for table in happened:
                for number in self._happened(table):
                    progress.update(number)
        for table in (name for name in SUMMED if name in held):
            self._summed(table)
        for table in (name for name in PRESENT if name in held):
            self._write(self._file(table), table, f"select * from {table}")

    # What happened.

    def _look_back(self, tables):
        """Where the newest row or import that was exported is not there any more, ids may be other rows' now.

        A node was deleted, then, or an older copy of the database was put in its place: all rows of the table are
        compared with the files. Where these were taken away, rows count as exported that are not newer than all that was.
        """
        imported = self._state.get("imported")
        lost = imported and imported != self._import(imported[0])
        for table in tables:
            state = self._state.setdefault(table, {"stretches": [], "top_at": None, "last_at": ""})
            stretches = state["stretches"]
            if stretches and (
                (lost and table in HOLDERS) or self._time(table, stretches[-1][1]) != state["top_at"]
            ):
                state["before"], state["stretches"] = [stretches, state["last_at"]], []
                self.notes.append(
                    f"{table}: the newest rows that were exported are not in the database any more: they were deleted, or "
                    "an older copy was put in its place. What is not in the files is written; what is there stays."
                )
        self._state["imported"] = self._import(None)
        self._save()

    def _import(self, number):
        """[id, start] of an import that has brought something; None: of the newest one."""
        where = "order by id desc limit 1" if number is None else f"and id = {number}"
        row = self._db.execute(f"select id, started_at from imports where position > 0 {where}").fetchone()
        return row and list(row)

    def _left(self, table):
        stretches = self._state[table]["stretches"]
        above = f"where id > {stretches[-1][1]}" if stretches else ""
        return self._db.execute(f"select count(*) from {table} {above}").fetchone()[0]

    def _happened(self, table):
        state = self._state[table]
        while (stretch := self._next(table, state["stretches"])) is not None:
            yield self._write_stretch(table, state, *stretch)
            state["stretches"] = join([*state["stretches"], stretch])
            state["top_at"] = self._time(table, state["stretches"][-1][1])
            self._save()
        if state.pop("before", None):
            self._save()

    def _time(self, table, number):
        row = self._db.execute(f"select {HAPPENED[table]} from {table} where id = ?", (number,)).fetchone()
        return row and row[0]

    def _held(self, table):
        """Stretches of ids that an import has yet to fill."""
        return self._db.execute(
            "select next_id, last_id from imports where finished_at is null and next_id <= last_id and numbers = ?",
            (HOLDERS.get(table),),
        ).fetchall()

    def _next(self, table, stretches):
        """The first STRETCH rows in a gap between, before or behind what is exported: imports fill in older ids."""
        self._db.execute("begin")  # one look at what is held and at what is there
        try:
            return self._first_rows(table, join([*stretches, *self._held(table)]))
        finally:
            self._db.commit()

    def _first_rows(self, table, taken):
        edges = [None, *(edge for stretch in taken for edge in stretch), None]
        for below, above in zip(edges[::2], edges[1::2]):
            where = [f"id > {below}"] if below is not None else []
            where += [f"id < {above}"] if above is not None else []
            rows = f"select id from {table} {'where ' + ' and '.join(where) if where else ''} order by id limit {STRETCH}"
            first, last = self._db.execute(f"select min(id), max(id) from ({rows})").fetchone()
            if first is not None:
                return [first, last]
        return None

    def _write_stretch(self, table, state, first, last):
        """Write the rows of a stretch, by day, that stand in no file yet. Returns how many rows there are in it."""
        column = HAPPENED[table]
        files = [path for start, end, path in self._parts(table) if start <= last and end >= first]
        held = (
            dict(self._writer.read(files, column, self._types(table)[column], first, last)) if files else {}
        )
        taken, taken_at = state.get("before", [[], ""]) if not files else [[], ""]
        self._db.execute("begin")  # what is deleted meanwhile is there to the end
        try:
            rows = self._db.execute(
                f"select id, {column} from {table} where id between ? and ?", (first, last)
            ).fetchall()
            days = {}
            for number, at in rows:
                is_taken = at <= taken_at and any(start <= number <= end for start, end in taken)
                if held.get(number) != at and not is_taken:
                    days.setdefault(at[:10], []).append(number)
            for day, numbers in sorted(days.items()):
                names = (self._file(table, day, f".{n}.{first}-{last}") for n in count(1))
                path = next(path for path in names if not path.exists())
                chosen = f"select * from {table} where id in (select value from json_each(?)) order by id"
                self._write(path, table, chosen, json.dumps(numbers))
                self._parts(table).append((first, last, path))
        finally:
            self._db.commit()
        state["last_at"] = max([state["last_at"], *(at for _, at in rows)])
        return len(rows)

    def _parts(self, table):
        """(first id, last id, path) of the files of a table."""
        if table not in self._files:
            found = self._folder.glob(f"table={table}/day=*/part-{self._house}.*.parquet")
            named = ((PART.search(path.name), path) for path in found)
            self._files[table] = [(int(name[1]), int(name[2]), path) for name, path in named if name]
        return self._files[table]

    # What is summed up.

    def _summed(self, table):
        day, sums, key = SUMMED[table]
        state = self._state.setdefault(table, {})
        for name, *print_ in self._db.execute(
            f"select {day}, count(*), {sums} from {table} group by 1 order by 1"
        ).fetchall():
            if state.get(name) != print_:
                self._write(
                    self._file(table, name), table, f"select * from {table} where {day} = ?", name, keep=key
                )
                state[name] = print_
                self._save()

    # Files.

    def _file(self, table, day=None, suffix=""):
        folder = self._folder / f"table={table}"
        if day is not None:
            folder /= "day=" + re.sub("[^0-9-]", "_", day)
        return folder / f"part-{self._house}{suffix}.parquet"

    def _write(self, path, table, select, *parameters, keep=()):
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.half")
        old = path if keep and path.exists() else None
        self._writer.write(
            half, self._house, self._db.execute(select, parameters), self._types(table), old, keep
        )
        _keep(half, path)
        self.rows[table] = self.rows.get(table, 0) + self._writer.rows

    def _types(self, table):
        if table not in self._types_of:
            self._types_of[table] = {
                row[1]: row[2].lower() for row in self._db.execute(f"pragma table_info({table})")
            }
        return self._types_of[table]

    def _save(self):
        half = self._path.with_name(f"{self._path.name}.half")
        half.write_text(json.dumps(self._state))
        _keep(half, self._path)


def _keep(half, path):
    """Give a file its name once its bytes are on the disk."""
    with half.open("rb") as file:
        os.fsync(file.fileno())
    half.replace(path)
    for place in (path.parent, path.parent.parent):  # the folder may be new, too
        folder = os.open(place, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def join(stretches):
    """Stretches [first, last] in order; those that touch become one."""
    joined = []
    for first, last in sorted(map(tuple, stretches)):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined


@contextmanager
def _alone(path):
    message = "Another export of this house to this DIR is running: wait for it"
    with lock_file(path, wait=False, message=message):
        yield


def run_export(config, folder, house=None, bar=click.progressbar):
    """Write what has come since the last run. Returns the Export. Raises TransferError, LockedError, sqlite3.Error, OSError."""
    from ingest.transfer.parquet_writer import ParquetWriter, need_duckdb

    house = house or house_name(config.title)
    if not HOUSE.fullmatch(house):
        raise TransferError(f"--house {house!r}: use small letters, digits, - and _")
    if not config.database.exists():
        raise TransferError(f"{config.database} is not there: nothing has been stored yet")
    folder = Path(folder)
    need_duckdb()
    folder.mkdir(parents=True, exist_ok=True)
    own = f".voltkeeper-{house}"
    with (
        _alone(folder / f"{own}.lock"),
        ParquetWriter(folder / f"{own}.rows") as writer,
        closing(connect(config.database, readonly=True)) as connection,
    ):
        export = Export(connection, folder, house, writer)
        export.run(bar)
    return export


def export_tables(config, folder, house):
    """Export and print what was written. Returns an exit code."""
    try:
        export = run_export(config, folder, house)
    except (TransferError, LockedError) as error:
        click.echo(str(error), err=True)
        return 1
    except (sqlite3.Error, OSError) as error:
        click.echo(
            f"The export of {config.database} stopped: {error}. Run it again and it goes on.", err=True
        )
        return 1
    for note in export.notes:
        click.echo(note)
    for table, number in export.rows.items():
        click.echo(f"{table}: {number:,} rows")
    return 0
