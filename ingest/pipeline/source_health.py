"""The health of each source as one row of `ingest_status`: its state, since when, its last error."""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.db.time import format_utc, parse_utc
from ingest.pipeline.batch import Batch

HEARTBEAT_S = 30.0  # a row is written with the data's commit, otherwise this often
LATE_S = 90  # a heartbeat older than this: nothing reads the source


@dataclass
class Health:
    """What is known of one source.

    Readers set the fields; `StatusSink` writes the row. Times are unix seconds.
    """

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
    refused: int = 0  # connections
    revision: int = 0  # counts changes of state, so that these are written at once

    def resume(self, connection: sqlite3.Connection) -> None:
        """Go on counting where the row in the file stands."""
        row = connection.execute(
            "select connects, received, rejected, refused, last_error, last_error_at, last_data_at "
            "from ingest_status "
            "where source = ?",
            (self.source,),
        ).fetchone()
        if row:
            self.connects, self.received, self.rejected, self.refused, self.last_error = row[:5]
            error_at, data_at = row[5:]
            self.last_error_time = parse_utc(error_at) if error_at else None
            self.last_data = parse_utc(data_at) if data_at else None

    def set_state(self, state: str, detail: str) -> None:
        """Enter a state, with a text for people. The same state and text again change nothing."""
        if (state, detail) == (self.state, self.detail):
            return
        if state != self.state:
            self.since = time.time()
        self.state, self.detail = state, detail
        self.revision += 1

    def fail(self, state: str, detail: str) -> None:
        """Enter a state that is an error and remember it as the last one."""
        self.last_error, self.last_error_time = detail, time.time()
        self.set_state(state, detail)


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
    "refused",
    "pid",
    "batch",
    "restored_batch",
)
KEPT = ("restored_batch",)  # where no new one comes
SET = (
    f"{name} = coalesce(excluded.{name}, {name})" if name in KEPT else f"{name} = excluded.{name}"
    for name in COLUMNS[1:]
)
UPSERT = f"""insert into ingest_status ({", ".join(COLUMNS)}) values ({", ".join("?" * len(COLUMNS))})
on conflict (source) do update set {", ".join(SET)}"""
BATCHES = "select batch, restored_batch from ingest_status"


def committed_batches(connection: sqlite3.Connection) -> set[str]:
    """The ids of the batches that each reader committed and restored last; '' in a file without any."""
    found = {batch for row in connection.execute(BATCHES) for batch in row if batch}
    return found or {""}


@dataclass(eq=False)
class StatusSink:
    """Sink for `ingest_status`: rows go with other data, at a change of state, else every `heartbeat_s`.

    `batch()` is the batch that the open transaction commits.
    """

    healths: Sequence[Health]
    heartbeat_s: float = HEARTBEAT_S
    batch: Callable[[], Batch] = Batch
    # source -> (monotonic seconds, revision)
    _written: dict[str, tuple[float, int]] = field(default_factory=dict, init=False)
    _writing: dict[str, tuple[float, int]] = field(
        default_factory=dict, init=False
    )  # in the open transaction

    def absorb(self, item: object) -> None:
        """Do nothing: the writer's thread reads the `Health` objects, nothing is handed in."""

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Return True when a heartbeat is due or a state has changed."""
        now = time.monotonic()
        return any(self._is_due(health, now) for health in self.healths)

    def _is_due(self, health: Health, now: float) -> bool:
        written_at, revision = self._written.get(health.source, (float("-inf"), 0))
        return now - written_at >= self.heartbeat_s or health.revision != revision

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Upsert the row of every source."""
        self._writing = {health.source: (time.monotonic(), health.revision) for health in self.healths}
        batch = self.batch()
        ids = (batch.id, batch.id if batch.is_spooled else None)
        connection.executemany(UPSERT, [(*self._row(health), *ids) for health in self.healths])
        return {"ingest_status"} if self.healths else set()

    def committed(self) -> None:
        """Remember when each row was written, and which state it shows."""
        self._written = self._writing

    @staticmethod
    def _row(health: Health) -> tuple[str | int | None, ...]:
        return (
            health.source,
            health.kind,
            health.address,
            health.state,
            health.detail,
            format_utc(health.since),
            format_utc(time.time()),
            None if health.last_data is None else format_utc(health.last_data),
            health.last_error,
            None if health.last_error_time is None else format_utc(health.last_error_time),
            health.connects,
            health.received,
            health.rejected,
            health.refused,
            os.getpid(),
        )
