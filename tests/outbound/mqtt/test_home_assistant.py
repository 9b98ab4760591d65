"""Discovery for Home Assistant: classes and units, controls, ids that survive renames, removal."""

import functools
import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from ingest.mysensors.protocol import Presentation, SetReq
from outbound.mqtt.home_assistant.announcer import Announcer
from outbound.mqtt.home_assistant.channel_kinds import KINDS
from outbound.mqtt.home_assistant.device_classes import COUNTERS, UNITS, measure
from outbound.mqtt.home_assistant.removal import announcements, read_back
from outbound.mqtt.model import PublishedSensor, PublishedSite
from outbound.mqtt.state import state_messages
from tests.outbound.mqtt.announced_site import GATEWAY, TOPICS, channel, discovery, every_site, node, ups

P, V = Presentation, SetReq
ORDERS = ("test.battery.start", "load.off")
KNOWS_DEVICES = (2024, 12)  # the first Home Assistant with messages of devices
PYTHON = os.environ.get("VOLTKEEPER_HA_PYTHON", "")


def announced(site, **options):
    return discovery(**options).messages(site)


def announced_node(*channels, commands=False, updates=False, **facts):
    [message] = [
        message
        for topic, message in announced(
            PublishedSite(nodes=(node(*channels, **facts),)), commands=commands, updates=updates
        ).items()
        if "_node_" in topic
    ]
    return message["components"]


def announced_ups(**facts):
    site = PublishedSite(upses=(ups(**facts),))
    return announced(site, commands=True, ups_commands={"rack@closet": ORDERS})[
        "homeassistant/device/voltkeeper_5eed_ups_3/config"
    ]


@functools.cache
def all_components(controls):
    """The components of every site, which are many."""
    messages = announced(every_site(), commands=controls, updates=controls)
    return [one for message in messages.values() for one in message["components"].values()]


def test_a_device_has_what_is_known_of_it_and_is_reached_by_its_gateway():
    site = PublishedSite(
        (ups(mfr="APC", model="Back-UPS", serial="4B", firmware="9.1", location="Closet"),),
        (node(sketch_name="Air", sketch_version="1.2", protocol_version="2.3.2", location="Garden"),),
        (GATEWAY,),
    )
    messages = announced(site)
    by_name = {message["device"]["name"]: message["device"] for message in messages.values()}
    assert list(by_name) == ["Hill house", "Gateway main", "Rack", "Shed"]
    assert by_name["Rack"] == {
        "identifiers": ["voltkeeper_5eed_ups_3"],
        "name": "Rack",
        "manufacturer": "APC",
        "model": "Back-UPS",
        "serial_number": "4B",
        "sw_version": "9.1",
        "suggested_area": "Closet",
        "via_device": "voltkeeper_5eed",
    }
    assert by_name["Shed"]["via_device"] == by_name["Gateway main"]["identifiers"][0]
    assert by_name["Shed"]["sw_version"] == "1.2 · MySensors 2.3.2"
    for topic, message in messages.items():
        assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
        assert message["origin"] == {"name": "Voltkeeper", "sw_version": "1.2.3"}
        assert "voltkeeper/status" in [one["topic"] for one in message["availability"]]
        assert message["availability_mode"] == "all"


def test_a_gateway_and_its_radio_node_have_two_names():
    radio = node(id=256, name="Gateway main")
    names = [
        message["device"]["name"] for message in announced(PublishedSite((), (radio,), (GATEWAY,))).values()
    ]
    assert names == ["Hill house", "Gateway main", "Gateway main, radio"]


def test_a_device_leads_to_its_page():
    messages = announced(PublishedSite((ups(),), (node(),)), link="https://volt.example.org/house")
    found = [message["device"]["configuration_url"] for message in messages.values()]
    assert found[1:] == [
        f"https://volt.example.org/house{path}" for path in ("/ups/rack@closet", "/nodes/main/12")
    ]


