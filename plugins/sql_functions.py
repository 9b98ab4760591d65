"""SQL functions and pragmas of every connection that Datasette opens."""

from datasette import hookimpl

from ingest.site.images import guard_images
from ingest.site.sql import ago


@hookimpl
def prepare_connection(conn):
    # None of these needs a lock: one that did and failed would leave the writing thread broken for ever.
    conn.execute("pragma busy_timeout = 15000")
    conn.execute("pragma foreign_keys = on")
    conn.execute("pragma synchronous = full")
    conn.create_function("ago", 1, ago)
    guard_images(conn)
