"""Publishing by MQTT: 500 figures that all change every 10 s: CPU and memory of `voltkeeper outbound`.

    python benchmarks/publish.py [SECONDS]

Ten UPSes with 50 variables each change one after the other, as they are polled; Mosquitto runs beside it.
What the process takes when nothing changes is measured first: it looks at the database all the time.
"""

import sys
import time
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from common import resource_usage

from ingest.db.changes import raise_topics
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from tests.helpers.broker import Broker, MqttListener
from tests.helpers.new_database import new_database
from tests.programs import Program

LIMIT = 2.0  # per cent of a core
UPSES, VARIABLES, EVERY_S = 10, 50, 10.0
CONFIG = """
database: telemetry.db
nut: [{{name: closet, host: 127.0.0.1, port: 1, poll_s: 10}}]
mqtt: [{{name: broker, host: 127.0.0.1, port: {port}}}]
publish: {{mqtt: broker}}
"""


class Site:
    """What ingest writes of UPSes, one a second."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(new_database(path))
        self._numbers = count(1)
        now = format_utc(time.time())
        self._connection.execute(
            "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) "
            "values ('closet', 'nut', 'x', 'connected', ?, ?)",
            (now, now),
        )
        self._connection.executemany(
            "insert into ups (id, name, driver, source, label, outcome) "
            "values (?, ?, 'nut', 'closet', ?, 'ok')",
            [(ups, f"u{ups}@closet", f"UPS {ups}") for ups in range(1, UPSES + 1)],
        )
        for ups in range(1, UPSES + 1):
            self.poll(ups)

    def poll(self, ups: int) -> None:
        """Every variable of a UPS has another value."""
        now, value = format_utc(time.time()), next(self._numbers) / 10
        with transaction(self._connection):
            self._connection.executemany(
                "insert into ups_variables (ups, variable, value, number, changed_at) "
                "values (?, ?, ?, ?, ?) on conflict (ups, variable) do update set value = excluded.value, "
                "number = excluded.number, changed_at = excluded.changed_at",
                [
                    (ups, f"outlet.{number}.power", str(value + number), value + number, now)
                    for number in range(1, VARIABLES + 1)
                ],
            )
            self._connection.execute(
                "insert into ups_samples (sampled_at, ups, ups_status, watts) values (?, ?, 'OL', ?)",
                (now, ups, value),
            )
            self._connection.execute(
                "update ups set status = 'OL', status_at = ?1, last_sample_at = ?1, outcome_at = ?1 "
                "where id = ?2",
                (now, ups),
            )
            self._connection.execute("update ingest_status set heartbeat_at = ?", (now,))
            raise_topics(self._connection, ("ups", "ups_variables", "ups_samples", "ingest_status"))


def main(seconds: float) -> int:
    """Measure for so long, and print; 1 where the limit is passed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder / "telemetry.db")
        with Broker(folder) as broker:
            (folder / "config.yml").write_text(CONFIG.format(port=broker.port))
            command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", folder / "config.yml"]
            program = Program(command, folder)
            with MqttListener(broker, "voltkeeper/#") as listener:
                listener.wait("voltkeeper/status", "online", 120)
                listener.settle(3)
                idle, _ = measure(program.pid, seconds / 2, None)
                before = len(listener.messages)
                share, rss = measure(program.pid, seconds, site)
                messages = len(listener.messages) - before
            program.end()
    print(f"{messages / seconds * EVERY_S:.0f} messages in {EVERY_S:.0f} s, with JSON and what is sent anew")
    print(f"{share:.2f} % of a core (limit {LIMIT:g}), {idle:.2f} % while nothing changes; RSS {rss:.0f} MiB")
    return int(share > LIMIT)


def measure(pid: int, seconds: float, site: Site | None) -> tuple[float, float]:
    """(per cent of a core, RSS in MiB) of a process, while the UPSes of a site are polled."""
    upses = cycle(range(1, UPSES + 1))
    before, began = resource_usage(pid), time.monotonic()
    while time.monotonic() - began < seconds:
        if site is not None:
            site.poll(next(upses))
        time.sleep(EVERY_S / UPSES)
    after = resource_usage(pid)
    return (after[0] - before[0]) / (time.monotonic() - began) * 100, after[2]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
