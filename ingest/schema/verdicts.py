"""Columns and tables for readings that do not count, and for what is read again by the present rules."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

VERDICTS = f"""
alter table readings add column wrong text;
alter table readings add column marked_by text;
alter table readings_hourly add column wrong text;
alter table gateways add column metric integer;
alter table channels add column refused_text text;
alter table channels add column refused_at text;
alter table channels add column refused_reason text;
alter table channels add column marked_seq integer not null default 0;

create table channel_recomputations (
  channel integer primary key references channels(id),
  requested_at text not null default ({NOW}),
  done_to text not null default '',
  readings integer not null default 0,
  hours integer not null default 0,
  not_recomputed integer not null default 0,
  ended_at text
);
create index channel_recomputations_pending on channel_recomputations (channel) where ended_at is null;
insert into channel_recomputations (channel) select id from channels;
"""


def verdicts(db: Database) -> None:
    """Note for every channel that its readings until now are to be read again."""
    run_script(db, VERDICTS)
