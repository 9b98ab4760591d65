"""Names of commands and settings, what they may cost, which values a setting takes: pure functions."""

import pytest

from ingest.ups.command_values import invalid_command_value_reason, seconds_range
from ingest.ups.commands import (
    BATTERY_RISK,
    BYPASS_RISK,
    COMMANDS,
    POWER_RISK,
    command_label,
    command_risk,
    invalid_name_reason,
)
from ingest.ups.setting_values import Setting, invalid_value_reason, same_value

NUMBER, TEXT = Setting("RW NUMBER"), Setting("RW STRING:4")
ENUM, RANGE = (
    Setting("RW ENUM NUMBER", ("low", "high")),
    Setting("RW RANGE NUMBER", (), (("10", "20"), ("100", "110.5"))),
)


@pytest.mark.parametrize(
    ("setting", "value", "now", "words"),
    [
        (NUMBER, "20", "10", None),
        (NUMBER, "-2.5", "10", None),
        (NUMBER, "soon", "10", "no number"),
        (NUMBER, "nan", "10", "no number"),
        (NUMBER, "1_0", "10", "no number"),
        (NUMBER, "2021/12/11", "2001/09/25", None),
        (NUMBER, "", "10", "empty"),
        (TEXT, "", "x", None),
        (TEXT, "abcd", "x", None),
        (TEXT, "abcde", "x", "longer than 4"),
        (TEXT, "a\nb", "x", "control character"),
        (TEXT, "ab\\", "x", "ends with a quote or a backslash"),
        (TEXT, '"', "x", "ends with a quote or a backslash"),
        (TEXT, "a\\b", "x", None),
        (ENUM, "low", "high", None),
        (ENUM, "Low", "high", "none of low, high"),
        (ENUM, "", "high", "empty"),
        (RANGE, "10", "15", None),
        (RANGE, "110.5", "15", None),
        (RANGE, "21", "15", "not in 10 to 20 or 100 to 110.5"),
        (RANGE, "x", "15", "not in"),
        (Setting("", (), (("a", "b"),)), "1", "1", None),
        (Setting(), "anything", "text", None),
        (Setting(), "x" * 257, "text", "longer than 256"),
    ],
)
def test_values(setting, value, now, words):
    wrong = invalid_value_reason(setting, value, now)
    assert wrong is None if words is None else words in wrong


def test_values_that_are_the_same():
    assert same_value("020", "20") and same_value("a", "a") and same_value("20.0", "20")
    assert same_value("+20", "20.000") and same_value("Büro", "Büro")
    assert not same_value("12345678901234567890", "12345678901234567891")  # a serial number is no float
    assert not same_value("\u0662\u0660", "20") and not same_value("a", "A") and not same_value("a ", "a")
    assert not same_value("20", "21") and not same_value("a", "b") and not same_value("", "0")


@pytest.mark.parametrize(
    "command",
    [
        "load.off",
        "load.off.delay",
        "load.cycle",
        "outlet.2.load.off",
        "outlet.load.cycle",
        "shutdown.return",
        "shutdown.reboot.graceful",
        "outlet.1.shutdown.return",
        "driver.killpower",
        "driver.exit",
        "calibrate.start",
        "test.battery.start.deep",
        "test.failure.start",
        "bypass.start",
    ],
)
def test_what_may_cost_something_says_so(command):
    assert command_risk(command)


@pytest.mark.parametrize(
    "command",
    [
        "load.on",
        "shutdown.stop",
        "test.battery.start",
        "test.battery.start.quick",
        "beeper.mute",
        "calibrate.stop",
    ],
)
def test_what_costs_nothing(command):
    assert command_risk(command) == ""


@pytest.mark.parametrize(
    "command",
    [
        # of outlets, groups of outlets and devices in a chain, as snmp-ups and apc_modbus number them
        "outlet.group.1.load.off",
        "outlet.group.1.load.cycle",
        "outlet.group.0.load.off.delay",
        "outlet.group.12.load.cycle.delay",
        "device.1.load.off",
        "device.1.outlet.2.load.off",
        "device.3.outlet.group.2.load.cycle",
        "device.2.shutdown.return",
        "outlet.group.2.shutdown.stayoff",
        "outlet.4.load.off.delay",
        "outlet.off",
        # of drivers and devices
        "input.off",
        "standby.on",
        "standby.off",
        "bypass.off",
        "shutdown.restart",
        "shutdown.return.grace",
        "fsd.killpower",
        "experimental.system.shutdown",
        "experimental.remote.shutdown",
        "experimental.must.reset",
        "reset.watchdog",  # of a Tripp Lite: it restarts the load when it runs out
        # as somebody may yet spell it
        "LOAD.OFF",
        "Outlet.1.Load.Cycle",
        "load-off",
        "load_off",
        "outlet1off",
        "outlet.1.poweroff",
        "ups.reboot",
        "outlet.2.toggle",
        "power-cycle",
        "outlet.1.powercycle",
        "outlet.1.reboot-delayed",
        "pdu.bank-2.off",
        "system.powerdown",
        # a harmless word beside it does not help
        "beeper.off.load.off",
        "display.shutdown",
        "shutdown.stop.load.off",
        "test.off",
        "outlet.1.beeper.shutdown",
    ],
)
def test_the_words_of_a_name_give_the_danger_away(command):
    assert command_risk(command) == POWER_RISK


