"""The demo house: runs the nodes' scripts on a clock that others drive. Pure: no I/O, no sleeping.

The same house makes history (the clock runs as fast as it can) and lives (the gateway program asks for what
was said up to now). Times are unix seconds of the house.
"""

import heapq
from itertools import count

from ingest.demo.radio.gateway_node import BaseStation
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.radio.world import World
from ingest.demo.wire import format_outgoing, parse_incoming
from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, Command, Internal

SEED = 826
DISCOVERY_S = 1200  # MY_TRANSPORT_DISCOVERY_INTERVAL_MS
AIR_S = 0.012  # from one message of a node to its next, and from a question to its answer
BOOT_SPREAD_S = 3  # from the first node's start to the last one's, where all are switched on at once
DAYS_BACK = 28  # how long before the anchor the nodes of a house without history were last started


class DemoNetwork:
    """Nodes and their gateway at work from `now` on.

    `anchor` is the moment around which one-off fates are arranged (default: now); hand over that of the history
    to carry on with it. `pace` is how many house seconds pass in a second of whoever talks with the house: what
    depends on a controller (a sleeper's window, the wait for an answer) keeps its real length. `boot` starts all
    nodes with a reset; else they are in the midst of life. `answered`: no controller is there, the scripts go on
    as if it had answered at once.
    """

    def __init__(
        self, now, *, anchor=None, seed=SEED, pace=1.0, boot=False, answered=False, nodes=DEMO_NODES
    ):
        self.now = now
        self.anchor = now if anchor is None else anchor
        self.world = World(seed)
        self.pace = pace
        self.answered = answered
        self.nodes = []
        self._heap = []
        self._numbers = count()
        self._pushed_at = {}
        booted_at = now if boot else min(now, self.anchor - DAYS_BACK * 86400)
        self.gateway = BaseStation(self.world, self.anchor, booted_at)
        self.gateway.wake = lambda at: None
        self._push((now // DISCOVERY_S + 1) * DISCOVERY_S, None, None)
        for order, kind in enumerate(nodes):
            self.add(
                kind, now + BOOT_SPREAD_S * self.pace * order / len(nodes) if boot else now, boot, booted_at
            )

    def add(self, kind, at, boot=True, booted_at=None):
        """Move in a node of class `kind` that starts at `at`; returns it."""
        node = kind(self.world, self.anchor, at if booted_at is None else booted_at)
        node.pace, node.answered, node.now = self.pace, self.answered, at
        node.deaf_until = at
        node.wake = lambda when: self._wake(node, when)
        self.nodes.append(node)
        node.start(boot)
        node.wake(at)
        return node

    def node(self, node_id):
        """The node of that id. Raises KeyError."""
        for node in (self.gateway, *self.nodes):
            if node.node_id == node_id:
                return node
        raise KeyError(node_id)

    def _push(self, at, node, line):
        number = next(self._numbers)
        heapq.heappush(self._heap, (at, number, node, line))
        return number

    def _wake(self, node, at):
        node.rests_until = at
        node.ticket = self._push(at, node, None)

    @property
    def next_at(self):
        """When the next thing happens, unix seconds."""
        return self._heap[0][0]

    def events(self, until):
        """Yield (unix seconds, line) for everything said before `until`, in order of time."""
        heap = self._heap
        while heap[0][0] < until:
            at, number, node, line = heapq.heappop(heap)
            if at > self.now:
                self.now = at
            if line is not None:
                yield at, line
            elif node is None:
                self._push((at // DISCOVERY_S + 1) * DISCOVERY_S, None, None)
                self.discover(at)
            elif number == node.ticket and node.is_alive(at):
                node.now = at
                said = node.resume()
                if isinstance(said, float | int):
                    self._wake(node, max(said, at))
                elif said is not None:
                    self._wake(node, at + AIR_S * self.pace)
                    yield at, said if isinstance(said, bytes) else format_outgoing(said)

    def discover(self, at):
        """The gateway asks who is there: every node that listens answers with its parent's id, within 1.023 s."""
        for node in self.nodes:
            if node.listens(at) and node.node_id != BROADCAST:
                delay = 1.023 * node.noise.chance(f"discover {node.node_id}", int(at)) * self.pace
                answer = node.internal(Internal.I_DISCOVER_RESPONSE, node.parent)
                self._push(at + delay, node, format_outgoing(answer))

    def receive(self, line, at):
        """Take one line of a controller, without its line end, at `at`; answers come out of `events`.

        Garbage, unknown destinations and nodes that sleep give silence.
        """
        message = parse_incoming(line)
        if message is None:
            return
        if message.node == BROADCAST and message.command == Command.internal:
            if message.type == Internal.I_DISCOVER_REQUEST:
                self.discover(at)
            elif message.type == Internal.I_ID_RESPONSE:
                self._deliver(message, at, [node for node in self.nodes if node.node_id == BROADCAST])
        elif message.node == BROADCAST:
            self._deliver(message, at, [node for node in self.nodes if node.node_id != BROADCAST])
        elif message.node == GATEWAY_NODE:
            self._deliver(message, at, [self.gateway])
        else:
            self._deliver(message, at, [node for node in self.nodes if node.node_id == message.node])

    def _deliver(self, message, at, nodes):
        for node in nodes:
            if node.listens(at):
                for number, answer in enumerate(node.receive(message, at), 1):
                    delay = 0 if node is self.gateway else AIR_S * self.pace * number
                    self._push(at + delay, node, format_outgoing(answer))
