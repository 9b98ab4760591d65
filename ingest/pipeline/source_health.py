"""The health of each source as one row of `ingest_status`: is it connected, since when, what went wrong last."""

import os
import time
from dataclasses import dataclass, field

from ingest.db.time import format_utc, parse_utc

HEARTBEAT_S = 30  # a row is written with the data's commit, otherwise this often
LATE_S = 90  # a heartbeat older than this says that nobody reads the source


@dataclass
class Health:
    """What is known of one source. Readers set the fields; `StatusSink` writes the row."""

    source: str
    kind: str
    address: str
    state: str = "connecting"
    detail: str = ""
    since: float = field(default_factory=time.time)
    last_data: float | None = None
    last_error: str = ""
    last_error_time: float | None = None
    connects: int = 0
    received: int = 0
    rejected: int = 0
    revision: int = 0  # counts changes of state, so that these are written at once

    def resume(self, connection):
        """Go on counting where the row in the file stands."""
        row = connection.execute(
            "select connects, received, rejected, last_error, last_error_at, last_data_at from ingest_status "
            "where source = ?",
            (self.source,),
        ).fetchone()
        if row:
            self.connects, self.received, self.rejected, self.last_error, error_at, data_at = row
            self.last_error_time = error_at and parse_utc(error_at)
            self.last_data = data_at and parse_utc(data_at)

    def turn(self, state, detail):
        """Enter a state, described in words. The same state and words again change nothing."""
        if (state, detail) == (self.state, self.detail):
            return
        if state != self.state:
            self.since = time.time()
        self.state, self.detail = state, detail
        self.revision += 1

    def fail(self, state, detail):
        """Enter a state that is an error and remember it as the last one."""
        self.last_error, self.last_error_time = detail, time.time()
        self.turn(state, detail)


COLUMNS = (
    "source",
    "kind",
    "address",
    "state",
    "detail",
    "since_at",
    "heartbeat_at",
    "last_data_at",
    "last_error",
    "last_error_at",
    "connects",
    "received",
    "rejected",
    "pid",
)
UPSERT = f"""insert into ingest_status ({", ".join(COLUMNS)}) values ({", ".join("?" * len(COLUMNS))})
on conflict (source) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}"""


class StatusSink:
    """A sink that writes the rows of `ingest_status`: with other data, at a change of state, else every 30 s."""

    def __init__(self, healths):
        self._healths = healths
        self._written = {}  # source -> (monotonic seconds, revision)

    def absorb(self, item):
        """Nothing is handed in: the writer's thread reads the `Health` objects."""

    def poll(self, connection, changed):
        now = time.monotonic()
        return any(
            now - self._written.get(health.source, (-HEARTBEAT_S, 0))[0] >= HEARTBEAT_S
            or health.revision != self._written[health.source][1]
            for health in self._healths
        )

    def write(self, connection):
        self._writing = {health.source: (time.monotonic(), health.revision) for health in self._healths}
        connection.executemany(UPSERT, [self._row(health) for health in self._healths])
        return {"ingest_status"} if self._healths else set()

    def committed(self):
        self._written = self._writing

    @staticmethod
    def _row(health):
        return (
            health.source,
            health.kind,
            health.address,
            health.state,
            health.detail,
            format_utc(health.since),
            format_utc(time.time()),
            health.last_data and format_utc(health.last_data),
            health.last_error,
            health.last_error_time and format_utc(health.last_error_time),
            health.connects,
            health.received,
            health.rejected,
            os.getpid(),
        )
