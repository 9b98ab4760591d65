"""The demo house as a config: what `voltkeeper up` runs where nothing is configured."""

from pathlib import Path

from ingest.config.model import (
    Access,
    Config,
    GatewaySettings,
    MustSettings,
    NutServerSettings,
    Person,
    Tariff,
    UpsSettings,
    Web,
    machine_timezone,
)
from ingest.config.plan import BatteryStep, CommandStep, NodeStep, OutagePlan, ReturnStep
from ingest.ups.commands import EP20_COMMANDS

FOLDER = Path("data/demo")
NAME = PASSWORD = "demo"
# Of the password above, which the pages of the demo show: it protects nothing.
PASSWORD_HASH = (
    "pbkdf2_sha256$480000$93faa53e2feb9fd6018b37643ba3a462$vvWCMky4L1/E9hcdtOTKooW9y+T7+aHKFT0f6R+rQpE="
)
TARIFFS = (Tariff(0.34, "EUR", hours="07:00-23:00"), Tariff(0.22, "EUR", hours="23:00-07:00"))
TESTS = ("test.battery.start.quick", "test.battery.start", "test.battery.stop")
BEEPER = ("beeper.enable", "beeper.disable", "beeper.mute")
UPS_SETTINGS = {  # the commands and settings that are allowed
    "rack@closet": UpsSettings(
        commands=(*TESTS, *BEEPER), settings=("battery.charge.low", "input.sensitivity", "input.transfer.low")
    ),
    "desk@closet": UpsSettings(
        commands=(*BEEPER, "load.off", "load.on"), settings=("battery.charge.low", "ups.delay.start")
    ),
    "attic@closet": UpsSettings(
        commands=("test.battery.start.quick", "beeper.toggle"), settings=("ups.delay.start",)
    ),
    "garage": UpsSettings(label="Garage inverter", commands=EP20_COMMANDS),
}
LAMPS = "main/21/1"
PLAN = OutagePlan(  # that reaches nothing outside the demo house
    "closet",
    ("rack@closet", "desk@closet"),
    on_battery=(
        BatteryStep("quiet", command=CommandStep("rack@closet", "beeper.mute"), after_s=20),
        BatteryStep("lamps-off", node=NodeStep(LAMPS, "V_STATUS", "0"), after_s=60, cancel_on_return=True),
        BatteryStep("stop-lab", run=("/bin/echo", "would stop"), after_s=900, charge=60, runtime_s=900),
    ),
    power_back=(
        ReturnStep("lamps-on", node=NodeStep(LAMPS, "V_STATUS", "1"), if_ran=("lamps-off",)),
        ReturnStep("start-lab", run=("/bin/echo", "would start"), charge=80, if_ran=("stop-lab",)),
    ),
)
RIGHTS = frozenset({"edit", "order", "upload", "maintain"})


def demo_config(gateway: str, nut_port: int, web: Web | None = None, folder: Path = FOLDER) -> Config:
    """The demo house: gateway at HOST:PORT, NUT server on a local port, EP20 beside the file."""
    nut = NutServerSettings("closet", port=nut_port, command_username="operator", command_password="demo")
    return Config(
        title="Demo house",
        timezone=machine_timezone(),
        database=folder.absolute() / "telemetry.db",
        gateways=(GatewaySettings("main", tcp=gateway),),
        nut=(nut,),
        must=(MustSettings("garage", str(folder.absolute() / "ep20")),),
        ups=UPS_SETTINGS,
        energy=TARIFFS,
        plan=(PLAN,),
        web=web or Web(),
        access=Access(people=(Person(NAME, PASSWORD_HASH, RIGHTS),)),
        demo=True,
    )
