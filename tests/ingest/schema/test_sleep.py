"""Sleepers of a file of the version before, which took one window for enough."""

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect
from ingest.schema.migrate import migrations
from tests.helpers.new_database import new_database

PRESENTED = "2026-11-20T10:00:00.000Z"


@pytest.fixture
def old(tmp_path):
    """A file of the version before."""
    connection = connect(tmp_path / "telemetry.db")
    migrations.apply(Database(connection), stop_before="sleep_windows")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("hours", "kept"),
    [
        ((11,), (1, None)),
        ((11, 12), (2, None)),
        ((11, 12, 13), (3, 500)),
        ((11, 12, 13, 14), (3, 500)),
        ((7, 8, 9, 11), (1, None)),  # it has restarted since, perhaps with another sketch
        ((), (0, None)),  # its messages are gone
    ],
)
def test_a_sleeper_with_fewer_than_three_windows_is_doubted(old, tmp_path, hours, kept):
    old.execute("insert into gateways (id, name, address) values (0, 'main', 'tcp x:1')")
    old.execute(
        "insert into nodes (id, name, gateway, node_id, smart_sleep_ms, presented_at) "
        "values (0, '', 0, 0, null, null), (9, '', 0, 9, 500, ?)",
        (PRESENTED,),
    )
    old.executemany(
        "insert into messages "
        "(received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload) "
        "values (?, 0, 9, 9, 255, 3, 0, ?, '', '')",
        [(f"2026-11-20T{hour:02}:00:00.000Z", 32) for hour in hours] + [("2026-11-20T11:30:00.000Z", 22)] * 3,
    )
    old.close()
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    rows = connection.execute("select windows, smart_sleep_ms from nodes order by id").fetchall()
    connection.close()
    assert rows == [(0, None), kept]
