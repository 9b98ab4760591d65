"""SQL functions and pragmas of every connection that Datasette opens."""

import sqlite3

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.image_guard import guard_images
from plugins.web.site import site_of
from reporting.sql_functions import register


@hookimpl
def prepare_connection(conn: sqlite3.Connection, datasette: Datasette) -> None:
    """Set a connection up."""
    # None of these needs a lock: one that did and failed would break the writing thread until a restart.
    conn.execute("pragma busy_timeout = 15000")
    conn.execute("pragma foreign_keys = on")
    conn.execute("pragma synchronous = full")
    register(conn, site_of(datasette).timezone)
    guard_images(conn)
