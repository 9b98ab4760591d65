"""What changes of events: the rows of `event_changes` after a cursor, and events as alerts know them."""

import json
import sqlite3
import time
from dataclasses import dataclass, replace

from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc, parse_utc
from ingest.severity import Severity
from outbound.alerts import store
from outbound.alerts.model import AlertEvent
from outbound.alerts.present import present_figures

FRESH_S = 600.0  # at the first start: what began so recently and goes on is told
# An event that is stored with its end, so long after it: one of an import, or that ingest could not write.
IMPORTED_S, LATE_S = 300.0, 2 * 86_400.0
CHANGES = "select seq, event, change, at from event_changes where seq > ? order by seq limit ?"
ON_BATTERY = ("ONBATT", "LOWBATT", "FSD")  # their messages say how long the battery lasts now
TOGETHER = 500  # changes that are read at once
LIVE_S = 5.0  # since they were read last
STARTING = """select seq, event, change, at from event_changes c where change = 'begin' and at > ?
and exists (select 1 from events e where e.id = c.event and e.ended_at is null) order by seq"""


@dataclass(frozen=True)
class StoredChange:
    """An event has begun, or ended; `at` in unix seconds is when that was stored."""

    seq: int
    event: int
    is_end: bool
    at: float


class EventFeed:
    """The changes that are not yet dealt with.

    `seq` is the last one that is; `is_live`: those of the last `read` were read as they came.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.imports = 0
        self.is_live = False
        self._starting: list[StoredChange] = []
        self._previous_imports = 0
        self._read_to_end = float("-inf")  # CLOCK_BOOTTIME

    def start(self, connection: sqlite3.Connection, now: float) -> bool:
        """Begin behind the cursor; without one behind the newest change. Returns False for the latter.

        `now` is unix seconds. A cursor that is ahead of the file, a copy of before, counts as none.
        """
        newest: int = connection.execute("select coalesce(max(seq), 0) from event_changes").fetchone()[0]
        cursor = store.read_cursor(connection)
        self._read_to_end, self._starting = float("-inf"), []
        if cursor is not None and cursor[0] <= newest:
            self.seq, self.imports = cursor
            return True
        rows = connection.execute(STARTING, (format_utc(now - FRESH_S),)).fetchall()
        self._starting = [_change(row) for row in rows]
        self.seq, self.imports = newest, _imports(connection)
        return False

    def read(self, connection: sqlite3.Connection, boottime: float) -> list[StoredChange]:
        """The next changes, in order; they count as dealt with. `boottime` is that of CLOCK_BOOTTIME now."""
        self.is_live = boottime - self._read_to_end < LIVE_S
        starting, self._starting = self._starting, []
        if starting:
            return starting
        changes = [_change(row) for row in connection.execute(CHANGES, (self.seq, TOGETHER))]
        self._previous_imports = self.imports
        if changes:
            self.seq, self.imports = changes[-1].seq, _imports(connection)
        if len(changes) < TOGETHER:
            self._read_to_end = boottime
        return changes

    def is_of_the_past(self, change: StoredChange, event: AlertEvent) -> bool:
        """Whether an event that was stored with its end is not news: an import or a computation stored it.

        One that ingest recorded while alerts were off was stored within seconds of its end.
        """
        if event.ended_at is None or event.id is None:
            return False
        limit = LATE_S if self.imports == self._previous_imports else IMPORTED_S
        return event.id <= 0 or change.at - event.ended_at > limit


def load_event(connection: sqlite3.Connection, number: int) -> tuple[AlertEvent, bool] | None:
    """An event, and whether it is acknowledged; None where it was deleted."""
    rows = dict_rows(connection, "select * from all_events where id = ?", (number,))
    if not rows:
        return None
    event = _event(rows[0])
    if event.event in ON_BATTERY and event.ended_at is None and event.ups is not None:
        present = present_figures(connection, event.ups, time.time())
        event = replace(event, figures={**event.figures, **present})
    return event, rows[0]["acknowledged"] is not None


def _event(row: Row) -> AlertEvent:
    try:
        severity = Severity(row["severity"])
    except ValueError:
        severity = Severity.OK
    try:
        figures = json.loads(row["figures"] or "{}")
    except ValueError:
        figures = {}
    return AlertEvent(
        row["id"],
        row["event"],
        severity,
        row["kind"],
        row["ref"] or row["name"],
        row["label"],
        parse_utc(row["started_at"]),
        None if row["ended_at"] is None else parse_utc(row["ended_at"]),
        row["detail"] or "",
        figures if isinstance(figures, dict) else {},
        row["href"] or "",
        row["ups"],
        row["node"],
        row["gateway"],
    )


def _change(row: tuple[int, int, str, str]) -> StoredChange:
    return StoredChange(row[0], row[1], row[2] == "end", parse_utc(row[3]))


def _imports(connection: sqlite3.Connection) -> int:
    row = connection.execute("select seq from changes where topic = 'imports'").fetchone()
    return 0 if row is None else row[0]
