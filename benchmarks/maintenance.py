"""Import, export, backup and prune during live ingest: each killed at random moments, then run to the end.

    python benchmarks/maintenance.py [MESSAGES] [SAMPLES] [KILLS] [COMMAND]...

After each kill: is the file intact? After the run that followed: are the rows those of an uninterrupted run,
and was every line that the gateway sent meanwhile stored once? Prints a line for each command.
"""

import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from common import ROOT, ingest, installation, scalar

sys.path.insert(0, str(ROOT))
from ingest.demo.ups.upsd import DemoUpsd
from tests.ingest.transfer.nutify_file import make_times
from tests.ingest.transfer.tracker_file import make_tracker

RATE = 50  # lines per second that the gateway sends meanwhile
DAY = 86_400
OLD, NEW = (60, 46), (16, 2)  # days ago; the prune deletes what is older than 30
DAYS = {f"{table}_days": 30 for table in ("messages", "readings", "ups_samples", "polls", "rejects")}
RETENTION = f"retention: {json.dumps(DAYS)}\n"
PAST = {  # the rows that the commands process; live rows are newer
    "messages": "select * from messages where received_at < :cut order by id",
    "readings": "select * from readings where received_at < :cut order by id",
    "battery_levels": "select * from battery_levels where received_at < :cut order by id",
    "readings_hourly": "select * from readings_hourly where hour_at < :cut order by 1, 2",
    "node_daily": "select * from node_daily where day < substr(:cut, 1, 10) order by 1, 2",
    "ups_samples": "select * from ups_samples where sampled_at < :cut order by id",
    "ups_samples_hourly": "select * from ups_samples_hourly where hour_at < :cut order by 1, 2",
    "events": "select event, ups, node, started_at, ended_at, complete, figures from events "
    "where started_at < :cut order by 4, 1",
    "ups": "select name, first_seen_at from ups order by 1",
}
AGREE = """select (select sum(count) from readings_hourly where hour_at >= :cut)
= (select count(*) from readings where received_at >= :cut)
and (select sum(samples) from ups_samples_hourly where hour_at >= :cut)
= (select count(*) from ups_samples where sampled_at >= :cut)"""


class Sender(threading.Thread):
    """Sends numbered values of the nodes of the imported file to the client."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.connection, _ = server.accept()
        self.name, self.sent, self.stop = f"live {time.time()}", 0, threading.Event()

    def run(self):
        while not self.stop.wait(1 / RATE):
            node = 1 + self.sent % 12
            self.connection.sendall(
                f"{node};1;1;0;47;{self.name} {self.sent}\n{node};255;3;0;0;80\n".encode()
            )
            self.sent += 1


@contextmanager
def live(folder, server):
    """Ingest on the folder's file, with a gateway that sends; then every line has to be stored once."""
    path = folder / "telemetry.db"
    with ingest(folder):
        sender = Sender(server)
        sender.start()
        until(path, f"select count(*) from messages where payload like '{sender.name} %'", 50)
        until(path, "select count(*) from ups_samples", 1)
        yield
        sender.stop.set()
        sender.join()
        time.sleep(0.2)
        sender.connection.close()
    stored, different = (
        sqlite3.connect(path)
        .execute(
            f"select count(*), count(distinct payload) from messages where payload like '{sender.name} %'"
        )
        .fetchone()
    )
    note("live lines", stored == different == sender.sent)


def until(path, sql, wanted):
    began = time.monotonic()
    while not path.exists() or scalar(path, sql) < wanted:
        if time.monotonic() - began > 120:
            raise SystemExit(f"not reached within two minutes: {sql}")
        time.sleep(0.05)


WRONG = []


def note(what, right):
    if not right:
        WRONG.append(what)
        print(f"WRONG: {what}", flush=True)


