"""More lines than one commit takes: rows are inserted while others are taken, each once and in its order."""

import time

import pytest

from ingest.db.connection import connect
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.store import Store
from ingest.pipeline.open_database import WriterTiming
from ingest.pipeline.writer import BATCH, Writer
from tests.helpers.new_database import new_database

LIMIT_S = 60.0
BLOCK = 3000  # lines a read
LINES = [
    f"{1 + number % 5};{number % 3};1;0;0;{20 + number % 7}.{number % 10}" for number in range(BATCH + 7)
]


@pytest.mark.parametrize("is_full", [False, True], ids=["space", "no space at first"])
def test_each_line_is_stored_once_and_in_its_order(tmp_path, is_full):
    path = tmp_path / "telemetry.db"
    new_database(path)
    connection, reader = connect(path), connect(path, readonly=True)
    store = Store(connection, "UTC")
    writer = Writer(connection, 0.05, timing=WriterTiming(retry_s=0.02))
    writer.add(store)
    if is_full:  # after some of the statements
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages + 500}")
    for first in range(0, len(LINES), BLOCK):
        lines = LINES[first : first + BLOCK]
        messages, _ = LineDecoder().decode_block(("\n".join(lines) + "\n").encode())
        block = ReceivedBlock(0, "main", time.time(), time.monotonic(), (0, 1), messages)
        writer.put(store, block, len(messages))
    writer.start()
    until = time.monotonic() + LIMIT_S
    while is_full and writer.trouble is None and time.monotonic() < until:
        time.sleep(0.01)
    if is_full:
        assert "full" in str(writer.trouble.problem)
        assert reader.execute("select count(*) from messages").fetchone() == (0,)
        connection.execute("pragma max_page_count = 1000000")
    writer.stop(LIMIT_S)
    sent = [tuple(line.split(";")[5:]) for line in LINES]
    assert reader.execute("select payload from messages order by id").fetchall() == sent
    assert reader.execute("select text from readings order by id").fetchall() == sent
    assert reader.execute("select sum(readings) from channels").fetchone() == (len(LINES),)
    daily = "select sum(messages) from node_daily where child_id is null"
    assert reader.execute(daily).fetchone() == (len(LINES),)
    reader.close()
    writer.close()
