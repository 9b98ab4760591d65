"""Numbers that drivers and chips report in place of a reading, by V_ type, with where each comes from.

Most of them are possible values, too: a boiler has 85 °C, a cellar 0 °C. One is an error only where the other
readings of its channel make it one: it lies far from what is usual there and from the reading before. What is
outside of what the quantity can be (`anomalies.POSSIBLE`), such as -127 °C, needs no entry here.

Sources: DS18B20 datasheet (power-on 85); DallasTemperature.h (-127, in °F -196.6; -252 to -254 faults);
conversion formulas of the datasheets of SHT2x, HTU21D, Si7021 (-46.85, 128.87 for raw 0 and FFFF), SHT3x
(-45, 130), AHT10 (-50, 150); SparkFun HTU21D.h (998 time-out, 999 CRC); DHTlib (-999); ESP32 (53.33: raw 128
in °F); NewPing (0, no echo); VL53L0X (8190 mm, out of range); HX711 (24 bits at their end); PZEM004T (-1);
BH1750 (-1, -2); what a register of 8, 16, 24 or 32 bits holds where nothing answers on I2C or Modbus.
"""

import re
from typing import NamedTuple

from ingest.mysensors.protocol import Presentation, SetReq

ANYWHERE = ((float("-inf"), float("inf")),)
SPREADS = 5.0  # times the usual deviation: nearer to the usual value it is a reading as any other
# Limits of registers lie farther off than any reading: this many times the usual value and its deviation.
LIMIT_TIMES, LIMIT_SPREADS = 10.0, 50.0

# What libraries print for a float that is no number, and what sketches send where a sensor did not answer.
NO_READING = re.compile(
    r"\s*([+-]?(nan(\(.*\))?|inf(inity)?|ovf|1\.#\w+)|err(or)?|fail(ed|ure)?|timeout|none|null|n/?a|[-?]*|undefined|unavailable"
    r"|unknown|invalid|disconnected|not (connected|available|found))\s*",
    re.IGNORECASE,
)

# Numbers that are measured: only of these a reading can be an error. The rest are states, texts and settings.
MEASURED = frozenset(
    SetReq[f"V_{name}"]
    for name in (
        "TEMP HUM PERCENTAGE PRESSURE RAIN RAINRATE WIND GUST DIRECTION UV WEIGHT DISTANCE IMPEDANCE WATT "
        "KWH LIGHT_LEVEL FLOW VOLUME LEVEL VOLTAGE CURRENT PH ORP EC VAR VA POWER_FACTOR"
    ).split()
)


class ErrorCode(NamedTuple):
    """A number that stands for an error.

    `floor`: nearer to the reading before, or to the usual value, it is a reading as any other. `where`: usual
    values of the channels that it can be an error in. `sensors`: S_ types that it is an error of; None: all.
    `is_limit`: the end of a register, which no reading comes near.
    """

    source: str
    floor: float = 0.0
    where: tuple[tuple[float, float], ...] = ANYWHERE
    sensors: frozenset[int] | None = None
    is_limit: bool = False

    def is_of(self, sensor_type: int | None) -> bool:
        """Whether sensors of this S_ type report it."""
        return self.sensors is None or sensor_type in self.sensors

    def is_error(self, number: float, usual: float | None, spread: float, last: float | None) -> bool:
        """Whether the readings so far make `number` an error; without any they do not.

        `usual` and `spread` are the usual value and its mean deviation, `last` the reading before.
        """
        if last is None:
            return False
        middle = last if usual is None else usual
        jump, distance = abs(number - last), abs(number - middle)
        if not any(low <= middle <= high for low, high in self.where) or distance <= SPREADS * spread:
            return False
        if not self.is_limit:
            return min(jump, distance) > self.floor
        if number < 0 <= middle - SPREADS * spread:
            return min(jump, distance) > abs(number) / 2
        return min(jump, distance) > max(LIMIT_TIMES * (abs(middle) + 1), LIMIT_SPREADS * spread)


def _limits(source: str, *numbers: float) -> dict[float, ErrorCode]:
    return dict.fromkeys(numbers, ErrorCode(source, is_limit=True))


