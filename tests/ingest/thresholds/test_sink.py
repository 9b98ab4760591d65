"""Events VALUE as rows: what opens and closes them, restarts, deletions, marks, and other inputs."""

import json

import pytest

from ingest.clock.reading import ClockReading
from ingest.config.thresholds import ThresholdSettings
from ingest.db.connection import connect, transaction
from ingest.db.moment import boottime
from ingest.db.time import LocalTime, format_utc, parse_utc
from ingest.mysensors.events import EventSink, GatewayConnected, GatewayLost
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.reading_marks import mark_by_hand
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from ingest.thresholds.sink import ThresholdSink
from ingest.ups.records import UpsSample
from tests.helpers.new_database import new_database

FROST = ThresholdSettings("frost", channel="main/7/1/V_TEMP", below=4, for_s=600, hysteresis=0.5)
QUICK = ThresholdSettings("frost", channel="main/7/1/V_TEMP", below=4)
HOT_LOAD = ThresholdSettings("hot-load", figure="ups_load", ups="rack@closet", above=70)
NODE = ("7;255;0;0;17;2.3.2", "7;255;3;0;11;Greenhouse", "7;1;0;0;6;Room")
EVENTS = """select e.words, e.severity, e.ref, e.detail, e.ended_at is null from all_events e
where e.event = 'VALUE' order by id"""


class Site:
    """A Store, its events and thresholds, with both clocks turned by hand."""

    def __init__(self, path, *settings):
        self.connection = connect(new_database(path))
        number_gateways(self.connection, [("main", "tcp x:1")])
        self.connection.execute(
            "insert into ups (id, name, driver, source, label) "
            "values (1, 'rack@closet', 'nut', 'closet', 'Rack')"
        )
        self.connection.commit()
        self.monotonic, self.wall, self.epoch = 1000.0, parse_utc("2026-11-30T12:00:00.000Z"), 0
        self.start(*settings)

    def start(self, *settings):
        self.store = Store(
            self.connection, "UTC", lambda number, node, child: self.sink.forget(256 * number + node, child)
        )
        self.events = EventSink(self.connection, self.store, lambda: self.monotonic, self)
        read = ({"main": 0}, {0}, {"closet"})
        self.sink = ThresholdSink(self.connection, settings, *read, self.store, self.events, self)
        self.store.on_marked = self.sink.take_marked
        self.connect()

    def read(self):
        return ClockReading("boot", self.monotonic, self.wall)

    def stamp_by(self, reading):
        """Rows are stamped by `wall`."""

    def connect(self):
        self.epoch += 1
        self.events.absorb(GatewayConnected(0, self.wall, self.monotonic))

    def say(self, *lines, repeat_window_s=0.0):
        items, rejects = LineDecoder().decode_block("".join(line + "\n" for line in lines).encode())
        block = ReceivedBlock(
            0, "main", self.wall, self.monotonic, self.epoch, items, rejects, repeat_window_s
        )
        self.store.absorb(block)
        self.commit()

    def wait(self, seconds):
        self.monotonic += seconds
        self.wall += seconds
        self.poll()

    def poll(self):
        for sink in (self.store, self.events, self.sink):
            sink.poll(self.connection, True)
        self.commit()

    def commit(self):
        with transaction(self.connection):
            for sink in (self.store, self.events, self.sink):
                sink.write(self.connection)
        for sink in (self.store, self.events, self.sink):
            sink.committed()

    def rows(self, sql=EVENTS):
        return self.connection.execute(sql).fetchall()

    def figures(self):
        return [json.loads(text) for (text,) in self.rows("select figures from events where event = 'VALUE'")]

    def sample(self, moment, **figures):
        figures = {name.replace("_", ".", 1): value for name, value in figures.items()}
        self.sink.take_sample(UpsSample("rack@closet", self.wall, moment, 10, figures, None))
        self.commit()


@pytest.fixture
def site(tmp_path):
    sites = []

    def start(*settings):
        sites.append(Site(tmp_path / "t.db", *settings))
        return sites[-1]

    yield start
    for one in sites:
        one.connection.close()


def test_a_name_that_ends_in_a_number_is_told_from_the_value(site):
    house = site(QUICK)
    house.say("7;255;0;0;17;2.3.2", "7;1;0;0;6;", "7;1;1;0;0;2")
    assert house.rows()[0][3] == "frost: Node 7 S_TEMP 1 at 2 °C, below 4"
    house.say("7;1;1;0;0;1", "7;1;1;0;0;9")
    assert house.rows()[0][3] == "frost: Node 7 S_TEMP 1 at 1 °C at worst, below 4"


