"""The unit of every V_ type of the library 2.3.2, in Python and in SQL alike."""

import sqlite3

import pytest

from ingest.db.connection import connect
from ingest.mysensors.protocol import Presentation, SetReq
from ingest.mysensors.registry import note_units
from ingest.mysensors.replay import replay
from ingest.mysensors.units import unit_of, unit_sql
from tests.helpers.new_database import new_database

METRIC = {
    "TEMP": "°C",
    "HUM": "%",
    "STATUS": "",
    "PERCENTAGE": "%",
    "PRESSURE": "hPa",
    "FORECAST": "",
    "RAIN": "mm",
    "RAINRATE": "mm/h",
    "WIND": "m/s",
    "GUST": "m/s",
    "DIRECTION": "°",
    "UV": "",
    "WEIGHT": "kg",
    "DISTANCE": "cm",
    "IMPEDANCE": "Ω",
    "ARMED": "",
    "TRIPPED": "",
    "WATT": "W",
    "KWH": "kWh",
    "SCENE_ON": "",
    "SCENE_OFF": "",
    "HVAC_FLOW_STATE": "",
    "HVAC_SPEED": "",
    "LIGHT_LEVEL": "%",
    "VAR1": "",
    "VAR2": "",
    "VAR3": "",
    "VAR4": "",
    "VAR5": "",
    "UP": "",
    "DOWN": "",
    "STOP": "",
    "IR_SEND": "",
    "IR_RECEIVE": "",
    "FLOW": "l/min",
    "VOLUME": "m³",
    "LOCK_STATUS": "",
    "LEVEL": "",
    "VOLTAGE": "V",
    "CURRENT": "A",
    "RGB": "",
    "RGBW": "",
    "ID": "",
    "UNIT_PREFIX": "",
    "HVAC_SETPOINT_COOL": "°C",
    "HVAC_SETPOINT_HEAT": "°C",
    "HVAC_FLOW_MODE": "",
    "TEXT": "",
    "CUSTOM": "",
    "POSITION": "",
    "IR_RECORD": "",
    "PH": "",
    "ORP": "mV",
    "EC": "µS/cm",
    "VAR": "var",
    "VA": "VA",
    "POWER_FACTOR": "",
    "MULTI_MESSAGE": "",
}
IMPERIAL = {
    "TEMP": "°F",
    "HVAC_SETPOINT_COOL": "°F",
    "HVAC_SETPOINT_HEAT": "°F",
    "RAIN": "in",
    "RAINRATE": "in/h",
    "WIND": "mph",
    "GUST": "mph",
    "WEIGHT": "lb",
    "DISTANCE": "in",
}
LEVELS = {
    "SOUND": "dB",
    "VIBRATION": "Hz",
    "LIGHT_LEVEL": "lx",
    "MOISTURE": "%",
    "DUST": "µg/m³",
    "AIR_QUALITY": "",
}
CASES = [
    *((SetReq[f"V_{name}"], None, True, None, None, unit) for name, unit in METRIC.items()),
    *(
        (SetReq[f"V_{name}"], None, False, None, None, IMPERIAL.get(name, unit))
        for name, unit in METRIC.items()
    ),
    *((SetReq.V_LEVEL, Presentation[f"S_{name}"], True, None, None, unit) for name, unit in LEVELS.items()),
    (SetReq.V_LEVEL, Presentation.S_AIR_QUALITY, True, "ppm", None, "ppm"),
    (SetReq.V_LEVEL, Presentation.S_DUST, True, "pcs/l", None, "pcs/l"),
    (SetReq.V_LEVEL, Presentation.S_SOUND, True, "", None, "dB"),
    (SetReq.V_LEVEL, Presentation.S_SOUND, True, "  ", None, "dB"),
    (SetReq.V_LEVEL, Presentation.S_SOUND, True, "no unit but a text", None, "dB"),
    (SetReq.V_DISTANCE, Presentation.S_DISTANCE, True, "m", 1.2, "m"),
    (SetReq.V_DISTANCE, Presentation.S_DISTANCE, False, "inch", 1.2, "inch"),
    (SetReq.V_TEMP, Presentation.S_TEMP, True, "K", 293, "K"),
    (SetReq.V_TEMP, Presentation.S_AIR_QUALITY, True, "ppm", 21, "°C"),
    (SetReq.V_HUM, Presentation.S_AIR_QUALITY, True, "ppm", 50, "%"),
    (SetReq.V_STATUS, Presentation.S_BINARY, True, "ppm", None, ""),
    (SetReq.V_UNIT_PREFIX, Presentation.S_DUST, True, "ppm", None, ""),
    (SetReq.V_CUSTOM, Presentation.S_CUSTOM, True, "Bq/m³", None, "Bq/m³"),
    (SetReq.V_VAR1, Presentation.S_CUSTOM, True, "lx", 3, "lx"),
    (SetReq.V_PRESSURE, None, True, None, 1013.2, "hPa"),
    (SetReq.V_PRESSURE, None, True, None, 101325, "Pa"),
    (SetReq.V_PRESSURE, None, True, None, 101.3, "kPa"),
    (SetReq.V_PRESSURE, None, False, None, 29.92, "inHg"),
    (SetReq.V_PRESSURE, None, True, None, 2.4, ""),  # bar of water
    (SetReq.V_PRESSURE, None, True, "bar", 2.4, "bar"),
    (200, None, True, None, None, ""),
]


def test_every_type_of_the_library_is_in_the_table():
    assert {f"V_{name}" for name in METRIC} == set(SetReq.__members__)


@pytest.mark.parametrize(("type", "sensor", "metric", "prefix", "usual", "unit"), CASES)
def test_the_unit_of_a_value(type, sensor, metric, prefix, usual, unit):
    assert unit_of(type, sensor, metric, prefix, usual) == unit


def test_sql_finds_the_same_units():
    connection = sqlite3.connect(":memory:")
    sql = f"select {unit_sql('?1', '?2', '?3', '?4', '?5')}"
    for *values, unit in CASES:
        assert connection.execute(sql, values).fetchone() == (unit,), values
    assert connection.execute(sql, (SetReq.V_TEMP, None, None, None, None)).fetchone() == ("°C",)
    connection.close()


def test_views_carry_the_units_of_channels(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    lines = [
        b"7;1;0;0;22;Air",
        b"7;1;1;0;43;ppm",
        b"7;1;1;0;37;612",
        b"7;2;0;0;33;Noise",
        b"7;2;1;0;37;41",
        b"7;3;1;0;0;68",
        b"7;4;1;0;4;101325",
        b"7;5;1;0;13;3",
    ]
    replay(path, "main", "tcp main:5003", [(1e9 + n, line) for n, line in enumerate(lines)], "UTC")
    connection = connect(path)
    note_units(connection, {"main": False})
    wanted = [(1, "ppm"), (1, ""), (2, "dB"), (3, "°F"), (4, "Pa"), (5, "in")]
    assert connection.execute("select child_id, unit from value_latest order by id").fetchall() == wanted
    assert connection.execute("select unit from channel_units order by channel").fetchall() == [
        (unit,) for _, unit in wanted
    ]
    assert connection.execute("select unit from value_messages where text = '612'").fetchall() == [("ppm",)]
    connection.close()
