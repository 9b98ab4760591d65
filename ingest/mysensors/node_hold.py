"""The one way out to the nodes of a gateway, with a transmit hold for each node whose firmware is being updated.

While a node is in its bootloader a stray message does harm: the bootloader of MySensors matches answers by their type
number alone, so that a V_HUM is taken for a firmware configuration. A held node gets nothing but stream messages.
"""

from ingest.mysensors.protocol import Command, Header


class Transmitter:
    """Sends lines through `write(bytes)`; `write` is None while there is no connection."""

    def __init__(self):
        self.write = None
        self.on_release = lambda node_id: None
        self.forbids = lambda header: False  # what else must wait, for now: set by who updates firmware
        self._held = {}  # node id -> why

    def hold(self, node_id, reason):
        """From now on nothing but stream messages goes to this node."""
        self._held[node_id] = reason

    def release(self, node_id):
        """Let everything pass again and call `on_release`."""
        if self._held.pop(node_id, None) is not None:
            self.on_release(node_id)

    def is_open(self, node_id):
        return self.write is not None and node_id not in self._held

    def may_send(self, header):
        """Whether a message with this header may go out now."""
        return self.is_open(header.node) and not self.forbids(header)

    def hold_reason(self, node_id):
        """Why nothing is sent to this node now; empty when something may be sent."""
        return self._held.get(node_id, "the gateway is not connected" if self.write is None else "")

    def send(self, line, header: Header):
        """Send a formatted line; returns False where the node is held or there is no connection."""
        if self.write is None or (header.node in self._held and header.command != Command.stream):
            return False
        if self.forbids(header):
            return False
        self.write(line.encode())
        return True

    def send_past_hold(self, line):
        """Send a line past the hold: for the OTA session, which knows what the node runs."""
        if self.write is not None:
            self.write(line.encode())
