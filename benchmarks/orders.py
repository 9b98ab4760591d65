"""Orders to many nodes, half of them asleep with windows of 50 to 500 ms, over an air that loses messages.

    python benchmarks/orders.py [ORDERS] [NODES] [LOSS]

Each order is to be delivered, or to have a reason; none may take effect twice. LOSS is the part of messages
that is lost on each way (0 to 1).
"""

import sys
import time
from collections import Counter

from common import ROOT, ingest, resource_usage

sys.path.insert(0, str(ROOT))

import tempfile
from pathlib import Path

from tests.helpers.order_round import judge, make_nodes, place_orders, wait_until_done
from tests.ingest.mysensors.air_gateway import AirGateway

SLEEP_S = 4.0
LIMIT_S = 900


def main(orders=1000, count=50, loss=0.05):
    gateway = AirGateway(nodes := make_nodes(count, time.monotonic(), SLEEP_S), loss=loss)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "telemetry.db"
        (folder / "config.yml").write_text(
            f"database: telemetry.db\ngateways:\n  - {{name: main, tcp: '127.0.0.1:{gateway.port}'}}\n"
        )
        with ingest(folder) as process:
            time.sleep(5 * SLEEP_S)  # three windows of each sleeper
            before, start = resource_usage(process.pid), time.monotonic()
            placed = place_orders(path, nodes, orders)
            still_open = wait_until_done(path, LIMIT_S)
            took = time.monotonic() - start
            after = resource_usage(process.pid)
        outcome = judge(path, placed)
    gateway.close()
    undelivered = Counter(row["reason"] for row in outcome.undelivered)
    sent = sum(1 for _, command, _ in gateway.sent if command in (1, 3))
    print(f"{orders} orders to {count} nodes, {100 * loss:.0f} % lost on each way: {took:.0f} s")
    print(f"delivered {len(outcome.delivered) / orders:.3f}, the others have a reason")
    for reason, number in undelivered.most_common():
        print(f"    {number} x {reason}")
    print(f"without a reason {len(outcome.without_reason)} (none), still open {still_open} (none)")
    print(f"echoed but not delivered {len(outcome.unsaid)} (none)")
    print(f"twice for effect {len(outcome.twice)} (none); states that arrived again {outcome.repeated}")
    print(f"median until the echo: awake {outcome.awake_s:.1f} s, asleep {outcome.asleep_s:.1f} s")
    print(f"lines sent to nodes {sent / orders:.2f} an order")
    print(f"CPU {100 * (after[0] - before[0]) / took:.1f} % of a core")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:]))
