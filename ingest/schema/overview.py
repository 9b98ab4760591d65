"""Views over every subject: the readers, and what needs attention."""

from ingest.db.durations import duration_sql
from ingest.mysensors.battery_reports import LOW
from ingest.mysensors.framing import CUT_OFF, FIRST_LINE
from ingest.schema import (
    acknowledgements,
    alerts,
    clock,
    dropped,
    events,
    gateways,
    maintenance,
    mysensors,
    ota,
    plans,
    silence,
    ups,
)
from ingest.schema.mysensors import named_node
from ingest.schema.sql_fragments import DAY_AGO, LATE_S, age
from ingest.severity import EVENT_SEVERITY, FINDING, SOURCE_LOST, SOURCE_SEVERITY

NEWEST = 100  # rows of a growing table that a view looks at, newest first

_SOURCE_STATES = " ".join(
    f"when s.state = '{state}' then '{severity}'" for state, severity in SOURCE_SEVERITY.items()
)
READERS = f"""
select s.source, s.kind, s.address, s.state, s.detail, s.since_at, s.heartbeat_at,
  {age("s.heartbeat_at")} as heartbeat_age_s,
  case
    when {age("s.heartbeat_at")} > {LATE_S} then 'Stale'
    {_SOURCE_STATES} else '{SOURCE_LOST}'
  end as verdict,
  case
    when {age("s.heartbeat_at")} > {LATE_S}
      then 'its reader does not run, or cannot write here: its last heartbeat is '
        || {duration_sql(age("s.heartbeat_at"))} || ' old'
    else s.state || coalesce(' (' || nullif(nullif(s.detail, ''), s.state) || ')', '')
  end as words,
  s.last_data_at, s.last_error, s.last_error_at, s.connects, s.received, s.rejected, s.refused
from ingest_status s
"""

# Worst first. A node or UPS that is silent because its source is lost is covered by the source's line alone.
ATTENTION = f"""
select severity, subject, text, since, href from (
  select 1 as rank, verdict as severity, 'Gateway ' || source as subject, words || ' · ' || address as text,
    case when verdict = 'Stale' then heartbeat_at else since_at end as since,
    '/telemetry/ingest_status/' || source as href
  from readers where kind = 'mysensors' and verdict in ('Critical', 'Stale')
    and source in (select name from gateways where configured)
union all
  select case state when 'Critical' then 2 when 'Stale' then 3 else 5 end, state,
    name || ' (' || ref || ')', reason,
    case state when 'Stale' then last_seen_at else battery_level_at end, href
  from node_overview o
  where role <> 'gateway' and gateway in (select name from gateways where configured)
    and ((state = 'Stale' and not exists
        (select 1 from readers r where r.source = o.gateway and r.verdict in ('Critical', 'Stale')))
      or (state in ('Critical', 'Warning') and battery_level < {LOW} and battery_refused_at is null))
union all
  select 5, '{EVENT_SEVERITY["NODE_LOCKED"]}', {named_node("n")},
    'locked: ' || e.detail, e.started_at,
    '/nodes/' || g.name || '/' || n.node_id
  from events e join nodes n on n.id = e.node join gateways g on g.id = n.gateway
  where e.event = 'NODE_LOCKED' and e.ended_at is null and g.configured
union all
  select 5, '{EVENT_SEVERITY["VALUE"]}', {named_node("n")}, e.detail,
    e.started_at, '/nodes/' || g.name || '/' || n.node_id
  from events e indexed by events_open join nodes n on n.id = e.node join gateways g on g.id = n.gateway
  where e.event = 'VALUE' and e.ended_at is null and g.configured
union all
  select 4, case e.event when 'PART_DIES' then '{EVENT_SEVERITY["PART_DIES"]}'
      else '{EVENT_SEVERITY["BACKUP_FAILED"]}' end,
    case e.event when 'PART_DIES' then 'Part ' || coalesce(json_extract(e.figures, '$.name'), '')
      else 'Backup' end, e.detail, e.started_at, '/-/maintenance'
  from events e indexed by events_open
  where e.event in ('PART_DIES', 'BACKUP_FAILED') and e.ended_at is null
union all
  select 4, verdict, 'Gateway ' || source, words || ' · ' || address, since_at,
    '/telemetry/ingest_status/' || source
  from readers where kind = 'mysensors' and verdict = 'Warning'
    and source in (select name from gateways where configured)
union all
  select 0, '{EVENT_SEVERITY["DISK_LOW"]}', 'Disk', e.detail || ': ' || (e.figures ->> '$.messages')
      || ' messages and ' || (e.figures ->> '$.rejects') || ' unreadable lines so far',
    e.started_at, '/telemetry/events/' || e.id
  from events e where e.event = 'DISK_LOW' and e.ended_at is null
union all
{gateways.ATTENTION}
union all
  select 6, '{FINDING}', subject,
    case when strange >= {NEWEST} then '{NEWEST} or more' else strange end
      || case strange when 1 then ' strange message' else ' strange messages' end || ' in a day, last: '
        || reason,
    at, '/telemetry/strange_messages?node=' || id
  from (
    select n.id, {named_node("n")} as subject, o.reason,
      (select count(*) from (select at from oddities where node = n.id order by at desc limit {NEWEST})
        where at > {DAY_AGO}) as strange,
      (select min(at) from (select at from oddities where node = n.id order by at desc limit {NEWEST})
        where at > {DAY_AGO}) as at
    from nodes n join oddities o on o.id = (select id from oddities where node = n.id
      order by at desc, id desc limit 1)
    where n.retired_at is null
  ) where strange > 0
union all
  select 7, '{FINDING}', 'Gateway ' || source,
    case lines when {NEWEST} then '{NEWEST} or more' else lines end
      || case lines when 1 then ' unreadable line' else ' unreadable lines' end || ' in a day, last: '
        || reason,
    first_at, '/telemetry/strange_messages'
  from (
    select source, reason, count(*) over mine as lines, min(received_at) over mine as first_at,
      row_number() over (partition by source order by id desc) as nth
    from (select * from rejects where reason not in ('{CUT_OFF}', '{FIRST_LINE}')
      order by id desc limit {NEWEST}) where received_at > {DAY_AGO}
    window mine as (partition by source)
  ) where nth = 1
union all
{dropped.ATTENTION}
union all
{ups.ATTENTION}
union all
  select 8, '{FINDING}', {named_node("n")}, 'order ' || coalesce(x."order", x.line) || ' ' || x.state
      || coalesce(': ' || nullif(x.reason, ''), ''),
    coalesce(x.done_at, x.created_at), '/telemetry/outbox/' || x.id
  from (select * from outbox order by id desc limit {NEWEST}) x join nodes n on n.id = x.node
  where x.state in ('failed', 'expired') and x.created_at > {DAY_AGO} and n.retired_at is null
{ota.ATTENTION}
union all
{clock.ATTENTION}
union all
{maintenance.ATTENTION}
union all
{alerts.ATTENTION}
union all
{plans.ATTENTION}
) order by rank, since
"""

VIEWS = {
    "readers": READERS,
    **silence.VIEWS,
    **mysensors.VIEWS,
    **gateways.VIEWS,
    **dropped.VIEWS,
    **acknowledgements.VIEWS,
    **ups.VIEWS,
    **events.VIEWS,
    "attention": ATTENTION,
    **ota.VIEWS,
}
