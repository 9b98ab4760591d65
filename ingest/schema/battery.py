"""Batteries of nodes: the refused report since the last level; levels that follow from a voltage."""

import re

from sqlite_utils import Database

from ingest.db.reserved_ids import next_id
from ingest.mysensors.battery_reports import BatteryReports, read_battery_level
from ingest.schema.sql_fragments import run_script

REFUSALS = """
alter table nodes add column battery_refused text;
alter table nodes add column battery_refused_at text;
"""
# What marked a report when 100 was the highest level.
REFUSED_BEFORE = re.compile(r"""battery level (?:'(.*)'|"(.*)"): 0 to 100 per cent is possible""", re.DOTALL)


def battery_refusals(db: Database) -> None:
    """Add the refusal; read again what was refused before, of which 101 to 120 is a full battery."""
    run_script(db, REFUSALS)
    nodes = {
        node: BatteryReports(level, at, None, None)
        for node, level, at in db.execute("select id, battery_level, battery_level_at from nodes")
    }
    before, fresh = dict(nodes), []
    found = db.execute(
        "select id, node, at, reason from oddities where reason like 'battery level %' order by id"
    ).fetchall()
    for id, node, at, reason in found:
        text = REFUSED_BEFORE.fullmatch(reason)
        if text is None or node not in nodes:
            continue
        level, refused = read_battery_level(text[1] or text[2])
        if level is not None:
            fresh.append((id, node, at, level))
        report = BatteryReports(level, at if level is not None else None, refused, at if refused else None)
        nodes[node] = nodes[node].merged(report)
    db.conn.executemany(
        "update nodes set battery_level = ?, battery_level_at = ?, battery_refused = ?, "
        "battery_refused_at = ? where id = ?",
        [
            (node.level, node.level_at, node.refused, node.refused_at, id)
            for id, node in nodes.items()
            if node != before[id]
        ],
    )
    for number, (_, node, at, level) in enumerate(fresh, next_id(db.conn, "battery_levels")):
        db.execute("insert into battery_levels values (?, ?, ?, ?)", (number, at, node, level))
    db.conn.executemany("delete from oddities where id = ?", [(id,) for id, *_ in fresh])


# A node with a rule stores no level of its own: since the rule was set, all are from its voltage.
VOLTAGE_LEVELS = """
alter table battery_levels add column from_voltage integer not null default 0;
create table battery_recomputations (
  node integer primary key references nodes(id),
  rule text not null,
  until_at text not null,
  done_to text not null default '',
  levels integer not null default 0,
  ended_at text
);
create trigger battery_recomputations_deleted after delete on nodes begin
  delete from battery_recomputations where node = old.id; end;
create trigger battery_recomputations_without_rule after delete on settings when old.key = 'battery' begin
  delete from battery_recomputations where 'nodes/' || node = old.subject; end;
update battery_levels set from_voltage = 1 where exists (select 1 from settings s
  where s.key = 'battery' and s.subject = 'nodes/' || battery_levels.node and s.set_at <= received_at);
"""


def voltage_levels(db: Database) -> None:
    """Mark levels that follow from a voltage; note for which rule the stored volts were read."""
    run_script(db, VOLTAGE_LEVELS)