class Scenario:
    """`prepare()` makes the files as before a command; `outcome()` is what has to be equal after it."""

    def __init__(self, top, folder, count, samples):
        self.top, self.folder, self.path = top, folder, folder / "telemetry.db"
        self.now = time.time()
        zone = ZoneInfo("Europe/Rome")
        for days, first in ((OLD, True), (NEW, False)):
            start = self.now - days[0] * DAY
            step = (days[0] - days[1]) * DAY / (count / 2)
            local = datetime.fromtimestamp(start, zone).replace(tzinfo=None)
            make_tracker(top / "mysensors.db", count // 2, step_s=step, start=local, seed=3 if first else 4)
        times = [
            self.now - days[0] * DAY + n * (days[0] - days[1]) * DAY / (samples / 2)
            for days in (OLD, NEW)
            for n in range(samples // 2)
        ]
        events = [
            (at, event)
            for day in range(50, 3, -1)
            for at, event in ((self.now - day * DAY, "ONBATT"), (self.now - day * DAY + 900, "ONLINE"))
        ]
        make_times(top / "nutify.sqlite", times, events)
        self.cut = scalar(
            ":memory:", f"select strftime('%Y-%m-%dT%H:00:00.000Z', {self.now - DAY}, 'unixepoch')"
        )

    def clear(self):
        for left in self.folder.glob("telemetry.db*"):
            left.unlink()
        for left in (self.top / "lake", self.top / "copy.db"):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)

    def prepare(self, name):
        self.clear()
        if name != "import":
            shutil.copy(self.top / "full.db", self.path)

    def commands(self, name):
        return {
            "import": [
                ("import", self.top / "mysensors.db"),
                ("import", self.top / "nutify.sqlite", "--ups", "rack@closet", "--timezone", "UTC"),
            ],
            "export": [("export", self.top / "lake")],
            "backup": [("backup", self.top / "copy.db")],
            "prune": [("prune",)],
        }[name]

    def past(self, path):
        connection = sqlite3.connect(path)
        note(f"{path.name} intact", connection.execute("pragma integrity_check").fetchone()[0] == "ok")
        note(
            f"{path.name}: figures of today",
            connection.execute(AGREE, {"cut": self.cut}).fetchone()[0] in (1, None),
        )
        found = {
            table: hashlib.sha256(
                repr(connection.execute(sql, {"cut": self.cut}).fetchall()).encode()
            ).hexdigest()
            for table, sql in PAST.items()
        }
        connection.close()
        return found

    def outcome(self, name):
        if name == "export":
            return self.lake()
        return self.past(self.top / "copy.db" if name == "backup" else self.path)

    def lake(self):
        """Ids and times of the past, by table; no row may be there twice, not even one of today."""
        import duckdb

        found = {}
        for table, column in (
            ("messages", "received_at"),
            ("readings", "received_at"),
            ("ups_samples", "sampled_at"),
            ("readings_hourly", "hour_at"),
        ):
            key = "channel, hour_at" if table == "readings_hourly" else "id"
            files = f"read_parquet('{self.top}/lake/table={table}/*/*.parquet')"
            rows, different = duckdb.execute(
                f"select count(*), count(distinct ({key})) from {files}"
            ).fetchone()
            note(f"{table} in the lake once", rows == different)
            past = duckdb.execute(
                f"select {key} from {files} where {column} < timestamp '{self.cut[:-1]}' order by 1, {key}"
            )
            found[table] = hashlib.sha256(repr(past.fetchall()).encode()).hexdigest()
        return found


def command(folder, words):
    return [sys.executable, "-m", "voltkeeper", *map(str, words), "--config", str(folder / "config.yml")]


def run(folder, commands, kill_after=None):
    """Run the commands in order until one is killed. Returns whether one was."""
    end = None if kill_after is None else time.monotonic() + kill_after
    for words in commands:
        process = subprocess.Popen(command(folder, words), cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            code = process.wait(None if end is None else max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
        note(f"{words[0]} exit code {code}", code == 0)
    return False


def try_command(scenario, name, server, kills):
    commands, rnd = scenario.commands(name), random.Random(name)
    scenario.prepare(name)
    with live(scenario.folder, server):
        began = time.monotonic()
        run(scenario.folder, commands)
        usual = time.monotonic() - began
    wanted = scenario.outcome(name)
    if name == "import":
        connection = sqlite3.connect(scenario.path)
        connection.execute("vacuum into ?", (str(scenario.top / "full.db"),))
        connection.close()
    hits = tries = equal = 0
    while hits < kills:
        tries += 1
        scenario.prepare(name)
        with live(scenario.folder, server):
            hits += run(scenario.folder, commands, rnd.uniform(0.1, usual))
            connection = sqlite3.connect(scenario.path)
            note(
                f"intact after a kill of {name}",
                connection.execute("pragma integrity_check").fetchone()[0] == "ok",
            )
            connection.close()
            if name == "backup" and (scenario.top / "copy.db").exists():
                scenario.past(scenario.top / "copy.db")
            if name == "export" and (scenario.top / "lake").exists():
                import duckdb

                for path in (scenario.top / "lake").rglob("part-*.parquet"):
                    duckdb.execute(f"select count(*) from '{path}'").fetchone()
            run(scenario.folder, commands)
        found = scenario.outcome(name)
        equal += found == wanted
        for table in (table for table in wanted if found[table] != wanted[table]):
            note(f"{name}: {table} differs", False)
    print(
        f"{name}: {usual:.1f} s uninterrupted; {hits} kills before its end; same rows as uninterrupted: "
        f"{equal} of {tries} times",
        flush=True,
    )


def main(count=200_000, samples=100_000, kills=30, *names):
    with DemoUpsd() as upsd, tempfile.TemporaryDirectory() as top:
        closet = f"{{name: closet, port: {upsd.port}, ups: [rack], poll_s: 2}}"
        extra = f"timezone: Europe/Rome\nnut: [{closet}]\n{RETENTION}"
        with installation(extra=extra) as (folder, server):
            scenario = Scenario(Path(top), folder, count, samples)
            for name in ("import", "export", "backup", "prune"):
                if not names or name in names:
                    try_command(scenario, name, server, kills)
                elif name == "import":
                    try_command(scenario, name, server, 0)
    print(f"anything wrong: {', '.join(sorted(set(WRONG))) or 'nothing'}")


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))
