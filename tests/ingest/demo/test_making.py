"""The history of the demo house: oldest days first, told as it goes on, made anew where it was cut off."""

import sqlite3
from contextlib import closing

import pytest

from ingest.demo import making
from ingest.demo.making import discard_unfinished, make_history
from ingest.demo.progress import anchor, days_made
from ingest.demo.site import demo_config

DAYS = 2


def rows(database, sql):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    config = demo_config("127.0.0.1:5003", 3493, folder=folder)
    seen = []
    result = make_history(
        config, "demo", DAYS, lambda done, total: seen.append((done, total, days_made(folder)))
    )
    return config, seen, result


def test_days_are_reported_and_the_end_is_marked(made):
    config, seen, result = made
    assert [one[:2] for one in seen] == [(1, 2), (2, 2)] and [one[2] for one in seen] == [1, 2]
    assert days_made(config.database.parent) is None
    assert anchor(config.database.parent) is not None
    assert not (config.database.parent / "made").exists()
    assert make_history(config, "demo", DAYS) is None  # it is there
    assert result.messages == rows(config.database, "select count(*) from messages")[0][0] + len(
        rows(config.database, "select id from rejects")
    )
    assert rows(config.database, "select count(*) from ups_samples") == [(result.samples,)]


def test_oldest_first_and_with_what_people_noted(made):
    config = made[0]
    for table, column in (("messages", "received_at"), ("ups_samples", "sampled_at")):
        found = [at for (at,) in rows(config.database, f"select {column} from {table} order by id")]
        assert found == sorted(found) and len(found) > 500, table
    began = anchor(config.database.parent)
    (newest,) = rows(config.database, "select unixepoch(max(received_at)) from messages")[0]
    assert 0 <= began - newest < 120
    assert ("Greenhouse",) in rows(config.database, "select location from nodes")
    cells = "select subject, value from settings where key = 'battery_cells'"
    assert ("nodes/11", "2 x AAA") in rows(config.database, cells)
    assert rows(config.database, "select 1 from battery_changes") and rows(
        config.database, "select 1 from node_firmware"
    )
    assert {topic for (topic,) in rows(config.database, "select topic from changes")} >= {
        "messages",
        "ups_samples",
        "nodes",
    }


def test_what_was_cut_off_is_made_anew(tmp_path, monkeypatch):
    config = demo_config("127.0.0.1:5003", 3493, folder=tmp_path)
    assert days_made(tmp_path) == 0
    monkeypatch.setattr(making, "_save_notes", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_history(config, "demo", 1)
    assert config.database.is_file() and days_made(tmp_path) == 1
    discard_unfinished(config.database)
    assert not [*tmp_path.glob("telemetry.db*")] and days_made(tmp_path) == 0
    (tmp_path / "began").write_text("1795996800.0\n")
    config.database.write_text("kept")
    discard_unfinished(config.database)
    assert config.database.read_text() == "kept"
