"""Battery levels of the volts that are stored, when the rule of a node is set or changed.

A rule (`ingest.battery_voltage`) counts for what comes after it, in the store, and for the readings before
it, here: in short transactions, oldest first, so that after a kill it goes on where it ended. Levels of an
older rule are replaced; what the node reported itself (I_BATTERY_LEVEL) stays, and they begin behind it.
"""

import sqlite3
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ingest.battery_voltage import BatteryRule, BatteryRuleError, parse_battery_rule
from ingest.db.batches import BatchRunner
from ingest.db.changes import raise_topics
from ingest.db.reserved_ids import next_id
from ingest.mysensors.voltage_levels import is_worth_storing
from ingest.schema.sql_fragments import NOW
from ingest.settings import parse_subject

PENDING = """select s.subject, s.value from settings s
join nodes n on n.id = cast(substr(s.subject, 7) as integer)
left join battery_recomputations r on r.node = n.id
where s.key = 'battery' and s.subject = 'nodes/' || n.id and (r.rule is not s.value or r.ended_at is null)"""
# Levels of other origin: the node's own, and those that came with a replacement.
BEGIN = f"""insert or replace into battery_recomputations (node, rule, until_at, done_to)
select ?1, ?2, {NOW}, coalesce((select max(received_at) from battery_levels
  where node = ?1 and (not from_voltage or moved_from is not null)), '')
where not exists (select 1 from battery_recomputations where node = ?1 and rule = ?2)"""
SPAN = "select done_to, until_at from battery_recomputations where node = ?"
LAST_OF_BATCH = """select received_at from readings
where channel = ? and received_at > ? and received_at <= ?
order by received_at limit 1 offset ?"""
READINGS = """select received_at, text from readings
where channel = ? and received_at > ? and received_at <= ? and wrong is null order by received_at, id"""
FORGET = """delete from battery_levels where node = ? and from_voltage and moved_from is null
and received_at > ? and received_at <= ?"""
BEFORE = """select level, substr(received_at, 1, 10) from battery_levels
where node = ? and received_at <= ? order by received_at desc, id desc limit 1"""
INSERT = "insert into battery_levels (id, received_at, node, level, from_voltage) values (?, ?, ?, ?, 1)"
ADVANCE = "update battery_recomputations set done_to = ?, levels = levels + ? where node = ?"
END = f"update battery_recomputations set ended_at = {NOW} where node = ?"


class PendingLevels(NamedTuple):
    """A node (`nodes.id`) whose stored volts are to be read by this rule."""

    node: int
    text: str
    rule: BatteryRule


def pending_levels(connection: sqlite3.Connection) -> list[PendingLevels]:
    """The nodes whose rule was set or changed since their volts were read."""
    found = []
    for subject, text in connection.execute(PENDING).fetchall():
        with suppress(BatteryRuleError):  # of another version
            found.append(PendingLevels(parse_subject(subject)[1], text, parse_battery_rule(text)))
    return found


def recompute_levels(runner: BatchRunner, pending: PendingLevels) -> None:
    """Do all of one node. Raises StoppedError."""
    connection, node = runner.connection, pending.node
    runner.locked(lambda: connection.execute(BEGIN, (node, pending.text)))
    channel = pending.rule.channel(node)

    def do_batch(size: int) -> bool:
        done_to, until_at = connection.execute(SPAN, (node,)).fetchone()
        last = connection.execute(LAST_OF_BATCH, (channel, done_to, until_at, size - 1)).fetchone()
        upto = last[0] if last else until_at
        runner.locked(partial(_replace_levels, connection, pending, done_to, upto))
        return last is not None

    runner.run(do_batch)
    runner.locked(lambda: connection.execute(END, (node,)))


def _replace_levels(connection: sqlite3.Connection, pending: PendingLevels, after: str, upto: str) -> None:
    """The levels of one stretch, inside the open transaction."""
    node, rule = pending.node, pending.rule
    connection.execute(FORGET, (node, after, upto))
    before = connection.execute(BEFORE, (node, after)).fetchone()
    rows = []
    for at, text in connection.execute(READINGS, (rule.channel(node), after, upto)):
        level, _ = rule.level(text)
        if level is not None and is_worth_storing(level, at, before):
            rows.append((at, node, level))
            before = level, at[:10]
    first = next_id(connection, "battery_levels")
    connection.executemany(INSERT, [(first + place, *row) for place, row in enumerate(rows)])
    connection.execute(ADVANCE, (upto, len(rows), node))
    if rows:
        raise_topics(connection, ("battery_levels", "nodes"))
