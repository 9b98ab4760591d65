"""The air between a gateway and its virtual nodes: latency, loss either way, order of events. Pure."""

from heapq import heappop, heappush
from itertools import count
from math import inf, nextafter
from random import Random

from ingest.demo.radio.network import DemoNetwork


class LossyAir:
    """Carries lines both ways. `up` and `down` are the parts lost on the way from and to the nodes (0 to 1).

    The gateway of these tests is the test's own: this network sends no I_DISCOVER_REQUEST by itself.
    """

    def __init__(self, nodes, *, up=0.0, down=0.0, latency_s=0.01, seed=1):
        nodes = list(nodes)
        now = min((node.booted_at for node in nodes), default=0.0)
        self.network = DemoNetwork(now, nodes=(), discovery_s=inf)
        for node in nodes:
            self.network.join(node, node.booted_at)
        self.up, self.down = up, down
        self.latency_s = latency_s
        self.random = Random(seed)
        self.lost = 0
        self._order = count()
        self._flying = []  # (arrives at, order, to the controller?, line)

    def send(self, line, now):
        """A line of the controller leaves the gateway."""
        self._launch(line, now, self.down, False)

    def next_at(self):
        """When `advance` has something to do next."""
        return min(self._flying[0][0] if self._flying else inf, self.network.next_at)

    def advance(self, now):
        """Let everything happen that is due by now; returns [(at, line)] for the controller, in order."""
        arrived = []
        while (at := self.next_at()) <= now:
            while self._flying and self._flying[0][0] <= at:
                _, _, to_controller, line = heappop(self._flying)
                if to_controller:
                    arrived.append((at, line))
                else:
                    self.network.receive(line.rstrip("\n").encode(), at)
            for sent_at, line in self.network.events(nextafter(at, inf)):
                self._launch(f"{line.decode()}\n", sent_at, self.up, True)
        return arrived

    def _launch(self, line, at, loss, to_controller):
        if loss and self.random.random() < loss:
            self.lost += 1
        else:
            heappush(self._flying, (at + self.latency_s, next(self._order), to_controller, line))
