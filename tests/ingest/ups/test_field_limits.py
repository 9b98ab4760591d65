"""Limits that make sense, one event for one cause, the present text, and low batteries by figures."""

import pytest

from ingest.ups.event_machine import EventMachine
from ingest.ups.limits import InputVoltage, Limits
from tests.ingest.ups.scenario import Scenario


def names(ups):
    return [event.event for event in ups.events]


def run(ups, status="OL", times=10, **variables):
    for _ in range(times):
        ups.full(status, 10, **variables)
    return ups


@pytest.mark.parametrize(
    "variables",
    [
        {"input_transfer_low": 0, "input_transfer_high": 0, "input_voltage": 230},
        {
            "input_transfer_low": 0,
            "input_transfer_high": 0,
            "input_voltage": 121,
            "input_voltage_nominal": 120,
        },
        {"input_transfer_low": 0, "input_transfer_high": 0, "input_voltage": 118.9},
        {"input_transfer_low": 88, "input_transfer_high": 142, "input_voltage": 121},
        {"input_voltage": 121},
        {"input_voltage": 99.8},
        {"input_voltage": 208},
        {"input_voltage": 4.99},
        {"input_voltage": 13.8},
        {"input_voltage": 13.8, "output_voltage_nominal": 24},
        {"input_transfer_low": 340, "input_transfer_high": 460, "input_voltage": 227},
        {"input_transfer_low": 1, "input_transfer_high": 1, "input_voltage": 240},
        {
            "input_transfer_low": 16,
            "input_transfer_high": 29,
            "input_voltage": 231,
            "input_voltage_nominal": 230,
        },
        {"input_transfer_low": -96, "input_transfer_high": 263, "input_voltage": 235},
        {
            "input_transfer_low": 166,
            "input_transfer_high": 0,
            "input_voltage": 230,
            "input_voltage_nominal": 240,
        },
        {
            "input_transfer_low": 176,
            "input_transfer_high": 282,
            "input_voltage": 230,
            "input_voltage_nominal": 100,
        },
        {
            "input_transfer_low": 55,
            "input_transfer_high": 150,
            "input_voltage": 121,
            "input_voltage_nominal": 100,
        },
        {"input_voltage": 121.3, "input_voltage_nominal": 230},
        {"input_voltage": 231, "input_voltage_nominal": 120},
        {"input_voltage": 231, "input_voltage_nominal": 399},
        {
            "input_voltage": 0,
            "input_voltage_nominal": 120,
            "input_transfer_low": 92,
            "input_transfer_high": 150,
        },
        {"input_voltage": 1.2, "input_voltage_nominal": 230},
        {"input_voltage": 0},
        {"input_voltage": 230, "input_voltage_nominal": 2300, "output_voltage_nominal": 2300},
        {"input_voltage": 176, "input_voltage_nominal": 0, "output_voltage_nominal": 1},
    ],
)
def test_a_normal_input_is_no_event(variables):
    ups = run(Scenario(**variables), times=130)
    assert ups.seen() == []


@pytest.mark.parametrize(
    ("variables", "volts", "event", "bound"),
    [
        ({"input_voltage": 230, "input_voltage_nominal": 230}, 170, "INPUT_LOW", 180),
        ({"input_voltage": 121}, 90, "INPUT_LOW", 94),
        ({"input_voltage": 121, "output_voltage_nominal": 120}, 90, "INPUT_LOW", 94),
        ({"input_voltage": 101}, 70, "INPUT_LOW", 78),
        ({"input_voltage": 121, "input_transfer_low": 88, "input_transfer_high": 142}, 85, "VOLTAGE", 88),
        ({"input_voltage": 121, "input_transfer_low": 88, "input_transfer_high": 142}, 150, "VOLTAGE", 142),
        ({"input_voltage": 230, "input_transfer_low": 184, "input_transfer_high": 264}, 170, "VOLTAGE", 184),
        ({"input_voltage": 230, "input_transfer_low": 184, "input_transfer_high": 264}, 0, "VOLTAGE", 184),
        ({"input_voltage": 230, "input_voltage_nominal": 230}, 0, "INPUT_LOW", 180),
    ],
)
def test_an_input_beyond_its_limit_is_one_event(variables, volts, event, bound):
    ups = run(Scenario(**variables), times=110)
    run(ups, times=5, input_voltage=volts)
    assert names(ups) == [event]
    assert ups.event(event).figures["limit"] == bound and f"{volts:g} V" in ups.event(event).detail
    run(ups, times=2, input_voltage=variables["input_voltage"])
    assert ups.event(event).ended and not ups.machine.open


def test_an_input_that_sinks_further_is_still_one_event():
    ups = run(Scenario(input_voltage=230, input_transfer_low=160, input_voltage_nominal=230))
    for volts in (175, 172, 158, 150, 162, 178, 182, 230):
        ups.full("OL", 10, input_voltage=volts)
    assert names(ups) == ["VOLTAGE"] and ups.event("VOLTAGE").figures["lowest"] == 150
    assert ups.event("VOLTAGE").detail.endswith("150 V at worst")


def test_an_outage_is_onbatt_alone():
    ups = run(
        Scenario(
            input_voltage=230, input_voltage_nominal=230, input_transfer_low=184, input_transfer_high=264
        )
    )
    run(ups, "OB DISCHRG", 10, input_voltage=0)
    run(ups, "OL", 3, input_voltage=229)
    assert names(ups) == ["ONBATT"]


