"""A database file with many messages and UPS samples, spread evenly over the days before now.

The same arguments make the same rows.
"""

import random
import shutil
import time
from pathlib import Path

from common import traffic

from ingest.db.connection import connect, transaction
from ingest.mysensors.replay import replay
from ingest.schema.migrate import migrate
from ingest.ups.records import Poll
from ingest.ups.registry import UpsSource, register
from ingest.ups.store import UpsStore

NODES = 200
UPSES = ("rack@closet", "desk@closet", "attic@closet")
TOGETHER = 50  # messages with the same time, so that a large file is made in minutes
OUTAGE_EVERY, OUTAGE = 20_000, 40  # samples of a UPS between the starts of two outages, and in one
COMMIT = 5_000
GATEWAY = "main", "tcp 127.0.0.1:1"


def make_database(path, messages, samples, days, kept=None):
    """Make the file. `kept` is a folder that caches such files."""
    kept = kept and Path(kept) / f"{messages}-{samples}-{days}.db"
    if kept and kept.exists():
        shutil.copy(kept, path)
        migrate(path)
    else:
        migrate(path)
        _fill(path, messages, samples, days)
        if kept:
            shutil.copy(path, kept)
    now = time.time()  # making a large file takes minutes, after which no node may count as silent
    replay(path, *GATEWAY, [(now, f"{node};1;1;0;1;21.0".encode()) for node in range(1, NODES + 1)], "UTC")


def _fill(path, messages, samples, days):
    end, step = time.time(), days * 86400 / messages
    recording = (
        (end - (messages - number // TOGETHER * TOGETHER) * step, line.rstrip("\n").encode())
        for number, line in enumerate(traffic(messages, nodes=NODES))
    )
    replay(path, *GATEWAY, recording, "UTC")
    connection = connect(path)
    source = UpsSource("closet", "nut", "127.0.0.1:1", UPSES)
    register(connection, [source], {})
    store = UpsStore(connection, "UTC", [source], {}, logging_enabled=False)
    for number, poll in enumerate(_polls(end, days, samples // len(UPSES)), 1):
        store.absorb(poll)
        if number % COMMIT == 0:
            _commit(connection, store)
    _commit(connection, store)
    connection.close()


def _polls(end, days, count):
    """`count` polls of each UPS, in order of time, with an outage at regular intervals."""
    rnd = random.Random(1)
    step = days * 86400 / max(1, count)
    for number in range(count):
        at = end - (count - number) * step
        out = number % OUTAGE_EVERY < OUTAGE
        for ups in UPSES:
            yield Poll(
                ups,
                at,
                at,
                step,
                status="OB DISCHRG" if out else "OL",
                variables={
                    "ups.status": "OB DISCHRG" if out else "OL",
                    "input.voltage": "0.0" if out else f"{rnd.gauss(230, 2):.1f}",
                    "battery.charge": str(100 - number % OUTAGE_EVERY // 2) if out else "100",
                    "battery.voltage": "27.1",
                    "ups.load": str(rnd.randrange(30, 40)),
                    "ups.realpower.nominal": "900",
                    "ups.temperature": "31.5",
                },
            )


def _commit(connection, store):
    with transaction(connection):
        store.write(connection)
    store.committed()
