"""Many orders to nodes of which half sleep, over a lossy air; `benchmarks/orders.py`, shortened."""

import time

from tests.helpers.order_round import judge, make_nodes, place_orders, wait_until_done
from tests.ingest.mysensors.air_gateway import AirGateway

NODES, ORDERS, SLEEP_S = 6, 48, 0.3


def test_each_order_is_delivered_or_has_a_reason_and_none_takes_effect_twice(site):
    gateway = AirGateway(nodes := make_nodes(NODES, time.monotonic(), SLEEP_S), loss=0.05)
    site.set_gateway_times(echo_s=0.4)

    def play():
        site.wait("select 1 where (select count(*) from nodes where windows = 3) = ?", NODES // 2)
        placed = place_orders(site.path, nodes, ORDERS)
        return placed, wait_until_done(site.path, 60)

    try:
        placed, still_open = site.live(site.config({"tcp": f"127.0.0.1:{gateway.port}"}), play)
    finally:
        gateway.close()
    outcome = judge(site.path, placed)
    assert still_open == 0
    assert (outcome.without_reason, outcome.unsaid, outcome.twice) == ([], [], [])
    assert len(outcome.delivered) >= 0.9 * ORDERS
