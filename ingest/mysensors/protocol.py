"""The MySensors serial protocol 2.x: lines to values and back. Pure: no I/O, no clock, no state.

A line is `node;child;command;echo;type;payload`. Nothing is escaped: the payload is whatever stands
behind the fifth `;`. Symbols and numbers are those of `core/MyMessage.h` of the MySensors library
(2.0.0 to 2.4.0-alpha); the limits are those of `core/MyProtocol.cpp` and `MyConfig.h`. These tables make
up most of the file.
"""

import re
from enum import IntEnum
from typing import NamedTuple

from ingest.errors import VoltkeeperError

GATEWAY_NODE = 0
BROADCAST = 255  # as a destination; as a sender it means "no id yet"
NODE_CHILD = 255  # the child id that stands for the node itself
MAX_LINE = 255  # bytes; a gateway's output buffer holds 120
MAX_OUTGOING = 98  # characters; the gateway executes the tail of a longer line as a line of its own
MAX_PAYLOAD = 25  # bytes of a radio message behind its header


class Command(IntEnum):
    """What a message is for (`mysensors_command_t`)."""

    presentation = 0
    set = 1
    req = 2
    internal = 3
    stream = 4


class Presentation(IntEnum):
    """Types of a presentation: what a sensor is (`mysensors_sensor_t`)."""

    S_DOOR = 0
    S_MOTION = 1
    S_SMOKE = 2
    S_BINARY = 3
    S_DIMMER = 4
    S_COVER = 5
    S_TEMP = 6
    S_HUM = 7
    S_BARO = 8
    S_WIND = 9
    S_RAIN = 10
    S_UV = 11
    S_WEIGHT = 12
    S_POWER = 13
    S_HEATER = 14
    S_DISTANCE = 15
    S_LIGHT_LEVEL = 16
    S_ARDUINO_NODE = 17
    S_ARDUINO_REPEATER_NODE = 18
    S_LOCK = 19
    S_IR = 20
    S_WATER = 21
    S_AIR_QUALITY = 22
    S_CUSTOM = 23
    S_DUST = 24
    S_SCENE_CONTROLLER = 25
    S_RGB_LIGHT = 26
    S_RGBW_LIGHT = 27
    S_COLOR_SENSOR = 28
    S_HVAC = 29
    S_MULTIMETER = 30
    S_SPRINKLER = 31
    S_WATER_LEAK = 32
    S_SOUND = 33
    S_VIBRATION = 34
    S_MOISTURE = 35
    S_INFO = 36
    S_GAS = 37
    S_GPS = 38
    S_WATER_QUALITY = 39


class SetReq(IntEnum):
    """Types of a value, of `set` and `req` alike (`mysensors_data_t`)."""

    V_TEMP = 0
    V_HUM = 1
    V_STATUS = 2
    V_PERCENTAGE = 3
    V_PRESSURE = 4
    V_FORECAST = 5
    V_RAIN = 6
    V_RAINRATE = 7
    V_WIND = 8
    V_GUST = 9
    V_DIRECTION = 10
    V_UV = 11
    V_WEIGHT = 12
    V_DISTANCE = 13
    V_IMPEDANCE = 14
    V_ARMED = 15
    V_TRIPPED = 16
    V_WATT = 17
    V_KWH = 18
    V_SCENE_ON = 19
    V_SCENE_OFF = 20
    V_HVAC_FLOW_STATE = 21
    V_HVAC_SPEED = 22
    V_LIGHT_LEVEL = 23
    V_VAR1 = 24
    V_VAR2 = 25
    V_VAR3 = 26
    V_VAR4 = 27
    V_VAR5 = 28
    V_UP = 29
    V_DOWN = 30
    V_STOP = 31
    V_IR_SEND = 32
    V_IR_RECEIVE = 33
    V_FLOW = 34
    V_VOLUME = 35
    V_LOCK_STATUS = 36
    V_LEVEL = 37
    V_VOLTAGE = 38
    V_CURRENT = 39
    V_RGB = 40
    V_RGBW = 41
    V_ID = 42
    V_UNIT_PREFIX = 43
    V_HVAC_SETPOINT_COOL = 44
    V_HVAC_SETPOINT_HEAT = 45
    V_HVAC_FLOW_MODE = 46
    V_TEXT = 47
    V_CUSTOM = 48
    V_POSITION = 49
    V_IR_RECORD = 50
    V_PH = 51
    V_ORP = 52
    V_EC = 53
    V_VAR = 54
    V_VA = 55
    V_POWER_FACTOR = 56
    V_MULTI_MESSAGE = 57


class Internal(IntEnum):
    """Types of an internal message (`mysensors_internal_t`)."""

    I_BATTERY_LEVEL = 0
    I_TIME = 1
    I_VERSION = 2
    I_ID_REQUEST = 3
    I_ID_RESPONSE = 4
    I_INCLUSION_MODE = 5
    I_CONFIG = 6
    I_FIND_PARENT_REQUEST = 7
    I_FIND_PARENT_RESPONSE = 8
    I_LOG_MESSAGE = 9
    I_CHILDREN = 10
    I_SKETCH_NAME = 11
    I_SKETCH_VERSION = 12
    I_REBOOT = 13
    I_GATEWAY_READY = 14
    I_SIGNING_PRESENTATION = 15
    I_NONCE_REQUEST = 16
    I_NONCE_RESPONSE = 17
    I_HEARTBEAT_REQUEST = 18
    I_PRESENTATION = 19
    I_DISCOVER_REQUEST = 20
    I_DISCOVER_RESPONSE = 21
    I_HEARTBEAT_RESPONSE = 22
    I_LOCKED = 23
    I_PING = 24
    I_PONG = 25
    I_REGISTRATION_REQUEST = 26
    I_REGISTRATION_RESPONSE = 27
    I_DEBUG = 28
    I_SIGNAL_REPORT_REQUEST = 29
    I_SIGNAL_REPORT_REVERSE = 30
    I_SIGNAL_REPORT_RESPONSE = 31
    I_PRE_SLEEP_NOTIFICATION = 32
    I_POST_SLEEP_NOTIFICATION = 33


