"""Fault codes of register 30021 and alarm bits of register 30022, as text.

The codes are those of NUT's must_ep2000pro driver: some stand in the maker's documentation, the rest are its
author's finds.
"""

FAULTS = {
    1: "fan locked, inverter off",
    2: "inverter over temperature",
    3: "battery voltage too high",
    4: "battery voltage too low",
    5: "output short circuited",
    6: "inverter output voltage high",
    7: "overload",
    8: "bus voltage too high",
    9: "bus soft start failed",
    11: "main relay failed",
    21: "output voltage sensor failed",
    22: "grid voltage sensor failed",
    23: "output current sensor failed",
    24: "grid current sensor failed",
    25: "load current sensor failed",
    26: "grid over current",
    27: "radiator over temperature",
    31: "solar charger: wrong battery class",
    32: "solar charger: current sensor failed",
    33: "solar charger: current uncontrollable",
    41: "grid voltage low",
    42: "grid voltage high",
    43: "grid under frequency",
    44: "grid over frequency",
    45: "AVR failed",
    51: "over current protection",
    52: "bus voltage too low",
    53: "soft start failed",
    54: "over DC voltage in AC output",
    56: "battery connection open",
    57: "control current sensor failed",
    58: "inverter output voltage too low",
    61: "fan locked, inverter on",
    62: "fan 2 locked",
    63: "battery over-charged",
    64: "low battery",
    67: "overload",
    70: "output power derating",
    72: "solar charger stops: low battery",
    73: "solar charger stops: high PV voltage",
    74: "solar charger stops: overload",
    75: "solar charger over temperature",
    76: "PV charger communication lost",
    77: "parameter error",
}

BATTERY_LOW = 1 << 1
OVERLOAD = 1 << 2
BATTERY_HIGH = 1 << 3
PARAMETER_ERROR = 1 << 4

ALARMS = {
    BATTERY_LOW: "battery voltage low",
    OVERLOAD: "overload",
    BATTERY_HIGH: "battery voltage high",
    PARAMETER_ERROR: "parameter error",
}


def fault_text(code: int) -> str:
    """Return 'overload (fault 7)'; a code without a known meaning is 'fault 99'."""
    return f"{FAULTS[code]} (fault {code})" if code in FAULTS else f"fault {code}"


def alarm_texts(bits: int) -> list[str]:
    """Return the alarms that are set; bits without a name are kept as 'bit 5'."""
    return [ALARMS.get(1 << n, f"bit {n}") for n in range(16) if bits >> n & 1]
