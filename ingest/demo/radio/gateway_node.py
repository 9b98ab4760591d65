"""What the gateway says as node 0 of the demo house. Pure."""

from ingest.demo.radio.node import DemoNode
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Internal


class BaseStation(DemoNode):
    """Node 0: a gateway with a radio, hence a repeater too. It takes no part in presentations with I_CONFIG.

    Asked for its version it tells it as text; I_TIME, I_CONFIG, I_PING, I_SIGNAL_REPORT and I_ID_REQUEST sent to it
    get no answer.
    """

    node_id = GATEWAY_NODE
    library = "2.4.0-alpha"
    repeater = True

    def present(self):
        return [self.say(NODE_CHILD, Command.presentation, self.role, self.library)]

    def greeting(self):
        """What every client gets, again, each time one connects; on serial, once at power-up."""
        return [self.internal(Internal.I_GATEWAY_READY, "Gateway startup complete."), *self.present()]

    def on_internal(self, type, payload, child):
        if type == Internal.I_VERSION:
            return [self.internal(Internal.I_VERSION, self.library)]
        if type == Internal.I_HEARTBEAT_REQUEST:
            return [self.heartbeat()]
        if type == Internal.I_PRESENTATION:
            return self.present()
        return []
