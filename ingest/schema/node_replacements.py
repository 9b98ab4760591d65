"""Replacements of nodes and of their children: the jobs, and what they need to be taken back."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

NODE_REPLACEMENTS = f"""
create table node_replacements (
  id integer primary key,
  old_node integer not null references nodes(id),
  new_node integer not null references nodes(id),
  old_child_id integer,
  new_child_id integer,
  subject text not null,
  state text not null default 'queued',
  rows integer not null default 0,
  requested_at text not null default ({NOW}),
  requested_by text,
  started_at text,
  done_at text,
  reverted_by text,
  detail text not null default '',
  kept text not null default '{{}}'
);
create index node_replacements_old_node on node_replacements (old_node);
create index node_replacements_new_node on node_replacements (new_node);

alter table readings add column moved_from integer;
alter table battery_levels add column moved_from integer;
alter table battery_changes add column moved_from integer;

create table moved_hours (
  replacement integer not null,
  channel integer not null,
  hour_at text not null,
  count integer not null,
  min real,
  avg real,
  max real,
  numbers integer not null,
  wrong text,
  own_min real,
  own_max real,
  primary key (replacement, channel, hour_at)
) without rowid;

create table moved_days (
  replacement integer not null,
  day text not null,
  series integer not null,
  old_node integer not null,
  sensor integer,
  child_id integer,
  command integer,
  type integer,
  type_name text,
  messages integer not null,
  intervals integer not null,
  min_interval_s real,
  avg_interval_s real,
  max_interval_s real,
  own_min_interval_s real,
  own_max_interval_s real,
  primary key (replacement, day, series)
) without rowid;
"""

FORGET = """create trigger node_replacements_deleted after delete on node_replacements begin
delete from moved_hours where replacement = old.id;
delete from moved_days where replacement = old.id; end"""


def node_replacements(db: Database) -> None:
    """Create the table of replacements; moved rows remember whose they were."""
    run_script(db, NODE_REPLACEMENTS)
    db.execute(FORGET)
