"""`voltkeeper export`: tables as Parquet files, for any engine that reads many houses together.

    DIR/table=messages/day=2026-11-20/part-hill-house.1.1-20000.parquet   happened: added to; day is UTC
    DIR/table=readings_hourly/day=2026-11-20/part-hill-house.parquet      summed up: replaced when the day changed
    DIR/table=nodes/part-hill-house.parquet                               is: replaced every time

Every file has a column `house`. What happened is taken by row id, in stretches: the stretch is noted before its files are
written and again when they stand, their names follow from it, and a file takes its name when it is whole. So a run that was
killed is done over with the same names, and nothing is lost or there twice.
"""

import fcntl
import json
import os
import re
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import click

from ingest.database import connect
from ingest.moving.records import MoveError

HAPPENED = {  # table -> the column with its time
    "messages": "received_at", "readings": "received_at", "battery_levels": "received_at", "oddities": "at",
    "ups_samples": "sampled_at", "ups_variable_changes": "changed_at",
}  # fmt: skip
SUMMED = {  # table -> (its day, what changes with it)
    "readings_hourly": ("substr(hour_at, 1, 10)", "sum(count)"),
    "ups_samples_hourly": ("substr(hour_at, 1, 10)", "sum(samples), sum(covered_s)"),
    "node_daily": ("day", "sum(messages)"),
    "polls": ("substr(started_at, 1, 10)", "sum(count)"),
}
PRESENT = (
    "gateways", "nodes", "sensors", "channels", "ups", "events", "battery_changes", "ups_battery_changes", "tariffs",
    "firmware", "ota_updates",
)  # fmt: skip
STRETCH = 100_000  # rows that are turned into files at a time
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
        self.rows = {}  # table -> rows written in this run

    def run(self, bar):
        held = {row[0] for row in self._db.execute("select name from sqlite_master where type = 'table'")}
        happened = [table for table in HAPPENED if table in held]
        total = sum(map(self._left, happened))
        with bar(length=total, label="rows") as progress:
            for table in happened:
                for number in self._happened(table):
                    progress.update(number)
        for table in (name for name in SUMMED if name in held):
            self._summed(table)
        for table in (name for name in PRESENT if name in held):
            self._write(table, None, "", f"select * from {table}")

    def _left(self, table):
        stretches = self._state.get(table, {}).get("stretches")
        above = f"where id > {stretches[-1][1]}" if stretches else ""
        return self._db.execute(f"select count(*) from {table} {above}").fetchone()[0]

    # What happened.

    def _happened(self, table):
        state = self._state.setdefault(
            table, {"generation": 1, "stretches": [], "pending": None, "top_at": None, "last_at": ""}
        )
        self._check_top(table, state)
        while (stretch := state["pending"] or self._next(table, state["stretches"])) is not None:
            if state["pending"] is None:
                state["pending"] = stretch
                self._save()
            yield self._write_stretch(table, state, *stretch)
            state["stretches"] = join([*state["stretches"], stretch])
            state["top_at"] = self._time(table, state["stretches"][-1][1])
            state["pending"] = None
            self._save()

    def _check_top(self, table, state):
        """Where the newest row that was exported is gone, its id may be another row's now: go back to where that begins.

        It is gone where a node was deleted, where the table was pruned until it was empty and counts from 1 again, and in
        a file that was restored from a backup. Files written from then on are a generation of their own.
        """
        if not state["stretches"] or state["pending"]:
            return
        first, top = state["stretches"][-1]
        if self._time(table, top) == state["top_at"]:
            return
        column = HAPPENED[table]
        fresh, last = self._db.execute(
            f"select (select min(id) from {table} where id between ?1 and ?2 and {column} > ?3), "
            f"(select max(id) from {table} where id between ?1 and ?2)", (first, top, state["last_at"]),
        ).fetchone()  # fmt: skip
        known = fresh - 1 if fresh is not None else last
        state["stretches"][-1:] = [[first, known]] if known is not None and known >= first else []
        state["generation"] += 1

    def _time(self, table, number):
        row = self._db.execute(f"select {HAPPENED[table]} from {table} where id = ?", (number,)).fetchone()
        return row and row[0]

    def _held(self, table):
        """Stretches of ids that an import has yet to fill."""
        if table != "messages":
            return []
        return self._db.execute(
            "select next_id, last_id from imports where finished_at is null and next_id <= last_id"
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
        column = HAPPENED[table]
        rows = f"from {table} where id between {first} and {last}"
        days = self._db.execute(
            f"select substr({column}, 1, 10), count(*), max({column}) {rows} group by 1 order by 1"
        ).fetchall()
        number = 0
        for day, count, last_at in days:
            name = f".{state['generation']}.{first}-{last}"
            if not self._file(table, day, name).exists():
                self._write(table, day, name, f"select * {rows} and substr({column}, 1, 10) = ?", day)
            state["last_at"] = max(state["last_at"], last_at)
            number += count
        return number

    # What is summed up.

    def _summed(self, table):
        day, sums = SUMMED[table]
        state = self._state.setdefault(table, {})
        for name, *print_ in self._db.execute(f"select {day}, count(*), {sums} from {table} group by 1 order by 1").fetchall():
            if state.get(name) != print_:
                self._write(table, name, "", f"select * from {table} where {day} = ?", name)
                state[name] = print_
                self._save()

    # Files.

    def _file(self, table, day, suffix):
        folder = self._folder / f"table={table}"
        if day is not None:
            folder /= "day=" + re.sub("[^0-9-]", "_", day)
        return folder / f"part-{self._house}{suffix}.parquet"

    def _write(self, table, day, suffix, select, *parameters):
        path = self._file(table, day, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.half")
        self._writer.write(half, self._house, self._db.execute(select, parameters), self._types(table))
        _keep(half, path)
        self.rows[table] = self.rows.get(table, 0) + self._writer.rows

    def _types(self, table):
        return {row[1]: row[2].lower() for row in self._db.execute(f"pragma table_info({table})")}

    def _save(self):
        half = self._path.with_name(f"{self._path.name}.half")
        half.write_text(json.dumps(self._state))
        _keep(half, self._path)


def _keep(half, path):
    """Give a file its name once its bytes are on the disk."""
    with half.open("rb") as file:
        os.fsync(file.fileno())
    half.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
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
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MoveError("Another export of this house to this DIR is running: wait for it") from None
        yield


def run_export(config, folder, house=None, bar=click.progressbar):
    """Write what has come since the last run. Returns table -> rows written. Raises MoveError, sqlite3.Error, OSError."""
    from ingest.moving.parquet import ParquetWriter

    house = house or house_name(config.title)
    if not HOUSE.fullmatch(house):
        raise MoveError(f"--house {house!r}: use small letters, digits, - and _")
    if not config.database.exists():
        raise MoveError(f"{config.database} is not there: nothing has been stored yet")
    folder = Path(folder)
    with ParquetWriter() as writer:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".voltkeeper-{house}.lock"), closing(connect(config.database, readonly=True)) as connection:
            export = Export(connection, folder, house, writer)
            export.run(bar)
    return export.rows


def export_tables(config, folder, house):
    """Export and print what was written. Returns an exit code."""
    try:
        rows = run_export(config, folder, house)
    except MoveError as error:
        click.echo(str(error), err=True)
        return 1
    except (sqlite3.Error, OSError) as error:
        click.echo(f"The export stopped: {error}. Run it again and it goes on.", err=True)
        return 1
    for table, number in rows.items():
        click.echo(f"{table}: {number:,} rows")
    return 0
