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
        self.longest = self._statements[0][0]  # values that the longest statement takes
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


class WaitingRows(list[Value]):
    """Flat values of rows that wait for a commit, row after row, in the order in which they came.

    The first of them may be in the open transaction already: `insert_ahead()` is for a thread beside the one
    that adds rows and does the rest.
    """

    def __init__(self, insert: Insert) -> None:
        super().__init__()
        self._insert = insert
        self._ahead = 0  # how many of the values are in the open transaction
        self._first: int | None = None  # the id of the first row there

    def insert_ahead(self, connection: sqlite3.Connection) -> None:
        """Insert as many rows as fill statements of the longest kind."""
        while self._ahead + self._insert.longest <= len(self):
            self._insert_until(connection, self._ahead + self._insert.longest)

    def insert_rest(self, connection: sqlite3.Connection) -> int | None:
        """Insert what is not there yet; returns the id of the first row of all, None without rows."""
        if self._ahead < len(self):
            self._insert_until(connection, len(self))
        return self._first

    def taken_back(self) -> None:
        """The transaction has ended without a commit: all rows wait again."""
        self._ahead, self._first = 0, None

    def _insert_until(self, connection: sqlite3.Connection, end: int) -> None:
        values = self[self._ahead : end]
        if self._first is None:
            self._first = self._insert.append(connection, values)
        else:
            self._insert(connection, values)
        self._ahead = end