def test_the_load_is_power_and_the_energy_only_grows():
    found = announced_ups(watts=84.0, energy_kwh=1.5, variables={"ups.load": 20.0})["components"]
    load, energy, share = (found[f"sensor_{key}"] for key in ("watts", "energy", "ups_load"))
    assert (load["name"], load["device_class"], load["unit_of_measurement"]) == ("Load", "power", "W")
    assert (energy["device_class"], energy["state_class"]) == ("energy", "total_increasing")
    assert energy["state_topic"] == "voltkeeper/ups/rack@closet/energy"
    assert share["unit_of_measurement"] == "%" and "device_class" not in share


@pytest.mark.parametrize(
    ("variable", "device_class", "state_class", "unit"),
    [
        ("ups.temperature", "temperature", "measurement", "°C"),
        ("battery.charge", "battery", "measurement", "%"),
        ("battery.charge.low", None, None, "%"),
        ("battery.runtime", "duration", "measurement", "s"),
        ("battery.voltage", "voltage", "measurement", "V"),
        ("input.voltage.nominal", "voltage", None, "V"),
        ("input.L1-N.voltage", "voltage", "measurement", "V"),
        ("output.powerfactor", "power_factor", "measurement", None),
        ("outlet.1.energy", "energy", "total_increasing", "Wh"),
        ("ambient.humidity", "humidity", "measurement", "%"),
        ("battery.capacity", None, "measurement", "Ah"),
    ],
)
def test_a_figure_of_a_ups_has_its_class(variable, device_class, state_class, unit):
    found = announced_ups(variables={variable: 1.0})["components"]
    [sensor] = [one for one in found.values() if one.get("state_topic", "").endswith(f"/{variable}")]
    assert sensor.get("device_class") == device_class
    assert (sensor.get("state_class"), sensor.get("unit_of_measurement")) == (state_class, unit)


def test_ratings_are_hidden_and_text_has_no_unit():
    found = announced_ups(
        variables={"input.voltage": 230.0, "input.voltage.nominal": 230.0, "battery.voltage": "n/a"}
    )["components"]
    assert "enabled_by_default" not in found["sensor_input_voltage"]
    assert found["sensor_input_voltage_nominal"]["enabled_by_default"] is False
    assert "unit_of_measurement" not in found["sensor_battery_voltage"]


def test_each_listed_command_has_a_button_and_no_other():
    found = announced_ups()["components"]
    buttons = [one for one in found.values() if one["platform"] == "button"]
    test, off = buttons
    assert test["payload_press"] == "test.battery.start" and "enabled_by_default" not in test
    assert json.loads(off["payload_press"]) == {"command": "load.off", "confirm": True}
    assert off["enabled_by_default"] is False
    assert {one["command_topic"] for one in buttons} == {"voltkeeper/ups/rack@closet/command"}
    without = announced(PublishedSite((ups(),)), ups_commands={"rack@closet": ORDERS})
    assert "button" not in str(without)


def test_states_of_a_ups():
    found = announced_ups(variables={"ups.status": "OL"})["components"]
    names = {one["name"] for one in found.values() if one["platform"] == "binary_sensor"}
    assert {"On battery", "Low battery", "Replace battery", "Overload", "Communication"} <= names
    # What says that a UPS is not heard is there while it is not heard.
    for always in ("binary_sensor_communication", "sensor_state", "event_event"):
        assert [one["topic"] for one in found[always]["availability"]] == ["voltkeeper/status"]


def test_voltkeeper_s_own_absence_is_a_state():
    site = announced(PublishedSite())["homeassistant/device/voltkeeper_5eed/config"]
    own = site["components"]["binary_sensor_communication"]
    assert own["payload_off"] == "offline" and own["state_topic"] == "voltkeeper/status"
    # Home Assistant takes both payloads of this topic for `online`.
    assert own["availability"] == [{"topic": "voltkeeper/status", "value_template": "{{ 'online' }}"}]


