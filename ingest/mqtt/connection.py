"""One connection to a broker on the event loop: MQTT 5, or 3.1.1 where the broker knows no other.

paho-mqtt speaks the protocol. It is driven by the loop, so that a message needs no thread to be handed on;
only opening a connection, which blocks, has a thread of its own. A QoS 1 message is acknowledged by whoever
takes it, when it is stored: until then the broker keeps it.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.problems import (
    UNSUPPORTED_PROTOCOL,
    MqttError,
    explain_end,
    explain_opening,
    explain_refusal,
    no_answer,
    no_mqtt,
    not_readable,
)
from ingest.mqtt.settings import BrokerOptions
from ingest.tls import TlsFileError, make_context

CONNACK = 0x20  # the first byte of every broker's first packet
KEEPALIVE_S = 30
SESSION_EXPIRY_S = 30 * 86_400  # after which a broker forgets a client that is gone (MQTT 5)
IN_FLIGHT = 200  # QoS 1 messages that a broker sends before one is acknowledged (MQTT 5)
MAX_PACKET = 4096  # bytes of what a broker sends (MQTT 5); a message of a gateway has a tenth of it
MAX_QUEUED = 1000  # messages that wait to be sent
FAILED = 0x80  # reason codes from here on are refusals
READ_ROUNDS = 200  # packets that are read before others on the loop have their turn


class Retained(IntEnum):
    """When the broker sends its retained messages upon a subscription (MQTT 5; one of 3.1.1 always does)."""

    ALWAYS = 0
    IF_NEW = 1  # where the session has not got this subscription yet
    NEVER = 2


class Published(NamedTuple):
    """A message as the broker sent it; `packet` is 0 for QoS 0, which takes no acknowledgement."""

    topic: str
    payload: bytes
    retained: bool
    packet: int
    is_again: bool  # the broker sent it before and got no acknowledgement


@dataclass(frozen=True)
class ClientOptions:
    """Who a client is at its broker. `keeps_session`: the broker keeps QoS 1 messages while it is away."""

    client_id: str
    keeps_session: bool = True
    connect_s: float = 10.0
    will: tuple[str, bytes] | None = None  # topic and payload of a retained last will


class BrokerConnection:
    """A connection from `open()` to its end; `on_message` and `on_end` are called in the loop.

    `on_refused` gets the reason why the broker did not take a message that was published.
    """

    def __init__(
        self,
        broker: BrokerOptions,
        options: ClientOptions,
        on_message: Callable[[Published], object] = lambda message: None,
        on_end: Callable[[MqttError], object] = lambda error: None,
        on_refused: Callable[[str], object] = lambda reason: None,
        is_v5: bool = True,
    ) -> None:
        self.broker, self.options = broker, options
        self.session_present = False
        self.is_v5 = is_v5
        self._on_end, self._on_refused = on_end, on_refused
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[bool] = self._loop.create_future()
        self._subacks: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._socket: socket.socket | None = None
        self._descriptor = -1  # of the socket
        self._is_open = self._is_paused = self._writes = False
        self._first_byte_seen = broker.tls.used  # TLS has shown that it is what the settings mean
        self._housekeeping: asyncio.TimerHandle | None = None
        self._client = self._make_client(on_message)

    def _make_client(self, on_message: Callable[[Published], object]) -> paho.Client:
        broker, options = self.broker, self.options
        version = MQTTProtocolVersion.MQTTv5 if self.is_v5 else MQTTProtocolVersion.MQTTv311
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if self.is_v5 else not options.keeps_session,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = options.connect_s
        client.max_queued_messages_set(MAX_QUEUED)
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
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_disconnect = self._disconnected
        return client

    # Opening.

    async def open(self) -> None:
        """Connect, and wait until the broker takes the client. Raises MqttError."""
        broker, connect_s = self.broker, self.options.connect_s
        try:
            if broker.tls.used:
                self._client.tls_set_context(make_context(broker.tls))
            async with asyncio.timeout(2 * connect_s):
                await self._connect_in_thread()
                sock = self._client.socket()
                if not isinstance(sock, socket.socket):
                    raise no_answer(broker)
                self._socket = sock
                self._descriptor = sock.fileno()
                self._loop.add_reader(self._descriptor, self._read)
                self._write_on()
                self.session_present = await self._connack
        except TlsFileError as error:
            raise MqttError(f"tls: {error}") from error
        except (OSError, ValueError) as error:
            self._drop()
            raise explain_opening(error, broker, connect_s) from error
        except BaseException:
            self._drop()
            raise
        self._is_open = True
        self._keep_house()

    def _connect_in_thread(self) -> "asyncio.Future[None]":
        """Look up the name, connect and shake hands, in a thread that no end of the program waits for."""
        done: asyncio.Future[None] = self._loop.create_future()
        properties = None
        if self.is_v5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self.options.keeps_session else 0
            properties.ReceiveMaximum = IN_FLIGHT
            properties.MaximumPacketSize = MAX_PACKET

        def finish(error: Exception | None) -> None:
            if done.done():  # nobody waits any more
                self._client.disconnect()
            elif error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def connect() -> None:
            problem: Exception | None = None
            try:
                self._client.connect(
                    self.broker.host,
                    self.broker.port_used,
                    KEEPALIVE_S,
                    clean_start=not self.options.keeps_session
                    if self.is_v5
                    else paho.MQTT_CLEAN_START_FIRST_ONLY,
                    properties=properties,
                )
            except Exception as error:
                problem = error
            try:
                self._loop.call_soon_threadsafe(finish, problem)
            except RuntimeError:  # the loop is closed: the program ends
                return

        threading.Thread(target=connect, name="mqtt-connect", daemon=True).start()
        return done

    def _connected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        _: Properties | None,
    ) -> None:
        if self._connack.done():
            return
        if code.is_failure:
            self._connack.set_exception(explain_refusal(code.value, self.broker, self.options.client_id))
        else:
            self._connack.set_result(flags.session_present)

    # The sockets of paho, on our loop.

    def _read(self) -> None:
        if not self._first_byte_seen and not self._is_broker():
            return
        client = self._client
        for _ in range(READ_ROUNDS):
            before = self._socket
            if before is None or client.loop_read() != paho.MQTT_ERR_SUCCESS or self._is_paused:
                break
            if not _has_more(before):
                break
        self._write_on()

    def _read_first(self) -> None:
        """Take the reason with which the broker has ended the connection, which a failed write would lose."""
        if self._socket is not None and not self._is_paused:
            self._read()

    def _is_broker(self) -> bool:
        """Look at the first byte: another server's greeting would confuse the parser of MQTT."""
        assert self._socket is not None
        try:
            first = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError as error:
            self._fail(explain_opening(error, self.broker, self.options.connect_s))
            return False
        self._first_byte_seen = True
        if not first or first[0] != CONNACK:
            self._fail(no_mqtt(self.broker) if first else no_answer(self.broker))
            return False
        return True

    def _write_on(self) -> None:
        """Let the loop write what waits; most is written at once."""
        if self._socket is None:
            return
        wants = self._client.want_write()
        if wants and not self._writes:
            self._loop.add_writer(self._descriptor, self._write)
        elif self._writes and not wants:
            self._loop.remove_writer(self._descriptor)
        self._writes = wants

    def _write(self) -> None:
        self._client.loop_write()
        self._write_on()

    def _keep_house(self) -> None:
        """Send what keeps the connection alive; while reading is paused, a missing answer says nothing."""
        if not self._is_paused:
            self._client.loop_misc()
            self._write_on()
        if self._is_open:
            self._housekeeping = self._loop.call_later(KEEPALIVE_S / 6, self._keep_house)

    def pause_reading(self) -> None:
        """Leave what comes in the socket, so that the broker waits."""
        if self._socket is not None and not self._is_paused:
            self._is_paused = True
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Read on."""
        if self._socket is not None and self._is_paused:
            self._is_paused = False
            self._loop.add_reader(self._descriptor, self._read)
            self._loop.call_soon(self._read)

    # What is asked of the broker.

    async def subscribe(self, topics: Sequence[str], retained: Retained = Retained.ALWAYS) -> None:
        """Subscribe with QoS 1 and wait until the broker has done so. Raises MqttError."""
        self._read_first()
        done: asyncio.Future[None] = self._loop.create_future()
        if self.is_v5:
            options = [(topic, SubscribeOptions(qos=1, retainHandling=retained)) for topic in topics]
            _, number = self._client.subscribe(options)
        else:
            _, number = self._client.subscribe([(topic, 1) for topic in topics])
        if number is None:
            raise explain_end(0, self.broker, self.options.client_id)
        self._subacks[number] = (topics[0], done)
        self._write_on()
        try:
            async with asyncio.timeout(self.options.connect_s):
                await done
        except TimeoutError as error:
            raise MqttError(f"{self.broker.address} does not answer a subscription") from error
        finally:
            self._subacks.pop(number, None)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Unsubscribe, without waiting."""
        self._read_first()
        self._client.unsubscribe(list(topics))
        self._write_on()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Send with QoS 1; False where too much waits to be sent."""
        self._read_first()
        sent = self._client.publish(topic, payload, 1, retain)
        self._write_on()
        return sent.rc == paho.MQTT_ERR_SUCCESS

    def acknowledge(self, packets: Iterable[int]) -> None:
        """Tell the broker that these messages are stored."""
        self._read_first()
        for packet in packets:
            self._client.ack(packet, 1)
        self._write_on()

    def _subscribed(
        self, _client: paho.Client, _data: object, number: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        topic, done = self._subacks.get(number, ("", None))
        if done is None or done.done():
            return
        if any(code.value >= FAILED for code in codes):
            done.set_exception(not_readable(topic, self.broker))
        else:
            done.set_result(None)

    def _published(
        self, _client: paho.Client, _data: object, _number: int, code: ReasonCode, _: Properties | None
    ) -> None:
        if code.value >= FAILED:
            self._on_refused(str(code).lower())

    # The end.

    def _disconnected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        _: Properties | None,
    ) -> None:
        given = code.value if flags.is_disconnect_packet_from_server else 0
        if not self._is_open and not given:
            self._fail(no_answer(self.broker))
        else:
            self._fail(explain_end(given, self.broker, self.options.client_id))

    def _fail(self, error: MqttError) -> None:
        """The connection is of no use any more."""
        was_open = self._is_open
        self._drop()
        if not self._connack.done():
            self._connack.set_exception(error)
        for _, done in self._subacks.values():
            if not done.done():
                done.set_exception(error)
        if was_open:
            self._on_end(error)

    def close(self) -> None:
        """Say goodbye and close: the broker keeps the session."""
        if self._is_open:
            self._is_open = False
            self._client.disconnect()
        self._drop()

    def _drop(self) -> None:
        self._is_open = False
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        sock, self._socket = self._socket, None
        if sock is not None:
            # By number: paho may have closed the socket, and the next one gets the same number.
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            sock.close()


def _has_more(sock: socket.socket) -> bool:
    """Whether a packet may wait: without asking, one read of the loop would be one packet."""
    if isinstance(sock, ssl.SSLSocket):
        return sock.pending() > 0
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


async def open_connection(make: Callable[[bool], BrokerConnection], is_v5: bool = True) -> BrokerConnection:
    """Open `make(is_v5)`, with MQTT 3.1.1 where the broker knows no 5. Raises MqttError."""
    connection = make(is_v5)
    try:
        await connection.open()
    except MqttError as error:
        if not is_v5 or error.code != UNSUPPORTED_PROTOCOL:
            raise
        return await open_connection(make, is_v5=False)
    return connection
