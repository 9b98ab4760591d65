"""What could not be written is stored once at the next start, by the real sinks, in this file or another."""

import errno
import os
import time
from itertools import pairwise

import pytest

from ingest import spooled_batches
from ingest.db.connection import connect
from ingest.mysensors.commands import NodeOrderChange
from ingest.mysensors.events import EventSink, GatewayItem
from ingest.mysensors.outbox import Outbox
from ingest.mysensors.protocol import Header
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from ingest.pipeline.batch import Batch
from ingest.pipeline.open_database import WriterTiming
from ingest.pipeline.source_health import Health, StatusSink
from ingest.pipeline.writer import Writer
from ingest.schema.migrate import migrate
from ingest.spooled_batches import MOST_UNITS, SpooledBatches, split

TIMING = WriterTiming(retry_s=0.02, busy_s=0.02)


class Site:
    """The writer and real sinks on a file, as the daemon wires them."""

    def __init__(self, database, names=("main",)):
        migrate(database)
        self.connection = connection = connect(database)
        self.numbers = number_gateways(connection, [(name, f"tcp {name}:5003") for name in names])
        self.store = Store(connection, "UTC")
        self.events = EventSink(connection, self.store)
        self.outbox = Outbox({}, lambda number, orders: None)
        self.spool = SpooledBatches(database, names)
        self.writer = Writer(connection, 60, timing=TIMING)
        health = Health(names[0], "mysensors", "tcp main:5003")
        status = StatusSink([health], batch=lambda: self.writer.batch)
        for sink in (self.store, self.events, self.outbox, status):
            self.writer.add(sink)
        self.waiting = self.spool.load(connection, self.numbers, self.sink_of)
        self.writer.restore(self.waiting)
        self.writer.restored = self.spool.clear

    def sink_of(self, item):
        if isinstance(item, GatewayItem):
            return self.events
        return self.outbox if isinstance(item, NodeOrderChange) else self.store

    def receive(self, *values, gateway="main"):
        at, monotonic = time.time(), time.monotonic()
        messages = [(Header(1, 1, 1, 0, 0), str(value)) for value in values]
        block = ReceivedBlock(self.numbers[gateway], gateway, at, monotonic, (0, 1), messages)
        self.writer.put(self.store, block, len(values))

    def run(self):
        self.writer.start()
        return self.end()

    def end(self, within_s=5.0):
        self.writer.stop(within_s)
        waiting = self.writer.unwritten()
        kept = self.spool.keep(waiting, self.numbers) if waiting else None
        self.writer.close()
        self.spool.close()
        return kept


def stored(database):
    connection = connect(database, readonly=True)
    rows = connection.execute("select cast(payload as integer) from messages order by id").fetchall()
    counted = connection.execute("select sum(readings) from channels").fetchone()[0] or 0
    connection.close()
    assert counted == len(rows)  # nothing is counted twice or left out
    return [value for (value,) in rows]


@pytest.fixture
def database(tmp_path):
    """A file of a site that ran, with the values 0 to 2."""
    path = tmp_path / "telemetry.db"
    site = Site(path)
    site.receive(0, 1, 2)
    assert site.run() is None
    return path


def stop_while_locked(database, *values):
    site, holder = Site(database), connect(database)
    holder.execute("begin immediate")
    site.writer.start()
    site.receive(*values)
    kept = site.end(within_s=0.1)
    holder.rollback()
    holder.close()
    return kept


def test_what_waits_at_the_stop_is_stored_once_by_the_next_start(database):
    assert stop_while_locked(database, 3, 4)[:2] == (2, 0)
    assert stop_while_locked(database, 5)[:2] == (1, 0)  # what waited before stays before it
    assert stored(database) == [0, 1, 2]
    assert Site(database).run() is None
    assert stored(database) == [0, 1, 2, 3, 4, 5]
    assert Site(database).run() is None
    assert stored(database) == [0, 1, 2, 3, 4, 5]


def test_a_batch_that_reached_the_file_is_not_stored_again(database):
    stop_while_locked(database, 3, 4)
    site = Site(database)
    site.writer.restored = lambda: None  # ended by a power cut before the spool is cleared
    site.receive(5)
    site.run()
    assert stored(database) == [0, 1, 2, 3, 4, 5]
    assert sum(batch.units for batch in Site(database).waiting) == 0


def test_a_commit_that_came_after_the_stop_is_not_stored_again(database):
    site = Site(database)
    site.receive(3, 4)
    site.writer._absorb()
    site.spool.keep(site.writer.unwritten(), site.numbers)  # the disk held the commit for too long ...
    site.writer._write()  # ... and let go of it in the end
    site.spool.close()
    for value in (5, 6):
        site = Site(database)
        site.receive(value)
        site.run()
    assert stored(database) == [0, 1, 2, 3, 4, 5, 6]


