"""The demo house as a config and a past: what `voltkeeper up` runs where nothing is configured."""

import time
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
from ingest.demo.radio.history import history
from ingest.demo.radio.nodes import DEMO_NODES, factory_firmware
from ingest.demo.ups.history import make_ups_past
from ingest.mysensors.replay import replay
from ingest.schema.migrate import migrate
from ingest.ups.commands import EP20_COMMANDS

FOLDER = Path("data/demo")
DAYS = 28
DAY_S = 86400
PLACES = {2: "Living room", 4: "Front door", 6: "Bathroom", 7: "Greenhouse", 11: "Wine cellar", 12: "Garage"}
NAME = PASSWORD = "demo"
# Of the password above, which the pages of the demo show: it guards nothing.
PASSWORD_HASH = (
    "pbkdf2_sha256$480000$93faa53e2feb9fd6018b37643ba3a462$vvWCMky4L1/E9hcdtOTKooW9y+T7+aHKFT0f6R+rQpE="
)
TARIFFS = (Tariff(0.34, "EUR", hours="07:00-23:00"), Tariff(0.22, "EUR", hours="23:00-07:00"))
TESTS = ("test.battery.start.quick", "test.battery.stop")
BEEPER = ("beeper.enable", "beeper.disable", "beeper.mute")
ORDERS = {  # what may be ordered of the UPSes
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


def demo_config(gateway, nut_port, web=Web(), folder=FOLDER):
    """The config of the demo house: its gateway at HOST:PORT, its NUT server on a local port, its EP20 beside the file."""
    return Config(
        title="Demo house",
        timezone=machine_timezone(),
        database=folder.absolute() / "telemetry.db",
        gateways=(GatewaySettings("main", tcp=gateway),),
        nut=(
            NutServerSettings("closet", port=nut_port, command_username="operator", command_password="demo"),
        ),
        must=(MustSettings("garage", str(folder.absolute() / "ep20")),),
        ups=ORDERS,
        energy=TARIFFS,
        web=web,
        access=Access(people=(Person(NAME, PASSWORD_HASH, RIGHTS),)),
        demo=True,
    )


def make_past(config, say=print):
    """Some weeks of history, made once by the nodes that go on living in the demo. Returns when they began to live.

    The file `began` beside the database says that it is done; without it the database is made anew.
    """
    database = config.database
    began = database.with_name("began")
    if began.is_file() and database.is_file():
        return float(began.read_text())
    for path in database.parent.glob(database.name + "*"):
        path.unlink()
    migrate(database)
    say(f"Making {DAYS} days of history for the demo house ...")
    start, now = time.monotonic(), time.time()
    lines = replay(
        database, "main", config.gateways[0].address, history(days=DAYS, until=now), config.timezone
    )
    samples = make_ups_past(config, DAYS, now)
    _note(database, now)
    _report_firmware(database, now)
    began.write_text(f"{now:.3f}\n")
    say(
        f"{lines:,} messages and {samples:,} samples of UPSes in {time.monotonic() - start:.0f} s, in {database}"
    )
    return now


def _note(database, now):
    """What the people of the demo house wrote down: where nodes are, and when a battery was changed."""
    connection = connect(database)
    with transaction(connection):
        connection.executemany(
            "update nodes set location = ? where id = ?", [(place, id) for id, place in PLACES.items()]
        )
        connection.executemany(
            "insert into battery_changes (node, changed_at, recorded_at, recorded_by) values (?, ?, ?, ?)",
            [
                (node.node_id, at, at, NAME)
                for node in DEMO_NODES
                if getattr(node, "battery", None) and node.battery.changed_days_ago
                for at in [format_utc(now - node.battery.changed_days_ago * DAY_S)]
            ],
        )
    connection.close()


def _report_firmware(database, now):
    """What the nodes said of their firmware when they were switched on."""
    connection = connect(database)
    connection.executemany(
        "insert or replace into node_firmware (node, type, version, blocks, crc, bootloader, block_size, reported_at) "
        "values (?, ?, ?, ?, ?, ?, 16, ?)",
        [(*firmware, format_utc(now - DAYS * DAY_S)) for firmware in factory_firmware(DEMO_NODES)],
    )
    connection.close()


def anchor(folder=FOLDER):
    """When the demo's nodes began to live, for the program that lets them; None before they did."""
    began = folder / "began"
    return float(began.read_text()) if began.is_file() else None