def test_what_was_open_for_the_input_ends_with_the_outage():
    ups = run(Scenario(input_voltage=230, input_voltage_nominal=230))
    run(ups, times=3, input_voltage=150)
    run(ups, "OB DISCHRG", 3, input_voltage=0)
    assert ups.event("INPUT_LOW").ended == ups.event("ONBATT").started


@pytest.mark.parametrize("load", [100, 130, 199])
def test_an_overload_is_one_event(load):
    ups = run(run(Scenario(ups_load=40)), times=5, ups_load=load)
    assert names(ups) == ["OVER"] and ups.event("OVER").detail == f"load {load} %"
    rising = run(run(run(Scenario(ups_load=40)), times=3, ups_load=85), times=3, ups_load=load)
    assert names(rising) == ["LOAD_HIGH", "OVER"] and rising.event("LOAD_HIGH").ended


def test_the_nominal_voltage_that_was_learned_outlives_a_restart():
    before = run(Scenario(input_voltage=121), times=120)
    learned = before.machine.voltage.learned
    assert learned == 120
    ups = Scenario(EventMachine(voltage=InputVoltage(Limits(), learned)), input_voltage=90)
    assert names(run(ups, times=3)) == ["INPUT_LOW"]


@pytest.mark.parametrize(
    ("event", "status", "variable", "values", "unit"),
    [
        ("CHARGE_LOW", "OL", "battery_charge", (19, 12, 5), "%"),
        ("HOT", "OL", "ups_temperature", (41, 55, 68), "°C"),
        ("LOAD_HIGH", "OL", "ups_load", (81, 90, 99), "%"),
        ("INPUT_LOW", "OL", "input_voltage", (175, 160, 140), "V"),
        ("OVER", "OL OVER", "ups_load", (101, 140, 120), "%"),
    ],
)
def test_the_text_of_an_event_is_that_of_the_present(event, status, variable, values, unit):
    ups = run(Scenario(input_voltage=230, input_voltage_nominal=230))
    for value in (values[0], *values):
        ups.full(status, 10, **{variable: value})
        if event in ups.machine.open:
            assert ups.machine.open[event].detail.endswith(f"{value} {unit}")
    worst = max(values) if event in ("HOT", "LOAD_HIGH", "OVER") else min(values)
    ups.full(status, 10, **{variable: values[0]})
    figures = ups.machine.open[event].figures
    assert worst in (figures.get("extreme"), figures.get("lowest")) and figures["value"] == values[0]


def test_an_alarm_shows_its_present_text_alone():
    ups = Scenario()
    for text in ("Replace battery!", "Replace battery!", "No battery installed!", "Bypass not available!"):
        ups.full("ALARM OL", 10, ups_alarm=text)
    alarm = ups.machine.open["ALARM"]
    assert alarm.detail == "Bypass not available!"
    assert alarm.figures["texts"] == ["Replace battery!", "No battery installed!", "Bypass not available!"]


@pytest.mark.parametrize("text", ["0", "", "none", "No alarm"])
def test_a_text_that_names_no_alarm_is_none(text):
    ups = Scenario(ups_alarm=text).full("ALARM OL").full("ALARM OL")
    assert ups.event("ALARM").detail == ""


@pytest.mark.parametrize(
    ("variables", "low"),
    [
        ({"battery_charge": 3, "battery_charge_low": 20}, True),
        ({"battery_runtime": 60, "battery_runtime_low": 180}, True),
        (
            {
                "battery_charge": 3,
                "battery_charge_low": 20,
                "battery_runtime": 60,
                "battery_runtime_low": 180,
            },
            True,
        ),
        (
            {
                "battery_charge": 5,
                "battery_runtime": 900,
                "battery_charge_low": 20,
                "battery_runtime_low": 60,
            },
            True,
        ),
        ({"battery_charge": 20, "battery_charge_low": 20}, False),
        ({"battery_charge": 97, "battery_charge_low": 98}, False),
        ({"battery_charge": 99.9, "battery_charge_low": 345.6}, False),
        ({"battery_charge": 87, "battery_runtime": 687, "battery_runtime_low": 3780}, False),
        ({"battery_charge": 87, "battery_runtime": 687, "battery_runtime_low": 59_940}, False),
        ({"battery_charge": 96, "battery_runtime": 1600, "battery_charge_low": 20}, False),
        ({"battery_charge": 255, "battery_charge_low": 20}, False),
        ({"battery_charge": 0, "battery_charge_low": 0}, False),
    ],
)
def test_a_battery_is_low_by_its_own_limits_while_on_battery(variables, low):
    ups = Scenario(**variables).full("OL").full("OL")
    assert "LOWBATT" not in names(ups)
    ups.full("OB DISCHRG").full("OB DISCHRG")
    assert ("LOWBATT" in names(ups)) is low
    assert bool(ups.event("ONBATT").figures["low_battery"]) is low
    assert "LOWBATT" not in run(ups).machine.open


def test_a_low_battery_that_recovers_a_little_is_one_event():
    ups = Scenario(battery_charge=50, battery_charge_low=20).full("OL")
    for charge in (21, 19, 21, 19, 22, 18):
        ups.full("OB", battery_charge=charge)
    assert names(ups).count("LOWBATT") == 1
