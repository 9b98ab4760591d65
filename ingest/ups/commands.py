"""Instant commands of UPSes: what NUT's standard ones do, and which of them put the load at risk."""

import difflib
import re

from ingest.ups.variables import variable_names

COMMANDS = {  # NUT's docs/nut-names.txt; n is the number of an outlet
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
    "bypass.start": "Go to bypass",
    "bypass.stop": "Leave bypass",
    "reset.input.minmax": "Reset the lowest and highest input voltage",
    "reset.watchdog": "Restart the watchdog",
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
    "outlet.n.shutdown.return": "Turn outlet n off, and on when mains are back",
    "driver.killpower": "Have the driver cut the power",
    "driver.reload": "Have the driver read its configuration",
    "driver.reload-or-error": "Have the driver read its configuration, where it can",
    "driver.reload-or-exit": "Have the driver read its configuration, or end",
    "driver.exit": "End the driver",
}
RISKS = (  # pattern of a command -> the risk
    (
        r"(outlet\.(\d+\.)?)?load\.(off|cycle)(\..*)?|shutdown\.(?!stop$).*|"
        r"outlet\.(\d+\.)?shutdown\..*|driver\.killpower",
        "it cuts the power of the load",
    ),
    (
        r"test\.failure\.start|test\.battery\.start\.(deep|low)|calibrate\.start",
        "the battery is discharged: an outage soon afterwards finds it empty",
    ),
    (r"bypass\.start", "on bypass nothing is protected"),
    (r"driver\..*", "this UPS is not monitored while its driver is gone"),
)
# All that the registers of a MUST EP20 allow without risk.
EP20_COMMANDS = ("beeper.enable", "beeper.disable")
NO_DESCRIPTION = "Description unavailable"  # upsd's text for a command that it has none for
MIN_SIMILARITY = 0.94  # from here on a name is taken for a misspelled standard one


def command_label(command: str, description: str = "") -> str:
    """What a command does: our text for a standard one, else the server's, else its name."""
    number = re.search(r"(?<=^outlet\.)\d+(?=\.)", command)
    text = COMMANDS.get(re.sub(r"^outlet\.\d+\.", "outlet.n.", command))
    if text:
        return re.sub(r"\bn\b", number[0], text) if number else text
    return description if description and description != NO_DESCRIPTION else command


def command_risk(command: str) -> str:
    """The risk of a command; '' for one that has none."""
    return next((risk for pattern, risk in RISKS if re.fullmatch(pattern, command)), "")


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
