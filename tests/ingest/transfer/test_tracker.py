"""A tracker's database moves in: nothing is lost, nothing comes twice, what is known only moves forward."""

import itertools
import shutil
import socket
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from datetime import datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from ingest.mysensors.replay import replay
from ingest.transfer.records import TransferError
from ingest.transfer.stream_import import ImportTiming
from tests.helpers.demo_gateway import running_gateway
from tests.helpers.new_database import new_database
from tests.ingest.transfer.import_site import KILLED, ROOT
from tests.ingest.transfer.tracker_file import BEGIN, make_tracker

README = (ROOT / "README.md").read_text()


@pytest.fixture
def tracker(tmp_path):
    """(path, the file's own rows)."""
    path = tmp_path / "mysensors.db"
    make_tracker(path)
    return path, sqlite3.connect(path)


def live(site, lines, at):
    """What the gateway `main` said to Voltkeeper itself."""
    new_database(site.database)
    replay(
        site.database,
        "main",
        "tcp 127.0.0.1:1",
        [(at + n, line.encode()) for n, line in enumerate(lines)],
        "Europe/Rome",
    )


def agrees(site, db):
    """Counts and last values of the tracker are ours."""
    assert site.one("select count(*) from nodes") == db.execute("select count(*) from node").fetchone()[0]
    assert (
        site.one("select count(*) from sensors")
        == db.execute("select count(*) from sensor where cid <> 255").fetchone()[0]
    )
    assert (
        site.one("select count(*) from messages") == db.execute("select count(*) from message").fetchone()[0]
    )
    values = {
        row[:3]: row[3]
        for row in db.execute("select nid_id, cid, typ, value from valuetype where cid <> 255")
    }
    ours = site.rows(
        "select n.node_id, s.child_id, c.type, c.text from channels c join sensors s on s.id = c.sensor "
        "join nodes n on n.id = c.node"
    )
    assert {row[:3]: row[3] for row in ours} == values
    levels = dict(db.execute("select nid_id, cast(value as real) from valuetype where cid = 255 and typ = 3"))
    assert (
        dict(site.rows("select node_id, battery_level from nodes where battery_level is not null")) == levels
    )


def test_counts_and_last_values_agree_twice_in_a_row(site, tracker):
    path, db = tracker
    outcome = site.take(path)["message"]
    assert (outcome.stored, outcome.skipped) == (2000, {})
    agrees(site, db)
    first = site.dump()
    outcome = site.take(path)["message"]
    assert (outcome.stored, outcome.earlier) == (0, 2000)
    assert site.dump() == first
    assert site.one("select count(*) from battery_changes") == 1


def test_what_the_other_tables_know_comes_along(site, tracker):
    site.take(tracker[0])
    row = site.rows(
        "select name, location, sketch_name, sketch_version, sketch_revision, protocol_version, "
        "parent_node_id, arc, "
        "battery_changed_at from nodes where id = 1"
    )[0]
    assert row == (
        "Room 1 1",
        "cellar",
        "Room 1",
        "$Rev: 801 $ 11:34",
        801,
        "2.3.1",
        0,
        61,
        "2026-08-31T22:00:00.000Z",
    )
    assert site.rows("select type_name, description from sensors where id = 257") == [
        ("S_TEMP", "Temperature")
    ]
    assert (
        site.one("select text from channels where type_name = 'V_POSITION' limit 1") == "45.5"
    )  # cut by the tracker


def test_every_figure_is_kept_as_if_it_had_been_heard(site, tracker):
    site.take(tracker[0])
    assert site.one("select sum(count) from readings_hourly") == site.one("select count(*) from readings")
    assert site.one("select sum(readings) from channels") == site.one("select count(*) from readings")
    assert site.one("select sum(messages) from node_daily where child_id is null") == 2000
    assert site.one("select count(*) from nodes where usual_interval_s is not null") == 13


def test_the_hour_that_comes_twice_is_told_apart(make_site, tmp_path):
    site = make_site("night")
    make_tracker(tmp_path / "night.db", 4000)
    site.take(tmp_path / "night.db")
    times = [
        datetime.fromisoformat(row[0]).timestamp()
        for row in site.rows("select received_at from messages order by id")
    ]
    steps = {round(b - a, 3) for a, b in itertools.pairwise(times)}
    assert steps == {9.0}


def test_older_files_lack_columns_and_tables(site, tracker):
    path, db = tracker
    db.executescript("drop table valuetype; drop table firmware")
    db.executescript("alter table node drop column parent; alter table node drop column arc")
    assert set(site.take(path)) == {"message", "nodes", "battery changes", "sensors"}
    assert site.one("select count(*) from channels") == 60  # from the messages


