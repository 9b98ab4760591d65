"""The controls of a node's sensors as options of Home Assistant's switches, lights, covers and others. Pure.

What each takes is decided by `ingest.mysensors.channel_controls`; here it is only described. An order is
published below the channel's topic, at `set`; the moves of a cover at `S_COVER/set`, since Home Assistant has
one topic for them.
"""

from collections.abc import Collection

from ingest.mysensors.channel_controls import CONTROLS, HEX, ChannelControl
from ingest.mysensors.protocol import MAX_PAYLOAD, Presentation, SetReq
from outbound.mqtt.home_assistant.device_classes import measure
from outbound.mqtt.home_assistant.entities import KNOWN_TEMPLATE, NUMBER_TEMPLATE, Content
from outbound.mqtt.topics import COVER, SET, Topics

P, V = Presentation, SetReq

LIGHTS: dict[int, tuple[SetReq, ...]] = {  # S_ type -> the V_ types that are one light
    P.S_DIMMER: (V.V_STATUS, V.V_PERCENTAGE),
    P.S_RGB_LIGHT: (V.V_STATUS, V.V_PERCENTAGE, V.V_RGB),
    P.S_RGBW_LIGHT: (V.V_STATUS, V.V_PERCENTAGE, V.V_RGBW),
}
COVER_TYPES: set[int] = {V.V_UP, V.V_DOWN, V.V_STOP, V.V_PERCENTAGE}
SETPOINTS = (V.V_HVAC_SETPOINT_COOL, V.V_HVAC_SETPOINT_HEAT)
COLOURS = {V.V_RGB: ("rgb", ("red", "green", "blue")), V.V_RGBW: ("rgbw", ("red", "green", "blue", "white"))}
YES, NO = "1", "0"


def light(
    offered: Collection[int], topics: Topics, gateway: str, node_id: int, child_id: int
) -> tuple[Content, set[int]]:
    """The options of a lamp that is dimmed or has colours, and the V_ types that they cover."""
    types: set[int] = {type for type in (V.V_STATUS, V.V_PERCENTAGE, *COLOURS) if type in offered}
    state, order = _topics(V.V_STATUS, topics, gateway, node_id, child_id)
    options: Content = {
        "state_topic": state,
        "command_topic": order,
        "payload_on": YES,
        "payload_off": NO,
    }
    if V.V_PERCENTAGE in offered:
        state, order = _topics(V.V_PERCENTAGE, topics, gateway, node_id, child_id)
        options |= {
            "brightness_state_topic": state,
            "brightness_command_topic": order,
            "brightness_scale": 100,
        }
    for type, (name, parts) in COLOURS.items():
        if type in offered:
            state, order = _topics(type, topics, gateway, node_id, child_id)
            options |= {
                f"{name}_state_topic": state,
                f"{name}_command_topic": order,
                f"{name}_value_template": _colour_parts(len(parts)),
                f"{name}_command_template": _colour_digits(parts),
            }
    return options, types


def _colour_parts(count: int) -> str:
    """A template: `ff8800` as `255,136,0`; nothing of an empty payload, which is no black."""
    bytes_of = ", ".join(f"hex[{2 * at}:{2 * at + 2}] | int(0, 16)" for at in range(count))
    hex_digits = "{% set hex = value | replace('#', '') %}"
    return f"{hex_digits}{{% if hex %}}{{{{ [{bytes_of}] | join(',') }}}}{{% endif %}}"


def _colour_digits(parts: tuple[str, ...]) -> str:
    """A template: the parts of a colour as `ff8800`."""
    return f"{{{{ '{'%02x' * len(parts)}' | format({', '.join(parts)}) }}}}"


def cover(sent: Collection[int], topics: Topics, gateway: str, node_id: int, child_id: int) -> Content:
    """The options of a blind; its position can be set where it has reported one."""
    options: Content = {
        "command_topic": topics.channel(gateway, node_id, child_id, COVER, SET),
        "payload_open": V.V_UP.name,
        "payload_close": V.V_DOWN.name,
        "payload_stop": V.V_STOP.name,
    }
    if V.V_PERCENTAGE in sent:
        state, order = _topics(V.V_PERCENTAGE, topics, gateway, node_id, child_id)
        options |= {"position_topic": state, "set_position_topic": order}
    return options


def single_control(
    type: int, unit: str, topics: Topics, gateway: str, node_id: int, child_id: int
) -> tuple[str, Content]:
    """The platform and options for one V_ type that can be set; `unit` is that of its values."""
    control = CONTROLS[type]
    state, order = _topics(type, topics, gateway, node_id, child_id)
    if control.kind == "button":
        return "button", {"command_topic": order, "payload_press": YES}
    topics_of: Content = {"state_topic": state, "command_topic": order}
    if type == V.V_LOCK_STATUS:
        return "lock", topics_of | {
            "payload_lock": YES,
            "payload_unlock": NO,
            "state_locked": YES,
            "state_unlocked": NO,
        }
    if control.kind == "switch":
        return "switch", topics_of | {"payload_on": YES, "payload_off": NO}
    if control.kind == "number":
        return "number", topics_of | _number(type, control, unit)
    if control.kind == "choice":
        choices = [payload for payload, _ in control.choices]
        return "select", topics_of | {"options": choices, "value_template": KNOWN_TEMPLATE}
    if control.kind == "colour":
        digits = HEX[SetReq(type)]
        return "text", topics_of | {"max": digits, "pattern": f"([0-9a-fA-F]{{{digits}}})?"}
    return "text", topics_of | {"max": MAX_PAYLOAD}  # an empty one is shown, and refused as an order


def _number(type: int, control: ChannelControl, unit: str) -> Content:
    options: Content = {
        "min": control.low,
        "max": control.high,
        "step": control.step,
        "mode": "box" if type in SETPOINTS else "auto",
        "value_template": NUMBER_TEMPLATE,
    }
    found = measure("temperature" if type in SETPOINTS else None, unit or control.unit)
    if found.device_class is not None:
        options["device_class"] = found.device_class
    if found.unit is not None and found.unit != "°":
        options["unit_of_measurement"] = found.unit
    return options


def _topics(type: int, topics: Topics, gateway: str, node_id: int, child_id: int) -> tuple[str, str]:
    """The topic of a value, and that of orders for it."""
    place = (gateway, node_id, child_id, SetReq(type).name)
    return topics.channel(*place), topics.channel(*place, SET)
