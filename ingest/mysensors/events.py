"""Events of gateways and nodes, as rows of `events`: gateway lost, node silent."""

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from math import inf

from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.clock.recent_steps import RecentSteps
from ingest.db.bulk_insert import Value
from ingest.db.durations import format_duration
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.mysensors.state import NodeState
from ingest.mysensors.store import Store
from ingest.process.running_time import RunningTime

CHECK_S = 30
IMPORT_GRACE_S = 60  # after a commit of an import: the next one may show when a node was last seen

STABLE_S = 60.0  # connected this long, a gateway is back

LIMITS = "select node, silent_after_s from silence_limits where retired_at is null"
OPEN = """insert into events (event, gateway, node, started_at, ended_at, complete, detail, figures)
select ?1, ?2, ?3, ?4, ?5, ?6, ?7, json_patch('{}', ?8)
where ?3 is null or exists (select 1 from nodes where id = ?3)"""
CLOSE = "update events set ended_at = ? where event = ? and gateway is ? and node is ? and ended_at is null"
COUNT = """update events set detail = ?, figures = json_patch(figures, ?)
where event = 'GATEWAY_LOST' and gateway = ? and ended_at is null"""
SAVE_ANSWERS = "update gateways set answers_version = ? where id = ?"
REOPEN = """update events set ended_at = null, detail = ?, figures = json_patch(figures, ?) where id =
(select id from events where event = 'NODE_SILENT' and node = ? order by id desc limit 1)"""


@dataclass(slots=True)
class GatewayConnected:
    """A gateway sends messages since `at` (unix seconds), `monotonic` in seconds of `RunningTime`."""

    gateway: int
    at: float
    monotonic: float


@dataclass(slots=True)
class GatewayLost:
    """The connection to a gateway ended."""

    gateway: int
    at: float
    reason: str


@dataclass(slots=True)
class OpenLoss:
    """An open event GATEWAY_LOST: how often the gateway was lost, and since when it is back.

    `back_at` is a UTC text, `back` the same moment in seconds of `RunningTime`; None of an earlier run.
    """

    reason: str
    count: int = 1
    back_at: str | None = None
    back: float | None = None

    @property
    def detail(self) -> str:
        """What the event says: the last reason, and the count of a connection that flaps."""
        return self.reason if self.count == 1 else f"{self.reason}; lost {self.count} times"

    @property
    def figures(self) -> str:
        """The event's figures, as a JSON merge patch; `back_at` lasts until the event ends."""
        return json.dumps({"count": self.count, "back_at": self.back_at})


@dataclass(slots=True)
class Silence:
    """An event NODE_SILENT of a node: how often it went silent in it, and when it was heard again.

    Monotonic seconds; `heard` is None while the event is open. `since` is -1 for one of an earlier run.
    """

    since: float
    count: int = 1
    heard: float | None = None


@dataclass(slots=True)
class VersionAnswers:
    """It is known now whether a gateway answers the question for its version."""

    gateway: int
    answers: bool


GatewayItem = GatewayConnected | GatewayLost | VersionAnswers