@pytest.mark.parametrize(
    ("type", "sensor_type", "unit", "expected"),
    [
        (V.V_TEMP, P.S_TEMP, None, ("temperature", "measurement", "°C")),
        (V.V_TEMP, P.S_TEMP, "F", ("temperature", "measurement", "°F")),
        (V.V_PRESSURE, P.S_BARO, "hPa", ("atmospheric_pressure", "measurement", "hPa")),
        (V.V_PRESSURE, P.S_BARO, "", (None, "measurement", None)),
        (V.V_LEVEL, P.S_LIGHT_LEVEL, None, ("illuminance", "measurement", "lx")),
        (V.V_LIGHT_LEVEL, P.S_LIGHT_LEVEL, None, (None, "measurement", "%")),
        (V.V_VOLUME, P.S_WATER, None, ("water", "total_increasing", "m³")),
        (V.V_VOLUME, P.S_GAS, None, ("gas", "total_increasing", "m³")),
        (V.V_FLOW, P.S_WATER, None, ("volume_flow_rate", "measurement", "L/min")),
        (V.V_KWH, P.S_POWER, None, ("energy", "total_increasing", "kWh")),
        (V.V_VAR, P.S_POWER, None, ("reactive_power", "measurement", "var")),
        (V.V_POWER_FACTOR, P.S_POWER, None, ("power_factor", "measurement", None)),
        (V.V_DIRECTION, P.S_WIND, None, (None, None, "°")),
        (V.V_LEVEL, P.S_AIR_QUALITY, "ppm", (None, "measurement", "ppm")),
        (V.V_WEIGHT, P.S_WEIGHT, "bananas", (None, "measurement", "bananas")),
    ],
)
def test_a_value_of_a_node_has_its_class(type, sensor_type, unit, expected):
    found = announced_node(channel(type, sensor_type, unit=unit))[f"sensor_1_{type.name}"]
    assert tuple(map(found.get, ("device_class", "state_class", "unit_of_measurement"))) == expected


def test_every_type_of_value_is_decided():
    assert set(KINDS) == set(SetReq)


def test_sensors_that_trip_are_binary_sensors_of_their_class():
    kinds = (P.S_DOOR, P.S_MOTION, P.S_SMOKE, P.S_WATER_LEAK)
    found = announced_node(*(channel(V.V_TRIPPED, kind, child_id=kind) for kind in kinds))
    classes = [found[f"binary_sensor_{kind:d}_V_TRIPPED"]["device_class"] for kind in kinds]
    assert classes == ["door", "motion", "smoke", "moisture"]
    lock = announced_node(channel(V.V_LOCK_STATUS, P.S_LOCK))["binary_sensor_1_V_LOCK_STATUS"]
    assert "'ON' if not value" in lock["value_template"]  # of this class `on` is unlocked


@pytest.mark.parametrize(
    ("sensor_type", "types", "platforms"),
    [
        (P.S_BINARY, [V.V_STATUS], {"switch"}),
        (P.S_DIMMER, [V.V_STATUS, V.V_PERCENTAGE], {"light"}),
        (P.S_RGB_LIGHT, [V.V_RGB], {"light"}),
        (P.S_RGBW_LIGHT, [V.V_RGBW], {"light"}),
        (P.S_COVER, [V.V_UP, V.V_DOWN, V.V_STOP, V.V_PERCENTAGE], {"cover"}),
        (P.S_LOCK, [V.V_LOCK_STATUS], {"lock"}),
        (P.S_HEATER, [V.V_HVAC_SETPOINT_HEAT, V.V_HVAC_FLOW_STATE], {"switch", "number", "select"}),
        (P.S_INFO, [V.V_TEXT], {"text"}),
        (P.S_DOOR, [V.V_TRIPPED], {"binary_sensor"}),
        (P.S_TEMP, [V.V_TEMP], {"sensor"}),
    ],
)
def test_an_actuator_has_controls_with_commands_alone(sensor_type, types, platforms):
    channels = [channel(type, sensor_type) for type in types]
    own = {"sensor", "binary_sensor", "event"}

    def found(commands):
        every = announced_node(*channels, commands=commands)
        return {one["platform"] for id, one in every.items() if re.search(r"_1(_|$)", id)}

    assert found(commands=True) == platforms
    assert found(commands=False) <= own
    assert "command_topic" not in json.dumps(announced_node(*channels))


