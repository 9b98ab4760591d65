"""When a node counts as silent: gaps of 14 days of many kinds of nodes, and the rule as text."""

import random
from contextlib import closing
from itertools import groupby, pairwise

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect, transaction
from ingest.mysensors.protocol import Header
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.replay import replay
from ingest.mysensors.silence import GapCounts, GapRow, GatewayClock, limit_of, quantile, save_gaps, usual_gap
from ingest.mysensors.store import Store
from ingest.schema.migrate import migrations
from tests.helpers.new_database import new_database

START = 1_789_948_800.0  # a midnight, UTC
DAY, HOUR = 86_400, 3600


def rows_of(times):
    """`times`: seconds since a midnight of each waking, in order."""
    counts, rows = GapCounts(), []
    for day, group in groupby(pairwise(times), key=lambda pair: pair[1] // DAY):
        for before, at in group:
            counts.add(at - before, at)
        rows += counts.take(12, f"2026-09-{int(day) + 1:02}")
    return rows


def regular(every, days=14):
    return [number * every for number in range(int(days * DAY / every))]


def movement(days=14, seed=1):
    """Trips every 5 s for some minutes, some hundred times from 7 to 23 h: nights of 8 h and more."""
    chance, times = random.Random(seed), []
    for day in range(days):
        for start in sorted(chance.uniform(7 * HOUR, 22.9 * HOUR) for _ in range(60)):
            times += [day * DAY + start + 5 * trip for trip in range(chance.randrange(5, 40))]
    return sorted(times)


def hourly_and_button(days=14):
    chance = random.Random(2)
    return sorted([*regular(HOUR, days), *(chance.uniform(0, days * DAY) for _ in range(500))])


def with_presentations(days=14):
    """Reports twice an hour, and forty lines of a presentation within two minutes each day."""
    return sorted([*regular(1800, days), *(d * DAY + 900 + 4 * n for d in range(days) for n in range(30))])


def contact(days=14):
    """A door that is used on some days: two messages, and then nothing for days."""
    return [
        t
        for day in (0, 2, 5, 6, 10, 13)
        if day < days
        for t in (day * DAY + 9 * HOUR, day * DAY + 9 * HOUR + 20)
    ]


@pytest.mark.parametrize(
    ("times", "least", "most"),
    [
        (regular(10), 600, 600),
        (regular(60, days=0.2), 600, 600),
        (regular(300), 600, 600),
        (regular(1000), 1500, 1500),
        (regular(HOUR), 1.5 * HOUR, 1.5 * HOUR),
        (regular(DAY), 1.5 * DAY, 1.5 * DAY),
        (hourly_and_button(), 1.4 * HOUR, 1.5 * HOUR),
        (with_presentations(), 2600, 2700),
        (movement(), 9 * HOUR, 18 * HOUR),
        (movement(days=3), 9 * HOUR, 18 * HOUR),
        (contact(), 6 * DAY - HOUR, 6 * DAY),
        # Two losses of five hours in two weeks are not usual of one that reports every minute.
        (
            [
                t
                for t in regular(60)
                if not (4 * DAY < t < 4 * DAY + 5 * HOUR or 8 * DAY < t < 8 * DAY + 5 * HOUR)
            ],
            600,
            600,
        ),
    ],
)
def test_the_limit_of_many_kinds_of_nodes(times, least, most):
    found = usual_gap(rows_of(times))
    assert found.gaps == len(times) - 1
    assert found.seconds is not None
    assert least <= limit_of(found.seconds) <= most


@pytest.mark.parametrize(
    "times",
    [
        [],
        [0.0],
        [5.0 * n for n in range(13)],
        [5.0 * n for n in range(130)],
        [0.0, 40_000.0],
        regular(600, 0.4),
    ],
)
def test_too_little_is_known(times):
    assert usual_gap(rows_of(times)).seconds is None


def test_the_quantile_is_exact_to_the_width_of_a_bin():
    chance = random.Random(3)
    for _ in range(50):
        counts, gaps = GapCounts(), [max(3.1, chance.lognormvariate(6, 1.5)) for _ in range(2000)]
        for gap in gaps:
            counts.add(gap, 0)
        exact = sorted(gaps)[1979]
        assert exact <= quantile(counts.take(12, "2026-09-01"), 1980) <= exact * 1.045


def test_the_time_without_a_connection_is_no_time_of_a_gateway():
    clock = GatewayClock()
    assert [clock.heard(at, epoch) for at, epoch in ((10, 1), (20, 1), (500, 2), (510, 2))] == [
        10,
        20,
        20,
        30,
    ]
    assert clock.silence(530, 20) == 30


@pytest.fixture
def path(tmp_path):
    new_database(tmp_path / "telemetry.db")
    return tmp_path / "telemetry.db"


def query(path, sql):
    with closing(connect(path)) as connection:
        return connection.execute(sql).fetchall()


def hear(path, times):
    replay(path, "main", "tcp main:5003", [(START + at, b"12;1;1;0;0;1") for at in times], "UTC")


def test_gaps_are_kept_for_fourteen_days_and_the_rule_is_stated(path):
    hear(path, regular(1860, days=20))
    assert query(path, "select count(distinct day), min(day) from node_gaps") == [(14, "2026-09-27")]
    [(limit, rule, gaps)] = query(path, "select silent_after_s, rule, gaps from silence_limits")
    assert limit == 2790
    assert rule == f"1.5 x the longest usual gap of 31 min, from {gaps} gaps in 14 days" and 640 < gaps < 660
    assert query(path, "select stale_after_s, stale_rule from node_overview") == [(limit, rule)]


def test_a_replay_in_pieces_leaves_the_same_gaps_but_those_between_them(path, tmp_path):
    times = regular(700, days=3)
    hear(path, times)
    whole = query(path, "select sum(gaps), max(longest_s) from node_gaps")
    new_database(tmp_path / "pieces.db")
    for start in range(0, len(times), 50):
        hear(tmp_path / "pieces.db", times[start : start + 50])
    [(gaps, longest)] = query(tmp_path / "pieces.db", "select sum(gaps), max(longest_s) from node_gaps")
    assert (gaps, longest) == (whole[0][0] - (len(times) - 1) // 50, whole[0][1])


@pytest.mark.parametrize(
    ("usual", "value", "limit", "rule"),
    [
        (None, None, 86_400, "not known yet: a day"),
        (
            100,
            None,
            600,
            "the least there is: 1.5 x the longest usual gap of 100 s, from 2,113 gaps in 14 days",
        ),
        (1860, None, 2790, "1.5 x the longest usual gap of 31 min, from 2,113 gaps in 14 days"),
        (1860, "7200", 7200, "set by ann on 2026-11-20"),
        (None, "never", None, "set by ann on 2026-11-20"),
    ],
)
def test_the_rule_as_text(path, usual, value, limit, rule):
    hear(path, [0])
    with closing(connect(path)) as connection:
        connection.execute("update nodes set usual_gap_s = ?, usual_gaps = 2113", (usual,))
        if value:
            connection.execute(
                "insert into settings values ('nodes/12', 'silent_after_s', ?, '2026-11-20', 'ann')",
                (value,),
            )
    assert query(path, "select silent_after_s, rule from silence_limits") == [(limit, rule)]


def test_a_file_of_before_knows_the_longest_gap_of_each_day(tmp_path):
    path = tmp_path / "old.db"
    with closing(connect(path)) as connection:
        old = Database(connection)
        migrations.apply(old, stop_before="node_gaps")
        old.execute("insert into gateways (id, name, address) values (0, 'main', '')")
        old.execute("insert into nodes (id, name, gateway, node_id) values (12, '', 0, 12)")
        for day in range(1, 21):
            old.execute(
                "insert into node_daily (day, series, node, messages, intervals, min_interval_s, "
                "avg_interval_s, max_interval_s) values (?, 12 * 257 * 6 * 257, 12, 145, 144, 600, 600, ?)",
                (f"2026-09-{day:02}", 9000.0 if day == 15 else 1000.0 + day),
            )
        connection.commit()
    new_database(path)
    assert query(path, "select usual_gap_s, usual_gaps from nodes") == [(9000, 14)]
    assert query(path, "select count(*), min(day) from node_gaps") == [(14, "2026-09-07")]


def test_gaps_of_a_node_that_is_gone_are_not_stored(path):
    with closing(connect(path)) as connection:
        save_gaps(connection, [GapRow(12, "2026-09-01", 100, 1, 80.0, 80.0)])
    assert query(path, "select count(*) from node_gaps") == [(0,)]


def test_a_midnight_takes_few_nodes_in_a_commit_and_all_in_the_end(path):
    nodes = range(1, 20)
    with closing(connect(path)) as connection:
        number_gateways(connection, [("main", "")])
        store = Store(connection, "UTC")

        def hear(at):
            messages = [(Header(node, 1, 1, 0, 0), "1") for node in nodes]
            store.absorb(ReceivedBlock(0, "main", START + at, START + at, "", messages, []))

        def commit():
            with transaction(connection):
                store.write(connection)
            store.committed()
            return connection.execute("select count(distinct node), count(*) from node_gaps").fetchone()

        for at in range(DAY - 600, DAY, 60):
            hear(at)
        assert commit() == (0, 0)
        hear(DAY + 60)
        seen = [commit()[0]]
        while store.poll(connection, False):
            seen.append(commit()[0])
        assert seen[0] == 4 and all(after - before <= 4 for before, after in pairwise(seen))
        assert seen[-1] == len(nodes)
        days = "select day, sum(gaps) from node_gaps group by day"
        assert query(path, days) == [("2026-09-21", 9 * len(nodes)), ("2026-09-22", len(nodes))]
