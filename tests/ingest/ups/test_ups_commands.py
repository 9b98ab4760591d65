"""Names of commands and settings, what they may cost, which values a setting takes: pure functions."""

import pytest

from ingest.ups.commands import COMMANDS, command_label, command_risk, invalid_name_reason
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