def test_an_actuator_that_never_reported_can_be_set_all_the_same():
    relay = PublishedSensor(7, "S_BINARY", "Shed · Pump")
    found = announced_node(sensors=(relay,), commands=True)["switch_7_V_STATUS"]
    assert (found["name"], found["command_topic"]) == ("Pump", "voltkeeper/node/main/12/7/V_STATUS/set")
    assert "switch" not in str(announced_node(sensors=(relay,)))


def test_orders_go_below_the_topics_of_their_values():
    lamp = announced_node(channel(V.V_RGB, P.S_RGB_LIGHT), commands=True)["light_1"]
    assert lamp["command_topic"] == "voltkeeper/node/main/12/1/V_STATUS/set"
    assert lamp["rgb_command_topic"] == "voltkeeper/node/main/12/1/V_RGB/set"
    blind = announced_node(channel(V.V_PERCENTAGE, P.S_COVER), commands=True)["cover_1"]
    assert blind["command_topic"] == "voltkeeper/node/main/12/1/S_COVER/set"
    assert blind["set_position_topic"] == "voltkeeper/node/main/12/1/V_PERCENTAGE/set"


def test_a_firmware_that_is_stored_later_changes_no_message():
    """Its version is a value: to install it needs no new message, which would come later than the version."""
    none, stored = (announced_node(firmware="10/2", available=one, updates=True) for one in (None, "10/3"))
    assert none == stored and "command_topic" in none["update_firmware"]


def test_firmware_can_be_installed_with_updates_alone():
    facts = {"firmware": "10/2", "available": "10/3"}
    assert "command_topic" not in announced_node(**facts)["update_firmware"]
    found = announced_node(**facts, updates=True)["update_firmware"]
    assert found["command_topic"] == "voltkeeper/node/main/12/update" and found["payload_install"] == "newest"
    assert "update_firmware" not in announced_node(firmware="65535/65535")


def test_a_level_that_is_not_known_now_takes_no_battery_away():
    assert "sensor_battery" in announced_node(has_battery=True, battery_level=None)
    assert "sensor_battery" not in announced_node()


def test_names_do_not_repeat_that_of_the_device():
    found = announced_node(
        channel(V.V_TEMP, P.S_TEMP, name="Shed roof"),
        channel(V.V_TEMP, P.S_TEMP, child_id=2),
        channel(V.V_TEMP, P.S_TEMP, child_id=3),
        channel(V.V_HUM, P.S_HUM, child_id=4, name="Outdoor humidity"),
        channel(V.V_LIGHT_LEVEL, P.S_LIGHT_LEVEL, child_id=5, name="Light"),
        channel(V.V_LEVEL, P.S_MOISTURE, child_id=6, name="Tomatoes"),
    )
    names = [one["name"] for id, one in found.items() if id[7:8].isdigit()]
    assert names == [
        "Roof temperature",
        "Temperature 2",
        "Temperature 3",
        "Outdoor humidity",
        "Light level",
        "Tomatoes moisture level",
    ]


@pytest.mark.parametrize("controls", [False, True])
def test_what_others_had_to_mend(controls):
    """Mistakes that Home Assistant's users report of other programs' messages, in every component."""
    ids = []
    for found in all_components(controls):
        ids.append((found["platform"], found["unique_id"]))
        device_class, unit = found.get("device_class"), found.get("unit_of_measurement")
        if found["platform"] == "binary_sensor" and not found["unique_id"].endswith("_communication"):
            # A topic that is taken away is no state: no window closes, no mains come back.
            assert re.fullmatch("{% if value %}.*{% endif %}", found["value_template"]), found
        if found["platform"] == "sensor":
            if device_class is not None:
                assert unit in UNITS[device_class], found
            if device_class in COUNTERS:
                assert found["state_class"] == "total_increasing", found
            if unit or "state_class" in found:  # a number is needed: no other text may arrive
                assert "is_number" in found["value_template"], found
            if device_class == "timestamp":
                assert "state_class" not in found, found
        assert unit != "" and "object_id" not in found, found
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", found["unique_id"])
    assert len(set(ids)) == len(ids)


