"""Registers of the MUST EP20 as NUT variables, so that every view and page serves it like any other UPS.

Values are text, as upsd gives them. What NUT has no name for is kept under `experimental.must.*` (NUT's own
rule for new names). Scales and meanings are those of NUT's must_ep2000pro driver and of frames captured from
the device; the current of the battery is signed, + charging, - discharging, and the load's current is in
tenths of an ampere.
"""

from collections.abc import Callable, Sequence

from ingest.must.errors import ZeroAnswerError
from ingest.must.faults import BATTERY_HIGH, BATTERY_LOW, OVERLOAD, PARAMETER_ERROR, alarm_texts, fault_text

STATUS = 30000
STATUS_COUNT = 27
SETTINGS = 31000
SETTINGS_COUNT = 10  # up to the backlight; 18 would reach 31017, which no device is known to answer
BUZZER = 31006  # 1 is silence
CONTROLS = 32000  # from here on registers can be written alone; 32000 restores the factory settings
RESET, SHUTDOWN = 32001, 32002
COMMANDS = {
    "beeper.enable": (BUZZER, 0),
    "beeper.disable": (BUZZER, 1),
    "experimental.must.reset": (RESET, 1),
    "shutdown.return": (SHUTDOWN, 1),
}  # NUT's name -> (register, value) to write; 32002 has the name that NUT's must_ep2000pro gives it

BACKUP, LINE, GRID_CHARGE = 3, 4, 7
WORK_STATES = {
    1: "init",
    2: "self check",
    3: "backup",
    4: "line",
    5: "stop",
    6: "power off",
    7: "grid charge",
    8: "soft start",
}
STATE_TOKENS = {3: ["OB", "DISCHRG"], 4: ["OL"], 5: ["OFF"], 6: ["OFF"], 7: ["OL", "CHRG"]}
LOAD_STATES = {0: "normal", 1: "alarm", 2: "overload"}
AVR_STATES = {0: "bypass", 1: "trim", 2: "boost", 4: "extra boost"}
AVR_TOKENS = {1: "TRIM", 2: "BOOST", 4: "BOOST"}  # meaningful on mains only: on battery the register reads 2
BUZZER_STATES = {0: "off", 1: "sounding", 2: "alarm"}
CHARGE_STAGES = {0: "constant current", 1: "constant voltage", 2: "float"}
FLOAT = 2
DELAY_TYPES = {0: "standard", 1: "long delay", 2: "integration"}

IDENTITY = {"device.type": "ups", "device.mfr": "MUST", "device.model": "EP20"}


def signed(value: int) -> int:
    """A register as a two's complement number: 0xFFAA is -86."""
    return value - 0x10000 if value & 0x8000 else value


def tenths(value: int) -> str:
    """A register in tenths as text: 2230 is '223.0'."""
    return f"{value / 10:.1f}"


def status_variables(registers: Sequence[int], low_charge: float = 20, raw: bytes = b"") -> dict[str, str]:
    """Registers 30000-30026 as variables. Units: V, Hz, A, W, VA, %, degrees C.

    `low_charge` is the charge in % at and below which a UPS on battery is LB. Raises ZeroAnswerError when the
    answer has no work state or no rated power, which happens now and then in a frame that is otherwise sound.
    """
    if len(registers) != STATUS_COUNT:
        raise ValueError(f"{STATUS_COUNT} registers make a status, not {len(registers)}")
    r = dict(enumerate(registers, STATUS))
    if r[30002] == 0 or r[30004] == 0:
        raise ZeroAnswerError("the device answers with zeros: no work state or no rated power", raw)
    variables = IDENTITY | {
        "ups.status": " ".join(status_tokens(registers, low_charge)),
        "input.voltage": tenths(r[30005]),
        "input.frequency": tenths(r[30006]),
        "output.voltage": tenths(r[30007]),
        "output.frequency": tenths(r[30008]),
        "output.current": tenths(r[30009]),
        "ups.realpower": str(r[30010]),
        "ups.realpower.nominal": str(r[30004]),
        "ups.power": str(r[30011]),
        "ups.load": str(r[30012]),
        "ups.temperature": str(signed(r[30018])),
        "ups.firmware": str(r[30001]),
        "battery.charge": str(r[30017]),
        "battery.charger.status": charger_status(registers),
        "battery.current": tenths(signed(r[30015])),
        "battery.voltage": tenths(r[30014]),
        "battery.voltage.nominal": str(r[30003]),
        "experimental.must.machine.type": str(r[30000]),
        "experimental.must.work.state": WORK_STATES.get(r[30002], f"state {r[30002]}"),
        "experimental.must.load.state": LOAD_STATES.get(r[30013], f"state {r[30013]}"),
        "experimental.must.avr.state": AVR_STATES.get(r[30019], f"state {r[30019]}"),
        "experimental.must.buzzer.state": BUZZER_STATES.get(r[30020], f"state {r[30020]}"),
        "experimental.must.fault": fault_text(r[30021]) if r[30021] else "none",
        "experimental.must.alarm": ", ".join(alarm_texts(r[30022])) or "none",
        "experimental.must.charge.stage": CHARGE_STAGES.get(r[30023], f"stage {r[30023]}"),
        "experimental.must.charge.flag": "yes" if r[30024] else "no",
        "experimental.must.main.switch": "on" if r[30025] else "off",
        "experimental.must.delay.type": DELAY_TYPES.get(r[30026], f"type {r[30026]}"),
    }
    alarms = ups_alarms(registers)
    if alarms:
        variables["ups.alarm"] = "; ".join(alarms)
    return variables


