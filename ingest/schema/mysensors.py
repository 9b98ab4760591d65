"""Tables and views of the radio side: gateways, nodes, sensors, channels, their messages and readings.

Tables that every subject uses (`events`, `audit`, `ingest_status`, `changes`) came with the first migration,
so they are here, too. Keys are computed, so that ingest never looks one up (all ids may be 0):
    nodes.id    = 256 * gateways.id + node_id
    sensors.id  = 256 * nodes.id + child_id
    channels.id = 256 * sensors.id + V_ type
Times are UTC text, ISO 8601 with milliseconds and Z; durations end in _s and are seconds.

The file is long because the whole shape of the subject stands here, to be read from top to bottom.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlite_utils import Database

from ingest.db.durations import duration_sql
from ingest.mysensors.battery_reports import LOW
from ingest.mysensors.interval_stats import series_key
from ingest.mysensors.keepalive_messages import KEEPALIVE, KEEPALIVE_TYPES
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, SetReq
from ingest.mysensors.units import unit_sql
from ingest.schema.sql_fragments import DAY_AGO, NOW, age, months_since, run_script
from ingest.severity import EVENT_SEVERITY, FINDING

MYSENSORS = f"""
create table gateways (
  id integer primary key,
  name text not null unique,
  address text not null,
  configured integer not null default 1,
  version text,
  first_seen_at text,
  last_seen_at text
);

create table nodes (
  id integer primary key,
  name text not null,
  gateway integer not null references gateways(id),
  node_id integer not null,
  role text not null default 'node',
  sketch_name text,
  sketch_version text,
  sketch_revision integer,
  protocol_version text,
  location text not null default '',
  parent_node_id integer,
  arc integer,
  signal integer,
  battery_level real,
  battery_level_at text,
  battery_changed_at text,
  smart_sleep_ms integer,
  usual_interval_s real,
  id_given_at text,
  presented_at text,
  first_seen_at text,
  last_seen_at text
);
create index nodes_gateway on nodes (gateway);

create table sensors (
  id integer primary key,
  name text not null,
  node integer not null references nodes(id),
  child_id integer not null,
  type integer,
  type_name text,
  description text,
  first_seen_at text,
  last_seen_at text
);
create index sensors_node on sensors (node);

create table channels (
  id integer primary key,
  name text not null,
  node integer not null references nodes(id),
  sensor integer not null references sensors(id),
  type integer not null,
  type_name text not null,
  value real,
  text text,
  usual real,
  spread real,
  readings integer not null default 0,
  first_at text,
  last_at text
);
create index channels_sensor on channels (sensor);
create index channels_node on channels (node);

create table commands (
  id integer primary key,
  name text not null
);

create table messages (
  id integer primary key,
  received_at text not null,
  gateway integer not null,
  node integer references nodes(id),
  node_id integer not null,
  child_id integer not null,
  command integer not null references commands(id),
  echo integer not null,
  type integer not null,
  type_name text not null,
  payload text not null,
  repeat integer not null default 0
);
create index messages_node on messages (node);

create table readings (
  id integer primary key,
  received_at text not null,
  channel integer not null references channels(id),
  value real,
  text text not null
);
create index readings_channel_received_at on readings (channel, received_at);

create table readings_hourly (
  channel integer not null references channels(id),
  hour_at text not null,
  count integer not null,
  min real,
  avg real,
  max real,
  numbers integer not null default 0,
  primary key (channel, hour_at)
) without rowid;

create table node_daily (
  day text not null,
  series integer not null,
  node integer not null references nodes(id),
  sensor integer references sensors(id),
  child_id integer,
  command integer references commands(id),
  type integer,
  type_name text,
  messages integer not null,
  intervals integer not null,
  min_interval_s real,
  avg_interval_s real,
  max_interval_s real,
  primary key (day, series)
) without rowid;
create index node_daily_node on node_daily (node, day);

create table battery_levels (
  id integer primary key,
  received_at text not null,
  node integer not null references nodes(id),
  level real not null
);
create index battery_levels_node on battery_levels (node, received_at);

create table battery_changes (
  id integer primary key,
  node integer not null references nodes(id),
  changed_at text not null,
  recorded_at text not null default ({NOW}),
  recorded_by text
);
create index battery_changes_node on battery_changes (node, changed_at);

create table rejects (
  id integer primary key,
  received_at text not null,
  source text not null,
  raw text not null,
  reason text not null
);

