"""One connection to a broker, over paho-mqtt: its thread speaks with the broker, the event loop waits for it.

MQTT 5 where the broker has it, so that what is retained expires there when nobody publishes any more; else
3.1.1. Everything goes with QoS 1 and counts as published when the broker has acknowledged it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.problems import (
    MqttError,
    explain_end,
    explain_opening,
    explain_refusal,
    no_answer,
    no_reply,
    not_readable,
    not_writable,
)
from ingest.mqtt.settings import BrokerOptions
from ingest.tls import TlsFileError, make_context
from outbound.senders.threads import start_thread

Result = TypeVar("Result")

QOS = 1
CONNECT_S = 15.0  # for a connection, and for the broker's answer to it
ACKNOWLEDGE_S = 30.0  # for the acknowledgements of what is sent at once
KEEPALIVE_S = 30
TOGETHER = 250  # messages that are sent before their acknowledgements are waited for
IN_FLIGHT = 100  # that the broker is sent before it acknowledges
STOP_S = 2.0
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
APART = "prefix: under publish:"  # two that publish need two values of it: the client id follows it


class MqttMessage(NamedTuple):
    """A message: a payload of b"" takes a retained one away. It expires after `expiry_s`, None for never."""

    topic: str
    payload: bytes
    retain: bool = True
    expiry_s: int | None = None


class ReceivedMessage(NamedTuple):
    """A message that came in."""

    topic: str
    payload: bytes
    retained: bool


class BrokerClient:
    """A connection, to be used once. Its methods are for the event loop that made it.

    `receive` is called in that loop with each message that comes in.
    """

    def __init__(
        self,
        broker: BrokerOptions,
        client_id: str,
        will: MqttMessage | None,
        receive: Callable[[ReceivedMessage], None],
        is_old: bool = False,
    ) -> None:
        self._broker, self._receive, self._is_old = broker, receive, is_old
        self._client_id = client_id
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._connected.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._subscribed: asyncio.Future[Sequence[ReasonCode]] = self._loop.create_future()
        self._all_acknowledged = asyncio.Event()
        self._acknowledged = self._awaited = 0
        self._refused: int | None = None  # the number of a message that the broker does not let through
        self._turn = asyncio.Lock()
        self.lost: asyncio.Future[MqttError] = self._loop.create_future()  # why the connection ended
        self._client = self._make(will)

    def _make(self, will: MqttMessage | None) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            protocol=V311 if self._is_old else V5,
            clean_session=True if self._is_old else None,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(IN_FLIGHT)
        if will is not None:
            client.will_set(will.topic, will.payload, QOS, retain=True)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_subscribe = self._on_publish, self._on_subscribe
        client.on_message = self._on_message
        return client

    async def connect(self) -> None:
        """Connect and wait for the broker's answer. Raises MqttError."""
        try:
            await start_thread(self._open, f"connection to {self._broker.name}")
            async with asyncio.timeout(CONNECT_S):
                await self._connected
        except MqttError:
            raise
        except TlsFileError as error:
            raise MqttError(f"tls: {error}") from error
        except (OSError, ValueError) as error:
            raise explain_opening(error, self._broker, CONNECT_S) from error

    def _open(self) -> None:
        if self._broker.tls.used:
            self._client.tls_set_context(make_context(self._broker.tls))
        self._client.connect(self._broker.host, self._broker.port_used, KEEPALIVE_S)
        self._client.loop_start()

    async def publish(self, messages: Sequence[MqttMessage]) -> None:
        """Publish and wait for every acknowledgement. Raises MqttError."""
        async with self._turn:
            for begin in range(0, len(messages), TOGETHER):
                await self._publish(messages[begin : begin + TOGETHER])

    async def _publish(self, messages: Sequence[MqttMessage]) -> None:
        self._all_acknowledged.clear()
        self._acknowledged, self._awaited, self._refused = 0, len(messages), None
        topics: dict[int, str] = {}  # by the number of the message
        for one in messages:
            info = self._client.publish(one.topic, one.payload, QOS, one.retain, self._expiry(one.expiry_s))
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise self._why_ended()
            topics[info.mid] = one.topic
        await self._wait(self._all_acknowledged.wait(), "acknowledgement")
        if self._refused is not None:
            raise not_writable(topics.get(self._refused, "a topic"), self._broker)

    def _expiry(self, seconds: int | None) -> Properties | None:
        return None if seconds is None or self._is_old else _expiry(seconds)

    async def subscribe(self, filters: Sequence[str], qos: int = QOS) -> None:
        """Subscribe to filters, with what is retained. Raises MqttError, also where one is refused.

        With `qos` 0 all that is retained comes: of QoS 1 a broker drops what is beyond its queue.
        """
        if not filters:
            return
        self._subscribed = self._loop.create_future()
        options = SubscribeOptions(qos, noLocal=True, retainAsPublished=True)
        self._client.subscribe(
            [(one, qos) for one in filters] if self._is_old else [(one, options) for one in filters]
        )
        codes = await self._wait(self._subscribed, "answer to a subscription")
        for filter, code in zip(filters, codes, strict=False):
            if code.is_failure:
                raise not_readable(filter, self._broker)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Get no more of these filters."""
        if filters:
            self._client.unsubscribe(list(filters))

    async def close(self) -> None:
        """Disconnect, without the last will."""
        self._client.disconnect()
        stopped = start_thread(self._client.loop_stop, "end of a connection")
        await asyncio.wait((stopped,), timeout=STOP_S)

    async def _wait(self, answer: Awaitable[Result], what: str) -> Result:
        """What the broker answers. Raises MqttError where the connection ends, or nothing comes."""
        waiting = asyncio.ensure_future(answer)
        done, _ = await asyncio.wait(
            (waiting, self.lost), timeout=ACKNOWLEDGE_S, return_when=asyncio.FIRST_COMPLETED
        )
        if waiting in done:
            return waiting.result()
        waiting.cancel()
        raise self.lost.result() if self.lost.done() else no_reply(what, ACKNOWLEDGE_S, self._broker)

    def _why_ended(self, code: int = 0) -> MqttError:
        """Why the connection ended, or ends now with this reason code."""
        if self.lost.done():
            return self.lost.result()
        return explain_end(code, self._broker, self._client_id, APART)

    # What paho calls in its own thread.

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call in the event loop, unless that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _on_connect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._call(self._take_answer, code)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._call(self._end, code.value if flags.is_disconnect_packet_from_server else 0)

    def _on_publish(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._refused = mid
        self._acknowledged += 1
        if self._acknowledged == self._awaited:
            self._call(self._all_acknowledged.set)

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        self._call(self._take_codes, codes)

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        self._call(self._receive, ReceivedMessage(message.topic, bytes(message.payload), message.retain))

    # In the event loop again.

    def _take_answer(self, code: ReasonCode) -> None:
        if self._connected.done():
            return
        if code.is_failure:
            self._connected.set_exception(explain_refusal(code.value, self._broker, self._client_id))
        else:
            self._connected.set_result(None)

    def _take_codes(self, codes: Sequence[ReasonCode]) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(codes)

    def _end(self, code: int) -> None:
        if not self._connected.done():
            self._connected.set_exception(self._why_ended(code) if code else no_answer(self._broker))
        if not self.lost.done():
            self.lost.set_result(self._why_ended(code))


@lru_cache(maxsize=16)  # making one takes as long as all the rest of a message
def _expiry(seconds: int) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = seconds
    return properties
