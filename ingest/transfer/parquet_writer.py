"""Rows as a Parquet file, by DuckDB: one wheel without dependencies, and what most people ask the files with.

It is optional (`pip install 'voltkeeper[export]'`): there is no wheel of it for 32-bit machines.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from sqlite3 import Cursor
from types import ModuleType
from typing import Any, Self

from ingest.transfer.records import TransferError

TYPES = {"integer": "BIGINT", "real": "DOUBLE", "text": "VARCHAR"}
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
        house: str,
        cursor: Cursor,
        types: Mapping[str, str],
        old: Path | None = None,
        key: Sequence[str] = (),
    ) -> int:
        """Write the rows of a cursor; returns how many.

        `types` are SQLite's, by column. Times (`*_at`, `at`) become UTC timestamps. Rows of the file `old`
        stay where none of the cursor's has the same key.
        """
        names = [column[0] for column in cursor.description]
        number = 0
        with self._lines.open("w", encoding="utf-8") as file:
            for row in cursor:
                file.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")
                number += 1
        columns = ", ".join(f"{_text(name)}: {_text(TYPES.get(types[name], 'VARCHAR'))}" for name in names)
        # A partition has the day in its name already.
        wanted = ", ".join(_cast(name, types[name]) for name in names if name != "day")
        rows = (
            f"select {_text(house)} as house, {wanted} from read_json({_text(self._lines)}, "
            f"format = 'newline_delimited', maximum_object_size = 67108864, columns = {{{columns}}})"
        )
        if old is not None:
            same = " and ".join(f'n."{name}" is not distinct from o."{name}"' for name in key)
            rows = (
                f"with new as materialized ({rows}) select * from new "
                f"union all by name select * from {_files([old])} o "
                f"where not exists (select 1 from new n where {same})"
            )
        self._run(f"copy ({rows}) to {_text(path)} (format parquet, compression zstd)")
        return number

    def read(
        self, paths: Sequence[Path], column: str, type: str, first: int, last: int
    ) -> list[tuple[int, str]]:
        """(id, time as SQLite has it) of the rows of these files with such ids."""
        time = f"strftime(\"{column}\", '%Y-%m-%dT%H:%M:%S.%gZ')" if _is_time(column, type) else f'"{column}"'
        return self._run(f"select id, {time} from {_files(paths)} where id between {first} and {last}")

    def _run(self, sql: str) -> list[Any]:  # Any: duckdb carries no types
        try:
            return list(self._duck.execute(sql).fetchall())
        except need_duckdb().Error as error:
            raise TransferError(f"DuckDB stopped: {error}") from error


def _files(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(_text, paths))}], hive_partitioning = false, union_by_name = true)"


def _is_time(name: str, type: str) -> bool:
    return type == "text" and (name == "at" or name.endswith("_at"))


def _cast(name: str, type: str) -> str:
    quoted = f'"{name}"'
    return f"try_cast({quoted} as timestamp) as {quoted}" if _is_time(name, type) else quoted


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
