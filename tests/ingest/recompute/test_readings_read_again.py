"""Readings of a version before are read again: marked, out of the hours, out of the channel's last value."""

import random
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from ingest.db.batches import StoppedError
from ingest.db.connection import connect, transaction
from ingest.db.time import LocalTime, format_utc
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.reading_marks import NoReadingError, hour_end, mark_by_hand
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.replay import replay
from ingest.mysensors.store import Store
from ingest.recompute.recomputer import Recomputer
from tests.helpers.new_database import new_database

START = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
HOUR = 3600
ROOM, BOILER, DOOR, FRESH, GONE = (
    256 * (256 * 7 + child) + type for child, type in enumerate((0, 0, 16, 0, 0))
)
AS_BEFORE = """update readings set wrong = null, marked_by = null;
delete from readings_hourly;
insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers)
  select channel, substr(received_at, 1, 13) || ':00:00.000Z', count(*), min(value), avg(value), max(value),
    count(value) from readings group by 1, 2;
update channels set readings = (select count(*) from readings where channel = channels.id);
update channels set (value, text, last_at) = (select value, text, received_at from readings
  where channel = channels.id order by id desc limit 1), refused_text = null, refused_at = null,
  refused_reason = null;
insert or replace into channel_recomputations (channel) select id from channels;
"""
SUMS = """select h.channel, h.hour_at, h.count, h.numbers, h.min, round(h.avg, 9), h.max
from readings_hourly h order by 1, 2"""
NAIVE = """select channel, substr(received_at, 1, 13) || ':00:00.000Z', count(*), count(value), min(value),
round(avg(value), 9), max(value) from readings where wrong is null group by 1, 2 order by 1, 2"""


def lines():
    """A day of a room whose sensor fails now and then, of a boiler, a door, a sensor that began with 85."""
    chance = random.Random(10)
    for minute in range(24 * 60):
        at = START + 60 * minute
        room = (
            chance.choice(["-127", "85.0", "nan", "-127.00"])
            if minute % 97 == 60
            else f"{20 + minute % 9 / 10}"
        )
        yield at, f"7;0;1;0;0;{room}"
        yield at + 1, f"7;1;1;0;0;{84.5 + minute % 3 / 2}"
        if minute % 60 == 5:
            yield at + 2, f"7;2;1;0;16;{minute // 60 % 2}"
        yield at + 3, f"7;3;1;0;0;{'85' if minute < 70 else 21 + minute % 5 / 10}"
        yield at + 4, f"7;4;1;0;0;{'-127' if minute == 90 else 5 + minute % 4 / 10}"
    yield START + 24 * HOUR - 1, "7;0;1;0;0;-127"


class StopSoon(threading.Event):
    """Set after some pauses."""

    left = 5

    def wait(self, timeout=None):
        self.left -= 1
        if self.left < 0:
            self.set()
        return super().wait(0)


