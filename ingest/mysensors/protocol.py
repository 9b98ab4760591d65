"""The MySensors serial protocol 2.x: lines to values and back. Pure: no I/O, no clock, no state.

A line is `node;child;command;echo;type;payload`. Nothing is escaped: the payload is whatever stands
behind the fifth `;`. Symbols and numbers are those of `core/MyMessage.h` of the MySensors library
(2.0.0 to 2.4.0-alpha); the limits are those of `core/MyProtocol.cpp` and `MyConfig.h`.
"""

import re
from enum import IntEnum
from typing import NamedTuple

GATEWAY_NODE = 0
BROADCAST = 255  # as a destination; as a sender it means "no id yet"
NODE_CHILD = 255  # the child id that stands for the node itself
MAX_LINE = 255  # bytes; a gateway's output buffer holds 120
MAX_OUTGOING = 98  # characters; the gateway executes the tail of a longer line as a line of its own
MAX_PAYLOAD = 25  # bytes of a radio message behind its header


class Command(IntEnum):
    presentation = 0
    set = 1
    req = 2
    internal = 3
    stream = 4


# fmt: off
Presentation = IntEnum("Presentation", [f"S_{name}" for name in (
    "DOOR", "MOTION", "SMOKE", "BINARY", "DIMMER", "COVER", "TEMP", "HUM", "BARO", "WIND", "RAIN", "UV", "WEIGHT",
    "POWER", "HEATER", "DISTANCE", "LIGHT_LEVEL", "ARDUINO_NODE", "ARDUINO_REPEATER_NODE", "LOCK", "IR", "WATER",
    "AIR_QUALITY", "CUSTOM", "DUST", "SCENE_CONTROLLER", "RGB_LIGHT", "RGBW_LIGHT", "COLOR_SENSOR", "HVAC",
    "MULTIMETER", "SPRINKLER", "WATER_LEAK", "SOUND", "VIBRATION", "MOISTURE", "INFO", "GAS", "GPS",
    "WATER_QUALITY",
)], start=0)

SetReq = IntEnum("SetReq", [f"V_{name}" for name in (
    "TEMP", "HUM", "STATUS", "PERCENTAGE", "PRESSURE", "FORECAST", "RAIN", "RAINRATE", "WIND", "GUST", "DIRECTION",
    "UV", "WEIGHT", "DISTANCE", "IMPEDANCE", "ARMED", "TRIPPED", "WATT", "KWH", "SCENE_ON", "SCENE_OFF",
    "HVAC_FLOW_STATE", "HVAC_SPEED", "LIGHT_LEVEL", "VAR1", "VAR2", "VAR3", "VAR4", "VAR5", "UP", "DOWN", "STOP",
    "IR_SEND", "IR_RECEIVE", "FLOW", "VOLUME", "LOCK_STATUS", "LEVEL", "VOLTAGE", "CURRENT", "RGB", "RGBW", "ID",
    "UNIT_PREFIX", "HVAC_SETPOINT_COOL", "HVAC_SETPOINT_HEAT", "HVAC_FLOW_MODE", "TEXT", "CUSTOM", "POSITION",
    "IR_RECORD", "PH", "ORP", "EC", "VAR", "VA", "POWER_FACTOR", "MULTI_MESSAGE",
)], start=0)

Internal = IntEnum("Internal", [f"I_{name}" for name in (
    "BATTERY_LEVEL", "TIME", "VERSION", "ID_REQUEST", "ID_RESPONSE", "INCLUSION_MODE", "CONFIG",
    "FIND_PARENT_REQUEST", "FIND_PARENT_RESPONSE", "LOG_MESSAGE", "CHILDREN", "SKETCH_NAME", "SKETCH_VERSION",
    "REBOOT", "GATEWAY_READY", "SIGNING_PRESENTATION", "NONCE_REQUEST", "NONCE_RESPONSE", "HEARTBEAT_REQUEST",
    "PRESENTATION", "DISCOVER_REQUEST", "DISCOVER_RESPONSE", "HEARTBEAT_RESPONSE", "LOCKED", "PING", "PONG",
    "REGISTRATION_REQUEST", "REGISTRATION_RESPONSE", "DEBUG", "SIGNAL_REPORT_REQUEST", "SIGNAL_REPORT_REVERSE",
    "SIGNAL_REPORT_RESPONSE", "PRE_SLEEP_NOTIFICATION", "POST_SLEEP_NOTIFICATION",
)], start=0)

