"""Figure 7: bytes on the wire of pages that are open in a browser, as ratios to loading them again every 5 s.

    python benchmarks/live_bytes.py [SECONDS [LOOKS]]

A real browser opens pages of a running site through a proxy that counts every byte of both directions,
headers included: the home page of the demo house, and /nodes of 254 nodes that send once a minute each.
Then fifty live tabs beside 50 messages per second, and the heap of one tab after the looks of a day in a row;
LOOKS makes that day shorter.
"""

import random
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from common import ROOT, free_port, ingest, installation, resource_usage
from pages import web

sys.path.insert(0, str(ROOT))

from tests.chromium import Chromium

SECONDS = 120
EVERY_S = 5
WARM_S = 70  # until each block was sent once as a whole
NODES = 254
TABS, RATE = 50, 50
LOOKS_OF_A_DAY = 24 * 3600 // EVERY_S
HOUR_S = 3600
MB = 1_000_000
TOGETHER = 40  # looks in one call of the browser; each fifth takes all blocks
LOOK = f"""(async () => {{
  for (let n = 0; n < {TOGETHER}; n++) {{ if (n % 5 === 0) version = ""; await look(); }}
}})()"""
WHOLE = """fetch(location.href, { headers: { accept: "text/html" } }).then((one) => one.text())
  .then((text) => new Blob([text]).size)"""


class CountingProxy:
    """Passes connections on to a port and counts the bytes of both directions."""

    def __init__(self, port):
        self.bytes = 0
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._server.accept()
            try:
                site = socket.create_connection(("127.0.0.1", self._port))
            except OSError:  # the site has ended
                client.close()
                continue
            threading.Thread(target=self._pass, args=(client, site), daemon=True).start()

    def _pass(self, client, site):
        with client, site, selectors.DefaultSelector() as ready:
            other = {client: site, site: client}
            for end in other:
                ready.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    try:
                        data = key.fileobj.recv(1 << 16)
                        other[key.fileobj].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    self.bytes += len(data)


