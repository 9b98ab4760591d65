"""A recording, or the demo's past, through the same parser and the same store as what a gateway says live."""

from itertools import groupby

from ingest.db.connection import connect, transaction
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store

COMMIT_LINES = 5_000


def replay(path, gateway, address, recording, timezone):
    """Store a recording: (unix seconds, line as bytes without its end) in order of time. Returns the number of lines.

    `gateway` is the gateway's name and `address` what its row says of where it is.
    """
    connection = connect(path)
    try:
        names = [
            tuple(row) for row in connection.execute("select name, address from gateways where configured")
        ]
        known = [pair for pair in names if pair[0] != gateway]
        number = number_gateways(connection, [*known, (gateway, address)])[gateway]
        store = Store(connection, timezone)
        lines, pending, total = LineDecoder(), 0, 0
        for at, group in groupby(recording, key=lambda item: item[0]):
            data = b"".join(line + b"\n" for _, line in group)
            items, rejects = lines.decode_block(data)
            store.absorb(ReceivedBlock(number, gateway, at, at, "recording", items, rejects))
            pending += len(items) + len(rejects)
            if pending >= COMMIT_LINES:
                _commit(connection, store)
                total, pending = total + pending, 0
        _commit(connection, store)
        return total + pending
    finally:
        connection.close()


def _commit(connection, store):
    with transaction(connection):
        store.write(connection)
    store.committed()
