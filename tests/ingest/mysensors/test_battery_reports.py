"""Battery levels as nodes report them: fresh cells, refused reports, and which report is the newest."""

from contextlib import closing
from itertools import permutations

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.battery_reports import BatteryReports, read_battery_level
from ingest.mysensors.replay import replay
from ingest.mysensors.state import NodeState
from ingest.schema.migrate import migrations
from ingest.transfer.states import merge_states
from tests.helpers.new_database import new_database

START = 1_772_452_800.0
COLUMNS = "battery_level, battery_level_at, battery_refused, battery_refused_at"


@pytest.fixture
def path(tmp_path):
    new_database(tmp_path / "telemetry.db")
    return tmp_path / "telemetry.db"


def hear(path, *reports):
    """`reports`: (seconds after the start, payload of I_BATTERY_LEVEL) of node 6."""
    lines = [(START + at, f"6;255;3;0;0;{payload}".encode()) for at, payload in reports]
    replay(path, "main", "tcp main:5003", lines, "UTC")


def rows(path, sql):
    with closing(connect(path, readonly=True)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("text", "level"),
    [
        *[(str(level), level) for level in (0, 1, 55.5, 99, 100)],
        *[(text, 100) for text in ("100.4", "101", "102", "119.9", "120")],
        *[
            (text, None)
            for text in ("120.1", "121", "200", "255", "-1", "-5", "", "x", "85 %", "nan", "1e3", "0x32")
        ],
    ],
)
def test_fresh_cells_are_full_and_what_cannot_be_is_no_level(text, level):
    found, refused = read_battery_level(text)
    assert found == level and (refused is None) == (level is not None)


def test_fresh_cells_are_no_oddity(path):
    hear(path, (0, "12"), (60, "102"))
    assert rows(path, f"select {COLUMNS} from nodes") == [(100, format_utc(START + 60), None, None)]
    assert rows(path, "select level from battery_levels") == [(12,), (100,)]
    assert rows(path, "select count(*) from oddities") == [(0,)]


@pytest.mark.parametrize("payload", ["255", "-5", "low", ""])
def test_a_level_from_before_a_refused_report_makes_nobody_replace_a_battery(path, payload):
    hear(path, (0, "12"), (60, payload))
    level, at, refused, refused_at = rows(path, f"select {COLUMNS} from node_overview")[0]
    assert (level, at, refused_at) == (12, format_utc(START), format_utc(START + 60))
    assert refused == f"battery level {payload!r}: 0 to 120 per cent is possible"
    hear(path, (120, "11"))
    assert rows(path, f"select {COLUMNS} from nodes") == [(11, format_utc(START + 120), None, None)]


def node(level=None, level_at=None, refused_at=None):
    at = {name: f"2026-03-0{day}" for name, day in (("level", level_at), ("refused", refused_at)) if day}
    refused = "refused" if refused_at else None
    return NodeState(
        6,
        0,
        6,
        battery_level=level,
        battery_level_at=at.get("level"),
        battery_refused=refused,
        battery_refused_at=at.get("refused"),
    )


def battery(state):
    return state.battery_level, state.battery_refused_at


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (node(80, 5), node(12, 3), (80, None)),  # older data after newer ones
        (node(80, 5), node(12, 3, 4), (80, None)),  # a refusal that a good report followed
        (node(80, 5), node(12, 3, 6), (80, "2026-03-06")),
        (node(80, 5, 7), node(12, 6), (12, "2026-03-07")),
        (node(80, 5, 7), node(12, 8), (12, None)),
        (node(None, None, 7), node(12, 6), (12, "2026-03-07")),
        (node(None, None, 7), node(12), (12, "2026-03-07")),  # a file without times
        (node(), node(80, 5, 7), (80, "2026-03-07")),
    ],
)
def test_the_newest_report_counts_in_whatever_order_they_come(path, one, other, merged):
    for states in permutations((one, other)):
        with closing(connect(path)) as connection:
            connection.execute("delete from nodes")
            merge_states(connection, [])
            connection.execute("insert or ignore into gateways (id, name, address) values (0, 'main', '')")
            for state in states:
                merge_states(connection, [state])
            found = connection.execute("select battery_level, battery_refused_at from nodes").fetchall()
        assert found == [merged]
    held = node(one.battery_level)
    vars(held).update(vars(one))
    held.merge_imported(other, pending=True)
    assert battery(held) == merged
    reports = (state._battery() for state in (one, other))
    together = next(reports).merged(next(reports))
    assert (together.level, together.refused_at) == merged


def test_a_file_of_before_is_read_again(tmp_path):
    path = tmp_path / "old.db"
    with closing(connect(path)) as connection:
        old = Database(connection)
        migrations.apply(old, stop_before="battery_refusals")
        old.execute("insert into gateways (id, name, address) values (0, 'main', '')")
        for id, level in ((1, 12), (2, 12), (3, 80), (4, None)):
            at = "2026-03-02" if level is not None else None
            old.execute(
                "insert into nodes (id, name, gateway, node_id, battery_level, battery_level_at) "
                "values (?, '', 0, ?, ?, ?)",
                (id, id, level, at),
            )
            if level is not None:
                old.execute("insert into battery_levels values (?, ?, ?, ?)", (id, at, id, level))
        marked = [
            (1, "2026-03-03", "102"),
            (2, "2026-03-03", "110"),
            (2, "2026-03-04", "255"),
            (3, "2026-03-01", "255"),
            (4, "2026-03-03", "it's"),
        ]
        for id, at, text in marked:
            reason = f"battery level {text!r}: 0 to 100 per cent is possible"
            old.execute("insert into oddities (at, node, reason) values (?, ?, ?)", (at, id, reason))
        connection.commit()
    new_database(path)
    assert rows(
        path, "select battery_level, battery_level_at, battery_refused_at from nodes order by id"
    ) == [
        (100, "2026-03-03", None),
        (100, "2026-03-03", "2026-03-04"),
        (80, "2026-03-02", None),
        (None, None, "2026-03-03"),
    ]
    assert rows(path, "select node, level from battery_levels where level = 100") == [(1, 100), (2, 100)]
    assert rows(path, "select node from oddities order by id") == [(2,), (3,), (4,)]


def test_reports_without_a_time_are_older_than_any():
    timeless, dated = BatteryReports(12, None, None, None), BatteryReports(80, "2026", None, None)
    assert timeless.merged(dated) == dated == dated.merged(timeless)