create table oddities (
  id integer primary key,
  at text not null,
  message integer references messages(id),
  node integer references nodes(id),
  channel integer references channels(id),
  reason text not null
);
create index oddities_node on oddities (node);

create table events (
  id integer primary key,
  event text not null,
  gateway integer references gateways(id),
  node integer references nodes(id),
  started_at text not null,
  ended_at text,
  complete integer not null default 1,
  detail text not null default '',
  figures text not null default '{{}}'
);
create index events_open on events (event) where ended_at is null;

create table outbox (
  id integer primary key,
  node integer not null references nodes(id),
  "order" text,
  line text,
  state text not null default 'queued',
  reason text not null default '',
  created_at text not null default ({NOW}),
  created_by text,
  expires_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 day')),
  sent_at text,
  done_at text
);
create index outbox_waiting on outbox (node) where state in ('queued', 'sent');

create table audit (
  id integer primary key,
  at text not null default ({NOW}),
  actor text,
  action text not null,
  subject text not null default '',
  detail text not null default '',
  outcome text not null
);

create table ingest_status (
  source text primary key,
  kind text not null,
  address text not null,
  state text not null,
  detail text not null default '',
  since_at text not null,
  heartbeat_at text not null,
  last_data_at text,
  last_error text not null default '',
  last_error_at text,
  connects integer not null default 0,
  received integer not null default 0,
  rejected integer not null default 0,
  pid integer
);

create table changes (
  topic text primary key,
  seq integer not null default 0,
  at text not null
);
"""

COMMANDS = ("presentation", "set", "req", "internal", "stream")


class NameRule(NamedTuple):
    """How the `name` of a table's rows is made: the columns it is made of, its SQL, the rows below."""

    columns: str
    sql: str
    below: str | None  # "TABLE where COLUMN"


# A name is never null; ingest inserts any and triggers set it. These are those of the first version, which
# `ingest.schema.labels` replaces.
NAMES: dict[str, NameRule] = {
    "nodes": NameRule(
        "location, sketch_name",
        """case
          when location <> '' then location
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(sketch_name, ''), 'Node') || ' ' || node_id
            || case when gateway = 0 then '' else ' @ ' || (select name from gateways where id = gateway) end
        end""",
        "sensors where node",
    ),
    "sensors": NameRule(
        "name, description, type_name",
        """(select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id)""",
        "channels where sensor",
    ),
    "channels": NameRule("name", "(select name from sensors where id = sensor) || ' · ' || type_name", None),
}


def name_triggers(names: Mapping[str, NameRule] = NAMES) -> Iterator[str]:
    """Yield the SQL of every trigger that keeps a `name`: at insert, at a change, and of what is below."""
    for table, (columns, name, below) in names.items():
        rename = f"update {table} set name = {name} where id = new.id;"
        yield f"create trigger {table}_named after insert on {table} begin {rename} end"
        changed = " or ".join(f"new.{column} is not old.{column}" for column in columns.split(", "))
        if below is None:
            continue
        lower, key = below.split(" where ")
        yield (
            f"create trigger {table}_renamed after update of {columns} on {table} when {changed} "
            f"begin {rename} "
            f"update {lower} set name = {names[lower].sql} where {key} = new.id; "
            + (
                f"update channels set name = {names['channels'].sql} where node = new.id; "
                if table == "nodes"
                else ""
            )
            + "end"
        )


def gateway_trigger(names: Mapping[str, NameRule] = NAMES) -> str:
    """Return the SQL of the trigger that carries a gateway's new name into the names of all below it."""
    nodes = "(select id from nodes where gateway = new.id)"
    return (
        "create trigger gateways_renamed after update of name on gateways "
        "when new.name is not old.name begin "
        f"update nodes set name = {names['nodes'].sql} where gateway = new.id; "
        f"update sensors set name = {names['sensors'].sql} where node in {nodes}; "
        f"update channels set name = {names['channels'].sql} where node in {nodes}; end"
    )


def mysensors(db: Database) -> None:
    """Create the tables of gateways, nodes, sensors, channels and everything that they send."""
    run_script(db, MYSENSORS)
    for trigger in (*name_triggers(), gateway_trigger()):
        db.execute(trigger)
    db.execute(
        """create trigger battery_changes_recorded after insert on battery_changes begin
        update nodes set battery_changed_at =
          (select max(changed_at) from battery_changes where node = new.node) where id = new.node; end"""
    )
    db.table("commands").insert_all({"id": number, "name": name} for number, name in enumerate(COMMANDS))


