"""One connection to a broker on the event loop: MQTT 5, or 3.1.1 where the broker knows no other.

paho-mqtt speaks the protocol. It is driven by the loop; only opening a connection, which blocks, has a thread
of its own.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from paho.mqtt import client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.mqtt.loop_socket import LoopSocket
from ingest.mqtt.paho_client import connect, expiry, make_client, subscribe
from ingest.mqtt.problems import (
    UNSUPPORTED_PROTOCOL,
    MqttError,
    explain_end,
    explain_opening,
    explain_refusal,
    no_answer,
    no_mqtt,
    no_reply,
    not_readable,
    says_nothing,
)
from ingest.mqtt.records import ClientOptions, Published, Subscription
from ingest.mqtt.settings import BrokerOptions
from ingest.tls import TlsFileError, make_context

CONNACK = 0x20  # the first byte of every broker's first packet
IN_FLIGHT = 100  # messages that are sent before the broker acknowledges one; it may want fewer (MQTT 5)
MAX_QUEUED = 1000  # messages that wait to be sent
PROVOKE_S = 1.0  # for the answer of a server that is no broker


class BrokerConnection:
    """A connection from `open()` to its end; the callbacks are called in the loop.

    `on_acknowledged` gets the topic of a message that was published, and the reason where the broker did not
    take it, else "".
    """

    def __init__(
        self,
        broker: BrokerOptions,
        options: ClientOptions,
        on_message: Callable[[Published], object] = lambda message: None,
        on_end: Callable[[MqttError], object] = lambda error: None,
        on_acknowledged: Callable[[str, str], object] = lambda topic, reason: None,
        is_v5: bool = True,
    ) -> None:
        self.broker, self.options = broker, options
        self.session_present = False
        self.is_v5 = self.may_know_v5 = is_v5
        self._on_end, self._on_acknowledged = on_end, on_acknowledged
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[bool] = self._loop.create_future()
        self._connack.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._subacks: dict[int, tuple[tuple[str, ...], asyncio.Future[None]]] = {}
        self._sent: dict[int, str] = {}  # not acknowledged yet: number -> topic
        self._waiting: deque[tuple[str, bytes, bool, int | None]] = deque()  # to be sent after those
        self._most = IN_FLIGHT
        self._is_open = False
        self._client = client = make_client(broker, options, is_v5, on_message)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_subscribe, client.on_publish = self._subscribed, self._published
        check_first = not broker.tls.used  # TLS has shown that it is what the settings mean
        self._socket = LoopSocket(client, check_first, self._is_broker, self._cannot_read)

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
            self._socket.start(sock)
            self.session_present = await self._wait_for_answer()
        except TlsFileError as error:
            raise MqttError(f"tls: {error}") from error
        except (OSError, ValueError) as error:
            self._drop()
            raise explain_opening(error, broker, connect_s) from error
        except BaseException:
            self._drop()
            raise
        self._is_open = True
        self._socket.keep_house()

    async def _wait_for_answer(self) -> bool:
        """Whether the broker has a session of this client. Raises MqttError."""
        connect_s = self.options.connect_s
        await asyncio.wait((self._connack,), timeout=connect_s)
        if not self._connack.done():
            self._socket.provoke()
            await asyncio.wait((self._connack,), timeout=min(PROVOKE_S, connect_s))
        if not self._connack.done():
            raise says_nothing(connect_s, self.broker)
        return self._connack.result()

    def _connect_in_thread(self) -> "asyncio.Future[None]":
        """Connect in a thread that no end of the program waits for."""
        done: asyncio.Future[None] = self._loop.create_future()

        def finish(error: Exception | None) -> None:
            if done.done():  # nobody waits any more
                self._client.disconnect()
            elif error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def work() -> None:
            problem: Exception | None = None
            try:
                connect(self._client, self.broker, self.options, self.is_v5)
            except Exception as error:
                problem = error
            try:
                self._loop.call_soon_threadsafe(finish, problem)
            except RuntimeError:  # the loop is closed: the program ends
                return

        threading.Thread(target=work, name="mqtt-connect", daemon=True).start()
        return done

    def _connected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._connack.done():
            return
        self._most = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT))
        if code.is_failure:
            self._connack.set_exception(explain_refusal(code.value, self.broker, self.options.client_id))
        else:
            self._connack.set_result(flags.session_present)

    def _is_broker(self, first: bytes) -> bool:
        if first and first[0] == CONNACK:
            return True
        self._fail(no_mqtt(self.broker) if first else no_answer(self.broker))
        return False

    def _cannot_read(self, error: OSError) -> None:
        self._fail(explain_opening(error, self.broker, self.options.connect_s))

    # What is asked of the broker.

    async def subscribe(self, wanted: Subscription) -> None:
        """Subscribe and wait until the broker has done so. Raises MqttError, also where one is refused."""
        self._socket.read_first()
        done: asyncio.Future[None] = self._loop.create_future()
        number = subscribe(self._client, wanted, self.is_v5)
        if number is None:
            raise self._why_ended(0)
        self._subacks[number] = (wanted.topics, done)
        self._socket.write_on()
        try:
            async with asyncio.timeout(self.options.connect_s):
                await done
        except TimeoutError as error:
            raise no_reply("answer to a subscription", self.options.connect_s, self.broker) from error
        finally:
            self._subacks.pop(number, None)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Unsubscribe, without waiting."""
        self._socket.read_first()
        self._client.unsubscribe(list(topics))
        self._socket.write_on()

    def publish(self, topic: str, payload: bytes, retain: bool = False, expiry_s: int | None = None) -> bool:
        """Send with QoS 1, within `publishing()`; False where it cannot be sent.

        Where the broker has to acknowledge others first, it waits for that. A retained message expires after
        `expiry_s` where the broker has MQTT 5. Raises ValueError where the topic or the payload is too long
        for MQTT.
        """
        if len(self._sent) < self._most and not self._waiting:
            return self._send(topic, payload, retain, expiry_s)
        is_room = self._is_open and len(self._waiting) < MAX_QUEUED
        if is_room:
            self._waiting.append((topic, payload, retain, expiry_s))
        return is_room

    def _send(self, topic: str, payload: bytes, retain: bool, expiry_s: int | None) -> bool:
        properties = None if expiry_s is None or not self.is_v5 else expiry(expiry_s)
        sent = self._client.publish(topic, payload, 1, retain, properties)
        if sent.rc != paho.MQTT_ERR_SUCCESS:
            return False
        self._sent[sent.mid] = topic
        return True

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Send what is published meanwhile together; before it, take why the broker may take nothing more."""
        self._socket.read_first()
        try:
            yield
        finally:
            self._socket.write_on()

    def acknowledge(self, packets: Iterable[int]) -> None:
        """Tell the broker that these messages are stored."""
        self._socket.read_first()
        for packet in packets:
            self._client.ack(packet, 1)
        self._socket.write_on()

    def pause_reading(self) -> None:
        """Leave what comes in the socket, so that the broker waits."""
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._socket.resume_reading()

    def _subscribed(
        self, _client: paho.Client, _data: object, number: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        topics, done = self._subacks.get(number, ((), None))
        if done is None or done.done():
            return
        refused = [topic for topic, code in zip(topics, codes, strict=False) if code.is_failure]
        if refused:
            done.set_exception(not_readable(refused[0], self.broker))
        else:
            done.set_result(None)

    def _published(
        self, _client: paho.Client, _data: object, number: int, code: ReasonCode, _: Properties | None
    ) -> None:
        topic = self._sent.pop(number, "")
        if self._waiting and len(self._sent) <= self._most // 2:  # several at once
            while self._waiting and len(self._sent) < self._most:
                self._send(*self._waiting.popleft())
        self._on_acknowledged(topic, str(code).lower() if code.is_failure else "")

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
            self._fail(self._why_ended(given))

    def _why_ended(self, code: int) -> MqttError:
        return explain_end(code, self.broker, self.options.client_id, self.options.apart)

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
        """Say goodbye and close: the broker keeps the session and sends no last will."""
        if self._is_open:
            self._is_open = False
            self._client.disconnect()
        self._drop()

    def _drop(self) -> None:
        self._is_open = False
        self._socket.stop()


async def open_connection(make: Callable[[bool], BrokerConnection], is_v5: bool = True) -> BrokerConnection:
    """Open `make(is_v5)`, with MQTT 3.1.1 where the broker knows no 5. Raises MqttError."""
    connection = make(is_v5)
    try:
        await connection.open()
    except MqttError as error:
        if not is_v5 or not (error.is_mute or error.code == UNSUPPORTED_PROTOCOL):
            raise
        return await _open_old(make(False), error)
    return connection


async def _open_old(connection: BrokerConnection, problem: MqttError) -> BrokerConnection:
    """Open a connection of MQTT 3.1.1 after one of MQTT 5 has had this problem. Raises MqttError."""
    try:
        await connection.open()
    except MqttError as error:
        raise (problem if error.is_mute else error) from problem
    # Without an answer, it may have been a broker that stops or starts: the next time it is asked again.
    connection.may_know_v5 = problem.is_mute
    return connection