Stream = IntEnum("Stream", [f"ST_{name}" for name in (
    "FIRMWARE_CONFIG_REQUEST", "FIRMWARE_CONFIG_RESPONSE", "FIRMWARE_REQUEST", "FIRMWARE_RESPONSE", "SOUND", "IMAGE",
    "FIRMWARE_CONFIRM", "FIRMWARE_RESPONSE_RLE",
)], start=0)
# fmt: on

TYPES = {
    Command.presentation: ("S", Presentation),
    Command.set: ("V", SetReq),
    Command.req: ("V", SetReq),
    Command.internal: ("I", Internal),
    Command.stream: ("ST", Stream),
}
# What a strict reading of a number accepts: no sign, blank, underscore or leading zero.
BYTES = {str(number): number for number in range(256)}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
BIGGEST = 1e300  # sums of many numbers below it are still finite
FIELDS = ("node", "child", "command", "echo", "type")
LIMITS = (255, 255, 4, 1, 255)


class Header(NamedTuple):
    """The five numbers of a line. Sending, `node` is the destination and `echo` asks for one."""

    node: int
    child: int
    command: int
    echo: int
    type: int


class LineError(ValueError):
    """A line that cannot be read; its text says why, in words."""


def is_known(command, number):
    """True when the library knows this type of this command."""
    return number in TYPES[command][1]._value2member_map_


def type_name(command, number):
    """The field's own symbol, such as `V_TEMP`; `V_200` for a number that the library does not know."""
    prefix, symbols = TYPES[command]
    known = symbols._value2member_map_.get(number)
    return known.name if known is not None else f"{prefix}_{number}"


def parse_header(head):
    """The text before the payload, `12;6;1;0;0`, as a Header. Raises LineError."""
    fields = head.split(";")
    numbers = tuple(map(BYTES.get, fields))
    for name, text, number, limit in zip(FIELDS, fields, numbers, LIMITS):
        if number is None or number > limit:
            raise LineError(f"{name} is {text!r}, a whole number from 0 to {limit} is needed")
    return Header(*numbers)


def parse_line(line):
    """One line without its line end as (Header, payload). Raises LineError.

    Only the first five `;` separate: V_POSITION, for one, is defined as `lat;lon;alt`.
    """
    parts = line.split(";", 5)
    if len(parts) < 6:
        raise LineError(f"{len(parts)} fields, 6 are needed: node;child;command;echo;type;payload")
    return parse_header(line[: len(line) - len(parts[5]) - 1]), parts[5]


def parse_number(text):
    """The number that a decimal pattern reads in `text`, else None: `nan`, `inf` and `1_000` are no numbers.

    `1e999` is none either: a float holds it as infinity, which JSON cannot carry and no sum survives.
    """
    number = float(text) if NUMBER.fullmatch(text) else None
    return number if number is not None and abs(number) < BIGGEST else None


def format_line(node, child, command, echo, type, payload=""):
    """One line for a gateway, with its line end: `\\n` alone, since a serial gateway keeps a `\\r` in stream data."""
    return f"{node};{child};{int(command)};{int(echo)};{int(type)};{payload}\n"


def validate_outgoing(line):
    """Read a line that is to be sent and return (Header, payload). Raises LineError, in words.

    The gateway checks nothing (`protocolSerial2MyMessage`): numbers wrap, a longer payload is cut in silence, a
    `;` ends it, an odd hex digit or a 26th byte of a stream payload is read or written past its buffer.
    """
    header, payload = parse_line(line)
    if not line.isprintable():
        raise LineError("a control character would end the line or split it in two")
    if len(line.encode()) > MAX_OUTGOING:
        raise LineError(f"{len(line.encode())} bytes, a gateway reads {MAX_OUTGOING} at most")
    if header.command == Command.stream:
        if not re.fullmatch(r"([0-9A-Fa-f]{2})*", payload):
            raise LineError("a stream payload is an even number of hex digits")
        size = len(payload) // 2
    else:
        size = len(payload.encode())
        if ";" in payload:
            raise LineError("a gateway cuts what it sends to a node at the first ';' of the payload")
    if size > MAX_PAYLOAD:
        raise LineError(f"payload of {size} bytes, a radio message carries {MAX_PAYLOAD} at most")
    if header.node == BROADCAST and header.command == Command.internal:
        if header.type not in (Internal.I_DISCOVER_REQUEST, Internal.I_ID_RESPONSE):
            raise LineError(
                f"no node acts on a broadcast of {type_name(header.command, header.type)}: address the nodes one by one"
            )
    return header, payload
