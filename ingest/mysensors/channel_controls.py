"""Which values can be set at a node, by the types of its sensors, and what each takes. Pure.

The types and their payloads are those of the serial API 2.x (mysensors.org/download/serial_api_20, the
comments in MySensors' `core/MyMessage.h`).
"""

import re
from typing import NamedTuple

from ingest.mysensors.protocol import MAX_PAYLOAD, LineError, Presentation, SetReq, parse_number

P, V = Presentation, SetReq

ON = ("1", "on", "true", "yes")
OFF = ("0", "off", "false", "no")
MAX_SCENE = 255
SETPOINT = (-50.0, 150.0)  # °C or °F; what lies outside is a slip of the keyboard
HEX = {V.V_RGB: 6, V.V_RGBW: 8}  # digits of a colour


class ChannelControl(NamedTuple):
    """What a V_ type takes.

    `kind` is switch, number, choice, button, colour or text; `choices` are (payload, what it means).
    """

    kind: str
    choices: tuple[tuple[str, str], ...] = ()
    low: float = 0
    high: float = 0
    step: float = 1
    unit: str = ""


def _switch(off: str = "off", on: str = "on") -> ChannelControl:
    return ChannelControl("switch", (("0", off), ("1", on)))


def _choice(*payloads: str) -> ChannelControl:
    return ChannelControl("choice", tuple((payload, payload) for payload in payloads))


TEXT = ChannelControl("text")
CONTROLS: dict[int, ChannelControl] = {
    V.V_STATUS: _switch(),
    V.V_ARMED: _switch("disarmed", "armed"),
    V.V_LOCK_STATUS: _switch("unlocked", "locked"),
    V.V_PERCENTAGE: ChannelControl("number", low=0, high=100, unit="%"),
    V.V_HVAC_SETPOINT_HEAT: ChannelControl("number", low=SETPOINT[0], high=SETPOINT[1], step=0.1, unit="°"),
    V.V_HVAC_SETPOINT_COOL: ChannelControl("number", low=SETPOINT[0], high=SETPOINT[1], step=0.1, unit="°"),
    V.V_HVAC_FLOW_STATE: _choice("Off", "HeatOn", "CoolOn", "AutoChangeOver"),
    V.V_HVAC_FLOW_MODE: _choice("Auto", "ContinuousOn", "PeriodicOn"),
    V.V_HVAC_SPEED: _choice("Min", "Normal", "Max", "Auto"),
    V.V_UP: ChannelControl("button", (("1", "up"),)),
    V.V_DOWN: ChannelControl("button", (("1", "down"),)),
    V.V_STOP: ChannelControl("button", (("1", "stop"),)),
    V.V_SCENE_ON: ChannelControl("number", low=0, high=MAX_SCENE),
    V.V_SCENE_OFF: ChannelControl("number", low=0, high=MAX_SCENE),
    V.V_RGB: ChannelControl("colour"),
    V.V_RGBW: ChannelControl("colour"),
    V.V_IR_SEND: TEXT,
    V.V_IR_RECORD: TEXT,
    V.V_TEXT: TEXT,
    **dict.fromkeys((V.V_VAR1, V.V_VAR2, V.V_VAR3, V.V_VAR4, V.V_VAR5, V.V_CUSTOM), TEXT),
}
FREE = (V.V_VAR1, V.V_VAR2, V.V_VAR3, V.V_VAR4, V.V_VAR5, V.V_CUSTOM)  # of any sensor, where it sends them
LIGHT = (V.V_STATUS, V.V_PERCENTAGE)
SETTABLE: dict[int, tuple[SetReq, ...]] = {  # S_ type -> what it takes, in the order of pages
    P.S_BINARY: (V.V_STATUS,),
    P.S_DIMMER: LIGHT,
    P.S_COVER: (V.V_UP, V.V_STOP, V.V_DOWN, V.V_PERCENTAGE),
    P.S_LOCK: (V.V_LOCK_STATUS,),
    P.S_HEATER: (V.V_STATUS, V.V_HVAC_SETPOINT_HEAT, V.V_HVAC_FLOW_STATE),
    P.S_HVAC: (
        V.V_STATUS,
        V.V_HVAC_SETPOINT_HEAT,
        V.V_HVAC_SETPOINT_COOL,
        V.V_HVAC_FLOW_STATE,
        V.V_HVAC_FLOW_MODE,
        V.V_HVAC_SPEED,
    ),
    P.S_RGB_LIGHT: (*LIGHT, V.V_RGB),
    P.S_RGBW_LIGHT: (*LIGHT, V.V_RGBW),
    P.S_IR: (V.V_IR_SEND, V.V_IR_RECORD),
    P.S_SCENE_CONTROLLER: (V.V_SCENE_ON, V.V_SCENE_OFF),
    P.S_SPRINKLER: (V.V_STATUS,),
    P.S_WATER_QUALITY: (V.V_STATUS,),
    P.S_INFO: (V.V_TEXT,),
    **dict.fromkeys(
        (P.S_DOOR, P.S_MOTION, P.S_SMOKE, P.S_WATER_LEAK, P.S_SOUND, P.S_VIBRATION, P.S_MOISTURE),
        (V.V_ARMED,),
    ),
}
OPTIONAL = {  # most sketches lack these: a page offers them where the sensor has sent them
    V.V_ARMED,
    V.V_IR_RECORD,
    V.V_SCENE_OFF,
    V.V_HVAC_SETPOINT_COOL,
    V.V_HVAC_FLOW_STATE,
    V.V_HVAC_FLOW_MODE,
    V.V_HVAC_SPEED,
}


