"""Instant commands of UPSes: what NUT's standard ones do, and which of them put the load at risk."""

import difflib
import re

from ingest.ups.variables import variable_names

COMMANDS = {  # NUT's docs/nut-names.txt and data/cmdvartab; n is the number of an outlet
    "test.battery.start": "Start a battery test",
    "test.battery.start.quick": "Start a quick battery test",
    "test.battery.start.low": "Start a battery test down to low battery",
    "test.battery.start.deep": "Start a deep battery test",
    "test.battery.stop": "Stop the battery test",
    "test.panel.start": "Start a test of the panel",
    "test.panel.stop": "Stop the test of the panel",
    "test.failure.start": "Simulate a power failure",
    "test.failure.stop": "Stop simulating a power failure",
    "test.system.start": "Start a test of the system",
    "calibrate.start": "Start a runtime calibration",
    "calibrate.stop": "Stop the runtime calibration",
    "beeper.enable": "Turn the beeper on",
    "beeper.disable": "Turn the beeper off",
    "beeper.mute": "Mute the beeper for now",
    "beeper.toggle": "Turn the beeper on or off",
    "beeper.on": "Turn the beeper on",
    "beeper.off": "Turn the beeper off",
    "bypass.start": "Go to bypass",
    "bypass.stop": "Leave bypass",
    "reset.input.minmax": "Reset the lowest and highest input voltage",
    "reset.watchdog": "Restart the watchdog, which restarts the UPS when it runs out",
    "load.off": "Turn the load off at once",
    "load.off.delay": "Turn the load off after its delay",
    "load.on": "Turn the load on at once",
    "load.on.delay": "Turn the load on after its delay",
    "load.cycle": "Turn the load off and on again",
    "shutdown.default": "Shut down as its driver does",
    "shutdown.return": "Turn the load off, and on when mains are back",
    "shutdown.stayoff": "Turn the load off and keep it off",
    "shutdown.stop": "Stop a shutdown that is under way",
    "shutdown.reboot": "Turn the load off for a moment",
    "shutdown.reboot.graceful": "Turn the load off for a moment, after its delay",
    "outlet.n.load.off": "Turn outlet n off",
    "outlet.n.load.on": "Turn outlet n on",
    "outlet.n.load.cycle": "Turn outlet n off and on again",
    "outlet.n.load.off.delay": "Turn outlet n off after its delay",
    "outlet.n.load.on.delay": "Turn outlet n on after its delay",
    "outlet.n.load.cycle.delay": "Turn outlet n off and on again after its delay",
    "outlet.n.shutdown.return": "Turn outlet n off, and on when mains are back",
    "driver.killpower": "Have the driver cut the power",
    "driver.reload": "Have the driver read its configuration",
    "driver.reload-or-error": "Have the driver read its configuration, where it can",
    "driver.reload-or-exit": "Have the driver read its configuration, or end",
    "driver.exit": "End the driver",
    "experimental.must.reset": "Reset the inverter",
}

POWER_RISK = "it cuts the power of the load"
BATTERY_RISK = "the battery is discharged: an outage soon afterwards finds it empty"
BYPASS_RISK = "on bypass nothing is protected"
DRIVER_RISK = "this UPS is not monitored while its driver is gone"

# Drivers make up names of their own, so danger is read from the words of a name, whatever they stand for: an
# outlet, a group of outlets, a device in a chain. Of the 58 names in NUT's documents, drivers and 719 device
# dumps, an outlet's number apart, 27 are dangerous by the rules here, and 31 are not.
POWER_WORD = re.compile(
    r"\w*off(delay)?|\w*cycle|\w*shutdown|toggle\w*|\w*reboot|\w*restart|\w*reset|kill\w*|"
    r"power(down|kill)|standby|sleep|halt|watchdog"
)
# What has such a word and touches no power: sounds and lights, and what calls a shutdown off.
HARMLESS = re.compile(
    r"((test|panel|front)\.)*((display|screen|lcd|leds?|backlight|beeper|buzzer|sounder|keysound)\.)+(off|toggle)|"
    r"shutdown\.(stop|cancel|abort)|reset\.(input|output)\.minmax"
)
PLACE = re.compile(r"^((experimental|ups|device(\.\d+)?|outlet(\.group)?(\.\d+)?)\.)+")
LONG_TEST_S = 300  # a battery test of this length and more takes a good part of the charge