def test_a_file_that_has_grown_brings_what_is_new(site, tracker):
    path, db = tracker
    site.take(path)
    make_tracker(path, 300, start=datetime(2026, 11, 1, 8, 0), seed=9)
    outcome = site.take(path)["message"]
    assert (outcome.stored, outcome.earlier) == (300, 2000)
    agrees(site, db)
    ids = [row[0] for row in site.rows("select id from messages order by received_at, id")]
    assert ids == list(range(1, 2301))


@pytest.mark.parametrize("chunk", [7, 600, 2000])
def test_of_a_file_that_has_grown_the_first_new_row_comes_too(site, tracker, chunk):
    path, db = tracker
    site.timing = ImportTiming(chunk=chunk)
    site.take(path)
    for month in (11, 12):
        make_tracker(path, 301, start=datetime(2026, month, 1, 8, 0), seed=month)
        assert site.take(path)["message"].stored == 301
        agrees(site, db)
    assert site.one("select sum(messages) from node_daily where child_id is null") == 2602


def test_in_the_hour_that_comes_twice_a_file_may_begin_and_grow(site, tmp_path):
    path = tmp_path / "mysensors.db"
    begin = datetime(2026, 10, 25, 2, 10)
    make_tracker(path, 150, step_s=10.0, start=begin)
    site.take(path)
    assert site.take(path)["message"].stored == 0
    make_tracker(path, 150, step_s=10.0, start=begin, seed=9)  # ten past two once more, an hour later
    assert site.take(path)["message"].stored == 150
    assert site.take(path)["message"].stored == 0
    times = site.rows(
        "select substr(min(received_at), 12, 5), substr(max(received_at), 12, 5) from messages group by "
        "id > 150"
    )
    assert times == [("00:10", "00:34"), ("01:10", "01:34")]


@pytest.mark.parametrize("what", ["nid_id = {}", "nid_id = {} and cid = {}"])
def test_rows_that_take_the_ids_of_deleted_ones_are_new(site, tracker, what):
    path, db = tracker
    site.take(path)
    last = db.execute("select nid_id, cid, id from message order by id desc limit 1").fetchone()
    gone = db.execute(f"delete from message where {what.format(*last)}").rowcount
    db.commit()
    assert (lambda told: (told.stored, told.earlier))(site.take(path)["message"]) == (0, 2000 - gone)
    make_tracker(path, 100, start=datetime(2026, 12, 1, 8, 0), seed=9)
    assert db.execute("select 1 from message where id = ? and received > '2026-12'", last[2:]).fetchone()
    for stored, earlier in ((100, 2000 - gone), (0, 2100 - gone)):
        outcome = site.take(path)["message"]
        assert (outcome.stored, outcome.earlier) == (stored, earlier)
    assert site.one("select count(*) from messages") == 2100


def test_an_older_copy_of_the_file_brings_nothing(site, tracker, tmp_path):
    path, _ = tracker
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    make_tracker(path, 3000, start=datetime(2026, 11, 1, 8, 0), seed=9)
    site.take(path)
    first = site.dump()
    outcome = site.take(copy)["message"]
    assert (outcome.stored, outcome.earlier) == (0, 2000)
    assert site.take(path)["message"].stored == 0
    assert site.dump() == first


def test_a_file_that_the_tracker_has_cleaned_brings_what_is_new(site, tracker):
    path, db = tracker
    site.take(path)
    make_tracker(path, 100, start=datetime(2026, 12, 1, 8, 0), seed=9)
    db.execute("delete from message where received < '2026-11-20'")
    db.commit()
    assert site.take(path)["message"].stored == 100
    assert site.one("select count(*) from messages") == 2100


def test_rows_that_no_gateway_sends_are_left_out_with_the_reason(site, tracker):
    path, db = tracker
    db.execute(
        "insert into message (nid_id, cid, cmd, typ, payload, received) values (1, 300, 1, 0, '1', "
        "'2026-10-25 09:00:00')"
    )
    db.execute(
        "insert into message (nid_id, cid, cmd, typ, payload, received) values (1, 1, 1, 0, '1', 'yesterday')"
    )
    db.commit()
    assert site.take(path)["message"].skipped == {
        "child is no whole number from 0 to 255": 1,
        "its time cannot be read": 1,
    }


