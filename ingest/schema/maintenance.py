"""Tables of maintenance: retention runs, requested deletions, maintenance jobs, table sizes."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script
from ingest.severity import FILE_DAMAGED, FINDING, RANK

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


DAMAGED = "the file is damaged"  # how the detail of a check begins that found damage
# Such a check, until one finds no fault; another job whose last run at its time failed. A failed backup is an
# event, too, where alerts are sent.
ATTENTION = f"""
select 0, '{FILE_DAMAGED}', 'Database', detail || '; restore a copy from before (README, "Restore")',
  ended_at, '/-/maintenance'
from (select * from chores where name in ('quick_check', 'check') and outcome in ('done', 'failed')
    and (outcome = 'done' or detail like '{DAMAGED}%') order by ended_at desc limit 1)
where outcome = 'failed'
union all
select {RANK[FINDING]}, '{FINDING}', title, detail, ended_at, '/-/maintenance' from chores
where outcome = 'failed' and started_by = 'schedule' and runner in ('site', 'outbound')
  and name not in ('quick_check', 'check') and not (name = 'backup' and exists (
    select 1 from events indexed by events_open where ended_at is null and event = 'BACKUP_FAILED'))"""


def keeping(db: Database) -> None:
    """Create the tables of maintenance. The table of jobs is called `chores`, a public name."""
    run_script(db, MAINTENANCE)


# `covered_at`: every time of the job until then is done with. `schedule` is the text of its times.
JOB_COLUMNS = """
alter table chores add column title text not null default '';
alter table chores add column runner text not null default 'site';
alter table chores add column schedule text not null default '';
alter table chores add column covered_at text;
alter table chores add column next_at text;
alter table chores add column paused_at text;
alter table chores add column paused_by text;
alter table chores add column result text not null default '';
update chores set covered_at = started_at;
"""


def job_register(db: Database) -> None:
    """Make `chores` the register of the jobs of every process, each with its next run and its runner."""
    run_script(db, JOB_COLUMNS)