def _codes(source: str, *numbers: float, floor: float) -> dict[float, ErrorCode]:
    return dict.fromkeys(numbers, ErrorCode(source, floor))


LIMITS = {  # of any measured type; a float of 32 bits holds the largest ones rounded
    **_limits("the end of a 16-bit register", 65535, 65534, 32767, -32768, 6553.5, 3276.7, -3276.8, 655.35),
    **_limits("the end of a 24-bit register", 16777215, 8388607, -8388608),
    **_limits("the end of a 32-bit register", 4294967295, 4294967296, 2147483647, 2147483648, -2147483648),
    **_limits("what a driver returns where a reading failed", -999, -9999, -99999, -999.9, -9999.99),
}
NINES = _limits("what a driver returns where a reading failed", 998, 999, 9999, 99999, 999.9)
FAILED = _codes("what a driver returns where a reading failed", -1, floor=1.5)
ATMOSPHERE = ((20, 120), (250, 1200), (25_000, 120_000))  # kPa or inHg, hPa, Pa

_BY_TYPE: dict[int, dict[float, ErrorCode]] = {
    SetReq.V_TEMP: {
        **NINES,
        **_codes("the power-on value of a DS18B20", 85, floor=20),
        185: ErrorCode("the power-on value of a DS18B20 in °F", 36, where=((32, 120),)),
        **_codes("what a chip that does not answer reads as", 0, floor=10),
        **_codes("raw 0 of an SHT2x, HTU21D or Si7021", -46.85, -46.8, -46.9, floor=10),
        **_codes("raw FFFF of an SHT2x, HTU21D or Si7021", 128.86, 128.87, 128.8, 128.9, floor=20),
        **_codes("raw 0 of an SHT3x", -45, floor=10),
        **_codes("raw FFFF of an SHT3x", 130, floor=20),
        **_codes("raw 0 of an AHT10", -50, floor=10),
        **_codes("the end of an AHT10's scale", 150, floor=20),
        **_codes("the lower end of the sensor's scale", -40, -55, floor=10),
        **_codes("the upper end of the sensor's scale", 125, 127, 127.94, 127.9, floor=20),
        **_codes("an 8-bit register without an answer", 255, floor=20),
        **_codes("an ESP32 without a temperature sensor", 53.33, 53.3, floor=10),
        **_codes("what a driver returns where a reading failed", 998, 999, -99, -99.9, floor=20),
    },
    SetReq.V_HUM: _codes("what a chip that does not answer reads as", 0, floor=10),
    SetReq.V_PRESSURE: {
        0: ErrorCode("what a chip that does not answer reads as", 10, where=ATMOSPHERE),
    },
    SetReq.V_DISTANCE: {
        **NINES,
        **_codes("no echo", 0, floor=1),
        **_codes("a VL53L0X without a target", 8190, 8191, 819, 819.1, 8.19, floor=2),
    },
    SetReq.V_LEVEL: {
        **FAILED,
        **_codes("what a BH1750 library returns where a reading failed", -2, floor=1.5),
        0: ErrorCode(
            "what a chip that does not answer reads as",
            200,
            where=((300, float("inf")),),
            sensors=frozenset({Presentation.S_AIR_QUALITY}),
        ),
    },
    SetReq.V_LIGHT_LEVEL: FAILED,
    SetReq.V_VOLTAGE: NINES | FAILED,
    SetReq.V_CURRENT: NINES | FAILED,
    SetReq.V_KWH: FAILED,
    SetReq.V_VOLUME: FAILED,
    SetReq.V_VA: FAILED,
    SetReq.V_FLOW: NINES | FAILED,
    SetReq.V_WIND: NINES | FAILED,
    SetReq.V_GUST: NINES | FAILED,
    SetReq.V_RAIN: FAILED,
    SetReq.V_RAINRATE: FAILED,
    SetReq.V_EC: FAILED,
    SetReq.V_PH: FAILED,
}
ERROR_CODES: dict[int, dict[float, ErrorCode]] = {
    int(type): LIMITS | _BY_TYPE.get(type, {}) for type in MEASURED
}
