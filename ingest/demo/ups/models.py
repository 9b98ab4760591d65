"""The UPSes of the demo house: `model(name, t)` gives every NUT variable of one at a unix time, always the same.

The sets of variables are those of real devices: an APC Back-UPS RS 1600SI and an Eaton 3S 550 at usbhid-ups, and a plain
one at nutdrv_qx that tells neither watts nor charge.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ingest.demo.ups.mains import Mains, UpsBattery, wobble

WEEK_S = 7 * 86400
TEST_S = 15  # how long a self-test takes
TEST_SAG = 0.93  # what is left of the battery's voltage while the battery carries the load
DRIVER = {
    "driver.parameter.pollfreq": "30",
    "driver.parameter.pollinterval": "2",
    "driver.parameter.port": "auto",
}


@dataclass(frozen=True)
class DemoUps:
    """What a server tells of one UPS: description, variables at a time, what may be set and how, instant commands."""

    description: str
    variables: Callable[[float], dict[str, str]]
    writable: dict[str, tuple] = field(
        default_factory=dict
    )  # ('STRING', n), ('ENUM', values...), ('RANGE', low, high)
    commands: tuple[str, ...] = ()


def status(on_battery: bool, charge: float, low: float, charging: bool) -> str:
    """The words of `ups.status`."""
    if on_battery:
        return "OB DISCHRG LB" if charge <= low else "OB DISCHRG"
    return "OL CHRG" if charging and charge < 99.5 else "OL"


def self_test(t: float, offset: float) -> tuple[str, str]:
    """Result and day of the weekly self-test of a UPS that tests itself `offset` s into the week."""
    begun = (t - offset) // WEEK_S * WEEK_S + offset
    result = "In progress" if t < begun + TEST_S else "Done and passed"
    return result, time.strftime("%Y/%m/%d", time.gmtime(begun))


def apc_rs_1600si(t: float, mains: Mains) -> dict[str, str]:
    """960 W, 24 V, about 13 % of load: `input.transfer.reason` tells why it last went to battery."""
    battery = UpsBattery(watt_hours=150, watts=122, recharge_s=8 * 3600)
    on_battery = mains.outage_at(t) is not None
    charge = battery.charge(mains, t)
    load = 12.7 + 1.2 * wobble("rack load", t, 900) + 0.6 * wobble("rack fast", t, 25)
    result, _ = self_test(t, 3 * 86400 + 3 * 3600)
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
        "ups.test.result": result,
        "ups.timer.reboot": "0",
        "ups.timer.shutdown": "-1",
        "ups.vendorid": "051d",
    }


def eaton_3s_550(t: float, mains: Mains) -> dict[str, str]:
    """550 VA with two switched outlets; it tells the output's voltage and no battery voltage, and its serial is no serial."""
    battery = UpsBattery(watt_hours=42, watts=41, recharge_s=5 * 3600)
    on_battery = mains.outage_at(t) is not None
    charge = battery.charge(mains, t)
    load = 12.4 + 1.4 * wobble("desk load", t, 1200) + 0.5 * wobble("desk fast", t, 30)
    return DRIVER | {
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


def plain_650(t: float, mains: Mains) -> dict[str, str]:
    """A 650 VA line-interactive UPS at nutdrv_qx: voltages, load and temperature, and BOOST when the mains sag."""
    battery = UpsBattery(watt_hours=60, watts=38, recharge_s=6 * 3600)
    wall = mains.voltage(t)
    on_battery = mains.outage_at(t) is not None
    charge = battery.charge(mains, t)
    boost = not on_battery and wall < 212
    volts = 10.9 + 1.8 * charge / 100 if on_battery else 12.9 + 0.7 * charge / 100
    words = status(on_battery, charge, 15, False) + (" BOOST" if boost else "")
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
        "ups.status": words.replace("OB DISCHRG", "OB"),
        "ups.temperature": f"{28 + 4 * wobble('attic heat', t, 6 * 3600):.1f}",
        "ups.type": "offline / line interactive",
    }


MODELS = {"rack": apc_rs_1600si, "desk": eaton_3s_550, "attic": plain_650}
CIRCUITS = {"desk": "study"}  # the UPSes that have a breaker of their own


def model(name: str, t: float, mains: Mains | None = None) -> dict[str, str]:
    """Every variable of the demo house's UPS `name` ('rack', 'desk', 'attic') at the unix time `t`."""
    return MODELS[name](t, (mains or Mains()).behind(CIRCUITS.get(name, "")))


def demo_upses(mains: Mains | None = None) -> dict[str, DemoUps]:
    """The UPSes that the demo server has."""
    beeper = ("beeper.disable", "beeper.enable", "beeper.mute")
    delays = {"ups.delay.shutdown": ("RANGE", 0, 600), "ups.delay.start": ("RANGE", 0, 1800)}
    return {
        "rack": DemoUps(
            "Rack in the closet",
            partial(model, "rack", mains=mains),
            {
                "battery.charge.low": ("STRING", 10),
                "battery.runtime.low": ("STRING", 10),
                "input.sensitivity": ("ENUM", "low", "medium", "high"),
                "input.transfer.high": ("RANGE", 264, 294),
                "input.transfer.low": ("RANGE", 160, 184),
                "ups.delay.shutdown": ("STRING", 10),
            },
            (
                *beeper,
                "load.off",
                "load.on",
                "shutdown.return",
                "test.battery.start.quick",
                "test.battery.stop",
            ),
        ),
        "desk": DemoUps(
            "Desk",
            partial(model, "desk", mains=mains),
            {
                "battery.charge.low": ("STRING", 10),
                "input.transfer.high": ("STRING", 10),
                "input.transfer.low": ("STRING", 10),
                **delays,
            },
            (
                *beeper,
                "load.off",
                "load.off.delay",
                "load.on",
                "load.on.delay",
                "shutdown.return",
                "shutdown.stop",
            ),
        ),
        "attic": DemoUps(
            "Attic",
            partial(model, "attic", mains=mains),
            delays,
            ("beeper.toggle", "test.battery.start.quick"),
        ),
    }
