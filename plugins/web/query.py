"""Rows of the database for pages: as dicts, under Datasette's time limit."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from datasette.database import QueryInterrupted
from datasette.utils import sqlite_timelimit

from plugins.web.site import Site
from reporting import canned_queries

DATABASE = canned_queries.DATABASE
TOO_SLOW = "The database took too long to answer: try again."

Row: TypeAlias = canned_queries.Row
Params: TypeAlias = Mapping[str, object] | Sequence[object] | None


async def select(site: Site, sql: str, params: Params = None) -> list[Row] | None:
    """Rows as dicts; None when the query took too long, so that the page can say so and show the rest."""
    try:
        results = await site.get_database(DATABASE).execute(sql, params)
    except QueryInterrupted:
        return None
    except sqlite3.OperationalError as error:
        if not canned_queries.is_interrupt(error):
            raise
        return None
    return [dict(row) for row in results.rows]


async def select_many(site: Site, **queries: tuple[str, Params]) -> dict[str, list[Row] | None]:
    """The same for several queries, name=(sql, params): one trip to a reading thread for all of them."""

    def read(connection: sqlite3.Connection) -> dict[str, list[Row] | None]:
        found: dict[str, list[Row] | None] = {}
        for name, (sql, params) in queries.items():
            try:
                with sqlite_timelimit(connection, site.sql_time_limit_ms):
                    rows = connection.execute(sql, params or ()).fetchall()
                    found[name] = [dict(row) for row in rows]
            except sqlite3.OperationalError as error:
                if not canned_queries.is_interrupt(error):
                    raise
                found[name] = None
        return found

    found: dict[str, list[Row] | None] = await site.get_database(DATABASE).execute_fn(read)
    return found
