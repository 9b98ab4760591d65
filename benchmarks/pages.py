"""Figure 4: pages and canned queries on a small and on a large file, as ratios of their times.

    python benchmarks/pages.py [SMALL] [LARGE]

Both files hold 30 days of 200 nodes and end now; the large one just holds more messages.
"""

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from common import ROOT, free_port, traffic

from ingest.database import migrate
from ingest.mysensors.replay import replay

DAYS, NODES, ROUNDS = 30, 200, 15
TOGETHER = 50  # lines that carry the same time, so that a large file is made in minutes
FLAT = (  # as fast at any size: within 1.5 x, and under 100 ms
    "/", "/nodes", "/nodes/main/7", "/telemetry/node_overview.json", "/telemetry/stale_nodes.json",
    "/telemetry/battery_age.json",
)  # fmt: skip
OTHERS = (
    "/telemetry/message_statistics.json", "/telemetry/strange_messages.json", "/telemetry/node_messages.json?node=7",
    "/telemetry/channel_history.json?channel=458752", "/telemetry/messages", "/telemetry/messages?node=7",
    "/telemetry/readings?channel=458752",
)  # fmt: skip


def build(folder, count):
    """A house with `count` messages; returns its config."""
    path = folder / "telemetry.db"
    migrate(path)
    end = time.time()
    step = DAYS * 86400 / count
    recording = (
        (end - (count - number // TOGETHER * TOGETHER) * step, line.rstrip("\n").encode())
        for number, line in enumerate(traffic(count, nodes=NODES))
    )
    start = time.perf_counter()
    replay(path, "main", "tcp 127.0.0.1:1", recording, "Europe/Rome")
    print(f"{count:,} messages in {time.perf_counter() - start:.0f} s, {path.stat().st_size / count:.0f} bytes each")
    config = folder / "config.yml"
    config.write_text("database: telemetry.db\ntimezone: Europe/Rome\ngateways:\n  - {name: main, tcp: '127.0.0.1:1'}\n")
    return config


@contextmanager
def site(config):
    """The real web process on that config: yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "ingest", "web", "--config", str(config), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/-/pulse.json").close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def measure(config):
    """Median milliseconds of each route."""
    times = {}
    with site(config) as url:
        for route in FLAT + OTHERS:
            taken = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                urllib.request.urlopen(url + route).read()
                taken.append(1000 * (time.perf_counter() - start))
            times[route] = statistics.median(taken)
    return times


def main(small=100_000, large=10_000_000):
    results = []
    for count in (small, large):
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(build(Path(folder), count)))
    print(f"{'route':52} {small:>10,} {large:>11,}  ratio")
    for route in FLAT + OTHERS:
        before, after = (result[route] for result in results)
        wanted = "  (at most 1.5, under 100 ms)" if route in FLAT else "  (under 200 ms)" if route.endswith("messages") else ""
        print(f"{route:52} {before:7.1f} ms {after:8.1f} ms  {after / before:5.2f}{wanted}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
