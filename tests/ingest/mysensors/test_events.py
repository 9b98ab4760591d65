"""Events of nodes: silence, also while the clock is set. Those of gateways: test_reconnect."""

import pytest

from ingest.clock.reading import ClockReading
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.mysensors.events import EventSink, GatewayConnected, GatewayLost
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from tests.helpers.new_database import new_database

WALL = 1_790_000_000.0


class Days:
    """A Store and its EventSink, with both clocks turned by hand."""

    def __init__(self, path):
        self.connection = connect(path)
        number_gateways(self.connection, [("main", "tcp x:1")])
        self.monotonic, self.wall = 1000.0, WALL
        self.epoch = 0
        self.start()

    def start(self):
        self.store = Store(self.connection, "UTC")
        self.events = EventSink(self.connection, self.store, lambda: self.monotonic, self)
        self.connect()

    def read(self):
        return ClockReading("boot", self.monotonic, self.wall)

    def connect(self):
        self.epoch += 1
        self.events.absorb(GatewayConnected(0, self.wall, self.monotonic))

    def say(self, *lines):
        items, _ = LineDecoder().decode_block("".join(line + "\n" for line in lines).encode())
        self.store.absorb(ReceivedBlock(0, "main", self.wall, self.monotonic, self.epoch, items))
        self.commit()

    def wait(self, seconds):
        end = self.monotonic + seconds
        while self.monotonic < end:
            step = min(15, end - self.monotonic)
            self.monotonic += step
            self.wall += step
            self.events.poll(self.connection, False)
        self.commit()

    def commit(self):
        with transaction(self.connection):
            self.store.write(self.connection)
            self.events.write(self.connection)
        self.store.committed()
        self.events.committed()

    def rows(self, sql="select event, node, started_at, ended_at, complete from events order by id"):
        return self.connection.execute(sql).fetchall()


@pytest.fixture
def days(tmp_path):
    new_database(tmp_path / "telemetry.db")
    days = Days(tmp_path / "telemetry.db")
    yield days
    days.connection.close()


def every(days, seconds, times):
    for _ in range(times):
        days.say("12;1;1;0;0;1")
        days.wait(seconds)


def watch(days, usual_s, node=12):
    """The node was watched for long enough: what is usual of it is known."""
    days.say(f"{node};1;1;0;0;1")
    days.connection.execute(
        "update nodes set usual_gap_s = ?, usual_gaps = 200 where id = ?", (usual_s, node)
    )


def test_a_node_is_silent_after_its_limit(days):
    watch(days, 1200)
    last = days.rows("select last_seen_at from nodes where id = 12")[0][0]
    days.wait(1700)
    assert days.rows() == []
    days.wait(150)  # 1850 s: more than 1.5 x 1200
    assert days.rows() == [("NODE_SILENT", 12, last, None, 1)]
    assert days.rows("select detail from events") == [("silent for more than 30 min",)]
    days.wait(9000)
    assert len(days.rows()) == 1
    days.say("12;1;1;0;0;1")
    back = format_utc(days.wall)
    days.wait(60)
    assert days.rows() == [("NODE_SILENT", 12, last, back, 1)]


def test_a_talkative_node_is_not_silent_before_ten_minutes(days):
    watch(days, 10)
    days.wait(560)
    assert days.rows() == []
    days.wait(90)
    assert [row[:2] for row in days.rows()] == [("NODE_SILENT", 12)]


def test_a_node_that_is_lively_for_a_minute_and_then_quiet_is_not_silent_for_a_day(days):
    every(days, 4, 15)
    days.wait(86_000)
    assert days.rows() == []
    days.wait(600)
    assert [row[:2] for row in days.rows()] == [("NODE_SILENT", 12)]


def test_what_is_set_goes_before_what_is_learnt(days):
    watch(days, 10)
    days.connection.execute(
        "insert into settings (subject, key, value) values ('nodes/12', 'silent_after_s', '3600')"
    )
    days.wait(3500)
    assert days.rows() == []
    days.wait(200)
    assert len(days.rows()) == 1
    days.connection.execute("update settings set value = 'never'")
    days.wait(60)
    assert days.rows("select ended_at is not null from events") == [(1,)]
    days.wait(9000)
    assert len(days.rows()) == 1


