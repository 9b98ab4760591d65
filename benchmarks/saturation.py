"""Figure 1: the full ingest at saturation over TCP, as a ratio to bare executemany.

python benchmarks/saturation.py [MESSAGES] [ROUNDS]
"""

import statistics
import sys
import threading
import time

from common import bare, ingest, installation, resource_usage, scalar, traffic


def product(count):
    """(messages per second until the last one is visible in the file, peak resident MiB)."""
    data = "".join(traffic(count)).encode()
    with installation() as (folder, server), ingest(folder) as process:
        connection, _ = server.accept()
        database = folder / "telemetry.db"
        threading.Thread(target=_drain, args=(connection,), daemon=True).start()
        start = time.perf_counter()
        connection.sendall(data)
        while scalar(database, "select max(id) from messages") != count:
            time.sleep(0.01)
        rate = count / (time.perf_counter() - start)
        return rate, resource_usage(process.pid)[2]


def _drain(connection):
    while connection.recv(65536):
        pass


def main(count=500_000, rounds=3):
    import tempfile

    ratios, rss = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            floor = bare(count, f"{folder}/bare.db")
        rate, resident = product(count)
        ratios.append(rate / floor)
        rss.append(resident)
        print(
            f"round {number + 1}: bare {floor:,.0f}/s, product {rate:,.0f}/s, "
            f"ratio {rate / floor:.2f}, {resident:.0f} MiB"
        )
    print(f"median ratio {statistics.median(ratios):.2f} (at least 0.25, target 0.35)")
    print(f"RSS {max(rss):.0f} MiB (under 70)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
