"""Rows as a Parquet file, by DuckDB: one wheel without dependencies, and what most people ask the files with.

It is optional (`pip install 'voltkeeper[export]'`): there is no wheel of it for 32-bit machines.
"""

import json
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from ingest.transfer.lake_schema import DUCKDB_TYPES, lake_schema
from ingest.transfer.records import TransferError

MISSING = (
    "Parquet files are written by DuckDB, which is not installed: .venv/bin/pip install 'duckdb>=1.1' "
    "(or voltkeeper[export]). There is no package of it for 32-bit systems: export a copy of the database on "
    "another machine."
)


def need_duckdb() -> ModuleType:
    """The module. Raises TransferError, whose message is how to install it."""
    try:
        return import_module("duckdb")  # optional, and slow to load
    except ImportError as error:
        raise TransferError(MISSING) from error


class ParquetWriter:
    """A context that holds DuckDB in memory. `lines` is a file for rows on their way."""

    def __init__(self, lines: Path) -> None:
        self._duck = need_duckdb().connect()
        self._duck.execute("set threads = 1")
        self._lines = lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._duck.close()
        self._lines.unlink(missing_ok=True)

    def write(
        self,
        path: Path,
        table: str,
        house: str,
        names: Sequence[str],
        rows: Iterable[Sequence[object]],
        old: Path | None = None,
        key: Sequence[str] = (),
    ) -> tuple[int, int]:
        """Write rows that have these columns; returns how many they are, and how many the file has.

        The file has the columns of the schema, whichever are given. Rows of the file `old` stay where none of
        these has the same key.
        """
        number = 0
        with self._lines.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(dict(zip(names, row, strict=True)), default=_hex) + "\n")
                number += 1
        version, tables = lake_schema()
        columns = tables[table]
        given = ", ".join(f"{_text(name)}: {DUCKDB_TYPES[columns[name]][1]}" for name in columns)
        wanted = ", ".join(_cast(name, type) for name, type in columns.items())
        select = (
            f"select {_text(house)} as house, {wanted} from read_json({_text(self._lines)}, "
            f"format = 'newline_delimited', maximum_object_size = 67108864, columns = {{{given}}})"
        )
        if old is not None:
            same = " and ".join(f'n."{name}" is not distinct from o."{name}"' for name in key)
            held = ", ".join(_quoted(name) for name in self._columns(old) if name in columns)
            select = (
                f"with new as materialized ({select}) select * from new "
                f"union all by name select house, {held} from {_files([old])} o "
                f"where not exists (select 1 from new n where {same})"
            )
        options = f"format parquet, compression zstd, kv_metadata {{voltkeeper_schema: '{version}'}}"
        total = self._run(f"copy ({select}) to {_text(path)} ({options})")[0][0]
        return number, total

    def _columns(self, path: Path) -> list[str]:
        return [row[0] for row in self._run(f"describe select * from {_files([path])}")]

    def count(self, path: Path) -> int:
        """How many rows a file has."""
        return int(self._run(f"select count(*) from {_files([path])}")[0][0])

    def read(self, paths: Sequence[Path], column: str, first: int, last: int) -> list[tuple[int, str]]:
        """(id, time as SQLite has it) of the rows of these files with such ids."""
        time = f"strftime({_quoted(column)}, '%Y-%m-%dT%H:%M:%S.%gZ')"
        return self._run(f"select id, {time} from {_files(paths)} where id between {first} and {last}")

    def _run(self, sql: str) -> list[Any]:  # Any: duckdb carries no types
        try:
            return list(self._duck.execute(sql).fetchall())
        except need_duckdb().Error as error:
            raise TransferError(
                f"DuckDB cannot read or write a file: {error}. Mend that, such as a full disk, and run it "
                "again to resume"
            ) from error


def _files(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(_text, paths))}], hive_partitioning = false, union_by_name = true)"


def _cast(name: str, type: str) -> str:
    quoted = _quoted(name)
    if type == "time":
        return f"try_cast({quoted} as timestamp) as {quoted}"
    return f"from_hex({quoted}) as {quoted}" if type == "bytes" else quoted


def _hex(value: object) -> str:
    """Bytes of a column as text: JSON has none."""
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} in a row")
    return value.hex()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
