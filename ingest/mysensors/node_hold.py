"""The one way out to the nodes of a gateway, with a bar for each node that can be let down.

While a node is in its bootloader a stray message does harm: the bootloader of MySensors matches answers by their type
number alone, so that a V_HUM is taken for a firmware configuration. A held node gets nothing but stream messages.
"""

from ingest.mysensors.protocol import Command, Header


class Gate:
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
        """Let everything pass again; who waits for it is told."""
        if self._held.pop(node_id, None) is not None:
            self.on_release(node_id)

    def is_open(self, node_id):
        return self.write is not None and node_id not in self._held

    def lets(self, header):
        """True when somebody's message with this header may go out now."""
        return self.is_open(header.node) and not self.forbids(header)

    def why_shut(self, node_id):
        """In words: why nothing goes to this node now."""
        return self._held.get(node_id, "the gateway is not connected" if self.write is None else "")

    def send(self, line, header: Header):
        """Send a formatted line; returns False where the bar is down or nobody is connected."""
        if self.write is None or (header.node in self._held and header.command != Command.stream):
            return False
        if self.forbids(header):
            return False
        self.write(line.encode())
        return True

    def order(self, line):
        """Send a line past the bar: for who let it down and knows that the node's sketch runs."""
        if self.write is not None:
            self.write(line.encode())
