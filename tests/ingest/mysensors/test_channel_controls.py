"""Which channels can be set, and what they take."""

import pytest

from ingest.mysensors.channel_controls import CONTROLS, SETTABLE, find_control, offered_types, parse_value
from ingest.mysensors.commands import OutboxRow, parse_order
from ingest.mysensors.protocol import LineError, Presentation, SetReq, validate_outgoing

S, V = Presentation, SetReq


@pytest.mark.parametrize(
    ("type", "text", "payload"),
    [
        (V.V_STATUS, "1", "1"),
        (V.V_STATUS, "Off", "0"),
        (V.V_STATUS, "true", "1"),
        (V.V_LOCK_STATUS, "locked", "1"),
        (V.V_LOCK_STATUS, "unlocked", "0"),
        (V.V_ARMED, "disarmed", "0"),
        (V.V_PERCENTAGE, "0", "0"),
        (V.V_PERCENTAGE, "100.0", "100"),
        (V.V_PERCENTAGE, "50 %", "50"),
        (V.V_HVAC_SETPOINT_HEAT, "21.50", "21.5"),
        (V.V_HVAC_SETPOINT_HEAT, "-0.0", "0"),
        (V.V_HVAC_SETPOINT_COOL, "72", "72"),
        (V.V_HVAC_FLOW_MODE, "auto", "Auto"),
        (V.V_HVAC_FLOW_STATE, "autochangeover", "AutoChangeOver"),
        (V.V_HVAC_SPEED, "Max", "Max"),
        (V.V_UP, "up", "1"),
        (V.V_STOP, "1", "1"),
        (V.V_RGB, "#FF8800", "ff8800"),
        (V.V_RGB, "611e39", "611e39"),
        (V.V_RGBW, "ff880080", "ff880080"),
        (V.V_SCENE_ON, "3", "3"),
        (V.V_IR_SEND, "0xA90", "0xA90"),
        (V.V_TEXT, "Tür zu", "Tür zu"),
    ],
)
def test_values_as_people_and_programs_write_them(type, text, payload):
    assert parse_value(type, text) == payload
    validate_outgoing(f"12;1;1;1;{type};{payload}")


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (V.V_STATUS, "2"),
        (V.V_STATUS, ""),
        (V.V_STATUS, "locked"),
        (V.V_PERCENTAGE, "101"),
        (V.V_PERCENTAGE, "-1"),
        (V.V_PERCENTAGE, "50.5"),
        (V.V_PERCENTAGE, "nan"),
        (V.V_PERCENTAGE, "1_0"),
        (V.V_HVAC_SETPOINT_HEAT, "215"),
        (V.V_HVAC_SETPOINT_HEAT, "warm"),
        (V.V_HVAC_FLOW_MODE, "HeatOn"),
        (V.V_UP, "down"),
        (V.V_RGB, "red"),
        (V.V_RGB, "ff8800ff"),
        (V.V_RGBW, "ff8800"),
        (V.V_RGB, "٣٣٣٣٣٣"),
        (V.V_SCENE_ON, "256"),
        (V.V_TEXT, ""),
        (V.V_TEMP, "20"),
        (200, "1"),
    ],
)
def test_other_values_are_refused_with_what_is_taken(type, text):
    with pytest.raises(LineError, match=r"needed|not set"):
        parse_value(type, text)


@pytest.mark.parametrize(
    ("sensor", "sent", "offered"),
    [
        (S.S_BINARY, set(), [V.V_STATUS]),
        (S.S_DIMMER, {V.V_PERCENTAGE}, [V.V_STATUS, V.V_PERCENTAGE]),
        (S.S_COVER, set(), [V.V_UP, V.V_STOP, V.V_DOWN, V.V_PERCENTAGE]),
        (S.S_LOCK, set(), [V.V_LOCK_STATUS]),
        (S.S_MOTION, {V.V_TRIPPED}, []),
        (S.S_MOTION, {V.V_TRIPPED, V.V_ARMED}, [V.V_ARMED]),
        (S.S_HEATER, {V.V_TEMP}, [V.V_STATUS, V.V_HVAC_SETPOINT_HEAT]),
        (S.S_RGBW_LIGHT, set(), [V.V_STATUS, V.V_PERCENTAGE, V.V_RGBW]),
        (S.S_INFO, set(), [V.V_TEXT]),
        (S.S_IR, {V.V_IR_RECEIVE}, [V.V_IR_SEND]),
        (S.S_CUSTOM, {V.V_VAR1, V.V_STATUS}, [V.V_STATUS]),
        (None, {V.V_STATUS, V.V_TEMP}, [V.V_STATUS]),
        (S.S_TEMP, {V.V_TEMP, V.V_PERCENTAGE}, []),
        (S.S_COLOR_SENSOR, {V.V_RGB}, []),
        (S.S_POWER, {V.V_WATT}, []),
        (99, {V.V_STATUS}, []),
    ],
)
def test_what_the_page_of_a_node_offers(sensor, sent, offered):
    assert offered_types(sensor, sent) == offered


def test_each_type_of_the_table_has_a_control():
    for sensor, types in SETTABLE.items():
        assert all(find_control(sensor, type) is CONTROLS[type] for type in types)
    assert find_control(S.S_TEMP, V.V_VAR1) is not None and find_control(S.S_DIMMER, V.V_RGB) is None


@pytest.mark.parametrize(
    "line",
    ["12;255;4;0;1;0A00010050000D94", "12;0;4;0;3;", "12;255;4;1;5;00", "255;255;4;0;1;0A00010050000D94"],
)
def test_a_stream_line_in_the_outbox_is_refused_with_the_remedy(line):
    node = 0 if line.startswith("255") else 12
    with pytest.raises(LineError, match="/-/ota"):
        parse_order(OutboxRow(1, node, None, line, "9"), listen_only=False)
