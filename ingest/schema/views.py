"""The views of telemetry.db, as data: name -> SELECT. `ingest.schema.migrate` makes them when they differ.

Every figure comes from a table of current state, from a daily or hourly roll-up, or from a bounded look-up by
index, so that a view costs the same at a hundred thousand messages and at ten million. Computed columns are
`cast(... as integer)` where they are whole numbers: facets on them find nothing otherwise.
"""

from ingest.db.durations import duration_sql
from ingest.mysensors.interval_stats import series_key
from ingest.schema import views_ups as ups_views
from ingest.schema.sql_fragments import DAY_AGO, LATE_S, NOW, age, months_since, seconds_between
from ingest.schema.views_ota import OTA_ATTENTION, OTA_VIEWS
from ingest.schema.views_radio import RADIO_VIEWS

LEAST_STALE_S = 600  # no node counts as stale before this
UNKNOWN_STALE_S = 86_400  # a node whose usual interval is not known yet
LOW, EMPTY = 20, 10  # battery level, per cent: warning, critical
NEWEST = 100  # rows of a growing table that a view looks at, newest first
EVENT_WORDS = {  # of what is no UPS; the names are ours
    "GATEWAY_LOST": "no contact",
    "NODE_SILENT": "silent",
    "CLOCK_STEP": "set anew",
    "OTA_CONFIRMED": "runs new firmware",
    "OTA_FAILED": "firmware update failed",
}

READERS = f"""
select s.source, s.kind, s.address, s.state, s.detail, s.since_at, s.heartbeat_at,
  {age("s.heartbeat_at")} as heartbeat_age_s,
  case
    when {age("s.heartbeat_at")} > {LATE_S} then 'Stale'
    when s.state = 'connected' then 'OK'
    when s.state in ('connecting', 'silent') then 'Warning'
    else 'Critical'
  end as verdict,
  case
    when {age("s.heartbeat_at")} > {LATE_S}
      then 'no reader is running: its last sign of life is ' || {duration_sql(age("s.heartbeat_at"))} || ' old'
    else s.state || coalesce(' (' || nullif(nullif(s.detail, ''), s.state) || ')', '')
  end as words,
  s.last_data_at, s.last_error, s.last_error_at, s.connects, s.received, s.rejected
from ingest_status s
"""

_LOST = "verdict in ('Critical', 'Stale')"  # nobody would hear a node of that gateway: what is known of it is from before

NODE_OVERVIEW = f"""
select id, name, gateway_name as gateway, node_id,
  case
    when last_seen_at is null then 'No data'
    when role = 'gateway' and verdict is not null then verdict
    when silent_s > stale_after_s or not configured then 'Stale'
    when battery_level < {EMPTY} then 'Critical'
    when battery_level < {LOW} then 'Warning'
    when {_LOST} then 'Stale'
    when odd_at > {DAY_AGO} then 'Warning'
    else 'OK'
  end as state,
  case
    when last_seen_at is null then 'never heard' || coalesce(', id given ' || substr(id_given_at, 1, 10), '')
    when role = 'gateway' and verdict is not null then words
    when not configured then 'its gateway is not configured any more'
    when silent_s > stale_after_s then 'silent for ' || {duration_sql("silent_s")}
      || coalesce(', usually every ' || {duration_sql("usual_interval_s")}, '')
      || case when battery_level < {LOW} then ', battery ' || cast(battery_level as integer) || ' %' else '' end
    when battery_level < {LOW} then 'battery ' || cast(battery_level as integer) || ' %'
    when {_LOST} then 'not known: its gateway is ' || words
    when odd_at > {DAY_AGO} then 'strange: ' || odd_reason
    else coalesce('heard every ' || {duration_sql("usual_interval_s")}, 'heard, interval not known yet')
  end as reason,
  role, location, sketch_name, sketch_version, sketch_revision, protocol_version,
  last_seen_at, silent_s, usual_interval_s, stale_after_s,
  battery_level, battery_level_at, battery_changed_at, battery_months,
  parent_node_id, parent, arc, signal, messages_today, first_seen_at, presented_at, href
from (
  select n.*, g.name as gateway_name, g.configured, r.verdict, r.words,
    {age("n.last_seen_at")} as silent_s,
    cast(coalesce(max({LEAST_STALE_S}, 3 * n.usual_interval_s), {UNKNOWN_STALE_S}) as integer) as stale_after_s,
    {months_since("n.battery_changed_at")} as battery_months,
    (select name from nodes p where p.id = 256 * n.gateway + n.parent_node_id) as parent,
    cast(coalesce((select d.messages from node_daily d where d.day = date('now', 'localtime')
      and d.series = n.id * {series_key(1)}), 0) as integer) as messages_today,
    (select o.at from oddities o where o.node = n.id order by o.id desc limit 1) as odd_at,
    (select o.reason from oddities o where o.node = n.id order by o.id desc limit 1) as odd_reason,
    '/nodes/' || g.name || '/' || n.node_id as href
  from nodes n join gateways g on g.id = n.gateway left join readers r on r.source = g.name
)
"""

