"""The one way out to the nodes of a gateway, with a transmit hold for each node whose firmware is updated.

While a node is in its bootloader a stray message does harm: the bootloader of MySensors matches answers by
their type number alone, so that a V_HUM is taken for a firmware configuration. A held node is sent nothing
but stream messages.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.mysensors.protocol import NODE_CHILD, Command, Header, Internal, format_line
from ingest.mysensors.sleep import HeartbeatRequests


@dataclass(eq=False)
class Transmitter:
    """Sends lines through `write(bytes)`; `write` is None while there is no connection.

    `on_release(node_id)` is called when a hold ends. `forbids(header)`, set by the OTA session, is True for
    other messages that have to wait. `heartbeat_requests` notes the heartbeats that were asked for.
    """

    write: Callable[[bytes], object] | None = None
    on_release: Callable[[int], object] = lambda node_id: None
    forbids: Callable[[Header], bool] = lambda header: False
    heartbeat_requests: HeartbeatRequests = field(default_factory=HeartbeatRequests)
    _held: dict[int, str] = field(default_factory=dict, init=False)  # node id -> reason

    def hold(self, node_id: int, reason: str) -> None:
        """Send nothing but stream messages to this node from now on."""
        self._held[node_id] = reason

    def release(self, node_id: int) -> None:
        """Let everything pass again and call `on_release`."""
        if self._held.pop(node_id, None) is not None:
            self.on_release(node_id)

    def is_held(self, node_id: int) -> bool:
        """Whether a hold is on this node."""
        return node_id in self._held

    def may_send(self, header: Header) -> bool:
        """Whether a message with this header may be sent now."""
        if self.write is None or (header.node in self._held and header.command != Command.stream):
            return False
        return not self.forbids(header)

    def hold_reason(self, node_id: int) -> str:
        """Why nothing is sent to this node now; empty when something may be sent."""
        return self._held.get(node_id, "the gateway is not connected" if self.write is None else "")

    def send(self, line: str, header: Header) -> bool:
        """Send a formatted line; returns False where the node is held or there is no connection."""
        if self.write is None or not self.may_send(header):
            return False
        self.heartbeat_requests.note(header, time.monotonic())
        self.write(line.encode())
        return True

    def request(self, node_id: int, type: Internal) -> bool:
        """Send a node an internal message without a payload, as `send` does."""
        header = Header(node_id, NODE_CHILD, Command.internal, 0, type)
        return self.send(format_line(*header), header)

    def send_past_hold(self, line: bytes) -> None:
        """Send a line past the hold: for the OTA session, which knows what the node runs."""
        if self.write is not None:
            self.write(line)
