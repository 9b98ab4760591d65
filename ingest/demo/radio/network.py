"""The demo's radio network: runs the nodes' scripts on a clock that others drive. Pure: no I/O, no sleeping.

The same network makes history (the clock runs as fast as it can) and lives (the gateway program asks for what
was sent up to now). Times are unix seconds of the network.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from ingest.demo.radio.gateway_node import GatewayNode
from ingest.demo.radio.node import Activity, DemoNode
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.radio.world import World
from ingest.demo.wire import Incoming, format_outgoing, parse_incoming
from ingest.mysensors.protocol import BROADCAST, Command, Internal

SEED = 826
DISCOVERY_S = 1200.0  # MY_TRANSPORT_DISCOVERY_INTERVAL_MS
DISCOVERY_SPREAD_S = 1.023  # the answers to it come within that
AIR_S = 0.012  # from one message of a node to its next, and from a question to its answer
BOOT_SPREAD_S = 3  # from the first node's start to the last one's, where all are switched on at once
DAYS_BACK = 28  # how long before the anchor the nodes of a network without history were last started

NodeKind = Callable[[World, float, float], DemoNode]  # a class: world, anchor, booted_at


class DemoNetwork:
    """Nodes and their gateway at work from `now` on.

    `anchor` is the moment around which one-off events are arranged (default: now); hand over that of the
    history to carry on with it. `pace` is how many network seconds pass in a second of a controller: what
    depends on one (a sleeper's window, the wait for an answer) keeps its real length. `boot` starts all
    nodes with a reset; else they are in the midst of life. `answered`: no controller is there, the scripts
    go on as if it had answered at once.
    """

    def __init__(
        self,
        now: float,
        *,
        anchor: float | None = None,
        seed: int = SEED,
        pace: float = 1.0,
        boot: bool = False,
        answered: bool = False,
        nodes: Iterable[NodeKind] = DEMO_NODES,
        discovery_s: float = DISCOVERY_S,
    ) -> None:
        self.now = now
        self.anchor = now if anchor is None else anchor
        self.world = World(seed)
        self.pace = pace
        self.answered = answered
        self.discovery_s = discovery_s
        self.nodes: list[DemoNode] = []
        # (when, number, whose turn it is or the sender of the line or None for a discovery, the line)
        self._heap: list[tuple[float, int, Activity | None, bytes | None]] = []
        self._numbers = count(1)
        booted_at = now if boot else min(now, self.anchor - DAYS_BACK * 86400)
        self.gateway = GatewayNode(self.world, self.anchor, booted_at)
        self.gateway.start(boot=False)
        self._plan_discovery(now)
        kinds = list(nodes)
        for order, kind in enumerate(kinds):
            at = now + BOOT_SPREAD_S * self.pace * order / len(kinds) if boot else now
            self.add(kind, at, boot, booted_at)

    def add(self, kind: NodeKind, at: float, boot: bool = True, booted_at: float | None = None) -> DemoNode:
        """Add a node of class `kind` that starts at `at`; returns it."""
        return self.join(kind(self.world, self.anchor, at if booted_at is None else booted_at), at, boot)

    def join(self, node: DemoNode, at: float, boot: bool = True) -> DemoNode:
        """Add a node that starts at `at`; returns it."""
        node.pace, node.answered, node.now = self.pace, self.answered, at
        node.deaf_until = at
        node.schedule = self._schedule
        self.nodes.append(node)
        node.start(boot)
        node.wake(at)
        return node

    def node(self, node_id: int) -> DemoNode:
        """The node of that id. Raises KeyError."""
        for node in (self.gateway, *self.nodes):
            if node.node_id == node_id:
                return node
        raise KeyError(node_id)

    def _push(self, at: float, activity: Activity | None, line: bytes | None) -> int:
        number = next(self._numbers)
        heapq.heappush(self._heap, (at, number, activity, line))
        return number

    def _schedule(self, activity: Activity, at: float) -> None:
        activity.rests_until = at
        activity.ticket = self._push(at, activity, None)

    def _plan_discovery(self, at: float) -> None:
        self._push((at // self.discovery_s + 1) * self.discovery_s, None, None)

    @property
    def next_at(self) -> float:
        """When the next thing happens, unix seconds."""
        return self._heap[0][0]

    def events(self, until: float) -> Iterator[tuple[float, bytes]]:
        """Yield (unix seconds, line) for everything sent before `until`, in order of time."""
        heap = self._heap
        while heap[0][0] < until:
            at, number, activity, line = heapq.heappop(heap)
            self.now = max(self.now, at)
            if line is not None:
                yield at, line
            elif activity is None:
                self._plan_discovery(at)
                self.discover(at)
            elif number == activity.ticket and activity.node.is_alive(at):
                activity.node.now = at
                outcome = activity.resume()
                if isinstance(outcome, float | int):
                    self._schedule(activity, max(outcome, at))
                elif outcome is not None:
                    self._schedule(activity, at + AIR_S * self.pace)
                    yield at, outcome if isinstance(outcome, bytes) else format_outgoing(outcome)

    def discover(self, at: float) -> None:
        """I_DISCOVER_REQUEST: every running node that hears it answers with its parent's id."""
        for node in self.nodes:
            if node.is_running and node.listens(at) and node.node_id != BROADCAST:
                chance = node.noise.chance(f"discover {node.node_id}", int(at))
                answer = node.internal(Internal.I_DISCOVER_RESPONSE, node.parent)
                self._push(at + DISCOVERY_SPREAD_S * chance * self.pace, None, format_outgoing(answer))

    def receive(self, line: bytes, at: float) -> None:
        """Take one line of a controller, without its line end, at `at`; answers come out of `events`.

        Garbage, unknown destinations and nodes that sleep give silence.
        """
        message = parse_incoming(line)
        if message is None:
            return
        kind = message.node, message.command, message.type
        if kind == (BROADCAST, Command.internal, Internal.I_DISCOVER_REQUEST):
            self.discover(at)
            return
        for node in self._receivers(message):
            if node.listens(at):
                for number, answer in enumerate(node.receive(message, at), 1):
                    delay = 0 if node is self.gateway else AIR_S * self.pace * number
                    self._push(at + delay, None, format_outgoing(answer))

    def _receivers(self, message: Incoming) -> list[DemoNode]:
        """The nodes that a message is for.

        Internal broadcasts reach nodes without an id alone, with an id.
        """
        if message.node != BROADCAST:
            return [node for node in (self.gateway, *self.nodes) if node.node_id == message.node]
        if message.command != Command.internal:
            return [node for node in self.nodes if node.node_id != BROADCAST]
        if message.type != Internal.I_ID_RESPONSE:
            return []
        return [node for node in self.nodes if node.node_id == BROADCAST]