def find_control(sensor_type: int | None, type: int) -> ChannelControl | None:
    """The control of a V_ type of a sensor; None for what a sensor of its S_ type only reports."""
    if sensor_type in SETTABLE and type not in SETTABLE[sensor_type] and type not in FREE:
        return None
    if sensor_type is not None and sensor_type not in SETTABLE and sensor_type != P.S_CUSTOM:
        return CONTROLS.get(type) if type in FREE else None
    return CONTROLS.get(type)


def offered_types(sensor_type: int | None, sent: set[int]) -> list[int]:
    """The V_ types for which the page of a node offers a control, by the S_ type and what it has `sent`.

    Texts of other sensors than those made for them are left to the page of the channel: most are reports.
    """
    own = [
        int(type)
        for type in (SETTABLE.get(sensor_type, ()) if sensor_type is not None else ())
        if type in sent or type not in OPTIONAL
    ]
    others = {type: find_control(sensor_type, type) for type in sorted(sent) if type not in own}
    return own + [type for type, control in others.items() if control is not None and control is not TEXT]


def parse_value(type: int, text: str) -> str:
    """The payload for a value as people and programs write it. Raises LineError with what is taken."""
    control = CONTROLS.get(type)
    if control is None:
        raise LineError("it is reported by the node and not set")
    if control.kind == "switch":
        return _parse_switch(control, text)
    if control.kind == "number":
        return _parse_number(control, text)
    if control.kind == "choice":
        return _parse_choice(control, text)
    if control.kind == "button":
        return _parse_button(control, text)
    return _parse_colour(HEX[SetReq(type)], text) if control.kind == "colour" else _parse_text(text)


def _parse_switch(control: ChannelControl, text: str) -> str:
    (_, off), (_, on) = control.choices
    word = text.lower()
    if word in (*ON, on):
        return "1"
    if word in (*OFF, off):
        return "0"
    words = "" if on == "on" else f", {on} or {off}"
    raise LineError(f"{text!r}, 1 or 0, on or off{words} is needed")


def _parse_number(control: ChannelControl, text: str) -> str:
    bare = text.removesuffix("%").strip() if control.unit == "%" else text
    number = parse_number(bare)
    is_whole = control.step != 1 or (number is not None and number == int(number))
    if number is None or not control.low <= number <= control.high or not is_whole:
        kind = "a whole number" if control.step == 1 else "a number"
        raise LineError(f"{text!r}, {kind} from {control.low:g} to {control.high:g} is needed")
    return f"{number:.0f}" if control.step == 1 else f"{round(number, 2) + 0.0:g}"


def _parse_choice(control: ChannelControl, text: str) -> str:
    found = next((payload for payload, _ in control.choices if payload.lower() == text.lower()), None)
    if found is None:
        raise LineError(f"{text!r}, one of {', '.join(payload for payload, _ in control.choices)} is needed")
    return found


def _parse_button(control: ChannelControl, text: str) -> str:
    ((payload, meaning),) = control.choices
    if text.lower() not in (*ON, meaning):
        raise LineError(f"{text!r}, {payload} is needed")
    return payload


def _parse_colour(digits: int, text: str) -> str:
    bare = text.removeprefix("#").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", bare, re.ASCII):
        example = "ff8800" if digits == 6 else "ff880000"
        raise LineError(f"{text!r}, {digits} hex digits such as {example} are needed")
    return bare


def _parse_text(text: str) -> str:
    """The rest is checked with the line that it becomes part of."""
    if not text:
        raise LineError(
            f"empty: a gateway sends 0 in its place; a text of 1 to {MAX_PAYLOAD} bytes is needed"
        )
    return text