def ups_alarms(registers: Sequence[int]) -> list[str]:
    """What stands behind the word ALARM: the fault, and a parameter error."""
    r = dict(enumerate(registers, STATUS))
    texts = [fault_text(r[30021])] if r[30021] else []
    return texts + (["parameter error"] if r[30022] & PARAMETER_ERROR else [])


def status_tokens(registers: Sequence[int], low_charge: float = 20) -> list[str]:
    """Return the tokens of `ups.status`, ALARM first as upsd does; WAIT where the mains are unknown."""
    r = dict(enumerate(registers, STATUS))
    state, bits = r[30002], r[30022]
    tokens = ["ALARM"] if ups_alarms(registers) else []
    tokens += STATE_TOKENS.get(state, ["WAIT"])
    if state == LINE and r[30024] and r[30023] < FLOAT and signed(r[30015]) > 0:
        tokens.append("CHRG")
    if state == LINE and r[30019] in AVR_TOKENS:
        tokens.append(AVR_TOKENS[r[30019]])
    if r[30013] == 2 or bits & OVERLOAD:
        tokens.append("OVER")
    if bits & BATTERY_LOW or (state == BACKUP and r[30017] <= low_charge):
        tokens.append("LB")
    if bits & BATTERY_HIGH:
        tokens.append("HB")
    return tokens


def charger_status(registers: Sequence[int]) -> str:
    """NUT's `battery.charger.status`: charging, discharging, floating or resting."""
    r = dict(enumerate(registers, STATUS))
    current = signed(r[30015])
    if r[30002] == BACKUP:
        return "discharging"
    if r[30024] and r[30023] == FLOAT:
        return "floating"
    if r[30002] == GRID_CHARGE or (r[30024] and current > 0):
        return "charging"
    if current < 0:
        return "discharging"
    return "resting"


def _enabled(value: int) -> str:
    return "enabled" if value else "disabled"


def _inverted(value: int) -> str:
    return "disabled" if value else "enabled"


def _frequency(value: int) -> str:
    return {0: "50", 1: "60"}.get(value, f"type {value}")


SETTING_NAMES: dict[int, tuple[str, Callable[[int], str]]] = {
    31000: ("input.frequency.nominal", _frequency),  # Hz; the device keeps 0 for 50, 1 for 60
    31001: ("input.voltage.nominal", str),  # V
    31002: ("battery.voltage.low", tenths),  # V at which the inverter shuts down
    31003: ("battery.voltage.high", tenths),  # V of absorption, the highest the charger goes
    31004: ("experimental.battery.voltage.float", tenths),  # V
    31005: ("experimental.battery.charger.current", str),  # A of bulk charging
    BUZZER: ("ups.beeper.status", _inverted),
    31007: ("experimental.battery.charger.grid", _inverted),  # 1 forbids charging from the grid
    31008: ("experimental.ups.keysound", _inverted),
    31009: ("experimental.ups.backlight", _enabled),
    31016: ("experimental.input.utility", _inverted),  # 1 forbids the grid
    31017: ("experimental.ups.overload.recover", _enabled),
}


def setting_variables(registers: Sequence[int]) -> dict[str, str]:
    """Return registers from 31000 on as variables; one without a known meaning keeps its number."""
    variables = {}
    for number, value in enumerate(registers, SETTINGS):
        name, text = SETTING_NAMES.get(number, (f"experimental.must.{number}", str))
        variables[name] = text(value)
    return variables
