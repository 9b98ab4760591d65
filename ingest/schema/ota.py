"""Tables and views of firmware and updates over the air. The views look at tables that stay short."""

from sqlite_utils import Database

from ingest.schema.mysensors import REF, named_node
from ingest.schema.sql_fragments import run_script
from ingest.severity import FINDING
from ota.update import OPEN

OTA = """
create table firmware (
  id integer primary key,
  name text not null,
  type integer not null,
  version integer not null,
  blocks integer not null,
  crc integer not null,
  sha256 text not null,
  filename text not null,
  size integer not null,
  uploaded_at text not null,
  uploaded_by text,
  unique (type, version)
);

create table firmware_images (
  firmware integer primary key,
  data blob not null
);

create table node_firmware (
  node integer primary key references nodes(id),
  type integer,
  version integer,
  blocks integer,
  crc integer,
  bootloader integer,
  block_size integer,
  committed integer,
  reported_at text,
  attention text not null default '',
  attention_at text
);

create table ota_updates (
  id integer primary key,
  node integer not null references nodes(id),
  firmware integer references firmware(id) on delete set null,
  type integer not null,
  version integer not null,
  state text not null default 'requested',
  requested_at text not null,
  requested_by text,
  reason text not null default '',
  block integer,
  blocks integer,
  block_size integer,
  bootloader integer,
  rate real,
  repeats integer not null default 0,
  restarts integer not null default 0,
  crc_failures integer not null default 0,
  reboots integer not null default 0,
  boots integer not null default 0,
  offers integer not null default 0,
  old_type integer,
  old_version integer,
  old_blocks integer,
  old_crc integer,
  owed integer not null default 0,
  rollout integer,
  reboot_at text,
  offered_at text,
  started_at text,
  last_request_at text,
  sent_at text,
  asked_at text,
  matched_at text,
  presented_at text,
  finished_at text,
  released_at text,
  cancel_by text,
  cancel_at text
);
create index ota_updates_node on ota_updates (node);
create index ota_updates_state on ota_updates (state);

create table ota_commands (
  id integer primary key,
  node integer not null references nodes(id),
  command text not null,
  value integer not null default 0,
  state text not null default 'queued',
  reason text not null default '',
  reboots integer not null default 0,
  requested_at text not null,
  requested_by text,
  changed_at text
);
create index ota_commands_node on ota_commands (node);
"""


def ota(db: Database) -> None:
    """Create the tables of firmware, what nodes report of theirs, OTA updates, commands to bootloaders."""
    run_script(db, OTA)


MARKS = ", ".join(f"'{state}'" for state in OPEN)

# Low byte major, high byte minor, as `ota.wire.describe_bootloader` reads it.
BOOTLOADER = """case when f.bootloader is null then null else
  case f.bootloader & 255 when 1 then 'MYSBootloader ' when 3 then 'library OTA '
    else 'unknown bootloader ' end
  || (f.bootloader & 255) || '.' || (f.bootloader >> 8) end"""
# As `ota.wire.describe_config` says it.
REPORTED = """case when f.type is null then null
  when f.type = 65535 and f.version = 65535 and f.blocks = 65535 then 'empty'
  when f.type = 65535 and f.version = 65535 then 'flashed by cable'
  when f.blocks = 0 then 'no valid image of ' || f.type || '/' || f.version
  else f.type || '/' || f.version end"""
RUNS = """f.type = w.type and f.version = w.version and f.crc = w.crc
    and f.blocks * coalesce(f.block_size, 16) = w.blocks * 16"""

FIRMWARE_OVERVIEW = f"""
select w.id, w.name, w.type, w.version, w.blocks, w.crc, printf('%04X', w.crc) as crc_hex, w.sha256,
  w.filename, w.size, w.description,
  w.uploaded_at, w.uploaded_by,
  cast((select count(*) from node_firmware f where {RUNS}) as integer) as nodes,
  cast((select count(*) from ota_updates u where u.firmware = w.id and (u.state in ({MARKS}) or u.owed = 1))
    as integer) as updates
from firmware w
"""

OTA_NODES = f"""
select n.id, n.name, g.name as gateway, n.node_id, n.sketch_name, n.sketch_version,
  {BOOTLOADER} as bootloader,
  f.type, f.version, {REPORTED} as runs,
  (select w.name from firmware w where {RUNS}) as firmware, f.reported_at,
  cast(n.smart_sleep_ms is not null as integer) as sleeps, n.usual_interval_s, n.last_seen_at,
  u.id as "update", u.state as update_state, coalesce(f.attention, '') as attention, {REF} as ref,
  '/nodes/' || g.name || '/' || n.node_id as href
from nodes n join gateways g on g.id = n.gateway left join node_firmware f on f.node = n.id
left join ota_updates u on u.id = (select max(id) from ota_updates where node = n.id and state in ({MARKS}))
where n.node_id > 0 and g.configured
"""

OTA_OVERVIEW = f"""
select u.id, u.node, n.name, g.name as gateway, n.node_id, u.type || '/' || u.version as firmware, w.filename,
  u.state, cast(u.state in ({MARKS}) as integer) as is_open, u.reason,
  cast(case when u.state in ('verifying', 'confirmed') and u.blocks is not null and u.block = 0 then u.blocks
    when u.block is null or u.blocks is null then 0 else u.blocks - u.block end as integer) as sent,
  u.blocks, u.rate,
  cast(case when u.state = 'transferring' and u.rate > 0 then u.block / u.rate end as integer) as left_s,
  u.repeats, u.restarts,
  cast(strftime('%s', u.finished_at) - strftime('%s', u.requested_at) as integer) as took_s,
  cast(n.smart_sleep_ms is not null as integer) as sleeps, n.usual_interval_s, u.rollout,
  u.requested_at, u.requested_by, u.released_at, u.finished_at, u.cancel_at, {REF} as ref,
  '/nodes/' || g.name || '/' || n.node_id as href
from ota_updates u join nodes n on n.id = u.node join gateways g on g.id = n.gateway
left join firmware w on w.id = u.firmware
order by u.id desc
"""

# A member of the union that makes the view `attention`.
ATTENTION = f"""
union all
  select 4, '{FINDING}', {named_node("n")}, f.attention, f.attention_at, '/-/ota'
  from node_firmware f join nodes n on n.id = f.node where f.attention <> ''
"""

VIEWS = {
    "firmware_overview": FIRMWARE_OVERVIEW,
    "ota_nodes": OTA_NODES,
    "ota_overview": OTA_OVERVIEW,
}
