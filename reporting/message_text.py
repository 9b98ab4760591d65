"""MySensors symbols, messages and orders as text. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ingest.mysensors.channel_controls import CONTROLS
from ingest.mysensors.protocol import NODE_CHILD, Command, LineError, SetReq, parse_line, type_name
from ingest.mysensors.units import unit_of
from ota.wire import WireError, describe_config, parse_block_request, parse_config_request
from reporting.formatting import UNKNOWN, format_length

SENSOR_KINDS = {  # S_ symbol -> what it is
    "S_DOOR": "door or window",
    "S_MOTION": "motion",
    "S_SMOKE": "smoke",
    "S_BINARY": "switch",
    "S_DIMMER": "dimmer",
    "S_COVER": "cover",
    "S_TEMP": "temperature",
    "S_HUM": "humidity",
    "S_BARO": "barometer",
    "S_WIND": "wind",
    "S_RAIN": "rain",
    "S_UV": "UV",
    "S_WEIGHT": "weight",
    "S_POWER": "power",
    "S_HEATER": "heater",
    "S_DISTANCE": "distance",
    "S_LIGHT_LEVEL": "light level",
    "S_LOCK": "lock",
    "S_IR": "infrared",
    "S_WATER": "water",
    "S_AIR_QUALITY": "air quality",
    "S_CUSTOM": "custom",
    "S_DUST": "dust",
    "S_SCENE_CONTROLLER": "scene controller",
    "S_RGB_LIGHT": "RGB light",
    "S_RGBW_LIGHT": "RGBW light",
    "S_COLOR_SENSOR": "colour",
    "S_HVAC": "heating",
    "S_MULTIMETER": "multimeter",
    "S_SPRINKLER": "sprinkler",
    "S_WATER_LEAK": "water leak",
    "S_SOUND": "sound",
    "S_VIBRATION": "vibration",
    "S_MOISTURE": "moisture",
    "S_INFO": "text",
    "S_GAS": "gas",
    "S_GPS": "position",
    "S_WATER_QUALITY": "water quality",
    "S_ARDUINO_NODE": "node",
    "S_ARDUINO_REPEATER_NODE": "repeater",
}
VALUES = {  # V_ symbol -> what the value is
    "V_TEMP": "temperature",
    "V_HUM": "humidity",
    "V_STATUS": "switch",
    "V_PERCENTAGE": "percentage",
    "V_PRESSURE": "pressure",
    "V_FORECAST": "forecast",
    "V_RAIN": "rain",
    "V_RAINRATE": "rain rate",
    "V_WIND": "wind",
    "V_GUST": "gust",
    "V_DIRECTION": "direction",
    "V_UV": "UV",
    "V_WEIGHT": "weight",
    "V_DISTANCE": "distance",
    "V_IMPEDANCE": "impedance",
    "V_ARMED": "alarm",
    "V_TRIPPED": "tripped",
    "V_WATT": "power",
    "V_KWH": "energy",
    "V_SCENE_ON": "scene on",
    "V_SCENE_OFF": "scene off",
    "V_HVAC_FLOW_STATE": "heating",
    "V_HVAC_SPEED": "fan speed",
    "V_LIGHT_LEVEL": "light level",
    "V_UP": "up",
    "V_DOWN": "down",
    "V_STOP": "stop",
    "V_IR_SEND": "infrared to send",
    "V_IR_RECEIVE": "infrared received",
    "V_FLOW": "flow",
    "V_VOLUME": "volume",
    "V_LOCK_STATUS": "lock",
    "V_LEVEL": "level",
    "V_VOLTAGE": "voltage",
    "V_CURRENT": "current",
    "V_RGB": "colour",
    "V_RGBW": "colour",
    "V_ID": "id",
    "V_UNIT_PREFIX": "unit",
    "V_HVAC_SETPOINT_COOL": "cooling setpoint",
    "V_HVAC_SETPOINT_HEAT": "heating setpoint",
    "V_HVAC_FLOW_MODE": "heating mode",
    "V_TEXT": "text",
    "V_CUSTOM": "custom value",
    "V_POSITION": "position",
    "V_PH": "pH",
    "V_ORP": "redox potential",
    "V_EC": "conductivity",
    "V_VAR": "reactive power",
    "V_VA": "apparent power",
    "V_POWER_FACTOR": "power factor",
}
STATES = {  # V_ symbol -> payload -> what it means, in the words of the controls
    SetReq(type).name: dict(control.choices) for type, control in CONTROLS.items() if control.kind == "switch"
} | {"V_TRIPPED": {"0": "no", "1": "yes"}}
TRIPPED = {  # S_ symbol -> what it means that such a sensor is not, or is tripped
    "S_DOOR": ("closed", "open"),
    "S_MOTION": ("no motion", "motion"),
    "S_SMOKE": ("no smoke", "smoke"),
    "S_WATER_LEAK": ("dry", "leak"),
    "S_SOUND": ("quiet", "sound"),
    "S_VIBRATION": ("still", "vibration"),
    "S_MOISTURE": ("dry", "moist"),
}
INTERNAL = {  # I_ symbol -> what a node means by it, and the unit of its payload
    "I_BATTERY_LEVEL": ("battery", "%"),
    "I_TIME": ("asks for the time", ""),
    "I_VERSION": ("reports library version", ""),
    "I_ID_REQUEST": ("asks for an id", ""),
    "I_CONFIG": ("asks for its configuration; its parent is node", ""),
    "I_FIND_PARENT_REQUEST": ("looks for a parent", ""),
    "I_FIND_PARENT_RESPONSE": ("offers itself as a parent", ""),
    "I_LOG_MESSAGE": ("writes to the log", ""),
    "I_SKETCH_NAME": ("runs the sketch", ""),
    "I_SKETCH_VERSION": ("runs version", ""),
    "I_GATEWAY_READY": ("is ready", ""),
    "I_DISCOVER_RESPONSE": ("is present; its parent is node", ""),
    "I_HEARTBEAT_RESPONSE": ("is alive", ""),
    "I_LOCKED": ("is locked", ""),
    "I_PING": ("pings", ""),
    "I_PONG": ("answers a ping", ""),
    "I_REGISTRATION_REQUEST": ("asks for registration; library version", ""),
    "I_DEBUG": ("sends debug output", ""),
    "I_SIGNAL_REPORT_RESPONSE": ("receives its parent at", "dB"),
    "I_PRE_SLEEP_NOTIFICATION": ("will sleep; it listens for", "ms"),
    "I_POST_SLEEP_NOTIFICATION": ("has woken up after", "ms"),
}
LONG_MS = range(5, 12)  # digits of milliseconds that are shown as minutes and hours
ORDERS = {  # I_ symbol -> what is asked of a node
    "I_PRESENTATION": "present yourself",
    "I_REBOOT": "restart",
    "I_HEARTBEAT_REQUEST": "send a heartbeat",
    "I_SIGNAL_REPORT_REQUEST": "report your signal",
    "I_DISCOVER_REQUEST": "report your parent",
    "I_VERSION": "report your version",
}

# What version control writes into a file: $Rev: 826 $, $Revision: 1.4 $; it may be cut off, or not filled in.
KEYWORD = re.compile(r"\$(?:LastChanged)?Rev(?:ision)?(?:: *([\w.]*) *\$?|\$)")


class Description(NamedTuple):
    """A message or an order as text, its value with the unit, and its symbols where they are known."""

    text: str
    value: str
    command: str = ""
    type_name: str = ""


def sensor_kind(type_name: str | None) -> str:
    """What kind of sensor an S_ symbol is."""
    return SENSOR_KINDS.get(type_name or "", "unknown kind" if type_name else "not presented")


def value_name(symbol: str) -> str:
    """What the value of a V_ symbol is; the symbol where that is not known."""
    return VALUES.get(symbol, symbol)


def format_value(text: str | None, unit: str | None, symbol: str = "", sensor_type: str | None = None) -> str:
    """A value as it was sent, with its unit behind a thin space where it has one; a state as a word.

    What is tripped has a word of its own where the S_ type says what it is.
    """
    if text is None:
        return UNKNOWN
    if symbol == "V_TRIPPED" and text in ("0", "1") and sensor_type in TRIPPED:
        return TRIPPED[sensor_type][int(text)]
    if text in STATES.get(symbol, ()):
        return STATES[symbol][text]
    return f"{text}\u2009{unit}" if unit and text != "" else str(text)


def format_version(text: str | None) -> str:
    """The version of a sketch; a keyword of version control as its value: `revision 826`."""
    return KEYWORD.sub(lambda found: f"revision {found[1] or 'not filled in'}", text or "")


def describe_row(row: Mapping[str, Any], metric: bool = True) -> Description:  # Any: what SQLite gives
    """A message as text: a row of `recent_messages`, or one of `messages` with `command_name`.

    Without the column `unit`, a value has the usual unit of its V_ type.
    """
    command, symbol = row.get("command_name") or row["command"], row.get("type_name") or row["type"]
    unit = row["unit"] if "unit" in row else _usual_unit(command, symbol, metric)
    if row["echo"]:
        order = _describe_sent(command, symbol, row["payload"], unit)
        return order._replace(text=f"has received the order: {order.text}")
    return describe_message(command, symbol, row["payload"], row["child_id"], unit, row.get("sensor_type"))


def _usual_unit(command: str, symbol: str, metric: bool) -> str | None:
    known = command == "set" and symbol in SetReq.__members__
    return unit_of(SetReq[symbol], metric=metric) if known else None


def describe_message(
    command: str,
    symbol: str,
    payload: str,
    child_id: int,
    unit: str | None = None,
    sensor_type: str | None = None,
) -> Description:
    """A message that a node sent; `unit` is its channel's, `sensor_type` the S_ symbol of its sensor."""
    text, value = "sends", payload
    if command == "presentation":
        if child_id == NODE_CHILD:
            text, value = f"presents itself as a {sensor_kind(symbol)}, library", payload or UNKNOWN
        else:
            text = f"presents a sensor, {sensor_kind(symbol)}"
    elif command == "set":
        text, value = _describe_value(symbol, payload, unit, sensor_type)
    elif command == "req":
        text, value = f"asks for its last {VALUES.get(symbol, 'value')}", ""
    elif command == "internal" and symbol in INTERNAL:
        text, unit = INTERNAL[symbol]
        value = f"{payload}\u2009{unit}" if unit and payload else format_version(payload)
        if unit == "ms" and payload.isascii() and payload.isdigit() and len(payload) in LONG_MS:
            value = format_length(int(payload) / 1000)
    elif command == "stream":
        text, value = _describe_stream(symbol, payload)
    return Description(text, value, command, symbol)


