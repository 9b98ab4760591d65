"""The last time that was believed, by which the wall clock is judged (`ingest.clock.belief`)."""

from sqlite_utils import Database

from ingest.clock.stored_events import correct_stored_events
from ingest.schema.sql_fragments import run_script
from ingest.severity import CLOCK_SUSPECT

# A file of before has its last heartbeat: nothing says in which boot that was.
CLOCK_STATE = """
create table clock_state (
  id integer primary key check (id = 1),
  boot_id text not null,
  boottime_s real not null,
  wall_at text not null,
  confirmed_by text not null default '',
  suspect text not null default ''
);
insert into clock_state (id, boot_id, boottime_s, wall_at)
select 1, '', 0, max(heartbeat_at) from ingest_status having max(heartbeat_at) is not null;
"""

# The offset is that of the wall clock to CLOCK_BOOTTIME: a step of the clock ends a stretch.
CLOCK_STRETCHES = """
create table clock_stretches (
  id integer primary key,
  boot_id text not null,
  offset_s real not null,
  began_at text not null,
  until_at text not null,
  confirmed_by text,
  first_ids text not null,
  last_ids text,
  shifted_s real
);
alter table events add column boot_id text;
alter table events add column boottime_s real;
"""


def clock_state(db: Database) -> None:
    """Create the table of the last believed time."""
    run_script(db, CLOCK_STATE)


def clock_stretches(db: Database) -> None:
    """Create the table of the times between two steps; open events know CLOCK_BOOTTIME of their start."""
    run_script(db, CLOCK_STRETCHES)
    correct_stored_events(db.conn)


ATTENTION = f"""
  select 0, '{CLOCK_SUSPECT}', 'Clock', suspect, null, '/-/maintenance#clock'
  from clock_state where suspect <> ''"""
