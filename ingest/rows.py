"""Inserting many rows quickly: a few long `insert ... values (...), (...)` in place of one statement a row.

sqlite3 gives the interpreter lock away for every statement that it steps, and beside a busy thread each one then
waits for a switch interval. A statement that carries hundreds of rows pays that once.
"""

STEPS = (256, 32, 4, 1)  # rows a statement; few sizes, so that the prepared statements are kept


class Insert:
    """`insert into TABLE (COLUMNS) values ...` for flat lists of values, row after row."""

    def __init__(self, table, columns):
        self.table = table
        self._width = len(columns)
        head = f"insert into {table} ({', '.join(columns)}) values "
        row = f"({', '.join('?' * self._width)})"
        self._statements = [(step * self._width, head + ", ".join([row] * step)) for step in STEPS]

    def __call__(self, connection, values):
        """Insert what the flat list `values` holds; its length is a multiple of the number of columns."""
        position = 0
        for size, statement in self._statements:
            while position + size <= len(values):
                connection.execute(statement, values[position : position + size])
                position += size
