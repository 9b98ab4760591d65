"""Publishing to a real Mosquitto."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from ingest.config.model import load_config
from ingest.db.time import format_utc
from ingest.mqtt.problems import MqttError
from ingest.mqtt.settings import BrokerOptions, BrokerTls
from outbound.mqtt.client import BrokerClient, MqttMessage
from outbound.mqtt.events import LATE_S
from outbound.mqtt.health import read_health
from plugins.web.export.publish_metrics import publish_metrics
from tests.helpers.broker import MOSQUITTO, Broker, MqttListener, certificate
from tests.outbound.mqtt.published_site import PublishedHouse, make_config, publishing
from tests.programs import Program, free_port, wait_until
from voltkeeper.check.publish import publish_findings
from voltkeeper.publish_state import publish_lines

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

UPS, NODE = "voltkeeper/ups/rack@closet", "voltkeeper/node/main/12"
EVENTS = "voltkeeper/event/ups/rack@closet"


@pytest.fixture
def house(tmp_path):
    house = PublishedHouse(tmp_path / "telemetry.db")
    yield house
    house.connection.close()


def test_state_is_retained_and_follows_the_database(house, tmp_path):
    def steps(broker):
        with MqttListener(broker, "voltkeeper/#") as listener:
            listener.wait("voltkeeper/status", "online")
            assert json.loads(listener.newest[UPS])["input.voltage"] == 230.4
            assert listener.newest[f"{UPS}/input.voltage"] == "230.4"
            assert listener.newest[f"{NODE}/1/V_TEMP"] == "21.5"
            assert listener.newest["voltkeeper/gateway/main/availability"] == "online"
            house.variable("input.voltage", "198.5")
            listener.wait(f"{UPS}/input.voltage", "198.5")
            assert json.loads(listener.newest[UPS])["input.voltage"] == 198.5
            house.run(
                "update ups set outcome = 'stale', last_sample_at = ?1, status_at = ?1", house.now(3600)
            )
            house.run("update nodes set last_seen_at = ?", house.now(90_000))
            house.raise_topics()
            listener.wait(f"{UPS}/availability", "offline")
            listener.wait(f"{NODE}/availability", "offline")
            assert listener.newest[f"{UPS}/input.voltage"] == listener.newest[f"{NODE}/1/V_TEMP"] == ""
            assert json.loads(listener.newest[UPS])["input.voltage"] is None
        with MqttListener(broker, "voltkeeper/#") as later:
            later.wait(f"{UPS}/availability", "offline")
            later.settle()
            assert f"{UPS}/input.voltage" not in later.newest, "a subscriber that comes later finds none"

    with Broker(tmp_path) as broker:

        async def run():
            async with publishing(make_config(tmp_path, broker.port)):
                await asyncio.to_thread(steps, broker)

        asyncio.run(run())


def test_what_was_removed_or_renamed_is_taken_away_also_over_a_restart(house, tmp_path):
    def steps(broker):
        watched = (
            "voltkeeper/ups/+/input.voltage",
            "voltkeeper/node/gone/3",
            "voltkeeper/ups/gone@x/ups.load",
        )
        with MqttListener(broker, UPS, *watched) as listener:
            listener.wait("voltkeeper/ups/rack@closet/input.voltage", "230.4")
            house.run("update ups set name = 'desk@closet'")
            house.raise_topics()
            listener.wait("voltkeeper/ups/desk@closet/input.voltage", "230.4")
            listener.wait(UPS, "")
            for topic in ("voltkeeper/node/gone/3", "voltkeeper/ups/gone@x/ups.load"):
                listener.wait(topic, "")

    many = [f"voltkeeper/ups/gone@x/{number:03}" for number in range(200)]
    # A queue that is shorter than what is retained, as 1000 is for a large house.
    with Broker(tmp_path, "max_queued_messages 100") as broker:
        with MqttListener(broker) as before:
            for topic in (
                "voltkeeper/node/gone/3",
                *many,
                "voltkeeper/ups/gone@x/ups.load",
                "elsewhere/ups/x",
            ):
                before.publish(topic, "1", retain=True)

        async def run():
            async with publishing(make_config(tmp_path, broker.port)):
                await asyncio.to_thread(steps, broker)

        asyncio.run(run())
        with MqttListener(broker, "#") as after:
            after.wait("voltkeeper/status", "offline")
            after.settle()
            left = {topic for topic in after.newest if "gone" in topic or "rack@closet" in topic}
            assert left == set() and after.newest["elsewhere/ups/x"] == "1"


def test_a_broker_that_was_away_gets_everything_anew_and_each_event_once(house, tmp_path):
    broker = Broker(tmp_path)

    def steps():
        with MqttListener(broker, "voltkeeper/#") as listener:
            listener.wait("voltkeeper/status", "online")
            first = house.event()
            listener.wait(EVENTS, lambda text: json.loads(text)["kind"] == "begin")
        # What it had not acknowledged to the publisher would come again, as QoS 1 allows.
        published = "select seq = (select max(seq) from event_changes) from publish_cursor"
        wait_until(lambda: house.run(published) == [(1,)], 40)
        broker.end(is_crash=True)
        wait_until(lambda: not read_health(house.path).is_right, 40)
        house.end_event(first)
        house.event("NODE_SILENT", ups=None, node=12)
        house.event("LOWBATT")  # one of yesterday, as an import stores it
        house.run(
            "update event_changes set at = ? where event = (select max(id) from events)",
            format_utc(time.time() - LATE_S - 1),
        )
        broker.start()
        with MqttListener(broker, "voltkeeper/#") as listener:
            listener.wait("voltkeeper/event/node/main/12", timeout=60)
            listener.wait(f"{UPS}/input.voltage", "230.4")
            listener.settle()
            events = [json.loads(text) for topic, text, _ in listener.messages if "/event/" in topic]
            assert [(one["event"], one["kind"]) for one in events] == [
                ("ONBATT", "end"),
                ("NODE_SILENT", "begin"),
            ]
            assert (
                events[0]["name"] == "rack@closet" and events[0]["ended_at"] and events[1]["ended_at"] is None
            )
            assert len({one["id"] for one in events}) == 2

    async def run():
        async with publishing(make_config(tmp_path, broker.port)):
            await asyncio.to_thread(steps)

    try:
        asyncio.run(run())
    finally:
        broker.end()
    rows = house.run("select seq from publish_cursor")
    assert rows == house.run("select max(seq) from event_changes"), "a restart publishes none of them again"


def test_orders_are_placed_as_the_site_places_them(house, tmp_path):
    def steps(broker):
        command, value = f"{UPS}/command", f"{NODE}/2/V_STATUS/set"
        with MqttListener(broker, "voltkeeper/#") as listener:
            wait_until(lambda: read_health(house.path), 40)
            listener.publish(command, "beeper.mute", retain=True)  # before anything is let in
            listener.wait(f"{command}/result", lambda text: "retain" in text)
            listener.publish(command, "")
            listener.publish(command, "load.off")
            listener.wait(f"{command}/result", lambda text: "confirm" in text)
            listener.publish(command, "beeper.mute")
            listener.wait(f"{command}/result", lambda text: "not listed" in text)
            listener.publish(command, "test.battery.start.quick")
            listener.wait(f"{command}/result", lambda text: '"state":"queued"' in text)
            listener.publish(value, "off")
            listener.wait(f"{value}/result", lambda text: '"state":"queued"' in text)
            house.run("update ups_orders set state = 'done', done_at = ?", house.now())
            listener.wait(f"{command}/result", lambda text: '"state":"done","ok":true' in text)
            for _ in range(60):
                listener.publish(value, "maybe")
            listener.wait(f"{value}/result", lambda text: "orders a minute" in text)
            wait_until(lambda: house.run("select 1 from audit where outcome like '%orders a minute'"), 40)

    with Broker(tmp_path) as broker:

        async def run():
            async with publishing(make_config(tmp_path, broker.port, ", commands: true")):
                await asyncio.to_thread(steps, broker)

        asyncio.run(run())
    assert house.run('select node, line, created_by from outbox where state = "queued"') == [
        (12, "12;2;1;1;2;0", "mqtt:broker")
    ]
    assert house.run("select command, created_by from ups_orders") == [
        ("test.battery.start.quick", "mqtt:broker")
    ]
    audit = house.run("select actor, outcome like 'refused%', sum(count) from audit group by 1, 2")
    assert {actor for actor, _, _ in audit} == {"mqtt:broker"}
    assert {bool(is_refused): number for _, is_refused, number in audit}[False] == 2


@pytest.mark.parametrize("commands", [True, False])
def test_who_sees_a_state_may_send_an_order_at_once(house, tmp_path, commands):
    value = f"{NODE}/2/V_STATUS/set"

    def steps(listener):
        sent = threading.Event()

        def send(client, data, message):
            if not sent.is_set():
                client.publish(value, "off", 1)
                sent.set()

        listener.client.message_callback_add(f"{NODE}/2/V_STATUS", send)
        assert sent.wait(40)
        if commands:
            listener.wait(f"{value}/result", lambda text: '"state":"queued"' in text)
        else:
            listener.settle(3)

    with Broker(tmp_path) as broker, MqttListener(broker, "voltkeeper/#") as listener:

        async def run():
            more = ", commands: true" if commands else ""
            async with publishing(make_config(tmp_path, broker.port, more)):
                await asyncio.to_thread(steps, listener)

        asyncio.run(run())
    assert house.run("select line from outbox") == [("12;2;1;1;2;0",)] * commands
    assert house.run("select count(*) from audit") == [(commands,)]


ACL = ["allow_anonymous false", "password_file {folder}/users", "acl_file {folder}/acl"]


def test_why_nothing_is_published_is_told_with_the_remedy(house, tmp_path):
    for user, option in (("reader", ["-c"]), ("writer", [])):
        command = ["mosquitto_passwd", *option, "-b", tmp_path / "users", user, "right"]
        subprocess.run(command, check=True)
    (tmp_path / "acl").write_text("user reader\ntopic read #\nuser writer\ntopic readwrite #\n")
    with Broker(tmp_path, *(line.format(folder=tmp_path) for line in ACL)) as broker:

        async def fault(login, part):
            config = make_config(tmp_path, broker.port, broker=login)
            async with publishing(config):
                await asyncio.to_thread(wait_until, lambda: part in health(house), 120)

        async def two():
            config = make_config(tmp_path, broker.port, broker=", username: writer, password: right")
            async with publishing(config):
                await asyncio.to_thread(wait_until, lambda: read_health(house.path).is_right, 120)
                await fault(", username: writer, password: right", "another prefix: under publish:")

        asyncio.run(fault(", username: writer, password: wrong", "is the password right"))
        asyncio.run(fault(", username: reader, password: right", "does not let the user reader publish"))
        asyncio.run(two())
    asyncio.run(fault("", "nothing listens there"))


def test_a_broker_with_tls_gets_nothing_but_from_a_client_that_it_knows(tmp_path):
    cert, key = certificate(tmp_path, "broker", "IP:127.0.0.1")
    stranger, _ = certificate(tmp_path, "stranger", "IP:127.0.0.1")
    ours, our_key = certificate(tmp_path, "ours", "DNS:voltkeeper")
    port = free_port()
    tls = [f"listener {port} 127.0.0.1", f"certfile {cert}", f"keyfile {key}", f"cafile {ours}"]

    def fault(**keys):
        async def connect():
            options = BrokerOptions("broker", "127.0.0.1", port, tls=BrokerTls(**keys))
            client = BrokerClient(options, "voltkeeper-publish-home", None, lambda message: None)
            try:
                await client.connect()
                await client.publish([MqttMessage("voltkeeper/status", b"online")])
            except MqttError as error:
                return str(error)
            finally:
                client.close()
            return ""

        return asyncio.run(connect())

    with Broker(tmp_path, *tls, "require_certificate true"):
        assert "is not that of its issuer" in fault(ca=stranger)
        assert "this machine does not know its issuer" in fault()
        assert "does it want a certificate of ours (tls: cert)?" in fault(ca=cert)
        assert f"does it take the certificate {cert}?" in fault(ca=cert, cert=cert, key=key)
        assert "is not the certificate of this key" in fault(ca=cert, cert=ours, key=key)
        assert fault(ca=cert, cert=ours, key=our_key) == ""


def health(house):
    found = read_health(house.path)
    return found.describe() if found else ""


def test_the_process_publishes_without_what_alerts_need_and_its_death_is_told(house, tmp_path):
    with Broker(tmp_path) as broker:
        text = f"""
