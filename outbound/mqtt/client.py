"""Publishing over one connection to a broker: what it has acknowledged counts as published.

MQTT 5 where the broker has it, so that what is retained expires there when nobody publishes any more; else
3.1.1.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from ingest.mqtt.connection import BrokerConnection, open_connection
from ingest.mqtt.problems import MqttError, no_reply, not_writable
from ingest.mqtt.records import ClientOptions, Published, Subscription
from ingest.mqtt.settings import BrokerOptions

Result = TypeVar("Result")

CONNECT_S = 15.0  # for a connection, and for the broker's answer to it
ACKNOWLEDGE_S = 30.0  # for the acknowledgements of what is sent at once
TOGETHER = 250  # messages that are sent before their acknowledgements are waited for
MAX_PACKET = 1 << 20  # bytes of what the broker sends: announcements of Home Assistant are read back
APART = "prefix: under publish:"  # two that publish need two values of it: the client id follows it


class MqttMessage(NamedTuple):
    """A message: a payload of b"" takes a retained one away. It expires after `expiry_s`, None for never."""

    topic: str
    payload: bytes
    retain: bool = True
    expiry_s: int | None = None


class BrokerClient:
    """A connection, to be used once. `receive` is called in the loop with each message that comes in."""

    def __init__(
        self,
        broker: BrokerOptions,
        client_id: str,
        will: MqttMessage | None,
        receive: Callable[[Published], object],
        is_old: bool = False,
    ) -> None:
        self._broker = broker
        self._all_acknowledged = asyncio.Event()
        self._unacknowledged = 0
        self._refused: str | None = None  # a topic that the broker does not let through
        self._turn = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[MqttError] = loop.create_future()  # why the connection ended
        self._receive, self._is_old = receive, is_old
        self._options = ClientOptions(
            client_id,
            keeps_session=False,
            acknowledges=False,
            connect_s=CONNECT_S,
            will=None if will is None else (will.topic, will.payload),
            max_packet=MAX_PACKET,
            apart=APART,
        )
        self._connection: BrokerConnection | None = None

    @property
    def is_old(self) -> bool:
        """Whether the broker is known to have MQTT 3.1.1 alone."""
        return self._is_old

    async def connect(self) -> None:
        """Connect and wait for the broker's answer. Raises MqttError."""
        self._connection = await open_connection(self._make, not self._is_old)
        self._is_old = not self._connection.may_know_v5

    def _make(self, is_v5: bool) -> BrokerConnection:
        options, acknowledged = self._options, self._acknowledged
        return BrokerConnection(self._broker, options, self._receive, self._end, acknowledged, is_v5)

    @property
    def connection(self) -> BrokerConnection:
        """The connection. Raises MqttError where there is none."""
        if self._connection is None:
            raise MqttError(f"{self._broker.address} is not connected")
        return self._connection

    async def publish(self, messages: Sequence[MqttMessage]) -> None:
        """Publish and wait for every acknowledgement. Raises MqttError."""
        async with self._turn:
            for begin in range(0, len(messages), TOGETHER):
                await self._publish(messages[begin : begin + TOGETHER])

    async def _publish(self, messages: Sequence[MqttMessage]) -> None:
        connection = self.connection
        self._all_acknowledged.clear()
        self._unacknowledged, self._refused = len(messages), None
        with connection.publishing():
            for one in messages:
                if not connection.publish(*one):
                    raise self._why_ended()
        await self._wait(self._all_acknowledged.wait(), "acknowledgement")
        if self._refused is not None:
            raise not_writable(self._refused, self._broker)

    async def subscribe(self, filters: Sequence[str], qos: int = 1) -> None:
        """Subscribe to filters, with what is retained. Raises MqttError, also where one is refused.

        With `qos` 0 all that is retained comes: of QoS 1 a broker drops what is beyond its queue.
        """
        if filters:
            wanted = Subscription(tuple(filters), qos, no_local=True, keeps_retained_flag=True)
            await self.connection.subscribe(wanted)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Get no more of these filters."""
        if filters:
            self.connection.unsubscribe(filters)

    def close(self) -> None:
        """Disconnect, without the last will."""
        if self._connection is not None:
            self._connection.close()

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

    def _why_ended(self) -> MqttError:
        if self.lost.done():
            return self.lost.result()
        return MqttError(f"{self._broker.address} takes no more messages", is_unexplained=True)

    def _acknowledged(self, topic: str, refusal: str) -> None:
        if refusal:
            self._refused = topic
        self._unacknowledged -= 1
        if not self._unacknowledged:
            self._all_acknowledged.set()

    def _end(self, error: MqttError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)
