"""The section `mqtt:` and the gateways that go by a broker."""

import sys

import pytest

from ingest.config.loader import ConfigError
from tests.helpers.config_text import parse_config

BROKER = "mqtt: [{name: broker, host: 192.168.1.5}]\n"
ATTIC = "gateways: [{name: attic, mqtt: broker, publish: house/attic-out, subscribe: house/attic-in}]"
MISTAKES = [
    ("mqtt: [{name: b}]", "mqtt[b].host: is missing, and needed"),
    ("mqtt: [{name: b, host: h, prt: 1}]", "mqtt[b]: unknown key 'prt': did you mean 'port'?"),
    ("mqtt: [{name: b, host: h, port: 0}]", "mqtt[b].port: 0 is not a port; brokers listen on 1883"),
    ("mqtt: [{name: b, host: 'mqtt://h'}]", "mqtt[b].host: 'mqtt://h' is not the name or address"),
    ("mqtt: [{name: b, host: h, password: p}]", "mqtt[b].password: needs username"),
    ("mqtt: [{name: b, host: h, client_id: ''}]", "mqtt[b].client_id: has to be 1 to 64 characters"),
    ("mqtt: [{name: b, host: h, tls: {key: k}}]", "mqtt[b].tls.key: is the key of cert"),
    ("mqtt: [{name: b, host: h, tls: {ca: c, verify: false}}]", "mqtt[b].tls.ca: is of no use with verify"),
    ("mqtt: [{name: b, host: h}, {name: b, host: i}]", "mqtt: the name 'b' is used twice"),
    (ATTIC, "gateways[attic].mqtt: there is no broker 'broker': add mqtt:"),
    (BROKER + ATTIC.replace("mqtt: broker", "mqtt: brokr"), "no broker 'brokr': did you mean 'broker'?"),
    (BROKER + "gateways: [{name: a, mqtt: broker, subscribe: i}]", "MY_MQTT_PUBLISH_TOPIC_PREFIX"),
    (BROKER + "gateways: [{name: a, mqtt: broker, publish: o}]", "MY_MQTT_SUBSCRIBE_TOPIC_PREFIX"),
    (BROKER + ATTIC.replace("attic-out", "#"), "gateways[attic].publish: 'house/#' is not the begin"),
    (BROKER + ATTIC.replace("house/attic-in", "house/attic-in/"), "'house/attic-in/' is not the begin"),
    (BROKER + ATTIC.replace("attic-in", "attic-out"), "subscribe: is below publish"),
    ("gateways: [{name: a, tcp: 'h:1', publish: o}]", "publish: is for a gateway with mqtt: remove it"),
    (
        BROKER + "gateways: [{name: a, mqtt: broker, publish: o, subscribe: i},"
        " {name: b, mqtt: broker, publish: o, subscribe: j}]",
        "gateways: the address 'mqtt broker o' is used twice",
    ),
    (
        BROKER + "gateways: [{name: a, mqtt: broker, publish: o, subscribe: i},"
        " {name: b, mqtt: broker, publish: p, subscribe: i}]",
        "gateways: the topic of orders 'broker i' is used twice",
    ),
    (
        BROKER + "gateways: [{name: a, mqtt: broker, publish: o, subscribe: i},"
        " {name: b, mqtt: broker, publish: o/p, subscribe: j}]",
        "gateways[b].publish: o/p is not apart from o of the gateway a",
    ),
    (
        BROKER + "gateways: [{name: a, mqtt: broker, publish: o, subscribe: i},"
        " {name: b, mqtt: broker, publish: p, subscribe: o}]",
        "gateways[b].subscribe: o is not apart from o of the gateway a",
    ),
    (
        BROKER + ATTIC + "\npublish: {mqtt: broker, prefix: house/attic-out/state}",
        "publish.prefix: house/attic-out/state is not apart from house/attic-out of the gateway attic",
    ),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_is_named_with_its_remedy(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, tmp_path)
    assert message in str(caught.value)


def test_ports_files_and_secrets_are_as_elsewhere(tmp_path):
    text = "mqtt: [{name: a, host: h}, {name: b, host: h, username: u, password: s3cret, tls: {ca: ca.crt}}]"
    config = parse_config(text, tmp_path)
    plain, tls = config.mqtt
    assert (plain.port_used, plain.tls.used, plain.address) == (1883, False, "mqtt h:1883")
    assert (tls.port_used, tls.tls.used, tls.tls.ca) == (8883, True, tmp_path / "ca.crt")
    assert config.broker("b") is tls
    assert "s3cret" not in repr(config)


def test_a_gateway_that_is_only_listened_to_needs_no_topic_for_orders(tmp_path):
    text = BROKER + "gateways: [{name: a, mqtt: broker, publish: o, controller: false}]"
    assert parse_config(text, tmp_path).gateways[0].address == "mqtt broker o"


def test_a_prefix_may_begin_with_a_slash_as_sketches_have_it(tmp_path):
    text = BROKER + "gateways: [{name: a, mqtt: broker, publish: /house/out, subscribe: /house/in}]"
    assert parse_config(text, tmp_path).gateways[0].publish == "/house/out"


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "paho", None)
    with pytest.raises(ConfigError, match=r"pip install 'paho-mqtt>=2\.1'"):
        parse_config(BROKER, tmp_path)
