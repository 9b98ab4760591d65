"""The heartbeat beside the database: its age, by the clock that is never set, and its problem."""

import json

import pytest

from ingest.pipeline.heartbeat import (
    BYTES,
    Heartbeat,
    HeartbeatFile,
    find_alive,
    problem_text,
    read_heartbeats,
)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "telemetry.db"


def write(database, heartbeat, number=1):
    file = HeartbeatFile(database, number)
    file.write(heartbeat)
    file.close()
    return database.with_name("telemetry.db-heartbeat" + (f"-{number}" if number > 1 else ""))


def change(path, **values):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | values))


def test_what_was_written_is_read_with_its_age(database):
    assert read_heartbeats(database) == []
    path = write(database, Heartbeat(7, ("main", "shed"), "the disk is full", "full", 30.0, 1200))
    write(database, Heartbeat(8, ("closet",)), number=2)
    first, second = read_heartbeats(database)
    assert (first.pid, first.sources, first.waiting) == (7, ("main", "shed"), 1200)
    assert 0 <= first.age_s < 60 and first.is_alive
    assert find_alive([first, second], "closet") is second and find_alive([first, second], "x") is None
    assert problem_text(first).startswith("the disk is full, for 3")
    assert problem_text(first).endswith("1,200 lines wait to be written")
    assert path.stat().st_size == BYTES


def test_its_age_does_not_follow_a_clock_that_is_set(database):
    path = write(database, Heartbeat(7, ("main",)))
    boot, boottime, monotonic, wall = json.loads(path.read_text())["at"]
    change(path, at=[boot, boottime - 100, monotonic, wall + 86_400])
    [heartbeat] = read_heartbeats(database)
    assert 100 <= heartbeat.age_s < 160 and not heartbeat.is_alive
    change(path, at=["another boot", boottime + 9999, monotonic, wall - 3600])
    [heartbeat] = read_heartbeats(database)
    assert 3600 <= heartbeat.age_s < 3660


def test_one_that_was_stopped_is_not_alive(database):
    write(database, Heartbeat(7, ("main",), stopped=True))
    assert not read_heartbeats(database)[0].is_alive


@pytest.mark.parametrize(
    "content", [b"", b"\0" * BYTES, b"[1]", b'{"pid": 7}', b'{"at": [1]}', bytes(range(128, 178))]
)
def test_what_is_no_heartbeat_is_none(database, content):
    database.with_name("telemetry.db-heartbeat").write_bytes(content)
    assert read_heartbeats(database) == []


def test_more_sources_than_fit_are_left_out(database):
    write(database, Heartbeat(7, tuple(f"gateway-number-{n}" for n in range(400)), "x" * 3000))
    [heartbeat] = read_heartbeats(database)
    assert heartbeat.sources == () and heartbeat.problem == "x" * 1000
