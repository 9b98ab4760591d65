"""What each V_ type of a node is in Home Assistant, where it only reports: one table. Pure.

Types are those of MySensors' `core/MyMessage.h`; what some are depends on the S_ type of their sensor.
"""

from dataclasses import dataclass

from ingest.mysensors.protocol import Presentation, SetReq
from outbound.mqtt.home_assistant.device_classes import MEASUREMENT

P, V = Presentation, SetReq


@dataclass(frozen=True)
class ChannelKind:
    """How a value is shown: as number, yes_no (0 or 1), text, free (the sketch decides), or not at all."""

    shown_as: str
    device_class: str | None = None
    state_class: str | None = MEASUREMENT
    diagnostic: bool = False
    inverted: bool = False  # 0 is `on`


def _number(device_class: str | None = None, state_class: str | None = MEASUREMENT) -> ChannelKind:
    return ChannelKind("number", device_class, state_class)


TEXT, HIDDEN = ChannelKind("text"), ChannelKind("hidden")
FREE = ChannelKind("free", state_class=None)
YES_NO = ChannelKind("yes_no")
KINDS: dict[int, ChannelKind] = {
    V.V_TEMP: _number("temperature"),
    V.V_HUM: _number("humidity"),
    V.V_STATUS: YES_NO,
    V.V_PERCENTAGE: _number(),
    V.V_PRESSURE: _number("pressure"),
    V.V_FORECAST: TEXT,
    # Some sketches send the rain of an hour, others all of it: no total that may be added up.
    V.V_RAIN: _number("precipitation"),
    V.V_RAINRATE: _number("precipitation_intensity"),
    V.V_WIND: _number("wind_speed"),
    V.V_GUST: _number("wind_speed"),
    V.V_DIRECTION: _number(state_class=None),  # the mean of 359° and 1° is not 180°
    V.V_UV: _number(),
    V.V_WEIGHT: _number("weight"),
    V.V_DISTANCE: _number("distance"),
    V.V_IMPEDANCE: _number(),
    V.V_ARMED: YES_NO,
    V.V_TRIPPED: YES_NO,
    V.V_WATT: _number("power"),
    V.V_KWH: _number("energy"),
    V.V_SCENE_ON: _number(state_class=None),
    V.V_SCENE_OFF: _number(state_class=None),
    V.V_HVAC_FLOW_STATE: TEXT,
    V.V_HVAC_SPEED: TEXT,
    V.V_LIGHT_LEVEL: _number(),
    V.V_VAR1: FREE,
    V.V_VAR2: FREE,
    V.V_VAR3: FREE,
    V.V_VAR4: FREE,
    V.V_VAR5: FREE,
    # Commands to a node: what it reports of them is no state.
    V.V_UP: HIDDEN,
    V.V_DOWN: HIDDEN,
    V.V_STOP: HIDDEN,
    V.V_IR_SEND: TEXT,
    V.V_IR_RECEIVE: TEXT,
    V.V_FLOW: _number("volume_flow_rate"),
    V.V_VOLUME: _number("volume"),
    V.V_LOCK_STATUS: ChannelKind("yes_no", "lock", inverted=True),  # `on` of this class is unlocked
    V.V_LEVEL: _number(),
    V.V_VOLTAGE: _number("voltage"),
    V.V_CURRENT: _number("current"),
    V.V_RGB: TEXT,
    V.V_RGBW: TEXT,
    V.V_ID: ChannelKind("text", diagnostic=True),
    V.V_UNIT_PREFIX: HIDDEN,  # it is the unit of the other values of its sensor
    V.V_HVAC_SETPOINT_COOL: _number("temperature", None),
    V.V_HVAC_SETPOINT_HEAT: _number("temperature", None),
    V.V_HVAC_FLOW_MODE: TEXT,
    V.V_TEXT: TEXT,
    V.V_CUSTOM: FREE,
    V.V_POSITION: TEXT,
    V.V_IR_RECORD: TEXT,
    V.V_PH: _number("ph"),
    V.V_ORP: _number("voltage"),
    V.V_EC: _number(),
    V.V_VAR: _number("reactive_power"),
    V.V_VA: _number("apparent_power"),
    V.V_POWER_FACTOR: _number("power_factor"),
    V.V_MULTI_MESSAGE: HIDDEN,  # an envelope of other values
}
BY_SENSOR: dict[tuple[int, int], ChannelKind] = {  # (V_ type, S_ type): other than in KINDS
    (V.V_TRIPPED, P.S_DOOR): ChannelKind("yes_no", "door"),
    (V.V_TRIPPED, P.S_MOTION): ChannelKind("yes_no", "motion"),
    (V.V_TRIPPED, P.S_SMOKE): ChannelKind("yes_no", "smoke"),
    (V.V_TRIPPED, P.S_WATER_LEAK): ChannelKind("yes_no", "moisture"),
    (V.V_TRIPPED, P.S_SOUND): ChannelKind("yes_no", "sound"),
    (V.V_TRIPPED, P.S_VIBRATION): ChannelKind("yes_no", "vibration"),
    (V.V_TRIPPED, P.S_MOISTURE): ChannelKind("yes_no", "moisture"),
    (V.V_HUM, P.S_MOISTURE): _number("moisture"),
    (V.V_PRESSURE, P.S_BARO): _number("atmospheric_pressure"),
    (V.V_VOLUME, P.S_WATER): _number("water"),
    (V.V_VOLUME, P.S_GAS): _number("gas"),
    (V.V_LEVEL, P.S_SOUND): _number("sound_pressure"),
    (V.V_LEVEL, P.S_VIBRATION): _number("frequency"),
    (V.V_LEVEL, P.S_LIGHT_LEVEL): _number("illuminance"),
    (V.V_LEVEL, P.S_MOISTURE): _number("moisture"),
    (V.V_LEVEL, P.S_DUST): _number("pm25"),
    # A light level of 0 to 100 % is no illuminance: that is in lux.
}


def channel_kind(type: int, sensor_type: int | None) -> ChannelKind:
    """The kind of a value; one of a type that the library does not know is what its sketch makes of it."""
    if sensor_type is not None and (type, sensor_type) in BY_SENSOR:
        return BY_SENSOR[type, sensor_type]
    return KINDS.get(type, FREE)
