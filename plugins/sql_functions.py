"""SQL functions and pragmas of every connection that Datasette opens."""

import sqlite3

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.compat import INTERNAL
from plugins.web.hidden_tables import guard_tables
from plugins.web.site import site_of
from reporting.sql_functions import register


@hookimpl
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Datasette) -> None:
    """Set a connection up."""
    # None of these needs a lock: one that did and failed would break the writing thread until a restart.
    conn.execute("pragma busy_timeout = 15000")
    # When a schema changes, Datasette empties the tables of its catalog in an order that they would forbid.
    conn.execute(f"pragma foreign_keys = {'off' if database == INTERNAL else 'on'}")
    conn.execute("pragma synchronous = full")
    register(conn, site_of(datasette).timezone)
    guard_tables(conn)
