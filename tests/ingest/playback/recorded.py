"""A file with recorded outages: polls second by second, stored by ingest's own store."""

from contextlib import closing

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.config.model import load_config
from ingest.config.ups import ups_sources
from ingest.db.connection import connect, transaction
from ingest.schema.migrate import migrate
from ingest.ups.records import Poll, UpsFound
from ingest.ups.registry import register
from ingest.ups.store import UpsStore

NAMES = ("rack@closet", "desk@closet")
FIXED = {
    "ups.model": 'Smart "1500" #2',
    "device.serial": "A=B",
    "battery.charge.low": "20",
    "ups.test.result": "No test initiated",
}


def record(folder, outages, names=NAMES, nominal=900):
    """`telemetry.db` and `config.yml` in a folder; returns the Config.

    `outages`: (seconds ago, seconds) of each, oldest first. The last third of each is `LB`; a full poll comes
    every 2 s, the status every second. `nominal`: ups.realpower.nominal by the config, not by the device.
    """
    settings = "".join(f"  {name}: {{realpower_nominal: {nominal}}}\n" for name in names)
    path = folder / "config.yml"
    path.write_text(
        "database: telemetry.db\ntimezone: Europe/Rome\nnut: [{name: closet, host: 127.0.0.1}]\n"
        f"ups:\n{settings}"
    )
    config = load_config(path)
    migrate(config.database)
    now = float(int(SYSTEM_CLOCK.stamp()))
    sources = ups_sources(config.nut, config.must)
    with closing(connect(config.database)) as connection:
        register(connection, sources, config.ups)
        store = UpsStore(
            connection,
            config.timezone,
            sources,
            config.ups,
            logging_enabled=False,
            variables=config.variables,
        )
        for name in names:
            store.absorb(UpsFound(name, "closet", "x", "in the closet"))
        for ago, length in outages:
            for second in range(-30, length + 31):
                for name in names:
                    store.absorb(_poll(name, now - ago + second, second, length))
        with transaction(connection):
            store.write(connection)
        store.committed()
    return config


def _poll(name, at, second, length):
    if not 0 <= second < length:
        status, charge, volts = "OL" if second < 0 else "OL CHRG", 100 if second < 0 else 60, 230
    else:
        status, charge, volts = "OB DISCHRG", 100 - 40 * second // length, 0
    if 0 <= second < length and second >= length * 2 // 3:
        status += " LB"
    variables = FIXED | {
        "ups.status": status,
        "battery.charge": str(charge),
        "input.voltage": str(volts),
        "ups.load": f"{40 + 2 * min(1, max(0, second) / length):.1f}",
    }
    return Poll(name, at, at, 2.0, status=status, variables=variables if second % 2 == 0 else None)
