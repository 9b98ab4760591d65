"""Lines to values and back: the five splits, the symbols of every type, numbers, what may be sent."""

import re

import pytest

from ingest.mysensors.protocol import (
    TEXT_TYPES,
    Command,
    Header,
    LineError,
    SetReq,
    format_line,
    is_known,
    parse_line,
    parse_number,
    type_name,
    validate_outgoing,
)
from ingest.mysensors.value_types import ValueKind, value_kind


@pytest.mark.parametrize(
    ("line", "header", "payload"),
    [
        ("12;6;1;0;0;36.5", (12, 6, 1, 0, 0), "36.5"),
        ("0;255;3;0;14;Gateway startup complete.", (0, 255, 3, 0, 14), "Gateway startup complete."),
        ("0;0;1;0;0;0", (0, 0, 1, 0, 0), "0"),
        ("42;2;1;0;49;55.72;13.01;18", (42, 2, 1, 0, 49), "55.72;13.01;18"),
        ("42;2;0;0;36;text; with; semis", (42, 2, 0, 0, 36), "text; with; semis"),
        ("42;2;1;0;47;;;", (42, 2, 1, 0, 47), ";;"),
        ("42;2;1;0;47;", (42, 2, 1, 0, 47), ""),
        ("42;2;1;0;47;  blanks  ", (42, 2, 1, 0, 47), "  blanks  "),
        ("42;255;4;0;0;0A0003002000D7950103", (42, 255, 4, 0, 0), "0A0003002000D7950103"),
        ("255;79;3;0;3;", (255, 79, 3, 0, 3), ""),
        ("42;1;1;1;2;1", (42, 1, 1, 1, 2), "1"),
        ("42;1;1;0;200;x", (42, 1, 1, 0, 200), "x"),
        ("42;1;1;0;47;Grüße", (42, 1, 1, 0, 47), "Grüße"),
    ],
)
def test_a_line_is_split_five_times_and_no_more(line, header, payload):
    assert parse_line(line) == (Header(*header), payload)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "1 fields"),
        ("12;6;1;0;0", "5 fields"),
        ("256;6;1;0;0;1", "node is '256'"),
        ("12;256;1;0;0;1", "child is '256'"),
        ("12;6;5;0;0;1", "command is '5'"),
        ("12;6;1;2;0;1", "echo is '2'"),
        ("12;6;1;0;256;1", "type is '256'"),
        ("-1;6;1;0;0;1", "node is '-1'"),
        (" 12;6;1;0;0;1", "node is ' 12'"),
        ("012;6;1;0;0;1", "node is '012'"),
        ("1_2;6;1;0;0;1", "node is '1_2'"),
        ("١;6;1;0;0;1", "node is '١'"),
        ("12;;1;0;0;1", "child is ''"),
        ("a;6;1;0;0;1", "node is 'a'"),
    ],
)
def test_a_malformed_line_has_a_reason(line, said):
    with pytest.raises(LineError, match=re.escape(said)):
        parse_line(line)


