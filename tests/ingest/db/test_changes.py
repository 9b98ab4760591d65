"""The counters of `changes`: each topic once a commit, with the time of the last one."""

import pytest

from ingest.db.changes import raise_topics
from ingest.db.connection import connect, transaction
from tests.helpers.new_database import new_database


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    yield connection
    connection.close()


def test_each_topic_counts_up_once_however_often_it_is_named(connection):
    with transaction(connection):
        raise_topics(connection, ["nodes", "nodes", "ups"], at=0)
    with transaction(connection):
        raise_topics(connection, {"nodes"}, at=1)
    assert connection.execute("select * from changes order by topic").fetchall() == [
        ("nodes", 2, "1970-01-01T00:00:01.000Z"),
        ("ups", 1, "1970-01-01T00:00:00.000Z"),
    ]


def test_without_a_time_it_is_now(connection):
    raise_topics(connection, ["nodes"])
    assert connection.execute("select at from changes").fetchone()[0] > "2000"
