"""Batteries of nodes: the refused report since the last level, levels from a voltage, the lowest by day."""

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


# The lowest level of each UTC day, so that a report of a year reads a row a day of a node. Triggers keep it:
# levels are also imported, moved, read anew from volts, corrected in time and deleted.
_DAY = "substr({row}.received_at, 1, 10)"
_ADD = f"""
  insert into battery_daily (node, day, low) values (new.node, {_DAY.format(row="new")}, new.level)
  on conflict (node, day) do update set low = min(low, excluded.low);"""
_TAKE = f"""
  delete from battery_daily where node = old.node and day = {_DAY.format(row="old")};
  insert into battery_daily (node, day, low) select node, {_DAY.format(row="old")}, min(level)
  from battery_levels where node = old.node and received_at >= {_DAY.format(row="old")}
    and received_at < {_DAY.format(row="old")} || '~' group by node;"""
DAILY = """
create table battery_daily (
  node integer not null references nodes(id),
  day text not null,
  low real not null,
  primary key (node, day)
) without rowid;
drop index battery_levels_node;
create index battery_levels_node on battery_levels (node, received_at, level);
insert into battery_daily
select node, substr(received_at, 1, 10), min(level) from battery_levels group by 1, 2;
"""
DAILY_TRIGGERS = (
    f"""create trigger battery_levels_added after insert on battery_levels
when not exists (select 1 from battery_daily
  where node = new.node and day = {_DAY.format(row="new")} and low <= new.level) begin {_ADD} end""",
    f"""create trigger battery_levels_taken after delete on battery_levels
when exists (select 1 from battery_daily
  where node = old.node and day = {_DAY.format(row="old")} and low = old.level) begin {_TAKE} end""",
    f"""create trigger battery_levels_moved after update of node, received_at, level on battery_levels begin
  {_TAKE} {_ADD} end""",
)


def battery_daily(db: Database) -> None:
    """Keep the lowest level of each day, and the level in the index by time."""
    run_script(db, DAILY)
    for trigger in DAILY_TRIGGERS:
        db.execute(trigger)