def test_in_a_used_database_the_older_never_becomes_the_last(site, tracker):
    now = datetime(2026, 11, 10, 12, 0).timestamp()
    live(site, ["1;255;3;0;11;New sketch", "1;1;1;0;0;5.5", "30;1;1;0;0;7"], now)
    site.take(tracker[0])
    assert site.rows(
        "select text, last_at > '2026-11-10', readings > 1, first_at < '2026-10-25' from channels where "
        "id = 65792"
    ) == [("5.5", 1, 1, 1)]
    assert site.rows("select sketch_name, protocol_version from nodes where id = 1") == [
        ("New sketch", "2.3.1")
    ]
    newest = [row[0] for row in site.rows("select payload from messages order by id desc limit 3")]
    assert newest == ["7", "5.5", "New sketch"]
    times = [row[0] for row in site.rows("select received_at from messages order by id")]
    assert times == sorted(times) and len(times) == 2003
    assert site.one("select sum(messages) from node_daily where child_id is null") == 2003


def test_what_voltkeeper_heard_itself_does_not_come_twice(site, tracker):
    begin = BEGIN.replace(tzinfo=ZoneInfo("Europe/Rome")).timestamp()
    live(site, [f"1;1;1;0;0;{n}" for n in range(60)], begin + 3600)
    outcome = site.take(tracker[0])["message"]
    assert list(outcome.skipped) == ["Voltkeeper recorded the gateway itself at that time"]
    assert sum(outcome.skipped.values()) == 7 and outcome.stored + sum(outcome.skipped.values()) == 2000


def test_killed_at_random_moments_it_ends_with_the_same_rows(make_site, tracker):
    timing = ImportTiming(chunk=40, rest=0.0)
    whole, killed = make_site("whole", timing=timing), make_site("killed", timing=timing)
    whole.take(tracker[0])
    counts = killed.take_killed(tracker[0], "messages", kills=5)
    assert any(0 < count < 2000 for count in counts)
    assert killed.one("pragma integrity_check") == "ok"
    assert killed.dump() == whole.dump()


def test_a_file_that_has_grown_since_its_import_was_killed_comes_whole(make_site, tracker):
    path, _ = tracker
    site = make_site("grown")
    live(site, ["1;1;1;0;0;5.5"], datetime(2026, 11, 20, 12, 0).timestamp())
    site.begin_killed(path, "messages")
    make_tracker(path, 300, start=datetime(2026, 11, 1, 8, 0), seed=9)
    site.take(path)
    assert site.one("select count(*) from messages") == 2301
    assert site.one("select payload from messages order by id desc limit 1") == "5.5"
    assert site.take(path)["message"].stored == 0


def test_beside_a_running_ingest_nothing_is_lost_on_either_side(tmp_path, make_site, voltkeeper, wait_for):
    site = make_site("beside", timing=ImportTiming(chunk=20))
    path = tmp_path / "mysensors.db"
    make_tracker(path, 1500, nodes=40)
    with running_gateway(boot=True, speed=400) as gateway:
        site.path.write_text(site.path.read_text().replace("127.0.0.1:1'", f"127.0.0.1:{gateway.port}'"))
        new_database(site.database)
        program = voltkeeper("ingest", "--config", site.path)
        wait_for(lambda: site.one("select count(*) from messages") > 50, 20)
        before = site.rows("select id, sketch_name from nodes where sketch_name is not null and id > 0")
        site.take(path)
        count = site.one("select count(*) from messages")
        wait_for(lambda: site.one("select count(*) from messages") > count + 40, 20)
        assert program.end() == 0, program.text
    assert site.one("select count(*) from messages where id <= (select max(last_id) from imports)") == 1500
    assert site.one("select sum(messages) from node_daily where child_id is null") == site.one(
        "select count(*) from messages"
    )
    assert site.one("select sum(count) from readings_hourly") == site.one(
        "select count(*) from readings where wrong is null"
    )
    assert site.one("select sum(readings) from channels") == site.one(
        "select count(*) from readings where wrong is null"
    )
    assert before and set(before) <= set(site.rows("select id, sketch_name from nodes"))
    assert site.one("select count(*) from nodes where sketch_name like 'Room %'") > 20


def test_the_tracker_goes_on_writing_while_its_file_is_read(site, tracker):
    path, _ = tracker
    site.timing = ImportTiming(chunk=300)
    moments = []

    @contextmanager
    def bar(length, label):
        yield SimpleNamespace(update=write)

    def write(rows):
        moments.append(rows)
        with closing(sqlite3.connect(path, timeout=0)) as connection, connection:
            connection.execute(
                "insert into message (nid_id, cid, cmd, typ, payload, received) values (1, 1, 1, 0, '1', "
                "'2026-11-02 08:00:00')"
            )

    for stored in (2000, 7):
        assert site.take(path, bar=bar)["message"].stored == stored
    assert len(moments) == 7 + 8
    assert site.take(path)["message"].stored == 8


