"""Probes for `voltkeeper check` of MQTT brokers, and of the gateways that go by one.

They connect with a client id of their own, so that they take no session from a running ingest.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ingest.config.model import BrokerSettings, GatewaySettings
from ingest.mqtt.problems import MqttError
from ingest.mqtt.records import ClientOptions, Published, Subscription
from ingest.mysensors.mqtt_topics import format_topic, parse_published
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Internal, LineError, format_line
from voltkeeper.check.sources import TIMING, Finding, ProbeTiming

AGAIN_S = 2.0  # between two questions to a gateway


def probe_broker(broker: BrokerSettings, timing: ProbeTiming = TIMING) -> Finding:
    """Try whether a broker takes us."""
    # Here and below, so that paho-mqtt takes its memory and time only where a broker is.
    from ingest.mqtt.connection import BrokerConnection, open_connection

    async def ask() -> Finding:
        connection = await open_connection(
            lambda is_v5: BrokerConnection(broker, _options(broker, timing), is_v5=is_v5)
        )
        connection.close()
        version = "MQTT 5" if connection.is_v5 else "MQTT 3.1.1"
        return Finding(True, f"answers, and takes this client ({version})")

    return _run(ask)


def probe_mqtt_gateway(
    gateway: GatewaySettings, broker: BrokerSettings, timing: ProbeTiming = TIMING
) -> Finding:
    """Listen to a gateway that no ingest reads, and ask it for its version."""
    from ingest.mqtt.connection import BrokerConnection, open_connection

    async def ask() -> Finding:
        prefix, messages, others = gateway.publish or "", asyncio.Event(), []
        line = format_line(GATEWAY_NODE, NODE_CHILD, Command.internal, 0, Internal.I_VERSION)
        question = format_topic(gateway.subscribe or "", line.rstrip("\n").encode())

        def take(message: Published) -> None:
            try:
                parse_published(prefix, message.topic, message.payload)
            except LineError as error:
                others.append(str(error))
            else:
                if not message.retained:
                    messages.set()

        connection = await open_connection(
            lambda is_v5: BrokerConnection(broker, _options(broker, timing), take, is_v5=is_v5)
        )
        try:
            await connection.subscribe(Subscription((f"{prefix}/#",)))
            until = time.monotonic() + timing.gateway_s
            while not messages.is_set() and (left := until - time.monotonic()) > 0:
                if gateway.controller:  # again and again: it may just be connecting, too
                    with connection.publishing():
                        connection.publish(*question)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, AGAIN_S)):
                        await messages.wait()
        finally:
            connection.close()
        if not messages.is_set():
            return _silent(gateway, others)
        return Finding(True, f"answers by the broker {broker.name} and speaks MySensors")

    return _run(ask)


def _silent(gateway: GatewaySettings, others: list[str]) -> Finding:
    if others:
        return Finding(False, f"what comes below {gateway.publish} is not of MySensors: {others[-1]}")
    if not gateway.controller:
        return Finding(
            True, "the broker takes us; nothing has come so far, and nothing is asked (controller: false)"
        )
    return Finding(
        False,
        f"the broker takes us, but the gateway sends nothing, not even its version: is it on, is "
        f"{gateway.publish} its MY_MQTT_PUBLISH_TOPIC_PREFIX and {gateway.subscribe} its "
        "MY_MQTT_SUBSCRIBE_TOPIC_PREFIX, and does the broker's ACL allow both?",
    )


def _options(broker: BrokerSettings, timing: ProbeTiming) -> ClientOptions:
    name = f"{broker.client_id or 'voltkeeper'}-check-{os.getpid()}"
    return ClientOptions(name, keeps_session=False, acknowledges=False, connect_s=timing.gateway_s)


def _run(ask: Callable[[], Awaitable[Finding]]) -> Finding:
    async def run() -> Finding:
        return await ask()

    try:
        return asyncio.run(run())
    except MqttError as error:
        return Finding(False, str(error))
