"""The UPSes of the demo: `model(name, t)` gives every NUT variable of one at a unix time, always the same.

The sets of variables are those of real devices: an APC Back-UPS RS 1600SI and an Eaton 3S 550 at usbhid-
ups, and a plain one at nutdrv_qx that reports neither watts nor charge.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from ingest.demo.ups.mains import Mains, UpsBattery, wobble

WEEK_S = 7 * 86400
TEST_OFFSET_S = 3 * 86400 + 3 * 3600  # of the weekly self-test, from the start of the week
TEST_S = 15  # duration of a self-test, s
TEST_SAG = 0.93  # what is left of the battery's voltage while the battery carries the load
DRIVER = {
    "driver.parameter.pollfreq": "30",
    "driver.parameter.pollinterval": "2",
    "driver.parameter.port": "auto",
}


class WritableLimit(NamedTuple):
    """What a variable can be set to: STRING with a length, ENUM with values, RANGE with low and high."""

    kind: str
    values: tuple[str | int, ...]

    def refusal(self, value: str) -> str:
        """What upsd refuses this value with, '' where it is taken."""
        if self.kind == "STRING":
            return "TOO-LONG" if len(value) > int(self.values[0]) else ""
        if self.kind == "ENUM":
            return "" if value in self.values else "INVALID-VALUE"
        low, high = map(int, self.values)
        return "" if value.isdigit() and low <= int(value) <= high else "INVALID-VALUE"


def string(length: int) -> WritableLimit:
    """Any text up to this length."""
    return WritableLimit("STRING", (length,))


def enum(*values: str) -> WritableLimit:
    """One of these values."""
    return WritableLimit("ENUM", values)


def between(low: int, high: int) -> WritableLimit:
    """A whole number from low to high."""
    return WritableLimit("RANGE", (low, high))


@dataclass(frozen=True)
class DemoUps:
    """What a server holds of one UPS: description, variables at a time, what can be set, instant commands.

    `is_stale`: whether its driver has no fresh data at a time.
    """

    description: str
    variables: Callable[[float], dict[str, str]]
    writable: dict[str, WritableLimit] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    is_stale: Callable[[float], bool] = lambda t: False


def status(on_battery: bool, charge: float, low: float, charging: bool) -> str:
    """The tokens of `ups.status`."""
    if on_battery:
        return "OB DISCHRG LB" if charge <= low else "OB DISCHRG"
    return "OL CHRG" if charging and charge < 99.5 else "OL"


def apc_rs_1600si(t: float, mains: Mains) -> dict[str, str]:
    """960 W, 24 V, about 13 % of load: `input.transfer.reason` is why it last went to battery."""
    battery = UpsBattery(watt_hours=150, watts=122, recharge_s=8 * 3600)
    on_battery = mains.failure_at(t) is not None
    charge = battery.charge(mains, t)
    load = 12.7 + 1.2 * wobble("rack load", t, 900) + 0.6 * wobble("rack fast", t, 25)
    volts = 21.6 + 3.9 * charge / 100 if on_battery else 26.2 + 1.1 * charge / 100
    return DRIVER | {
        "battery.charge": f"{charge:.0f}",
        "battery.charge.low": "10",
        "battery.charge.warning": "50",
        "battery.date": "2001/09/25",
        "battery.mfr.date": "2021/12/11",
        "battery.runtime": f"{battery.runtime(charge) * 12.7 / load:.0f}",
        "battery.runtime.low": "120",
        "battery.type": "PbAc",
        "battery.voltage": f"{volts:.1f}",
        "battery.voltage.nominal": "24.0",
        "device.mfr": "American Power Conversion",
        "device.model": "Back-UPS RS 1600SI",
        "device.serial": "DEMO00001600",
        "device.type": "ups",
        "driver.name": "usbhid-ups",
        "driver.version": "2.8.0",
        "driver.version.data": "APC HID 0.98",
        "input.sensitivity": "medium",
        "input.transfer.high": "288",
        "input.transfer.low": "176",
        "input.transfer.reason": "input voltage out of range",
        "input.voltage": f"{mains.voltage(t):.1f}",
        "input.voltage.nominal": "230",
        "ups.beeper.status": "enabled",
        "ups.delay.shutdown": "20",
        "ups.firmware": "963.g5 .I",
        "ups.firmware.aux": "g5",
        "ups.load": f"{load:.0f}",
        "ups.mfr": "American Power Conversion",
        "ups.mfr.date": "2021/12/11",
        "ups.model": "Back-UPS RS 1600SI",
        "ups.productid": "0002",
        "ups.realpower.nominal": "960",
        "ups.serial": "DEMO00001600",
        "ups.status": status(on_battery, charge, 10, True),
        "ups.test.result": "In progress" if (t - TEST_OFFSET_S) % WEEK_S < TEST_S else "Done and passed",
        "ups.timer.reboot": "0",
        "ups.timer.shutdown": "-1",
        "ups.vendorid": "051d",
    }


EATON_OUTLETS = {
    "outlet.1.desc": "PowerShare Outlet 1",
    "outlet.1.id": "2",
    "outlet.1.status": "on",
    "outlet.1.switchable": "yes",
    "outlet.2.desc": "PowerShare Outlet 2",
    "outlet.2.id": "3",
    "outlet.2.status": "off",
    "outlet.2.switchable": "yes",
    "outlet.desc": "Main Outlet",
    "outlet.id": "1",
    "outlet.switchable": "no",
}


def eaton_3s_550(t: float, mains: Mains) -> dict[str, str]:
    """550 VA with two switched outlets.

    It reports the output's voltage, no battery voltage and a serial of zeros.
    """
    battery = UpsBattery(watt_hours=42, watts=41, recharge_s=5 * 3600)
    on_battery = mains.failure_at(t) is not None
    charge = battery.charge(mains, t)
    load = 12.4 + 1.4 * wobble("desk load", t, 1200) + 0.5 * wobble("desk fast", t, 30)
    return (
        DRIVER
        | EATON_OUTLETS
        | {
            "battery.charge": f"{charge:.0f}",
            "battery.charge.low": "20",
            "battery.runtime": f"{battery.runtime(charge) * 12.4 / load:.0f}",
            "battery.type": "PbAc",
            "device.mfr": "EATON",
            "device.model": "Eaton 3S 550",
            "device.serial": "000000000",
            "device.type": "ups",
            "driver.name": "usbhid-ups",
            "driver.version": "2.8.0",
            "driver.version.data": "MGE HID 1.46",
            "input.transfer.high": "264",
            "input.transfer.low": "184",
            "output.frequency.nominal": "50",
            "output.voltage": "230.0" if on_battery else f"{mains.voltage(t):.1f}",
            "output.voltage.nominal": "230",
            "ups.beeper.status": "enabled",
            "ups.delay.shutdown": "20",
            "ups.delay.start": "30",
            "ups.firmware": "02.08.0010",
            "ups.load": f"{load:.0f}",
            "ups.mfr": "EATON",
            "ups.model": "Eaton 3S 550",
            "ups.power.nominal": "550",
            "ups.productid": "ffff",
            "ups.serial": "000000000",
            "ups.status": status(on_battery, charge, 20, True),
            "ups.timer.shutdown": "-1",
            "ups.timer.start": "-1",
            "ups.vendorid": "0463",
        }
    )


def plain_650(t: float, mains: Mains) -> dict[str, str]:
    """A 650 VA line-interactive UPS at nutdrv_qx: voltages, load, temperature, BOOST when mains sag."""
    battery = UpsBattery(watt_hours=60, watts=38, recharge_s=6 * 3600)
    wall = mains.voltage(t)
    on_battery = mains.failure_at(t) is not None
    charge = battery.charge(mains, t)
    boost = not on_battery and wall < 212
    volts = 10.9 + 1.8 * charge / 100 if on_battery else 12.9 + 0.7 * charge / 100
    tokens = status(on_battery, charge, 15, False) + (" BOOST" if boost else "")
    return DRIVER | {
        "battery.voltage": f"{volts:.2f}",
        "battery.voltage.nominal": "12.0",
        "device.mfr": "Voltronic",
        "device.model": "Plain 650",
        "device.type": "ups",
        "driver.name": "nutdrv_qx",
        "driver.version": "2.8.0",
        "input.current.nominal": "2.0",
        "input.frequency": f"{mains.frequency(t):.1f}",
        "input.frequency.nominal": "50",
        "input.voltage": f"{wall:.1f}",
        "input.voltage.fault": "0.0",
        "input.voltage.nominal": "230",
        "output.voltage": "230.0" if on_battery else f"{wall * 1.1 if boost else wall:.1f}",
        "ups.beeper.status": "enabled",
        "ups.delay.shutdown": "30",
        "ups.delay.start": "180",
        "ups.load": f"{10 + 1.5 * wobble('attic load', t, 700):.0f}",
        "ups.power.nominal": "650",
        "ups.status": tokens.replace("OB DISCHRG", "OB"),
        "ups.temperature": f"{28 + 4 * wobble('attic heat', t, 6 * 3600):.1f}",
        "ups.type": "offline / line interactive",
    }


MODELS = {"rack": apc_rs_1600si, "desk": eaton_3s_550, "attic": plain_650}
CIRCUITS = {"desk": "study"}  # the UPSes that have a breaker of their own


def model(name: str, t: float, mains: Mains | None = None) -> dict[str, str]:
    """Every variable of the demo's UPS `name` ('rack', 'desk', 'attic') at the unix time `t`."""
    return MODELS[name](t, (mains or Mains()).behind(CIRCUITS.get(name, "")))


