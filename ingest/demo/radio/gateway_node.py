"""What the gateway itself sends, as node 0 of the demo. Pure."""

from ingest.demo.radio.node import DemoNode
from ingest.demo.wire import Outgoing, Script
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Internal, Presentation


class GatewayNode(DemoNode):
    """Node 0: a gateway with a radio, hence a repeater too. It takes no part in presentations with I_CONFIG.

    Asked for its version it answers with a text; I_TIME, I_CONFIG, I_PING, I_SIGNAL_REPORT and I_ID_REQUEST
    sent to it get no answer.
    """

    node_id = GATEWAY_NODE
    library = "2.4.0-alpha"
    role = Presentation.S_ARDUINO_REPEATER_NODE

    def presentation(self) -> Outgoing:
        """Its presentation: one message."""
        return self.message(NODE_CHILD, Command.presentation, self.role, self.library)

    def present(self) -> Script:
        """The presentation as a script."""
        yield self.presentation()

    def greeting(self) -> list[Outgoing]:
        """What every client gets, again, each time one connects; on serial, once at power-up."""
        return [self.internal(Internal.I_GATEWAY_READY, "Gateway startup complete."), self.presentation()]

    def on_internal(self, type: int, payload: bytes, child: int) -> list[Outgoing]:
        """Three kinds of requests are answered."""
        match type:
            case Internal.I_VERSION:
                return [self.internal(Internal.I_VERSION, self.library)]
            case Internal.I_HEARTBEAT_REQUEST:
                return [self.heartbeat()]
            case Internal.I_PRESENTATION:
                return [self.presentation()]
        return []
