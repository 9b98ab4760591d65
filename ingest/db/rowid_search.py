"""Where in a table some time lies, found without an index on time: ids rise in order of arrival."""

import sqlite3


def ends(connection: sqlite3.Connection, table: str) -> tuple[int, int] | tuple[None, None]:
    """Return the lowest and the highest id; None, None for an empty table.

    Both in one SELECT would read the whole table.
    """
    row: tuple[int, int] | tuple[None, None] = connection.execute(
        f"select (select min(id) from [{table}]), (select max(id) from [{table}])"
    ).fetchone()
    return row


def first_since(
    connection: sqlite3.Connection,
    table: str,
    column: str,
    at: str,
    now: str,
    stretch: tuple[int, int] | None = None,
) -> int:
    """Return the id of the first row that is not older than `at`, by binary search.

    That of the newest row at the most.

    Rows from a clock that was ahead of `now` say nothing about order and are passed over. Ids may have gaps.
    0: no rows. With a `stretch` (low, high) of ids, the result lies in it.
    """
    low, high = stretch or ends(connection, table)
    if low is None or high is None:
        return 0
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            f"select id, {column} from {table} where id >= ? and id < ? and {column} <= ? "
            "order by id limit 1",
            (middle, high, now),
        ).fetchone()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return high
