"""A file that the tracker itself made: every fact of it is ours after an import, and after another one."""

import sqlite3
from pathlib import Path

import pytest

SAMPLE = Path(__file__).with_name("tracker_sample.sql")


@pytest.fixture
def tracker(tmp_path):
    """(path, the file's own rows)."""
    path = tmp_path / "mysensors.db"
    db = sqlite3.connect(path)
    db.executescript(SAMPLE.read_text())
    return path, db


def test_counts_and_last_values_agree_twice_in_a_row(site, tracker):
    path, db = tracker
    told = site.take(path)
    assert {what: (outcome.stored, dict(outcome.skipped)) for what, outcome in told.items()} == {
        "message": (
            30,
            {"node is no whole number from 0 to 255": 1, "command is no whole number from 0 to 4": 1},
        ),
        "nodes": (3, {"255 is no node, it asks for an id": 1, "node or child is no number from 0 to 255": 1}),
        "battery changes": (1, {"'30.09.2026' is no date": 1}),
        "sensors": (5, {"child 255 is the node itself": 3, "node or child is no number from 0 to 255": 2}),
        "last values": (10, {"no value, or no number from 0 to 255": 1}),
        "firmware": (1, {}),
    }
    first = site.dump()
    assert site.take(path)["message"].stored == 0
    assert site.dump() == first
    messages = db.execute(
        "select nid_id, cid, cmd, typ, payload from message where nid_id < 256 and cmd < 5 order by id"
    ).fetchall()
    assert site.rows("select node_id, child_id, command, type, payload from messages order by id") == messages
    values = set(
        db.execute(
            "select nid_id, cid, typ, value from valuetype where nid_id < 255 and (cid, typ) <> (255, 3)"
        )
    )
    ours = """select c.node, s.child_id, c.type, coalesce(c.refused_text, c.text)
        from channels c join sensors s on s.id = c.sensor"""
    assert set(site.rows(ours)) == values
    sensors = set(db.execute("select nid_id, cid, typ, name from sensor where nid_id < 255 and cid < 255"))
    assert (
        set(site.rows("select node, child_id, type, description from sensors where child_id < 255"))
        == sensors
    )


def test_times_are_utc_on_both_sides_of_both_changes(site, tracker):
    site.take(tracker[0])
    times = dict(site.rows("select id, substr(received_at, 6, 14) from messages"))
    assert [times[number] for number in (12, 13)] == [
        "03-29T00:59:50",
        "03-29T01:00:00",
    ]  # 01:59:50, 03:00:00
    assert [times[number] for number in (26, 27)] == [
        "10-25T00:59:50",
        "10-25T01:00:10",
    ]  # 02:59:50, 02:00:10
    at = "select substr(refused_at, 6, 14) from channels where id = 256 * 256 * 7"  # nan
    assert site.one(at) == "10-25T01:01:00"
    assert site.one("select substr(last_seen_at, 6, 14) from nodes where id = 7") == "10-25T01:01:00"


def test_what_is_known_of_nodes_and_firmware(site, tracker):
    site.take(tracker[0])
    assert site.rows(
        "select node_id, location, sketch_name, sketch_version, sketch_revision, protocol_version, "
        "parent_node_id, arc, "
        "battery_level, battery_changed_at from nodes"
    ) == [
        (0, "", None, None, None, "2.3.2", None, None, None, None),
        (
            7,
            "cellar",
            'Küche "O\'Brien"',
            "$Rev: 826 $ 11:34:24",
            826,
            "2.3.1",
            0,
            60,
            87,
            "2026-08-31T22:00:00.000Z",
        ),
        (12, "", None, "586", 586, "2.4.0-alpha", None, None, 90, None),
    ]
    assert site.rows("select type, version, blocks, size, filename, uploaded_at from firmware") == [
        (10, 1, 8, 128, "Küche 1.hex", "2026-06-01T08:00:00.004Z")  # the tracker padded it to 16 blocks
    ]
