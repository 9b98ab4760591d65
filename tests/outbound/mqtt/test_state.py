import json
from dataclasses import replace

from outbound.mqtt.model import PublishedChannel, PublishedGateway, PublishedNode, PublishedSite, PublishedUps
from outbound.mqtt.state import changed_messages, state_messages
from outbound.mqtt.topics import Topics

TOPICS = Topics("voltkeeper")
UPS = PublishedUps(
    1,
    "rack@closet",
    "Rack",
    "OK",
    is_current=True,
    sampled_at="2026-11-20T23:19:40.123Z",
    on_battery=False,
    watts=84.0,
    energy_kwh=12.5,
    variables={"ups.status": "OL CHRG", "input.voltage": 230.0, "battery.charge": 99.5, "ups.alarm": None},
)
NODE = PublishedNode(
    12,
    "main",
    12,
    "Greenhouse",
    "OK",
    is_current=True,
    battery_level=87.0,
    last_seen_at="2026-11-20T23:19:40.123Z",
    channels=(
        PublishedChannel(3072, 1, "V_TEMP", "S_TEMP", "Greenhouse · Air · V_TEMP", "°C", 21.5, "2026"),
        PublishedChannel(3073, 2, "V_RGB", "S_RGB_LIGHT", "Lamp", "", "ff8800", "2026"),
    ),
)
GATEWAY = PublishedGateway(0, "main", connected=True, state="OK", version="2.3.2")


def published(*, ups=UPS, node=NODE, gateway=GATEWAY):
    return state_messages(PublishedSite((ups,), (node,), (gateway,)), TOPICS)


def test_each_figure_has_a_topic_and_stands_in_the_json():
    found = published()
    ups = json.loads(found["voltkeeper/ups/rack@closet"])
    assert (ups["input.voltage"], ups["ups.status"], ups["label"]) == (230, "OL CHRG", "Rack")
    assert ups["sampled_at"] == "2026-11-20T23:19:40.123Z" and ups["ups.alarm"] is None
    assert found["voltkeeper/ups/rack@closet/input.voltage"] == b"230"
    assert found["voltkeeper/ups/rack@closet/battery.charge"] == b"99.5"
    assert found["voltkeeper/ups/rack@closet/on_battery"] == b"false"
    assert found["voltkeeper/ups/rack@closet/energy"] == b"12.5"
    assert "voltkeeper/ups/rack@closet/ups.alarm" not in found
    node = json.loads(found["voltkeeper/node/main/12"])
    assert node["channels"] == {"1/V_TEMP": 21.5, "2/V_RGB": "ff8800"} and node["battery"] == 87
    assert found["voltkeeper/node/main/12/1/V_TEMP"] == b"21.5"
    assert json.loads(found["voltkeeper/gateway/main"])["version"] == "2.3.2"
    assert {found[topic] for topic in found if topic.endswith("availability")} == {b"online"}


def test_what_is_stale_has_no_old_number_anywhere():
    before = published()
    after = published(
        ups=replace(UPS, is_current=False, state="Stale"),
        node=replace(NODE, is_current=False, state="Stale"),
        gateway=replace(GATEWAY, connected=False),
    )
    for old in (b"230", b"99.5", b"84", b"21.5", b"ff8800", b"87"):
        assert not [topic for topic, payload in after.items() if old in payload.split(b'"sampled_at"')[0]]
    assert after["voltkeeper/ups/rack@closet/energy"] == b"12.5", "a counter stays right"
    assert {after[topic] for topic in after if topic.endswith("availability")} == {b"offline"}
    changes = list(changed_messages(before, after))
    gone = {topic for topic, payload in changes if payload == b""}
    assert "voltkeeper/ups/rack@closet/input.voltage" in gone
    assert "voltkeeper/node/main/12/1/V_TEMP" in gone
    assert [payload for _, payload in changes][: len(gone)] == [b""] * len(gone), "old numbers go first"


def test_only_what_changes_is_published_and_what_is_gone_is_cleared():
    before = published()
    assert list(changed_messages(before, published())) == []
    warmer = replace(NODE, channels=(replace(NODE.channels[0], value=22.0), NODE.channels[1]))
    topics = [topic for topic, _ in changed_messages(before, published(node=warmer))]
    assert topics == ["voltkeeper/node/main/12", "voltkeeper/node/main/12/1/V_TEMP"]
    renamed = replace(UPS, name="desk@closet")
    changes = dict(changed_messages(before, published(ups=renamed)))
    assert changes["voltkeeper/ups/rack@closet"] == b"" and changes["voltkeeper/ups/desk@closet"]


def test_a_variable_never_takes_the_place_of_a_topic_with_a_meaning():
    bad = replace(UPS, variables={"availability": "x", "command": "load.off", "a/b": 1.0})
    found = published(ups=bad)
    assert found["voltkeeper/ups/rack@closet/availability"] == b"online"
    assert "voltkeeper/ups/rack@closet/command" not in found
    assert found["voltkeeper/ups/rack@closet/a%2Fb"] == b"1"