def test_every_number_has_its_symbol():
    # First, last and the places where the numbering of core/MyMessage.h is easily got wrong by one.
    assert [type_name(0, n) for n in (0, 3, 17, 18, 23, 35, 36, 39, 40)] == [
        "S_DOOR",
        "S_BINARY",
        "S_ARDUINO_NODE",
        "S_ARDUINO_REPEATER_NODE",
        "S_CUSTOM",
        "S_MOISTURE",
        "S_INFO",
        "S_WATER_QUALITY",
        "S_40",
    ]
    assert [type_name(1, n) for n in (0, 2, 16, 24, 28, 38, 46, 47, 49, 56, 57, 58)] == [
        "V_TEMP",
        "V_STATUS",
        "V_TRIPPED",
        "V_VAR1",
        "V_VAR5",
        "V_VOLTAGE",
        "V_HVAC_FLOW_MODE",
        "V_TEXT",
        "V_POSITION",
        "V_POWER_FACTOR",
        "V_MULTI_MESSAGE",
        "V_58",
    ]
    assert [
        type_name(3, n) for n in (0, 1, 2, 3, 4, 6, 9, 11, 13, 14, 18, 19, 21, 22, 28, 31, 32, 33, 34)
    ] == [
        "I_BATTERY_LEVEL",
        "I_TIME",
        "I_VERSION",
        "I_ID_REQUEST",
        "I_ID_RESPONSE",
        "I_CONFIG",
        "I_LOG_MESSAGE",
        "I_SKETCH_NAME",
        "I_REBOOT",
        "I_GATEWAY_READY",
        "I_HEARTBEAT_REQUEST",
        "I_PRESENTATION",
        "I_DISCOVER_RESPONSE",
        "I_HEARTBEAT_RESPONSE",
        "I_DEBUG",
        "I_SIGNAL_REPORT_RESPONSE",
        "I_PRE_SLEEP_NOTIFICATION",
        "I_POST_SLEEP_NOTIFICATION",
        "I_34",
    ]
    assert [type_name(4, n) for n in (0, 3, 7, 8)] == [
        "ST_FIRMWARE_CONFIG_REQUEST",
        "ST_FIRMWARE_RESPONSE",
        "ST_FIRMWARE_RESPONSE_RLE",
        "ST_8",
    ]
    assert type_name(2, 1) == "V_HUM"
    assert is_known(1, 57) and not is_known(1, 58)


@pytest.mark.parametrize(
    ("text", "number"),
    [("21.5", 21.5), ("-3", -3), ("+.5", 0.5), ("5.", 5), ("1e3", 1000), ("0", 0), ("00012", 12)],
)
def test_a_number_is_what_a_decimal_pattern_reads(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1_000", " 1", "1 ", "0x10", "1,5", "1e", "٣", "1e999", "9" * 400, "21.5\n"]
)
def test_what_float_accepts_or_cannot_hold_is_no_number(text):
    assert parse_number(text) is None


def test_a_line_is_formatted_with_a_newline_alone():
    assert format_line(12, 6, Command.set, 1, 2, "1") == "12;6;1;1;2;1\n"


@pytest.mark.parametrize(
    "line",
    [
        "12;6;1;1;47;" + "x" * 25,
        "12;6;1;1;47;" + "ü" * 12,
        "12;255;4;0;1;" + "0A" * 25,
        "12;255;4;0;1;",
        "255;255;3;0;20;",
        "255;255;1;0;2;1",
        "0;255;3;0;2;",
    ],
)
def test_what_may_be_sent(line):
    assert validate_outgoing(line) == parse_line(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("12;6;1;1;47;" + "x" * 26, "payload of 26 bytes"),
        ("12;6;1;1;47;" + "ü" * 13, "payload of 26 bytes"),
        ("12;6;1;1;49;55.72;13.01", "first ';'"),
        ("12;255;4;0;1;0A0", "even number of hex digits"),
        ("12;255;4;0;1;0G", "even number of hex digits"),
        ("12;255;4;0;1;" + "0A" * 26, "payload of 26 bytes"),
        ("12;6;1;1;47;" + "x" * 87, "99 bytes, a gateway reads 98"),
        ("12;6;1;1;47;a\rb", "control character"),
        ("12;6;1;1;47;a\n0;255;3;0;13;", "control character"),
        ("256;6;1;1;47;a", "node is '256'"),
        ("12;6;1;1", "4 fields"),
        ("255;255;3;0;19;", "one by one"),
        ("255;255;3;0;13;", "one by one"),
    ],
)
def test_what_may_not_be_sent_is_refused_with_a_reason(line, said):
    with pytest.raises(LineError, match=re.escape(said)):
        validate_outgoing(line)


def test_an_empty_payload_is_refused_of_every_type_that_is_no_number():
    """A gateway makes a byte 0 of it: of a number that is one, of a text it is another text."""
    others = {type for type in SetReq if value_kind(type) is not ValueKind.NUMBER}
    assert others - {SetReq.V_MULTI_MESSAGE} == TEXT_TYPES  # no node takes that one