def test_an_id_that_an_import_knows_is_given_to_nobody(make_site, tracker, voltkeeper, wait_for):
    site = make_site("ids")
    with socket.create_server(("127.0.0.1", 0)) as server:
        site.path.write_text(
            site.path.read_text().replace("127.0.0.1:1'", f"127.0.0.1:{server.getsockname()[1]}'")
        )
        program = voltkeeper("ingest", "--config", site.path)
        client, _ = server.accept()
        with client, client.makefile("rw") as lines:
            lines.write("0;255;3;0;14;Gateway startup complete.\n")
            lines.flush()
            wait_for(lambda: "connected" in program.text)
            site.take(tracker[0])
            time.sleep(2.5)  # ingest looks twice a second and commits once
            lines.write("255;255;3;0;3;\n")
            lines.flush()
            given = next(line for line in lines if line.startswith("255;255;3;0;4;"))
        assert given.strip() == "255;255;3;0;4;13"
        assert program.end() == 0, program.text
    assert site.rows("select id_given_at is null, sketch_name from nodes where id = 12") == [(1, "Room 12")]


def test_a_second_import_waits(site, tracker, voltkeeper, wait_for, start):
    new_database(site.database)
    start(sys.executable, "-c", KILLED, site.path, tracker[0])
    wait_for(lambda: site.one("select count(*) from messages") > 0)
    program = voltkeeper("import", tracker[0], "--config", site.path)
    assert program.wait() == 1 and "Another import" in program.text


def test_a_battery_date_that_is_none_is_left_out_in_words(site, tracker):
    path, db = tracker
    db.executescript("""update node set bat_changed = '30.09.2026' where nid = 2;
    update node set bat_changed = '' where nid = 3;
    insert into node (nid, sk_revision, lastseen, bat_changed)
    values (255, 0, '2026-10-25 09:00:00', '2026-09-01')""")
    outcome = site.take(path)["battery changes"]
    assert (outcome.stored, outcome.skipped) == (1, {"'30.09.2026' is no date": 1})
    assert site.rows("select node from battery_changes") == [(1,)]


def test_firmware_is_read_anew_from_its_hex_text(site, tracker):
    path, db = tracker
    for version, text in ((1, ":0400000001020304F2\n:00000001FF\n"), (2, ":rubbish\n")):
        db.execute(
            "insert into firmware (fw_type, fw_ver, blocks, crc, filename, hex_data, uploaded) "
            "values (10, ?, 99, 1, 'a.hex', ?, '2026-10-01 10:00:00')",
            (version, text),
        )
    db.commit()
    first, again = site.take(path)["firmware"], site.take(path)["firmware"]
    assert first.stored == 1 and len(first.skipped) == 1 and again.stored == 0
    assert site.rows(
        "select type, version, blocks, size, filename, uploaded_at, uploaded_by from firmware"
    ) == [(10, 1, 8, 4, "a.hex", "2026-10-01T08:00:00.000Z", "import")]


def test_the_command_of_the_readme(site, tracker, voltkeeper):
    command = next(line for line in README.splitlines() if line.startswith("voltkeeper import"))
    program = voltkeeper(
        *command.split()[1:], VOLTKEEPER_CONFIG=str(site.path)
    )  # it runs where mysensors.db is
    assert program.wait() == 0, program.text
    assert (
        "mysensors.db: MySensorsTracker database" in program.text and "message: 2,000 stored" in program.text
    )


def test_the_gateway_is_named_or_the_first(site, tracker):
    with pytest.raises(TransferError, match="no gateway 'shed'; there are: main"):
        site.take(tracker[0], gateway="shed")
    assert site.one("select count(*) from messages") == 0


def test_of_a_damaged_file_it_is_told_where_it_ends(site, tracker):
    """SQLite may leave out what it cannot read, without a word."""
    path, db = tracker
    db.close()
    pages = bytearray(path.read_bytes())
    pages[len(pages) // 2 : len(pages) // 2 + 8192] = b"\xa5" * 8192
    path.write_bytes(pages)
    with pytest.raises(TransferError, match=r"damaged behind message \d+ \(.*Restore a copy"):
        site.take(path)
