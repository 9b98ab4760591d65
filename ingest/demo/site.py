"""The demo house as a config and a history: what `voltkeeper up` runs where nothing is configured."""

import time
from contextlib import closing
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
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.demo.radio.battery_node import BatteryNode
from ingest.demo.radio.history import history
from ingest.demo.radio.nodes import DEMO_NODES, factory_firmware
from ingest.demo.ups.history import make_ups_history
from ingest.mysensors.replay import replay
from ingest.schema.migrate import migrate
from ingest.ups.commands import EP20_COMMANDS

FOLDER = Path("data/demo")
ANCHOR = "began"  # the file that holds when the history ends and the live demo began
DAYS = 28
DAY_S = 86400
LOCATIONS = {
    2: "Living room",
    4: "Front door",
    6: "Bathroom",
    7: "Greenhouse",
    11: "Wine cellar",
    12: "Garage",
}
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
    "garage": UpsSettings(commands=EP20_COMMANDS),
}
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
        web=web or Web(),
        access=Access(people=(Person(NAME, PASSWORD_HASH, RIGHTS),)),
        demo=True,
    )


def make_history(config: Config) -> None:
    """Some weeks of history, made once by the nodes that run in the demo.

    The file `began` beside the database marks that it is done; without it the database is made anew.
    """
    database = config.database
    if database.is_file() and anchor(database.parent) is not None:
        return
    for path in database.parent.glob(database.name + "*"):
        path.unlink()
    migrate(database)
    print(f"Making {DAYS} days of history for the demo house ...")
    start, now = time.monotonic(), time.time()
    recording = history(days=DAYS, until=now)
    lines = replay(database, "main", config.gateways[0].address, recording, config.timezone)
    samples = make_ups_history(config, DAYS, now)
    _save_notes(database, now)
    database.with_name(ANCHOR).write_text(f"{now:.3f}\n")
    seconds = time.monotonic() - start
    print(f"{lines:,} messages and {samples:,} samples of UPSes in {seconds:.0f} s, in {database}")


def _save_notes(database: Path, now: float) -> None:
    """What people noted: where nodes are, when a battery was changed; and what nodes reported when new."""
    changes = [
        (node.node_id, format_utc(now - days * DAY_S), NAME)
        for node in DEMO_NODES
        if issubclass(node, BatteryNode) and (days := node.battery.changed_days_ago)
    ]
    with closing(connect(database)) as connection, transaction(connection):
        connection.executemany(
            "update nodes set location = ? where id = ?",
            [(location, node_id) for node_id, location in LOCATIONS.items()],
        )
        connection.executemany(
            "insert into battery_changes (node, changed_at, recorded_at, recorded_by) "
            "values (?1, ?2, ?2, ?3)",
            changes,
        )
        connection.executemany(
            "insert or replace into node_firmware "
            "(node, type, version, blocks, crc, bootloader, block_size, reported_at) "
            "values (?, ?, ?, ?, ?, ?, 16, ?)",
            [(*firmware, format_utc(now - DAYS * DAY_S)) for firmware in factory_firmware(DEMO_NODES)],
        )


def anchor(folder: Path = FOLDER) -> float | None:
    """The end of the demo's history, unix seconds; None before it was made."""
    began = folder / ANCHOR
    return float(began.read_text()) if began.is_file() else None
