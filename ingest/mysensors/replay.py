"""A recording, or the demo's past, through the same parser and the same store as what a gateway sends now."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path

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
    with closing(connect(path)) as connection:
        others = connection.execute(
            "select name, address from gateways where configured and name <> ?", (gateway,)
        ).fetchall()
        number = number_gateways(connection, [*others, (gateway, address)])[gateway]
        store = Store(connection, timezone)
        decoder, pending, total = LineDecoder(), 0, 0
        for at, group in groupby(recording, key=itemgetter(0)):
            messages, rejects = decoder.decode_block(b"".join(line + b"\n" for _, line in group))
            store.absorb(ReceivedBlock(number, gateway, at, at, "recording", messages, rejects))
            pending += len(messages) + len(rejects)
            if pending >= COMMIT_LINES:
                _commit(connection, store)
                total, pending = total + pending, 0
        _commit(connection, store)
        return total + pending


def _commit(connection: sqlite3.Connection, store: Store) -> None:
    with transaction(connection):
        store.write(connection)
    store.committed()
