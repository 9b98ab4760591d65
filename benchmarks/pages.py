"""Figure 4: every page, canned query and native table on a small and on a large file of the same days.

    python benchmarks/pages.py [MESSAGES ...] [KEPT] [--days N] [--nodes N] [--only TEXT ...]

Each file holds 30 days of 200 nodes with 6 channels each and of 3 UPSes, and ends now; the larger ones hold
more messages and samples. KEPT is a folder that caches the files; TEXT limits the routes to those that
contain one. A time is the CPU time of the site and its SQL workers for one request, the median of several,
which other programs of the machine change least. The routes are those that /api.json of the site lists, so
none is left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from common import ROOT, free_port
from filled import NODES, make_database

DAYS, ROUNDS = 30, 7
SIZES = (100_000, 10_000_000)
SAMPLES = 0.3  # UPS samples a message
MOST_RATIO = 1.5
# Milliseconds at most, by the beginning of the route; the first one that fits counts.
LIMITS = (
    ("/reports?period=year", 200),
    ("/reports", 150),
    ("/nodes/main/7/", 100),
    ("/nodes", 60),
    ("/ups/rack@closet/", 100),
    ("/ups/", 60),
    ("/?", 60),
    ("native", 200),
    ("/telemetry.json", 200),
    ("", 100),
)
PAGES = (
    "/?",
    "/nodes/main/7",
    "/nodes/main/7?range=30+d",
    "/nodes/main/7/1/V_HUM",
    "/nodes/main/7/1/V_HUM?range=30+d",
    "/nodes/main/7/1/V_HUM?range=1+y",
    "/nodes?q=node",
    "/nodes?sort=name&page=2",
    "/ups?range=30+d",
    "/ups/rack@closet?range=7+d",
    "/ups/rack@closet?range=1+y",
    "/ups/rack@closet/input.voltage",
    "/ups/rack@closet/input.voltage?range=1+y",
    "/energy?period=day",
    "/energy?period=year",
    "/events?tab=all",
    "/radio?node=7",
    "/radio?type=V_TEMP",
    "/radio?strange=1",
    "/reports?period=day",
    "/reports?period=week",
    "/reports?period=month",
    "/reports?period=year",
    "/search?q=node+7",
    "/search.json?q=rack",
    "/events.atom",
    "/batteries.ics",
    "/api/health",
    "/api.json",
    "/-/alerts",
    "/-/plan",
    "/-/maintenance",
    "/-/maintenance?_json=1",
    "/-/ota",
    "/telemetry.json",
)
AS_CSV = ("channel_history", "channel_by_hour", "message_statistics", "message_log", "ups_history")
USUAL = {  # parameters of canned queries
    "node": "7",
    "sensor": "1793",
    "child": "1",
    "type": "V_HUM",
    "channel": "458994",
    "ups": "rack@closet",
    "figure": "ups.load",
    "variable": "input",
    "range": "30 d",
    "per": "day",
    "days": "7",
    "gateway": "main",
    "command": "set",
    "level": "20",
    "watts": "200",
    "step": "2",
    "kind": "UPS",
    "reason": "value",
}
ONE_OF = {"sensor": "channel", "child": "channel", "type": "channel"}  # the first is for what lacks the other
NATIVE = (
    "messages?node=7",
    "messages.json?node=7",
    "messages.csv?node=7&_size=100",
    "messages?_next=50000",
    "readings?channel=458994",
    "ups_samples?ups=1",
    "node_daily?node=7",
)
# On a busy machine a query may take longer than its time limit.
PATIENT = """from plugins.web.app import server
from voltkeeper.cli import main
build = server.build
def build_patient(config):
    site = build(config)
    site.sql_time_limit_ms = 60_000
    return site