JINJA = jinja2.Environment(autoescape=False)
JINJA.globals["is_number"] = str.isdecimal


def test_an_empty_payload_is_no_state_and_no_error():
    """It takes a topic away. Home Assistant has no `value_json` then, and logs what it cannot use."""
    templates = set()
    for found in all_components(controls=True):
        if found["platform"] == "event":
            continue  # is not retained
        templates |= {template for key, template in found.items() if key.endswith("value_template")}
        if found["platform"] in ("sensor", "number", "select", "update"):
            assert "value_template" in found, found
    for template in templates:
        assert JINJA.from_string(template).render(value="") in ("", "None"), template


def test_a_colour_comes_as_its_parts():
    lamp = announced_node(channel(V.V_RGB, P.S_RGB_LIGHT), commands=True)["light_1"]
    assert JINJA.from_string(lamp["rgb_value_template"]).render(value="ff8800") == "255,136,0"
    assert JINJA.from_string(lamp["rgb_command_template"]).render(red=0, green=255, blue=16) == "00ff10"


def test_a_topic_that_is_announced_is_published():
    site = every_site()
    published = set(state_messages(site, TOPICS)) | {TOPICS.status}
    for found in all_components(controls=False):
        for key in ("state_topic", "position_topic"):
            topic = found.get(key)
            if topic is not None and "/event/" not in topic:
                assert topic in published, found


def test_ids_are_not_made_of_names():
    before = announced(PublishedSite((ups(),), (node(),), (GATEWAY,)))
    renamed = PublishedSite(
        (ups(name="new@closet", label="Wine"),),
        (node(name="Barn", gateway="attic"),),
        (replace(GATEWAY, name="attic"),),
    )
    after = announced(renamed)
    assert list(after) == list(before)
    for topic, message in after.items():
        assert message["device"]["identifiers"] == before[topic]["device"]["identifiers"]
        assert list(message["components"]) == list(before[topic]["components"])


def test_what_is_removed_disappears_there():
    one = channel(V.V_STATUS, P.S_BINARY)
    before = announced(PublishedSite((ups(),), (node(one),)))
    now = announced(PublishedSite((), (node(one),)), commands=True)
    sent = list(announcements(before, now))
    ups_topic, node_topic = (
        f"homeassistant/device/voltkeeper_5eed_{id}/config" for id in ("ups_3", "node_12")
    )
    assert sent[0] == (ups_topic, b"")
    first, second = (json.loads(payload) for topic, payload in sent if topic == node_topic)
    assert first["components"]["binary_sensor_1_V_STATUS"] == {"platform": "binary_sensor"}
    assert "binary_sensor_1_V_STATUS" not in second["components"]
    assert first["components"].keys() - second["components"].keys() == {"binary_sensor_1_V_STATUS"}
    assert second == now[node_topic]


def test_what_has_not_changed_is_sent_only_to_a_new_home_assistant():
    messages = announced(PublishedSite((ups(),)))
    kept = {topic: read_back(payload) for topic, payload in announcements({}, messages)}
    assert kept == messages
    assert list(announcements(kept, messages)) == []
    assert [topic for topic, _ in announcements(kept, messages, again=True)] == list(messages)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"1" * 2_000_000])
def test_a_message_that_cannot_be_read_back_is_replaced(payload):
    messages = announced(PublishedSite())
    kept = dict.fromkeys(messages, read_back(payload))
    assert [topic for topic, _ in announcements(kept, messages)] == list(messages)


def test_a_topic_of_another_program_is_left_alone():
    one = discovery()
    assert all(map(one.is_own, announced(PublishedSite((ups(),), (node(),), (GATEWAY,)))))
    for other in ("voltkeeper_5eed2", "voltkeeper_5ee", "zigbee", "other_voltkeeper_5eed_ups_3"):
        assert not one.is_own(f"homeassistant/device/{other}/config")


