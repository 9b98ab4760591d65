"""Below min_free_mb raw messages and unreadable lines are counted in an event, and not kept."""

import json
import os

import pytest

from ingest.db.connection import connect, transaction
from ingest.mysensors.protocol import Header, Reject
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from ingest.pipeline.free_space import FreeSpace
from ingest.pipeline.insert_ahead import BulkSink
from ingest.schema.migrate import migrate

ALL_OF_IT = 1e9  # MB: no disk has so much


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    number_gateways(connection, [("main", "tcp x:1")])
    yield connection
    connection.close()


def commit(connection, *sinks, fail=0):
    for attempt in range(fail + 1):
        try:
            with transaction(connection):
                for sink in sinks:
                    sink.write(connection)
                if attempt < fail:
                    raise OSError
        except OSError:
            for sink in sinks:
                if isinstance(sink, BulkSink):
                    sink.taken_back()
    for sink in sinks:
        sink.committed()


def block(*payloads):
    messages = [(Header(1, 1, 1, 0, 0), payload) for payload in payloads]
    return ReceivedBlock(0, "main", 1_790_000_000.0, 1.0, 0, messages, [Reject("x", "odd")])


def counts(connection):
    tables = ("messages", "rejects", "oddities", "readings")
    return [connection.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]


def test_what_matters_is_kept_and_the_rest_is_counted_once(connection, tmp_path):
    store = Store(connection, "UTC")
    store.free_space = space = FreeSpace(connection, tmp_path / "telemetry.db", ALL_OF_IT)
    assert space.poll(connection, False)
    store.absorb(block("20.5", "\x00odd", "21"))
    commit(connection, store, space, fail=2)
    assert counts(connection) == [0, 0, 0, 3]
    store.absorb(block("22"))
    commit(connection, store, space)
    [(severity, text)] = connection.execute(
        "select severity, text from attention where subject = 'Disk'"
    ).fetchall()
    assert severity == "Critical" and "4 messages and 2 unreadable lines" in text
    assert connection.execute("select kind, words from all_events").fetchall() == [
        ("disk", "is short of space")
    ]


def test_it_goes_on_after_a_restart_and_ends_with_more_space(connection, tmp_path):
    path = tmp_path / "telemetry.db"
    space = FreeSpace(connection, path, ALL_OF_IT)
    space.not_kept(5, 1)
    commit(connection, space)
    again = FreeSpace(connection, path, 0.0, check_s=0)
    assert again.poll(connection, False) and not again.is_low
    again.not_kept(2, 0)
    commit(connection, again)
    [(ended, figures)] = connection.execute("select ended_at, figures from events").fetchall()
    assert ended and json.loads(figures) == {"messages": 7, "rejects": 1}
    assert not again.poll(connection, False)


def test_without_a_setting_a_small_disk_may_be_used(connection, tmp_path):
    disk = os.statvfs(tmp_path)
    free_mb = disk.f_bavail * disk.f_frsize / 1e6
    assert FreeSpace(connection, tmp_path / "telemetry.db", None).is_low == (free_mb < 200)
