"""Gateways by MQTT, with a real Mosquitto: what TCP does works here, and nothing is lost or taken twice."""

import re
import subprocess
import sys
import time

import pytest

from ingest.config import model as settings
from ingest.mqtt.client_id import gateway_part
from ingest.mysensors.mqtt_gateway import OFTEN
from tests.helpers.broker import (
    LIMIT_S,
    MOSQUITTO,
    SAVES_ALL,
    Bridge,
    Broker,
    MqttFakeGateway,
    MqttPeer,
    OldBroker,
    until,
)
from tests.helpers.new_database import new_database
from tests.ingest.mysensors.test_firmware import Field, library, pattern

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

ATTIC = {"name": "attic", "mqtt": "broker", "publish": "mygateway1-out", "subscribe": "mygateway1-in"}

MANY = 1500  # retained topics; Mosquitto queues 1000 for a client


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.end()


@pytest.fixture
def fake(broker):
    gateway = MqttFakeGateway(broker)
    yield gateway
    gateway.close()


def config(site, broker, client_id=None, **keys):
    made = site.config({**ATTIC, **keys})
    brokers = (settings.BrokerSettings("broker", "127.0.0.1", broker.port, client_id=client_id),)
    return settings.replace(made, mqtt=brokers)


def text(broker, extra="", commit_s=0.2):
    return (
        f"commit_s: {commit_s}\nmqtt: [{{name: broker, host: 127.0.0.1, port: {broker.port}{extra}}}]\n"
        "gateways: [{name: attic, mqtt: broker, publish: mygateway1-out, subscribe: mygateway1-in}]\n"
    )


def connected(site):
    return site.wait(
        "select 1 from ingest_status where source = 'attic' and state = 'connected'", seconds=LIMIT_S
    )


def test_nodes_are_stored_answered_and_ordered_as_by_tcp(site, broker, fake):
    def scenario():
        connected(site)
        assert site.column("select address from ingest_status") == ["mqtt broker mygateway1-out"]
        fake.wait("0;255;3;0;2;")
        fake.say("12;255;0;0;17;2.3.2", "12;255;3;0;11;Greenhouse", "12;1;0;0;6;Air", "12;1;1;0;0;21.5")
        fake.say("12;255;3;0;6;0", "255;79;3;0;3;", "12;1;2;0;0;")
        fake.wait("12;255;3;0;6;M")
        fake.wait("255;79;3;0;4;1")
        fake.wait("12;1;1;0;0;21.5")
        site.wait("select 1 from nodes where sketch_name = 'Greenhouse'", seconds=LIMIT_S)
        site.order(12, line="12;1;1;0;2;1")
        fake.wait("12;1;1;[01];2;1")
        assert site.column("select text from readings where channel % 256 = 0") == ["21.5"]

    site.live(config(site, broker), scenario)


def test_what_is_no_message_is_among_the_rejects(site, broker, fake):
    def scenario():
        connected(site)
        for levels, payload in (("300/1/1/0/0", "1"), ("x", "2"), ("1/1/1/0/0", "3" * 300)):
            fake.publish(levels, payload)
        fake.publish("1/1/1/0/47", b"22 \xb0C")
        site.wait("select 1 from messages where payload = '22 °C'", seconds=LIMIT_S)
        assert until(lambda: site.rows("select raw, reason from rejects order by id")[2:])
        first, second, third = site.rows("select raw, reason from rejects order by id")
        assert first == (
            "mygateway1-out/300/1/1/0/0 1",
            "node is '300', a whole number from 0 to 255 is needed",
        )
        assert second[1].startswith("1 levels below mygateway1-out, 5 are needed")
        assert third[1].startswith("a payload of 300 bytes, a gateway sends 255")

    site.live(config(site, broker), scenario)


