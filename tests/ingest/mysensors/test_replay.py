"""What a recording leaves in the file: nodes, sensors, channels, readings, daily and hourly figures.

The recording goes through the daemon's own parser and store, with times that the test chooses.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.replay import replay
from tests.helpers.new_database import new_database

START = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("UTC")).timestamp()


@pytest.fixture
def store(tmp_path):
    """store(lines) replays: text, or (seconds after the start, text); more than one gateway by name."""
    path = tmp_path / "telemetry.db"
    new_database(path)
    connection = connect(path, readonly=True)

    def play(*lines, gateway="main", timezone="UTC", start=START):
        timed = [(0, line) if isinstance(line, str | bytes) else line for line in lines]
        recording = [(start + at, line if isinstance(line, bytes) else line.encode()) for at, line in timed]
        return replay(path, gateway, f"tcp {gateway}:5003", recording, timezone)

    def rows(sql, *values):
        return connection.execute(sql, values).fetchall()

    play.rows = rows
    yield play
    connection.close()


def one(store, columns, table="nodes", where="1"):
    [row] = store.rows(f"select {columns} from {table} where {where}")
    return row


def test_a_message_is_stored_whole(store):
    assert store("12;6;1;0;0;36.5", b"\xff", "junk") == 3
    assert store.rows("select * from messages") == [
        (1, format_utc(START), 0, 12, 12, 6, 1, 0, 0, "V_TEMP", "36.5", 0, None, 0)
    ]
    assert store.rows("select source, raw from rejects") == [("main", r"\xff"), ("main", "junk")]


def test_hex_and_semicolons_and_unknown_types_stay_what_they_are(store):
    store(
        "9;255;4;0;0;0A0003002000D7950103",
        "9;1;1;0;49;55.7;13.0;18",
        "9;1;1;0;200;x",
        "9;1;3;0;77;",
        "9;1;4;0;9;00",
    )
    assert store.rows("select type_name, payload from messages order by id") == [
        ("ST_FIRMWARE_CONFIG_REQUEST", "0A0003002000D7950103"),
        ("V_POSITION", "55.7;13.0;18"),
        ("V_200", "x"),
        ("I_77", ""),
        ("ST_9", "00"),
    ]
    assert store.rows("select type_name, text, value from channels order by id") == [
        ("V_POSITION", "55.7;13.0;18", None),
        ("V_200", "x", None),
    ]
    assert store.rows("select message, reason from oddities order by id") == [
        (3, "unknown type 200 of set"),
        (4, "unknown type 77 of internal"),
        (5, "unknown type 9 of stream"),
    ]


def test_an_echo_is_a_message_and_no_reading_and_tells_nothing(store):
    store(
        "12;6;1;0;2;0",
        "12;6;1;1;2;1",
        "12;7;1;1;2;1",
        "12;255;3;1;0;55",
        "12;255;3;1;11;Ghost",
        "12;8;0;1;6;ghost",
    )
    assert store.rows("select count(*), sum(echo) from messages") == [(6, 5)]
    assert store.rows("select channel, text from readings") == [(256 * (256 * 12 + 6) + 2, "0")]
    assert store.rows("select child_id, type from sensors") == [(6, None)]
    assert one(store, "battery_level, sketch_name") == (None, None)


def test_sender_255_is_no_node(store):
    store("255;79;3;0;3;", "255;1;1;0;0;21")
    assert store.rows("select node, node_id from messages") == [(None, 255)] * 2
    for table in ("nodes", "sensors", "channels", "readings", "node_daily"):
        assert store.rows(f"select * from {table}") == []


def test_keys_that_are_0_have_names(store):
    store("0;0;0;0;3;", "0;0;1;0;0;21.5")
    assert one(store, "id, gateway, node_id, name, role") == (0, 0, 0, "Gateway main", "gateway")
    assert one(store, "id, node, child_id, name", "sensors") == (0, 0, 0, "Gateway main · S_BINARY 0")
    assert one(store, "id, node, sensor, type, name, value", "channels") == (
        0,
        0,
        0,
        0,
        "Gateway main · S_BINARY 0 · V_TEMP",
        21.5,
    )
    assert one(store, "channel, value", "readings") == (0, 21.5)
    assert one(store, "channel, count, avg", "readings_hourly") == (0, 1, 21.5)
    assert store.rows(
        "select node, sensor, child_id, command, type, messages from node_daily order by series"
    ) == [
        (0, None, None, None, None, 2),
        (0, 0, 0, None, None, 2),
        (0, 0, 0, 0, 3, 1),
        (0, 0, 0, 1, 0, 1),
    ]


def test_two_gateways_with_the_same_node_ids_do_not_mix(store):
    store("12;255;3;0;11;Kitchen", "12;6;1;0;0;20", gateway="main")
    store("12;255;3;0;11;Shed", "12;6;1;0;0;-4", gateway="shed")
    assert store.rows("select id, gateway, node_id, name from nodes order by id") == [
        (12, 0, 12, "Kitchen 12"),
        (268, 1, 12, "Shed 12"),
    ]
    assert store.rows("select c.value from channels c join nodes n on n.id = c.node order by n.gateway") == [
        (20,),
        (-4,),
    ]
    assert store.rows("select gateway, node, count(*) from messages group by 1, 2") == [
        (0, 12, 2),
        (1, 268, 2),
    ]


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("$Rev: 826 $", 826),
        ("$Revision: 7 $", 7),
        ("14", 14),
        (" 14 ", 14),
        ("v2 $Rev: 3 $ x", 3),
        ("1.0", None),
        ("", None),
        ("$Rev$", None),
        ("9" * 25, None),
        ("$Rev: " + "9" * 19 + " $", None),
    ],
)
def test_the_revision_of_a_sketch(store, text, revision):
    store("12;255;3;0;11;Greenhouse", f"12;255;3;0;12;{text}")
    assert one(store, "sketch_name, sketch_version, sketch_revision") == ("Greenhouse", text, revision)


def test_what_a_presentation_tells(store):
    store("12;255;0;0;18;2.3.2", "12;6;0;0;6;Room", "12;7;0;0;200;odd", "13;255;0;0;17;2.4.0-alpha")
    assert store.rows("select role, protocol_version, presented_at from nodes order by id") == [
        ("repeater", "2.3.2", format_utc(START)),
        ("node", "2.4.0-alpha", format_utc(START)),
    ]
    assert store.rows("select child_id, type, type_name, description, name from sensors order by id") == [
        (6, 6, "S_TEMP", "Room", "Node 12 · Room"),
        (7, 200, "S_200", "odd", "Node 12 · odd"),
    ]


def test_a_gateway_tells_its_version_and_keeps_its_role(store):
    store("0;255;0;0;18;2.3.2", "0;255;3;0;2;2.4.0-alpha", "12;255;3;0;2;33816577")
    assert store.rows("select id, role, protocol_version from nodes order by id") == [
        (0, "gateway", "2.4.0-alpha"),
        (12, "node", None),
    ]
    assert one(store, "version, last_seen_at", "gateways") == ("2.4.0-alpha", format_utc(START))


def test_parents_by_all_three_ways(store):
    store(
        "12;255;3;0;6;3",
        "13;255;3;0;21;12",
        "14;98;1;0;47;parent: 13",
        "15;97;1;0;47;parent: 13",
        "0;255;3;0;6;3",
    )
    store("16;255;3;0;6;255", "17;255;3;0;6;x")
    assert store.rows("select node_id, parent_node_id from nodes order by id") == [
        (0, None),
        (12, 3),
        (13, 12),
        (14, 13),
        (15, None),
        (16, None),
        (17, None),
    ]


def test_a_parent_that_is_the_gateway_is_0_and_not_nothing(store):
    store("12;255;3;0;6;0")
    assert one(store, "parent_node_id") == (0,)


@pytest.mark.parametrize(
    ("report", "arc"), [("{P:5460,R:3638,S:60}", 60), ("{P:1,R:0,S:101}", None), ("S:60", None)]
)
def test_the_arc_report(store, report, arc):
    store(f"12;98;1;0;28;{report}", "12;97;1;0;28;{P:1,R:1,S:7}")
    assert one(store, "arc") == (arc,)


def test_battery_levels_and_their_history(store):
    store(
        (0, "12;255;3;0;0;87"),
        (60, "12;255;3;0;0;86.5"),
        (120, "12;255;3;0;0;250"),
        (180, "12;255;3;0;0;-1"),
        (240, "12;255;3;0;0;x"),
    )
    assert store.rows("select received_at, node, level from battery_levels") == [
        (format_utc(START), 12, 87),
        (format_utc(START + 60), 12, 86.5),
    ]
    assert one(store, "battery_level, battery_level_at") == (86.5, format_utc(START + 60))
    assert [reason for (reason,) in store.rows("select reason from oddities")] == [
        f"battery level {text!r}: 0 to 120 per cent is possible" for text in ("250", "-1", "x")
    ]


@pytest.mark.parametrize(
    ("report", "signal"), [("-71", -71), ("0", 0), ("-256", None), ("1e200", None), ("x", None)]
)
def test_the_signal_report(store, report, signal):
    store(f"12;255;3;0;31;{report}")
    assert one(store, "signal") == (signal,)


@pytest.mark.parametrize(
    ("window", "held"), [("700", 700), ("", 500), ("-1", 500), ("0", 500), ("1e200", 500)]
)
def test_the_window_of_a_sleeping_node(store, window, held):
    store(*[f"12;255;3;0;32;{window}"] * 2)
    assert one(store, "smart_sleep_ms, windows") == (None, 2)
    store(f"12;255;3;0;32;{window}")
    assert one(store, "smart_sleep_ms, windows") == (held, 3)
    store("12;255;0;0;17;2.3.2")
    assert one(store, "smart_sleep_ms, windows") == (None, 2)  # doubted: one more will do


def test_values_are_numbers_where_they_are_and_text_always(store):
    store(*(f"12;1;1;0;0;{text}" for text in ("21.5", "nan", "1_0", "1e999", "on", "")))
    assert store.rows("select value, text from readings order by id") == [
        (21.5, "21.5"),
        (None, "nan"),
        (None, "1_0"),
        (None, "1e999"),
        (None, "on"),
        (None, ""),
    ]
    assert one(store, "readings, value, text", "channels") == (1, 21.5, "21.5")
    assert one(store, "count, numbers, min, avg, max", "readings_hourly") == (1, 1, 21.5, 21.5, 21.5)


def test_first_and_last_seen_of_everything(store):
    store((0, "12;255;3;0;22;1"), (10, "12;6;1;0;0;1"), (20, "12;6;1;0;0;2"), (30, "12;255;3;0;22;2"))
    assert one(store, "first_seen_at, last_seen_at") == (format_utc(START), format_utc(START + 30))
    assert one(store, "first_seen_at, last_seen_at", "sensors") == (
        format_utc(START + 10),
        format_utc(START + 20),
    )
    assert one(store, "first_at, last_at", "channels") == (format_utc(START + 10), format_utc(START + 20))


def test_the_usual_interval_is_that_between_bursts(store):
    bursts = [(minute * 60 + second, "12;6;1;0;0;1") for minute in range(6) for second in (0, 0.2, 0.9)]
    store(*bursts[:9])
    assert one(store, "usual_interval_s") == (None,)  # two pauses are not enough
    store(*bursts[9:])
    assert one(store, "usual_interval_s") == (None,)  # nor are two of another connection
    store(*bursts, (9999, "12;6;1;0;0;1"), start=START + 3600)
    assert one(store, "usual_interval_s") == (60,)  # one long pause among them does not count


def daily(store, where="type is null and child_id is null"):
    return store.rows(
        "select day, messages, intervals, min_interval_s, avg_interval_s, max_interval_s "
        f"from node_daily where {where} order by day"
    )


def test_daily_figures_at_three_levels(store):
    store((0, "12;6;1;0;0;1"), (10, "12;7;1;0;0;1"), (40, "12;6;1;0;1;50"), (100, "12;6;1;0;0;2"))
    assert daily(store) == [("2026-03-02", 4, 3, 10, pytest.approx(100 / 3), 60)]
    assert daily(store, "type is null and child_id = 6") == [("2026-03-02", 3, 2, 40, 50, 60)]
    assert daily(store, "child_id = 6 and command = 1 and type = 0") == [("2026-03-02", 2, 1, 100, 100, 100)]
    assert store.rows("select distinct sensor from node_daily where child_id = 6") == [(256 * 12 + 6,)]


def test_daily_figures_grow_from_commit_to_commit(store):
    store((0, "12;6;1;0;0;1"), (10, "12;6;1;0;0;1"))
    store((60, "12;6;1;0;0;1"), (90, "12;6;1;0;0;1"), (91, "12;6;1;0;0;1"))
    # what passed between the two recordings is no pause
    assert daily(store) == [("2026-03-02", 5, 3, 1, pytest.approx(41 / 3), 30)]


def test_a_child_that_is_known_as_a_sensor_later_is_linked_then(store):
    store(
        "12;5;3;0;9;a log line of a child", (1, "12;5;1;1;2;0"), (2, "12;5;1;0;2;1"), (3, "12;5;3;0;9;more")
    )
    assert store.rows("select sensor, messages from node_daily where child_id = 5 and type is null") == [
        (256 * 12 + 5, 4)
    ]
    assert store.rows("select distinct sensor from node_daily where child_id = 5") == [(256 * 12 + 5,)]
    store((4, "13;5;3;0;9;a child that is no sensor"))
    assert store.rows("select distinct sensor from node_daily where node = 13") == [(None,)]


def local(zone, *moment):
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp()


def test_a_day_ends_at_local_midnight(store):
    midnight = local("Europe/Rome", 2026, 11, 21)
    store(
        (-1, "12;6;1;0;0;1"), (0, "12;6;1;0;0;2"), (2, "12;6;1;0;0;3"), start=midnight, timezone="Europe/Rome"
    )
    assert daily(store) == [("2026-11-20", 1, 0, None, None, None), ("2026-11-21", 2, 2, 1, 1.5, 2)]


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_days_of_23_and_25_hours(store, day, hours):
    begin = local("Europe/Rome", *day)
    store(
        *((quarter * 900, f"12;6;1;0;0;{quarter}") for quarter in range(-4, 27 * 4)),
        start=begin,
        timezone="Europe/Rome",
    )
    days = [row[:2] for row in daily(store)]
    assert days[1] == ("{}-{:02}-{:02}".format(*day), hours * 4)
    assert days[0][1] == 4 and days[2][1] == (27 - hours) * 4
    assert store.rows(
        "select count(*), count(distinct hour_at), min(count), max(count) from readings_hourly"
    ) == [(28, 28, 4, 4)]


def test_hours_are_local_ones_in_a_zone_of_half_hours(store):
    start = local("Asia/Kolkata", 2026, 6, 1, 10)  # 04:30 UTC
    store(
        (0, "12;6;1;0;0;1"),
        (3599, "12;6;1;0;0;3"),
        (3600, "12;6;1;0;0;5"),
        start=start,
        timezone="Asia/Kolkata",
    )
    assert store.rows("select hour_at, count, avg from readings_hourly order by hour_at") == [
        ("2026-06-01T04:30:00.000Z", 2, 2),
        ("2026-06-01T05:30:00.000Z", 1, 5),
    ]


def test_hourly_figures_are_merged_from_commit_to_commit(store):
    store("12;6;1;0;24;10", "12;6;1;0;24;x")
    store("12;6;1;0;24;-2", "12;6;1;0;24;1")
    store("12;6;1;0;24;y")
    assert one(store, "count, numbers, min, avg, max", "readings_hourly") == (5, 3, -2, 3, 10)


def test_a_value_far_outside_the_usual_is_marked_with_its_message(store):
    store(
        *((n, f"12;6;1;0;0;{20 + n % 3}") for n in range(60)),
        (61, "12;6;1;0;0;500"),
        (62, "12;6;1;0;0;2000"),
        (63, "12;6;1;0;0;21"),
    )
    assert store.rows("select message, node, channel, reason from oddities") == [
        (61, 12, 256 * (256 * 12 + 6), "500 is far outside the usual range, about 21"),
        (62, 12, 256 * (256 * 12 + 6), "2000 is impossible for V_TEMP: -100 to 1000 is possible"),
    ]


def test_a_burst_is_marked_once(store):
    store(*((n / 100, "12;255;3;0;22;1") for n in range(200)))
    assert store.rows("select message, node, reason from oddities") == [
        (51, 12, "burst: more than 50 messages in 10 s")
    ]


def test_a_presentation_out_of_the_blue_is_marked(store):
    store((0, "12;255;0;0;17;2.3.2"), (0, "0;255;0;0;18;2.3.2"))
    assert store.rows("select * from oddities") == []
    store((500, "12;255;0;0;17;2.3.2"), (500, "0;255;0;0;18;2.3.2"))
    assert store.rows("select message, reason from oddities") == [
        (3, "presented itself unasked: it has restarted")
    ]


def test_names_follow_what_is_learned_and_what_people_say(store, tmp_path):
    store("12;6;1;0;0;1")
    assert one(store, "name", "channels") == ("Node 12 · child 6 · V_TEMP",)
    store("12;255;3;0;11;Greenhouse", "12;6;0;0;6;Soil")
    assert one(store, "name", "channels") == ("Greenhouse 12 · Soil · V_TEMP",)
    connection = connect(tmp_path / "telemetry.db")
    connection.execute("update nodes set location = 'Loft', label = 'Attic' where id = 12")
    connection.close()
    store("12;255;3;0;11;Renamed", "12;6;1;0;0;2")
    assert one(store, "name, location") == ("Attic", "Loft")
    assert one(store, "name", "channels") == ("Attic · Soil · V_TEMP",)
