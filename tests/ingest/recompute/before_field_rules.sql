BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'voltkeeper','mysensors','2026-11-29 20:07:56.803222+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'voltkeeper','ups','2026-11-29 20:07:56.820390+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'voltkeeper','ota','2026-11-29 20:07:56.832806+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'voltkeeper','keeping','2026-11-29 20:07:56.835249+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'voltkeeper','imports','2026-11-29 20:07:56.845835+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'voltkeeper','ups_orders','2026-11-29 20:07:56.856756+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'voltkeeper','sent_orders','2026-11-29 20:07:56.863767+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'voltkeeper','imports_of_samples','2026-11-29 20:07:56.889970+00:00');
CREATE TABLE audit (
  id integer primary key,
  at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  actor text,
  action text not null,
  subject text not null default '',
  detail text not null default '',
  outcome text not null
);
CREATE TABLE battery_changes (
  id integer primary key,
  node integer not null references nodes(id),
  changed_at text not null,
  recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by text
);
CREATE TABLE battery_levels (
  id integer primary key,
  received_at text not null,
  node integer not null references nodes(id),
  level real not null
);
CREATE TABLE changes (
  topic text primary key,
  seq integer not null default 0,
  at text not null
);
CREATE TABLE channels (
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
CREATE TABLE chores (
  name text primary key,
  wanted_at text,
  wanted_by text,
  started_at text,
  started_by text,
  ended_at text,
  outcome text not null default '',
  detail text not null default ''
);
CREATE TABLE commands (
  id integer primary key,
  name text not null
);
INSERT INTO "commands" VALUES(0,'presentation');
INSERT INTO "commands" VALUES(1,'set');
INSERT INTO "commands" VALUES(2,'req');
INSERT INTO "commands" VALUES(3,'internal');
INSERT INTO "commands" VALUES(4,'stream');
CREATE TABLE deletions (
  id integer primary key,
  kind text not null,
  key integer,
  before_at text,
  everything integer not null default 0,
  subject text not null,
  state text not null default 'queued',
  rows integer not null default 0,
  requested_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  requested_by text,
  started_at text,
  done_at text,
  detail text not null default ''
);
CREATE TABLE events (
  id integer primary key,
  event text not null,
  gateway integer references gateways(id),
  node integer references nodes(id),
  started_at text not null,
  ended_at text,
  complete integer not null default 1,
  detail text not null default '',
  figures text not null default '{}'
, ups integer references ups(id));
INSERT INTO "events" VALUES(1,'ONBATT',NULL,NULL,'2026-03-01T08:20:00.000Z','2026-03-01T08:25:00.000Z',1,'','{"seconds": 300.0, "covered_s": 300.0, "samples": 10, "missed_polls": 0, "low_battery": 0, "charge_start": 100.0, "predicted_runtime_s": 1800.0, "wh": 15.0, "metered_s": 300.0, "charge_end": 90.0, "load_avg": 20.0, "lowest_charge": 90.0, "lowest_battery_voltage": 27.2, "lowest_input_voltage": 0.0, "watts_rule": "load x nominal W", "watts_avg": 180.0}',1);
INSERT INTO "events" VALUES(2,'INPUT_LOW',NULL,NULL,'2026-03-01T08:20:00.000Z','2026-03-01T08:25:00.000Z',1,'input voltage below 180 V: 0 V','{"limit": 180.0, "value": 0.0, "extreme": 0.0}',1);
INSERT INTO "events" VALUES(3,'OVER',NULL,NULL,'2026-03-01T08:25:00.000Z','2026-03-01T09:00:00.000Z',1,'','{}',1);
INSERT INTO "events" VALUES(4,'LOAD_HIGH',NULL,NULL,'2026-03-01T08:25:00.000Z','2026-03-01T09:00:00.000Z',1,'load above 80 %: 562020 %','{"limit": 80.0, "value": 562020.0, "extreme": 562020.0}',1);
INSERT INTO "events" VALUES(5,'TEST',NULL,NULL,'2026-03-01T10:15:00.000Z','2026-03-01T10:20:00.000Z',1,'','{"started_by": "the UPS", "battery_voltage_before": 27.2, "lowest_battery_voltage": 24.1, "result": "No test initiated", "battery_voltage_after": 27.2, "seconds": 300.0}',1);
INSERT INTO "events" VALUES(6,'INPUT_LOW',NULL,NULL,'2026-03-01T10:17:00.000Z','2026-03-01T10:20:00.000Z',1,'input voltage below 180 V: 0 V','{"limit": 180.0, "value": 0.0, "extreme": 0.0}',1);
INSERT INTO "events" VALUES(7,'TEST',NULL,NULL,'2026-03-01T10:30:00.000Z','2026-03-01T10:32:00.000Z',1,'','{"started_by": "the UPS", "battery_voltage_before": 27.2, "lowest_battery_voltage": 25.0, "result": "Done and passed", "battery_voltage_after": 27.2, "seconds": 120.0}',1);
INSERT INTO "events" VALUES(8,'ONBATT',NULL,NULL,'2026-03-01T10:30:00.000Z','2026-03-01T10:32:00.000Z',1,'','{"seconds": 120.0, "covered_s": 120.0, "samples": 4, "missed_polls": 0, "low_battery": 0, "charge_start": 100.0, "predicted_runtime_s": 1800.0, "during_test": 1, "wh": 6.0, "metered_s": 120.0, "charge_end": 100.0, "load_avg": 20.0, "lowest_charge": 100.0, "lowest_battery_voltage": 25.0, "lowest_input_voltage": 230.0, "watts_rule": "load x nominal W", "watts_avg": 180.0}',1);
INSERT INTO "events" VALUES(9,'ONBATT',NULL,NULL,'2026-03-01T10:45:00.000Z','2026-03-01T10:50:00.000Z',1,'','{"seconds": 300.0, "covered_s": 300.0, "samples": 10, "missed_polls": 0, "low_battery": 0, "charge_start": 100.0, "predicted_runtime_s": 1800.0, "wh": 84315.0, "metered_s": 300.0, "charge_end": 80.0, "load_avg": 112420.0, "lowest_charge": -197.6, "lowest_battery_voltage": 24.5, "lowest_input_voltage": 0.0, "watts_rule": "load x nominal W", "watts_avg": 1011780.0}',1);
INSERT INTO "events" VALUES(10,'INPUT_LOW',NULL,NULL,'2026-03-01T10:45:00.000Z','2026-03-01T10:50:00.000Z',1,'input voltage below 180 V: 0 V','{"limit": 180.0, "value": 0.0, "extreme": 0.0}',1);
INSERT INTO "events" VALUES(11,'OVER',NULL,NULL,'2026-03-01T10:47:00.000Z','2026-03-01T10:48:00.000Z',1,'','{}',1);
INSERT INTO "events" VALUES(12,'CHARGE_LOW',NULL,NULL,'2026-03-01T10:47:00.000Z','2026-03-01T10:48:00.000Z',1,'battery charge below 20 %: -197.6 %','{"limit": 20.0, "value": -197.6, "extreme": -197.6}',1);
INSERT INTO "events" VALUES(13,'LOAD_HIGH',NULL,NULL,'2026-03-01T10:47:00.000Z','2026-03-01T10:48:00.000Z',1,'load above 80 %: 562020 %','{"limit": 80.0, "value": 562020.0, "extreme": 562020.0}',1);
INSERT INTO "events" VALUES(14,'OVER',NULL,NULL,'2026-03-01T10:10:00.000Z',NULL,1,'','{}',2);
INSERT INTO "events" VALUES(15,'HOT',NULL,NULL,'2026-03-01T10:10:00.000Z',NULL,1,'temperature above 40 °C: 255 °C','{"limit": 40.0, "value": 255.0, "extreme": 255.0}',2);
INSERT INTO "events" VALUES(16,'LOAD_HIGH',NULL,NULL,'2026-03-01T10:10:00.000Z',NULL,1,'load above 80 %: 562020 %','{"limit": 80.0, "value": 562020.0, "extreme": 562020.0}',2);
INSERT INTO "events" VALUES(17,'INPUT_LOW',NULL,NULL,'2026-03-01T10:00:00.000Z',NULL,0,'input voltage below 180 V: 121 V','{"limit": 180.0, "value": 121.0, "extreme": 121.0}',3);
INSERT INTO "events" VALUES(18,'VOLTAGE',NULL,NULL,'2026-03-01T10:00:00.000Z',NULL,1,'input voltage above 0 V: 121 V','{"low": 0.0, "high": 0.0, "lowest": 121.0, "highest": 121.0}',3);
INSERT INTO "events" VALUES(19,'TEST',NULL,NULL,'2026-03-01T10:02:30.000Z',NULL,1,'','{"started_by": "the UPS", "battery_voltage_before": 27.2, "lowest_battery_voltage": 27.2}',4);
CREATE TABLE firmware (
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
CREATE TABLE firmware_images (
  firmware integer primary key,
  data blob not null
);
CREATE TABLE gateways (
  id integer primary key,
  name text not null unique,
  address text not null,
  configured integer not null default 1,
  version text,
  first_seen_at text,
  last_seen_at text
);
CREATE TABLE imports (
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
  started_at text not null,
  finished_at text
, numbers text not null default 'messages', after_at text);
CREATE TABLE ingest_status (
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
CREATE TABLE messages (
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
CREATE TABLE node_daily (
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
CREATE TABLE node_firmware (
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
CREATE TABLE nodes (
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
CREATE TABLE oddities (
  id integer primary key,
  at text not null,
  message integer references messages(id),
  node integer references nodes(id),
  channel integer references channels(id),
  reason text not null
);
CREATE TABLE ota_commands (
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
CREATE TABLE ota_updates (
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
CREATE TABLE outbox (
  id integer primary key,
  node integer not null references nodes(id),
  "order" text,
  line text,
  state text not null default 'queued',
  reason text not null default '',
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  created_by text,
  expires_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 day')),
  sent_at text,
  done_at text
);
CREATE TABLE polls (
  id integer primary key,
  ups integer not null references ups(id),
  started_at text not null,
  ended_at text not null,
  count integer not null,
  outcome text not null,
  detail text not null default ''
);
CREATE TABLE readings (
  id integer primary key,
  received_at text not null,
  channel integer not null references channels(id),
  value real,
  text text not null
);
CREATE TABLE readings_hourly (
  channel integer not null references channels(id),
  hour_at text not null,
  count integer not null,
  min real,
  avg real,
  max real,
  numbers integer not null default 0,
  primary key (channel, hour_at)
) without rowid;
CREATE TABLE rejects (
  id integer primary key,
  received_at text not null,
  source text not null,
  raw text not null,
  reason text not null
);
CREATE TABLE retention_runs (
  id integer primary key,
  started_at text not null,
  ended_at text,
  started_by text not null,
  state text not null default 'running',
  rows integer not null default 0,
  tables text not null default '{}',
  size_before integer not null,
  size_after integer,
  longest_s real not null default 0,
  detail text not null default ''
);
CREATE TABLE sensors (
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
CREATE TABLE storage (
  name text primary key,
  rows integer not null,
  bytes integer not null,
  measured_at text not null
);
CREATE TABLE tariffs (
  id integer primary key,
  valid_from text,
  valid_to text,
  hours text not null default '',
  days text not null default '',
  price_per_kwh real not null,
  currency text not null
);
CREATE TABLE ups (
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
INSERT INTO "ups" VALUES(1,'rack@closet','nut','closet','10.0.0.1:3493/rack','rack@closet','',1,NULL,NULL,NULL,NULL,900.0,NULL,0.6,'OL','2026-03-01T10:59:30.000Z','ok','2026-03-01T10:59:30.000Z',NULL,'2026-03-01T08:00:00.000Z','2026-03-01T10:59:30.000Z');
INSERT INTO "ups" VALUES(2,'lab@closet','nut','closet','10.0.0.1:3493/lab','lab@closet','',1,NULL,NULL,NULL,NULL,900.0,NULL,0.6,'OL','2026-03-01T10:29:30.000Z','ok','2026-03-01T10:29:30.000Z',NULL,'2026-03-01T10:00:00.000Z','2026-03-01T10:29:30.000Z');
INSERT INTO "ups" VALUES(3,'shed@closet','nut','closet','10.0.0.1:3493/shed','shed@closet','',1,NULL,NULL,NULL,NULL,900.0,NULL,0.6,'OL','2026-03-01T10:09:30.000Z','ok','2026-03-01T10:09:30.000Z',NULL,'2026-03-01T10:00:00.000Z','2026-03-01T10:09:30.000Z');
INSERT INTO "ups" VALUES(4,'stuck@closet','nut','closet','10.0.0.1:3493/stuck','stuck@closet','',1,NULL,NULL,NULL,NULL,900.0,NULL,0.6,'OL TEST','2026-03-01T10:22:00.000Z','ok','2026-03-01T10:22:00.000Z',NULL,'2026-03-01T10:00:00.000Z','2026-03-01T10:22:00.000Z');
INSERT INTO "ups" VALUES(5,'nominal@closet','nut','closet','10.0.0.1:3493/nominal','nominal@closet','',1,NULL,NULL,NULL,NULL,900.0,NULL,0.6,'OL','2026-03-01T10:09:30.000Z','ok','2026-03-01T10:09:30.000Z',NULL,'2026-03-01T10:00:00.000Z','2026-03-01T10:09:30.000Z');
CREATE TABLE ups_battery_changes (
  id integer primary key,
  ups integer not null references ups(id),
  changed_at text not null,
  recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by text
);
CREATE TABLE ups_controls (
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
CREATE TABLE ups_orders (
  id integer primary key,
  ups integer not null references ups(id),
  command text,
  variable text,
  value text,
  old text,
  state text not null default 'queued',
  reason text not null default '',
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  created_by text,
  expires_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 minute')),
  sent_at text,
  done_at text
);
CREATE TABLE ups_samples (
  id integer primary key,
  sampled_at text not null,
  ups integer not null references ups(id),
  ups_status text not null,
  input_voltage real, input_frequency real, output_voltage real, output_frequency real, output_current real, battery_charge real, battery_voltage real, battery_current real, battery_runtime real, battery_temperature real, ups_load real, ups_realpower real, ups_power real, ups_temperature real, ups_efficiency real,
  watts real,
  watts_rule text
);
INSERT INTO "ups_samples" VALUES(121,'2026-03-01T09:00:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(122,'2026-03-01T09:00:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(123,'2026-03-01T09:01:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(124,'2026-03-01T09:01:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(125,'2026-03-01T09:02:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(126,'2026-03-01T09:02:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(127,'2026-03-01T09:03:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(128,'2026-03-01T09:03:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(129,'2026-03-01T09:04:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(130,'2026-03-01T09:04:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(131,'2026-03-01T09:05:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(132,'2026-03-01T09:05:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(133,'2026-03-01T09:06:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(134,'2026-03-01T09:06:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(135,'2026-03-01T09:07:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(136,'2026-03-01T09:07:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(137,'2026-03-01T09:08:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(138,'2026-03-01T09:08:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(139,'2026-03-01T09:09:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(140,'2026-03-01T09:09:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(141,'2026-03-01T09:10:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(142,'2026-03-01T09:10:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(143,'2026-03-01T09:11:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(144,'2026-03-01T09:11:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(145,'2026-03-01T09:12:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(146,'2026-03-01T09:12:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(147,'2026-03-01T09:13:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(148,'2026-03-01T09:13:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(149,'2026-03-01T09:14:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(150,'2026-03-01T09:14:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(151,'2026-03-01T09:15:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(152,'2026-03-01T09:15:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(153,'2026-03-01T09:16:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(154,'2026-03-01T09:16:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(155,'2026-03-01T09:17:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(156,'2026-03-01T09:17:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(157,'2026-03-01T09:18:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(158,'2026-03-01T09:18:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(159,'2026-03-01T09:19:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(160,'2026-03-01T09:19:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(161,'2026-03-01T09:20:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(162,'2026-03-01T09:20:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(163,'2026-03-01T09:21:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(164,'2026-03-01T09:21:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(165,'2026-03-01T09:22:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(166,'2026-03-01T09:22:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(167,'2026-03-01T09:23:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(168,'2026-03-01T09:23:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(169,'2026-03-01T09:24:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(170,'2026-03-01T09:24:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(171,'2026-03-01T10:00:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(172,'2026-03-01T10:00:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(173,'2026-03-01T10:01:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(174,'2026-03-01T10:01:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(175,'2026-03-01T10:02:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(176,'2026-03-01T10:02:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(177,'2026-03-01T10:03:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(178,'2026-03-01T10:03:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(179,'2026-03-01T10:04:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(180,'2026-03-01T10:04:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(181,'2026-03-01T10:05:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(182,'2026-03-01T10:05:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(183,'2026-03-01T10:06:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(184,'2026-03-01T10:06:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(185,'2026-03-01T10:07:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(186,'2026-03-01T10:07:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(187,'2026-03-01T10:08:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(188,'2026-03-01T10:08:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(189,'2026-03-01T10:09:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(190,'2026-03-01T10:09:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(191,'2026-03-01T10:10:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(192,'2026-03-01T10:10:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(193,'2026-03-01T10:11:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(194,'2026-03-01T10:11:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(195,'2026-03-01T10:12:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(196,'2026-03-01T10:12:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(197,'2026-03-01T10:13:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(198,'2026-03-01T10:13:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(199,'2026-03-01T10:14:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(200,'2026-03-01T10:14:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(201,'2026-03-01T10:15:00.000Z',1,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(202,'2026-03-01T10:15:30.000Z',1,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(203,'2026-03-01T10:16:00.000Z',1,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(204,'2026-03-01T10:16:30.000Z',1,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(205,'2026-03-01T10:17:00.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(206,'2026-03-01T10:17:30.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(207,'2026-03-01T10:18:00.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(208,'2026-03-01T10:18:30.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(209,'2026-03-01T10:19:00.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(210,'2026-03-01T10:19:30.000Z',1,'OB DISCHRG TEST',0.0,NULL,NULL,NULL,NULL,95.0,24.1,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(211,'2026-03-01T10:20:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(212,'2026-03-01T10:20:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(213,'2026-03-01T10:21:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(214,'2026-03-01T10:21:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(215,'2026-03-01T10:22:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(216,'2026-03-01T10:22:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(217,'2026-03-01T10:23:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(218,'2026-03-01T10:23:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(219,'2026-03-01T10:24:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(220,'2026-03-01T10:24:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(221,'2026-03-01T10:25:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(222,'2026-03-01T10:25:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(223,'2026-03-01T10:26:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(224,'2026-03-01T10:26:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(225,'2026-03-01T10:27:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(226,'2026-03-01T10:27:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(227,'2026-03-01T10:28:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(228,'2026-03-01T10:28:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(229,'2026-03-01T10:29:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(230,'2026-03-01T10:29:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(231,'2026-03-01T10:30:00.000Z',1,'OB DISCHRG',230.0,NULL,NULL,NULL,NULL,100.0,25.0,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(232,'2026-03-01T10:30:30.000Z',1,'OB DISCHRG',230.0,NULL,NULL,NULL,NULL,100.0,25.0,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(233,'2026-03-01T10:31:00.000Z',1,'OB DISCHRG',230.0,NULL,NULL,NULL,NULL,100.0,25.0,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(234,'2026-03-01T10:31:30.000Z',1,'OB DISCHRG',230.0,NULL,NULL,NULL,NULL,100.0,25.0,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(235,'2026-03-01T10:32:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(236,'2026-03-01T10:32:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(237,'2026-03-01T10:33:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(238,'2026-03-01T10:33:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(239,'2026-03-01T10:34:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(240,'2026-03-01T10:34:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(241,'2026-03-01T10:35:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(242,'2026-03-01T10:35:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(243,'2026-03-01T10:36:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(244,'2026-03-01T10:36:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(245,'2026-03-01T10:37:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(246,'2026-03-01T10:37:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(247,'2026-03-01T10:38:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(248,'2026-03-01T10:38:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(249,'2026-03-01T10:39:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(250,'2026-03-01T10:39:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(251,'2026-03-01T10:40:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(252,'2026-03-01T10:40:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(253,'2026-03-01T10:41:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(254,'2026-03-01T10:41:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(255,'2026-03-01T10:42:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(256,'2026-03-01T10:42:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(257,'2026-03-01T10:43:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(258,'2026-03-01T10:43:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(259,'2026-03-01T10:44:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(260,'2026-03-01T10:44:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(261,'2026-03-01T10:45:00.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,90.0,24.5,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(262,'2026-03-01T10:45:30.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,90.0,24.5,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(263,'2026-03-01T10:46:00.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,90.0,24.5,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(264,'2026-03-01T10:46:30.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,90.0,24.5,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(265,'2026-03-01T10:47:00.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,-197.6,27.2,NULL,-1.0,NULL,562020.0,NULL,NULL,NULL,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(266,'2026-03-01T10:47:30.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,-197.6,27.2,NULL,-1.0,NULL,562020.0,NULL,NULL,NULL,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(267,'2026-03-01T10:48:00.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,80.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(268,'2026-03-01T10:48:30.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,80.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(269,'2026-03-01T10:49:00.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,80.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(270,'2026-03-01T10:49:30.000Z',1,'OB DISCHRG',0.0,NULL,NULL,NULL,NULL,80.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(271,'2026-03-01T10:50:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(272,'2026-03-01T10:50:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(273,'2026-03-01T10:51:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(274,'2026-03-01T10:51:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(275,'2026-03-01T10:52:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(276,'2026-03-01T10:52:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(277,'2026-03-01T10:53:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(278,'2026-03-01T10:53:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(279,'2026-03-01T10:54:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(280,'2026-03-01T10:54:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(281,'2026-03-01T10:55:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(282,'2026-03-01T10:55:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(283,'2026-03-01T10:56:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(284,'2026-03-01T10:56:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(285,'2026-03-01T10:57:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(286,'2026-03-01T10:57:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(287,'2026-03-01T10:58:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(288,'2026-03-01T10:58:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(289,'2026-03-01T10:59:00.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(290,'2026-03-01T10:59:30.000Z',1,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(291,'2026-03-01T10:00:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(292,'2026-03-01T10:00:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(293,'2026-03-01T10:01:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(294,'2026-03-01T10:01:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(295,'2026-03-01T10:02:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(296,'2026-03-01T10:02:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(297,'2026-03-01T10:03:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(298,'2026-03-01T10:03:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(299,'2026-03-01T10:04:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(300,'2026-03-01T10:04:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(301,'2026-03-01T10:05:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(302,'2026-03-01T10:05:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(303,'2026-03-01T10:06:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(304,'2026-03-01T10:06:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(305,'2026-03-01T10:07:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(306,'2026-03-01T10:07:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(307,'2026-03-01T10:08:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(308,'2026-03-01T10:08:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(309,'2026-03-01T10:09:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(310,'2026-03-01T10:09:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(311,'2026-03-01T10:10:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(312,'2026-03-01T10:10:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(313,'2026-03-01T10:11:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(314,'2026-03-01T10:11:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(315,'2026-03-01T10:12:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(316,'2026-03-01T10:12:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(317,'2026-03-01T10:13:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(318,'2026-03-01T10:13:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(319,'2026-03-01T10:14:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(320,'2026-03-01T10:14:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(321,'2026-03-01T10:15:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(322,'2026-03-01T10:15:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(323,'2026-03-01T10:16:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(324,'2026-03-01T10:16:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(325,'2026-03-01T10:17:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(326,'2026-03-01T10:17:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(327,'2026-03-01T10:18:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(328,'2026-03-01T10:18:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(329,'2026-03-01T10:19:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(330,'2026-03-01T10:19:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(331,'2026-03-01T10:20:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(332,'2026-03-01T10:20:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(333,'2026-03-01T10:21:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(334,'2026-03-01T10:21:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(335,'2026-03-01T10:22:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(336,'2026-03-01T10:22:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(337,'2026-03-01T10:23:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(338,'2026-03-01T10:23:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(339,'2026-03-01T10:24:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(340,'2026-03-01T10:24:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(341,'2026-03-01T10:25:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(342,'2026-03-01T10:25:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(343,'2026-03-01T10:26:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(344,'2026-03-01T10:26:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(345,'2026-03-01T10:27:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(346,'2026-03-01T10:27:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(347,'2026-03-01T10:28:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(348,'2026-03-01T10:28:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(349,'2026-03-01T10:29:00.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(350,'2026-03-01T10:29:30.000Z',2,'OL',230.0,NULL,NULL,NULL,NULL,255.0,10000000.0,NULL,3932100.0,NULL,562020.0,NULL,NULL,255.0,NULL,5058180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(351,'2026-03-01T10:00:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(352,'2026-03-01T10:00:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(353,'2026-03-01T10:01:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(354,'2026-03-01T10:01:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(355,'2026-03-01T10:02:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(356,'2026-03-01T10:02:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(357,'2026-03-01T10:03:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(358,'2026-03-01T10:03:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(359,'2026-03-01T10:04:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(360,'2026-03-01T10:04:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(361,'2026-03-01T10:05:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(362,'2026-03-01T10:05:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(363,'2026-03-01T10:06:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(364,'2026-03-01T10:06:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(365,'2026-03-01T10:07:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(366,'2026-03-01T10:07:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(367,'2026-03-01T10:08:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(368,'2026-03-01T10:08:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(369,'2026-03-01T10:09:00.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(370,'2026-03-01T10:09:30.000Z',3,'OL',121.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(371,'2026-03-01T10:00:00.000Z',4,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(372,'2026-03-01T10:00:30.000Z',4,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(373,'2026-03-01T10:01:00.000Z',4,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(374,'2026-03-01T10:01:30.000Z',4,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(375,'2026-03-01T10:02:00.000Z',4,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(376,'2026-03-01T10:02:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(377,'2026-03-01T10:03:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(378,'2026-03-01T10:03:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(379,'2026-03-01T10:04:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(380,'2026-03-01T10:04:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(381,'2026-03-01T10:05:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(382,'2026-03-01T10:05:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(383,'2026-03-01T10:06:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(384,'2026-03-01T10:06:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(385,'2026-03-01T10:07:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(386,'2026-03-01T10:07:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(387,'2026-03-01T10:08:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(388,'2026-03-01T10:08:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(389,'2026-03-01T10:09:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(390,'2026-03-01T10:09:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(391,'2026-03-01T10:10:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(392,'2026-03-01T10:10:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(393,'2026-03-01T10:11:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(394,'2026-03-01T10:11:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(395,'2026-03-01T10:12:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(396,'2026-03-01T10:12:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(397,'2026-03-01T10:13:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(398,'2026-03-01T10:13:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(399,'2026-03-01T10:14:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(400,'2026-03-01T10:14:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(401,'2026-03-01T10:15:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(402,'2026-03-01T10:15:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(403,'2026-03-01T10:16:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(404,'2026-03-01T10:16:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(405,'2026-03-01T10:17:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(406,'2026-03-01T10:17:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(407,'2026-03-01T10:18:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(408,'2026-03-01T10:18:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(409,'2026-03-01T10:19:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(410,'2026-03-01T10:19:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(411,'2026-03-01T10:20:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(412,'2026-03-01T10:20:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(413,'2026-03-01T10:21:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(414,'2026-03-01T10:21:30.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(415,'2026-03-01T10:22:00.000Z',4,'OL TEST',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,20.0,NULL,NULL,NULL,NULL,180.0,'load x nominal W');
INSERT INTO "ups_samples" VALUES(416,'2026-03-01T10:00:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(417,'2026-03-01T10:00:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(418,'2026-03-01T10:01:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(419,'2026-03-01T10:01:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(420,'2026-03-01T10:02:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(421,'2026-03-01T10:02:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(422,'2026-03-01T10:03:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(423,'2026-03-01T10:03:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(424,'2026-03-01T10:04:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(425,'2026-03-01T10:04:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(426,'2026-03-01T10:05:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(427,'2026-03-01T10:05:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(428,'2026-03-01T10:06:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(429,'2026-03-01T10:06:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(430,'2026-03-01T10:07:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(431,'2026-03-01T10:07:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(432,'2026-03-01T10:08:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(433,'2026-03-01T10:08:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(434,'2026-03-01T10:09:00.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
INSERT INTO "ups_samples" VALUES(435,'2026-03-01T10:09:30.000Z',5,'OL',230.0,NULL,NULL,NULL,NULL,100.0,27.2,NULL,1800.0,NULL,24.0,0.0,NULL,NULL,NULL,0.0,'measured');
CREATE TABLE ups_samples_hourly (
  ups integer not null references ups(id),
  hour_at text not null,
  samples integer not null,
  covered_s real not null,
  on_battery_s real not null,
  trim_s real not null,
  boost_s real not null,
  wh real,
  watts_rule text,
  input_voltage_min real, input_voltage_avg real, input_voltage_max real, input_frequency_min real, input_frequency_avg real, input_frequency_max real, output_voltage_min real, output_voltage_avg real, output_voltage_max real, battery_charge_min real, battery_charge_avg real, battery_charge_max real, battery_voltage_min real, battery_voltage_avg real, battery_voltage_max real, battery_runtime_min real, battery_runtime_avg real, battery_runtime_max real, ups_load_min real, ups_load_avg real, ups_load_max real, watts_min real, watts_avg real, watts_max real, ups_temperature_min real, ups_temperature_avg real, ups_temperature_max real,
  primary key (ups, hour_at)
) without rowid;
INSERT INTO "ups_samples_hourly" VALUES(1,'2026-03-01T08:00:00.000Z',120,3600.0,300.0,0.0,0.0,2950680.0,'load x nominal W',0.0,210.8333,230.0,NULL,NULL,NULL,NULL,NULL,NULL,90.0,189.5833,255.0,27.2,27.2,27.2,1800.0,1800.0,1800.0,20.0,327853.3333,562020.0,180.0,2950680.0,5058180.0,NULL,NULL,NULL);
INSERT INTO "ups_samples_hourly" VALUES(1,'2026-03-01T09:00:00.000Z',50,1470.0,0.0,0.0,0.0,73.5,'load x nominal W',230.0,230.0,230.0,NULL,NULL,NULL,NULL,NULL,NULL,100.0,100.0,100.0,27.2,27.2,27.2,1800.0,1800.0,1800.0,20.0,20.0,20.0,180.0,180.0,180.0,NULL,NULL,NULL);
INSERT INTO "ups_samples_hourly" VALUES(1,'2026-03-01T10:00:00.000Z',120,3570.0,600.0,0.0,0.0,84478.5,'load x nominal W',0.0,199.3333,230.0,NULL,NULL,NULL,NULL,NULL,NULL,-197.6,93.79,100.0,24.1,26.8817,27.2,-1.0,1769.9833,1800.0,20.0,9386.6667,562020.0,180.0,84480.0,5058180.0,NULL,NULL,NULL);
INSERT INTO "ups_samples_hourly" VALUES(2,'2026-03-01T10:00:00.000Z',60,1770.0,0.0,0.0,0.0,1665013.5,'load x nominal W',230.0,230.0,230.0,NULL,NULL,NULL,NULL,NULL,NULL,100.0,203.3333,255.0,27.2,6666675.7333,10000000.0,1800.0,2622000.0,3932100.0,20.0,374686.6667,562020.0,180.0,3372180.0,5058180.0,255.0,255.0,255.0);
INSERT INTO "ups_samples_hourly" VALUES(3,'2026-03-01T10:00:00.000Z',20,570.0,0.0,0.0,0.0,28.5,'load x nominal W',121.0,121.0,121.0,NULL,NULL,NULL,NULL,NULL,NULL,100.0,100.0,100.0,27.2,27.2,27.2,1800.0,1800.0,1800.0,20.0,20.0,20.0,180.0,180.0,180.0,NULL,NULL,NULL);
INSERT INTO "ups_samples_hourly" VALUES(4,'2026-03-01T10:00:00.000Z',45,1320.0,0.0,0.0,0.0,66.0,'load x nominal W',230.0,230.0,230.0,NULL,NULL,NULL,NULL,NULL,NULL,100.0,100.0,100.0,27.2,27.2,27.2,1800.0,1800.0,1800.0,20.0,20.0,20.0,180.0,180.0,180.0,NULL,NULL,NULL);
INSERT INTO "ups_samples_hourly" VALUES(5,'2026-03-01T10:00:00.000Z',20,570.0,0.0,0.0,0.0,0.0,'measured',230.0,230.0,230.0,NULL,NULL,NULL,NULL,NULL,NULL,100.0,100.0,100.0,27.2,27.2,27.2,1800.0,1800.0,1800.0,24.0,24.0,24.0,0.0,0.0,0.0,NULL,NULL,NULL);
CREATE TABLE ups_variable_changes (
  id integer primary key,
  ups integer not null references ups(id),
  variable text not null,
  old text,
  value text not null,
  changed_at text not null
);
CREATE TABLE ups_variables (
  ups integer not null references ups(id),
  variable text not null,
  value text not null,
  number real,
  writable integer not null default 0,
  changed_at text not null,
  primary key (ups, variable)
) without rowid;
INSERT INTO "ups_variables" VALUES(1,'battery.charge','100',100.0,0,'2026-03-01T10:50:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'battery.runtime','1800',1800.0,0,'2026-03-01T10:48:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'battery.voltage','27.2',27.2,0,'2026-03-01T10:47:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'input.voltage','230.0',230.0,0,'2026-03-01T10:50:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'ups.load','20',20.0,0,'2026-03-01T10:48:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'ups.realpower.nominal','900',900.0,0,'2026-03-01T08:00:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'ups.status','OL',NULL,0,'2026-03-01T10:50:00.000Z');
INSERT INTO "ups_variables" VALUES(1,'ups.test.result','Done and passed',NULL,0,'2026-03-01T10:32:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'battery.charge','255',255.0,0,'2026-03-01T10:10:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'battery.runtime','3932100',3932100.0,0,'2026-03-01T10:10:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'battery.voltage','10000000',10000000.0,0,'2026-03-01T10:10:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'input.voltage','230.0',230.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'ups.load','562020',562020.0,0,'2026-03-01T10:10:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'ups.realpower.nominal','900',900.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'ups.status','OL',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'ups.temperature','255',255.0,0,'2026-03-01T10:10:00.000Z');
INSERT INTO "ups_variables" VALUES(2,'ups.test.result','No test initiated',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'battery.charge','100',100.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'battery.runtime','1800',1800.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'battery.voltage','27.2',27.2,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'input.transfer.high','0',0.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'input.transfer.low','0',0.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'input.voltage','121',121.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'ups.load','20',20.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'ups.realpower.nominal','900',900.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'ups.status','OL',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(3,'ups.test.result','No test initiated',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'battery.charge','100',100.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'battery.runtime','1800',1800.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'battery.voltage','27.2',27.2,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'input.voltage','230.0',230.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'ups.load','20',20.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'ups.realpower.nominal','900',900.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(4,'ups.status','OL TEST',NULL,0,'2026-03-01T10:02:30.000Z');
INSERT INTO "ups_variables" VALUES(4,'ups.test.result','No test initiated',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'battery.charge','100',100.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'battery.runtime','1800',1800.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'battery.voltage','27.2',27.2,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'input.voltage','230.0',230.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'ups.load','24',24.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'ups.realpower','0',0.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'ups.realpower.nominal','900',900.0,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'ups.status','OL',NULL,0,'2026-03-01T10:00:00.000Z');
INSERT INTO "ups_variables" VALUES(5,'ups.test.result','No test initiated',NULL,0,'2026-03-01T10:00:00.000Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX nodes_gateway on nodes (gateway);
CREATE INDEX sensors_node on sensors (node);
CREATE INDEX channels_sensor on channels (sensor);
CREATE INDEX channels_node on channels (node);
CREATE INDEX messages_node on messages (node);
CREATE INDEX readings_channel_received_at on readings (channel, received_at);
CREATE INDEX node_daily_node on node_daily (node, day);
CREATE INDEX battery_levels_node on battery_levels (node, received_at);
CREATE INDEX battery_changes_node on battery_changes (node, changed_at);
CREATE INDEX oddities_node on oddities (node);
CREATE INDEX events_open on events (event) where ended_at is null;
CREATE INDEX outbox_waiting on outbox (node) where state in ('queued', 'sent');
CREATE TRIGGER nodes_named after insert on nodes begin update nodes set name = case
          when location <> '' then location
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(sketch_name, ''), 'Node') || ' ' || node_id
            || case when gateway = 0 then '' else ' @ ' || (select name from gateways where id = gateway) end
        end where id = new.id; end;
CREATE TRIGGER nodes_renamed after update of location, sketch_name on nodes when new.location is not old.location or new.sketch_name is not old.sketch_name begin update nodes set name = case
          when location <> '' then location
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(sketch_name, ''), 'Node') || ' ' || node_id
            || case when gateway = 0 then '' else ' @ ' || (select name from gateways where id = gateway) end
        end where id = new.id; update sensors set name = (select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id) where node = new.id; update channels set name = (select name from sensors where id = sensor) || ' · ' || type_name where node = new.id; end;
CREATE TRIGGER sensors_named after insert on sensors begin update sensors set name = (select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id) where id = new.id; end;
CREATE TRIGGER sensors_renamed after update of name, description, type_name on sensors when new.name is not old.name or new.description is not old.description or new.type_name is not old.type_name begin update sensors set name = (select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id) where id = new.id; update channels set name = (select name from sensors where id = sensor) || ' · ' || type_name where sensor = new.id; end;
CREATE TRIGGER channels_named after insert on channels begin update channels set name = (select name from sensors where id = sensor) || ' · ' || type_name where id = new.id; end;
CREATE TRIGGER gateways_renamed after update of name on gateways when new.name is not old.name begin update nodes set name = case
          when location <> '' then location
          when node_id = 0 then 'Gateway ' || (select name from gateways where id = gateway)
          else coalesce(nullif(sketch_name, ''), 'Node') || ' ' || node_id
            || case when gateway = 0 then '' else ' @ ' || (select name from gateways where id = gateway) end
        end where gateway = new.id; update sensors set name = (select name from nodes where id = node) || ' · '
          || coalesce(nullif(description, ''), coalesce(type_name, 'child') || ' ' || child_id) where node in (select id from nodes where gateway = new.id); update channels set name = (select name from sensors where id = sensor) || ' · ' || type_name where node in (select id from nodes where gateway = new.id); end;
CREATE TRIGGER battery_changes_recorded after insert on battery_changes begin
        update nodes set battery_changed_at =
          (select max(changed_at) from battery_changes where node = new.node) where id = new.node; end;
CREATE INDEX ups_variable_changes_ups on ups_variable_changes (ups);
CREATE INDEX ups_samples_ups_sampled_at on ups_samples (ups, sampled_at);
CREATE INDEX polls_ups on polls (ups, started_at);
CREATE INDEX ups_battery_changes_ups on ups_battery_changes (ups, changed_at);
CREATE INDEX events_ups on events (ups) where ups is not null;
CREATE INDEX events_event on events (event, started_at);
CREATE TRIGGER ups_battery_changes_recorded after insert on ups_battery_changes begin
        update ups set battery_changed_at =
          (select max(changed_at) from ups_battery_changes where ups = new.ups) where id = new.ups; end;
CREATE INDEX ota_updates_node on ota_updates (node);
CREATE INDEX ota_updates_state on ota_updates (state);
CREATE INDEX ota_commands_node on ota_commands (node);
CREATE INDEX oddities_message on oddities (message);
CREATE INDEX ups_orders_ups on ups_orders (ups);
CREATE INDEX ups_orders_waiting on ups_orders (state) where state in ('queued', 'sent');
CREATE INDEX outbox_sent_at on outbox (sent_at) where sent_at is not null;
COMMIT;
