"""The client of paho-mqtt as our connections use it: MQTT 5 or 3.1.1, without its thread and reconnection."""

from collections.abc import Callable
from functools import lru_cache

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.records import ClientOptions, Published, Subscription
from ingest.mqtt.settings import BrokerOptions

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 30 * 86_400  # after which a broker forgets a client that is gone (MQTT 5)
IN_FLIGHT = 200  # QoS 1 messages that a broker sends before one is acknowledged (MQTT 5)


def make_client(
    broker: BrokerOptions, options: ClientOptions, is_v5: bool, on_message: Callable[[Published], object]
) -> paho.Client:
    """Make a client that is not connected."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        options.client_id,
        clean_session=None if is_v5 else not options.keeps_session,
        protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=options.acknowledges,
    )
    client.connect_timeout = options.connect_s
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(0)  # the connection sees to it, and paho goes through all at each answer
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if options.will is not None:
        client.will_set(options.will[0], options.will[1], qos=1, retain=True)

    def take(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no broker should let it pass
            topic = "\ufffd"
        on_message(Published(topic, bytes(message.payload), message.retain, message.mid, message.dup))

    client.on_message = take
    client.on_socket_register_write = lambda *_: None  # so that paho does not send by itself
    return client


def connect(client: paho.Client, broker: BrokerOptions, options: ClientOptions, is_v5: bool) -> None:
    """Look up the name, connect and shake hands; it blocks. Raises OSError or ValueError."""
    properties: Properties | None = None
    if is_v5:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_EXPIRY_S if options.keeps_session else 0
        properties.ReceiveMaximum = IN_FLIGHT
        properties.MaximumPacketSize = options.max_packet
    begin = not options.keeps_session if is_v5 else paho.MQTT_CLEAN_START_FIRST_ONLY
    client.connect(broker.host, broker.port_used, KEEPALIVE_S, clean_start=begin, properties=properties)


def subscribe(client: paho.Client, wanted: Subscription, is_v5: bool) -> int | None:
    """Send a subscription; returns its number, None where the connection is gone."""
    if is_v5:
        options = SubscribeOptions(
            wanted.qos, wanted.no_local, wanted.keeps_retained_flag, retainHandling=wanted.retained
        )
        _, number = client.subscribe([(topic, options) for topic in wanted.topics])
    else:
        _, number = client.subscribe([(topic, wanted.qos) for topic in wanted.topics])
    return number


@lru_cache(maxsize=16)
def expiry(seconds: int) -> Properties:
    """The properties of a message that expires (MQTT 5)."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = seconds
    return _Packed(properties)


class _Packed(Properties):
    """Properties that stay as they are: packing them anew for each message takes a tenth of it."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties.packetType)
        self.__dict__["packed"] = properties.pack()  # Properties takes no other attribute

    def pack(self) -> bytes:
        """What goes over the wire."""
        packed: bytes = self.__dict__["packed"]
        return packed
