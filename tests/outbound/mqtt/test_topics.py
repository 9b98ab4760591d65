import pytest

from outbound.mqtt.topics import Topics, level

TOPICS = Topics("house/voltkeeper")


def test_names_stand_in_topics_as_they_are():
    assert TOPICS.ups("rack@closet", "ups.status") == "house/voltkeeper/ups/rack@closet/ups.status"
    assert TOPICS.channel("main", 12, 1, "V_TEMP") == "house/voltkeeper/node/main/12/1/V_TEMP"
    assert TOPICS.event("node", "main", "12") == "house/voltkeeper/event/node/main/12"
    assert TOPICS.status == "house/voltkeeper/status"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a+b#c/d", "a%2Bb%23c%2Fd"), ("50%", "50%25"), ("a\0b\n", "a%00b%0A"), ("Küche@süd", "Küche@süd")],
)
def test_what_mqtt_does_not_allow_is_written_in_hex_and_read_back(name, expected):
    assert level(name) == expected
    assert TOPICS.split(TOPICS.ups(name, "command")) == ["ups", name, "command"]


def test_two_names_never_share_a_topic():
    names = ["a/b", "a%2Fb", "a+b", "a%2Bb", "a", "%", "%25"]
    assert len({TOPICS.ups(name) for name in names}) == len(names)


def test_another_prefix_is_not_ours():
    assert TOPICS.split("house/voltkeeper2/ups/rack/command") == ()
    assert TOPICS.split("house/voltkeeper") == ()
