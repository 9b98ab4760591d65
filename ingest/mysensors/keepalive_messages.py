"""Which messages of a gateway are the keepalive, as a condition of SQL on rows of `messages`."""

from ingest.mysensors.protocol import GATEWAY_NODE, Command, Internal

# What a gateway answers to the keepalive, or says at each connection: stored and counted, no news.
KEEPALIVE_TYPES = (Internal.I_VERSION, Internal.I_GATEWAY_READY, Internal.I_HEARTBEAT_RESPONSE)
KEEPALIVE = (
    f"node_id = {GATEWAY_NODE} and command = {Command.internal:d} and echo = 0 "
    f"and type in ({', '.join(str(int(type)) for type in KEEPALIVE_TYPES)})"
)
