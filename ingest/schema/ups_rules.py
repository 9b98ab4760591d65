"""Tables for what `ingest/recompute` does: stored rows of a version before in line with the present rules."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

UPS_RULES = f"""
create table ups_hours_not_recomputed (
  ups integer not null references ups(id),
  hour_at text not null,
  primary key (ups, hour_at)
) without rowid;

create table ups_refused (
  id integer primary key,
  ups integer not null references ups(id),
  figure text not null,
  value real not null,
  started_at text not null,
  ended_at text not null,
  samples integer not null
);
create index ups_refused_ups on ups_refused (ups, figure);

create table ups_recomputations (
  ups integer primary key references ups(id),
  until_at text not null,
  done_to text not null default '',
  samples integer not null default 0,
  hours integer not null default 0,
  events integer not null default 0,
  not_recomputed integer not null default 0,
  started_at text,
  closed_at text,
  ended_at text
);
insert into ups_recomputations (ups, until_at) select id, {NOW} from ups;
"""


def ups_rules(db: Database) -> None:
    """Note for every UPS that what is stored of it until now is to be recomputed."""
    run_script(db, UPS_RULES)
