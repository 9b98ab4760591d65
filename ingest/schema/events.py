"""The views of events: those of UPSes, and all of them, with severity and acknowledgement."""

from ingest.schema.acknowledgements import (
    acknowledged_text,
    event_severity_sql,
    holds,
    is_measured,
    standing_text,
)
from ingest.schema.sql_fragments import NOW, seconds_between
from ingest.schema.ups import event_words, figure, with_origin

EVENT_WORDS = {  # of what is no UPS; the names are ours
    "GATEWAY_LOST": "no contact",
    "NODE_SILENT": "silent",
    "NODE_LOCKED": "locked",
    "NODE_BACK": "back in use",
    "CLOCK_STEP": "was set",
    "NODE_BATTERY_LOW": "battery low",
    "BATTERY_DUE": "battery empty soon",
    "DISK_LOW": "is short of space",
    "OTA_CONFIRMED": "runs new firmware",
    "OTA_FAILED": "firmware update failed",
    "ROLLOUT_STOPPED": "rollout stopped",
    "INGEST_DOWN": "does not run",
    "SITE_DOWN": "does not answer",
    "BACKUP_FAILED": "failed",
    "DATABASE_DAMAGED": "is damaged",
    "DATABASE_REPLACED": "was replaced",
    "IDS_SHORT": "short of ids for new nodes",
    "STRANGE_MESSAGES": "strange messages",
    "CLOCK_SUSPECT": "may be wrong",
    "TARGET_FAILING": "takes no alerts",
    "PART_DIES": "ends again and again",
    "PLAN_STEP_FAILED": "step failed",
}
OF_THE_HOST = {  # event -> kind, name and label of what it is about; figures may name it nearer
    "DISK_LOW": ("disk", "disk"),
    "CLOCK_STEP": ("clock", "clock"),
    "CLOCK_SUSPECT": ("clock", "clock"),
    "INGEST_DOWN": ("machine", "ingest"),
    "SITE_DOWN": ("machine", "site"),
    "BACKUP_FAILED": ("machine", "backup"),
    "DATABASE_DAMAGED": ("machine", "database"),
    "DATABASE_REPLACED": ("machine", "database"),
    "ROLLOUT_STOPPED": ("machine", "firmware"),
    "TARGET_FAILING": ("machine", "alerts"),
    "PART_DIES": ("machine", "voltkeeper"),
    "PLAN_STEP_FAILED": ("machine", "plan"),
}
_OTHER_WORDS = " ".join(f"when '{name}' then '{text}'" for name, text in EVENT_WORDS.items())

# The present value while it is open, the worst one afterwards.
DETAIL = f"""case when e.event = 'OVER' and e.ended_at is not null and {figure("extreme")} is not null
    then 'load ' || {figure("extreme")} || ' % at worst' else {with_origin("e.detail")} end"""
_ACKNOWLEDGED = f"""case when e.ended_at is null and e.ups is not null then (
    select {acknowledged_text("a")} from acknowledgements a join (
      select u.name, e.event, {standing_text("e")} as text, {is_measured("e")} as measured,
        e.started_at as since_at) c where {holds("a", "c")}) end"""
_KINDS = " ".join(f"when '{event}' then '{kind}'" for event, (kind, _) in OF_THE_HOST.items())
_NAMES = " ".join(f"when '{event}' then '{name}'" for event, (_, name) in OF_THE_HOST.items())
_KIND = f"case e.event {_KINDS} else 'machine' end"
_NAME = f"""coalesce(json_extract(e.figures, '$.name'), json_extract(e.figures, '$.target'),
  case e.event {_NAMES} else 'voltkeeper' end)"""

UPS_EVENTS = f"""
select e.id, e.ups, u.name, e.event, {event_words("e.event")} as words,
  {event_severity_sql("e.event")} as severity, e.started_at, e.ended_at,
  {seconds_between("e.started_at", f"coalesce(e.ended_at, {NOW})")} as seconds,
  e.complete, {DETAIL} as detail, {_ACKNOWLEDGED} as acknowledged, e.figures, '/ups/' || u.name as href
from events e join ups u on u.id = e.ups
"""

ALL_EVENTS = f"""
select e.id, case when e.ups is not null then 'UPS' when e.node is not null then 'node'
    when e.gateway is not null then 'gateway' else {_KIND} end as kind,
  coalesce(u.name, n.name, g.name, {_NAME}) as name,
  coalesce(u.label, n.name, g.name, {_NAME}) as label,
  coalesce(u.name, (select name from gateways where id = n.gateway) || '/' || n.node_id) as ref, e.event,
  case e.event {_OTHER_WORDS} else {event_words("e.event")} end as words,
  {event_severity_sql("e.event")} as severity, e.started_at, e.ended_at,
  {seconds_between("e.started_at", f"coalesce(e.ended_at, {NOW})")} as seconds, e.complete,
  {DETAIL} as detail, {_ACKNOWLEDGED} as acknowledged, e.figures, e.ups, e.node, e.gateway,
  case when e.ups is not null then '/ups/' || u.name
    when e.node is not null then '/nodes/' || (select name from gateways where id = n.gateway) || '/'
      || n.node_id
    when e.gateway is not null then '/nodes?gateway=' || g.name
    when e.event = 'PLAN_STEP_FAILED' then '/-/plan' else '/telemetry/events/' || e.id end as href
from events e left join ups u on u.id = e.ups left join nodes n on n.id = e.node
  left join gateways g on g.id = e.gateway
"""

VIEWS = {"ups_events": UPS_EVENTS, "all_events": ALL_EVENTS}
