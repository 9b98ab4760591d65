"""Battery levels from a voltage: the rule of a node, its curves, and what a store makes of it."""

from contextlib import closing

import pytest

from ingest.battery_voltage import CURVES, BatteryRuleError, parse_battery_rule
from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.replay import replay
from ingest.mysensors.store import Store
from ingest.recompute.battery_recompute import pending_levels
from ingest.recompute.recomputer import Recomputer
from tests.helpers.new_database import new_database

START = 1_772_452_800.0
RULE = "{channel: 201/38, empty: 2, full: 3, curve: linear}"


@pytest.mark.parametrize(
    "text",
    [
        RULE,
        "channel: 201/38, empty: 2.0, full: 3.0",
        '{"channel": "201/V_VOLTAGE", "empty": 2.0, "full": "3.0 V", "curve": "Linear"}',
        "{full: 3, curve: linear, empty: 2, channel: 201 / v_voltage}",
    ],
)
def test_a_rule_has_one_text(text):
    assert str(parse_battery_rule(text)) == RULE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is a rule such as"),
        ("alkaline", "it is a rule such as"),
        ("{channel: 201/38, empty: 2.0}", "has no full"),
        ("{channel: 201/38, empty: 3.0, full: 3.0}", "not below full"),
        ("{channel: 201/38, empty: -1, full: 3.0}", "it is volts"),
        ("{channel: 201/38, empty: 2000, full: 3000}", "it is volts"),
        ("{channel: 201, empty: 2.0, full: 3.0}", "CHILD/TYPE"),
        ("{channel: 255/38, empty: 2.0, full: 3.0}", "CHILD/TYPE"),
        ("{channel: 1/V_VOLT, empty: 2.0, full: 3.0}", "CHILD/TYPE"),
        ("{channel: 201/38, empty: 2.0, full: 3.0, curve: alcaline}", "did you mean 'alkaline'?"),
        ("{chanel: 201/38, empty: 2.0, full: 3.0}", "did you mean 'channel'?"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_remedy(text, why):
    with pytest.raises(BatteryRuleError, match=why):
        parse_battery_rule(text)


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_rises_from_empty_to_full(curve):
    points = CURVES[curve]
    assert points == tuple(sorted(points)) and (points[0][1], points[-1][1]) == (0, 100)
    low, high = points[0][0] * 2 + 2, points[-1][0] * 2 + 2
    rule = parse_battery_rule(f"channel: 1/38, empty: {low}, full: {high}, curve: {curve}")
    levels = [rule.level(f"{low + (high - low) * step / 200:.4f}")[0] for step in range(-10, 211)]
    assert levels == sorted(levels) and levels[0] == levels[10] == 0 and levels[210] == levels[-1] == 100
    for volts, level in points:
        assert rule.level(f"{low + (volts - points[0][0]) * 2:.4f}")[0] == pytest.approx(level, abs=0.5)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        *[("2.5", 50), ("2.0", 0), ("1.9", 0), ("3", 100), ("3.3", 100), ("2.999", 100), ("2.25", 25)],
        *[(text, None) for text in ("0", "0.9", "-2.5", "4", "5.0", "2950", "nan", "", "x", "-127")],
    ],
)
def test_what_no_battery_has_is_no_level(text, level):
    found, refused = parse_battery_rule(RULE).level(text)
    assert found == level
    assert (refused is None) == (level is not None)
    assert refused is None or "1 to 3.9 V is possible" in refused


@pytest.fixture
def path(tmp_path):
    new_database(tmp_path / "telemetry.db")
    return tmp_path / "telemetry.db"


def execute(path, sql):
    with closing(connect(path)) as connection:
        return connection.execute(sql).fetchall()


def hear(path, *lines):
    """(seconds after the start, line)"""
    replay(path, "main", "tcp main:5003", [(START + at, line.encode()) for at, line in lines], "UTC")


def set_rule(path, rule=RULE):
    execute(
        path, f"insert or replace into settings (subject, key, value) values ('nodes/6', 'battery', '{rule}')"
    )


NODE = "select battery_level, battery_level_at, battery_refused from nodes where id = 6"


