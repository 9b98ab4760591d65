"""The table of the site itself: a key by which other programs tell its things from those of another site."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

SITE = """
create table site (
  id integer primary key check (id = 1),
  key text not null
);
insert into site (id, key) values (1, lower(hex(randomblob(4))));
"""
READ_KEY = "select key from site"


def site_key(db: Database) -> None:
    """Draw the key. It is that of the database: names may change, and a copy is the same site."""
    run_script(db, SITE)