# All that the registers of a MUST EP20 allow; its protocol has no battery test.
EP20_COMMANDS = ("beeper.enable", "beeper.disable", "experimental.must.reset", "shutdown.return")
NO_DESCRIPTION = "Description unavailable"  # upsd's text for a command that it has none for
MIN_SIMILARITY = 0.94  # from here on a name is taken for a misspelled standard one


def command_label(command: str, description: str = "", value: str | None = None) -> str:
    """What a command does: our text for a standard one, else the server's, else its name."""
    device = re.match(r"device\.(\d+)\.", command)
    name = command[device.end() :] if device else command
    outlet = re.match(r"outlet\.(group\.)?(\d+)\.", name)
    if outlet:
        name = f"outlet.n.{name[outlet.end() :]}"
    text = COMMANDS.get(name.lower())
    if text and outlet:
        text = text.replace("outlet n", f"outlet {'group ' if outlet[1] else ''}{outlet[2]}")
    if text and device:
        text += f", device {device[1]}"
    if not text:
        text = description if description and description != NO_DESCRIPTION else command
    return text if value is None else f"{text}: {value}"


def plain_name(command: str) -> str:
    """A command's name in lower case, its words joined by dots, without the place that it is meant for.

    upsd does not distinguish upper and lower case in it.
    """
    return PLACE.sub("", re.sub(r"[^a-z0-9]+", ".", command.lower()).strip("."))


def command_risk(command: str, value: str | None = None) -> str:
    """The risk of a command, with its value in s where it has one; '' for one that has no risk."""
    name = plain_name(command)
    words = re.findall("[a-z]+", name)
    if name.startswith("driver.") and "killpower" not in words:
        return DRIVER_RISK
    if any(map(POWER_WORD.fullmatch, words)) and not HARMLESS.fullmatch(name):
        return POWER_RISK
    starts = not {"stop", "abort", "cancel"} & set(words)
    if starts and ("disconnect" in words or _runs_battery_down(words, value)):
        return BATTERY_RISK
    return BYPASS_RISK if starts and "bypass" in words else ""


def _runs_battery_down(words: list[str], value: str | None) -> bool:
    """Whether a test or calibration takes a good part of the charge."""
    if any(word.startswith("calibrat") for word in words):
        return True
    if "test" not in words:
        return False
    long = value is not None and value.isascii() and value.isdigit() and int(value) >= LONG_TEST_S
    return bool({"failure", "deep", "low"} & set(words)) or (long and "battery" in words)


def invalid_name_reason(name: str, kind: str) -> str | None:
    """Why a name under `commands:` or `settings:` (kind) is wrong; None where it can be right.

    UPSes have names besides the standard ones, so only what is nearly a standard name, or one of the other
    kind, is wrong.
    """
    plain = re.sub(r"(?<=\.)\d+(?=\.)", "n", name)
    commands, variables = tuple(COMMANDS), variable_names()
    valid, other, other_kind = (
        (commands, variables, "settings") if kind == "commands" else (variables, commands, "commands")
    )
    if re.search(r'[\s"\\\x00-\x1f\x7f]', name) or not name:
        return f"{name!r} is no name of NUT's"
    if plain in valid:
        return None
    if plain in other:
        return f"{name!r} is one for {other_kind}:"
    close = difflib.get_close_matches(plain, valid, 1, MIN_SIMILARITY)
    return f"{name!r} is no name of NUT's: did you mean {close[0]!r}?" if close else None
