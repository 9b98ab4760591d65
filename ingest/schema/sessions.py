"""The table of sessions of signed-in users, and the count of refusals in the audit."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

SESSIONS = f"""
create table sessions (
  id integer primary key,
  hash text not null unique,
  actor text not null,
  password_key text not null,
  created_at text not null default ({NOW}),
  last_used_at text not null default ({NOW}),
  user_agent text not null default ''
);
"""

COUNTED_REFUSALS = """
alter table audit add column count integer not null default 1;
alter table audit add column last_at text;
"""


def sessions(db: Database) -> None:
    """Create the table of sessions: a row ends with its session."""
    run_script(db, SESSIONS)


def counted_refusals(db: Database) -> None:
    """A refusal that repeats is counted in the row of the first."""
    run_script(db, COUNTED_REFUSALS)
