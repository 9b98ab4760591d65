"""Figure 5: half of a file pruned beside ingest at 50 messages a second and page loads.

    python benchmarks/prune.py [MESSAGES] [UPS_SAMPLES]

Half of the messages are older than the retention, half are not. Prints the longest time until something was committed,
seen from a second writer that commits ten times a second as well, what was lost, and the size of the file before and after.
"""

import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from common import ROOT, house, ingest, traffic
from pages import site

from ingest.database import connect, migrate, transaction, utc
from ingest.mysensors.replay import replay

RATE, DAYS, NODES = 50, 60, 200
TOGETHER = 50
QUIET_S = 5  # of ingest before the prune begins, to compare with
PAGES = ("/", "/nodes", "/nodes/main/7", "/telemetry/stale_nodes.json")


def build(path, count, samples):
    """A house of 60 days that ends now."""
    migrate(path)
    end, step = time.time(), DAYS * 86400 / count
    recording = (
        (end - (count - number // TOGETHER * TOGETHER) * step, line.rstrip("\n").encode())
        for number, line in enumerate(traffic(count, nodes=NODES))
    )
    replay(path, "main", "tcp 127.0.0.1:1", recording, "Europe/Rome")
    connection = connect(path)
    if connection.execute("select 1 from sqlite_master where name = 'ups_samples'").fetchone():
        connection.execute(
            "insert into ups (id, name, driver, source, label) values (1, 'rack', 'usbhid-ups', 'closet', 'Rack')"
        )
        rows = ((utc(end - (samples - n) * 2 * 365 * 86400 / samples), 1, "OL", 230.0, 100.0, 27.1, 40) for n in range(samples))
        insert = (
            "insert into ups_samples (sampled_at, ups, ups_status, input_voltage, battery_charge, battery_voltage, ups_load) "
            "values (?, ?, ?, ?, ?, ?, ?)"
        )
        with transaction(connection):
            connection.executemany(insert, rows)
    connection.close()


class Witness(threading.Thread):
    """A second writer: one row ten times a second; how long each commit took."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.times, self.stop = path, [], threading.Event()

    def run(self):
        connection = connect(self.path)
        connection.execute("pragma synchronous = normal")
        while not self.stop.wait(0.1):
            began = time.perf_counter()
            with transaction(connection):
                connection.execute("insert into audit (action, outcome) values ('witness', 'done')")
            self.times.append(time.perf_counter() - began)
        connection.close()


class Reader(threading.Thread):
    """Somebody who looks at pages all the time."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.times, self.stop = url, [], threading.Event()

    def run(self):
        number = 0
        while not self.stop.wait(0.2):
            began = time.perf_counter()
            urllib.request.urlopen(self.url + PAGES[number % len(PAGES)]).read()
            self.times.append(time.perf_counter() - began)
            number += 1


class Sender(threading.Thread):
    """50 lines a second to whoever reads the gateway."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection, self.sent, self.stop = connection, 0, threading.Event()
        self.lags = []

    def run(self):
        began = time.perf_counter()
        while not self.stop.is_set():
            time.sleep(max(0, began + self.sent / RATE - time.perf_counter()))
            self.connection.sendall(f"{1 + self.sent % 20};1;1;0;47;live {self.sent}\n".encode())
            self.sent += 1


def longest(times):
    return f"p50 {1000 * statistics.median(times):.1f}, longest {1000 * max(times):.1f} ms"


def main(count=1_000_000, samples=0):
    with house(extra="retention: {messages_days: 30, readings_days: 30}\n") as (folder, server):
        path, config = folder / "telemetry.db", folder / "config.yml"
        # An hour that never comes: the site does not prune by itself while the program below does.
        build(path, count, samples)
        connection = connect(path)
        connection.execute("insert into chores (name, started_at, outcome) values ('prune', ?, 'done'), ('measure', ?, 'done')", (utc(time.time()),) * 2)
        before = connection.execute("select (select count(*) from messages), (select count(*) from readings)").fetchone()
        past = utc(time.time() - 86400)
        figures = connection.execute(FIGURES, (past,)).fetchall()
        connection.close()
        size = path.stat().st_size
        with ingest(folder), site(config) as url:
            gateway, _ = server.accept()
            sender, witness, reader = Sender(gateway), Witness(path), Reader(url)
            for thread in (sender, witness, reader):
                thread.start()
            time.sleep(QUIET_S)
            quiet, quiet_pages = list(witness.times), list(reader.times)
            witness.times.clear(), reader.times.clear()
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "ingest", "prune", "--config", str(config)], cwd=ROOT, capture_output=True, text=True
            )
            took = time.perf_counter() - began
            for thread in (reader, witness, sender):
                thread.stop.set()
                thread.join()
            time.sleep(3)
        print(done.stdout + done.stderr, end="")
        connection = sqlite3.connect(path)
        run = connection.execute("select rows, longest_s, state from retention_runs order by id desc limit 1").fetchone()
        live = connection.execute("select count(*), count(distinct payload) from messages where payload like 'live %'").fetchone()
        after = connection.execute("select (select count(*) from messages), (select count(*) from readings)").fetchone()
        same = connection.execute(FIGURES, (past,)).fetchall() == figures
        whole = connection.execute("pragma integrity_check").fetchone()[0]
        connection.close()
        print(f"{took:.1f} s for {run[0]:,} rows, {run[2]}; the longest it held the lock: {1000 * run[1]:.1f} ms")
        print(f"commits of another writer: before {longest(quiet)}; meanwhile {longest(witness.times)} (at most 50)")
        print(f"pages: before {longest(quiet_pages)}; meanwhile {longest(reader.times)}")
        print(f"live lines sent {sender.sent:,}, stored {live[0]:,}, once each: {live[0] == live[1]}; lost {sender.sent - live[0]}")
        print(f"messages {before[0]:,} -> {after[0]:,}, readings {before[1]:,} -> {after[1]:,}; "
              f"hourly and daily figures of the past unchanged: {same}; integrity: {whole}")
        wal = path.with_name(path.name + "-wal")
        print(f"file {size / 1e6:.0f} MB -> {path.stat().st_size / 1e6:.0f} MB, WAL at the end {wal.stat().st_size / 1e6 if wal.exists() else 0:.0f} MB")


FIGURES = """select 'h', count(*), sum(count), round(sum(avg * numbers), 3), min(min), max(max) from readings_hourly
where hour_at < ?1
union all select 'd', count(*), sum(messages), sum(intervals), round(sum(avg_interval_s * intervals)), null from node_daily
where day < substr(?1, 1, 10)"""


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