database: telemetry.db
nut: [{{name: closet, host: 127.0.0.1, ups: [rack]}}]
mqtt: [{{name: broker, host: 127.0.0.1, port: {broker.port}}}]
publish: {{mqtt: broker}}
"""
        (tmp_path / "config.yml").write_text(text)
        program = Program(
            [sys.executable, "-v", "-m", "voltkeeper", "outbound", "--config", tmp_path / "config.yml"],
            tmp_path,
        )
        with MqttListener(broker, "voltkeeper/#") as listener:
            listener.wait(f"{UPS}/input.voltage", "230.4", timeout=120)
            listener.wait("voltkeeper/status", "online")
            config = load_config(tmp_path / "config.yml")
            wait_until(lambda: "connected for" in publish_lines(config)[0], 40)
            assert [finding.ok for _, finding in publish_findings(config)] == [True, True]
            assert {one.name: one.samples[0][1] for one in publish_metrics(config)}["mqtt_up"] == 1
            assert "import 'paho" in program.text and "import 'apprise" not in program.text
            program.process.send_signal(signal.SIGKILL)
            listener.wait("voltkeeper/status", "offline")
        program.wait()
        what, finding = next(publish_findings(config))
        assert what == f"publish to broker (mqtt 127.0.0.1:{broker.port})" and finding.ok
        assert "does not run" in finding.message and "does not run" in publish_lines(config)[0]
    refused = next(publish_findings(config))[1]
    assert not refused.ok and "nothing listens there" in refused.message
    assert [one.samples for one in publish_metrics(config)] == [[({}, 0)]]


def test_home_assistant_finds_what_is_published_and_loses_what_is_removed(house, tmp_path):
    key = house.run("select key from site")[0][0]
    ups, node, gone = (
        f"homeassistant/device/voltkeeper_{key}_{id}/config" for id in ("ups_1", "node_12", "node_99")
    )
    cover = f"{NODE}/3/S_COVER/set"

    def steps(broker):
        with MqttListener(broker, "homeassistant/#", "voltkeeper/#") as listener:
            found = json.loads(listener.wait(ups, lambda text: text))["components"]
            assert found["sensor_input_voltage"]["state_topic"] == f"{UPS}/input.voltage"
            assert found["button_command_test_battery_start_quick"]["command_topic"] == f"{UPS}/command"
            found = json.loads(listener.wait(node, lambda text: text))["components"]
            assert found["switch_2_V_STATUS"]["command_topic"] == f"{NODE}/2/V_STATUS/set"
            assert found["cover_3"]["command_topic"] == cover
            listener.wait(gone, "")
            listener.publish(cover, "V_SIDEWAYS", retain=True)  # it waits until orders are let in
            listener.wait(f"{cover}/result", lambda text: "retain" in text)
            listener.publish(cover, "V_SIDEWAYS")
            listener.wait(f"{cover}/result", lambda text: "V_UP" in text)
            listener.publish(cover, "V_UP")
            listener.wait(f"{cover}/result", lambda text: '"state":"queued"' in text)
            listener.messages.clear()
            listener.publish("homeassistant/status", "online")
            listener.wait(ups, lambda text: text)
            listener.wait(f"{UPS}/input.voltage", "230.4")

    house.run(
        "insert into sensors (id, name, node, child_id, type, type_name, last_seen_at) "
        "values (?, '', 12, 3, 5, 'S_COVER', ?)",
        12 * 256 + 3,
        house.now(),
    )
    with Broker(tmp_path) as broker:
        with MqttListener(broker) as before:
            before.publish(gone, '{"components": {}}', retain=True)
            before.publish("homeassistant/device/other/config", "{}", retain=True)

        async def run():
            config = make_config(tmp_path, broker.port, ", commands: true, home_assistant: homeassistant")
            async with publishing(config):
                await asyncio.to_thread(steps, broker)

        asyncio.run(run())
        with MqttListener(broker, "homeassistant/#") as after:
            after.wait("homeassistant/device/other/config", "{}")
    assert house.run("select line from outbox") == [("12;3;1;1;29;1",)]