def test_a_value_that_stays_beyond_its_limit_is_an_event_with_its_words(site):
    house = site(FROST)
    house.say(*NODE, "7;1;1;0;0;3.2")
    began = format_utc(house.wall)
    house.wait(599)
    assert house.rows() == []
    house.wait(1)
    node = ("beyond its limit", "Warning", "main/7")
    assert house.rows() == [(*node, "frost: Greenhouse 7 Room 3.2 °C, below 4", 1)]
    assert house.rows("select started_at, node, complete from events where event = 'VALUE'") == [
        (began, 7, 1)
    ]
    assert ("Greenhouse 7 (main/7)", "frost: Greenhouse 7 Room 3.2 °C, below 4", "/nodes/main/7") in (
        house.rows("select subject, text, href from attention")
    )
    house.say("7;1;1;0;0;1.5")
    assert house.rows()[0][3] == "frost: Greenhouse 7 Room 1.5 °C, below 4"
    house.say("7;1;1;0;0;4.4")
    assert house.rows()[0][4] == 1
    house.say("7;1;1;0;0;4.5")
    assert house.rows() == [(*node, "frost: Greenhouse 7 Room 1.5 °C at worst, below 4", 0)]
    assert house.figures() == [
        {
            "threshold": "frost",
            "subject": f"channel {(7 * 256 + 1) * 256}",
            "value": 4.5,
            "limit": 4.0,
            "side": "below",
            "extreme": 1.5,
            "unit": "°C",
        }
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("7;1;1;0;0;nan", "7;1;1;0;0;none", "7;1;1;0;0;"),
        ("7;1;1;0;0;-127.0", "7;1;1;0;0;-300"),  # DS18B20 that is away; below absolute zero
        ("7;1;1;1;0;3.0",),  # an echo of what was sent to it
        ("7;1;2;0;0;3.0", "7;1;1;0;1;3.0", "7;2;1;0;0;3.0", "8;1;1;0;0;3.0"),  # a question, other channels
        ("7;1;1;0;0;5.0", "7;1;1;0;0;4.0"),
    ],
)
def test_what_is_no_value_below_the_limit_opens_nothing(site, lines):
    house = site(QUICK)
    house.say(*NODE, *["7;1;1;0;0;20.0", "7;1;1;0;0;20.1"] * 20)
    house.say(*lines)
    house.wait(30)
    assert house.rows() == []


def test_a_repeat_of_the_radio_is_no_second_value(site):
    house = site(QUICK)
    house.say(*NODE, "7;1;1;0;0;3.0", "7;1;1;0;0;5.0", "7;1;1;0;0;3.0", repeat_window_s=1.0)
    assert [row[4] for row in house.rows()] == [0]


def test_a_sensor_that_reports_nan_keeps_what_is_open_and_opens_nothing_by_time_alone(site):
    house = site(FROST)
    house.say(*NODE, "7;1;1;0;0;3.2")
    house.wait(300)
    house.say("7;1;1;0;0;nan")
    house.wait(400)
    assert house.rows() == []
    house.say("7;1;1;0;0;3.0")
    assert [row[4] for row in house.rows()] == [1]
    house.say("7;1;1;0;0;nan")
    house.wait(10_000)
    assert [row[4] for row in house.rows()] == [1]


def test_time_without_a_gateway_does_not_count(site):
    house = site(FROST)
    house.say(*NODE, "7;1;1;0;0;3.2")
    house.wait(300)
    house.events.absorb(GatewayLost(0, house.wall, "gone"))
    house.wait(5000)
    assert house.rows() == []
    house.connect()
    house.say("0;255;3;0;14;Gateway startup complete.")
    house.wait(290)
    assert house.rows() == []
    house.wait(310)
    assert len(house.rows()) == 1


@pytest.mark.parametrize("step_s", [-86_400, 86_400])
def test_a_step_of_the_clock_opens_nothing_early_or_late(site, step_s):
    house = site(FROST)
    house.say(*NODE, "7;1;1;0;0;3.2")
    house.wait(300)
    house.wall += step_s
    house.wait(299)
    assert house.rows() == []
    house.wait(1)
    assert len(house.rows()) == 1


def test_a_restart_finds_the_open_event_again(site):
    house = site(QUICK)
    house.say(*NODE, "7;1;1;0;0;1.0")
    house.start(FROST)
    house.say("7;1;1;0;0;3.9")
    assert [row[3:] for row in house.rows()] == [("frost: Greenhouse 7 Room 3.9 °C, below 4", 1)]
    house.say("7;1;1;0;0;4.5")
    assert [row[3:] for row in house.rows()] == [("frost: Greenhouse 7 Room 1 °C at worst, below 4", 0)]


def test_a_restart_during_for_s_counts_from_when_the_gateway_is_heard_again(site):
    house = site(FROST)
    house.say(*NODE, "7;1;1;0;0;3.2")
    began = format_utc(house.wall)
    house.wait(500)
    house.start(FROST)
    house.wait(700)
    assert house.rows() == []  # nothing was heard of it since
    house.say("9;1;1;0;0;20")
    house.wait(1)
    house.wait(600)
    assert house.rows("select started_at, complete from events where event = 'VALUE'") == [(began, 0)]


