"""What SQL does not read, as an authorizer of SQLite; without Datasette, since SQL workers use it, too."""

import sqlite3
from collections.abc import Collection

ALL = ""  # every column
HIDDEN = {  # table -> the column that is hidden
    "firmware_images": "data",
    "sessions": ALL,
    "audit": ALL,
    "deliveries": ALL,
    "mutes": ALL,
    "plan_runs": ALL,
    "plan_steps": ALL,
    # Some builds of SQLite show rows of other tables, and statements of other visitors, through these.
    "sqlite_stat4": ALL,
    "sqlite_dbpage": ALL,
    "sqlite_stmt": ALL,
}


def hides(table: str | None, column: str | None, shown: Collection[str]) -> bool:
    """True for what a statement may not read, where the tables `shown` are read in full."""
    return table in HIDDEN and table not in shown and HIDDEN[table] in (ALL, column)


def guard_tables(connection: sqlite3.Connection, *shown: str) -> None:
    """Make every statement on this connection fail that reads a hidden table, save those `shown`.

    Statements that are prepared already are checked anew.
    """

    def authorize(
        action: int, table: str | None, column: str | None, database: str | None, trigger: str | None
    ) -> int:
        if action == sqlite3.SQLITE_READ and hides(table, column, shown):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    connection.set_authorizer(authorize)
