"""A tracker's messages move in while the reader of the same gateway works on the same file."""

import socket
import sqlite3
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.mysensors.events import EventSink, GatewayConnected
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.known_nodes import load_known_nodes
from ingest.mysensors.protocol import Command, Header, Internal
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.replay import replay
from ingest.mysensors.store import Store
from ingest.transfer import messages
from ingest.transfer.recorded_ranges import heard_ranges
from ingest.transfer.stream_import import ImportTiming
from tests.helpers.new_database import new_database
from tests.ingest.transfer.import_site import Between
from tests.ingest.transfer.tracker_file import Tracker, make_tracker, traffic

# Trackers note local times of now: a zone in which no hour comes twice.
TIMEZONE = "Africa/Lagos"
ZONE = ZoneInfo(TIMEZONE)


class Reader:
    """The store of a running `voltkeeper ingest` for the gateway main, fed by hand."""

    def __init__(self, site, alive=True):
        new_database(site.database)
        self.connection = connect(site.database)
        number_gateways(self.connection, [("main", "tcp 127.0.0.1:1")])
        self.store = Store(self.connection, TIMEZONE)
        if alive:
            now = format_utc(time.time())
            self.connection.execute(
                "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) values "
                "('main', 'mysensors', '', 'connected', ?, ?)",
                (now, now),
            )

    def hear(self, at, *lines):
        items, _ = LineDecoder().decode_block("".join(line + "\n" for line in lines).encode())
        self.store.absorb(ReceivedBlock(0, "main", at, at, 1, items))

    def commit(self):
        with transaction(self.connection):
            self.store.write(self.connection)
        self.store.committed()


@pytest.fixture
def site(make_site):
    return make_site(timezone=TIMEZONE)


@pytest.fixture
def reader(site):
    made = []

    def make(**options):
        made.append(Reader(site, **options))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()


def tell(path, start, step, lines):
    """A tracker that has heard these lines from `start` (unix seconds) on."""
    tracker = Tracker(path)
    for number, line in enumerate(lines):
        tracker.hear(line, datetime.fromtimestamp(start + number * step, ZONE).replace(tzinfo=None))
    tracker.close()
    return path


def sums_agree(site):
    assert site.one("select sum(count) from readings_hourly") == site.one("select count(*) from readings")
    assert site.one("select sum(readings) from channels") == site.one("select count(*) from readings")
    assert site.one("select sum(messages) from node_daily where child_id is null") == site.one(
        "select count(*) from messages"
    )


@pytest.mark.parametrize("count", [1500, 37])
def test_the_first_row_of_what_has_grown_is_stored(site, tmp_path, count):
    """Whatever the number of rows that were read before."""
    path = tell(tmp_path / "t.db", 1_790_000_000, 5, [f"1;1;1;0;47;{n}" for n in range(count)])
    site.take(path)
    tell(path, 1_790_100_000, 5, [f"1;1;1;0;47;{n}" for n in range(count, count + 50)])
    assert site.take(path)["message"].stored == 50
    assert [row[0] for row in site.rows("select payload from messages order by id")] == [
        str(n) for n in range(count + 50)
    ]
    sums_agree(site)


def test_cut_off_and_grown_it_takes_no_id_of_anybody(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=10, rest=0.0)
    path = tell(tmp_path / "t.db", 1_790_000_000, 5, [f"1;1;1;0;47;{n}" for n in range(50)])
    live = reader(alive=False)
    live.hear(time.time(), "1;1;1;0;47;live")
    live.commit()
    commits = iter(range(1, 100))

    def cut():
        if next(commits) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.take(path, bar=Between(cut))
    assert site.one("select stored from imports") == 20
    tell(path, 1_790_100_000, 5, [f"1;1;1;0;47;{n}" for n in range(50, 150)])
    site.take(path)
    payloads = [row[0] for row in site.rows("select payload from messages order by id")]
    assert sorted(payloads) == sorted([*map(str, range(150)), "live"]) and payloads[-1] == "live"
    sums_agree(site)
    assert site.take(path)["message"].stored == 0


