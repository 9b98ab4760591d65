"""Probes for `voltkeeper check` of MQTT brokers, and of the gateways that go by one.

They connect with a client id of their own, so that they take no session from a running ingest.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ingest.config.model import BrokerSettings, GatewaySettings
from ingest.mqtt.problems import MqttError
from ingest.mysensors.mqtt_topics import format_topic, parse_published
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Internal, LineError, format_line
from voltkeeper.check.sources import TIMING, Finding, ProbeTiming

if TYPE_CHECKING:
    from ingest.mqtt.connection import ClientOptions


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
    from ingest.mqtt.connection import BrokerConnection, Published, open_connection

    async def ask() -> Finding:
        prefix, messages, others = gateway.publish or "", asyncio.Event(), []

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
            await connection.subscribe([f"{prefix}/#"])
            if gateway.controller:
                question = format_line(GATEWAY_NODE, NODE_CHILD, Command.internal, 0, Internal.I_VERSION)
                connection.publish(*format_topic(gateway.subscribe or "", question.rstrip("\n").encode()))
            async with asyncio.timeout(timing.gateway_s):
                await messages.wait()
        except TimeoutError:
            return _silent(gateway, others)
        finally:
            connection.close()
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


def _options(broker: BrokerSettings, timing: ProbeTiming) -> "ClientOptions":
    from ingest.mqtt.connection import ClientOptions

    name = f"{broker.client_id or 'voltkeeper'}-check-{os.getpid()}"
    return ClientOptions(name, keeps_session=False, connect_s=timing.gateway_s)


def _run(ask: Callable[[], Awaitable[Finding]]) -> Finding:
    async def run() -> Finding:
        return await ask()

    try:
        return asyncio.run(run())
    except MqttError as error:
        return Finding(False, str(error))
