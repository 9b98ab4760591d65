"""Batteries of nodes: the report that was refused since the last level; files of before are read again."""

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
