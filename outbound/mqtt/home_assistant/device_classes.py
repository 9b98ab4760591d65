"""Home Assistant's device classes of sensors: their units, which are counters, decimals shown. Pure.

A class is claimed only with a unit that Home Assistant accepts for it: with another one it refuses the entity
or shows nothing. The value then keeps its unit and has no class.
"""

from dataclasses import dataclass

MEASUREMENT, TOTAL_INCREASING = "measurement", "total_increasing"

UNITS: dict[str, tuple[str | None, ...]] = {  # class -> units that it is claimed with; None: without a unit
    "apparent_power": ("VA",),
    "atmospheric_pressure": ("hPa", "kPa", "Pa", "mbar", "bar", "inHg", "mmHg", "psi"),
    "battery": ("%",),
    "carbon_dioxide": ("ppm",),
    "carbon_monoxide": ("ppm",),
    "current": ("A", "mA"),
    "distance": ("mm", "cm", "m", "km", "in", "ft", "yd", "mi"),
    "duration": ("ms", "s", "min", "h", "d"),
    "energy": ("Wh", "kWh", "MWh", "MJ", "GJ"),
    "frequency": ("Hz", "kHz", "MHz", "GHz"),
    "gas": ("m³", "ft³", "CCF"),
    "humidity": ("%",),
    "illuminance": ("lx",),
    "moisture": ("%",),
    "ph": (None,),
    "pm25": ("µg/m³",),
    "power": ("W", "kW"),
    "power_factor": (None, "%"),
    "precipitation": ("mm", "cm", "in"),
    "precipitation_intensity": ("mm/h", "mm/d", "in/h", "in/d"),
    "pressure": ("hPa", "kPa", "Pa", "mbar", "bar", "inHg", "mmHg", "psi"),
    "reactive_power": ("var",),
    "sound_pressure": ("dB", "dBA"),
    "temperature": ("°C", "°F", "K"),
    "timestamp": (None,),
    "voltage": ("V", "mV"),
    "volume": ("L", "mL", "m³", "gal", "ft³", "CCF"),
    "volume_flow_rate": ("m³/h", "L/min", "ft³/min", "gal/min"),
    "water": ("L", "m³", "gal", "ft³", "CCF"),
    "weight": ("mg", "g", "kg", "oz", "lb", "st"),
    "wind_speed": ("m/s", "km/h", "mph", "kn", "ft/s"),
}
COUNTERS = frozenset(("energy", "gas", "volume", "water"))  # what these measure only ever adds up
WITHOUT_STATISTICS = frozenset(("timestamp",))
# Spellings of sketches and of this program, and what Home Assistant calls the same unit.
SPELLINGS = {
    "l": "L",
    "liter": "L",
    "l/min": "L/min",
    "m3": "m³",
    "m3/h": "m³/h",
    "ft3": "ft³",
    "lux": "lx",
    "C": "°C",
    "ºC": "°C",
    "F": "°F",
    "ºF": "°F",
    "ug/m3": "µg/m³",
    "ug/m³": "µg/m³",
    "μg/m³": "µg/m³",
    "dB(A)": "dBA",
    "mBar": "mbar",
    "VAr": "var",
    "kts": "kn",
    "kph": "km/h",
    "sec": "s",
    "hours": "h",
    "days": "d",
}
DECIMALS = {  # shown by unit; the value itself keeps all of its digits
    "%": 0,
    "°C": 1,
    "°F": 1,
    "V": 1,
    "Hz": 1,
    "A": 2,
    "W": 0,
    "VA": 0,
    "var": 0,
    "kWh": 2,
    "Wh": 0,
    "s": 0,
    "hPa": 1,
    "lx": 0,
    "cm": 0,
    "mm": 1,
    "m/s": 1,
    "m³": 3,
}


@dataclass(frozen=True)
class Measure:
    """What kind of number a sensor has: class, state class, unit, decimals; None where there is none."""

    device_class: str | None = None
    state_class: str | None = None
    unit: str | None = None
    decimals: int | None = None


def measure(device_class: str | None, unit: str, state_class: str | None = MEASUREMENT) -> Measure:
    """The Measure of a number of this class in this unit; '' is no unit.

    Without the class where it does not go with the unit. What only adds up is a total, whatever is asked for,
    and has no statistics where it has lost its class.
    """
    spelled = SPELLINGS.get(unit, unit) or None
    fits = device_class is not None and spelled in UNITS[device_class]
    if device_class in COUNTERS:
        state_class = TOTAL_INCREASING
    elif device_class in WITHOUT_STATISTICS:
        state_class = None
    decimals = None if spelled is None else DECIMALS.get(spelled)
    return Measure(device_class if fits else None, state_class, spelled, decimals)
