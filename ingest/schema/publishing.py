"""The table of what was published of events."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

PUBLISH_CURSOR = """
create table publish_cursor (
  id integer primary key check (id = 1),
  seq integer not null
);
"""


def publish_cursor(db: Database) -> None:
    """Store how far events are published: the last `event_changes.seq` that a broker has acknowledged."""
    run_script(db, PUBLISH_CURSOR)