class Stream(IntEnum):
    """Types of a stream message (`mysensors_stream_t`)."""

    ST_FIRMWARE_CONFIG_REQUEST = 0
    ST_FIRMWARE_CONFIG_RESPONSE = 1
    ST_FIRMWARE_REQUEST = 2
    ST_FIRMWARE_RESPONSE = 3
    ST_SOUND = 4
    ST_IMAGE = 5
    ST_FIRMWARE_CONFIRM = 6
    ST_FIRMWARE_RESPONSE_RLE = 7


TYPES: dict[int, tuple[str, type[IntEnum]]] = {  # command -> prefix of its symbols, its types
    Command.presentation: ("S", Presentation),
    Command.set: ("V", SetReq),
    Command.req: ("V", SetReq),
    Command.internal: ("I", Internal),
    Command.stream: ("ST", Stream),
}
SYMBOLS = {command: {type.value: type.name for type in types} for command, (_, types) in TYPES.items()}
# Values that are texts: of them an empty one, which arrives as "0", is not what was sent.
TEXT_TYPES = frozenset(
    {
        SetReq.V_FORECAST,
        SetReq.V_HVAC_FLOW_STATE,
        SetReq.V_HVAC_SPEED,
        SetReq.V_HVAC_FLOW_MODE,
        SetReq.V_VAR1,
        SetReq.V_VAR2,
        SetReq.V_VAR3,
        SetReq.V_VAR4,
        SetReq.V_VAR5,
        SetReq.V_IR_SEND,
        SetReq.V_IR_RECEIVE,
        SetReq.V_IR_RECORD,
        SetReq.V_RGB,
        SetReq.V_RGBW,
        SetReq.V_ID,
        SetReq.V_UNIT_PREFIX,
        SetReq.V_TEXT,
        SetReq.V_CUSTOM,
        SetReq.V_POSITION,
    }
)
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


# What one line carries. Plain tuples: they are made for every line.
Message = tuple[Header, str]  # the header and the payload


class Reject(NamedTuple):
    """A line that could not be read."""

    raw: str
    reason: str


class LineError(VoltkeeperError):
    """A line that cannot be read or must not be sent; the message says why."""


def is_known(command: int, type: int) -> bool:
    """True when the library knows this type of this command."""
    return type in SYMBOLS[command]


def type_name(command: int, type: int) -> str:
    """The library's own symbol, such as `V_TEMP`; `V_200` for a number that the library does not know."""
    return SYMBOLS[command].get(type) or f"{TYPES[command][0]}_{type}"


def parse_header(fields: list[str]) -> Header:
    """The five texts before the payload, `12 6 1 0 0`, as a Header. Raises LineError."""
    numbers = []
    for name, text, limit in zip(FIELDS, fields, LIMITS, strict=True):
        number = BYTES.get(text)
        if number is None or number > limit:
            raise LineError(f"{name} is {text!r}, a whole number from 0 to {limit} is needed")
        numbers.append(number)
    return Header(*numbers)


def parse_line(line: str) -> Message:
    """One line without its line end as (Header, payload). Raises LineError.

    Only the first five `;` separate: V_POSITION, for one, is defined as `lat;lon;alt`.
    """
    parts = line.split(";", 5)
    if len(parts) < 6:
        raise LineError(f"{len(parts)} fields, 6 are needed: node;child;command;echo;type;payload")
    return parse_header(parts[:5]), parts[5]


def parse_number(text: str) -> float | None:
    """The number that a decimal pattern reads in `text`, else None: `nan`, `inf` and `1_000` are no numbers.

    `1e999` is none either: a float holds it as infinity, which JSON cannot carry and no sum survives.
    """
    number = float(text) if NUMBER.fullmatch(text) else None
    return number if number is not None and abs(number) < BIGGEST else None


def format_line(node: int, child: int, command: int, echo: int, type: int, payload: str | int = "") -> str:
    """One line for a gateway, with its line end.

    That is `\\n` alone, since a serial gateway keeps a `\\r` in stream data.
    """
    return f"{node};{child};{int(command)};{int(echo)};{int(type)};{payload}\n"


def validate_outgoing(line: str) -> Message:
    """Read a line that is to be sent. Raises LineError where a gateway would send something else.

    The gateway checks nothing (`protocolSerial2MyMessage`): numbers wrap, a longer payload is cut silently, a
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
        if not payload and header.command == Command.set and header.type in TEXT_TYPES:
            name = type_name(header.command, header.type)
            raise LineError(f"an empty {name} reaches the node as '0': send a blank, or 0 if that is meant")
    if size > MAX_PAYLOAD:
        raise LineError(f"payload of {size} bytes, a radio message carries {MAX_PAYLOAD} at most")
    is_broadcast = header.node == BROADCAST and header.command == Command.internal
    if is_broadcast and header.type not in (Internal.I_DISCOVER_REQUEST, Internal.I_ID_RESPONSE):
        name = type_name(header.command, header.type)
        raise LineError(f"no node acts on a broadcast of {name}: address the nodes one by one")
    return header, payload