@contextmanager
def demo():
    """The demo house: yields its port, once the history is there."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "voltkeeper", "up", "--port", str(port)]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def wait_for(port):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/pulse.json").close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the site did not start")


@contextmanager
def busy_site(nodes, rate):
    """Ingest of nodes that send `rate` messages a second together, and the site: its URL and pid."""
    with installation(extra="timezone: UTC\n") as (folder, server), ingest(folder):
        gateway, _ = server.accept()
        send_lines(
            gateway,
            (
                f"{node};255;0;0;17;2.3.2\n{node};255;3;0;11;Sketch {node}\n{node};1;0;0;6;Room\n"
                for node in range(1, nodes + 1)
            ),
        )
        stop = threading.Event()
        sender = threading.Thread(target=send_values, args=(gateway, nodes, rate, stop))
        sender.start()
        try:
            with web(folder / "config.yml") as (url, pid):
                yield url, pid
        finally:
            stop.set()
            sender.join()


def send_lines(gateway, lines):
    gateway.sendall("".join(lines).encode())


def send_values(gateway, nodes, rate, stop):
    rnd, number, start = random.Random(1), 0, time.monotonic()
    while not stop.is_set():
        due = start + number / rate
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        node = 1 + number % nodes
        value = f"{rnd.gauss(20, 2):.1f}" if number % 40 else None
        line = f"{node};1;1;0;0;{value}\n" if value else f"{node};255;3;0;0;{rnd.randrange(50, 100)}\n"
        gateway.sendall(line.encode())
        number += 1


def measure_live(profile, port, path, seconds):
    """(bytes of the first load, bytes per hour of Live, bytes of the page as it is without compression)."""
    proxy = CountingProxy(port)
    page = profile.open("about:blank")
    before = proxy.bytes
    page.go(proxy.url + path)
    page.until("ahead !== null")
    first = proxy.bytes - before
    time.sleep(WARM_S)
    warm, started = proxy.bytes - before - first, time.monotonic()
    time.sleep(seconds)
    taken = time.monotonic() - started
    rate = warm + (proxy.bytes - before - first - warm) / taken * (HOUR_S - WARM_S)
    whole = page.run(WHOLE)
    page.go("about:blank")
    return first, rate, whole


def report(name, first, rate, whole, target):
    again = whole * HOUR_S / EVERY_S
    print(
        f"{name}: first load {first / 1000:.1f} KB (at most 40); {rate / MB:.2f} MB/h (at most {target}), "
        f"{again / rate:.0f} times less than {again / MB:.0f} MB/h of the page every {EVERY_S} s",
        flush=True,
    )


def cpu_seconds(pid):
    """CPU seconds of the site so far: its process, and the SQL workers that it has started."""
    children = (
        one for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
    )
    return sum(resource_usage(int(one))[0] for one in (pid, *children))


def many_tabs(profile, url, pid, seconds):
    """Fifty tabs on four pages."""
    proxy = CountingProxy(int(url.rpartition(":")[2]))
    paths = ("/", "/nodes", "/nodes/main/7", "/radio")
    tabs = [profile.open(proxy.url + paths[number % len(paths)]) for number in range(TABS)]
    for tab in tabs:
        tab.until("ahead !== null", 120)
        tab.run(
            "Object.defineProperty(document, 'hidden', { value: false }), look(), 0"
        )  # tabs behind others look, too; one that was hidden for a while has stopped
    time.sleep(2 * EVERY_S)
    before, cpu, started = proxy.bytes, cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    taken = time.monotonic() - started
    used = (cpu_seconds(pid) - cpu) / taken
    states = [tab.run("[failures, answered]") for tab in tabs]
    failed = sum(failures > 1 for failures, _ in states)  # then the page says so
    oldest = time.time() - min(answered for _, answered in states) / 1000
    _, _, resident = resource_usage(pid)
    print(
        f"{TABS} tabs beside {RATE} messages/s: {100 * used:.0f} % of a core, {resident:.0f} MiB at most, "
        f"{(proxy.bytes - before) / taken * HOUR_S / TABS / MB:.2f} MB/h a tab, {failed} not updating, "
        f"last answer {oldest:.0f} s ago at most",
        flush=True,
    )


def a_day(profile, url, looks_of_a_day):
    """The heap of a tab after the looks of an hour, and of a day."""
    page = profile.open(f"{url}/nodes")
    page.until("ahead !== null")
    page.run("clearTimeout(timer), window.setTimeout = () => 0, 0")
    sizes = []
    for looks in (looks_of_a_day // 24, looks_of_a_day - looks_of_a_day // 24):
        for _ in range(looks // TOGETHER):
            page.run(LOOK)
        page.send("HeapProfiler.enable")
        page.send("HeapProfiler.collectGarbage")
        page.send("Performance.enable")
        counts = {one["name"]: one["value"] for one in page.send("Performance.getMetrics")["metrics"]}
        sizes.append((counts["JSHeapUsedSize"] / 2**20, counts["Nodes"]))
    (hour, hour_nodes), (day, day_nodes) = sizes
    print(
        f"heap of a tab, MiB: {hour:.1f} after an hour, {day:.1f} after a day: {day / hour:.2f} (at most 1.2)"
    )
    print(f"nodes of its document: {hour_nodes} and {day_nodes}", flush=True)


def main(seconds=SECONDS, looks=LOOKS_OF_A_DAY):
    seconds = int(seconds)
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # parts of the browser end later
    with folder as path, Chromium(path) as browser, browser.profile() as profile:
        with demo() as port:
            report("home of the demo", *measure_live(profile, port, "/", seconds), 1)
        with busy_site(NODES, NODES / 60) as (url, _):
            port = int(url.rpartition(":")[2])
            report(f"/nodes with {NODES} nodes", *measure_live(profile, port, "/nodes", seconds), 3)
        with busy_site(NODES, RATE) as (url, pid):
            many_tabs(profile, url, pid, seconds)
            a_day(profile, url, int(looks))


if __name__ == "__main__":
    main(*sys.argv[1:])
