"""`voltkeeper check` names what is wrong with a broker, and the remedy; a real Mosquitto refuses."""

import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ingest.config.model import BrokerSettings, GatewaySettings
from ingest.mqtt.settings import BrokerTls
from tests.helpers.broker import MOSQUITTO, Broker, MqttFakeGateway, OldBroker, certificate
from tests.programs import free_port
from voltkeeper.check.brokers import probe_broker, probe_mqtt_gateway
from voltkeeper.check.sources import ProbeTiming

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

HOST = "127.0.0.1"
PATIENT = ProbeTiming(gateway_s=20.0)
BRIEF = ProbeTiming(gateway_s=3.0)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A broker with users on `port`, and TLS on `right` (this host) and `other` (for another host)."""
    folder = tmp_path_factory.mktemp("secured")
    subprocess.run(
        ["mosquitto_passwd", "-c", "-b", folder / "users", "reader", "right"], check=True, capture_output=True
    )
    settings = ["allow_anonymous false", f"password_file {folder}/users"]
    ports = {}
    for name, host in (("right", f"IP:{HOST}"), ("other", "DNS:broker.example.org")):
        cert, key = certificate(folder, name, host)
        ports[name] = free_port()
        settings += [f"listener {ports[name]} {HOST}", f"certfile {cert}", f"keyfile {key}"]
    broker = Broker(folder, *settings)
    broker.ports = ports
    yield broker
    broker.end()


def settings(port, **keys):
    return BrokerSettings("broker", HOST, port, **keys)


def test_who_may_come_in(secured):
    right = {"username": "reader", "password": "right"}
    assert probe_broker(settings(secured.port, **right), PATIENT).message.endswith("(MQTT 5)")
    for refusal, timing in (("", PATIENT), ("closes", PATIENT), ("silent", BRIEF)):
        with OldBroker(secured, refusal) as old:
            assert probe_broker(settings(old.port, **right), timing).message.endswith("(MQTT 3.1.1)"), refusal
    wrong = probe_broker(settings(secured.port, username="reader", password="wr0ng"), PATIENT)
    assert not wrong.ok and "refuses the user reader: is the password right" in wrong.message
    assert "wr0ng" not in wrong.message
    nobody = probe_broker(settings(secured.port), PATIENT)
    assert not nobody.ok and "refuses a client without a user: it wants one" in nobody.message


def test_what_is_wrong_with_tls(secured):
    login = {"username": "reader", "password": "right"}
    ca, other = secured.folder / "right.crt", secured.folder / "other.crt"
    ports = secured.ports
    assert probe_broker(settings(ports["right"], tls=BrokerTls(ca=ca), **login), PATIENT).ok
    for port, tls, message in (
        (ports["right"], BrokerTls(ca=other), "is not that of its issuer"),
        (ports["right"], BrokerTls(), "this machine does not know its issuer"),
        (ports["other"], BrokerTls(ca=other), f"it is for another host than {HOST}"),
        (secured.port, BrokerTls(ca=ca), "ends the TLS handshake"),
        (ports["right"], BrokerTls(used=False), "is it a port that wants TLS"),
        (ports["right"], BrokerTls(ca=secured.folder / "gone.crt"), "gone.crt cannot be read"),
    ):
        found = probe_broker(settings(port, tls=tls, **login), PATIENT)
        assert not found.ok and message in found.message, found.message


class Pages(BaseHTTPRequestHandler):
    """A web server as any other."""

    def log_message(self, *_):
        pass


def greet(server):
    """What a mail server does."""
    client, _ = server.accept()
    with client:
        client.sendall(b"220 mail.example.org ESMTP\r\n")
        client.recv(1000)


def test_a_port_of_another_server_and_one_of_none():
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        found = probe_broker(settings(server.getsockname()[1]), PATIENT)
        assert not found.ok and "speaks no MQTT: is the port right" in found.message
    with HTTPServer((HOST, 0), Pages) as web:  # it waits for a line, which MQTT has not got
        threading.Thread(target=web.serve_forever, daemon=True).start()
        found = probe_broker(settings(web.server_port), BRIEF)
        assert not found.ok and "speaks no MQTT: is the port right" in found.message
        web.shutdown()
    with socket.create_server((HOST, 0)) as silent:
        found = probe_broker(settings(silent.getsockname()[1]), ProbeTiming(gateway_s=0.5))
        assert not found.ok and "says nothing within" in found.message
    assert "nothing listens there" in probe_broker(settings(free_port()), PATIENT).message


def test_a_gateway_answers_or_does_not(secured):
    broker = settings(secured.port, username="reader", password="right")
    there = GatewaySettings("attic", mqtt="broker", publish="house/gw-out", subscribe="house/gw-in")
    fake = MqttFakeGateway(secured, "house/gw", username="reader", password="right")
    try:
        assert probe_mqtt_gateway(there, broker, PATIENT).ok
        gone = GatewaySettings("attic", mqtt="broker", publish="other-out", subscribe="other-in")
        found = probe_mqtt_gateway(gone, broker, BRIEF)
        assert not found.ok and "is other-out its MY_MQTT_PUBLISH_TOPIC_PREFIX" in found.message
    finally:
        fake.close()
