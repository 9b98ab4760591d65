"""The table of dashboards that users arrange on pages; that of the home page is the row `home`."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

DASHBOARDS = f"""
create table dashboards (
  name text primary key,
  title text not null,
  cards text not null,
  updated_at text not null default ({NOW}),
  updated_by text
) without rowid;
"""


def dashboards(db: Database) -> None:
    """Create the table; `cards` is a JSON list of objects with the keys of a card in config.yml and an id."""
    run_script(db, DASHBOARDS)
