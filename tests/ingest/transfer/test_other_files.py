"""pymysensors' file and CSV move in; anything else is refused in words; the command line."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.config.model import GatewaySettings
from ingest.config.retention import Retention
from ingest.db.connection import connect
from ingest.maintenance.jobs import run_due
from ingest.maintenance.retention import plan
from ingest.transfer.records import TransferError
from tests.helpers.due_jobs import have_missed

NETWORK = {
    "0": {
        "sensor_id": 0,
        "children": {},
        "type": 18,
        "sketch_name": None,
        "sketch_version": None,
        "battery_level": 0,
        "protocol_version": "2.3.2",
        "heartbeat": 0,
    },
    "5": {
        "sensor_id": 5,
        "type": 18,
        "sketch_name": "Shed",
        "sketch_version": "1.2",
        "battery_level": 77,
        "protocol_version": "2.2",
        "heartbeat": 0,
        "children": {"1": {"id": 1, "type": 6, "description": "Air", "values": {"0": "21.5", "47": "ok"}}},
    },
}


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "mysensors.json"
    path.write_text(json.dumps(NETWORK, indent=4))
    return path


def test_a_network_of_pymysensors(site, network):
    for _ in range(2):
        assert site.take(network)["nodes, sensors and values"].stored == 5
        assert site.rows(
            "select id, sketch_name, battery_level, protocol_version, role, last_seen_at from nodes"
        ) == [(0, None, None, "2.3.2", "gateway", None), (5, "Shed", 77.0, "2.2", "repeater", None)]
        assert site.rows("select name, type_name, value, text, readings from channels") == [
            ("Shed 5 · Air · V_TEMP", "V_TEMP", 21.5, "21.5", 0),
            ("Shed 5 · Air · V_TEXT", "V_TEXT", None, "ok", 0),
        ]


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ({"battery_level": 77}, 77),
        ({"_battery_level": 57}, 57),
        ({"battery_level": 0, "_battery_level": 57}, 57),
        ({"_battery_level": 0}, None),
        ({"battery_level": 102}, 100),
        ({"battery_level": 255}, None),
        ({"battery_level": None}, None),
    ],
)
def test_levels_in_files_of_every_version_of_pymysensors(site, tmp_path, written, level):
    held = {"sensor_id": 5, "children": {}, "type": 17, "sketch_name": "Shed", "sketch_version": "1"}
    (tmp_path / "mysensors.json").write_text(json.dumps({"5": held | written}))
    [outcome] = site.take(tmp_path / "mysensors.json").values()
    assert site.one("select battery_level from nodes") == level
    assert sum(outcome.skipped.values()) == (written.get("battery_level") == 255)


def test_csv_of_messages(site, tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text(
        "id,received_at,node_id,child_id,command,type,payload\n"
        "1,2026-06-01T12:00:00Z,5,1,set,V_TEMP,21.5\n2,1780315201.5,5,255,3,0,80\n3,2026-06-01 "
        '14:00:02,5,1,1,0,"1,5"\n'
        "4,2026-06-01T12:00:03Z,5,1,shout,V_TEMP,1\n"
    )
    outcome = site.take(path)["message"]
    assert outcome.stored == 3 and outcome.skipped == {"command is no whole number from 0 to 4": 1}
    assert site.rows("select received_at, type_name, payload from messages order by id") == [
        ("2026-06-01T12:00:00.000Z", "V_TEMP", "21.5"),
        ("2026-06-01T12:00:01.500Z", "I_BATTERY_LEVEL", "80"),
        ("2026-06-01T12:00:02.000Z", "V_TEMP", "1,5"),
    ]
    assert site.one("select battery_level from nodes where id = 5") == 80.0
    assert site.take(path)["message"].stored == 0


def test_a_voltage_in_a_file_is_a_battery_level_where_a_rule_says_so(site, network, tmp_path):
    site.take(network)
    with closing(connect(site.database)) as connection:
        rule = "{channel: 201/38, empty: 2, full: 3, curve: linear}"
        connection.execute(
            "insert into settings (subject, key, value) values ('nodes/5', 'battery', ?)", (rule,)
        )
    path = tmp_path / "values.csv"
    path.write_text("received_at,node_id,child_id,type,value\n2026-06-01T12:00:00Z,5,201,V_VOLTAGE,2.5\n")
    assert site.take(path)["value"].stored == 1
    assert site.rows("select received_at, node, level from battery_levels") == [
        ("2026-06-01T12:00:00.000Z", 5, 50.0)
    ]


def test_an_import_does_not_take_a_retired_node_back(site, network, tmp_path):
    site.take(network)
    with closing(connect(site.database)) as connection:
        connection.execute("update nodes set retired_at = '2026-05-01T00:00:00.000Z' where id = 5")
    path = tmp_path / "values.csv"
    path.write_text("received_at,node_id,child_id,type,value\n2026-04-01T12:00:00Z,5,1,V_HUM,61\n")
    site.take(path)
    assert site.one("select retired_at from nodes where id = 5") == "2026-05-01T00:00:00.000Z"


@pytest.mark.parametrize("column", ["value", "text", "payload"])
def test_csv_of_values(site, tmp_path, column):
    path = tmp_path / "values.csv"
    path.write_text(f"received_at,node_id,child_id,type,{column}\n2026-06-01T12:00:00Z,5,1,V_HUM,61\n")
    assert site.take(path)["value"].stored == 1
    assert site.rows("select c.type_name, r.value from readings r join channels c on c.id = r.channel") == [
        ("V_HUM", 61.0)
    ]


def test_a_file_left_in_the_middle_of_a_write_is_refused_with_the_remedy(site, tmp_path):
    with closing(sqlite3.connect(tmp_path / "written.db", isolation_level=None)) as writer:
        writer.executescript("create table message (text); pragma cache_size = 5; begin")
        writer.executemany("insert into message values (?)", [("x" * 4000,)] * 50)
        for end in ("", "-journal"):
            shutil.copy(tmp_path / f"written.db{end}", tmp_path / f"mysensors.db{end}")
    with pytest.raises(TransferError, match="middle of a write: start the program that made it once"):
        site.take(tmp_path / "mysensors.db")


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"{}", b"SQLite format 3\0", b"a,b\n1,2\n", b"\xff\xfe\x00" * 50]
)
def test_anything_else_is_refused_with_what_was_looked_for(site, tmp_path, content):
    path = tmp_path / "what"
    path.write_bytes(content)
    site.database.unlink()  # a refused file does not make one
    with pytest.raises(TransferError) as error:
        site.take(path)
    assert content[:6] == b"SQLite" or all(
        word in str(error.value)
        for word in ("MySensorsTracker", "Nutify", "pymysensors", "EP20", "upslog", "CSV")
    )
    assert not site.database.exists()


def test_the_command_line_says_what_became_of_it(site, network, voltkeeper):
    program = voltkeeper("import", network, "--config", site.path)
    assert program.wait() == 0
    assert (
        "pymysensors file, imported into" in program.text
        and "5 merged with the existing ones" in program.text
    )
    assert voltkeeper("import", site.path, "--config", site.path).wait() == 1
    program = voltkeeper("import", "nowhere", "--config", site.path)
    assert program.wait() == 2 and "no such file" in program.text
    program = voltkeeper("import", network, "--config", site.path, "--timezone", "Mars")
    assert program.wait() == 2 and "not a time zone" in program.text


def test_days_are_those_of_the_house_whatever_time_the_file_is_in(site, tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text(
        "received_at,node_id,child_id,command,type,payload\n2026-06-01 22:30:00,5,1,set,V_TEMP,21.5\n"
    )
    site.take(path, timezone="UTC")
    assert site.rows("select distinct day from node_daily") == [("2026-06-02",)]


def test_a_line_that_was_cut_when_it_was_read_does_not_come_twice(site, tmp_path):
    path = tmp_path / "values.csv"
    path.write_text(
        "received_at,node_id,child_id,type,value\n2026-06-01T12:00:00Z,5,1,V_HUM,61\n2026-06-01T12:01:00Z,5,1,V_HUM,6"
    )
    assert site.take(path)["value"].stored == 2
    with path.open("a") as file:
        file.write("2.5\n2026-06-01T12:02:00Z,5,1,V_HUM,63\n")
    assert site.take(path)["value"].stored == 1
    assert site.take(path)["value"].stored == 0
    assert site.one("select count(*) from messages") == 3


@pytest.mark.parametrize("header", ["received_at,node_id,child_id,type,value", "sampled_at,ups,ups_load,x,y"])
def test_csv_with_the_newest_rows_first_is_refused(site, tmp_path, header):
    """As a table of a site is downloaded. The oldest value would be the last one."""
    path = tmp_path / "down.csv"
    path.write_text(
        "".join([header + "\n", *(f"2026-06-01T12:{minute}:00Z,5,1,0,20\n" for minute in range(59, 10, -1))])
    )
    with pytest.raises(TransferError, match="sort it by time, the oldest first"):
        site.take(path)
    assert (
        site.one("select count(*) from messages") == 0 and site.one("select count(*) from ups_samples") == 0
    )


def test_csv_rows_that_cannot_be_are_left_out_in_words(site, tmp_path):
    """Times of programs that had none, milliseconds taken for a date, the end of a line of an old Mac."""
    path = tmp_path / "values.csv"
    times = (
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "1712011200000",
        "1950-01-01",
        "9999-12-31T23:59:59",
    )
    path.write_bytes(
        b"received_at,node_id,child_id,type,value\n"
        + b"".join(f"{at},5,1,V_HUM,61\n".encode() for at in times)
        + b"2026-06-01T12:00:00Z,5\r,1,V_HUM,61\n2026-06-01T12:00:00Z,5,1,V_HUM,61\n"
    )
    outcome = site.take(path, timezone="America/New_York")["value"]
    assert outcome.stored == 1 and outcome.skipped == {
        "its time cannot be read": 5,
        "not a CSV line": 1,
    }


def test_a_folder_that_cannot_be_written_is_told_in_words(site, network, voltkeeper, write_config):
    program = voltkeeper(
        "import", network, "--config", write_config("database: /proc/nowhere/telemetry.db\n")
    )
    assert program.wait() == 1 and "The import stopped" in program.text and "Traceback" not in program.text


def test_what_moved_in_behind_younger_rows_is_pruned_too(site, tmp_path):
    """Two gateways had a program each: one file's ids stand behind the other's, its times begin anew."""
    site.config = replace(
        site.config, gateways=(*site.config.gateways, GatewaySettings("shed", tcp="127.0.0.1:2"))
    )
    now = time.time()
    for name, days in (("one", range(90)), ("other", range(60))):
        lines = [f"{now - day * 86400 - 60:.0f},5,1,V_VAR1,6{day}\n" for day in reversed(days)]
        (tmp_path / name).write_text("received_at,node_id,child_id,type,value\n" + "".join(lines))
    site.take(tmp_path / "one")
    site.take(tmp_path / "other", gateway="shed")
    policy = Retention(messages_days=30, readings_days=None)
    with closing(connect(site.database)) as connection:
        (item,) = (item for item in plan(connection, policy) if item.rows)
    assert (item.table, item.rows) == ("messages", 90)
    have_missed(site.database)
    run_due(replace(site.config, retention=policy))
    assert site.rows("select gateway, count(*) from messages group by 1") == [(0, 30), (1, 30)]


def test_what_the_retention_takes_the_next_night_is_told(site, tmp_path, voltkeeper):
    """Once it is gone, an import brings it no more: it has been read."""
    path = tmp_path / "values.csv"
    path.write_text(
        "received_at,node_id,child_id,type,value\n2020-06-01T12:00:00Z,5,1,V_HUM,61\n2020-06-01T12:01:00Z,5,1,V_HUM,62\n"
    )
    program = voltkeeper("import", path, "--config", site.path)
    assert program.wait() == 0
    assert "The next prune deletes messages older than 30 days: 1 row," in program.text, program.text
    assert "`retention: {readings_days: null}` in the config keeps them" in program.text


@pytest.mark.parametrize(
    ("library", "times", "asked", "type", "sleeps"),
    [
        ("2.0.0", 3, False, 22, True),
        ("2.1.1", 4, False, 22, True),
        ("2.1.1", 2, False, 22, False),
        ("2.1.1", 3, True, 22, False),
        ("2.2.0", 3, False, 22, False),  # announces its windows by I_PRE_SLEEP_NOTIFICATION
        ("2.2.0", 3, False, 32, True),
    ],
)
def test_windows_that_heartbeats_announce_make_a_sleeper(site, tmp_path, library, times, asked, type, sleeps):
    path = tmp_path / "messages.csv"
    lines = ["received_at,node_id,child_id,command,echo,type,payload", f"1790000000,9,255,0,0,17,{library}"]
    for at in range(1_790_000_060, 1_790_000_060 + 60 * times, 60):
        lines += [f"{at},9,255,3,1,18,"] * asked + [f"{at + 1},9,255,3,0,{type},{at % 100_000}"]
    path.write_text("\n".join(lines) + "\n")
    site.take(path)
    assert site.one("select smart_sleep_ms is not null from nodes where id = 9") == sleeps
