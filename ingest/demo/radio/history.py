"""Weeks of the demo at once: what its gateway would have sent, as a recording that can be replayed."""

import time
from collections.abc import Iterable, Iterator

from ingest.demo.radio.network import SEED, DemoNetwork, NodeKind
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.wire import format_outgoing


def history(
    days: float = 28, until: float | None = None, seed: int = SEED, nodes: Iterable[NodeKind] = DEMO_NODES
) -> Iterator[tuple[float, bytes]]:
    """Yield (unix seconds, line without its line end) of the days just before `until` (default: now).

    In order of time; the same arguments give the same lines. Starts with the gateway and all nodes switched
    on. A live network with the same seed and `anchor=until` carries on where it ends.
    """
    until = time.time() if until is None else until
    since = until - days * 86400
    network = DemoNetwork(since, anchor=until, seed=seed, boot=True, answered=True, nodes=nodes)
    for message in network.gateway.greeting():
        yield since, format_outgoing(message)
    yield from network.events(until)
