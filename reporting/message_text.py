"""What MySensors messages and orders say, in words. Pure: fields in, (words, value) out."""

from ingest.mysensors.protocol import NODE_CHILD, Command, LineError, parse_line, type_name
from ota.wire import WireError, parse_block_request, parse_config_request
from reporting.formatting import format_value, sensor_words

VALUES = {
    "V_TEMP": "temperature",
    "V_HUM": "humidity",
    "V_STATUS": "switch",
    "V_PERCENTAGE": "percentage",
    "V_PRESSURE": "pressure",
    "V_FORECAST": "forecast",
    "V_RAIN": "rain",
    "V_RAINRATE": "rate of rain",
    "V_WIND": "wind",
    "V_GUST": "gust",
    "V_DIRECTION": "direction",
    "V_UV": "UV",
    "V_WEIGHT": "weight",
    "V_DISTANCE": "distance",
    "V_IMPEDANCE": "impedance",
    "V_ARMED": "armed",
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
    "V_HVAC_SETPOINT_COOL": "cool to",
    "V_HVAC_SETPOINT_HEAT": "heat to",
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
YES_NO = {
    "V_STATUS": ("off", "on"),
    "V_TRIPPED": ("no", "yes"),
    "V_ARMED": ("no", "yes"),
    "V_LOCK_STATUS": ("open", "locked"),
}
INTERNAL = {  # what a node means by it, and the unit of what it tells
    "I_BATTERY_LEVEL": ("battery", "%"),
    "I_TIME": ("asks for the time", ""),
    "I_VERSION": ("has the library version", ""),
    "I_ID_REQUEST": ("asks for an id", ""),
    "I_CONFIG": ("asks for its configuration; its parent is node", ""),
    "I_FIND_PARENT_REQUEST": ("looks for a parent", ""),
    "I_FIND_PARENT_RESPONSE": ("offers itself as a parent", ""),
    "I_LOG_MESSAGE": ("writes to the log", ""),
    "I_SKETCH_NAME": ("runs the sketch", ""),
    "I_SKETCH_VERSION": ("runs version", ""),
    "I_GATEWAY_READY": ("is ready", ""),
    "I_DISCOVER_RESPONSE": ("is there; its parent is node", ""),
    "I_HEARTBEAT_RESPONSE": ("is alive", ""),
    "I_LOCKED": ("is locked", ""),
    "I_PING": ("pings", ""),
    "I_PONG": ("answers a ping", ""),
    "I_REGISTRATION_REQUEST": ("asks to be registered, library", ""),
    "I_DEBUG": ("debugs", ""),
    "I_SIGNAL_REPORT_RESPONSE": ("hears its parent with", "dB"),
    "I_PRE_SLEEP_NOTIFICATION": ("will sleep; it listens for", "ms"),
    "I_POST_SLEEP_NOTIFICATION": ("has woken up after", "ms"),
}
ORDERS = {  # what people and programs ask of a node
    "I_PRESENTATION": "present yourself",
    "I_REBOOT": "restart",
    "I_HEARTBEAT_REQUEST": "give a sign of life",
    "I_SIGNAL_REPORT_REQUEST": "report your signal",
    "I_DISCOVER_REQUEST": "name your parent",
    "I_VERSION": "name your version",
}


def say(command, symbol, payload, child_id, metric=True):
    """A message of a node as (words, what it tells)."""
    if command == "presentation":
        if child_id == NODE_CHILD:
            return f"presents itself as a {sensor_words(symbol)}, library", payload or "–"
        return f"presents a sensor, {sensor_words(symbol)}", payload
    if command in ("set", "req"):
        words, value = _value(symbol, payload, metric)
        return (words, value) if command == "set" else (f"asks for its last {words}", "")
    if command == "internal" and symbol in INTERNAL:
        words, unit = INTERNAL[symbol]
        return words, f"{payload}\u2009{unit}" if unit and payload else payload
    if command == "stream":
        return _stream(symbol, payload)
    return "sends", payload


def _value(symbol, payload, metric):
    pair = YES_NO.get(symbol)
    value = pair[payload == "1"] if pair and payload in ("0", "1") else format_value(payload, symbol, metric)
    return VALUES.get(symbol, "value"), value


def _stream(symbol, payload):
    try:
        if symbol == "ST_FIRMWARE_CONFIG_REQUEST":
            config = parse_config_request(payload).config
            return "asks whether there is new firmware; it runs", f"{config.type}/{config.version}"
        if symbol == "ST_FIRMWARE_REQUEST":
            asked = parse_block_request(payload)
            return f"asks for firmware {asked.type}/{asked.version}, block", str(asked.block)
    except WireError:
        pass
    return "sends", payload


def say_order(order, line, metric=True):
    """An order to a node, a row of `outbox`, as (words, value, name of the command, symbol of the type)."""
    try:
        header, payload = parse_line(line or "")
    except LineError:
        return order or line or "", "", "", ""
    command, name = Command(header.command).name, type_name(header.command, header.type)
    if command == "set":
        return *_value(name, payload, metric), command, name
    if command == "req":
        return f"report your {VALUES.get(name, name)}", "", command, name
    return ORDERS.get(name, f"{command} {name}"), "" if name in ORDERS else payload, command, name