def test_retained_messages_are_marked_stored_once_and_never_fresh(site, broker):
    fake = MqttFakeGateway(broker, "cellar/gw")
    fake.answers = False
    fake.say("12;1;1;0;0;19.5", "12;255;3;0;0;80", "255;7;3;0;3;0", qos=1, retain=True)
    made = config(site, broker, publish="cellar/gw-out", subscribe="cellar/gw-in")
    times = "select first_seen_at, last_seen_at, battery_level from nodes"

    def first():
        site.wait("select 1 from (select count(*) as n from messages) where n = 3", seconds=LIMIT_S)
        assert site.column("select distinct retained from messages") == [1]
        assert site.rows(times) == [(None, None, None)]
        assert site.column("select last_data_at from ingest_status") == [None]
        fake.say("12;1;1;0;0;20.5", "12;1;1;0;0;21.5", qos=1)
        site.wait("select 1 from (select count(*) as n from readings) where n = 2", seconds=LIMIT_S)
        assert not fake.heard("255;7;.*")  # nobody waits for an answer to what was retained

    def second():
        connected(site)
        fake.say("12;1;1;0;0;18.5", "12;1;1;0;0;22.5", qos=1, retain=True)
        site.wait("select 1 from readings where text = '22.5'", seconds=LIMIT_S)

    site.live(made, first)
    seen = site.rows(times)
    site.live(made, second)
    try:
        assert site.rows("select payload, retained from messages order by id") == [
            *[(payload, 1) for payload in ("19.5", "80", "0")],
            *[(payload, 0) for payload in ("20.5", "21.5", "18.5", "22.5")],
        ]
        assert seen[0][0] is not None and site.column("select text from readings order by id")[:1] == ["20.5"]
    finally:
        for levels in ("12/1/1/0/0", "12/255/3/0/0", "255/7/3/0/3"):
            fake.publish(levels, "", 1, True).wait_for_publish(LIMIT_S)
        fake.close()


def test_more_retained_topics_than_a_broker_queues_are_all_stored(site, broker):
    fake = MqttFakeGateway(broker, "many")
    fake.answers = False
    topics = [f"{n // 50 + 1}/{n % 50}/1/0/0" for n in range(MANY)]
    try:
        for sent in [fake.publish(levels, "1", 1, True) for levels in topics]:
            sent.wait_for_publish(LIMIT_S)
        made = config(site, broker, publish="many-out", subscribe="many-in")
        count = "select 1 from (select max(id) as n from messages) where n >= ?"
        site.live(made, lambda: site.wait(count, MANY, seconds=2 * LIMIT_S))
        assert site.rows("select count(*), sum(retained) from messages") == [(MANY, MANY)]
        assert site.rows("select count(*) from channels") == [(0,)]
    finally:
        for sent in [fake.publish(levels, "", 1, True) for levels in topics]:
            sent.wait_for_publish(LIMIT_S)
        fake.close()


FETCHED = "select 1 from mqtt_sessions where session <> ''"
IS_STORED = "select 1 from messages where payload = ? and retained = 1"


def test_a_session_that_the_broker_has_lost_has_what_is_retained_fetched_again(site, broker):
    fake = MqttFakeGateway(broker, "lost/gw")
    fake.answers = False
    made = config(site, broker, "hill-lost", publish="lost/gw-out", subscribe="lost/gw-in")

    def lose(payload):
        """A client without a session takes the place of ours, whose session ends so."""
        thief = MqttPeer(broker, f"hill-lost-{gateway_part(0, 'lost/gw-out')}")
        fake.say(f"12;1;1;0;0;{payload}", qos=1, retain=True)
        thief.close()

    def first():
        site.wait(FETCHED, seconds=LIMIT_S)
        lose("20.5")  # while ingest runs
        site.wait(IS_STORED, "20.5", seconds=LIMIT_S)
        site.wait(FETCHED, seconds=LIMIT_S)

    try:
        fake.say("12;1;1;0;0;19.5", qos=1, retain=True)
        site.live(made, first)
        lose("21.5")  # while it does not
        site.live(made, lambda: site.wait(IS_STORED, "21.5", seconds=LIMIT_S))
        assert site.rows("select payload, retained from messages order by id") == [
            ("19.5", 1),
            ("20.5", 1),
            ("21.5", 1),
        ]
    finally:
        fake.publish("12/1/1/0/0", "", 1, True).wait_for_publish(LIMIT_S)
        fake.close()


