"""Rows of the database for pages: as dicts, under Datasette's time limit."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from datasette.utils import sqlite_timelimit

from plugins.web.site import Site
from reporting import canned_queries

DATABASE = canned_queries.DATABASE
TOO_SLOW = "The database took too long to answer: try again."

Row: TypeAlias = canned_queries.Row
T = TypeVar("T")
Params: TypeAlias = Mapping[str, object] | Sequence[object]


async def read_timed(site: Site, read: Callable[[sqlite3.Connection], T]) -> T:
    """What `read` makes of a reading connection; raises sqlite3.OperationalError when it takes too long."""

    def limited(connection: sqlite3.Connection) -> T:
        with sqlite_timelimit(connection, site.sql_time_limit_ms):
            return read(connection)

    found: T = await site.get_database(DATABASE).execute_fn(limited)
    return found


async def select(site: Site, sql: str, params: Params = (), limit_ms: int | None = None) -> list[Row] | None:
    """Rows as dicts; None when the query took too long, so that the page can say so and show the rest."""
    return (await select_many(site, {"rows": sql}, params, limit_ms))["rows"]


async def select_many(
    site: Site, queries: Mapping[str, str], params: Params = (), limit_ms: int | None = None
) -> dict[str, list[Row] | None]:
    """The same for several queries, name -> sql: one trip to a reading thread for all of them."""

    def read(connection: sqlite3.Connection) -> dict[str, list[Row] | None]:
        limit = limit_ms or site.sql_time_limit_ms
        return {name: _read_rows(connection, sql, params, limit) for name, sql in queries.items()}

    found: dict[str, list[Row] | None] = await site.get_database(DATABASE).execute_fn(read)
    return found


def _read_rows(connection: sqlite3.Connection, sql: str, params: Params, limit_ms: int) -> list[Row] | None:
    try:
        with sqlite_timelimit(connection, limit_ms):
            return [dict(row) for row in connection.execute(sql, params)]
    except sqlite3.OperationalError as error:
        if not canned_queries.is_interrupt(error):
            raise
        return None
