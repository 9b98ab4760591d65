"""The ids of one gateway's nodes: which are in use, and which were given and never heard. Pure.

A node asks until it hears an answer: a bootloader every 2 s without end, a library 4 times 2 s apart and
again after 10 s, with a new token each time (`core/MyTransport.cpp`). One that does not hear would use up all
ids. Ids that were given and never heard are therefore a ring of RING at the most: an id in it is given again,
not before it has rested for REST_S, in which a node that did hear it is heard.

Two requests with the same text are two nodes or, where a radio's acknowledgement was lost, two copies of one
request. Nothing tells them apart, so each is given an id of its own: a copy then costs a place in the ring,
and no id, while a node that was taken for a copy would share one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

NODE_IDS = 254  # 1 to 254; 0 is the gateway, 255 means "no id yet"
RING = 8
REST_S = 10.0
LOW_IDS = 16  # with fewer left it needs attention


@dataclass(slots=True)
class GivenId:
    """An id that was given to the node with this token (None: not known), at monotonic seconds."""

    node_id: int
    token: int | None
    given: float


@dataclass
class NodeIds:
    """`used` are the ids of nodes; `ring` the ids that were given and never heard, the oldest first."""

    used: set[int] = field(default_factory=set)
    ring: list[GivenId] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many ids no node uses."""
        return NODE_IDS - len(self.used - {0, NODE_IDS + 1})

    def give(self, token: int, now: float) -> int | None:
        """An id for a node that asks with this token.

        The oldest that rested and was given to this token; else one that was never given, while the ring has
        a place; else the oldest that rested. None where all are in use or were given just now.
        """
        rested = [given for given in self.ring if now - given.given >= REST_S]
        again = next((given for given in rested if given.token == token), None)
        if again is None:
            fresh = self._fresh()
            if fresh is not None:
                self.ring.append(GivenId(fresh, token, now))
                return fresh
            again = next(iter(rested), None)
        if again is None:
            return None
        self.ring.remove(again)
        self.ring.append(GivenId(again.node_id, token, now))
        return again.node_id

    def _fresh(self) -> int | None:
        """The lowest id that no node uses and that is not in the ring, while that has a place."""
        if len(self.ring) >= RING:
            return None
        taken = self.used | {given.node_id for given in self.ring}
        return next((node_id for node_id in range(1, NODE_IDS + 1) if node_id not in taken), None)

    def hear(self, node_ids: Iterable[int]) -> None:
        """Nodes with these ids are there."""
        self.used.update(node_ids)
        if self.ring:
            self.ring = [given for given in self.ring if given.node_id not in self.used]

    def free(self, node_id: int) -> None:
        """The node is deleted: its id may be given."""
        self.used.discard(node_id)
