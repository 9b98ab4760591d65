"""Which channels report the voltage of a battery: the settings `battery`, and the levels that follow."""

import sqlite3

from ingest.battery_voltage import BatteryRule, parse_battery_rule
from ingest.mysensors.state import NodeState
from ingest.settings import parse_subject

STEP = 2.0  # per cent: by so much a level differs from the stored one before it; else one a day is stored
REMOVED = "its rule from a voltage was taken away"
SELECT = "select subject, value from settings where key = 'battery'"
CHANGED = "select seq from changes where topic = 'settings'"


def is_worth_storing(level: float, at: str, before: tuple[float, str] | None) -> bool:
    """Whether a level `at` (UTC text) becomes a row; `before` are level and day of the row before it."""
    return before is None or abs(level - before[0]) >= STEP or before[1] != at[:10]


class VoltageLevels:
    """The rules by channel. A node with a rule has its level from there, not from its I_BATTERY_LEVEL."""

    def __init__(self) -> None:
        self.rules: dict[int, BatteryRule] = {}  # channels.id -> rule
        self.nodes: dict[int, int] = {}  # nodes.id -> channels.id
        self._seen: int | None = None
        self._stored: dict[int, tuple[float, str]] = {}  # nodes.id -> level and day of the row stored last

    def is_current(self, connection: sqlite3.Connection) -> bool:
        """True where no setting has changed since the last `read`."""
        return self._change(connection) == self._seen

    def read(self, connection: sqlite3.Connection) -> tuple[set[int], set[int]]:
        """Read the rules; returns the channels whose rule is new, and the nodes that have none any more."""
        self._seen = self._change(connection)
        rules, nodes = {}, {}
        for subject, text in connection.execute(SELECT):
            rule, node = parse_battery_rule(text), parse_subject(subject)[1]
            nodes[node] = rule.channel(node)
            rules[nodes[node]] = rule
        new = {channel for channel, rule in rules.items() if self.rules.get(channel) != rule}
        gone = self.nodes.keys() - nodes.keys()
        self.rules, self.nodes = rules, nodes
        return new, gone

    def _change(self, connection: sqlite3.Connection) -> int:
        row = connection.execute(CHANGED).fetchone()
        return row[0] if row else 0

    def apply(self, node: NodeState, channel: int, text: str, at: str) -> float | None:
        """Take a voltage as the level of its node; returns a level that is to be stored."""
        known = (
            None if node.battery_level is None else (node.battery_level, (node.battery_level_at or "")[:10])
        )
        level, refused = self.rules[channel].level(text)
        if level is None:
            node.battery_refused, node.battery_refused_at = refused, at
            return None
        node.battery_level, node.battery_level_at = level, at
        node.battery_refused = node.battery_refused_at = None
        before = self._stored.get(node.id, known)
        if not is_worth_storing(level, at, before):
            return None
        self._stored[node.id] = level, at[:10]
        return level
