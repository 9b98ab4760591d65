"""The air between a gateway and its virtual nodes: latency, loss in either direction, order of events. Pure."""

from heapq import heappop, heappush
from itertools import count
from random import Random


class LossyAir:
    """Carries lines both ways. `up` and `down` are the parts lost on the way from and to the nodes (0 to 1)."""

    def __init__(self, nodes, *, up=0.0, down=0.0, latency_s=0.01, seed=1):
        self.nodes = list(nodes)
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
        flying = self._flying[0][0] if self._flying else float("inf")
        return min([flying, *(node.due() for node in self.nodes)])

    def advance(self, now):
        """Let everything happen that is due by now; returns [(at, line)] for the controller, in order."""
        arrived = []
        while (at := self.next_at()) <= now:
            while self._flying and self._flying[0][0] <= at:
                _, _, to_controller, line = heappop(self._flying)
                if to_controller:
                    arrived.append((at, line))
                else:
                    self._deliver(line, at)
            for node in self.nodes:
                if node.due() <= at:
                    node.advance(at)
                self._collect(node, at)
        return arrived

    def _deliver(self, line, at):
        destination = int(line.split(";", 1)[0])
        for node in self.nodes:
            if node.node_id == destination:
                node.receive(line, at)
                self._collect(node, at)

    def _collect(self, node, at):
        for line in node.sent:
            self._launch(line, at, self.up, True)
        node.sent.clear()

    def _launch(self, line, at, loss, to_controller):
        if loss and self.random.random() < loss:
            self.lost += 1
        else:
            heappush(self._flying, (at + self.latency_s, next(self._order), to_controller, line))