@pytest.mark.parametrize(
    ("command", "risk"),
    [
        ("device.1.test.battery.start.deep", BATTERY_RISK),
        ("outlet.1.test.failure.start", BATTERY_RISK),
        ("grid.disconnect", BATTERY_RISK),
        ("calibrate.start", BATTERY_RISK),
        ("device.2.bypass.start", BYPASS_RISK),
        ("experimental.bypass.ecomode.start", BYPASS_RISK),
    ],
)
def test_other_risks_hold_for_every_place_too(command, risk):
    assert command_risk(command) == risk


@pytest.mark.parametrize(
    "command",
    [
        "beeper.off",
        "beeper.toggle",
        "beeper.on",
        "device.1.beeper.off",
        "experimental.test.beeper.start",
        "outlet.1.load.on",
        "outlet.group.1.load.on.delay",
        "device.1.outlet.3.load.on",
        "outlet.group.2.shutdown.stop",
        "device.1.shutdown.stop",
        "shutdown.cancel",
        "display.off",
        "lcd.backlight.toggle",
        "panel.backlight.off",
        "panel.led.off",
        "experimental.ecomode.start",
        "experimental.bypass.ecomode.stop",
        "clear.fault.record",
        "grid.connect",
        "input.on",
        "reset.input.minmax",
        "test.panel.start",
        "test.system.start",
        "test.failure.stop",
        "test.battery.start.quick",
        "experimental.ve-direct.get",
        "vendor.blink",
    ],
)
def test_what_has_such_a_word_or_looks_so_and_is_harmless(command):
    assert command_risk(command) == ""


@pytest.mark.parametrize(
    ("command", "value", "words"),
    [
        ("test.battery.start", "60", None),
        ("test.battery.start", "5940", None),
        ("device.1.test.battery.start", "10", None),
        ("shutdown.return", "30", None),
        ("shutdown.stayoff", "0", None),
        ("load.off.delay", "120", None),
        ("outlet.2.load.on.delay", "86400", None),
        ("outlet.group.1.load.cycle.delay", "5", None),
        ("experimental.ve-direct.set", "0x200:01", None),
        ("vendor.blink", "fast", None),
        ("test.battery.start", "0", "whole number of seconds from 1 to 5940"),
        ("test.battery.start", "5941", "from 1 to 5940"),
        ("test.battery.start", "", "from 1 to 5940"),
        ("test.battery.start", "60 ", "from 1 to 5940"),
        ("test.battery.start", "60.5", "from 1 to 5940"),
        ("test.battery.start", "1e2", "from 1 to 5940"),
        ("test.battery.start", "1_0", "from 1 to 5940"),
        ("test.battery.start", "\u0666\u0660", "from 1 to 5940"),
        ("test.battery.start", "9" * 5000, "from 1 to 5940"),
        ("shutdown.return", "-1", "from 0 to 86400"),
        ("shutdown.return", "+30", "from 0 to 86400"),
        ("shutdown.return", "soon", "from 0 to 86400"),
        ("shutdown.return", "30\nINSTCMD rack load.off", "from 0 to 86400"),
        ("load.off.delay", '30" "', "from 0 to 86400"),
        ("load.off.delay", "86401", "from 0 to 86400"),
        ("load.off", "60", "load.off takes no value"),
        ("outlet.1.load.off", "60", "takes no value"),
        ("beeper.enable", "1", "takes no value"),
        ("test.battery.start.quick", "60", "takes no value"),
        ("shutdown.stop", "1", "takes no value"),
        ("driver.killpower", "1", "takes no value"),
        ("vendor.blink", "two words", "not a plain word"),
        ("vendor.blink", 'a"b', "not a plain word"),
        ("vendor.blink", "a\\b", "not a plain word"),
        ("vendor.blink", "a\n", "not a plain word"),
        ("vendor.blink", "b\xfcro", "not a plain word"),
        ("vendor.blink", "x" * 65, "not a plain word"),
        ("vendor.blink", "", "not a plain word"),
    ],
)
def test_values_of_commands(command, value, words):
    wrong = invalid_command_value_reason(command, value)
    assert wrong is None if words is None else words in wrong


def test_a_battery_test_is_dangerous_from_some_length_on():
    assert command_risk("test.battery.start", "60") == command_risk("test.battery.start", "299") == ""
    assert command_risk("test.battery.start", "300") == BATTERY_RISK
    assert command_risk("device.1.test.battery.start", "5940") == BATTERY_RISK
    assert command_risk("shutdown.return", "30") == POWER_RISK
    assert seconds_range("outlet.1.load.off.delay") == (0, 86400) and seconds_range("vendor.blink") is None


def test_words_of_places_and_values():
    assert command_label("outlet.group.1.load.off") == "Turn outlet group 1 off"
    assert command_label("device.1.outlet.2.load.cycle") == "Turn outlet 2 off and on again, device 1"
    assert command_label("LOAD.OFF") == "Turn the load off at once"
    assert command_label("test.battery.start", value="60 s") == "Start a battery test: 60 s"


def test_words():
    assert command_label("outlet.2.load.off") == "Turn outlet 2 off"
    assert command_label("vendor.blink", "Blink the panel") == "Blink the panel"
    assert (
        command_label("vendor.blink", "Description unavailable")
        == command_label("vendor.blink")
        == "vendor.blink"
    )


def test_no_standard_name_is_taken_for_another():
    assert [name for name in COMMANDS if invalid_name_reason(name.replace(".n.", ".12."), "commands")] == []
    assert (
        invalid_name_reason("outlet.2.desc", "settings") is None
        and invalid_name_reason("vendor.thing", "commands") is None
    )