def _describe_value(symbol: str, payload: str, unit: str | None, sensor_type: str | None) -> tuple[str, str]:
    name = "reports" if symbol == "V_TRIPPED" and sensor_type in TRIPPED else VALUES.get(symbol, "value")
    return name, format_value(payload, unit, symbol, sensor_type)


def _describe_stream(symbol: str, payload: str) -> tuple[str, str]:
    try:
        if symbol == "ST_FIRMWARE_CONFIG_REQUEST":
            config = parse_config_request(payload).config
            return "asks whether there is new firmware; it runs", describe_config(config)
        if symbol == "ST_FIRMWARE_REQUEST":
            request = parse_block_request(payload)
            return f"asks for firmware {request.type}/{request.version}, block", str(request.block)
    except WireError:
        pass
    return "sends", payload


def describe_order(order: str | None, line: str | None, metric: bool = True) -> Description:
    """An order to a node, a row of `outbox`: its line where it has one, else the name of the order."""
    try:
        header, payload = parse_line(line or "")
    except LineError:
        return Description(order or line or "", "")
    command, symbol = Command(header.command).name, type_name(header.command, header.type)
    return _describe_sent(command, symbol, payload, unit_of(header.type, metric=metric))


def _describe_sent(command: str, symbol: str, payload: str, unit: str | None) -> Description:
    if command == "set":
        return Description(*_describe_value(symbol, payload, unit, None), command, symbol)
    if command == "req":
        return Description(f"report your {VALUES.get(symbol, symbol)}", "", command, symbol)
    text = ORDERS.get(symbol, f"{command} {symbol}")
    return Description(text, "" if symbol in ORDERS else payload, command, symbol)
