"""The table of queries that users keep under a name; each is served like a canned query of metadata.yml."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

SAVED_QUERIES = f"""
create table saved_queries (
  name text primary key,
  title text not null,
  description text not null default '',
  sql text not null,
  created_at text not null default ({NOW}),
  created_by text,
  updated_at text not null default ({NOW}),
  updated_by text
) without rowid;
"""


def saved_queries(db: Database) -> None:
    """Create the table."""
    run_script(db, SAVED_QUERIES)
