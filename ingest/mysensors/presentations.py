"""What presentations show: a restart that nobody ordered, or two nodes under one id. Pure.

Times are seconds of one clock: the monotonic one live, that of the file in an import.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.mysensors.protocol import GATEWAY_NODE, Command, type_name
from ingest.mysensors.state import NodeState, SensorState

EXPECTED_S = 300.0  # after an order, or a start of the gateway, in which a presentation is expected
SAME_START_S = 60.0  # a sketch name this soon after the presentation of its node belongs to it
ALTERNATE_S = 86_400.0  # what changes back within this time is no new firmware
NEVER = float("-inf")
RESTARTED = "presented itself unasked: it has restarted"


@dataclass(slots=True)
class SketchChange:
    """A node has named another sketch than before; `old` and `new` are their children, with S_ types."""

    names: tuple[str, str]  # of the sketch before, and of the present one
    old: dict[int, int | None]
    new: dict[int, int] = field(default_factory=dict)
    heard: str = ""  # whose child was heard last: old or new
    turns: int = 0  # how often that has changed


@dataclass(eq=False)
class PresentationWatch:
    """What was presented lately, by `nodes.id`."""

    changes: dict[int, SketchChange] = field(default_factory=dict)  # of nodes whose sketch has changed
    _expected: dict[int, float] = field(default_factory=dict)  # -> when it was ordered
    _started: dict[int, float] = field(default_factory=dict)  # gateways.id -> when it presented itself
    _presented: dict[int, float] = field(default_factory=dict)
    _updated: dict[int, float] = field(default_factory=dict)  # -> when it last fetched firmware
    _before: dict[tuple[int, str], tuple[str, float]] = field(default_factory=dict)

    def expect(self, node: int, now: float) -> None:
        """Something was ordered upon which the node presents itself."""
        self._expected[node] = now

    def firmware_requested(self, node: int, now: float) -> None:
        """A node fetches firmware: it presents itself when it has it, perhaps as another sketch."""
        self._expected[node] = self._updated[node] = now
        self.changes.pop(node, None)

    def node_presented(self, node: NodeState, version: str, now: float) -> str | None:
        """Take the presentation of a node, before it is applied; returns why it is strange, or None.

        A gateway presents itself when it has started, perhaps with its nodes, and when we have connected.
        """
        if node.node_id == GATEWAY_NODE:
            self._started[node.gateway] = now
            return None
        before, self._presented[node.id] = self._presented.get(node.id, NEVER), now
        started = self._started.get(node.gateway, NEVER)
        is_ordered = now - self._expected.pop(node.id, NEVER) <= EXPECTED_S
        is_expected = is_ordered or (before < started and now - started <= EXPECTED_S)
        held = node.protocol_version
        if self._turn(node.id, "library", held, version, now):
            return _two_nodes(node.id, f"library {held}", f"library {version}")
        return RESTARTED if node.presented_at is not None and not is_expected else None

    def forget(self, node: int) -> None:
        """Users deleted the node."""
        for known in (self.changes, self._expected, self._presented, self._updated):
            known.pop(node, None)
        self._before = {key: held for key, held in self._before.items() if key[0] != node}

    def named(self, node: NodeState, name: str, sensors: Iterable[SensorState], now: float) -> str | None:
        """Take the name of a node's sketch before it is applied; `sensors` are those of all nodes."""
        held, turn = node.sketch_name, self._turn(node.id, "name", node.sketch_name, name, now)
        if turn is None or held is None:
            return None
        children = {sensor.child_id: sensor.type for sensor in sensors if sensor.node == node.id}
        self.changes[node.id] = SketchChange((held, name), children)
        if turn:
            return _two_nodes(node.id, held, name)
        which = f"another sketch, or a second node with id {node.node_id}"
        return f"presents itself as {name}, before it was {held}: {which}"

    def child_presented(
        self, node: NodeState, sensor: SensorState | None, type: int, now: float
    ) -> str | None:
        """Take the presentation of a child before it is applied."""
        if sensor is None or node.node_id == GATEWAY_NODE:
            return None
        change = self.changes.get(node.id)
        if change is not None:
            change.new[sensor.child_id] = type
        held, name = sensor.type_name, type_name(Command.presentation, type)
        turn = self._turn(node.id, str(sensor.child_id), held, name, now)
        if not turn or (node.id, "name") in self._before:
            return None
        return _two_nodes(node.id, *(f"child {sensor.child_id} as {one}" for one in (held, name)))

    def heard(self, node: int, child: int) -> str | None:
        """Take a value of a node whose sketch has changed: children of both in turn are two nodes."""
        change = self.changes[node]
        if not change.new or (child in change.new) == (child in change.old):
            return None
        side = "new" if child in change.new else "old"
        if side != change.heard:
            change.heard, change.turns = side, change.turns + 1
        if change.turns < 3:
            return None
        del self.changes[node]  # said once, until the next presentation
        return _two_nodes(node, *change.names)

    def _turn(self, node: int, key: str, held: str | None, new: str, now: float) -> bool | None:
        """None: nothing has changed. Else whether it has changed back to what it was lately."""
        if held is None or held == new or now - self._updated.get(node, NEVER) <= EXPECTED_S:
            return None
        before = self._before.get((node, key))
        self._before[node, key] = (held, now)
        return before is not None and before[0] == new and now - before[1] <= ALTERNATE_S


def _two_nodes(node: int, *whats: str) -> str:
    return f"two nodes use id {node % 256}: {' and '.join(sorted(whats))}"
