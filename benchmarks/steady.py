"""Figure 2: 50 messages per second: CPU, bytes and fsyncs per message, lag until a message is visible.

    python benchmarks/steady.py [SECONDS]

fsyncs are counted by strace where it is installed.
"""

import shutil
import statistics
import subprocess
import sys
import threading
import time

from common import ingest, installation, resource_usage, scalar, traffic

RATE = 50
COMMIT_S = 1


def main(seconds=60):
    count = RATE * seconds
    lines = list(traffic(count + 200))
    with installation(COMMIT_S) as (folder, server), ingest(folder) as process:
        connection, _ = server.accept()
        database = folder / "telemetry.db"
        connection.sendall(
            "".join(lines[:200]).encode()
        )  # every node and channel is known before the measurement
        time.sleep(3)
        first = scalar(database, "select max(id) from messages")
        tracer = None
        if shutil.which("strace"):
            tracer = subprocess.Popen(
                [
                    "strace",
                    "-f",
                    "-c",
                    "-e",
                    "trace=fsync,fdatasync",
                    "-p",
                    str(process.pid),
                    "-o",
                    str(folder / "trace"),
                ]
            )
            time.sleep(1)
        sent = []
        lags = []
        done = threading.Event()

        def watch():
            seen = 0
            while seen < count:
                now = (scalar(database, "select max(id) from messages") or 0) - first
                at = time.perf_counter()
                lags.extend(at - moment for moment in sent[seen:now])
                seen = max(seen, now)
                time.sleep(0.005)
            done.set()

        threading.Thread(target=watch, daemon=True).start()
        before = resource_usage(process.pid)
        start = time.perf_counter()
        for number, line in enumerate(lines[200:]):
            time.sleep(max(0, start + number / RATE - time.perf_counter()))
            sent.append(time.perf_counter())
            connection.sendall(line.encode())
        done.wait(10)
        after = resource_usage(process.pid)
        took = time.perf_counter() - start
        lags.sort()
        print(f"CPU {100 * (after[0] - before[0]) / took:.1f} % of a core (at most 3)")
        print(f"written {(after[1] - before[1]) / count:,.0f} bytes a message (at most 4,500)")
        p50, p99 = statistics.median(lags), lags[int(len(lags) * 0.99)]
        print(
            f"lag p50 {p50 / COMMIT_S:.2f}, p99 {p99 / COMMIT_S:.2f} of the commit interval (p99 at most 1.2)"
        )
        print(f"RSS {after[2]:.0f} MiB")
        if tracer is not None:
            tracer.terminate()
            tracer.wait()
            calls = sum(
                int(line.split()[3]) for line in (folder / "trace").read_text().splitlines() if "sync" in line
            )
            print(f"fsyncs {calls / count:.3f} a message (at most 0.1)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
