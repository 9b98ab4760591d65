"""`updates: true` from end to end: Mosquitto, a gateway by MQTT, ingest, the publisher, and a node."""

import asyncio
import json

import pytest

from ingest.config.model import load_config
from tests.helpers.broker import LIMIT_S, MOSQUITTO, Bridge, Broker, MqttListener
from tests.ingest.mysensors.conftest import IngestSite
from tests.ingest.mysensors.test_firmware import Field, library, pattern
from tests.outbound.mqtt.published_site import publishing

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

CONFIG = """
timezone: UTC
commit_s: 0.2
ota: {{effect_s: 4, stall_s: 20, verify_s: 20}}
mqtt: [{{name: broker, host: 127.0.0.1, port: {port}}}]
gateways: [{{name: attic, mqtt: broker, publish: mygateway1-out, subscribe: mygateway1-in}}]
publish: {{mqtt: broker, home_assistant: homeassistant, updates: true}}
"""
NODE = "voltkeeper/node/attic/5"


def test_an_update_that_is_ordered_by_mqtt_is_installed_and_told(tmp_path):
    site = IngestSite(tmp_path)
    broker = Broker(tmp_path / "broker")
    field, node = Field(site), library(5)
    bridge = Bridge(broker, field.gateway(node).port)
    field.store(10, 1, pattern(640, 3))
    newest = field.store(10, 3, pattern(640, 5))

    def install(listener, text):
        listener.messages.clear()
        listener.publish(f"{NODE}/update", text)
        is_done = '"state":"confirmed","ok":true'
        listener.wait(f"{NODE}/update/result", lambda told: is_done in told, timeout=3 * LIMIT_S)

    def steps():
        with MqttListener(broker, f"{NODE}/#", "homeassistant/#") as listener:
            listener.wait(NODE, timeout=2 * LIMIT_S)
            listener.publish(f"{NODE}/update", "10/9")
            listener.wait(f"{NODE}/update/result", lambda text: '"ok":false' in text)
            install(listener, "10/1")
            told = listener.wait(NODE, lambda text: json.loads(text)["firmware"] == "10/1")
            assert json.loads(told)["firmware_available"] == "10/3"
            install(listener, "newest")
            listener.wait(NODE, lambda text: json.loads(text)["firmware"] == "10/3")

    async def run():
        async with publishing(load_config(str(tmp_path / "config.yml"))):
            await asyncio.to_thread(steps)

    try:
        daemon = site.start(CONFIG.format(port=broker.port))
        asyncio.run(run())
        field.check(node, newest[3])
        assert site.rows("select actor, action, outcome from audit order by id")[-1] == (
            "mqtt:broker",
            "schedule_update",
            "done",
        )
    finally:
        daemon.kill()
        daemon.wait()
        bridge.close()
        for gateway in field.gateways:
            gateway.close()
        broker.end()
