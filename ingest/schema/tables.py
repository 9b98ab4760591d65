"""The shape of telemetry.db: tables as migrations, views as data.

Tables are made by sqlite-utils Migrations and never change under a reader's feet. Views carry no
data (`ingest/views.py`), so they are compared with the file at every start and made again when they differ.

Keys are computed, so that ingest never looks one up (all ids may be 0):
    nodes.id    = 256 * gateways.id + node_id
    sensors.id  = 256 * nodes.id + child_id
    channels.id = 256 * sensors.id + V_ type
Times are UTC text, ISO 8601 with milliseconds and Z; durations end in _s and are seconds.
The file is long because the whole shape stands here, a migration a capability, to be read from top to bottom.
"""

from sqlite_utils import Database, Migrations

migrations = Migrations("voltkeeper")

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

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

# A label is never null and is defined here alone; ingest inserts any name and these triggers set it.
NAMES = {
    "nodes": (
        "location, sketch_name",
        """case
          when location <> '' then location
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(sketch_name, ''), 'Node') || ' ' || node_id
            || case when gateway = 0 then '' else ' @ ' || (select name from gateways where id = gateway) end
        end""",
        "sensors where node",
    ),
    "sensors": (
        "name, description, type_name",
        """(select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id)""",
        "channels where sensor",
    ),
    "channels": ("name", "(select name from sensors where id = sensor) || ' · ' || type_name", None),
}


def name_triggers():
    """The SQL of every trigger that keeps a `name`: at insert, at a change, and down to what bears it."""
    for table, (columns, name, below) in NAMES.items():
        rename = f"update {table} set name = {name} where id = new.id;"
        yield f"create trigger {table}_named after insert on {table} begin {rename} end"
        changed = " or ".join(f"new.{column} is not old.{column}" for column in columns.split(", "))
        if below is None:
            continue
        lower, key = below.split(" where ")
        yield (
            f"create trigger {table}_renamed after update of {columns} on {table} when {changed} begin {rename} "
            f"update {lower} set name = {NAMES[lower][1]} where {key} = new.id; "
            + (
                f"update channels set name = {NAMES['channels'][1]} where node = new.id; "
                if table == "nodes"
                else ""
            )
            + "end"
        )


def gateway_trigger():
    """The SQL of the trigger that carries a gateway's new name into the names of its nodes and of all below."""
    nodes = "(select id from nodes where gateway = new.id)"
    return (
        "create trigger gateways_renamed after update of name on gateways when new.name is not old.name begin "
        f"update nodes set name = {NAMES['nodes'][1]} where gateway = new.id; "
        f"update sensors set name = {NAMES['sensors'][1]} where node in {nodes}; "
        f"update channels set name = {NAMES['channels'][1]} where node in {nodes}; end"
    )


def run_script(db, script):
    """Execute the statements one by one: executescript would commit what the migration has begun."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def mysensors(db: Database):
    """Gateways, nodes, sensors, channels and everything they say."""
    run_script(db, MYSENSORS)
    for trigger in (*name_triggers(), gateway_trigger()):
        db.execute(trigger)
    db.execute(
        """create trigger battery_changes_recorded after insert on battery_changes begin
        update nodes set battery_changed_at =
          (select max(changed_at) from battery_changes where node = new.node) where id = new.node; end"""
    )
    db["commands"].insert_all({"id": number, "name": name} for number, name in enumerate(COMMANDS))


UPS_FIGURES = (
    "input_voltage",
    "input_frequency",
    "output_voltage",
    "output_frequency",
    "output_current",
    "battery_charge",
    "battery_voltage",
    "battery_current",
    "battery_runtime",
    "battery_temperature",
    "ups_load",
    "ups_realpower",
    "ups_power",
    "ups_temperature",
    "ups_efficiency",
)
UPS_HOURLY = (
    "input_voltage",
    "input_frequency",
    "output_voltage",
    "battery_charge",
    "battery_voltage",
    "battery_runtime",
    "ups_load",
    "watts",
    "ups_temperature",
)
UPS = f"""
create table ups (
  id integer primary key,
  name text not null unique,
  driver text not null,
  source text not null,
  address text not null default '',
  label text not null,
  location text not null default '',
  configured integer not null default 1,
  mfr text,
  model text,
  serial text,
  firmware text,
  realpower_nominal real,
  power_nominal real,
  power_factor real,
  status text,
  status_at text,
  outcome text,
  outcome_at text,
  battery_changed_at text,
  first_seen_at text,
  last_sample_at text
);

create table ups_variables (
  ups integer not null references ups(id),
  variable text not null,
  value text not null,
  number real,
  writable integer not null default 0,
  changed_at text not null,
  primary key (ups, variable)
) without rowid;

