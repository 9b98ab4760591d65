"""What is kept of sessions with MQTT brokers: what needs not be stored again."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

MQTT = """
create table mqtt_packets (
  id integer primary key,
  gateway integer not null,
  packet integer not null,
  digest text not null,
  unique (gateway, packet)
);

create table retained_messages (
  gateway integer not null,
  node_id integer not null,
  child_id integer not null,
  command integer not null,
  echo integer not null,
  type integer not null,
  payload text not null,
  stored_at text not null,
  primary key (gateway, node_id, child_id, command, echo, type)
) without rowid;

alter table messages add column retained integer not null default 0;
"""


def mqtt(db: Database) -> None:
    """Create the tables of MQTT sessions, and mark retained messages."""
    run_script(db, MQTT)


MQTT_SESSIONS = """
create table mqtt_sessions (
  gateway integer primary key,
  session text not null
);
"""


def mqtt_sessions(db: Database) -> None:
    """Store of which session at a broker the retained messages are stored."""
    run_script(db, MQTT_SESSIONS)
