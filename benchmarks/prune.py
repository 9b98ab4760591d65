"""Figure 5: half of a file pruned during ingest, UPS polls, page loads and firmware requests.

    python benchmarks/prune.py [MESSAGES] [UPS_SAMPLES] [KEPT]

Ingest receives 50 messages per second. Half of the messages, of their readings and of the UPS samples are
older than the retention. Prints the longest commit of a second writer, which commits ten times per second;
what was lost; whether charts and energy totals are unchanged; how long firmware requests wait; the size of
the file before and after. KEPT is a folder that caches the file as it was before.
"""

import json
import multiprocessing
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import firmware
from common import ROOT, ingest, installation
from filled import make_database
from pages import site

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.demo.ups.mains import Mains
from ingest.demo.ups.models import demo_upses
from ingest.demo.ups.upsd import DemoUpsd

RATE, DAYS, KEEP_DAYS = 50, 60, 30
BASELINE_S = 20  # of ingest before the prune begins, to compare with
DAY_S = 86_400
# Firmware blocks per round, as fast as a radio requests them, each after an ordinary line.
REQUESTS, PAUSE_S = 200, 0.02
PAGES = ("/", "/nodes", "/nodes/main/7", "/ups/rack@closet", "/energy", "/telemetry/stale_nodes.json")
SPANS = ((60, 1), (60, 40), (33, 27), (20, 1))  # days ago
RANGES = (365, 60, 45, 29)  # days
OVER_SPANS = (
    *(f"ups_history.json?figure={figure}" for figure in ("input_voltage", "battery_charge", "watts")),
    *(f"energy_by_day.json?per={per}" for per in ("hour", "day", "week", "month")),
    "outages_report.json?",
    "power_quality.json?",
    "monitoring_coverage.json?",
)
OVER_RANGES = ("channel_history.json?channel=458752", "channel_history.json?node=7&type=V_TEMP")
OTHERS = (
    "message_statistics.json?days=60&per=day",
    "message_statistics.json?days=60&per=day&node=7",
    "battery_health.json?",
)
TABLES = ("messages", "readings", "ups_samples")
CONFIG = """  - {{name: radio, tcp: '127.0.0.1:{gateway}'}}
nut: [{{name: closet, port: {upsd}, poll_s: 2}}]
energy: [{{price_per_kwh: 0.25, currency: EUR}}]
retention: {{messages_days: {days}, readings_days: {days}, ups_samples_days: {days}}}
timezone: UTC
"""


class Repeated(threading.Thread):
    """Calls `action` every `every_s`; `times` are the durations. `end` raises the error of an action."""

    def __init__(self, action, every_s):
        super().__init__(daemon=True)
        self.times, self.done = [], 0
        self._action, self._every_s, self._over, self._error = action, every_s, threading.Event(), None

    def run(self):
        start = time.perf_counter()
        try:
            while not self._over.wait(max(0.0, start + self.done * self._every_s - time.perf_counter())):
                began = time.perf_counter()
                self._action(self.done)
                self.times.append(time.perf_counter() - began)
                self.done += 1
        except Exception as error:
            self._error = error

    def end(self):
        self._over.set()
        self.join()
        if self._error:
            raise self._error


def second_writer(path):
    """A function that commits one row per call."""
    connection = connect(path)
    connection.execute("pragma synchronous = normal")

    def write(_):
        with transaction(connection):
            connection.execute("insert into audit (action, outcome) values ('benchmark', 'done')")

    return write


def charts(url, now):
    """Every chart and total of the past: {route: rows}, without the last day, which still grows."""
    found = {}
    for since, until in SPANS:
        span = "&".join(
            f"{name}={format_utc(now - days * DAY_S)[:10]}"
            for name, days in (("since", since), ("until", until))
        )
        for route in OVER_SPANS:
            found[f"{route}&{span}"] = fetch(url, f"{route}&{span}")
    for days in RANGES:
        # The range ends now, and its first hour or day is incomplete.
        first, last = (format_utc(now - ago * DAY_S) for ago in (min(days, DAYS) - 1, 1))
        for route in OVER_RANGES:
            found[f"{route}&range={days}+d"] = [
                row for row in fetch(url, f"{route}&range={days}+d") if first < row["at"] < last
            ]
    for route in OTHERS:
        found[route] = [
            row for row in fetch(url, route) if row.get("period", "") < format_utc(now - DAY_S)[:10]
        ]
    return found


def fetch(url, route):
    return json.load(urllib.request.urlopen(f"{url}/telemetry/{route}&_shape=array&_size=max"))


def count_rows(path):
    """{table: rows} of the pruned tables, and (all, distinct) live lines."""
    connection = sqlite3.connect(path)
    rows = {table: connection.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES}
    live = connection.execute(
        "select count(*), count(distinct payload) from messages where payload like 'live %'"
    ).fetchone()
    connection.close()
    return rows, live


