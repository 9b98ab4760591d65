"""Two nodes with one sketch under one id: their heartbeats count from two different starts. Pure.

I_HEARTBEAT_RESPONSE carries the `millis()` of the node (`sendHeartbeat` in `core/MySensorsCore.cpp`), so each
one dates its start. A restart, a sleep that stops the counter, and its overflow after 49.7 days give one node
another start, but never again one that it had. Two starts that are heard in turn are those of two nodes.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

DRIFT = 0.02  # four times that of a ceramic resonator
WAITED_S = 300.0  # that a message may have waited: a container that stood still, a slow network
TURNS, WITHIN_S = 3, 86_400.0  # so many returns to a start within this time
MAX_DIGITS = 10  # of 32 bits


class NodeStart(NamedTuple):
    """A start of a node, and when a heartbeat dated it last."""

    start: float
    heard: float

    def is_same(self, start: float, now: float) -> bool:
        """Whether a start that is dated `now` is this one."""
        return abs(start - self.start) <= WAITED_S + DRIFT * (now - self.heard)


@dataclass(eq=False)
class NodeStarts:
    """The last two starts of each node, by `nodes.id`; times are seconds of one clock."""

    _starts: dict[int, list[NodeStart]] = field(default_factory=dict)  # the one heard last comes first
    _turns: dict[int, list[float]] = field(default_factory=dict)  # -> when a start was returned to

    def heard(self, node: int, payload: str, now: float) -> str | None:
        """Take a heartbeat; returns why it is strange, or None."""
        if not (payload.isascii() and payload.isdigit() and len(payload) <= MAX_DIGITS):
            return None
        start, known = now - int(payload) / 1000, self._starts.get(node, [])
        same = next((one for one in known if one.is_same(start, now)), None)
        others = [one for one in known if one is not same]
        self._starts[node] = [NodeStart(start, now), *others[:1]]
        if same is None or same is known[0]:
            return None
        turns = [at for at in self._turns.get(node, ()) if now - at <= WITHIN_S] + [now]
        self._turns[node] = turns if len(turns) < TURNS else []
        if len(turns) < TURNS:
            return None
        return f"two nodes use id {node % 256}: their heartbeats count from different starts"

    def forget(self, node: int) -> None:
        """Users deleted the node."""
        self._starts.pop(node, None)
        self._turns.pop(node, None)
