"""What the database says of the machine: rows in a real file, and the conditions that they are."""

import time
from pathlib import Path

import pytest

from ingest.config.backup import Backup
from ingest.db.connection import connect
from ingest.db.time import format_utc
from outbound.host.condition import HostCondition, find_changes
from outbound.host.rows import end_deaths, open_details, report_death, save_changes
from outbound.host.stored_checks import STORED_EVENTS, read_stored
from tests.helpers.new_database import new_database

FOLDER = Backup(folder=Path("/backups"))


@pytest.fixture
def file(tmp_path):
    connection = connect(new_database(tmp_path / "t.db"))
    connection.execute(
        "insert into gateways (id, name, address, configured, gives_ids) values (0, 'main', 'x', 1, 1)"
    )
    yield connection
    connection.close()


def ago(seconds):
    return format_utc(time.time() - seconds)


def found(connection, backup=FOLDER):
    return [(one.event, one.which, one.detail) for one in read_stored(connection, backup, time.time())]


def job(connection, name, outcome, detail, seconds=60):
    connection.execute(
        "insert or replace into chores (name, outcome, detail, ended_at) values (?, ?, ?, ?)",
        (name, outcome, detail, ago(seconds)),
    )


def test_a_sound_file_has_none(file):
    job(file, "backup", "done", "t-2026-11-30.db")
    job(file, "quick_check", "done", "every page is sound")
    assert found(file) == []


@pytest.mark.parametrize(
    ("outcome", "detail", "seconds", "backup", "expected"),
    [
        ("failed", "the disk is full", 60, FOLDER, "the disk is full"),
        ("failed", "the disk is full", 60, Backup(), None),  # not configured any more
        ("done", "t.db", 3.1 * 86_400, FOLDER, "the last backup is 3 d old"),
        ("running", "", 60, FOLDER, None),
    ],
)
def test_backup(file, outcome, detail, seconds, backup, expected):
    job(file, "backup", outcome, detail, seconds)
    rows = found(file, backup)
    assert [row[0] for row in rows] == (["BACKUP_FAILED"] if expected else [])
    assert not expected or rows[0][2].startswith(expected[:20])


def test_damage_until_a_check_finds_none(file):
    job(file, "quick_check", "failed", "the file is damaged: page 7", 600)
    job(file, "check", "failed", "locked", 60)  # says nothing of the file
    assert found(file) == [("DATABASE_DAMAGED", "", "the file is damaged: page 7")]
    job(file, "check", "done", "no fault", 30)
    assert found(file) == []


def test_ids_that_run_short(file):
    file.executemany(
        "insert into nodes (id, gateway, node_id, role, name) values (?1, 0, ?1, 'node', '')",
        [(number,) for number in range(1, 245)],
    )
    [(event, which, detail)] = found(file)
    assert (event, which, detail[:30]) == ("IDS_SHORT", "main", "10 ids are left for new nodes,")


def test_strange_messages_of_a_gateway_are_one_event_for_a_day(file):
    file.execute("insert into nodes (id, gateway, node_id, role, name) values (7, 0, 7, 'node', '')")
    file.execute("insert into oddities (at, node, reason) values (?, 7, 'burst')", (ago(7200),))
    file.execute("insert into oddities (at, node, reason) values (?, 7, 'old')", (ago(90_000),))
    file.executemany(
        "insert into rejects (received_at, source, raw, reason) values (?, ?, 'x', ?)",
        [
            (ago(60), "main", "six fields are needed"),
            (ago(50), "main", "six fields are needed"),
            (ago(40), "main", "the first line after the port was opened: its beginning may be missing"),
            (ago(30), "closet", "no answer of a server"),
        ],
    )
    rows = found(file)
    assert [row[:2] for row in rows] == [("STRANGE_MESSAGES", "closet"), ("STRANGE_MESSAGES", "main")]
    assert rows[1][2] == (
        "1 strange message and 2 unreadable lines within a day, the last: six fields are needed"
    )
    store(file, time.time())
    ids = file.execute("select gateway, name, ref from all_events where event = 'STRANGE_MESSAGES'")
    assert sorted(ids.fetchall(), key=str) == [(0, "main", None), (None, "closet", None)]


def test_a_rollout_that_stopped_is_told_once(file):
    file.execute("insert into nodes (id, gateway, node_id, role, name) values (7, 0, 7, 'node', '')")
    reason = "the rollout stopped: the update of node 7 failed (no answer)"
    for rollout, at, why in ((1, 90_000, reason), (2, 60, reason), (2, 50, reason), (3, 40, "by owner")):
        file.execute(
            "insert into ota_updates "
            "(node, type, version, state, requested_at, rollout, reason, finished_at) "
            "values (7, 1, 1, 'cancelled', ?1, ?2, ?3, ?1)",
            (ago(at), rollout, why),
        )
    assert found(file) == [("ROLLOUT_STOPPED", "2", f"{reason}; 2 nodes keep their firmware")]
    store(file, time.time())
    assert found(file) == []
    assert file.execute("select ended_at is null, name from all_events").fetchall() == [(0, "firmware")]


def test_a_clock_that_is_suspect(file):
    file.execute(
        "insert into clock_state (id, boot_id, boottime_s, wall_at) "
        "values (1, 'x', 0, '2040-01-01T00:00:00.000Z')"
    )
    [(event, _, detail)] = found(file)
    if not detail.startswith("the clock says"):  # NTP sets the clock of this machine
        pytest.skip("this machine's clock is synchronized")
    assert event == "CLOCK_SUSPECT"


def store(connection, now):
    standing = read_stored(connection, FOLDER, now)
    save_changes(connection, find_changes(standing, open_details(connection), STORED_EVENTS), now)


def test_rows_begin_once_change_and_end(file):
    job(file, "backup", "failed", "the disk is full")
    now = time.time()
    for _ in range(2):
        store(file, now)
    assert file.execute("select detail, ended_at from events").fetchall() == [("the disk is full", None)]
    assert file.execute("select kind, name, words, severity from all_events").fetchall() == [
        ("machine", "backup", "failed", "Warning")
    ]
    job(file, "backup", "failed", "the folder is gone")
    store(file, now)
    assert file.execute("select detail, ended_at from events").fetchall() == [("the folder is gone", None)]
    job(file, "backup", "done", "t.db")
    store(file, now)
    assert file.execute("select ended_at from events").fetchall() == [(format_utc(now),)]
    assert [row[0] for row in file.execute("select change from event_changes order by seq")] == [
        "begin",
        "end",
    ]


def test_a_part_that_dies_ends_when_it_was_not_reported_for_a_while(file):
    now = time.time()
    dead = HostCondition("PART_DIES", "ingest", "it ended 3 times", "ingest")
    report_death(file, dead, now)
    report_death(file, dead, now + 600)
    end_deaths(file, now + 1400)
    assert file.execute("select name, detail, ended_at from all_events").fetchall() == [
        ("ingest", "it ended 3 times", None)
    ]
    end_deaths(file, now + 1600)
    assert file.execute("select ended_at from events").fetchall() == [(format_utc(now + 1600),)]