def test_what_a_failing_disk_took_at_the_second_attempt_is_stored_once(database, monkeypatch):
    """fsync() fails once behind a write that has reached the file all the same."""
    monkeypatch.setattr(spooled_batches, "TRY_S", 0.0)
    whole, failures = os.fsync, [OSError(errno.EIO, "Input/output error")]

    def fsync(descriptor):
        if failures:
            raise failures.pop()
        whole(descriptor)

    site = Site(database)
    site.receive(3, 4)
    site.writer._absorb()
    site.receive(5)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fsync)
        assert site.spool.keep(site.writer.unwritten(), site.numbers)[:2] == (3, 0)
    assert not failures
    site.spool.close()
    assert Site(database).run() is None
    assert stored(database) == [0, 1, 2, 3, 4, 5]


def test_a_batch_that_stands_in_the_spool_twice_is_stored_once(database):
    """As versions before left it after a failed attempt."""
    site = Site(database)
    site.receive(3, 4)
    site.writer._absorb()
    for _ in range(2):
        site.spool.keep(site.writer.unwritten(), site.numbers)
    site.spool.close()
    assert Site(database).run() is None
    assert stored(database) == [0, 1, 2, 3, 4]


def test_in_an_older_copy_it_is_stored_without_the_results_of_orders(database, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes(database.read_bytes())
    site = Site(database)
    site.receive(3)
    site.run()
    site, holder = Site(database), connect(database)
    holder.execute("begin immediate")
    site.writer.start()
    site.receive(4)
    site.writer.put(site.outbox, NodeOrderChange(1, "done"))
    site.end(within_s=0.1)
    holder.close()
    database.unlink()
    copy.rename(database)
    connection = connect(database)
    connection.execute("insert into outbox (node, line, state) values (1, '1;1;1;0;2;1', 'queued')")
    connection.close()
    Site(database).run()
    assert stored(database) == [0, 1, 2, 4]
    connection = connect(database)
    assert connection.execute("select state from outbox").fetchall() == [("queued",)]
    connection.close()


def test_in_another_file_a_gateway_has_its_number_there(database):
    stop_while_locked(database, 3)
    database.unlink()
    number_gateways_first = Site(database, ("shed", "main"))
    assert number_gateways_first.numbers["main"] == 1
    number_gateways_first.run()
    connection = connect(database)
    rows = connection.execute("select gateway, node, payload from messages").fetchall()
    connection.close()
    assert rows == [(1, 257, "3")]


def test_an_item_that_cannot_be_used_keeps_nothing_else_back(database, caplog):
    stop_while_locked(database, 3, 4)
    site = Site(database)
    site.waiting[0].items.insert(
        0, (site.store, ReceivedBlock(0, "main", 1.0, 1.0, 0, [("no", "header")]), 1)
    )
    site.run()
    assert "cannot be used and is left out" in caplog.text
    assert "2 units of work that could not be written before are stored now" in caplog.text
    assert "cannot be used: 1; they are lost" in caplog.text
    assert stored(database) == [0, 1, 2, 3, 4]


def test_a_spool_that_is_no_spool_is_renamed_and_ingest_starts(database, caplog):
    spool = SpooledBatches(database, ["main"])
    spool._spools[0].append([b"{}", b"no json"])
    spool.close()
    site = Site(database)
    site.receive(3)
    site.run()
    assert stored(database) == [0, 1, 2, 3]
    assert (database.parent / "telemetry.db-spool-unreadable").exists()


def test_a_large_batch_is_split_and_keeps_its_id():
    items = [(None, number, 7_000) for number in range(7)]
    parts = split(Batch("first", "before", items))
    assert [item for part in parts for item in part.items] == items
    assert (parts[0].id, parts[0].after) == ("first", "before")
    assert all(later.after == earlier.id for earlier, later in pairwise(parts))
    assert max(part.units for part in parts) < MOST_UNITS + 7_000


def test_batches_of_a_source_are_left_to_the_process_that_reads_it(database):
    stop_while_locked(database, 3)
    other = SpooledBatches(database, ["shed"])
    assert other.number == 2
    connection = connect(database)
    assert other.load(connection, {}, lambda item: None) == []
    connection.close()
    other.close()
    whole = Site(database, ("main", "shed"))  # one process that reads both
    assert [batch.units for batch in whole.waiting] == [1]
    whole.run()
    assert stored(database) == [0, 1, 2, 3]


def test_without_a_spool_ingest_runs_and_says_what_is_lost(database, caplog):
    database.with_name("telemetry.db-spool").unlink()
    database.with_name("telemetry.db-spool").mkdir()  # as a file that cannot be made
    kept = stop_while_locked(database, 3, 4)
    assert kept == (0, 2, "there is no spool")
    assert "spool" in caplog.text and "cannot be allocated" in caplog.text
