"""The file: made by one or several programs at once, brought up to date, and what its triggers keep."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.schema.migrate import migrate, migrations
from ingest.schema.overview import VIEWS

ROOT = Path(__file__).parents[3]
MIGRATE = "import sys; from ingest.schema.migrate import migrate; migrate(sys.argv[1])"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "telemetry.db"


@pytest.fixture
def connection(path):
    migrate(path)
    connection = connect(path)
    yield connection
    connection.close()


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_216_780.1239, "2026-11-20T23:19:40.123Z"),
        (1_795_216_780.9999, "2026-11-20T23:19:40.999Z"),
    ],
)
def test_times_are_utc_text_with_milliseconds(unix, text):
    assert format_utc(unix) == text
    assert parse_utc(text) == pytest.approx(unix, abs=0.001)


def test_a_new_file_is_made_with_its_folder_and_pragmas(connection):
    assert one(connection, "pragma page_size") == 1024
    assert one(connection, "pragma auto_vacuum") == 2
    assert one(connection, "pragma journal_mode") == "wal"
    assert one(connection, "pragma synchronous") == 2
    assert one(connection, "pragma wal_autocheckpoint") == 4000
    assert one(connection, "pragma busy_timeout") == 15_000
    assert {
        name for (name,) in connection.execute("select name from sqlite_master where type = 'view'")
    } == set(VIEWS)


def test_every_view_can_be_read_when_the_file_is_empty(connection):
    for view in VIEWS:
        connection.execute(f"select * from [{view}]").fetchall()


def test_a_reader_cannot_write(path, connection):
    reader = connect(path, readonly=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("delete from nodes")
    reader.close()
    with pytest.raises(sqlite3.OperationalError):
        connect(path.with_name("other.db"), readonly=True)


def test_migrating_again_changes_nothing(path, connection):
    before = hashlib.sha256(path.read_bytes()).digest(), one(connection, "pragma data_version")
    migrate(path)
    assert (hashlib.sha256(path.read_bytes()).digest(), one(connection, "pragma data_version")) == before


def test_several_programs_may_start_at_once(path):
    path.parent.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    starts = [subprocess.Popen([sys.executable, "-c", MIGRATE, str(path)], env=environment) for _ in range(5)]
    assert [start.wait(30) for start in starts] == [0] * 5
    connection = connect(path)
    assert one(connection, "select count(*) from _sqlite_migrations") == len(
        migrations.pending(Database(memory=True))
    )
    connection.close()


def test_a_migration_that_is_killed_leaves_nothing_behind(path, tmp_path):
    # The process ends inside the migration, after half of its statements.
    half = """
import os, signal, sys
from ingest.schema import mysensors as schema
from ingest.schema.migrate import migrate
made = schema.name_triggers
schema.name_triggers = lambda: (os.kill(os.getpid(), signal.SIGKILL), *made())
migrate(sys.argv[1])
"""
    killed = subprocess.run(
        [sys.executable, "-c", half, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert killed.returncode == -signal.SIGKILL
    migrate(path)
    connection = connect(path)
    assert one(connection, "pragma integrity_check") == "ok"
    assert one(connection, "select count(*) from commands") == 5
    connection.close()


def test_views_that_differ_are_made_again_and_others_go(path, connection):
    views = {"fresh": "select 1 as one", "changed": "select 2 as two"}
    migrate(path, views)
    connection.execute("drop view changed")
    connection.execute("create view changed as select 'old'")
    migrate(path, views)
    assert connection.execute(
        "select name, (select two from changed) from sqlite_master where type = 'view' order by 1"
    ).fetchall() == [
        ("changed", 2),
        ("fresh", 2),
    ]


def test_a_transaction_is_whole_or_nothing(connection):
    def fail_halfway():
        with transaction(connection):
            connection.execute("insert into audit (action, outcome) values ('order', 'done')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert not connection.in_transaction
    with transaction(connection):
        connection.execute("insert into audit (action, outcome) values ('order', 'done')")
    assert one(connection, "select count(*) from audit") == 1


def test_a_commit_that_fails_leaves_no_transaction_open(connection):
    connection.execute("create table parent (id integer primary key)")
    connection.execute("create table child (id integer references parent deferrable initially deferred)")
    connection.execute("pragma foreign_keys = on")  # a deferred constraint fails in COMMIT itself
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.execute("insert into child values (1)")
    with transaction(connection):
        connection.execute("insert into parent values (1)")
    assert one(connection, "select count(*) from child") == 0


def test_a_transaction_waits_for_its_turn(path, connection):
    other = connect(path)
    other.execute("begin immediate")
    connection.execute("pragma busy_timeout = 50")
    with pytest.raises(sqlite3.OperationalError, match="locked"), transaction(connection):
        pytest.fail("two writers at once")
    other.rollback()
    other.close()


def test_the_last_change_of_a_battery_is_kept_at_its_node(connection):
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'tcp x:1')")
    connection.execute("insert into nodes (id, name, gateway, node_id) values (0, '', 0, 0), (12, '', 0, 12)")
    for day in ("2026-03-01", "2026-05-01", "2026-04-01"):
        connection.execute(
            "insert into battery_changes (node, changed_at) values (0, ?)", (f"{day}T00:00:00.000Z",)
        )
    assert connection.execute("select battery_changed_at from nodes order by id").fetchall() == [
        ("2026-05-01T00:00:00.000Z",),
        (None,),
    ]


def test_the_sets_that_pages_need_are_found_by_an_index(connection):
    for sql, index in (
        ("select * from messages where node = 12 order by id desc limit 50", "messages_node"),
        (
            "select * from readings where channel = 7 and received_at > '2026' order by received_at",
            "readings_channel_received_at",
        ),
        ("select * from node_daily where node = 12 and day > '2026'", "node_daily_node"),
        ("select * from events where ended_at is null and event = 'NODE_SILENT'", "events_open"),
    ):
        plan = " ".join(row[3] for row in connection.execute(f"explain query plan {sql}"))
        assert index in plan and "SCAN" not in plan and "TEMP B-TREE" not in plan


@pytest.mark.parametrize(("before", "after"), [(None, 0o640), (0o644, 0o640), (0o664, 0o660), (0o600, 0o600)])
def test_other_users_cannot_read_the_file_nor_its_log(tmp_path, before, after):
    path = tmp_path / "new" / "telemetry.db"
    migrate(path)
    if before is not None:
        path.chmod(before)
        migrate(path)
    with closing(connect(path)) as db:
        db.execute("create table t (x)")
        modes = {
            one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir() if "lock" not in one.name
        }
        assert modes == dict.fromkeys(["telemetry.db", "telemetry.db-wal", "telemetry.db-shm"], after)
