"""The tables of outage plans: one row a run, one an attempt of a step."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import DAY_AGO, NOW, run_script
from ingest.severity import EVENT_SEVERITY

PLANS = f"""
create table plan_runs (
  id integer primary key autoincrement,
  plan text not null,
  outage integer not null,
  state text not null default 'battery',
  started_at text not null,
  back_at text,
  ended_at text,
  battery_s real not null default 0,
  boot_id text not null default '',
  reason text not null default ''
);
create index plan_runs_open on plan_runs (plan) where state <> 'over';

create table plan_steps (
  id integer primary key autoincrement,
  run integer not null references plan_runs(id),
  number integer not null,
  attempt integer not null default 1,
  step text not null,
  phase text not null,
  kind text not null,
  action text not null,
  state text not null default 'waiting',
  due_at text,
  due_by text not null default '',
  began_at text,
  ended_at text,
  result text not null default '',
  owed integer not null default 0,
  order_table text,
  order_id integer,
  changed_at text not null default ({NOW}),
  unique (run, step, attempt)
);

create table plan_cursor (
  plan text primary key,
  event integer not null
) without rowid;
"""

FAILED = "PLAN_STEP_FAILED"
# By the events, since steps are for signed-in users. One row a plan: its last run with a failure.
ATTENTION = f"""
select 4, '{EVENT_SEVERITY[FAILED]}', 'Plan ' || plan,
  case count(*) when 1 then detail else count(*) || ' steps failed, the first: ' || detail end,
  min(started_at), '/-/plan'
from (
  select e.figures ->> '$.plan' as plan, e.detail, e.started_at, e.figures ->> '$.run' as run,
    max(e.figures ->> '$.run') over (partition by e.figures ->> '$.plan') as newest
  from events e indexed by events_event where e.event = '{FAILED}' and e.started_at > {DAY_AGO}
) where run = newest group by plan"""


def plans(db: Database) -> None:
    """Create the tables.

    `plan_runs`: `outage` is the event ONBATT with which it began; `boot_id` the boot in which a UPS last said
    that it is on battery. `plan_steps`: `owed` was left undone by the run before; `order_table` and
    `order_id` are the row that ingest carries out. `plan_cursor`: the newest ONBATT that a plan has seen.
    """
    run_script(db, PLANS)
