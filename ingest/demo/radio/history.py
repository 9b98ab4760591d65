"""Weeks of the demo house at once: what its gateway would have sent, as a recording that can be replayed."""

import time

from ingest.demo.radio.network import SEED, DemoNetwork
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.wire import format_outgoing


def history(days=28, until=None, seed=SEED, nodes=DEMO_NODES):
    """Yield (unix seconds, line without its line end) of `days` days that end just before `until` (default: now).

    In order of time; the same arguments give the same lines. Starts with the gateway and all nodes switched on. A live
    house with the same seed and `anchor=until` carries on where it ends.
    """
    until = time.time() if until is None else until
    since = until - days * 86400
    house = DemoNetwork(since, anchor=until, seed=seed, boot=True, answered=True, nodes=nodes)
    for said in house.gateway.greeting():
        yield since, format_outgoing(said)
    yield from house.events(until)