ANNOUNCED = PublishedSite((ups(),), (node(),), (GATEWAY,))


def connected_announcer(retained=()):
    """One that has read back what is retained, two seconds after 100."""
    announcer = Announcer(discovery())
    announcer.begin(100.0)
    for topic, payload in retained:
        assert announcer.take(topic, payload, retained=True, now=100.0)
    assert not announcer.is_due(101.0) and announcer.is_due(102.5)
    return announcer


def test_a_device_that_went_during_a_restart_is_taken_away_and_no_other_program_s():
    gone, foreign = (f"homeassistant/device/{id}/config" for id in ("voltkeeper_5eed_ups_9", "zigbee_1"))
    found, _ = connected_announcer([(gone, b"{}"), (foreign, b"{}")]).outgoing(ANNOUNCED, 102.5)
    assert [topic for topic, payload in found if not payload] == [gone]
    assert [topic for topic, payload in found if payload] == list(announced(ANNOUNCED))


def test_a_restart_announces_nothing_that_is_there():
    first, _ = connected_announcer().outgoing(ANNOUNCED, 102.5)
    assert connected_announcer(first).outgoing(ANNOUNCED, 102.5) == ([], False)


def test_everything_is_announced_to_a_home_assistant_that_has_started():
    announcer = connected_announcer()
    first, _ = announcer.outgoing(ANNOUNCED, 102.5)
    birth = "homeassistant/status"
    announcer.take(birth, b"online", retained=True, now=103.0)  # from before
    announcer.take(birth, b"offline", retained=False, now=103.0)
    assert not announcer.is_due(104.0)
    announcer.take(birth, b"online", retained=False, now=104.0)
    assert announcer.is_due(104.0) and announcer.outgoing(ANNOUNCED, 104.0) == (first, True)
    announcer.take(birth, b"online", retained=False, now=105.0)
    assert not announcer.is_due(106.0) and announcer.is_due(115.0)


def test_values_alone_announce_nothing():
    announcer = connected_announcer()
    announcer.outgoing(ANNOUNCED, 102.5)
    later = replace(ANNOUNCED, upses=(ups(state="Stale", is_current=False, on_battery=None),))
    assert not announcer.is_due(130.0) and announcer.is_due(140.0)
    assert announcer.outgoing(later, 140.0) == ([], False)


def test_a_unit_of_another_spelling_is_known():
    assert measure("volume_flow_rate", "l/min").unit == "L/min"
    assert measure("temperature", "F").device_class == "temperature"


OWN = re.compile("unique_id|name|.*_topic|title|payload_.*")  # of one component, and no matter of schemas
seen = set()


def distinct(message):
    """The message with the components alone that are unlike those of the messages before."""
    kept = {}
    for id, component in message["components"].items():
        kind = json.dumps({key: OWN.fullmatch(key) is None and value for key, value in component.items()})
        if kind not in seen:
            kept[id] = component
        seen.add(kind)
    return {**message, "components": kept}


def test_home_assistant_takes_every_message(capsys):
    """Its own schemas judge: nothing here takes their place."""
    if not PYTHON:
        pytest.skip(
            "Home Assistant's schemas: set VOLTKEEPER_HA_PYTHON to a Python with homeassistant and "
            "paho-mqtt; its pins do not go with those of this program"
        )
    messages = [
        distinct(message)
        for on in (False, True)
        for message in announced(
            every_site(), commands=on, updates=on, ups_commands={"rack@closet": ORDERS}
        ).values()
    ]
    ran = subprocess.run(
        [PYTHON, Path(__file__).with_name("home_assistant_schemas.py")],
        input=json.dumps(messages).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=500,
    )
    answer = json.loads(ran.stdout)
    what = "messages of devices and their components" if answer["judges_devices"] else "components alone"
    with capsys.disabled():
        print(f"\nHome Assistant {answer['version']} has judged {what}")
    assert answer["problems"] == []
    year, month = map(int, answer["version"].split(".")[:2])
    assert answer["judges_devices"] == ((year, month) >= KNOWS_DEVICES)
