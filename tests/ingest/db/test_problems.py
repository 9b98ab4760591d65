"""Why a database cannot be written: by its real causes, each named with its remedy."""

import errno
import sqlite3
import subprocess
import sys

import pytest

from ingest.db.connection import connect
from ingest.db.file_identity import DatabaseFile
from ingest.db.problems import Kind, find_problem, lock_holder
from ingest.schema.migrate import migrate

HOLD = """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin immediate")
print("locked", flush=True)
sys.stdin.read()"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "telemetry.db"
    migrate(path)
    return path


def problem_of(path, action):
    with pytest.raises(sqlite3.Error) as caught:
        action()
    return find_problem(path, caught.value)


def test_a_lock_names_the_program_that_holds_it(path):
    connection = connect(path, busy_timeout_s=0)
    assert lock_holder(path) is None
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        problem = problem_of(path, lambda: connection.execute("begin immediate"))
        assert problem.kind is Kind.LOCKED
        assert f"(process {holder.pid})" in problem.text
    finally:
        holder.communicate()
    connection.execute("begin immediate")  # the look at the locks has released none of ours
    connection.close()


def test_a_full_file_is_called_full_with_the_free_space(path):
    connection = connect(path)
    connection.execute(f"pragma max_page_count = {connection.execute('pragma page_count').fetchone()[0]}")
    problem = problem_of(path, lambda: connection.execute("create table t as select zeroblob(100000)"))
    connection.close()
    assert problem.kind is Kind.FULL and "MB free" in problem.text


@pytest.mark.parametrize(
    "content", [b"no database at all, but text" * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_what_is_no_database_is_called_damaged(tmp_path, content):
    path = tmp_path / "telemetry.db"
    path.write_bytes(content)
    problem = problem_of(path, lambda: migrate(path))
    assert problem.kind is Kind.DAMAGED and "restore a copy" in problem.remedy


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Kind.FULL),
        (errno.EDQUOT, Kind.FULL),
        (errno.EROFS, Kind.READ_ONLY_DISK),
        (errno.EACCES, Kind.READ_ONLY),
        (errno.EIO, Kind.IO),
        (errno.ENOENT, Kind.OTHER),
    ],
)
def test_errors_of_the_file_system(tmp_path, number, kind):
    assert find_problem(tmp_path / "telemetry.db", OSError(number, "x")).kind is kind


def test_a_file_that_is_there_is_no_fault_while_others_come_and_go(path):
    connection = connect(path)
    connection.execute("select count(*) from sqlite_master").fetchone()
    file = DatabaseFile(path)
    for _ in range(3):
        other = connect(path)
        other.execute("insert into audit (action, outcome) values ('x', 'done')")
        other.execute("pragma wal_checkpoint(truncate)")
        other.close()
        assert file.fault() is None
    connection.close()
