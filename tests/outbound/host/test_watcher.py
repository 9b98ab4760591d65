"""The watcher on real files: heartbeats, locks, a database that is locked, read-only, replaced or broken."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from ingest.config.model import Config, NutServerSettings
from ingest.config.web import Web
from ingest.db.connection import connect
from ingest.db.problems import Kind
from ingest.pipeline.heartbeat import Heartbeat, HeartbeatFile
from ingest.ups.source_lock import lock_offset
from outbound.database import OutboundDatabase
from outbound.host.ingest_state import IngestState
from outbound.host.watcher import HostWatcher
from tests.helpers.failing_card import NoCardError, failing_card
from tests.helpers.new_database import new_database
from tests.programs import child_environment

READER = """import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
time.sleep(60)"""


class Machine:
    """A database, what ingest leaves beside it, and a watcher that has run for long."""

    def __init__(self, folder):
        self.path = new_database(folder / "t.db")
        self.config = Config(
            database=self.path, timezone="UTC", nut=(NutServerSettings("closet"),), web=Web(port=0)
        )
        self.told, self.reader = [], None
        self.file = HeartbeatFile(self.path, 1)
        self.database = OutboundDatabase(self.path, busy_s=0.05)
        self.ingest = IngestState(self.config)
        self.stored = 0
        self.watcher = HostWatcher(
            self.config,
            self.database,
            self.tell,
            self.has_stored,
            self.ingest,
            started=time.monotonic() - 1000,
        )

    def has_stored(self):
        self.stored += 1

    def tell(self, event):
        self.told.append((event.event, event.name, "end" if event.ended_at else "begin"))

    def run_ingest(self, **fields):
        if self.reader is None:
            command = [sys.executable, "-c", READER, f"{self.path}.lock", str(lock_offset("closet"))]
            self.reader = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment())
            self.reader.stdout.readline()
        self.beat(**fields)

    def beat(self, **fields):
        self.file.write(Heartbeat(os.getpid(), ("closet",), **fields))

    def kill_ingest(self, seconds_ago=30):
        if self.reader is not None:
            self.reader.kill()
            self.reader.wait()
            self.reader.stdout.close()
            self.reader = None
        self.ingest.unread()  # it is seen free
        self.ingest._free_since["closet"] = time.monotonic() - seconds_ago

    def replaced_long_ago(self):
        assert self.watcher._replaced_at is not None
        self.watcher._replaced_at -= 10

    def look(self, times=1):
        async def look():
            for _ in range(times):
                await self.watcher.look()

        asyncio.run(look())

    def end(self):
        self.kill_ingest()
        asyncio.run(self.database.close())
        self.file.close()

    def events(self):
        connection = connect(self.path, readonly=True)
        try:
            return connection.execute("select event, ended_at is null from events order by id").fetchall()
        finally:
            connection.close()


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.end()


def test_ingest_that_dies_and_comes_back(machine):
    machine.run_ingest()
    machine.look(2)
    assert (machine.events(), machine.ingest.fault()) == ([], "")
    machine.kill_ingest(seconds_ago=5)
    machine.look()
    assert (machine.events(), machine.ingest.fault()) == ([], "ingest does not read closet")
    machine.kill_ingest()
    machine.look(2)
    assert machine.events() == [("INGEST_DOWN", 1)]
    machine.run_ingest()
    machine.look(2)
    assert (machine.events(), machine.told) == ([("INGEST_DOWN", 0)], [])
    assert machine.stored == 2


def test_ingest_that_was_stopped_on_purpose_may_be_away_for_minutes(machine):
    machine.beat(stopped=True)
    machine.kill_ingest()
    machine.look()
    assert machine.events() == []


def test_soon_after_a_start_nothing_is_known_of_ingest(machine):
    machine.kill_ingest()
    machine.look()
    assert machine.events() == [("INGEST_DOWN", 1)]
    machine.run_ingest()
    again = HostWatcher(machine.config, machine.database, machine.tell, print, machine.ingest)
    asyncio.run(again.look())
    assert machine.events() == [("INGEST_DOWN", 1)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', bytes(4096), b"\xff" * 4096])
def test_a_heartbeat_that_cannot_be_read_says_nothing(machine, content):
    machine.run_ingest()
    with open(f"{machine.path}-heartbeat", "wb") as file:
        file.write(content)
    machine.look()
    assert (machine.events(), machine.told) == ([], [])
    machine.kill_ingest()
    machine.look()
    assert machine.events() == [("INGEST_DOWN", 1)]


def test_after_a_suspended_machine_ingest_has_time_to_come_back(machine):
    machine.run_ingest()
    machine.look()
    machine.kill_ingest()
    machine.watcher._looked -= 3600
    machine.look(2)
    assert machine.events() == []
    machine.watcher._may_judge_at -= 60
    machine.look()
    assert machine.events() == [("INGEST_DOWN", 1)]


def test_a_database_that_is_locked_is_told_from_memory_and_its_end_too(machine):
    machine.run_ingest(problem="t.db is locked by sqlite3", kind=Kind.LOCKED, problem_s=12.0)
    other = connect(machine.path)
    other.execute("begin immediate")
    machine.look(3)
    assert (machine.told, machine.events()) == ([("INGEST_DOWN", "database", "begin")], [])
    other.close()
    machine.look(2)  # it stands still: no second message of the same
    assert (len(machine.told), machine.events()) == (1, [])
    machine.run_ingest()
    machine.look(2)
    assert (machine.told[1:], machine.events()) == ([("INGEST_DOWN", "database", "end")], [])


def test_a_full_disk_is_told_from_memory_where_ingest_could_not_write_its_event(machine):
    machine.run_ingest(problem="the disk is full", kind=Kind.FULL, problem_s=1.0)
    machine.look(2)
    assert machine.told == [("DISK_LOW", "disk", "begin")]
    machine.run_ingest()
    machine.look()
    assert (machine.told[1:], machine.events()) == ([("DISK_LOW", "disk", "end")], [])


def test_a_full_disk_whose_event_is_stored_is_not_told_again(machine):
    connection = connect(machine.path)
    connection.execute("insert into events (event, started_at) values ('DISK_LOW', '2026-11-30')")
    connection.close()
    machine.run_ingest(problem="the disk is full", kind=Kind.FULL, problem_s=1.0)
    machine.look(2)
    assert (machine.told, machine.events()) == ([], [("DISK_LOW", 1)])


@pytest.mark.skipif(os.getuid() == 0, reason="root writes what is read-only")
def test_a_file_that_is_read_only(machine):
    machine.path.chmod(0o444)
    machine.kill_ingest()
    machine.look(2)
    assert ("INGEST_DOWN", "ingest", "begin") in machine.told


def test_a_card_that_becomes_read_only(tmp_path):
    try:
        with failing_card(tmp_path) as card:
            machine = Machine(card.folder)
            try:
                machine.run_ingest()
                machine.look()
                card.fail()
                machine.look(3)  # it can be read: that is no sign that it can be written again
                assert (machine.told, machine.events()) == ([("INGEST_DOWN", "database", "begin")], [])
                (beat,) = machine.ingest.heartbeats()  # the last one says that all is well
                assert "read-only" in beat.problem and replace(beat, age_s=3600.0).is_alive
                assert machine.ingest.unread() == []
                machine.kill_ingest()
                assert [one.name for one in machine.ingest.unread()] == ["closet"]
            finally:
                machine.end()
    except NoCardError as error:
        pytest.skip(f"no card that fails: {error}")


def test_a_damaged_file_is_told_from_memory(machine):
    machine.run_ingest()
    machine.look()
    asyncio.run(machine.database.close())
    with machine.path.open("r+b") as file:
        file.seek(1024)
        file.write(b"\xff" * (machine.path.stat().st_size - 1024))
    machine.look(2)
    assert machine.told == [("DATABASE_DAMAGED", "database", "begin")]


def test_a_file_that_is_replaced_is_told_once(machine):
    machine.run_ingest()
    machine.look()
    machine.path.rename(f"{machine.path}.old")
    for left in (f"{machine.path}-wal", f"{machine.path}-shm"):
        if os.path.exists(left):
            os.unlink(left)
    new_database(machine.path)
    time.sleep(1.1)  # the next look at whether it is the same file
    machine.look()
    machine.look()
    machine.replaced_long_ago()
    machine.look(3)
    assert (machine.events(), machine.told) == ([("DATABASE_REPLACED", 0)], [])


def test_a_file_that_is_gone_is_told_from_memory(machine):
    machine.run_ingest()
    machine.look()
    machine.path.rename(f"{machine.path}.old")
    time.sleep(1.1)
    machine.look()
    machine.look()
    machine.replaced_long_ago()
    machine.look(2)
    assert machine.told == [
        ("DATABASE_REPLACED", "database", "begin"),
        ("DATABASE_REPLACED", "database", "end"),
    ]