def sent_orders(db: Database) -> None:
    """Index orders by the time that they were sent, for the log that shows them between messages."""
    db.execute("create index outbox_sent_at on outbox (sent_at) where sent_at is not null")


_KEEPALIVE_SERIES = ", ".join(
    f"n.id * {series_key(1) - series_key(0)} + {series_key(0, NODE_CHILD, Command.internal, type)}"
    for type in KEEPALIVE_TYPES
)
LOOKED = 20_000  # messages that a list without the keepalive looks through

# Of a gateway that is not connected: what is known of its nodes is from before.
_LOST = "verdict in ('Critical', 'Stale')"

# A level from before a report that was refused says nothing about the battery of today.
_IS_LOW = f"battery_level < {LOW} and battery_refused_at is null"

REF = "g.name || '/' || n.node_id"  # SQL: what tells nodes of one name apart: main/12


def channel_href(channel: str = "c") -> str:
    """SQL: the page of a channel of a sensor s, a node n and a gateway g."""
    return f"'/nodes/' || g.name || '/' || n.node_id || '/' || s.child_id || '/' || {channel}.type_name"


def named_node(node: str) -> str:
    """SQL: a row of `nodes` in a text, as `Greenhouse (main/12)`."""
    return f"""{node}.name || ' (' || (select name from gateways where id = {node}.gateway)
      || '/' || {node}.node_id || ')'"""


NODE_OVERVIEW = f"""
select id, name, gateway_name as gateway, node_id,
  case
    when retired_at is not null then 'Retired'
    when last_seen_at is null then 'No data'
    when role = 'gateway' and verdict is not null then verdict
    when silent_s > stale_after_s or not configured then 'Stale'
    when {_IS_LOW} then '{EVENT_SEVERITY["NODE_BATTERY_LOW"]}'
    when {_LOST} then 'Stale'
    when odd_at > {DAY_AGO} then '{FINDING}'
    else 'OK'
  end as state,
  case
    when retired_at is not null then 'retired on ' || substr(retired_at, 1, 10)
    when last_seen_at is null then 'never heard' || coalesce(', id given ' || substr(id_given_at, 1, 10), '')
    when role = 'gateway' and verdict is not null then words
    when not configured then 'its gateway is not configured any more'
    when silent_s > stale_after_s then 'silent for ' || {duration_sql("silent_s")}
      || ', its limit is ' || {duration_sql("stale_after_s")}
      || case when {_IS_LOW} then ', battery ' || cast(battery_level as integer)
        || ' %' else '' end
    when {_IS_LOW} then 'battery ' || cast(battery_level as integer) || ' %'
    when {_LOST} then 'not known: its gateway is ' || words
    when odd_at > {DAY_AGO} then 'strange: ' || odd_reason
    else coalesce('heard every ' || {duration_sql("usual_interval_s")}, 'heard, interval not known yet')
      || case when battery_refused_at is not null then ', battery level not known' else '' end
  end as reason,
  role, label, location, sketch_name, sketch_version, sketch_revision, protocol_version,
  last_seen_at, silent_s, usual_interval_s, stale_after_s, stale_rule, retired_at,
  battery_level, battery_level_at, battery_refused, battery_refused_at, battery_changed_at, battery_months,
  parent_node_id, parent, arc, signal, smart_sleep_ms, windows,
  cast(all_today - keepalive_today as integer) as messages_today, keepalive_today,
  cast(sent_today as integer) as sent_today, cast(nacks_today as integer) as nacks_today,
  first_seen_at, presented_at, ref, href
from (
  select n.*, g.name as gateway_name, g.configured, r.verdict, r.words,
    {age("n.last_seen_at")} as silent_s,
    l.silent_after_s as stale_after_s, l.rule as stale_rule,
    {months_since("n.battery_changed_at")} as battery_months,
    (select name from nodes p where p.id = 256 * n.gateway + n.parent_node_id) as parent,
    cast(coalesce((select d.messages from node_daily d where d.day = date('now', 'localtime')
      and d.series = n.id * {series_key(1)}), 0) as integer) as all_today,
    cast(coalesce((select sum(d.messages) from node_daily d where n.node_id = {GATEWAY_NODE}
      and d.day = date('now', 'localtime') and d.series in ({_KEEPALIVE_SERIES})), 0) as integer)
      as keepalive_today,
    (select d.sent from node_radio_daily d where d.node = n.id and d.day = date('now', 'localtime'))
      as sent_today,
    (select d.nacks from node_radio_daily d where d.node = n.id and d.day = date('now', 'localtime'))
      as nacks_today,
    (select o.at from oddities o where o.node = n.id order by o.at desc, o.id desc limit 1) as odd_at,
    (select o.reason from oddities o where o.node = n.id order by o.at desc, o.id desc limit 1) as odd_reason,
    {REF} as ref, '/nodes/' || g.name || '/' || n.node_id as href
  from nodes n join gateways g on g.id = n.gateway join silence_limits l on l.node = n.id
    left join readers r on r.source = g.name
)
"""

