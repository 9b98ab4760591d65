"""Tables of maintenance: retention runs, requested deletions, maintenance jobs, table sizes."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

MAINTENANCE = f"""
create table retention_runs (
  id integer primary key,
  started_at text not null,
  ended_at text,
  started_by text not null,
  state text not null default 'running',
  rows integer not null default 0,
  tables text not null default '{{}}',
  size_before integer not null,
  size_after integer,
  longest_s real not null default 0,
  detail text not null default ''
);

create table deletions (
  id integer primary key,
  kind text not null,
  key integer,
  before_at text,
  everything integer not null default 0,
  subject text not null,
  state text not null default 'queued',
  rows integer not null default 0,
  requested_at text not null default ({NOW}),
  requested_by text,
  started_at text,
  done_at text,
  detail text not null default ''
);

create table chores (
  name text primary key,
  wanted_at text,
  wanted_by text,
  started_at text,
  started_by text,
  ended_at text,
  outcome text not null default '',
  detail text not null default ''
);

create table storage (
  name text primary key,
  rows integer not null,
  bytes integer not null,
  measured_at text not null
);

create index oddities_message on oddities (message);
"""


def keeping(db: Database) -> None:
    """Create the tables of maintenance. The table of jobs is called `chores`, a public name."""
    run_script(db, MAINTENANCE)