# fmt: off
BEEPER = ("beeper.disable", "beeper.enable", "beeper.mute")
DELAYS = {"ups.delay.shutdown": between(0, 600), "ups.delay.start": between(0, 1800)}
WRITABLE = {
    "rack": {
        "battery.charge.low": string(10),
        "battery.runtime.low": string(10),
        "input.sensitivity": enum("low", "medium", "high"),
        "input.transfer.high": between(264, 294),
        "input.transfer.low": between(160, 184),
        "ups.delay.shutdown": string(10),
    },
    "desk": {
        "battery.charge.low": string(10),
        "input.transfer.high": string(10),
        "input.transfer.low": string(10),
        **DELAYS,
    },
    "attic": DELAYS,
}
COMMANDS = {
    "rack": (
        *BEEPER, "load.off", "load.on", "shutdown.return", "test.battery.start", "test.battery.start.quick",
        "test.battery.stop",
    ),
    "desk": (
        *BEEPER, "load.off", "load.off.delay", "load.on", "load.on.delay", "shutdown.return", "shutdown.stop",
    ),
    "attic": ("beeper.toggle", "test.battery.start.quick"),
}
DESCRIPTIONS = {"rack": "Rack in the closet", "desk": "Desk", "attic": "Attic"}
# fmt: on


def demo_upses(mains: Mains | None = None) -> dict[str, DemoUps]:
    """The UPSes that the demo server has."""
    return {
        name: DemoUps(
            DESCRIPTIONS[name], partial(model, name, mains=mains), dict(WRITABLE[name]), COMMANDS[name]
        )
        for name in MODELS
    }