server.build = build_patient
main(prog_name="voltkeeper")"""
CONFIG = """database: telemetry.db
timezone: UTC
gateways: [{name: main, tcp: "127.0.0.1:1"}]
nut: [{name: closet, port: 2, ups: [rack, desk, attic]}]
retention: {messages_days: 3650, readings_days: 3650, ups_samples_days: 3650}
"""


def queries():
    """Every canned query that reads: with its parameters empty, with usual ones, and over a year."""
    metadata = yaml.safe_load((ROOT / "metadata.yml").read_text())
    for name, query in metadata["databases"]["telemetry"]["queries"].items():
        if query.get("write"):
            continue
        params = query.get("params", [])
        yield f"/telemetry/{name}.json"
        usual = {key: USUAL[key] for key in params if key in USUAL and ONE_OF.get(key) not in params}
        if usual:
            yield f"/telemetry/{name}.json?{urllib.parse.urlencode(usual)}"
        if "range" in params:
            yield f"/telemetry/{name}.json?range=1+y"
        if name in AS_CSV:
            yield f"/telemetry/{name}.csv"


def read(url):
    """The body of an answer; an HTTPError where it is not 200."""
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def routes(url):
    """What the site lists, and PAGES; then canned queries, then native tables."""
    calls = json.loads(read(url + "/api.json"))["calls"]
    listed = [one["try"] for one in calls if one["method"] == "GET" and one["right"] in (None, "read")]
    own = [one for one in listed if one and not one.startswith("/telemetry") and "stream" not in one]
    tables = json.loads(read(url + "/telemetry.json"))["tables"]
    native = [one["name"] for one in tables if not one["hidden"]]
    native += [one["name"] for one in json.loads(read(url + "/telemetry.json"))["views"]]
    found = dict.fromkeys((*PAGES, *own, *queries(), *(f"/telemetry/{name}" for name in (*native, *NATIVE))))
    return [route for route in found if route != "/"]


@contextmanager
def site(config):
    """The real web process on that config: yields its URL."""
    with web(config) as (url, _):
        yield url


@contextmanager
def web(config, patient=False):
    """The same: yields the URL and the id of the process."""
    port = free_port()
    program = ["-c", PATIENT] if patient else ["-m", "voltkeeper"]
    command = [sys.executable, *program, "web", "--config", str(config), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
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
def filled_site(size, days, kept, nodes):
    """A site whose database holds `size` messages: yields its URL and the id of the process."""
    with tempfile.TemporaryDirectory() as folder:
        make_database(Path(folder) / "telemetry.db", size, round(size * SAMPLES), days, kept, nodes)
        (Path(folder) / "config.yml").write_text(CONFIG)
        with web(Path(folder) / "config.yml", patient=True) as found:
            yield found


def cpu_seconds(pid):
    """CPU time of a process and its children so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += (task / "children").read_text().split() if task.name != str(pid) else []
    clocks = [time.clock_gettime(~int(one) << 3 | 2) for one in (pid, *children)]
    return sum(clocks)


def measure(sites, route):
    """Median milliseconds of CPU time of a route on each site, requested in turn, and its bytes or status."""
    taken, sizes = [[] for _ in sites], []
    for number in range(ROUNDS + 1):
        for (url, pid), times in zip(sites, taken, strict=True):
            start = cpu_seconds(pid)
            try:
                size = len(read(url + route))
            except urllib.error.HTTPError as error:
                size = f"status {error.code}"
            if number:  # the first one may start a worker and fill caches
                times.append(1000 * (cpu_seconds(pid) - start))
            else:
                sizes.append(size)
    return [statistics.median(times) for times in taken], sizes


def verdict(route, times):
    """What is not reached."""
    key = "native" if route.startswith("/telemetry/") and ".json" not in route else route
    limit = next(limit for beginning, limit in LIMITS if key.startswith(beginning))
    slow = f"  over {limit} ms" if times[-1] > limit else ""
    return slow + ("  GROWS" if times[-1] > MOST_RATIO * times[0] else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--only", nargs="+", default=[""])
    given = parser.parse_args()
    sizes = tuple(int(word) for word in given.arguments if word.isdigit()) or SIZES
    kept = next((word for word in given.arguments if not word.isdigit()), None)
    with ExitStack() as stack:
        sites = [stack.enter_context(filled_site(size, given.days, kept, given.nodes)) for size in sizes]
        print(
            f"{'route':70}" + "".join(f"{size:>14,}" for size in sizes) + "  last / first, bytes of the last"
        )
        for route in routes(sites[0][0]):
            if not any(text in route for text in given.only):
                continue
            times, bytes_ = measure(sites, route)
            print(
                f"{route:70}" + "".join(f"{time:11.1f} ms" for time in times) + f"{times[-1] / times[0]:8.2f}"
                f" {bytes_[-1]:>10}{verdict(route, times)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