# Of a channel c, its sensor s and its gateway g.
UNIT = unit_sql(
    "c.type",
    "s.type",
    "g.metric",
    f"(select text from channels where id = 256 * s.id + {int(SetReq.V_UNIT_PREFIX)})",
    "c.usual",
)
CHANNEL_UNITS = f"""
select c.id as channel, c.name, c.type_name as type, s.type_name as sensor_type, {UNIT} as unit,
  {channel_href()} as href
from channels c join sensors s on s.id = c.sensor join nodes n on n.id = c.node
  join gateways g on g.id = n.gateway
"""

VALUE_LATEST = f"""
select c.id, c.name, n.id as node, n.name as node_name, g.name as gateway, n.node_id, s.id as sensor,
  s.child_id,
  s.type_name as sensor_type, s.description, s.label as sensor_label,
  c.type_name as type, c.value, c.text, c.last_at,
  {age("c.last_at")} as age_s, c.readings, c.usual, c.first_at, {UNIT} as unit,
  c.refused_text, c.refused_at, c.refused_reason,
  c.wanted, c.wanted_at, c.wanted_order, c.wanted_newer,
  {REF} as ref, '/nodes/' || g.name || '/' || n.node_id as href, {channel_href()} as channel_href
from channels c join sensors s on s.id = c.sensor join nodes n on n.id = c.node
  join gateways g on g.id = n.gateway
"""

SENSOR_LATEST = f"""
select s.id, s.name, n.id as node, n.name as node_name, g.name as gateway, n.node_id, s.child_id,
  s.type_name as sensor_type, s.description, s.label as sensor_label,
  (select group_concat(c.type_name, ' ') from channels c where c.sensor = s.id) as types,
  l.id as channel, l.type_name as type, l.value, l.text,
  (select unit from channel_units where channel = l.id) as unit,
  s.last_seen_at, {age("s.last_seen_at")} as age_s,
  {REF} as ref, '/nodes/' || g.name || '/' || n.node_id as href, {channel_href("l")} as channel_href
from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway
left join channels l on l.id = (select c.id from channels c where c.sensor = s.id
  order by c.last_at desc limit 1)
"""

VALUE_MESSAGES = f"""
select r.id, r.received_at, r.channel, c.name, c.node, {REF} as ref, n.node_id, c.sensor, s.child_id,
  s.type_name as sensor_type,
  c.type_name as type, r.value, r.text,
  (select unit from channel_units where channel = r.channel) as unit, r.wrong, r.marked_by,
  {channel_href()} as channel_href
from readings r join channels c on c.id = r.channel join sensors s on s.id = c.sensor
  join nodes n on n.id = c.node join gateways g on g.id = n.gateway
"""

_RECENT = f"""
select m.id, m.received_at, m.node, n.name, {REF} as ref, m.node_id, m.child_id,
  c.name as command, m.type_name as type, m.payload,
  m.echo, m.repeat, m.retained,
  m.node_id || ';' || m.child_id || ';' || m.command || ';' || m.echo || ';' || m.type || ';' || m.payload
    as line
from (select * from (select * from messages order by id desc limit {LOOKED}) where {{which}}) m
  join commands c on c.id = m.command left join nodes n on n.id = m.node
  left join gateways g on g.id = n.gateway
order by m.id desc limit 1000
"""
RECENT_MESSAGES = _RECENT.format(which=f"not ({KEEPALIVE})")
KEEPALIVE_MESSAGES = _RECENT.format(which=KEEPALIVE)