def test_a_file_that_grows_while_it_is_read(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=10)
    path = tmp_path / "messages.csv"
    head = "received_at,node_id,child_id,command,type,payload\n"
    path.write_text(head + "".join(f"{1_790_000_000 + n},1,1,1,47,{n}\n" for n in range(50)))
    live = reader(alive=False)
    live.hear(time.time(), "1;1;1;0;47;live")
    live.commit()
    written = [50]

    def grow():
        with path.open("a") as file:
            for _ in range(25 if written[0] < 200 else 0):
                file.write(f"{1_790_000_000 + written[0]},1,1,1,47,{written[0]}\n")
                written[0] += 1

    site.take(path, bar=Between(grow))
    payloads = [row[0] for row in site.rows("select payload from messages")]
    assert sorted(payloads) == sorted([*map(str, range(200)), "live"])
    sums_agree(site)


def test_what_both_have_just_heard_comes_once(site, reader, tmp_path):
    """The reader has heard it and not yet committed it."""
    now = time.time()
    live = reader()
    live.hear(now - 30, "1;1;1;0;47;a")
    live.commit()
    live.hear(now - 0.2, "1;1;1;0;47;b")
    path = tell(
        tmp_path / "t.db",
        now - 90.1,
        30,
        [f"1;1;1;0;47;{text}" for text in ("before", "before too", "a", "b")],
    )
    assert site.take(path)["message"].stored == 2
    live.commit()
    assert [row[0] for row in site.rows("select payload from messages order by id")] == [
        "before",
        "before too",
        "a",
        "b",
    ]
    sums_agree(site)


def test_a_quiet_house_is_heard_once_though_clocks_differ(site, reader, tmp_path):
    """Messages further apart than any stretch, each noted some milliseconds later by the tracker."""
    start = time.time() - 86400
    live = reader(alive=False)
    for number in range(10):
        live.hear(start + 1200 * number, f"1;1;1;0;47;{number}")
    live.commit()
    path = tell(
        tmp_path / "t.db",
        start - 1200 + 0.3,
        1200,
        [f"1;1;1;0;47;{text}" for text in ("before", *range(10), "after")],
    )
    assert site.take(path)["message"].stored == 2
    assert sorted(row[0] for row in site.rows("select payload from messages")) == sorted(
        ["before", "after", *map(str, range(10))]
    )


def test_what_was_heard_is_known_when_its_messages_are_pruned(site, reader, tmp_path):
    start = time.time() - 60 * 86400
    live = reader(alive=False)
    for number in range(100):
        live.hear(start + 60 * number, f"1;1;1;0;18;{number}")
    live.hear(time.time(), "1;1;1;0;18;1000")
    live.commit()
    live.connection.execute("delete from messages where id <= 100")
    path = tell(
        tmp_path / "t.db", start - 6000, 60, [f"1;1;1;0;18;{n}" for n in (*range(2000, 2100), *range(100))]
    )
    assert site.take(path)["message"].stored == 100
    assert site.one("select count(*) from readings") == 201
    assert site.one("select sum(count) from readings_hourly") == 201


def test_readings_stand_before_those_that_are_heard(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=20)
    live = reader()
    live.hear(time.time() - 5, "1;1;1;0;18;20", "1;255;3;0;0;80")
    live.commit()
    make_tracker(tmp_path / "t.db", 300)
    site.take(tmp_path / "t.db")
    live.hear(time.time(), "1;1;1;0;18;21", "1;255;3;0;0;79")
    live.commit()
    for table in ("messages", "readings", "battery_levels"):
        stamps = [row[0] for row in site.rows(f"select received_at from {table} order by id")]
        assert stamps == sorted(stamps), table


def test_ids_of_rows_that_are_gone_are_not_given_again(site, reader, tmp_path):
    live = reader(alive=False)
    for number in range(100):
        live.hear(time.time() - 86400 + number, f"1;1;1;0;18;{number}")
    live.commit()
    live.connection.execute("delete from messages where id <= 90")  # a prune
    live.connection.execute("delete from readings where id <= 90")
    make_tracker(tmp_path / "t.db", 30)
    site.take(tmp_path / "t.db")
    assert site.one("select max(id) from messages where received_at < '2026-10-26'") == 0
    assert site.one("select count(*) from readings where id between 1 and 90") == 0