VALUE_LATEST = f"""
select c.id, c.name, n.id as node, n.name as node_name, g.name as gateway, n.node_id, s.id as sensor, s.child_id,
  s.type_name as sensor_type, s.description, c.type_name as type, c.value, c.text, c.last_at,
  {age("c.last_at")} as age_s, c.readings, c.usual, c.first_at,
  '/nodes/' || g.name || '/' || n.node_id as href
from channels c join sensors s on s.id = c.sensor join nodes n on n.id = c.node join gateways g on g.id = n.gateway
"""

SENSOR_LATEST = f"""
select s.id, s.name, n.id as node, n.name as node_name, g.name as gateway, n.node_id, s.child_id,
  s.type_name as sensor_type, s.description,
  (select group_concat(c.type_name, ' ') from channels c where c.sensor = s.id) as types,
  l.id as channel, l.type_name as type, l.value, l.text, s.last_seen_at, {age("s.last_seen_at")} as age_s,
  '/nodes/' || g.name || '/' || n.node_id as href
from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway
left join channels l on l.id = (select c.id from channels c where c.sensor = s.id order by c.last_at desc limit 1)
"""

VALUE_MESSAGES = """
select r.id, r.received_at, r.channel, c.name, c.node, n.node_id, c.sensor, s.child_id, s.type_name as sensor_type,
  c.type_name as type, r.value, r.text
from readings r join channels c on c.id = r.channel join sensors s on s.id = c.sensor join nodes n on n.id = c.node
"""

RECENT_MESSAGES = """
select m.id, m.received_at, m.node, n.name, m.node_id, m.child_id, c.name as command, m.type_name as type, m.payload,
  m.echo, m.repeat,
  m.node_id || ';' || m.child_id || ';' || m.command || ';' || m.echo || ';' || m.type || ';' || m.payload as line
from messages m join commands c on c.id = m.command left join nodes n on n.id = m.node
order by m.id desc limit 1000
"""

_EVENT_WORDS = " ".join(f"when '{name}' then '{text}'" for name, text in EVENT_WORDS.items())

ALL_EVENTS = f"""
select e.id, case when e.ups is not null then 'UPS' when e.node is not null then 'node'
    when e.gateway is not null then 'gateway' else 'clock' end as kind,
  coalesce(u.name, n.name, g.name, 'clock') as name, e.event,
  case e.event {_EVENT_WORDS} else {ups_views.event_words("e.event")} end as words, e.started_at, e.ended_at,
  {seconds_between("e.started_at", f"coalesce(e.ended_at, {NOW})")} as seconds, e.complete, e.detail, e.figures,
  e.ups, e.node, e.gateway,
  case when e.ups is not null then '/ups/' || u.name
    when e.node is not null then '/nodes/' || (select name from gateways where id = n.gateway) || '/' || n.node_id
    when e.gateway is not null then '/nodes?gateway=' || g.name else '/telemetry/events/' || e.id end as href
from events e left join ups u on u.id = e.ups left join nodes n on n.id = e.node left join gateways g on g.id = e.gateway
"""

