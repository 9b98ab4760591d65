"""Rows of `dropped`: how much of what a gateway sent was not kept, and why. A sink of the writer."""

import sqlite3
from typing import NamedTuple

from ingest.db.time import format_utc
from ingest.mysensors.intake import Dropped

# A count that has not grown for a day begins anew.
ADD = """insert into dropped (source, what, count, first_at, last_at, reason) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict (source, what) do update set
  count = excluded.count + iif(abs(julianday(excluded.last_at) - julianday(last_at)) < 1, count, 0),
  first_at = iif(abs(julianday(excluded.last_at) - julianday(last_at)) < 1, first_at, excluded.first_at),
  last_at = excluded.last_at, reason = excluded.reason"""


class GatewayDropped(NamedTuple):
    """What was dropped of a read of the gateway with the name `source`, `at` unix seconds."""

    source: str
    at: float
    dropped: Dropped


class DroppedSink:
    """Sink for `GatewayDropped`."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str], tuple[int, float, float, str]] = {}

    def absorb(self, item: GatewayDropped) -> None:
        """Add what was dropped to what waits to be written."""
        what, number, reason = item.dropped
        count, first, _, _ = self._pending.get((item.source, what), (0, item.at, item.at, ""))
        self._pending[item.source, what] = count + number, first, item.at, reason

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Return False: nothing of this is changed by others."""
        return False

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Add the counts to the rows of their sources."""
        for (source, what), (count, first, last, reason) in self._pending.items():
            connection.execute(ADD, (source, what, count, format_utc(first), format_utc(last), reason))
        return {"dropped"} if self._pending else set()

    def committed(self) -> None:
        """Forget what is written."""
        self._pending = {}