@dataclass(eq=False)
class EventSink:
    """Sink for `GatewayItem`s, which also checks the nodes of a Store.

    Connections flap and nodes at the edge of the radio's reach come and go: that is one event with a count.
    A gateway is back when it stays connected for `stable_s`; the event then ended when it came back. A node
    is back when it is heard; silent again before it was back for as long as its limit, it is the same event.

    `monotonic` is the clock of gateways, in seconds; `clock` has the time of the day. Silence and connections
    are counted in the time in which the loop that reads was running, where `running` is given.
    """

    connection: InitVar[sqlite3.Connection]
    store: Store
    monotonic: Callable[[], float] = time.monotonic
    clock: Clock = SYSTEM_CLOCK
    stable_s: float = STABLE_S
    running: RunningTime | None = None
    _rows: list[tuple[str, tuple[Value, ...]]] = field(default_factory=list, init=False)
    _connected_since: dict[int, float] = field(default_factory=dict, init=False)  # -> seconds of `running`
    _next_check: float = field(default=0.0, init=False)

    def __post_init__(self, connection: sqlite3.Connection) -> None:
        open_events = connection.execute(
            "select event, gateway, node, detail, figures from events where ended_at is null "
            "and event in ('NODE_SILENT', 'GATEWAY_LOST')"
        ).fetchall()
        self._silences: dict[int, Silence] = {}  # by node
        self._losses: dict[int, OpenLoss] = {}  # by gateway
        for event, gateway, node, detail, text in open_events:
            figures = json.loads(text)
            if event == "NODE_SILENT":
                self._silences[node] = Silence(-1.0, figures.get("count", 1))
            else:
                reason = detail.rpartition("; lost ")[0] or detail
                self._losses[gateway] = OpenLoss(reason, figures.get("count", 1), figures.get("back_at"))
        self._steps = RecentSteps(self.clock.read().offset)

    def absorb(self, item: GatewayItem) -> None:
        """Take a change of a gateway's connection."""
        if isinstance(item, VersionAnswers):
            self._rows.append((SAVE_ANSWERS, (int(item.answers), item.gateway)))
        elif isinstance(item, GatewayConnected):
            self._connected_since[item.gateway] = item.monotonic
            self._gateway_back(item)
        elif self._connected_since.pop(item.gateway, None) is not None:
            self._gateway_lost(item)

    def _gateway_lost(self, item: GatewayLost) -> None:
        loss = self._losses.get(item.gateway)
        if loss is None:
            loss = self._losses[item.gateway] = OpenLoss(item.reason)
            self._open(
                "GATEWAY_LOST",
                format_utc(item.at),
                gateway=item.gateway,
                detail=loss.detail,
                figures=loss.figures,
            )
        else:
            loss.reason, loss.count, loss.back_at, loss.back = item.reason, loss.count + 1, None, None
            self._count(item.gateway, loss)

    def _gateway_back(self, item: GatewayConnected) -> None:
        loss = self._losses.get(item.gateway)
        if loss is None:
            return
        if loss.back_at is not None and loss.back is None:  # it was back already when ingest stopped
            self._end_loss(item.gateway, loss, loss.back_at)
        else:
            loss.back_at, loss.back = format_utc(item.at), item.monotonic
            self._count(item.gateway, loss)

    def _end_loss(self, gateway: int, loss: OpenLoss, ended_at: str) -> None:
        loss.back_at = None
        self._count(gateway, loss)
        self._close("GATEWAY_LOST", gateway, None, ended_at)
        del self._losses[gateway]

    def _count(self, gateway: int, loss: OpenLoss) -> None:
        self._rows.append((COUNT, (loss.detail, loss.figures, gateway)))

    @property
    def is_urgent(self) -> bool:
        """Whether an event that begins or ends waits to be written."""
        return any(statement in (OPEN, CLOSE, REOPEN) for statement, _ in self._rows)

    def now(self) -> float:
        """Seconds of the monotonic clock in which the loop that reads was running."""
        return self.monotonic() if self.running is None else self.running.now()

    def observed_time(self, node: int) -> float | None:
        """The time of a node's gateway now, in seconds; None where a value of the node may be out of date.

        That is while its gateway is not connected, and while the node is silent.
        """
        since, clock = self._connected_since.get(node // 256), self.store.clocks[node // 256]
        silence = self._silences.get(node)
        if since is None or clock.last < since or (silence is not None and silence.heard is None):
            return None
        return self.now() - clock.missing

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """End the losses of gateways that stay connected and, every CHECK_S, look at the nodes."""
        now = self.now()
        self._steps.look(self.clock.read().offset, now)
        for gateway, loss in list(self._losses.items()):
            if loss.back is not None and loss.back_at is not None and now - loss.back >= self.stable_s:
                self._end_loss(gateway, loss, self._wall_of(loss.back, loss.back_at))
        if now >= self._next_check and (self.running is None or self.running.may_judge):
            self._next_check = now + CHECK_S
            self._check_nodes(connection, now)
        return bool(self._rows)

    def _check_nodes(self, connection: sqlite3.Connection, now: float) -> None:
        """Look at the nodes of gateways that are connected; retired ones are not watched."""
        limits: dict[int, int | None] = dict(connection.execute(LIMITS))
        for node in self.store.nodes.values():
            since = self._connected_since.get(node.gateway)
            # What is stored ends before this connection: the time without one would count as silence.
            is_stored = since is not None and self.store.clocks[node.gateway].last >= since
            if is_stored and node.node_id != GATEWAY_NODE and node.last_seen_at is not None:
                self._check_node(node, limits.get(node.id), now)

    def _check_node(self, node: NodeState, limit: int | None, now: float) -> None:
        """Call a node silent, or no longer silent; a limit of None is none."""
        silence = self._silences.get(node.id)
        if silence is not None and silence.heard is None:
            self._check_silent(node, silence, limit, now)
        elif limit is not None and self._silence(node, now) > limit:
            if node.last_at is not None or self.monotonic() - self.store.imported_at >= IMPORT_GRACE_S:
                self._node_silent(node, now, limit)
        elif silence is not None and silence.heard is not None and now - silence.heard > 2 * (limit or 0):
            del self._silences[node.id]

    def _check_silent(self, node: NodeState, silence: Silence, limit: int | None, now: float) -> None:
        """End an event where the node was heard, or where its limit is another now."""
        if node.last_at is not None and node.last_at > silence.since:
            silence.heard = node.last_at
            self._close("NODE_SILENT", None, node.id, self._wall_of(node.last_at, node.last_seen_at or ""))
        elif limit is None or 0 <= self._silence_by_clock(node, now) <= limit:
            del self._silences[node.id]
            self._close("NODE_SILENT", None, node.id, format_utc(self.clock.read().wall))

    def _node_silent(self, node: NodeState, now: float, limit: int) -> None:
        """Open an event, or the last one again where the node was back for less than its limit."""
        before = self._silences.get(node.id)
        back_s = inf
        if before is not None and before.heard is not None and node.last_at is not None:
            back_s = node.last_at - before.heard
        detail = f"silent for more than {format_duration(limit)}"
        if before is not None and back_s < limit:
            silence = Silence(now, before.count + 1)
            figures = json.dumps({"count": silence.count})
            self._rows.append((REOPEN, (f"{detail}; {silence.count} times", figures, node.id)))
        else:
            silence = Silence(now)
            heard_here = node.last_at is not None  # else nobody knows how long it was silent
            at = node.last_seen_at or ""
            if node.last_at is not None:
                at = self._wall_of(node.last_at, at)
            self._open("NODE_SILENT", at, node=node.id, complete=heard_here, detail=detail)
        self._silences[node.id] = silence

    def _wall_of(self, moment: float, at: str) -> str:
        """The time `at` of a moment (monotonic seconds) by the present clock, where that was set since."""
        moved = self._steps.moved_since(moment)
        return format_utc(parse_utc(at) + moved) if moved else at

    def _silence(self, node: NodeState, now: float) -> float:
        """Seconds without a message in which its gateway was connected, at most since our start."""
        return self.store.clocks[node.gateway].silence(now, node.last_heard)

    def _silence_by_clock(self, node: NodeState, now: float) -> float:
        """Seconds without a message, before our start too."""
        if node.last_heard is not None:
            return self._silence(node, now)
        return self.clock.read().wall - parse_utc(node.last_seen_at or "")

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