def test_a_broker_that_takes_all_clients_of_a_user_for_one_is_told(site, tmp_path):
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "u", "right"], check=True, capture_output=True)
    rules = ("allow_anonymous false", f"password_file {users}", "use_username_as_clientid true")
    broker = Broker(tmp_path / "broker", *rules)
    site.set_gateway_times(first_backoff_s=0.1, max_backoff_s=0.5)
    login = {"username": "u", "password": "right"}
    options = settings.BrokerSettings("broker", "127.0.0.1", broker.port, **login)
    last = time.monotonic()

    def is_calm():
        nonlocal last
        if site.rows("select 1 from ingest_status where state <> 'connected'"):
            last = time.monotonic()
        return time.monotonic() - last > 3

    try:
        made = settings.replace(site.config({**ATTIC}), mqtt=(options,))
        site.live(made, lambda: until(is_calm))
        assert site.column("select connects from ingest_status") == [1 + OFTEN]
    finally:
        broker.end()


def test_an_ingest_that_is_killed_as_soon_as_it_has_subscribed_loses_nothing(site, tmp_path):
    broker = Broker(tmp_path / "broker", "log_type all")
    fake = MqttFakeGateway(broker)
    fake.answers = False
    new_database(site.path)
    try:
        fake.say(*(f"{number};1;1;0;18;{number}" for number in range(1, 101)), qos=1, retain=True)
        daemon = site.start(text(broker, commit_s=20))
        until(lambda: "mygateway1-out/40/+" in broker.log())  # it fetches, and commits later
        fake.say("200;1;1;0;18;200", "201;1;1;0;18;201", qos=1)
        until(lambda: re.search("Sending PUBLISH to .*-out/201/", broker.log()))
        daemon.kill()
        daemon.wait()
        site.start(text(broker))
        site.wait(FETCHED, seconds=LIMIT_S)
        site.wait("select 1 from messages where payload = '201'", seconds=LIMIT_S)
        counts = "select retained, count(*), count(distinct payload) from messages group by 1 order by 1"
        assert site.rows(counts) == [(0, 2, 2), (1, 100, 100)]
    finally:
        fake.close()
        broker.end()


def test_a_broker_that_knows_mqtt_3_alone_is_as_good(site, broker):
    fake = MqttFakeGateway(broker, "old/gw")

    def scenario():
        connected(site)
        site.wait(FETCHED, seconds=LIMIT_S)
        fake.wait("0;255;3;0;2;")
        fake.say("12;255;0;0;17;2.3.2", "12;1;1;0;0;20.5", qos=1)
        site.wait("select 1 from readings where text = '20.5'", seconds=LIMIT_S)
        site.order(12, line="12;1;1;0;2;1")
        fake.wait("12;1;1;[01];2;1")

    try:
        fake.say("12;1;1;0;0;19.5", qos=1, retain=True)
        with OldBroker(broker) as old:
            made = config(site, old, "hill-old", publish="old/gw-out", subscribe="old/gw-in")
            site.live(made, scenario)
            fake.say("12;1;1;0;0;21.5", qos=1)  # kept in the session
            stored = "select 1 from messages where payload = '21.5'"
            site.live(made, lambda: site.wait(stored, seconds=LIMIT_S))
            assert old.levels.count(5) == 2  # one for each process
        rows = site.rows("select payload, retained from messages where type_name = 'V_TEMP' order by id")
        assert rows == [("19.5", 1), ("20.5", 0), ("21.5", 0)]
    finally:
        fake.publish("12/1/1/0/0", "", 1, True).wait_for_publish(LIMIT_S)
        fake.close()


