"""Events of nodes and of the clock: silence, a clock that is set. Those of gateways: test_reconnect."""

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.mysensors.events import EventSink, GatewayConnected, GatewayLost
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from ingest.schema.migrate import migrate

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
        self.events = EventSink(self.connection, self.store, lambda: self.monotonic, lambda: self.wall)
        self.connect()

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
    migrate(tmp_path / "telemetry.db")
    days = Days(tmp_path / "telemetry.db")
    yield days
    days.connection.close()


def every(days, seconds, times):
    for _ in range(times):
        days.say("12;1;1;0;0;1")
        days.wait(seconds)


def test_a_node_is_silent_after_three_times_its_usual_interval(days):
    every(days, 600, 6)
    last = days.rows("select last_seen_at from nodes where id = 12")[0][0]
    days.wait(1100)  # 1700 s in all
    assert days.rows() == []
    days.wait(200)  # 1900 s: more than 3 x 600
    assert days.rows() == [("NODE_SILENT", 12, last, None, 1)]
    assert days.rows("select detail from events") == [("silent for more than 1800 s",)]
    days.wait(9000)
    assert len(days.rows()) == 1
    days.say("12;1;1;0;0;1")
    back = format_utc(days.wall)
    days.wait(60)
    assert days.rows() == [("NODE_SILENT", 12, last, back, 1)]


def test_a_talkative_node_is_not_silent_before_ten_minutes(days):
    every(days, 10, 20)
    days.wait(560)
    assert days.rows() == []
    days.wait(90)
    assert [row[:2] for row in days.rows()] == [("NODE_SILENT", 12)]


def test_while_the_gateway_is_away_no_node_is_called_silent(days):
    every(days, 60, 6)
    days.events.absorb(GatewayLost(0, days.wall, "gone"))
    days.wait(7200)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST"]
    days.connect()
    days.wait(500)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST"]
    days.wait(200)
    assert [row[0] for row in days.rows()] == ["GATEWAY_LOST", "NODE_SILENT"]
    assert days.rows()[0][3] is not None  # the gateway is back
    assert days.rows()[1][4] == 0  # how long the node was really silent nobody knows


def test_a_silence_goes_on_over_a_restart(days):
    every(days, 60, 6)
    days.wait(900)
    assert len(days.rows()) == 1
    days.start()
    days.wait(900)
    assert len(days.rows()) == 1
    days.say("12;1;1;0;0;1")
    days.wait(60)
    assert days.rows()[0][3] is not None


def test_the_gateway_itself_is_no_silent_node(days):
    days.say("0;255;0;0;18;2.3.2")
    days.wait(9000)
    assert days.rows() == []


@pytest.mark.parametrize(("step", "words"), [(3600, "forward by 3600.0 s"), (-86400, "back by 86400.0 s")])
def test_a_clock_that_is_set_is_an_event(days, step, words):
    days.wait(30)
    days.wall += step
    days.wait(30)
    assert days.rows(
        "select event, detail, json_extract(figures, '$.seconds'), started_at = ended_at from events"
    ) == [("CLOCK_STEP", f"the clock was set {words}", step, 1)]


def test_a_clock_that_is_trimmed_is_none(days):
    for _ in range(20):
        days.wall += 1
        days.wait(1)
    assert days.rows() == []


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
