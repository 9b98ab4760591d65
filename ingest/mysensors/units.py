"""The unit of a value, by V_ type: one table, for pages, views, charts and texts. Pure.

The serial API names few units: per cent, watts, kWh, hPa of a barometer, degrees of a direction, mV, µS/cm,
var, VA; for V_LEVEL dB, Hz and lux by the S_ type; a sketch states another one by V_UNIT_PREFIX. The rest are
those that the library's example sketches send: cm or inches (DistanceSensor), l/min and m³ (WaterMeterPulse),
mm (RainGauge). Which of two it is the gateway's `metric` decides, since sketches ask for it (I_CONFIG). Where
neither says it, as for the level of an air quality sensor (ppm or µg/m³), there is none.
"""

from typing import NamedTuple

from ingest.mysensors.protocol import Presentation, SetReq


class UnitPair(NamedTuple):
    """The unit where the gateway is metric, and where it is not."""

    metric: str
    imperial: str


def _both(unit: str) -> UnitPair:
    return UnitPair(unit, unit)


_TEMPERATURE = UnitPair("°C", "°F")
UNITS: dict[int, UnitPair] = {
    SetReq.V_TEMP: _TEMPERATURE,
    SetReq.V_HUM: _both("%"),
    SetReq.V_PERCENTAGE: _both("%"),
    SetReq.V_RAIN: UnitPair("mm", "in"),
    SetReq.V_RAINRATE: UnitPair("mm/h", "in/h"),
    SetReq.V_WIND: UnitPair("m/s", "mph"),
    SetReq.V_GUST: UnitPair("m/s", "mph"),
    SetReq.V_DIRECTION: _both("°"),
    SetReq.V_WEIGHT: UnitPair("kg", "lb"),
    SetReq.V_DISTANCE: UnitPair("cm", "in"),
    SetReq.V_IMPEDANCE: _both("Ω"),
    SetReq.V_WATT: _both("W"),
    SetReq.V_KWH: _both("kWh"),
    SetReq.V_LIGHT_LEVEL: _both("%"),
    SetReq.V_FLOW: _both("l/min"),
    SetReq.V_VOLUME: _both("m³"),
    SetReq.V_VOLTAGE: _both("V"),
    SetReq.V_CURRENT: _both("A"),
    SetReq.V_HVAC_SETPOINT_COOL: _TEMPERATURE,
    SetReq.V_HVAC_SETPOINT_HEAT: _TEMPERATURE,
    SetReq.V_ORP: _both("mV"),
    SetReq.V_EC: _both("µS/cm"),
    SetReq.V_VAR: _both("var"),
    SetReq.V_VA: _both("VA"),
}
LEVEL_UNITS: dict[int, str] = {  # of V_LEVEL, by S_ type
    Presentation.S_SOUND: "dB",
    Presentation.S_VIBRATION: "Hz",
    Presentation.S_LIGHT_LEVEL: "lx",
    Presentation.S_MOISTURE: "%",
    Presentation.S_DUST: "µg/m³",
}
# What the air presses with, in the units that sketches send; something else, such as bar of water, has none.
PRESSURE_UNITS = (("inHg", 20, 32.5), ("kPa", 50, 120), ("hPa", 250, 1200), ("Pa", 25_000, 120_000))
PRESSURE = "hPa"  # the unit of the serial API, while no usual value is known
# V_UNIT_PREFIX of a child names the unit of these; of a temperature only where the child is nothing else.
PREFIXED = frozenset(
    SetReq[f"V_{name}"]
    for name in (
        "LEVEL DISTANCE VOLUME FLOW WEIGHT IMPEDANCE PRESSURE RAIN RAINRATE WIND GUST UV WATT KWH VOLTAGE "
        "CURRENT ORP EC VAR VA CUSTOM VAR1 VAR2 VAR3 VAR4 VAR5"
    ).split()
)
LONGEST_PREFIX = 10  # characters: a longer text is no unit


def unit_of(
    type: int,
    sensor_type: int | None = None,
    metric: bool = True,
    prefix: str | None = None,
    usual: float | None = None,
) -> str:
    """The unit of values of a V_ type, '' where they have none or it is not known.

    `sensor_type` is the S_ type of the child, `prefix` the last V_UNIT_PREFIX of it, `usual` the usual value.
    """
    stated = (prefix or "").strip()
    is_temperature = (type, sensor_type) == (SetReq.V_TEMP, Presentation.S_TEMP)
    if 0 < len(stated) <= LONGEST_PREFIX and (type in PREFIXED or is_temperature):
        return stated
    if type == SetReq.V_LEVEL:
        return LEVEL_UNITS.get(sensor_type, "") if sensor_type is not None else ""
    if type == SetReq.V_PRESSURE:
        return PRESSURE if usual is None else _pressure_unit(usual)
    pair = UNITS.get(type)
    return "" if pair is None else pair.metric if metric else pair.imperial


def _pressure_unit(usual: float) -> str:
    return next((unit for unit, low, high in PRESSURE_UNITS if low <= usual <= high), "")


def unit_sql(type: str, sensor_type: str, metric: str, prefix: str, usual: str) -> str:
    """SQL: the same as `unit_of`, of columns; null in `metric` is metric."""
    by_type = [
        f"when {int(number)} then "
        + (
            f"'{pair.metric}'"
            if pair.metric == pair.imperial
            else f"case {metric} when 0 then '{pair.imperial}' else '{pair.metric}' end"
        )
        for number, pair in UNITS.items()
    ]
    levels = " ".join(f"when {int(number)} then '{unit}'" for number, unit in LEVEL_UNITS.items())
    pressures = " ".join(
        f"when {usual} between {low} and {high} then '{unit}'" for unit, low, high in PRESSURE_UNITS
    )
    prefixed = ", ".join(str(int(number)) for number in sorted(PREFIXED))
    temperature = f"{type} = {int(SetReq.V_TEMP)} and {sensor_type} = {int(Presentation.S_TEMP)}"
    return f"""case
    when length(trim({prefix})) between 1 and {LONGEST_PREFIX} and ({type} in ({prefixed}) or {temperature})
      then trim({prefix})
    when {type} = {int(SetReq.V_LEVEL)} then case {sensor_type} {levels} else '' end
    when {type} = {int(SetReq.V_PRESSURE)}
      then case when {usual} is null then '{PRESSURE}' {pressures} else '' end
    else case {type} {" ".join(by_type)} else '' end
  end"""
