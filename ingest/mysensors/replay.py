"""A recording, or the demo's past, through the same parser and the same store as what a gateway sends now."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ingest.db.changes import raise_topics
from ingest.db.connection import connect, transaction
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store

COMMIT_LINES = 5_000


def replay(
    path: Path, gateway: str, address: str, recording: Iterable[tuple[float, bytes]], timezone: str
) -> int:
    """Store a recording: (unix seconds, line without its end) in order of time. Returns the number of lines.

    `gateway` is the gateway's name, `address` the one that its row holds.
    """
    blocks = (
        (at, b"".join(line + b"\n" for _, line in group))
        for at, group in groupby(recording, key=itemgetter(0))
    )
    return replay_blocks(path, gateway, address, blocks, timezone)


def replay_blocks(
    path: Path,
    gateway: str,
    address: str,
    blocks: Iterable[tuple[float, bytes]],
    timezone: str,
    committed: Callable[[float], object] = lambda at: None,
    durable: bool = True,
) -> int:
    """Store what was read at once: (unix seconds, lines) in order of time. Returns the number of lines.

    `committed` gets the time up to which lines are stored; commits that are not `durable` do not wait for the
    disk.
    """
    with closing(connect(path, durable=durable)) as connection:
        others = connection.execute(
            "select name, address from gateways where configured and name <> ?", (gateway,)
        ).fetchall()
        number = number_gateways(connection, [*others, (gateway, address)])[gateway]
        store = Store(connection, timezone)
        decoder, pending, total = LineDecoder(), 0, 0
        for at, data in blocks:
            messages, rejects = decoder.decode_block(data)
            store.absorb(ReceivedBlock(number, gateway, at, at, "recording", messages, rejects))
            pending += len(messages) + len(rejects)
            if pending >= COMMIT_LINES:
                _commit(connection, store)
                committed(at)
                total, pending = total + pending, 0
        _commit(connection, store)
        while store.poll(connection, False):
            _commit(connection, store)
        return total + pending


def _commit(connection: sqlite3.Connection, store: Store) -> None:
    with transaction(connection):
        raise_topics(connection, store.write(connection))
    store.committed()