# Worst first. A node or UPS that is silent because its source is lost is told by the source's line alone.
ATTENTION = f"""
select severity, subject, text, since, href from (
  select 1 as rank, verdict as severity, 'Gateway ' || source as subject, words || ' · ' || address as text,
    case when verdict = 'Stale' then heartbeat_at else since_at end as since,
    '/telemetry/ingest_status/' || source as href
  from readers where kind = 'mysensors' and verdict in ('Critical', 'Stale')
    and source in (select name from gateways where configured)
union all
  select case state when 'Critical' then 2 when 'Stale' then 3 else 5 end, state, name, reason,
    case state when 'Stale' then last_seen_at else battery_level_at end, href
  from node_overview o
  where role <> 'gateway' and gateway in (select name from gateways where configured)
    and ((state = 'Stale' and not exists
        (select 1 from readers r where r.source = o.gateway and r.verdict in ('Critical', 'Stale')))
      or (state in ('Critical', 'Warning') and battery_level < {LOW}))
union all
  select 4, 'Warning', 'Gateway ' || source, words || ' · ' || address, since_at,
    '/telemetry/ingest_status/' || source
  from readers where kind = 'mysensors' and verdict = 'Warning'
    and source in (select name from gateways where configured)
union all
  select 6, 'Warning', name,
    case when strange >= {NEWEST} then '{NEWEST} or more' else strange end
      || case strange when 1 then ' strange message' else ' strange messages' end || ' in a day, last: ' || reason,
    at, '/telemetry/strange_messages?node=' || id
  from (
    select n.id, n.name, o.reason,
      (select count(*) from (select at from oddities where node = n.id order by id desc limit {NEWEST})
        where at > {DAY_AGO}) as strange,
      (select min(at) from (select at from oddities where node = n.id order by id desc limit {NEWEST})
        where at > {DAY_AGO}) as at
    from nodes n join oddities o on o.id = (select id from oddities where node = n.id order by id desc limit 1)
  ) where strange > 0
union all
  select 7, 'Warning', 'Gateway ' || source,
    case lines when {NEWEST} then '{NEWEST} or more' else lines end
      || case lines when 1 then ' unreadable line' else ' unreadable lines' end || ' in a day, last: ' || reason,
    first_at, '/telemetry/strange_messages'
  from (
    select source, reason, count(*) over mine as lines, min(received_at) over mine as first_at,
      row_number() over (partition by source order by id desc) as nth
    from (select * from rejects order by id desc limit {NEWEST}) where received_at > {DAY_AGO}
    window mine as (partition by source)
  ) where nth = 1
union all
{ups_views.ATTENTION}
union all
  select 8, 'Warning', n.name, 'order ' || coalesce(x."order", x.line) || ' ' || x.state
      || coalesce(': ' || nullif(x.reason, ''), ''),
    coalesce(x.done_at, x.created_at), '/telemetry/outbox/' || x.id
  from (select * from outbox order by id desc limit {NEWEST}) x join nodes n on n.id = x.node
  where x.state in ('failed', 'expired') and x.created_at > {DAY_AGO}
{OTA_ATTENTION}
) order by rank, since
"""

VIEWS = {
    "readers": READERS,
    "node_overview": NODE_OVERVIEW,
    "sensor_latest": SENSOR_LATEST,
    "value_latest": VALUE_LATEST,
    "value_messages": VALUE_MESSAGES,
    "recent_messages": RECENT_MESSAGES,
    **RADIO_VIEWS,
    **ups_views.VIEWS,
    "all_events": ALL_EVENTS,
    "attention": ATTENTION,
    **OTA_VIEWS,
}
