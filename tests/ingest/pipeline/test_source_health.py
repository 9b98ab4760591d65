"""The health of a source: states in words, when its row is written, what goes on after a restart."""

import pytest

from ingest.db.connection import connect, transaction
from ingest.pipeline.source_health import HEARTBEAT_S, LATE_S, Health, StatusSink
from tests.helpers.new_database import new_database


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    yield connection
    connection.close()


def write(sink, connection):
    with transaction(connection):
        topics = sink.write(connection)
    sink.committed()
    return topics


def test_a_row_is_written_at_a_change_and_else_only_as_a_heartbeat(connection):
    health = Health("main", "mysensors", "tcp x:1")
    sink = StatusSink([health])
    assert sink.poll(connection, False)
    assert write(sink, connection) == {"ingest_status"}
    assert not sink.poll(connection, False)
    health.received += 1
    assert not sink.poll(connection, False)  # that goes with the data's commit
    health.set_state("connected", "connected")
    assert sink.poll(connection, False)
    write(sink, connection)
    health.set_state("connected", "connected")
    assert not sink.poll(connection, False)
    eager = StatusSink([health], heartbeat_s=0)
    write(eager, connection)
    assert eager.poll(connection, False)
    assert LATE_S > 2 * HEARTBEAT_S


def test_since_is_when_the_state_began_and_the_last_error_stays(connection):
    health = Health("main", "mysensors", "tcp x:1", since=1.0)
    health.fail("lost", "the cable is out")
    began = health.since
    health.set_state("lost", "still out")
    assert health.since == began > 1.0
    health.set_state("connected", "connected")
    write(StatusSink([health]), connection)
    assert connection.execute(
        "select state, last_error, last_error_at is not null from ingest_status"
    ).fetchone() == (
        "connected",
        "the cable is out",
        1,
    )


def test_counts_and_last_times_go_on_after_a_restart(connection):
    health = Health(
        "main", "mysensors", "tcp x:1", connects=3, received=100, rejected=2, last_data=1_790_000_000.5
    )
    health.fail("lost", "the cable is out")
    write(StatusSink([health]), connection)
    columns = "connects, received, rejected, last_data_at, last_error, last_error_at"
    before = connection.execute(f"select {columns} from ingest_status").fetchone()
    again = Health("main", "mysensors", "tcp x:1")
    again.resume(connection)
    write(StatusSink([again]), connection)
    assert connection.execute(f"select {columns} from ingest_status").fetchone() == before
    assert None not in before
