"""What happens to gateways, nodes and the clock, as rows of `events`: a gateway lost, a node silent, a clock step."""

import json
import time
from dataclasses import dataclass

from ingest.db.time import format_utc

MIN_SILENCE_S = 600  # a node is not called silent before
SILENCES = 3  # times its own usual interval
CHECK_S = 30
IMPORT_GRACE_S = 60  # after a commit of an import: when a node was last seen may be told by the next one
CLOCK_STEP_S = 5.0  # the wall clock and the monotonic one part by more: somebody set the clock

OPEN = """insert into events (event, gateway, node, started_at, ended_at, complete, detail, figures)
select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 where ?3 is null or exists (select 1 from nodes where id = ?3)"""
CLOSE = "update events set ended_at = ? where event = ? and gateway is ? and node is ? and ended_at is null"


@dataclass
class GatewayConnected:
    """A connection to a gateway is open since `at` (unix seconds)."""

    gateway: int
    at: float
    monotonic: float


@dataclass
class GatewayLost:
    """The connection to a gateway ended."""

    gateway: int
    at: float
    reason: str


class EventSink:
    """Sink for `GatewayConnected` and `GatewayLost`; looks at the nodes of a Store and at the clock by itself."""

    def __init__(self, connection, store):
        self._store = store
        self._rows = []
        self._connected_since = {}  # gateway -> monotonic seconds since when it is heard
        self._silent = {
            row[0]: -1.0
            for row in connection.execute(
                "select node from events where event = 'NODE_SILENT' and ended_at is null"
            )
        }  # node -> monotonic seconds when it was called silent
        self._next_check = 0.0
        self._ahead = time.time() - time.monotonic()

    def absorb(self, item):
        if isinstance(item, GatewayConnected):
            self._connected_since[item.gateway] = item.monotonic
            self._rows.append((CLOSE, (format_utc(item.at), "GATEWAY_LOST", item.gateway, None)))
        elif self._connected_since.pop(item.gateway, None) is not None:
            self._open("GATEWAY_LOST", item.gateway, None, item.at, detail=item.reason)

    def poll(self, connection, changed):
        now, wall = time.monotonic(), time.time()
        step = wall - now - self._ahead
        self._ahead += step
        if abs(step) > CLOCK_STEP_S:
            detail = f"the clock was set {'forward' if step > 0 else 'back'} by {abs(step):.1f} s"
            self._open("CLOCK_STEP", None, None, wall, format_utc(wall), detail, {"seconds": round(step, 3)})
        if now >= self._next_check:
            self._next_check = now + CHECK_S
            self._check_nodes(now, wall)
        return bool(self._rows)

    def _check_nodes(self, now, wall):
        for node in self._store.nodes.values():
            since = self._connected_since.get(node.gateway)
            if since is None or node.node_id == 0 or node.last_seen_at is None:
                continue
            heard = node.seen_since(since)
            if heard is None and now - self._store.imported_at < IMPORT_GRACE_S:
                continue
            limit = max(MIN_SILENCE_S, SILENCES * (node.usual_interval_s or 0))
            if node.id in self._silent:
                if heard is not None and heard > self._silent[node.id]:
                    del self._silent[node.id]
                    self._rows.append((CLOSE, (node.last_seen_at, "NODE_SILENT", None, node.id)))
            elif now - (heard or since) > limit:
                self._silent[node.id] = now
                detail = f"silent for more than {limit:.0f} s"
                self._rows.append(
                    (
                        OPEN,
                        (
                            "NODE_SILENT",
                            None,
                            node.id,
                            node.last_seen_at,
                            None,
                            int(heard is not None),
                            detail,
                            "{}",
                        ),
                    )
                )

    def _open(self, event, gateway, node, at, ended_at=None, detail="", figures=None):
        self._rows.append(
            (OPEN, (event, gateway, node, format_utc(at), ended_at, 1, detail, json.dumps(figures or {})))
        )

    def write(self, connection):
        for statement, values in self._rows:
            connection.execute(statement, values)
        return {"events"} if self._rows else set()

    def committed(self):
        self._rows = []
