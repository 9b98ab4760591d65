"""The value that an instant command takes: a number of seconds for NUT's standard ones. Pure.

NUT's protocol has one optional value behind the command's name (`INSTCMD su700 load.off.delay 120`) and no
way to ask which command takes one. So what is standard takes seconds where its driver waits or tests for a
time, and nothing where a driver would take a number for something else: a HID driver writes whatever it is
given into the device. What is no standard name may take one plain word.
"""

import re

from ingest.ups.commands import COMMANDS, plain_name

DELAY_S = (0, 86400)
SECONDS = {  # name without its place -> lowest and highest number of seconds
    "test.battery.start": (1, 5940),  # nutdrv_qx takes 10, or 60 to 5940
    "load.off.delay": DELAY_S,
    "load.on.delay": DELAY_S,
    "load.cycle.delay": DELAY_S,
    "shutdown.return": DELAY_S,
    "shutdown.stayoff": DELAY_S,
    "shutdown.reboot": DELAY_S,
    "shutdown.reboot.graceful": DELAY_S,
}
STANDARD = frozenset(plain_name(name.replace("outlet.n.", "")) for name in COMMANDS)
NUMBER = re.compile("[0-9]{1,9}")  # ASCII alone: drivers read it with atoi()
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}")


def seconds_range(command: str) -> tuple[int, int] | None:
    """The lowest and highest number of seconds that a command takes; None where it takes no seconds."""
    return SECONDS.get(plain_name(command))


def invalid_command_value_reason(command: str, value: str) -> str | None:
    """Why a command does not take a value; None where it may."""
    limits = seconds_range(command)
    if limits is not None:
        low, high = limits
        if NUMBER.fullmatch(value) and low <= int(value) <= high:
            return None
        return f"{value!r} is not a whole number of seconds from {low} to {high}"
    if plain_name(command) in STANDARD:
        return f"{command} takes no value"
    if WORD.fullmatch(value):
        return None
    return f"{value!r} is not a plain word: letters, digits and . _ : + - alone, at most 64"


def command_text(command: str, value: str | None) -> str:
    """A command as it is written, with its value."""
    return command if value is None else f"{command} {value}"
