"""Fetches what a broker retains of one gateway, over a connection of its own.

That connection has no session and QoS 0: of QoS 1 a broker drops what is beyond its queue (1000 of
Mosquitto), and a second subscription in the session of the gateway would bring its messages twice. It fetches
node by node, because a broker may also drop what a slow connection cannot take at once.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ingest.mqtt.connection import BrokerConnection, open_connection
from ingest.mqtt.problems import MqttError
from ingest.mqtt.records import ClientOptions, Published, Subscription
from ingest.mysensors.broker_session import BrokerSession

NODES, NODES_AT_ONCE = 256, 4
GAP_S = 0.05  # without a retained message: those of these nodes have come
LAST_GAP_S = 1.0  # the same for the last ones: a broker may send them some time after its answer
MOST_S = 10.0  # waited after one subscription, whatever comes


class RetainedFetch:
    """One fetch. `take` gets each retained message, `make_room` waits until more may come."""

    def __init__(
        self,
        session: BrokerSession,
        connect_s: float,
        take: Callable[[Published], object],
        make_room: Callable[[], Awaitable[None]],
    ) -> None:
        self._session, self._forward, self._make_room = session, take, make_room
        self._count = 0
        self._lost: asyncio.Future[MqttError] = asyncio.get_running_loop().create_future()
        self._options = ClientOptions(
            f"{session.client_id}-retained", keeps_session=False, acknowledges=False, connect_s=connect_s
        )

    async def run(self) -> int:
        """Fetch everything; returns how many messages came. Raises MqttError."""
        connection = await open_connection(self._make, self._session.is_v5)
        try:
            for first in range(0, NODES, NODES_AT_ONCE):
                nodes = range(first, first + NODES_AT_ONCE)
                topics = tuple(f"{self._session.prefix}/{node}/+/+/+/+" for node in nodes)
                before = self._count
                await connection.subscribe(Subscription(topics, qos=0))
                await self._wait_for_rest(before, GAP_S)
                await self._make_room()
            await self._wait_for_rest(-1, LAST_GAP_S)
        finally:
            connection.close()
        return self._count

    def _make(self, is_v5: bool) -> BrokerConnection:
        broker = self._session.broker
        return BrokerConnection(broker, self._options, self._take, self._lost.set_result, is_v5=is_v5)

    async def _wait_for_rest(self, before: int, gap_s: float) -> None:
        """Until nothing has come for a while, where there was more than `before`. Raises MqttError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + MOST_S
        while self._count != before and loop.time() < until:
            before = self._count
            await asyncio.wait((self._lost,), timeout=gap_s)
            if self._lost.done():
                raise self._lost.result()

    def _take(self, message: Published) -> None:
        """What is not retained comes in the session of the gateway, too."""
        if message.retained:
            self._count += 1
            self._forward(message)
