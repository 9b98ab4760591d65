"""A week of the demo site in an hour, with faults: the gateway restarted, frozen, garbled, ingest killed.

    python benchmarks/soak.py [MINUTES]

The demo gateway runs at 168 times its speed. At the end the integrity of the file is checked, and the
aggregate tables are compared with the messages and readings.
"""

import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, resource_usage

from tests.helpers.demo_gateway import running_gateway

SPEED = 168
CHECKS = {
    "file": ("pragma integrity_check", "ok"),
    "daily figures": (
        "select (select sum(messages) from node_daily where child_id is null) = "
        "(select count(*) from messages where node is not null)",
        1,
    ),
    "hourly figures": (
        "select (select sum(count) from readings_hourly) = (select count(*) from readings)",
        1,
    ),
    "readings": (
        "select (select count(*) from messages where command = 1 and echo = 0 and node is not null and "
        "repeat = 0) "
        "= (select count(*) from readings)",
        1,
    ),
    "last values": (
        "select count(*) from channels c where text is not "
        "(select text from readings where channel = c.id order by id desc limit 1)",
        0,
    ),
    "order": (
        "select count(*) from (select received_at < lag(received_at) over (order by id) as back from "
        "messages) where back",
        0,
    ),
}


def main(minutes=60):
    rnd = random.Random(7)
    with tempfile.TemporaryDirectory() as folder, running_gateway(speed=SPEED, boot=True) as gateway:
        config = Path(folder) / "config.yml"
        config.write_text(
            f"database: telemetry.db\ntimezone: Europe/Rome\ngateways: "
            f"[{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\n"
        )
        command = [sys.executable, "-m", "voltkeeper", "ingest", "--config", str(config)]
        log = (Path(folder) / "log").open("w")
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
        faults = dict.fromkeys(("drop", "freeze", "garble", "kill", "stop"), 0)
        peak, end = 0.0, time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            time.sleep(rnd.uniform(5, 20))
            fault = rnd.choice(list(faults))
            faults[fault] += 1
            peak = max(peak, resource_usage(process.pid)[2])
            if fault == "drop":
                gateway.drop()
            elif fault == "freeze":
                process.send_signal(signal.SIGSTOP)
                time.sleep(3)
                process.send_signal(signal.SIGCONT)
            elif fault == "garble":
                gateway.inject("12;\xff;x;y")
                gateway.inject("7;1;1;0;0;" + "9" * 400)
            else:
                process.send_signal(signal.SIGKILL if fault == "kill" else signal.SIGTERM)
                process.wait(30)
                process = subprocess.Popen(command, cwd=ROOT, stderr=log)
        process.terminate()
        code = process.wait(30)
        connection = sqlite3.connect(Path(folder) / "telemetry.db")
        stored, rejected = connection.execute(
            "select (select count(*) from messages), (select count(*) from rejects)"
        ).fetchone()
        print(
            f"{minutes} min at {SPEED} x, faults {faults}: {stored:,} messages, {rejected:,} rejects, "
            f"exit code {code}"
        )
        for name, (sql, wanted) in CHECKS.items():
            seen = connection.execute(sql).fetchone()[0]
            print(f"{name}: {'right' if seen == wanted else f'WRONG ({seen!r})'}")
        print(f"RSS at most {peak:.0f} MiB")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
