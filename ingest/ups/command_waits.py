"""Whether a scheduled command of a UPS can be sent now, and what it waits for."""

import sqlite3
from typing import NamedTuple

from ingest.db.connection import dict_rows

SELECT_UPS = """select u.id, u.configured and u.outcome = 'ok' and s.state = 'connected' as is_read,
  exists (select 1 from events e where e.ups = u.id and e.event = 'ONBATT' and e.ended_at is null)
    as on_battery,
  exists (select 1 from ups_orders o where o.ups = u.id and o.command = ? and o.state in ('queued', 'sent'))
    as is_busy
from ups u left join ingest_status s on s.source = u.source where u.name = ?"""


class UpsCommandState(NamedTuple):
    """What matters for a command of a UPS; `ups` is the id of its row."""

    ups: int
    is_read: bool
    on_battery: bool
    is_busy: bool

    @property
    def waits_for(self) -> str:
        """What has to happen before the schedule sends the command; '' for nothing."""
        if self.is_busy:
            return "the same command to end"
        if not self.is_read:
            return "the UPS to answer"
        return "the end of the outage" if self.on_battery else ""


def ups_command_state(connection: sqlite3.Connection, ups: str, command: str) -> UpsCommandState | None:
    """Read the state for a command of the UPS of this name; None where the UPS was never read."""
    found = dict_rows(connection, SELECT_UPS, (command, ups))
    if not found:
        return None
    row = found[0]
    return UpsCommandState(row["id"], bool(row["is_read"]), bool(row["on_battery"]), bool(row["is_busy"]))
