"""Figure 5: half of a file pruned beside ingest at 50 messages a second, UPS polls, page loads and firmware requests.

    python benchmarks/prune.py [MESSAGES] [UPS_SAMPLES] [KEPT]

Half of the messages, of their readings and of the UPS samples are older than the retention. Prints the longest time until
something was committed, seen from a second writer that commits ten times a second; what was lost; whether charts and
energy totals are what they were; how long firmware requests wait; the size of the file before and after. In KEPT, a
folder, the file as it was before is kept for the next time.
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
from common import ROOT, house, ingest
from filled import make_house
from pages import site

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.demo.ups.mains import Mains
from ingest.demo.ups.models import demo_upses
from ingest.demo.ups.upsd import DemoUpsd

RATE, DAYS, KEEP_DAYS = 50, 60, 30
QUIET_S = 20  # of ingest before the prune begins, to compare with
DAY_S = 86_400
REQUESTS, PAUSE_S = (
    200,
    0.02,
)  # firmware blocks a round, as fast as a radio asks for them, each behind an ordinary line
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
    """Something done every so often; `times` in seconds that each took. Its error is raised again by `end`."""

    def __init__(self, deed, every_s):
        super().__init__(daemon=True)
        self.times, self.done = [], 0
        self._deed, self._every_s, self._over, self._error = deed, every_s, threading.Event(), None

    def run(self):
        start = time.perf_counter()
        try:
            while not self._over.wait(max(0.0, start + self.done * self._every_s - time.perf_counter())):
                began = time.perf_counter()
                self._deed(self.done)
                self.times.append(time.perf_counter() - began)
                self.done += 1
        except Exception as error:
            self._error = error

    def end(self):
        self._over.set()
        self.join()
        if self._error:
            raise self._error


def witness(path):
    """A second writer: one row a call."""
    connection = connect(path)
    connection.execute("pragma synchronous = normal")

    def write(_):
        with transaction(connection):
            connection.execute("insert into audit (action, outcome) values ('witness', 'done')")

    return write


def charts(url, now):
    """Every chart and total of the past: {route: rows}. What grows meanwhile, the last day, is left out."""
    found = {}
    for since, until in SPANS:
        span = "&".join(
            f"{name}={format_utc(now - days * DAY_S)[:10]}"
            for name, days in (("since", since), ("until", until))
        )
        for route in OVER_SPANS:
            found[f"{route}&{span}"] = fetch(url, f"{route}&{span}")
    for days in RANGES:
        # The range ends now, and its first hour or day is a piece of one.
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
    """{table: rows} of what is pruned, and the lines that came live: (all, different ones)."""
    connection = sqlite3.connect(path)
    rows = {table: connection.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES}
    live = connection.execute(
        "select count(*), count(distinct payload) from messages where payload like 'live %'"
    ).fetchone()
    connection.close()
    return rows, live


def prune(folder, server, radio, count, samples, kept):
    """Measure before, meanwhile and after, and print it all."""
    path, config = folder / "telemetry.db", folder / "config.yml"
    make_house(path, count, samples, DAYS, kept)
    firmware.prepare(path, node=256 + firmware.NODE, gateway="radio", messages=0)
    connection = connect(path)
    now = time.time()
    for chore in ("prune", "measure"):  # the site is not to do these while the program below does
        connection.execute(
            "insert into chores (name, started_at, outcome) values (?, ?, 'done')", (chore, format_utc(now))
        )
    connection.close()
    before, _ = count_rows(path)
    size = path.stat().st_size
    bare = multiprocessing.Process(target=firmware.run_bare, args=(radio.getsockname()[1],), daemon=True)
    bare.start()
    floor = radio.accept()[0]
    with ingest(folder), site(config) as url:
        gateway, peer = server.accept()[0], radio.accept()[0]
        peer.sendall(b"0;255;3;0;14;Gateway startup complete.\n")
        told = charts(url, now)
        rounds, told_rounds = multiprocessing.Pipe(duplex=False)
        asker = multiprocessing.Process(target=ask, args=(floor, peer, told_rounds), daemon=True)
        asker.start()  # of its own: the threads below would make it wait for them
        threads = sender, writer, reader = (
            Repeated(lambda n: gateway.sendall(f"{1 + n % 20};1;1;0;47;live {n}\n".encode()), 1 / RATE),
            Repeated(witness(path), 0.1),
            Repeated(lambda n: urllib.request.urlopen(url + PAGES[n % len(PAGES)]).read(), 0.2),
        )
        for thread in threads:
            thread.start()
        time.sleep(QUIET_S)
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
        asker.terminate()
        for thread in threads:
            thread.end()
        time.sleep(3)
        told_after = charts(url, now)
    bare.terminate()
    print(output, end="")
    connection = sqlite3.connect(path)
    run = connection.execute(
        "select rows, longest_s, state from retention_runs order by id desc limit 1"
    ).fetchone()
    whole = connection.execute("pragma integrity_check").fetchone()[0]
    connection.close()
    after, live = count_rows(path)
    print(f"{took:.1f} s for {run[0]:,} rows, {run[2]}; the longest it held the lock: {1000 * run[1]:.1f} ms")
    for name, thread, edge in zip(("commits of another writer", "pages"), (writer, reader), edges[1:]):
        print(f"{name}: before {longest(thread.times[:edge])}; meanwhile {longest(thread.times[edge:])}")
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
            f"firmware requests {name}: p50 {p50:.3f} ms ({ratio:.2f} x bare), p99 {p99:.3f} ms; bare {bare50:.3f}, {bare99:.3f}; {len(chosen)} rounds"
        )
    print(
        f"live lines sent {sender.done:,}, stored {live[0]:,}, once each: {live[0] == live[1]}; lost {sender.done - live[0]}"
    )
    print(
        ", ".join(f"{table} {before[table]:,} -> {after[table]:,}" for table in TABLES)
        + f"; integrity: {whole}"
    )
    differ = [route for route, rows in told.items() if rows != told_after[route]]
    print(
        f"{len(told)} charts and totals, {sum(map(len, told.values())):,} rows, {len(told) - len(differ)} the same: {differ or 'all'}"
    )
    wal = path.with_name(path.name + "-wal")
    print(
        f"file {size / 1e6:.0f} MB -> {path.stat().st_size / 1e6:.0f} MB, WAL at the end {wal.stat().st_size / 1e6 if wal.exists() else 0:.0f} MB"
    )
    print(
        "to reach: no commit over 50 ms, nothing lost, everything the same; firmware p50 within 2 of bare, p99 under 2 ms"
    )


def ask(floor, peer, rounds):
    """Rounds of firmware requests without end: sends (when, bare p50, bare p99, p50, p99, ratio of the p50s) in ms of each."""
    while True:
        bare = firmware.measure(floor, REQUESTS, 1, PAUSE_S)
        ours = firmware.measure(peer, REQUESTS, 1, PAUSE_S)
        rounds.send((time.perf_counter(), *bare, *ours, ours[0] / bare[0]))


def longest(times):
    return f"p50 {1000 * statistics.median(times):.1f}, p99 {1000 * sorted(times)[int(0.99 * len(times))]:.1f}, longest {1000 * max(times):.1f} ms"


def main(count=1_000_000, samples=300_000, kept=None):
    with DemoUpsd(demo_upses(Mains(quiet=True))) as upsd, socket.create_server(("127.0.0.1", 0)) as radio:
        extra = CONFIG.format(gateway=radio.getsockname()[1], upsd=upsd.port, days=KEEP_DAYS)
        with house(extra=extra) as (folder, server):
            prune(folder, server, radio, count, samples, kept)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:4])
