"""Events of gateways, nodes and the clock, as rows of `events`: gateway lost, node silent, clock step."""

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field

from ingest.db.bulk_insert import Value
from ingest.db.time import format_utc
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.mysensors.state import NodeState
from ingest.mysensors.store import Store

MIN_SILENCE_S = 600  # a node is not called silent before
SILENT_INTERVALS = 3  # times its own usual interval
CHECK_S = 30
IMPORT_GRACE_S = 60  # after a commit of an import: the next one may show when a node was last seen
CLOCK_STEP_S = 5.0  # a wall clock that moves by more against the monotonic one was set

OPEN = """insert into events (event, gateway, node, started_at, ended_at, complete, detail, figures)
select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 where ?3 is null or exists (select 1 from nodes where id = ?3)"""
CLOSE = "update events set ended_at = ? where event = ? and gateway is ? and node is ? and ended_at is null"


@dataclass(slots=True)
class GatewayConnected:
    """A gateway sends messages since `at` (unix seconds), which is `monotonic` on the monotonic clock."""

    gateway: int
    at: float
    monotonic: float


@dataclass(slots=True)
class GatewayLost:
    """The connection to a gateway ended."""

    gateway: int
    at: float
    reason: str


@dataclass(eq=False)
class EventSink:
    """Sink for `GatewayConnected` and `GatewayLost`, which also checks the clock and the nodes of a Store.

    `monotonic` and `wall` are the clocks, in seconds.
    """

    connection: InitVar[sqlite3.Connection]
    store: Store
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    _rows: list[tuple[str, tuple[Value, ...]]] = field(default_factory=list, init=False)
    _connected_since: dict[int, float] = field(default_factory=dict, init=False)  # -> monotonic seconds
    _next_check: float = field(default=0.0, init=False)

    def __post_init__(self, connection: sqlite3.Connection) -> None:
        self._silent = {  # node -> monotonic seconds when it was called silent
            row[0]: -1.0
            for row in connection.execute(
                "select node from events where event = 'NODE_SILENT' and ended_at is null"
            )
        }
        self._ahead = self.wall() - self.monotonic()

    def absorb(self, item: GatewayConnected | GatewayLost) -> None:
        """Take a change of a gateway's connection."""
        if isinstance(item, GatewayConnected):
            self._connected_since[item.gateway] = item.monotonic
            self._close("GATEWAY_LOST", item.gateway, None, format_utc(item.at))
        elif self._connected_since.pop(item.gateway, None) is not None:
            self._open("GATEWAY_LOST", format_utc(item.at), gateway=item.gateway, detail=item.reason)

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Look at the clock and, every CHECK_S, at the nodes."""
        now, wall = self.monotonic(), self.wall()
        step = wall - now - self._ahead
        self._ahead += step
        if abs(step) > CLOCK_STEP_S:
            detail = f"the clock was set {'forward' if step > 0 else 'back'} by {abs(step):.1f} s"
            at, figures = format_utc(wall), json.dumps({"seconds": round(step, 3)})
            self._open("CLOCK_STEP", at, ended_at=at, detail=detail, figures=figures)
        if now >= self._next_check:
            self._next_check = now + CHECK_S
            for node in self.store.nodes.values():
                since = self._connected_since.get(node.gateway)
                if since is not None and node.node_id != GATEWAY_NODE:
                    self._check_node(node, since, now)
        return bool(self._rows)

    def _check_node(self, node: NodeState, since: float, now: float) -> None:
        """Call a node silent, or no longer silent; its gateway is connected `since` (monotonic seconds)."""
        if node.last_seen_at is None:
            return
        seen = node.seen_since(since)
        if seen is None and now - self.store.imported_at < IMPORT_GRACE_S:
            return
        limit = max(MIN_SILENCE_S, SILENT_INTERVALS * (node.usual_interval_s or 0))
        silent_since = self._silent.get(node.id)
        if silent_since is not None:
            if seen is not None and seen > silent_since:
                del self._silent[node.id]
                self._close("NODE_SILENT", None, node.id, node.last_seen_at)
        elif now - (seen or since) > limit:
            self._silent[node.id] = now
            detail = f"silent for more than {limit:.0f} s"
            self._open(
                "NODE_SILENT", node.last_seen_at, node=node.id, complete=seen is not None, detail=detail
            )

    def _open(
        self,
        event: str,
        started_at: str,
        *,
        gateway: int | None = None,
        node: int | None = None,
        ended_at: str | None = None,
        complete: bool = True,
        detail: str = "",
        figures: str = "{}",
    ) -> None:
        self._rows.append(
            (OPEN, (event, gateway, node, started_at, ended_at, int(complete), detail, figures))
        )

    def _close(self, event: str, gateway: int | None, node: int | None, ended_at: str) -> None:
        self._rows.append((CLOSE, (ended_at, event, gateway, node)))

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write the events that wait."""
        for statement, values in self._rows:
            connection.execute(statement, values)
        return {"events"} if self._rows else set()

    def committed(self) -> None:
        """Forget the events that waited."""
        self._rows = []
