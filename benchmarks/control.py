"""From POST /-/channels/ID to the gateway's wire: milliseconds, and what ingest costs while nothing happens.

    python benchmarks/control.py [ORDERS]

Real ingest, real site, a gateway with one switch that echoes. Limit: p95 150 ms.
"""

import json
import random
import socket
import subprocess
import sys
import time
import urllib.request

from common import ROOT, free_port, ingest, installation, resource_usage, scalar

TOKEN = "control-benchmark-token"
IDLE_S = 10
LIMIT_MS = 150
ACCESS = f"access:\n  tokens: [{{name: bench, token: {TOKEN}, may: [order]}}]\n"
SWITCH = ["0;255;0;0;18;2.3.2", "20;255;0;0;17;2.3.2", "20;1;0;0;3;Lamp", "20;1;1;0;2;0"]
CHANNEL = 256 * (256 * 20 + 1) + 2


def post(url, value):
    """Send the value; seconds until the answer."""
    request = urllib.request.Request(
        f"{url}/-/channels/{CHANNEL}",
        json.dumps({"value": value}).encode(),
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201


def wait_for(lines, wanted):
    """The moment at which the wanted line came; everything else is read over."""
    for line in lines:
        if line.rstrip("\n") == wanted:
            return time.perf_counter()
    raise AssertionError("the gateway's connection ended")


def wait_for_site(url, process):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/-/pulse.json", timeout=5).close()
            return
        except OSError:
            assert process.poll() is None, "the site did not start"
            time.sleep(0.1)


def main(orders=100):
    rnd, port = random.Random(5), free_port()
    url = f"http://127.0.0.1:{port}"
    with installation(extra=f"web: {{port: {port}}}\n{ACCESS}") as (folder, server), ingest(folder) as reader:
        connection, _ = server.accept()
        lines = connection.makefile("r")
        connection.sendall("".join(f"{line}\n" for line in SWITCH).encode())
        command = [sys.executable, "-m", "voltkeeper", "web", "--config", str(folder / "config.yml")]
        site = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            wait_for_site(url, site)
            while not scalar(folder / "telemetry.db", f"select count(*) from channels where id = {CHANNEL}"):
                time.sleep(0.1)
            taken = []
            for number in range(orders):
                time.sleep(rnd.uniform(0.3, 0.9))
                wanted = f"20;1;1;1;2;{number % 2}"
                started = time.perf_counter()
                post(url, str(number % 2))
                taken.append(1000 * (wait_for(lines, wanted) - started))
                connection.sendall(f"{wanted}\n".encode())
            time.sleep(3)
            before = resource_usage(reader.pid)
            time.sleep(IDLE_S)
            after = resource_usage(reader.pid)
        finally:
            site.terminate()
            site.wait(30)
            connection.shutdown(socket.SHUT_RDWR)
    taken.sort()
    p95 = taken[int(0.95 * len(taken))]
    print(
        f"POST to the wire, {orders} orders: median {taken[len(taken) // 2]:.0f} ms, p95 {p95:.0f} ms, ",
        end="",
    )
    print(f"max {taken[-1]:.0f} ms (limit: p95 {LIMIT_MS} ms)")
    print(
        f"ingest while nothing happens: {100 * (after[0] - before[0]) / IDLE_S:.2f} % of a core, "
        f"{(after[1] - before[1]) / IDLE_S:.0f} bytes/s written"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
