"""Inserting many rows quickly: a few long `insert ... values (...), (...)` in place of one statement a row.

sqlite3 gives the interpreter lock away for every statement that it steps, and beside a busy thread each one
then waits for a switch interval. A statement that carries hundreds of rows pays that once.

A row that the table does not take fails the whole transaction, which the caller takes back. `or fail` says
so: with the usual `abort`, SQLite copies each page that a statement touches into a temporary file, to be able
to take back the statement alone.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from ingest.db.reserved_ids import next_id

STEPS = (512, 64, 8, 1)  # rows a statement; few sizes, so that the prepared statements are kept

Value = str | bytes | int | float | None


class Insert:
    """`insert into TABLE (COLUMNS) values ...` for flat lists of values, row after row."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        self.table = table
        self.width = len(columns)
        names, marks = ", ".join(columns), ", ".join("?" * self.width)
        head = f"insert or fail into {table} ({names}) values "
        self._statements = [(step * self.width, head + ", ".join([f"({marks})"] * step)) for step in STEPS]
        self._numbered = f"insert or fail into {table} (id, {names}) values (?, {marks})"

    def __call__(self, connection: sqlite3.Connection, values: list[Value]) -> None:
        """Insert what the flat list `values` holds; its length is a multiple of the number of columns."""
        position = 0
        for size, statement in self._statements:
            while position + size <= len(values):
                connection.execute(statement, values[position : position + size])
                position += size

    def numbered(self, connection: sqlite3.Connection, values: list[Value], ids: Iterable[int]) -> None:
        """Insert what the flat list `values` holds, each row with its id."""
        width = self.width
        rows = [(id, *values[place * width : (place + 1) * width]) for place, id in enumerate(ids)]
        connection.executemany(self._numbered, rows)

    def append(self, connection: sqlite3.Connection, values: list[Value]) -> int | None:
        """Insert behind the ids that an import holds: the first row gets its id, SQLite counts on.

        Returns that id, None without values.
        """
        if not values:
            return None
        first = next_id(connection, self.table)
        connection.execute(self._numbered, [first, *values[: self.width]])
        self(connection, values[self.width :])
        return first
