"""Gateways: ids that were given to nodes and never heard, how many are left, what a gateway answers."""

import sqlite3

from sqlite_utils import Database

from ingest.mysensors.node_ids import LOW_IDS, NODE_IDS, RING
from ingest.schema.sql_fragments import run_script
from ingest.severity import Severity

# A row goes as soon as there is a node with its id, whoever makes that: a message, an import.
GIVEN_IDS = """
create table given_ids (
  id integer primary key,
  gateway integer not null references gateways(id),
  node_id integer not null,
  token integer,
  given_at text not null,
  unique (gateway, node_id)
);
create trigger given_ids_heard after insert on nodes begin
  delete from given_ids where gateway = new.gateway and node_id = new.node_id; end;
alter table gateways add column gives_ids integer not null default 0;
"""
# Of the version before, which kept an id that it gave as a node.
NEVER_HEARD = """select id, gateway, node_id, id_given_at from nodes
where id_given_at is not null and first_seen_at is null and last_seen_at is null and presented_at is null
and location = '' and battery_changed_at is null
and not exists (select 1 from settings where subject = 'nodes/' || nodes.id) order by id_given_at"""


def given_ids(db: Database) -> None:
    """Create the table of given ids; nodes that were given an id and never heard become rows of it."""
    run_script(db, GIVEN_IDS)
    connection: sqlite3.Connection = db.conn
    referring = _tables_about_nodes(connection)
    rings: dict[int, list[tuple[int, str]]] = {}
    for node, gateway, node_id, given_at in connection.execute(NEVER_HEARD).fetchall():
        if any(
            connection.execute(f"select 1 from [{table}] where [{column}] = ? limit 1", (node,)).fetchone()
            for table, column in referring
        ):
            continue  # a user did something with it
        connection.execute("delete from nodes where id = ?", (node,))
        rings.setdefault(gateway, []).append((node_id, given_at))
    for gateway, given in rings.items():
        connection.executemany(
            "insert into given_ids (gateway, node_id, given_at) values (?, ?, ?)",
            [(gateway, node_id, given_at) for node_id, given_at in given[-RING:]],
        )


def _tables_about_nodes(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Tables and their columns that name a node, by a reference or by the column's name."""
    found = set()
    tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (table,) in tables:
        if table == "nodes":
            continue
        keys = connection.execute(f"pragma foreign_key_list([{table}])").fetchall()
        found |= {(table, key[3]) for key in keys if key[2] == "nodes"}
        columns = connection.execute(f"pragma table_info([{table}])").fetchall()
        found |= {(table, "node") for column in columns if column[1] == "node"}
    return sorted(found)


def gateway_answers(db: Database) -> None:
    """Remember whether a gateway answers the question for its version."""
    run_script(db, "alter table gateways add column answers_version integer;\n")


def refused_connections(db: Database) -> None:
    """Count connections that were refused: of gateways that dial in."""
    run_script(db, "alter table ingest_status add column refused integer not null default 0;\n")


# How many ids are left for new nodes. One that was given and never heard is given again.
GATEWAY_IDS = f"""
select id as gateway, name, in_use, max(0, {NODE_IDS} - in_use) as "left",
  (select max(first_seen_at) from nodes n where n.gateway = g.id) as since_at,
  (select count(*) from given_ids x where x.gateway = g.id) as given,
  case when {NODE_IDS} - in_use <= 0 then '{Severity.CRITICAL}'
    when {NODE_IDS} - in_use < {LOW_IDS} then '{Severity.WARNING}' else '{Severity.OK}' end as severity,
  case when {NODE_IDS} - in_use <= 0 then 'no id is left for a new node: all {NODE_IDS} are in use'
    else ({NODE_IDS} - in_use) || case when {NODE_IDS} - in_use = 1 then ' id is' else ' ids are' end
      || ' left for new nodes, ' || in_use || ' are in use' end
    || case when {NODE_IDS} - in_use < {LOW_IDS}
      then '; delete nodes that are gone: their ids are free at once' else '' end as text
from (select g.id, g.name, (select count(*) from nodes n where n.gateway = g.id
    and n.node_id between 1 and {NODE_IDS}) as in_use
  from gateways g where g.configured and g.gives_ids) g
"""
ATTENTION = f"""
select case severity when '{Severity.CRITICAL}' then 2 else 4 end, severity, 'Gateway ' || name, text,
  since_at, '/nodes?gateway=' || name
from gateway_ids where severity <> '{Severity.OK}'
"""

VIEWS = {"gateway_ids": GATEWAY_IDS}
