"""The forecasts of the batteries of nodes: one row a node, made anew when its levels have changed."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

FORECASTS = """
create table battery_forecasts (
  node integer primary key references nodes(id),
  computed_at text not null,
  inputs text not null,
  newest text not null,
  level_at text,
  level real,
  empty_at text,
  low_at text,
  high_at text,
  method text,
  basis text not null
);
create trigger battery_forecasts_deleted after delete on nodes begin
  delete from battery_forecasts where node = old.id; end;
"""


def battery_forecasts(db: Database) -> None:
    """Create the table.

    `inputs` and `newest` are what a row was computed from: where `inputs` has changed it is made anew at
    once, where `newest` (the last level) has, once an hour. Without a forecast its times are null, and
    `basis` says why.
    """
    run_script(db, FORECASTS)


def courses(db: Database) -> None:
    """Add the last discharge that has ended, from which nodes with the same sketch learn."""
    run_script(db, "alter table battery_forecasts add column course text;")
