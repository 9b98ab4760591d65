"""What a running import means for other writers: the ids that it holds, and that it has written."""

import sqlite3

# The ids that an entry of `imports` holds belong to rows of these tables; its column `numbers` names the
# group.
NUMBERED = {"messages": ("messages", "readings", "battery_levels"), "ups_samples": ("ups_samples",)}
HOLDERS = {table: numbers for numbers, tables in NUMBERED.items() for table in tables}


def next_id(connection: sqlite3.Connection, table: str) -> int:
    """Return the id of the next row: behind all rows, and behind those that an import has yet to write."""
    number: int = connection.execute(
        f"select 1 + max(coalesce((select max(id) from {table}), 0), "
        "coalesce((select max(last_id) from imports where numbers = ?), 0))",
        (HOLDERS[table],),
    ).fetchone()[0]
    return number


def imports_seen(connection: sqlite3.Connection) -> tuple[int] | None:
    """Return a value that changes with every commit of an import."""
    row: tuple[int] | None = connection.execute("select seq from changes where topic = 'imports'").fetchone()
    return row


def ids_not_freed(connection: sqlite3.Connection, table: str, ids: set[int]) -> set[int]:
    """Return those of `ids` that SQLite does not give to a new row: it does so with ids above the highest.

    Rows of a deleted node go, so that a reader that remembers them would overlook the next one.
    """
    highest: int = connection.execute(f"select coalesce(max(id), 0) from {table}").fetchone()[0]
    return {number for number in ids if number <= highest}