class StoredSite:
    """A file that a version before has written: every reading counts."""

    def __init__(self, path):
        self.path, self.clock = path, LocalTime("UTC")
        new_database(path)
        replay(path, "main", "tcp main:5003", [(at, line.encode()) for at, line in lines()], "UTC")
        with closing(connect(path)) as connection:
            connection.executescript(AS_BEFORE)
            connection.execute(
                f"delete from readings where channel = {GONE} and received_at < ?", (self.at(2),)
            )
        self.connection = connect(path)

    @staticmethod
    def at(hour):
        return format_utc(START + HOUR * hour)

    def rows(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def wrong(self, channel):
        return self.rows("select text, wrong from readings where channel = ? and wrong is not null", channel)

    def recompute(self, **options):
        return Recomputer(self.path, "UTC", {}, rest=0, **options).recompute()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    return StoredSite(tmp_path_factory.mktemp("before") / "telemetry.db").path


@pytest.fixture
def site(filled, tmp_path):
    path = tmp_path / "telemetry.db"
    with closing(sqlite3.connect(filled)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    found = StoredSite.__new__(StoredSite)
    found.path, found.clock, found.connection = path, LocalTime("UTC"), connect(path)
    yield found
    found.connection.close()


def test_what_a_sensor_reported_in_place_of_readings_is_marked_and_out_of_all_figures(site):
    assert min(row[4] for row in site.rows(SUMS) if row[0] == ROOM) == -127
    assert site.recompute() is None
    room = site.wrong(ROOM)
    assert len(room) == 16
    assert {text for text, _ in room} == {"-127", "-127.00", "85.0", "nan"}
    assert site.wrong(BOILER) == site.wrong(DOOR) == []
    assert [text for text, _ in site.wrong(FRESH)] == ["85"] * 70
    assert (
        site.wrong(FRESH)[0][1] == "85 is the power-on value of a DS18B20: the readings after it are others"
    )
    kept = [row for row in site.rows(SUMS) if row[0] != GONE]
    assert kept == [row for row in site.rows(NAIVE) if row[0] != GONE]
    assert [row[4] >= 20 for row in kept if row[0] == ROOM] == [True] * 24
    assert len([row for row in kept if row[0] == FRESH]) == 23
    assert site.rows(
        "select value, text, last_at, readings, refused_text, refused_at, refused_reason from channels "
        "where id = ?",
        ROOM,
    ) == [
        (20.8, "20.8", site.at(24 - 1 / 60), 1425, "-127", format_utc(START + 24 * HOUR - 1),
         "-127 is impossible for V_TEMP: -100 to 1000 is possible")
    ]  # fmt: skip
    assert site.rows("select count(*) from messages where payload in ('-127', 'nan')")[0][0] > 5


def test_hours_without_readings_stay_as_they_are_and_are_marked(site):
    site.recompute()
    assert site.rows(
        "select hour_at, count, min, wrong from readings_hourly where channel = ? limit 3", GONE
    ) == [
        (site.at(0), 60, 5, None),
        (site.at(1), 60, -127, "-127 is impossible for V_TEMP; its readings are pruned"),
        (site.at(2), 60, 5, None),
    ]


def test_it_goes_on_where_it_was_stopped_and_comes_to_the_same(site, filled, tmp_path):
    site.recompute()
    whole = site.rows("select id, value, wrong from readings"), site.rows(SUMS)
    path = tmp_path / "again.db"
    with closing(sqlite3.connect(filled)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    stops = 0
    while True:
        recomputer = Recomputer(path, "UTC", {}, rest=0)
        recomputer._stop_event = StopSoon()
        try:
            recomputer.recompute()
            break
        except StoppedError:
            stops += 1
    assert stops > 3
    with closing(connect(path)) as connection:
        again = connection.execute("select id, value, wrong from readings").fetchall()
        assert (again, connection.execute(SUMS).fetchall()) == whole
    # Once more, from the start: nothing changes.
    site.connection.execute("update channel_recomputations set ended_at = null, done_to = ''")
    site.recompute()
    assert (site.rows("select id, value, wrong from readings"), site.rows(SUMS)) == whole


def test_what_a_user_marked_stays_marked(site):
    site.recompute()
    [(lowest,)] = site.rows("select min(id) from readings where channel = ? and text = '85.0'", ROOM)
    [(usual,)] = site.rows("select max(id) from readings where channel = ? and text = '20.3'", ROOM)
    with transaction(site.connection):
        right = mark_by_hand(site.connection, lowest, False, "anna", site.clock)
        wrong = mark_by_hand(site.connection, usual, True, "anna", site.clock)
    assert right.is_hour_whole
    assert wrong.is_hour_whole
    marked = "select wrong, marked_by from readings where id in (?, ?) order by id"
    assert site.rows(marked, lowest, usual) == [(None, "anna"), ("by hand", "anna")]
    assert [row for row in site.rows(SUMS) if row[0] == ROOM] == [
        row for row in site.rows(NAIVE) if row[0] == ROOM
    ]
    assert max(row[6] for row in site.rows(SUMS) if row[0] == ROOM) == 85
    site.connection.execute("update channel_recomputations set ended_at = null, done_to = ''")
    site.recompute()
    assert site.rows(marked, lowest, usual) == [(None, "anna"), ("by hand", "anna")]


def test_marking_the_newest_reading_sets_the_last_value_back_also_in_ingest(site):
    site.recompute()
    store = Store(site.connection, "UTC")

    def receive(at, line):
        messages, _ = LineDecoder().decode_block(line.encode() + b"\n")
        store.absorb(ReceivedBlock(0, "main", at, at, "now", messages, []))

    def commit():
        with transaction(site.connection):
            store.write(site.connection)
        store.committed()

    value = "select value, text, refused_text, readings from channels where id = ?"
    now = START + 30 * HOUR
    receive(now, "7;0;1;0;0;33.3")
    commit()
    assert site.rows(value, ROOM) == [(33.3, "33.3", None, 1426)]
    [(newest,)] = site.rows("select max(id) from readings")
    with transaction(site.connection):
        mark_by_hand(site.connection, newest, True, "anna", site.clock)
    assert store.poll(site.connection, changed=True)
    receive(now + 1, "7;0;1;0;0;nan")  # dirty memory holds 33.3
    commit()
    assert site.rows(value, ROOM) == [(20.8, "20.8", "nan", 1425)]
    assert not store.poll(site.connection, changed=True)
    assert (
        site.rows("select * from readings_hourly where channel = ? and hour_at = ?", ROOM, format_utc(now))
        == []
    )
    with transaction(site.connection):
        mark_by_hand(site.connection, newest, False, "anna", site.clock)
    receive(now + 2, "7;0;1;0;0;20.5")
    commit()
    assert site.rows(value, ROOM) == [(20.5, "20.5", None, 1427)]
    assert site.rows(
        "select count, min, max from readings_hourly where channel = ? and hour_at = ?", ROOM, format_utc(now)
    ) == [(2, 20.5, 33.3)]


def test_a_doubt_of_live_readings_is_followed(site):
    site.recompute()
    now = START + 40 * HOUR
    replay(site.path, "main", "tcp main:5003", [(now + n, b"9;0;1;0;0;85") for n in range(3)], "UTC")
    assert site.rows("select count(*) from channel_recomputations where ended_at is null") == [(0,)]
    replay(site.path, "main", "tcp main:5003", [(now + 9, b"9;0;1;0;0;20.5")], "UTC")
    assert site.rows("select count(*) from channel_recomputations where ended_at is null") == [(1,)]
    site.recompute()
    channel = 256 * 256 * 9
    assert len(site.wrong(channel)) == 3
    assert site.rows("select min, max, count from readings_hourly where channel = ?", channel) == [
        (20.5, 20.5, 1)
    ]
    assert site.rows("select value, readings, first_at from channels where id = ?", channel) == [
        (20.5, 1, format_utc(now + 9))
    ]


def test_a_channel_whose_reports_are_all_refused_has_no_value(site):
    replay(site.path, "main", "tcp main:5003", [(START, b"9;0;1;0;0;-127"), (START, b"9;0;1;0;0;nan")], "UTC")
    channel = 256 * 256 * 9
    assert site.rows(
        "select value, text, last_at, readings, refused_text from channels where id = ?", channel
    ) == [(None, None, None, 0, "nan")]
    assert site.rows("select * from readings_hourly where channel = ?", channel) == []


def test_the_hour_of_a_pruned_neighbour_is_marked_not_recomputed(site):
    site.recompute()
    hour = site.at(5)
    where = f"channel = {ROOM} and received_at >= '{hour}' and received_at < '{hour_end(hour)}'"
    [(last,)] = site.rows(f"select max(id) from readings where {where} and wrong is null")
    site.connection.execute(f"delete from readings where {where} and id < {last}")
    before = site.rows(
        "select count, min, max from readings_hourly where channel = ? and hour_at = ?", ROOM, hour
    )
    with transaction(site.connection):
        assert not mark_by_hand(site.connection, last, True, "anna", site.clock).is_hour_whole
        with pytest.raises(NoReadingError):
            mark_by_hand(site.connection, 10**9, True, "anna", site.clock)
    [(*after, wrong)] = site.rows(
        "select count, min, max, wrong from readings_hourly where channel = ? and hour_at = ?", ROOM, hour
    )
    assert [tuple(after)] == before
    assert wrong == "a reading of it does not count, and others are pruned"


@pytest.mark.parametrize(
    ("type", "name", "text", "looked_like"),
    [(40, "V_RGB", "611e39", 6.11e41), (42, "V_ID", "0012", 12), (24, "V_VAR1", "00012345", 12345)],
)
def test_what_only_looked_like_a_number_is_none_in_readings_and_hours(site, type, name, text, looked_like):
    replay(
        site.path,
        "main",
        "tcp main:5003",
        [(START + n, f"9;0;1;0;{type};{text}".encode()) for n in (0, 9)],
        "UTC",
    )
    channel = 256 * 256 * 9 + type
    site.connection.executescript(
        f"update readings set value = {looked_like} where channel = {channel};"
        f"update readings_hourly set numbers = 2, min = {looked_like}, max = min where channel = {channel};"
        f"insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers) select channel, "
        f"'2026-01-01T00:00:00.000Z', 2, min, avg, max, 2 from readings_hourly where channel = {channel};"
        f"insert or replace into channel_recomputations (channel) values ({channel});"
    )
    site.recompute()
    assert (
        site.rows("select value, text, wrong from readings where channel = ?", channel)
        == [(None, text, None)] * 2
    )
    pruned, whole = site.rows(
        "select count, numbers, min, wrong from readings_hourly where channel = ? order by hour_at", channel
    )
    assert whole == (2, 0, None, None)
    assert pruned[3] == (None if name == "V_VAR1" else f"{name} is no number; its readings are pruned")
    assert site.rows("select value, text from channels where id = ?", channel) == [(None, text)]