def prune(folder, server, radio, count, samples, kept):
    """Measure before, during and after the prune, and print the results."""
    path, config = folder / "telemetry.db", folder / "config.yml"
    make_database(path, count, samples, DAYS, kept)
    firmware.prepare(path, node=256 + firmware.NODE, gateway="radio", messages=0)
    connection = connect(path)
    now = time.time()
    for job in ("prune", "measure"):  # so that the site does not run them during the prune below
        connection.execute("insert into chores (name, covered_at) values (?, ?)", (job, format_utc(now)))
    connection.close()
    before, _ = count_rows(path)
    size = path.stat().st_size
    bare = multiprocessing.Process(target=firmware.run_bare, args=(radio.getsockname()[1],), daemon=True)
    bare.start()
    floor = radio.accept()[0]
    with ingest(folder), site(config) as url:
        gateway, peer = server.accept()[0], radio.accept()[0]
        peer.sendall(b"0;255;3;0;14;Gateway startup complete.\n")
        charts_before = charts(url, now)
        rounds, results = multiprocessing.Pipe(duplex=False)
        # A process, because the threads below would delay it.
        requester = multiprocessing.Process(target=send_requests, args=(floor, peer, results), daemon=True)
        requester.start()
        threads = sender, writer, reader = (
            Repeated(lambda n: gateway.sendall(f"{1 + n % 20};1;1;0;47;live {n}\n".encode()), 1 / RATE),
            Repeated(second_writer(path), 0.1),
            Repeated(lambda n: urllib.request.urlopen(url + PAGES[n % len(PAGES)]).read(), 0.2),
        )
        for thread in threads:
            thread.start()
        time.sleep(BASELINE_S)
        edges = [len(thread.times) for thread in threads]
        began = time.perf_counter()
        program = subprocess.Popen(
            [sys.executable, "-m", "voltkeeper", "prune", "--config", str(config)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output = program.communicate()[0]
        took = time.perf_counter() - began
        requester.terminate()
        for thread in threads:
            thread.end()
        time.sleep(3)
        charts_after = charts(url, now)
    bare.terminate()
    print(output, end="")
    connection = sqlite3.connect(path)
    run = connection.execute(
        "select rows, longest_s, state from retention_runs order by id desc limit 1"
    ).fetchone()
    integrity = connection.execute("pragma integrity_check").fetchone()[0]
    connection.close()
    after, live = count_rows(path)
    print(f"{took:.1f} s for {run[0]:,} rows, {run[2]}; longest write lock: {1000 * run[1]:.1f} ms")
    for name, thread, edge in (("commits of another writer", writer, edges[1]), ("pages", reader, edges[2])):
        print(f"{name}: before {summarize(thread.times[:edge])}; meanwhile {summarize(thread.times[edge:])}")
    answered = []
    while rounds.poll():
        answered.append(rounds.recv())
    for name, chosen in (
        ("before", [one for one in answered if one[0] < began]),
        ("meanwhile", [one for one in answered if began < one[0] < began + took]),
    ):
        bare50, bare99, p50, p99, ratio = (
            statistics.median(one[part] for one in chosen) for part in range(1, 6)
        )
        print(
            f"firmware requests {name}: p50 {p50:.3f} ms ({ratio:.2f} x bare), p99 {p99:.3f} ms; "
            f"bare {bare50:.3f}, {bare99:.3f}; {len(chosen)} rounds"
        )
    print(
        f"live lines sent {sender.done:,}, stored {live[0]:,}, once each: {live[0] == live[1]}; "
        f"lost {sender.done - live[0]}"
    )
    changes = ", ".join(f"{table} {before[table]:,} -> {after[table]:,}" for table in TABLES)
    print(f"{changes}; integrity: {integrity}")
    differ = [route for route, rows in charts_before.items() if rows != charts_after[route]]
    row_count = sum(map(len, charts_before.values()))
    print(
        f"{len(charts_before)} charts and totals, {row_count:,} rows, "
        f"{len(charts_before) - len(differ)} the same: {differ or 'all'}"
    )
    wal = path.with_name(path.name + "-wal")
    wal_size = wal.stat().st_size if wal.exists() else 0
    print(
        f"file {size / 1e6:.0f} MB -> {path.stat().st_size / 1e6:.0f} MB, "
        f"WAL at the end {wal_size / 1e6:.0f} MB"
    )
    print(
        "target: no commit over 50 ms, nothing lost, everything the same; "
        "firmware p50 at most 2 times bare, p99 under 2 ms"
    )


def send_requests(floor, peer, rounds):
    """Send rounds of firmware requests until terminated.

    Reports (time, bare p50, bare p99, p50, p99, ratio of the p50s) of each round, in ms.
    """
    while True:
        bare = firmware.measure(floor, REQUESTS, 1, PAUSE_S)
        ours = firmware.measure(peer, REQUESTS, 1, PAUSE_S)
        rounds.send((time.perf_counter(), *bare, *ours, ours[0] / bare[0]))


def summarize(times):
    p50, p99, longest = statistics.median(times), sorted(times)[int(0.99 * len(times))], max(times)
    return f"p50 {1000 * p50:.1f}, p99 {1000 * p99:.1f}, longest {1000 * longest:.1f} ms"


def main(count=1_000_000, samples=300_000, kept=None):
    with DemoUpsd(demo_upses(Mains(quiet=True))) as upsd, socket.create_server(("127.0.0.1", 0)) as radio:
        extra = CONFIG.format(gateway=radio.getsockname()[1], upsd=upsd.port, days=KEEP_DAYS)
        with installation(extra=extra) as (folder, server):
            prune(folder, server, radio, count, samples, kept)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:4])