@pytest.mark.parametrize("pending", [False, True])
def test_what_a_node_is_by_default_gives_way_to_what_a_file_tells(site, reader, tmp_path, pending):
    live = reader()
    live.hear(time.time() - 5, "1;255;3;0;0;80")
    live.commit()
    told = ["1;255;0;0;18;2.3.1", "1;255;3;0;11;Attic", *[f"1;1;1;0;18;{n}" for n in range(20)]]
    path = tell(tmp_path / "t.db", time.time() - 86400, 60, told)
    if pending:
        live.hear(time.time(), "1;255;3;0;0;79")
    site.take(path)
    live.hear(time.time(), "1;255;3;0;0;78")
    live.commit()
    assert site.rows("select role, sketch_name, battery_level, usual_interval_s from nodes") == [
        ("repeater", "Attic", 78.0, 60.0)
    ]
    for number in range(4):
        live.hear(time.time() + 5 * number, "1;255;3;0;0;78")
    live.commit()
    assert site.one("select usual_interval_s from nodes") == 60.0  # what was usual weighs as after a start


def test_a_silent_node_is_told_of_when_the_import_has_told_all(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=10)
    live = reader()
    live.connection.executemany(
        "insert into settings (subject, key, value) values (?, 'silent_after_s', '600')",
        [("nodes/1",), ("nodes/2",)],
    )
    watch = EventSink(live.connection, live.store)
    since = time.monotonic() - 7200
    watch.absorb(GatewayConnected(0, time.time(), since))
    watch.committed()
    version = (Header(0, 255, Command.internal, 0, Internal.I_VERSION), "2.3.2")
    live.store.absorb(ReceivedBlock(0, "main", time.time(), since, 1, [version]))

    def look():
        live.commit()
        watch._next_check = 0.0
        watch.poll(live.connection, True)

    path = tell(
        tmp_path / "t.db", time.time() - 86400, 60, [f"{1 + n // 50};1;1;0;18;{n}" for n in range(100)]
    )
    site.take(path, bar=Between(look))
    assert watch._rows == []
    live.store.imported_at -= 61
    watch._next_check = 0.0
    watch.poll(live.connection, True)
    assert [row[1][3] for row in watch._rows] == [
        row[0] for row in site.rows("select last_seen_at from nodes where node_id > 0 order by id")
    ]


@pytest.mark.parametrize("cut", [False, True])
def test_of_what_a_file_told_one_after_the_other_the_last_is_known(site, reader, tmp_path, cut):
    """For a node that is heard today and has not said it; cut off in the middle, too."""
    site.timing = ImportTiming(chunk=10, rest=0.0)
    live = reader()
    live.hear(time.time(), "1;1;1;0;18;20")
    live.commit()
    said = []
    for name, type in (("First", 6), ("Second", 7), ("Third", 8)):
        said += [f"1,255,internal,11,{name}", f"1,1,presentation,{type},{name}'s", *["1,1,set,0,21"] * 20]
    start = int(time.time()) - 86400
    path = tmp_path / "messages.csv"
    lines = [f"{start + 60 * number},{line}\n" for number, line in enumerate(said)]
    path.write_text("received_at,node_id,child_id,command,type,payload\n" + "".join(lines))
    if cut:
        left = [4]

        def stop():
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            site.take(path, bar=Between(stop))
    site.take(path)
    live.hear(time.time(), "1;1;1;0;0;20")
    live.commit()
    assert site.rows("select sketch_name from nodes") == [("Third",)]
    assert site.rows("select type, description from sensors") == [(8, "Third's")]


def test_what_the_tracker_cut_or_knows_better_is_not_taken_for_what_was_just_heard(site, reader, tmp_path):
    """It notes the same messages some milliseconds later."""
    now = time.time()
    live = reader()
    live.hear(now - 60, "1;255;3;0;11;New sketch", "1;1;1;0;49;45.5;9.2;120", "1;98;1;0;47;parent: 3")
    live.commit()
    said = ["1;255;3;0;11;Old sketch", "1;2;1;0;0;19", "1;1;1;0;49;45.5;9.2;120"]
    path = tell(tmp_path / "t.db", now - 180 + 0.004, 60, said)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update node set api_ver = '2.3.1', parent = 7")
    site.take(path)
    live.hear(now, "2;1;1;0;0;5")
    live.commit()
    assert site.rows("select type_name, text from channels where node = 1 order by 1") == [
        ("V_POSITION", "45.5;9.2;120"),
        ("V_TEMP", "19"),
        ("V_TEXT", "parent: 3"),
    ]
    assert site.rows("select sketch_name, parent_node_id, protocol_version from nodes where id = 1") == [
        ("New sketch", 3, "2.3.1")
    ]


