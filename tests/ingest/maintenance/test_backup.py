"""A copy is whole or not there, and restored it is the house again."""

import os
import signal
import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from ingest.config.backup import Backup
from ingest.db.batches import StoppedError
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.jobs.register import request_job
from ingest.maintenance.backup import BackupError, back_up
from ingest.maintenance.jobs import run_due
from ingest.schema.migrate import migrate

GONE = 1 << 23  # no process has this number
OLD = b"SQLite format 3\0 the old copy"


def everything(path):
    connection = sqlite3.connect(path)
    tables = [
        row[0]
        for row in connection.execute("select name from sqlite_master where type = 'table' order by name")
    ]
    found = {table: connection.execute(f"select * from [{table}]").fetchall() for table in tables}
    connection.close()
    return found


def test_restored_it_is_the_same_house(house, tmp_path, voltkeeper, write_config):
    config = write_config(f"database: {house.database}\n")
    program = voltkeeper("backup", "copy.db", "--config", config)
    assert program.wait() == 0 and "complete and checked" in program.text
    assert everything(tmp_path / "copy.db") == everything(house.database)
    restored = tmp_path / "restored" / "house.db"
    restored.parent.mkdir()
    (tmp_path / "copy.db").rename(restored)
    migrate(restored)
    assert everything(restored) == everything(house.database)
    connection = connect(restored)
    assert [
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_size", "auto_vacuum", "journal_mode")
    ] == [1024, 2, "wal"]
    connection.close()


def test_it_is_one_moment_of_a_file_that_is_written(house, tmp_path):
    stop = threading.Event()

    def write():
        connection = connect(house.database)
        while not stop.is_set():
            with transaction(connection):  # both or neither
                connection.execute("insert into audit (action, outcome) values ('pair', 'done')")
                connection.execute(
                    "insert into rejects (received_at, source, raw, reason) values (?, 'pair', '', '')",
                    (format_utc(time.time()),),
                )
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            back_up(house.database, tmp_path / f"{number}.db")
    finally:
        stop.set()
        writer.join(60)
    for number in range(3):
        copy = sqlite3.connect(tmp_path / f"{number}.db")
        one, other = copy.execute(
            "select (select count(*) from audit where action = 'pair'), "
            "(select count(*) from rejects where source = 'pair')"
        ).fetchone()
        assert one == other and copy.execute("pragma integrity_check").fetchone() == ("ok",)
        copy.close()


def test_killed_it_leaves_the_old_copy_and_the_next_one_clears_away(
    house, tmp_path, voltkeeper, write_config, wait_for
):
    config = write_config(f"database: {house.database}\n")
    target = tmp_path / "copy.db"
    target.write_bytes(OLD)
    for _ in range(3):
        program = voltkeeper("backup", target, "--config", config)
        ended = program.process.poll
        wait_for(
            lambda ended=ended: any(tmp_path.glob(".copy.db.partial-*")) or ended() is not None, every=0.001
        )
        program.process.send_signal(signal.SIGKILL)
        program.wait()
        assert target.read_bytes() == OLD or sqlite3.connect(target).execute(
            "pragma integrity_check"
        ).fetchone() == ("ok",)
    assert voltkeeper("backup", target, "--config", config).wait() == 0
    assert list(tmp_path.glob(".copy.db.partial-*")) == []
    assert sqlite3.connect(target).execute("pragma integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["house.db", ".", "nowhere/copy.db"])
def test_it_refuses_in_words(house, tmp_path, name):
    before = everything(house.database)
    with pytest.raises(BackupError):
        back_up(house.database, tmp_path / name)
    assert everything(house.database) == before


def test_daily_copies_of_which_the_newest_stay(house, tmp_path):
    house = replace(house, backup=replace(house.backup, folder=tmp_path / "copies", keep=2))
    connection = connect(house.database)
    mine = tmp_path / "copies" / "house-of-cards.db"
    assert "backup" in run_due(house)
    mine.write_bytes(b"not a copy of ours")
    for _ in range(2):
        time.sleep(1.05)
        with transaction(connection):
            request_job(connection, "backup", "owner")
        assert run_due(house) == ["backup"]
    connection.close()
    copies = sorted(path.name for path in (tmp_path / "copies").iterdir())
    assert len(copies) == 3 and mine.name in copies


def test_a_daily_copy_that_was_killed_is_cleared_away_by_the_next_one(house, tmp_path):
    house = replace(house, backup=Backup(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    left = [
        f".house-2026-01-01-040000.db.partial-{GONE}",
        f".house-2026-01-01-040000.db.partial-{GONE}-journal",
    ]
    others = [
        f".cabin-2026-01-01-040000.db.partial-{GONE}",
        f".house-2026-01-01-040000.db.partial-{os.getppid()}",
    ]
    for name in (*left, *others):
        (tmp_path / "copies" / name).write_bytes(b"half")
    assert "backup" in run_due(house)
    assert {path.name for path in (tmp_path / "copies").iterdir() if path.name[0] == "."} == set(others)


def test_a_daily_copy_that_fails_stands_on_home_and_is_tried_again_after_an_hour(house, tmp_path, ask):
    (tmp_path / "copies").write_text("a file, where the folder should be")
    house = replace(house, backup=replace(house.backup, folder=tmp_path / "copies"))
    assert "backup" in run_due(house)
    [(detail, next_at, ended_at)] = ask("select detail, next_at, ended_at from chores where name = 'backup'")
    assert parse_utc(next_at) - parse_utc(ended_at) == pytest.approx(3600, abs=0.01)
    found = "select severity, text from attention where subject = 'Copy the database'"
    assert ask(found) == [("Warning", detail)]
    assert run_due(house) == []
    ask("insert into events (event, started_at) values ('BACKUP_FAILED', ?)", ended_at)
    assert ask(found) == []


def test_no_other_user_reads_a_copy_while_it_is_made(house, tmp_path):
    modes = []

    def look(done, total):
        modes.extend(path.stat().st_mode & 0o777 for path in tmp_path.glob(".copy.db.partial-*"))

    back_up(house.database, tmp_path / "copy.db", progress=look)
    assert set(modes) == {0o600} and (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def identity(path):
    """What changes when the file is written or replaced: reading it changes its time of access alone."""
    found = path.stat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def test_only_a_copy_is_replaced(house, tmp_path):
    (tmp_path / "config.yml").write_text("title: Hill house\n")
    wal = tmp_path / "house.db-wal"
    connection = connect(house.database)
    connection.execute("insert into audit (action, outcome) values ('it', 'done')")
    assert wal.stat().st_size
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "config.yml", wal, tmp_path / "pipe"):
        before = identity(path)
        with pytest.raises(BackupError, match="no copy of a database"):
            back_up(house.database, path)
        assert identity(path) == before
    connection.close()
    (tmp_path / "empty").touch()
    assert back_up(house.database, tmp_path / "empty")


def test_it_stops_while_the_copy_is_checked(house, tmp_path):
    class Late:
        """It is set when all is copied."""

        copied, asked = False, 0

        def look(self, done, total):
            self.copied = done == total

        def is_set(self):
            self.asked += self.copied
            return self.asked > 1

    connection = connect(house.database)
    connection.execute("""with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
        insert into audit (action, outcome) select 'it', 'done' from n""")
    connection.close()
    late = Late()
    with pytest.raises(StoppedError):
        back_up(house.database, tmp_path / "copy.db", late, late.look)
    assert not list(tmp_path.glob("*copy.db*"))
