"""What a payload is goes by its V_ type: every type of library 2.3.2 with its usual payloads."""

import sqlite3

import pytest

from ingest.db.connection import connect, transaction
from ingest.mysensors.protocol import SetReq
from ingest.mysensors.replay import replay
from ingest.mysensors.value_types import parse_colour, parse_value
from tests.helpers.new_database import new_database

# Type -> payload -> the number that it is, None for a text.
USUAL = {
    "V_TEMP": {"21.5": 21.5, "-3.0": -3, "  21.50": 21.5, "70": 70, "nan": None, "21,5": None},
    "V_HUM": {"47": 47, "100.4": 100.4},
    "V_STATUS": {"0": 0, "1": 1},
    "V_PERCENTAGE": {"0": 0, "100": 100},
    "V_PRESSURE": {"1013.25": 1013.25, "101325": 101325, "29.92": 29.92},
    "V_FORECAST": {"sunny": None, "thunderstorm": None, "0": None, "5": None},
    "V_RAIN": {"12.4": 12.4},
    "V_RAINRATE": {"0.2": 0.2},
    "V_WIND": {"5.1": 5.1},
    "V_GUST": {"9.9": 9.9},
    "V_DIRECTION": {"359": 359},
    "V_UV": {"3.2": 3.2},
    "V_WEIGHT": {"81.6": 81.6},
    "V_DISTANCE": {"143": 143},
    "V_IMPEDANCE": {"512": 512},
    "V_ARMED": {"1": 1},
    "V_TRIPPED": {"1": 1},
    "V_WATT": {"2300": 2300, "0.00": 0},
    "V_KWH": {"1234.567": 1234.567, "6e3": 6000},
    "V_SCENE_ON": {"3": 3, "": None},
    "V_SCENE_OFF": {"3": 3},
    "V_HVAC_FLOW_STATE": {"HeatOn": None, "Off": None, "1": None},
    "V_HVAC_SPEED": {"Normal": None, "Auto": None, "2": None},
    "V_LIGHT_LEVEL": {"99.1": 99.1},
    "V_VAR1": {"12345": 12345, "-0.5": -0.5, "00012345": None, "6e1139": None, "611e39": None, "abc": None},
    "V_VAR2": {"0": 0, "0042": None, "28616412345678901": None},
    "V_VAR3": {"1e5": None, "17.50": 17.5},
    "V_VAR4": {"12;13": None, "": None},
    "V_VAR5": {"{P:5460,R:3638,S:60}": None, "7": 7, "+0": 0},
    "V_UP": {"1": 1, "": None},
    "V_DOWN": {"1": 1},
    "V_STOP": {"1": 1},
    "V_IR_SEND": {"0x1FE50AF": None, "33441975": None, "1E5": None},
    "V_IR_RECEIVE": {"01FE50AF": None, "16769565": None},
    "V_FLOW": {"0.12": 0.12},
    "V_VOLUME": {"12.5": 12.5},
    "V_LOCK_STATUS": {"1": 1},
    "V_LEVEL": {"329.0": 329},
    "V_VOLTAGE": {"3.02": 3.02},
    "V_CURRENT": {"0.4": 0.4},
    "V_RGB": {"611e39": None, "ff0000": None, "000000": None, "123456": None, "#00ff00": None},
    "V_RGBW": {"ff000080": None, "00000000": None, "12345678": None, "1234e567": None},
    "V_ID": {"00012345": None, "28FF4A1B6E160381": None, "1234": None, "28e12": None},
    "V_UNIT_PREFIX": {"cm": None, "°C": None, "1": None},
    "V_HVAC_SETPOINT_COOL": {"24": 24},
    "V_HVAC_SETPOINT_HEAT": {"20.5": 20.5},
    "V_HVAC_FLOW_MODE": {"Auto": None, "ContinuousOn": None, "0": None},
    "V_TEXT": {"hello": None, "2026": None, "1e5": None},
    "V_CUSTOM": {"0A1B": None, "12": None},
    "V_POSITION": {"55.722526;13.017972;18": None, "55": None},
    "V_IR_RECORD": {"1": None, "20DF10EF": None},
    "V_PH": {"7.1": 7.1},
    "V_ORP": {"650": 650},
    "V_EC": {"1413": 1413},
    "V_VAR": {"120": 120},
    "V_VA": {"2400": 2400},
    "V_POWER_FACTOR": {"0.95": 0.95, "-1": -1},
    "V_MULTI_MESSAGE": {"0102": None},
    "V_200": {"7.5": 7.5, "x": None, "007": None},  # a type that the library does not know
}


def number_of(symbol):
    return SetReq[symbol].value if symbol in SetReq.__members__ else int(symbol[2:])


def test_every_type_is_here():
    assert USUAL.keys() >= SetReq.__members__.keys()


@pytest.mark.parametrize("symbol", USUAL)
def test_a_payload_is_what_its_type_says(symbol):
    for text, number in USUAL[symbol].items():
        assert parse_value(number_of(symbol), text) == number, text


@pytest.mark.parametrize(
    ("symbol", "text", "colour"),
    [
        ("V_RGB", "611e39", "#611e39"),
        ("V_RGB", "FF0000", "#ff0000"),
        ("V_RGB", "#00ff7F", "#00ff7f"),
        ("V_RGBW", "611e39ff", "#611e39"),
        ("V_RGB", "red", None),
        ("V_RGB", "611e3", None),
        ("V_RGB", "611e39ff", None),
        ("V_RGB", "61 e39", None),
        ("V_RGBW", "611e39", None),
        ("V_ID", "611e39", None),
        ("V_999", "611e39", None),
        ("I_VERSION", "611e39", None),
    ],
)
def test_a_colour_is_hex_of_the_right_length(symbol, text, colour):
    assert parse_colour(symbol, text) == colour


def test_stored_values_go_by_type(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    lines = [
        f"5;1;1;0;{number_of(symbol)};{text}".encode()
        for symbol, payloads in USUAL.items()
        for text in payloads
    ]
    replay(path, "main", "tcp here:5003", [(1_800_000_000.0, line) for line in lines], "UTC")
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "select c.type_name, r.text, r.value from readings r join channels c on c.id = r.channel "
            "order by r.id"
        ).fetchall()
    expected = [(symbol, text, number) for symbol, texts in USUAL.items() for text, number in texts.items()]
    assert found == expected


def test_a_file_of_the_version_before_loses_false_numbers(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    recording = [
        (1_800_000_000.0, line) for line in (b"5;1;1;0;40;611e39", b"5;2;1;0;24;42", b"5;3;1;0;0;20")
    ]
    replay(path, "main", "tcp here:5003", recording, "UTC")
    connection = connect(path)
    with transaction(connection):  # as it was: a colour that was read as a number
        connection.execute("update channels set value = 6.11e41, usual = 6.11e41, spread = 1 where type = 40")
        connection.execute("delete from _sqlite_migrations where name = 'values_by_type'")
    connection.close()
    new_database(path)
    with sqlite3.connect(path) as after:
        rows = after.execute("select type_name, value, usual from channels order by id").fetchall()
    assert rows == [("V_RGB", None, None), ("V_VAR1", 42.0, None), ("V_TEMP", 20.0, 20.0)]