def test_last_values_and_nodes_of_a_file_reach_the_dialogue(site, reader, tmp_path):
    live = reader()
    told = []
    live.store.on_import = lambda connection: told.append(load_known_nodes(connection, 0))
    site.take(
        tell(
            tmp_path / "t.db",
            time.time() - 86400,
            60,
            ["7;255;0;0;17;2.3.1", "7;1;1;0;0;21.5", *["7;255;3;0;32;500"] * 3],
        )
    )
    live.commit()
    assert told[-1].values == {Header(7, 1, 1, 0, 0): "21.5"} and told[-1].presented == {7}
    assert told[-1].sleep_of(7).is_asleep


def test_a_request_is_answered_with_the_value_that_was_moved_in(make_site, tmp_path, voltkeeper, wait_for):
    site = make_site("ask")
    path = tell(
        tmp_path / "t.db", time.time() - 86400, 60, ["7;255;0;0;17;2.3.1", "7;1;0;0;6;Air", "7;1;1;0;0;21.5"]
    )
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
            site.take(path)
            time.sleep(2.5)  # ingest looks twice a second and commits once
            lines.write("7;1;2;0;0;\n")
            lines.flush()
            assert next(line for line in lines if line.startswith("7;1;")) == "7;1;1;0;0;21.5\n"
        assert program.end() == 0, program.text


def test_what_was_heard_is_looked_up_while_others_write(site, tmp_path, monkeypatch):
    """It takes its time in a file of years: no transaction waits for it."""
    new_database(site.database)
    replay(site.database, "main", "tcp 127.0.0.1:1", [(time.time() - 9, b"1;1;1;0;0;1")], TIMEZONE)
    inside = []

    def slow(connection, gateway):
        inside.append(connection.in_transaction)
        return heard_ranges(connection, gateway)

    monkeypatch.setattr(messages, "heard_ranges", slow)
    make_tracker(tmp_path / "t.db", 20)
    site.take(tmp_path / "t.db")
    assert inside and not any(inside)


def test_nothing_is_lost_or_twice_where_two_programs_listen(make_site, tmp_path, voltkeeper, wait_for):
    """The tracker hears a gateway for an hour, Voltkeeper joins in.

    Then its file moves in, twice, while both go on.
    """
    site, path = make_site("both", timezone=TIMEZONE, timing=ImportTiming(chunk=50)), tmp_path / "t.db"
    start = time.time() - 3700
    said = [line for line in traffic(700) if line.startswith("0;")][:2]
    said += [f"{1 + n % 9};1;1;0;18;{n / 100}" for n in range(600)]
    tell(path, start, 6, said)
    stop, lock = threading.Event(), threading.Lock()
    number = [1000]
    with socket.create_server(("127.0.0.1", 0)) as server:
        site.path.write_text(
            site.path.read_text().replace(
                "127.0.0.1:1'", f"127.0.0.1:{server.getsockname()[1]}', controller: false"
            )
        )
        program = voltkeeper("ingest", "--config", site.path)
        client, _ = server.accept()

        def talk():
            tracker = Tracker(path)
            while not stop.wait(0.01):
                line = f"{1 + number[0] % 9};1;1;0;18;{number[0]}"
                client.sendall(f"{line}\n".encode())
                with lock:
                    tracker.hear(line, datetime.now(ZONE).replace(tzinfo=None) + timedelta(milliseconds=3))
                    tracker.db.commit()
                number[0] += 1
            tracker.close()

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            wait_for(lambda: site.database.exists() and site.one("select count(*) from messages") > 100, 30)
            assert site.take(path)["message"].stored == len(said)
            time.sleep(1.5)
            assert site.take(path)["message"].stored == 0
            time.sleep(1.5)
        finally:
            stop.set()
            thread.join()
            client.close()
        assert program.end() == 0, program.text
    with closing(connect(site.database, readonly=True)) as connection:
        payloads = [row[0] for row in connection.execute("select payload from messages order by id")]
    live = [str(n) for n in range(1000, number[0])]
    assert payloads == [line.split(";", 5)[5] for line in said] + live
    sums_agree(site)
    assert site.take(path)["message"].stored == 0