def test_a_retired_node_is_not_watched_until_it_is_heard_again(days):
    watch(days, 10)
    days.wait(700)
    days.connection.execute("update nodes set retired_at = ? where id = 12", (format_utc(days.wall),))
    days.wait(9000)
    assert [row[3] is not None for row in days.rows()] == [True]
    days.say("5;1;1;0;0;1")
    assert days.rows("select retired_at is null from nodes order by id") == [(1,), (0,)]
    days.say("12;1;1;0;0;1")
    assert days.rows("select retired_at is null from nodes order by id") == [(1,), (1,)]
    at = format_utc(days.wall)
    assert days.rows()[1:] == [("NODE_BACK", 12, at, at, 1)]


def test_events_of_another_limit_end_at_the_first_look(days):
    """A file of before: the node was called silent after eleven minutes, and was last heard an hour ago."""
    days.say("12;1;1;0;0;1", "13;1;1;0;0;1")
    insert = "insert into events (event, node, started_at) select 'NODE_SILENT', id, last_seen_at from nodes"
    days.connection.execute(insert)
    watch(days, 10, 13)
    days.monotonic, days.wall = 0.0, days.wall + 3600
    days.start()
    days.say("7;1;1;0;0;1")
    days.wait(30)
    assert days.rows("select node, ended_at is null from events order by node") == [(12, 0), (13, 1)]


def test_a_silence_goes_on_over_connections_without_the_time_between_them(days):
    """A contact that is silent for days is learnt, although the gateway is lost every hour."""
    days.say("12;1;1;0;0;1")
    for _ in range(4):
        days.wait(3000)
        days.say("5;1;1;0;0;1")
        days.events.absorb(GatewayLost(0, days.wall, "gone"))
        days.wait(7200)
        days.connect()
        days.say("5;1;1;0;0;1")
    days.say("12;1;1;0;0;1")
    assert days.rows("select gaps, longest_s from node_gaps where node = 12") == [(1, 12_000)]


def test_while_the_gateway_is_away_no_node_is_called_silent(days):
    watch(days, 60)
    days.events.absorb(GatewayLost(0, days.wall, "gone"))
    days.wait(7200)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST"]
    days.connect()
    days.wait(700)  # nothing is stored of this connection: the silence may be that of the gateway
    days.say("0;255;3;0;2;2.3.2")
    days.wait(500)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST"]
    days.wait(200)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST", "NODE_SILENT"]
    assert days.rows()[0][3] is not None  # the gateway is back


def test_a_silence_goes_on_over_a_restart(days):
    watch(days, 60)
    days.wait(900)
    assert len(days.rows()) == 1
    days.start()
    days.say("0;255;3;0;2;2.3.2")
    days.wait(900)
    assert len(days.rows()) == 1
    days.say("12;1;1;0;0;1")
    days.wait(60)
    assert days.rows()[0][3] is not None


def test_the_gateway_itself_is_no_silent_node(days):
    days.say("0;255;0;0;18;2.3.2")
    days.wait(9000)
    assert days.rows() == []


@pytest.mark.parametrize("step", [4000, -86_400])
def test_a_silence_lasts_as_long_as_it_did_whatever_the_clock_was_set_to(days, step):
    """The clock is set before the node counts as silent, and again before it is heard."""
    watch(days, 1200)
    days.wait(900)
    days.wall += step
    days.wait(1500)
    days.wall -= 2 * step
    days.wait(600)
    days.say("12;1;1;0;0;1")
    days.wait(60)
    assert days.rows("select round((julianday(ended_at) - julianday(started_at)) * 86400) from events") == [
        (3000 - 2 * step,)
    ]  # what the second step does to the open event is the ClockSink's: it is not here


def test_the_last_value_is_the_last_that_came_whatever_the_clock_says(days):
    days.say("12;1;1;0;0;1")
    days.wall -= 86_400
    days.say("12;1;1;0;0;2")
    assert days.rows("select value, last_at from channels") == [(2, format_utc(WALL - 86_400))]
    assert days.rows("select last_seen_at from nodes where id = 12") == [(format_utc(WALL - 86_400),)]
    assert days.rows("select day, messages from node_daily where child_id is null order by day") == [
        ("2026-09-20", 1),
        ("2026-09-21", 1),
    ]