# How good a link is: by the share of transmissions that were not acknowledged in a week, else by the last
# signal report (dBm), else by the share of packets that arrived at the first try or a repeat (per cent).
FAIR_LOSS, WEAK_LOSS, LEAST_SENT = 1, 5, 20
FAIR_SIGNAL, WEAK_SIGNAL = -75, -87
FAIR_ARC, WEAK_ARC = 80, 50
# A node has one parent, so what is reached from the gateway is a tree. What is reached neither from there nor
# from a node whose parent is not known or is no node goes round in a loop.
RADIO_TREE = f"""
with recursive ways (id, gateway, node_id, hops, route) as (
  select 256 * id, id, 0, 0, 'gateway' from gateways
union all
  select n.id, n.gateway, n.node_id, null,
    case when n.parent_node_id is null then 'unknown' else 'missing' end
  from nodes n
  where n.node_id <> 0 and (n.parent_node_id is null
    or n.parent_node_id <> 0
      and not exists (select 1 from nodes p where p.id = 256 * n.gateway + n.parent_node_id))
union all
  select n.id, n.gateway, n.node_id, w.hops + 1, case w.route when 'gateway' then 'reached' else w.route end
  from ways w join nodes n on n.gateway = w.gateway and n.parent_node_id = w.node_id and n.node_id <> 0
)
select o.id, o.name, o.gateway, o.node_id, o.state, o.reason, o.role, o.parent_node_id, o.parent,
  cast(w.hops as integer) as hops, coalesce(w.route, 'loop') as route,
  case
    when w.route = 'gateway' then 'the gateway'
    when w.hops = 1 then 'straight to the gateway'
    when w.hops > 1 then w.hops || ' hops to the gateway'
    when o.parent_node_id is null then 'its parent is not known'
    when w.route = 'missing' and o.parent is null then 'its parent, node ' || o.parent_node_id
      || ', was never heard'
    when w.route is null then 'its way goes round in a loop'
    else 'its way is not known beyond '
      || coalesce(o.parent || ' (' || o.gateway || '/' || o.parent_node_id || ')',
        'node ' || o.parent_node_id)
  end as way,
  (select count(*) from nodes c where c.gateway = o.id / 256 and c.node_id <> 0
    and c.parent_node_id = o.node_id) as hears,
  o.signal, o.arc, o.sent_today, o.nacks_today, o.keepalive_today, o.last_seen_at, o.silent_s,
  o.usual_interval_s, o.battery_level,
  o.battery_level_at, o.battery_refused_at, o.location, o.sketch_name, o.ref, o.href,
  o.messages_a_day, o.sent, o.nacks, o.loss,
  case
    when o.role = 'gateway' then null
    when o.state in ('Stale', 'No data', 'Retired') then 'silent'
    when o.loss is not null then iif(o.loss < {FAIR_LOSS}, 'good', iif(o.loss < {WEAK_LOSS}, 'fair', 'weak'))
    when o.signal is not null
      then iif(o.signal >= {FAIR_SIGNAL}, 'good', iif(o.signal >= {WEAK_SIGNAL}, 'fair', 'weak'))
    when o.arc is not null then iif(o.arc >= {FAIR_ARC}, 'good', iif(o.arc >= {WEAK_ARC}, 'fair', 'weak'))
    else 'heard'
  end as link,
  case
    when o.role = 'gateway' then null
    when o.state in ('Stale', 'No data', 'Retired') then 'silence'
    when o.loss is not null then 'loss'
    when o.signal is not null then 'signal'
    when o.arc is not null then 'repeats'
    else 'silence'
  end as basis
from (
  select o.*, r.sent, r.nacks,
    case when r.sent >= {LEAST_SENT} then round(100.0 * r.nacks / r.sent, 2) end as loss,
    case when o.first_seen_at is null then null
      when o.first_day >= o.today then o.messages_today
      else round(coalesce((select sum(d.messages) from node_daily d where d.node = o.id
        and d.series = o.id * {series_key(1)} and d.day >= date(o.today, '-7 days') and d.day < o.today), 0)
        / min(7, julianday(o.today) - julianday(o.first_day)), 1)
    end as messages_a_day
  from (select *, date(first_seen_at, 'localtime') as first_day, date('now', 'localtime') as today
      from node_overview) o
    left join (select node, sum(sent) as sent, sum(nacks) as nacks from node_radio_daily
      where day > date('now', 'localtime', '-7 days') group by node) r on r.node = o.id
) o left join ways w on w.id = o.id
"""

VIEWS = {
    "node_overview": NODE_OVERVIEW,
    "channel_units": CHANNEL_UNITS,
    "sensor_latest": SENSOR_LATEST,
    "value_latest": VALUE_LATEST,
    "value_messages": VALUE_MESSAGES,
    "recent_messages": RECENT_MESSAGES,
    "keepalive_messages": KEEPALIVE_MESSAGES,
    "radio_tree": RADIO_TREE,
}
