"""The event NODE_BATTERY_LOW: from a level below LOW until one that is clearly above it."""

import json
import sqlite3
from dataclasses import dataclass, field

from ingest.mysensors.battery_reports import LOW

ENOUGH = LOW + 5.0  # per cent: levels go up and down with the temperature

OPEN = """insert into events (event, node, started_at, detail, figures)
select 'NODE_BATTERY_LOW', ?1, ?2, ?3, ?4
where exists (select 1 from nodes where id = ?1)
and not exists (select 1 from events where event = 'NODE_BATTERY_LOW' and node = ?1 and ended_at is null)"""
CLOSE = """update events set ended_at = ?2, detail = detail || ', at the end ' || ?3
where event = 'NODE_BATTERY_LOW' and node = ?1 and ended_at is null"""
SELECT_LOW = "select node from events where event = 'NODE_BATTERY_LOW' and ended_at is null"


@dataclass(eq=False)
class BatteryEvents:
    """Which nodes (`nodes.id`) have a `low` battery, and the rows that wait to be written."""

    low: set[int] = field(default_factory=set)
    _changes: list[tuple[str, tuple[int | str, ...]]] = field(default_factory=list)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take over which events are open."""
        self.low = {node for (node,) in connection.execute(SELECT_LOW)}

    def report(self, node: int, level: float, at: str) -> None:
        """Take a level (per cent) that a node reported `at` (UTC text)."""
        text = f"{level:.10g} %"
        if level < LOW and node not in self.low:
            self.low.add(node)
            figures = json.dumps({"value": level, "limit": LOW})
            self._changes.append((OPEN, (node, at, f"battery {text}", figures)))
        elif level >= ENOUGH and node in self.low:
            self.low.remove(node)
            self._changes.append((CLOSE, (node, at, text)))

    def forget(self, node: int) -> None:
        """The node is deleted, and its events with it."""
        self.low.discard(node)

    @property
    def is_urgent(self) -> bool:
        """Whether an event that begins or ends waits to be written."""
        return bool(self._changes)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what waits; returns the topics that changed."""
        for statement, values in self._changes:
            connection.execute(statement, values)
        return {"events"} if self._changes else set()

    def committed(self) -> None:
        """Forget what waited."""
        self._changes = []
