"""Topics and payloads, as the library's own MQTT gateway for Linux (2.4.0-alpha) published and took them."""

import pytest

from ingest.mysensors.mqtt_topics import format_topic, parse_published
from ingest.mysensors.protocol import LineError


@pytest.mark.parametrize(
    ("levels", "payload", "line"),
    [
        ("0/255/0/0/18", b"2.4.0-alpha", (0, 255, 0, 0, 18)),  # its presentation, the first that it sends
        ("0/255/3/0/2", b"2.4.0-alpha", (0, 255, 3, 0, 2)),
        ("255/77/3/0/3", b"", (255, 77, 3, 0, 3)),  # an empty payload, as that of a topic that is taken away
        ("5/1/0/0/6", b"Temperature", (5, 1, 0, 0, 6)),
        ("5/1/1/0/0", b"21.5", (5, 1, 1, 0, 0)),
        ("5/1/1/1/0", b"22.5", (5, 1, 1, 1, 0)),
        ("5/255/4/0/0", b"FFFFFFFFFFFFFFFF0300", (5, 255, 4, 0, 0)),
        ("5/255/4/0/2", b"070002000300", (5, 255, 4, 0, 2)),
    ],
)
def test_what_a_gateway_publishes(levels, payload, line):
    header, text = parse_published("mygateway1-out", f"mygateway1-out/{levels}", payload)
    assert (tuple(header), text) == (line, payload.decode())


@pytest.mark.parametrize(
    ("line", "topic", "payload"),
    [
        (b"0;255;3;0;2;", "mygateway1-in/0/255/3/0/2", b""),
        (b"255;77;3;0;4;1", "mygateway1-in/255/77/3/0/4", b"1"),
        (b"5;255;4;0;1;0700020040009839", "mygateway1-in/5/255/4/0/1", b"0700020040009839"),
        (b"5;1;1;0;47;a;b/c", "mygateway1-in/5/1/1/0/47", b"a;b/c"),
    ],
)
def test_what_a_gateway_takes(line, topic, payload):
    assert format_topic("mygateway1-in", line) == (topic, payload)


@pytest.mark.parametrize("topic", ["mygateway1-out/5/1/1/0", "mygateway1-out/5/1/1/0/0/0", "other/5/1/1/0/0"])
def test_what_is_none_of_its_topics(topic):
    with pytest.raises(LineError):
        parse_published("mygateway1-out", topic, b"1")
