"""Figure 4: pages and canned queries on small and on large files, side by side, as ratios of their times.

    python benchmarks/pages.py [MESSAGES ...] [KEPT]

Each file holds 30 days of 200 nodes and 3 UPSes, and ends now; the larger ones hold more messages and
samples. KEPT is a folder that caches the files.
"""

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from common import ROOT, free_port
from filled import make_database

DAYS, ROUNDS = 30, 15
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SAMPLES = 0.3  # UPS samples a message
PAGES = (
    "/",
    "/nodes",
    "/nodes/main/7",
    "/ups",
    "/ups/rack@closet",
    "/energy",
    "/events",
    "/reports",
    "/telemetry/node_overview.json",
)
OTHERS = (
    "/telemetry/node_messages.json?node=7",
    "/telemetry/channel_history.json?channel=458752",
    "/telemetry/messages",
    "/telemetry/messages?node=7",
    "/telemetry/readings?channel=458752",
)
FLAT = {
    *PAGES[:3],
    "/telemetry/node_overview.json",
    "/telemetry/stale_nodes.json",
    "/telemetry/battery_age.json",
}
CONFIG = """database: telemetry.db
timezone: UTC
gateways: [{name: main, tcp: "127.0.0.1:1"}]
nut: [{name: closet, port: 2, ups: [rack, desk, attic]}]
retention: {messages_days: 3650, readings_days: 3650, ups_samples_days: 3650}
"""


def queries():
    """Every canned query that reads, all of whose parameters may be empty."""
    metadata = yaml.safe_load((ROOT / "metadata.yml").read_text())
    known = metadata["databases"]["telemetry"]["queries"]
    return [f"/telemetry/{name}.json" for name, query in known.items() if not query.get("write")]


@contextmanager
def site(config):
    """The real web process on that config: yields its URL."""
    with web(config) as (url, _):
        yield url


@contextmanager
def web(config):
    """The same: yields the URL and the id of the process."""
    port = free_port()
    command = [sys.executable, "-m", "voltkeeper", "web", "--config", str(config), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/-/pulse.json").close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def filled_site(size, kept):
    """A site whose database holds `size` messages."""
    with tempfile.TemporaryDirectory() as folder:
        make_database(Path(folder) / "telemetry.db", size, round(size * SAMPLES), DAYS, kept)
        (Path(folder) / "config.yml").write_text(CONFIG)
        with site(Path(folder) / "config.yml") as url:
            yield url


def measure(urls, route):
    """Median milliseconds of a route on each site, requested in turn."""
    taken = [[] for _ in urls]
    for _ in range(ROUNDS):
        for url, times in zip(urls, taken, strict=True):
            start = time.perf_counter()
            urllib.request.urlopen(url + route).read()
            times.append(1000 * (time.perf_counter() - start))
    return [statistics.median(times) for times in taken]


def main(*arguments):
    sizes = tuple(int(word) for word in arguments if word.isdigit()) or SIZES
    kept = next((word for word in arguments if not word.isdigit()), None)
    with ExitStack() as stack:
        urls = [stack.enter_context(filled_site(size, kept)) for size in sizes]
        print(f"{'route':50}" + "".join(f"{size:>12,}" for size in sizes) + "   last / first, / second")
        for route in (*PAGES, *queries(), *OTHERS):
            times = measure(urls, route)
            wanted = (
                "  (at most 1.5, under 100 ms)"
                if route in FLAT
                else "  (under 200 ms)"
                if route.endswith("messages")
                else ""
            )
            ratios = "".join(f"{times[-1] / time:8.2f}" for time in times[:2])
            print(f"{route:50}" + "".join(f"{time:9.1f} ms" for time in times) + ratios + wanted, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