def test_a_killed_ingest_and_a_broker_that_crashes_lose_and_repeat_nothing(site, tmp_path):
    broker = Broker(tmp_path / "broker", *SAVES_ALL)
    fake = MqttFakeGateway(broker)
    numbers = "select cast(payload as integer) from messages where type_name = 'V_KWH' order by id"

    def say(first):
        fake.say(*(f"{number % 10 + 1};1;1;0;18;{number}" for number in range(first, first + 100)), qos=1)

    new_database(site.path)
    try:
        daemon = site.start(text(broker))
        connected(site)
        say(0)
        site.wait("select 1 from messages where payload = '20'", seconds=LIMIT_S)
        daemon.kill()
        daemon.wait()
        say(100)  # while nothing reads
        site.start(text(broker))
        site.wait("select 1 from messages where payload = '199'", seconds=LIMIT_S)
        broker.end(is_crash=True)
        site.wait("select 1 from ingest_status where state = 'lost'", seconds=LIMIT_S)
        broker.start()
        until(fake.client.is_connected)
        say(200)
        site.wait("select 1 from messages where payload = '299'", seconds=LIMIT_S)
        site.wait(
            "select 1 from (select count(*) as n from messages where type_name = 'V_KWH') where n >= 300",
            seconds=LIMIT_S,
        )
        assert sorted(site.column(numbers)) == list(range(300))
        assert site.column("select count(*) from oddities where reason like 'burst%'") == [0]
    finally:
        fake.close()
        broker.end()


def test_a_broker_that_is_restarted_amid_a_firmware_update_only_delays_it(site, tmp_path):
    broker = Broker(tmp_path / "broker")
    node = library(5)
    field = Field(site)
    air = field.gateway(node)
    number = field.schedule(node.node_id, field.store(7, 2, pattern(640, 5)))
    bridge = Bridge(broker, air.port)
    try:
        site.start("ota: {effect_s: 4, stall_s: 20, verify_s: 20}\n" + text(broker).replace("attic", "g0"))
        site.wait("select 1 from ota_updates where block < blocks - 10", seconds=LIMIT_S)
        broker.end(is_crash=True)
        broker.start()
        site.wait(
            "select 1 from ota_updates where id = ? and state = 'confirmed'", number, seconds=3 * LIMIT_S
        )
    finally:
        bridge.close()
        broker.end()


def test_a_second_client_with_the_same_id_is_named(site, broker, fake):
    def scenario():
        connected(site)
        rival = MqttPeer(broker, f"hill-attic-{gateway_part(0, 'mygateway1-out')}")
        try:
            named = "last_error like '%another client uses the client id hill-attic-gateway-0-%client_id:%'"
            site.wait(f"select 1 from ingest_status where {named}", seconds=LIMIT_S)
        finally:
            rival.close()

    made = config(site, broker)
    brokers = (settings.BrokerSettings("broker", "127.0.0.1", broker.port, client_id="hill-attic"),)
    site.set_gateway_times(first_backoff_s=0.1, max_backoff_s=0.5)
    site.live(settings.replace(made, mqtt=brokers), scenario)


def test_a_silent_gateway_behind_a_broker_is_told_from_a_broker_that_is_gone(site, tmp_path):
    broker = Broker(tmp_path / "broker")
    fake = MqttFakeGateway(broker)
    site.set_gateway_times(keepalive_s=0.4, idle_timeout_s=1.0, max_backoff_s=1.0)
    status = "select state, detail from ingest_status where "

    def scenario():
        site.wait(status + "detail = 'connected'", seconds=LIMIT_S)
        fake.answers = False
        rows = site.wait(status + "detail like '%has not answered%'", seconds=LIMIT_S)
        assert rows[0][0] == "connected"
        site.wait("select 1 from events where event = 'GATEWAY_LOST' and ended_at is null", seconds=LIMIT_S)
        fake.answers = True
        fake.say("0;255;0;0;18;2.4.0-alpha")  # as the library does at each connection, before it subscribes
        site.wait(status + "detail = 'connected'", seconds=LIMIT_S)
        broker.end()
        site.wait(status + "state = 'lost' and detail like '%nothing listens there%'", seconds=LIMIT_S)
        broker.start()
        site.wait(status + "state = 'connected'", seconds=LIMIT_S)

    try:
        site.live(config(site, broker), scenario)
    finally:
        fake.close()
        broker.end()


def test_paho_is_loaded_where_a_broker_is_used_alone():
    code = "import sys, ingest.daemon; sys.exit('paho.mqtt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
