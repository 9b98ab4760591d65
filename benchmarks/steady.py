"""Figure 2: 50 messages per second, with thresholds: CPU, bytes and fsyncs per message, lag of a message.

    python benchmarks/steady.py [SECONDS]

fsyncs are counted by strace where it is installed, for a quarter of the time after the rest was measured: a
tracer stops the process at each signal and thread and costs it up to 1 % of a core.
"""

import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from common import ingest, installation, resource_usage, scalar, traffic

RATE = 50
COMMIT_S = 1
THRESHOLDS = "thresholds:\n" + "".join(  # one of twenty is crossed now and then
    f"  - {{name: limit-{node}, channel: main/{node}/0/V_TEMP, above: {23.5 if node == 1 else 40}}}\n"
    for node in range(1, 21)
)


def send(connection: socket.socket, lines: Iterable[str], sent: list[float]) -> None:
    """Send RATE lines a second; `sent` gets the time of each."""
    start = time.perf_counter()
    for number, line in enumerate(lines):
        time.sleep(max(0, start + number / RATE - time.perf_counter()))
        sent.append(time.perf_counter())
        connection.sendall(line.encode())


class Lags:
    """Watches a database in a thread until `count` more messages are visible in it."""

    def __init__(self, database: Path, count: int) -> None:
        self.sent: list[float] = []
        self._lags: list[float] = []
        self._database, self._count = database, count
        self._first = scalar(database, "select max(id) from messages")
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        seen = 0
        while seen < self._count:
            now = scalar(self._database, "select max(id) from messages") - self._first
            at = time.perf_counter()
            self._lags.extend(at - moment for moment in self.sent[seen:now])
            seen = max(seen, now)
            time.sleep(0.005)

    def result(self) -> list[float]:
        """Seconds until each was visible, sorted."""
        self._thread.join(10)
        return sorted(self._lags)


@contextmanager
def counted_fsyncs(pid: int, report: Path):
    """strace at the process; `report` then holds what it counted."""
    words = "strace -f -c -e trace=fsync,fdatasync".split()
    tracer = subprocess.Popen([*words, "-p", str(pid), "-o", str(report)])
    time.sleep(1)
    yield
    time.sleep(COMMIT_S)
    tracer.terminate()
    tracer.wait()


def main(seconds=60):
    count = RATE * seconds
    more = count // 4
    lines = list(traffic(200 + count + more))
    with installation(COMMIT_S, THRESHOLDS) as (folder, server), ingest(folder) as process:
        connection, _ = server.accept()
        database = folder / "telemetry.db"
        connection.sendall("".join(lines[:200]).encode())  # every node and channel is known then
        time.sleep(3)
        lags = Lags(database, count)
        before, start = resource_usage(process.pid), time.perf_counter()
        send(connection, lines[200 : 200 + count], lags.sent)
        waited = lags.result()
        after, took = resource_usage(process.pid), time.perf_counter() - start
        print(f"CPU {100 * (after[0] - before[0]) / took:.1f} % of a core (at most 2)")
        print(f"written {(after[1] - before[1]) / count:,.0f} bytes a message (at most 3,700)")
        p50, p99 = (x / COMMIT_S for x in (statistics.median(waited), waited[int(len(waited) * 0.99)]))
        print(f"lag p50 {p50:.2f}, p99 {p99:.2f} of the commit interval (p99 at most 1.2)")
        print(f"RSS {after[2]:.0f} MiB")
        if shutil.which("strace"):
            report = folder / "trace"
            with counted_fsyncs(process.pid, report):
                send(connection, lines[200 + count :], [])
            calls = sum(int(line.split()[3]) for line in report.read_text().splitlines() if "sync" in line)
            print(f"fsyncs {calls / more:.3f} a message (at most 0.1)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
