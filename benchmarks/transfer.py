"""Import a large tracker database twice, with a second writer, and with repeated kills.

Then export it; then the tracker adds and deletes rows, and is imported again.

    python benchmarks/transfer.py [MESSAGES] [KILLS]

Prints whether counts and last values agree with the tracker's file, the longest wait of another writer,
whether an import and an export that were killed end with the same rows as those that were not, and whether
each message was imported once after the tracker deleted the node of its last message.
"""

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

from common import ROOT, scalar

sys.path.insert(0, str(ROOT))
from tests.ingest.transfer.tracker_file import make_tracker

TABLES = (
    "messages",
    "readings",
    "readings_hourly",
    "node_daily",
    "nodes",
    "sensors",
    "channels",
    "battery_levels",
)


class OtherWriter(threading.Thread):
    """Commits a row every 20 ms and records the longest wait for the write lock."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database, self.longest, self.commits, self.going = database, 0.0, 0, True

    def run(self):
        connection = sqlite3.connect(self.database, isolation_level=None, timeout=15)
        while self.going:
            start = time.perf_counter()
            connection.execute("insert into audit (action, outcome) values ('benchmark', 'done')")
            self.longest = max(self.longest, time.perf_counter() - start)
            self.commits += 1
            time.sleep(0.02)
        connection.close()


def make_installation(folder):
    folder.mkdir()
    (folder / "config.yml").write_text(
        "timezone: Europe/Rome\ndatabase: telemetry.db\ngateways: [{name: main, tcp: '127.0.0.1:1'}]\n"
    )
    return folder


def command(folder, *words):
    return [sys.executable, "-m", "voltkeeper", *map(str, words), "--config", str(folder / "config.yml")]


def run(folder, *words):
    start = time.perf_counter()
    subprocess.run(command(folder, *words), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def kill(folder, kills, whole_s, *words):
    """Run with SIGKILL at random moments, then to the end."""
    rnd = random.Random(5)
    for _ in range(kills):
        process = subprocess.Popen(command(folder, *words), cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(0.4 + rnd.uniform(0, whole_s / 3))
        process.kill()
        process.wait()
    run(folder, *words)


def dump(folder):
    connection = sqlite3.connect(folder / "telemetry.db")
    found = {table: connection.execute(f"select * from {table}").fetchall() for table in TABLES}
    connection.close()
    return found


def main(count=100_000, kills=10):
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        tracker = top / "mysensors.db"
        make_tracker(tracker, count, step_s=25.0)
        whole, killed = make_installation(top / "whole"), make_installation(top / "killed")
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from ingest.schema.migrate import migrate; migrate(sys.argv[1])",
                str(whole / "telemetry.db"),
            ],
            cwd=ROOT,
            check=True,
        )
        other = OtherWriter(whole / "telemetry.db")
        other.start()
        import_s = run(whole, "import", tracker)
        other.going = False
        other.join()
        first = dump(whole)
        run(whole, "import", tracker)
        print(
            f"{count:,} messages in {import_s:.1f} s; another writer waited {1000 * other.longest:.0f} "
            "ms at most"
        )
        print(f"twice in a row the same: {dump(whole) == first}")
        kill(killed, kills, import_s, "import", tracker)
        print(f"killed {kills} times, the same rows: {dump(killed) == first}")
        source = sqlite3.connect(tracker)
        for ours, theirs in (
            ("nodes", "node"),
            ("sensors", "sensor where cid <> 255"),
            ("messages", "message"),
            ("channels", "valuetype where cid <> 255"),
        ):
            number = scalar(whole / "telemetry.db", f"select count(*) from {ours}")
            print(f"{ours}: {number:,} of {source.execute(f'select count(*) from {theirs}').fetchone()[0]:,}")
        values = set(source.execute("select nid_id, cid, typ, value from valuetype where cid <> 255"))
        database = sqlite3.connect(whole / "telemetry.db")
        held = set(
            database.execute(
                "select c.node, s.child_id, c.type, c.text from channels c join sensors s on s.id = c.sensor"
            )
        )
        database.close()
        print(f"last values agree: {held == values}")
        export_s = run(whole, "export", top / "lake")
        kill(killed, kills, export_s, "export", top / "lake2")
        import duckdb

        counts = [
            duckdb.connect()
            .execute(
                f"select count(*), count(distinct id), sum(id) from "
                f"read_parquet('{top / lake}/table=messages/*/*.parquet')"
            )
            .fetchall()[0]
            for lake in ("lake", "lake2")
        ]
        print(
            f"exported in {export_s:.1f} s: {counts[0][0]:,} messages; killed {kills} times: "
            f"{counts[1][0]:,}, each once: "
            f"{counts[0] == counts[1] and counts[1][0] == counts[1][1]}"
        )
        grown = count
        for month in range(1, 4):
            last = source.execute("select nid_id from message order by id desc limit 1").fetchone()
            source.execute("delete from message where nid_id = ?", last)
            source.commit()
            make_tracker(tracker, 777, step_s=5.0, start=datetime(2030, month, 1), seed=month)
            grown += 777
            run(whole, "import", tracker)
        source.close()
        number = scalar(whole / "telemetry.db", "select count(*) from messages")
        print(f"after three rounds of new messages and a deleted node: {number:,} messages of {grown:,}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