def test_a_voltage_is_kept_as_a_battery_level(path):
    set_rule(path)
    hear(
        path,
        (0, "6;201;1;0;38;2.8"),
        (60, "6;255;3;0;0;12"),
        (70, "6;201;1;0;0;2.1"),
        (80, "7;201;1;0;38;2.1"),
    )
    assert execute(path, NODE) == [(80, format_utc(START), None)]
    assert execute(path, "select node, level from battery_levels") == [(6, 80)]
    hear(path, (120, "6;201;1;0;38;2.81"), (180, "6;201;1;0;38;2.5"), (240, "6;201;1;0;38;2500"))
    assert execute(path, "select level from battery_levels order by id") == [(80,), (50,)]
    [(level, at, refused)] = execute(path, NODE)
    assert (level, at) == (50, format_utc(START + 180)) and "2500" in refused


def test_a_rule_applies_from_the_moment_it_is_set_and_its_level_is_old_without_it(path):
    hear(path, (0, "6;201;1;0;38;2.5"))
    with closing(connect(path)) as connection:
        store = Store(connection, "UTC")

        def change(sql):
            connection.execute(sql)
            connection.execute(
                "insert into changes values ('settings', 1, '') on conflict do update set seq = seq + 1"
            )
            assert store.poll(connection, True)
            store.write(connection)
            store.committed()

        change(f"insert into settings (subject, key, value) values ('nodes/6', 'battery', '{RULE}')")
        assert execute(path, NODE) == [(50, format_utc(START), None)]
        change("delete from settings")
        assert execute(path, NODE)[0][2] == "its rule from a voltage was taken away"
    hear(path, (60, "6;255;3;0;0;47"))
    assert execute(path, NODE) == [(47, format_utc(START + 60), None)]


LEVELS = "select received_at, level, from_voltage from battery_levels where node = 6 order by received_at"


def volts(hours, start=0):
    """A report an hour, from 3.0 V down by 2 mV each."""
    return [(3600 * hour + start, f"6;201;1;0;38;{3 - hour / 500:.3f}") for hour in range(hours)]


def read_stored(path):
    Recomputer(path, "UTC", {}).recompute()


def test_a_new_rule_reads_the_voltages_that_are_stored(path):
    hear(path, *volts(200), (720_100, "6;201;1;0;38;9.9"), (720_200, "7;201;1;0;38;2.1"))
    set_rule(path)
    read_stored(path)
    levels = execute(path, LEVELS)
    assert levels[0][1] == 100 and levels[-1][1] == pytest.approx(60, abs=2) and len(levels) < 40
    days = {at[:10] for at, _, _ in levels}
    assert len(days) == 9 and {flag for _, _, flag in levels} == {1}
    [(until, ended)] = execute(path, "select until_at, ended_at from battery_recomputations where levels > 0")
    assert until and ended
    read_stored(path)
    assert execute(path, LEVELS) == levels
    middle = levels[len(levels) // 2][0]
    execute(path, f"update battery_recomputations set ended_at = null, done_to = '{middle}'")
    read_stored(path)
    assert execute(path, LEVELS) == levels, "what was killed goes on where it ended"
    set_rule(path, "{channel: 201/38, empty: 2.6, full: 3, curve: linear}")
    read_stored(path)
    assert execute(path, LEVELS)[-1][1] == pytest.approx(0, abs=3)
    assert execute(path, "select count(*) from battery_levels where node <> 6") == [(0,)]


def test_what_a_node_reported_itself_stays_and_levels_begin_behind_it(path):
    own = (3600 * 50 + 10, "6;255;3;0;0;47")
    hear(path, *volts(50), own, *volts(20, start=3600 * 51))
    set_rule(path)
    read_stored(path)
    levels = execute(path, LEVELS)
    assert levels[0][1:] == (47, 0) and all(flag for _, _, flag in levels[1:])
    assert levels[1][0] > levels[0][0]
    execute(path, "delete from settings")
    assert execute(path, "select count(*) from battery_recomputations") == [(0,)]
    set_rule(path)
    read_stored(path)
    assert execute(path, LEVELS) == levels


def test_a_rule_of_a_node_that_is_gone_waits_for_nothing(path):
    set_rule(path)
    with closing(connect(path)) as connection:
        assert pending_levels(connection) == []