@pytest.mark.parametrize(
    ("settings", "reason", "events"),
    [
        ((), "the threshold was removed from the config", 1),
        ((ThresholdSettings("frost", channel="main/7/1/V_TEMP", below=2),), "the threshold was changed", 1),
        ((ThresholdSettings("frost", channel="main/7/1/V_TEMP", below=9),), "the threshold was changed", 2),
        ((ThresholdSettings("frost", channel="main/7/2/V_TEMP", below=4),), "the threshold was changed", 1),
        ((ThresholdSettings("frost", channel="shed/7/1/V_TEMP", below=4),), "its source is not in the", 1),
    ],
)
def test_a_threshold_that_is_removed_or_changed_ends_its_event_with_the_reason(
    site, settings, reason, events
):
    house = site(QUICK)
    house.say(*NODE, "7;1;1;0;0;3.0")
    house.start(*settings)
    house.poll()
    assert (house.rows()[0][4], reason in house.rows()[0][3]) == (0, True)
    house.say("7;1;1;0;0;3.0")
    assert len(house.rows()) == events


def test_a_reading_that_is_marked_wrong_takes_the_event_back(site):
    house = site(QUICK)
    house.say(*NODE, "7;1;1;0;0;20.0", "7;1;1;0;0;3.0")
    assert house.rows()[0][4] == 1
    with transaction(house.connection):
        last = house.rows("select max(id) from readings")[0][0]
        mark_by_hand(house.connection, last, True, "owner", LocalTime("UTC"))
    house.poll()
    assert house.rows()[0][4] == 0


def test_a_node_that_is_deleted_begins_anew(site):
    house = site(QUICK)
    house.say(*NODE, "7;1;1;0;0;3.0")
    with transaction(house.connection):
        house.connection.execute("delete from events")
    house.sink.forget(7, None)
    house.say("7;1;1;0;0;2.0")
    assert [row[4] for row in house.rows()] == [1]


@pytest.mark.parametrize(
    ("channel", "limit", "line", "expected"),
    [
        ("main/7/3/V_STATUS", {"above": 0.5}, "7;3;1;0;2;1", 1),  # a state: 1 is beyond
        ("main/7/3/V_TEXT", {"above": 0.5}, "7;3;1;0;47;9.9", 0),  # a text is never a number
        ("main/7/3/V_VAR1", {"above": 0.5}, "7;3;1;0;24;door", 0),
        ("main/7/3/V_VAR1", {"above": 0.5}, "7;3;1;0;24;12", 1),
        ("main/7/3/V_RGB", {"above": 0.5}, "7;3;1;0;40;100000", 0),
        ("main/7/3/V_200", {"above": 0.5}, "7;3;1;0;200;7", 1),  # a type that the library does not know
        ("main/7/3/V_NEWS", {"above": 0.5}, "7;3;1;0;2;1", 0),
        ("main/300/3/V_STATUS", {"above": 0.5}, "7;3;1;0;2;1", 0),
    ],
)
def test_channels_of_other_kinds(site, channel, limit, line, expected):
    house = site(ThresholdSettings("x", channel=channel, **limit))
    house.say(*NODE, line)
    assert len(house.rows()) == expected


def test_the_unit_is_that_of_the_gateway_when_the_event_is_written(site):
    house = site(ThresholdSettings("hot", channel="main/7/1/V_TEMP", above=30))
    house.say(*NODE, "7;1;1;0;0;31")
    house.say("7;1;1;0;0;29")
    house.connection.execute("update gateways set metric = 0")
    house.connection.commit()
    house.say("7;1;1;0;0;95")
    assert [row[3] for row in house.rows()] == [
        "hot: Greenhouse 7 Room 31 °C at worst, above 30",
        "hot: Greenhouse 7 Room 95 °F, above 30",
    ]


def test_a_figure_of_a_ups_and_one_that_it_stops_to_give(site):
    house = site(HOT_LOAD)
    now = boottime()
    house.sample(now, ups_load=70.0)
    assert house.rows() == []
    house.sample(now + 10, ups_load=75.0, battery_charge=100.0)
    assert house.rows() == [
        ("beyond its limit", "Warning", "rack@closet", "hot-load: Rack load 75 %, above 70", 1)
    ]
    house.sample(now + 20, battery_charge=100.0)
    assert house.rows()[0][4] == 1
    house.sample(now + 30, ups_load=10.0)
    assert house.rows()[0][3:] == ("hot-load: Rack load 75 % at worst, above 70", 0)
    assert house.rows("select text from ups_conditions where event = 'VALUE'") == []


def test_an_open_event_of_a_ups_is_a_condition_that_can_be_acknowledged(site):
    house = site(HOT_LOAD)
    house.sample(boottime(), ups_load=75.0)
    assert house.rows("select name, text, shown from ups_conditions") == [
        ("rack@closet", "hot-load", "hot-load: Rack load 75 %, above 70")
    ]