create table ups_variable_changes (
  id integer primary key,
  ups integer not null references ups(id),
  variable text not null,
  old text,
  value text not null,
  changed_at text not null
);
create index ups_variable_changes_ups on ups_variable_changes (ups);

create table ups_samples (
  id integer primary key,
  sampled_at text not null,
  ups integer not null references ups(id),
  ups_status text not null,
  {" real, ".join(UPS_FIGURES)} real,
  watts real,
  watts_rule text
);
create index ups_samples_ups_sampled_at on ups_samples (ups, sampled_at);

create table ups_samples_hourly (
  ups integer not null references ups(id),
  hour_at text not null,
  samples integer not null,
  covered_s real not null,
  on_battery_s real not null,
  trim_s real not null,
  boost_s real not null,
  wh real,
  watts_rule text,
  {", ".join(f"{figure}_{part} real" for figure in UPS_HOURLY for part in ("min", "avg", "max"))},
  primary key (ups, hour_at)
) without rowid;

create table polls (
  id integer primary key,
  ups integer not null references ups(id),
  started_at text not null,
  ended_at text not null,
  count integer not null,
  outcome text not null,
  detail text not null default ''
);
create index polls_ups on polls (ups, started_at);

create table tariffs (
  id integer primary key,
  valid_from text,
  valid_to text,
  hours text not null default '',
  days text not null default '',
  price_per_kwh real not null,
  currency text not null
);

create table ups_battery_changes (
  id integer primary key,
  ups integer not null references ups(id),
  changed_at text not null,
  recorded_at text not null default ({NOW}),
  recorded_by text
);
create index ups_battery_changes_ups on ups_battery_changes (ups, changed_at);

alter table events add column ups integer references ups(id);
create index events_ups on events (ups) where ups is not null;
create index events_event on events (event, started_at);
"""


@migrations()
def ups(db: Database):
    """UPSes: what they say, what it sums up to, how polling them went."""
    run_script(db, UPS)
    db.execute(
        """create trigger ups_battery_changes_recorded after insert on ups_battery_changes begin
        update ups set battery_changed_at =
          (select max(changed_at) from ups_battery_changes where ups = new.ups) where id = new.ups; end"""
    )


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


@migrations()
def ota(db: Database):
    """Firmware, what nodes report of theirs, updates over the air, commands to bootloaders."""
    run_script(db, OTA)


KEEPING = f"""
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


@migrations()
def keeping(db: Database):
    """How long things are kept: runs of the retention, deletions by people, daily work, what takes how much room."""
    run_script(db, KEEPING)


IMPORTS = """
create table imports (
  id integer primary key,
  kind text not null,
  stream text not null,
  target text not null,
  file text not null,
  position integer not null default 0,
  mark text not null default '',
  last_at text,
  rows integer not null default 0,
  stored integer not null default 0,
  skipped text not null default '{}',
  first_id integer,
  next_id integer,
  last_id integer,
  own text not null default '{}',
  started_at text not null,
  finished_at text
)
"""


@migrations()
def imports(db: Database):
    """What was moved in from other programs, and how far each file has been read."""
    db.execute(IMPORTS)


UPS_ORDERS = f"""
create table ups_orders (
  id integer primary key,
  ups integer not null references ups(id),
  command text,
  variable text,
  value text,
  old text,
  state text not null default 'queued',
  reason text not null default '',
  created_at text not null default ({NOW}),
  created_by text,
  expires_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 minute')),
  sent_at text,
  done_at text
);
create index ups_orders_ups on ups_orders (ups);
create index ups_orders_waiting on ups_orders (state) where state in ('queued', 'sent');

create table ups_controls (
  ups integer not null references ups(id),
  kind text not null,
  name text not null,
  description text not null default '',
  listed integer not null default 0,
  type text not null default '',
  choices text not null default '[]',
  ranges text not null default '[]',
  checked_at text not null,
  primary key (ups, kind, name)
) without rowid;
"""


@migrations()
def ups_orders(db: Database):
    """Commands and settings that people ordered of UPSes, and what each UPS can be told to do."""
    run_script(db, UPS_ORDERS)


@migrations()
def sent_orders(db: Database):
    """Orders by the time that they were sent, for the log that shows them between messages."""
    db.execute("create index outbox_sent_at on outbox (sent_at) where sent_at is not null")


@migrations()
def imports_of_samples(db: Database):
    """Samples and readings bear ids that their import holds, as messages do; what Voltkeeper recorded is looked up anew."""
    run_script(
        db,
        """alter table imports drop column own;
        alter table imports add column numbers text not null default 'messages';
        alter table imports add column after_at text""",
    )
