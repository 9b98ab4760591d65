"""Figure 1: the full ingest at saturation over TCP, as a ratio to bare executemany.

python benchmarks/saturation.py [MESSAGES] [ROUNDS]
"""

import statistics
import sys
import threading
import time

from common import bare, ingest, installation, resource_usage, scalar, traffic


def product(count):
    """Messages per second until the last one is visible in the file, CPU seconds, peak resident MiB."""
    data = "".join(traffic(count)).encode()
    with installation() as (folder, server), ingest(folder) as process:
        connection, _ = server.accept()
        database = folder / "telemetry.db"
        threading.Thread(target=_drain, args=(connection,), daemon=True).start()
        used, start = resource_usage(process.pid)[0], time.perf_counter()
        connection.sendall(data)
        while scalar(database, "select max(id) from messages") != count:
            time.sleep(0.01)
        rate = count / (time.perf_counter() - start)
        after = resource_usage(process.pid)
        return rate, after[0] - used, after[2]


def _drain(connection):
    while connection.recv(65536):
        pass


def main(count=500_000, rounds=3):
    import tempfile

    ratios, rss = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            floor = bare(count, f"{folder}/bare.db")
        rate, cpu_s, resident = product(count)
        ratios.append(rate / floor)
        rss.append(resident)
        print(
            f"round {number + 1}: bare {floor:,.0f}/s, product {rate:,.0f}/s, "
            f"ratio {rate / floor:.2f}, CPU {1e6 * cpu_s / count:.1f} us a message, {resident:.0f} MiB"
        )
    print(f"median ratio {statistics.median(ratios):.2f} (at least 0.30, target 0.35)")
    print(f"RSS {max(rss):.0f} MiB (at most 66)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
