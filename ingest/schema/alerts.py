"""The tables of alerts: beginnings and ends of events in their order, messages to targets, mutes."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script
from ingest.severity import EVENT_SEVERITY

# `seq` resumes where a reader of it stopped: `events.id` cannot, since an event ends after later ones began.
# The triggers see every writer of events. An event that is stored with its end has both changes at once.
KEPT = 20_000  # changes: a reader that was away for more begins with the oldest that is there
EVENT_CHANGES = f"""
create table event_changes (
  seq integer primary key autoincrement,
  event integer not null,
  change text not null,
  at text not null default ({NOW})
);
"""
_NOTE = "insert into event_changes (event, change)"
TRIGGERS = (
    f"""create trigger events_begun after insert on events begin
  {_NOTE} values (new.id, 'begin');
  {_NOTE} select new.id, 'end' where new.ended_at is not null;
  delete from event_changes where seq <= (select max(seq) from event_changes) - {KEPT};
end""",
    f"""create trigger events_ended after update of ended_at on events
when old.ended_at is null and new.ended_at is not null begin
  {_NOTE} values (new.id, 'end');
end""",
    f"""create trigger events_reopened after update of ended_at on events
when old.ended_at is not null and new.ended_at is null begin
  {_NOTE} values (new.id, 'begin');
end""",
)

DELIVERIES = f"""
create table deliveries (
  id integer primary key autoincrement,
  event integer,
  target text not null,
  kind text not null,
  number integer not null default 0,
  severity text not null,
  state text not null default 'queued',
  attempts integer not null default 0,
  created_at text not null default ({NOW}),
  sent_at text,
  reason text not null default '',
  title text not null,
  text text not null,
  rule text not null default '',
  digest integer references deliveries(id)
);
create unique index deliveries_event on deliveries (event, target, kind, number) where event is not null;
create index deliveries_waiting on deliveries (target, id) where state in ('queued', 'sending');

create table mutes (
  id integer primary key,
  ups text,
  node text,
  rule text,
  event integer,
  everything integer not null default 0,
  until text,
  reason text not null default '',
  muted_at text not null default ({NOW}),
  muted_by text,
  ended_at text,
  ended_by text
);
create index mutes_active on mutes (until) where ended_at is null;
"""


ATTENTION = f"""
select 4, '{EVENT_SEVERITY["TARGET_FAILING"]}', 'Alerts to ' || (e.figures ->> '$.target'),
  'cannot be reached: ' || (e.figures ->> '$.reason'), e.started_at, '/-/alerts'
from events e indexed by events_open where e.event = 'TARGET_FAILING' and e.ended_at is null"""


def alerts(db: Database) -> None:
    """Create the tables.

    `deliveries`: `event` is `events.id`, null for digests, reports, tests and rehearsals; `number` counts
    the repeats of one event; `digest` is the row whose message carried this one. `mutes`: `node` is
    GATEWAY/NODE_ID; `event` is the `events.id` with whose end the mute ends; `until` null has no end in time.
    """
    run_script(db, EVENT_CHANGES)
    for trigger in TRIGGERS:
        db.execute(trigger)
    run_script(db, DELIVERIES)


def kept_reports(db: Database) -> None:
    """Let a delivery name the report mail that it carries.

    `deliveries.report` is a file in `reports/` beside the database, '' for all that is no report.
    """
    db.execute("alter table deliveries add column report text not null default ''")


FOLLOWED = """
alter table deliveries add column event_name text not null default '';
alter table deliveries add column name text not null default '';
alter table deliveries add column held_until text;
alter table deliveries add column held_why text not null default '';

create table alert_cursor (
  id integer primary key check (id = 1),
  seq integer not null,
  imports integer not null
);

create table alert_pending (
  event integer primary key,
  number integer not null,
  begun_at text not null,
  boot_id text not null,
  boottime_s real not null,
  ended_s real
);

create table alert_spool (
  id integer primary key check (id = 1),
  number text not null
);
"""


def followed_events(db: Database) -> None:
    """Store how far events are followed, and what is held.

    `deliveries`: `event_name` and `name` are those of the event for programs; `held_until` with `held_why`
    (quiet, digest, late) keeps a row for a digest. `alert_cursor`: the last `event_changes.seq` that is dealt
    with, and the counter of imports by then. `alert_pending`: events that are not yet sent to every target;
    `number` counts how often an event went on after its end, `ended_s` is how long one lasted that has ended.
    `alert_spool`: the contents of the spool of deliveries that were stored last.
    """
    run_script(db, FOLLOWED)


def carried_deliveries(db: Database) -> None:
    """Find what a digest carries without reading all deliveries."""
    db.execute("create index deliveries_digest on deliveries (digest) where digest is not null")
