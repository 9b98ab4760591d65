"""The lowest battery level of each day: kept through every change of a level, and read by node_report."""

import random
from contextlib import closing

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.schema.migrate import migrate, migrations
from reporting.canned_queries import QueryReader, load_queries
from reporting.sql_functions import register

FIRST = parse_utc("2026-09-01T00:00:00.000Z")
DAYS, DAY_S = 12, 86400
BY_DAY = "select node, substr(received_at, 1, 10), min(level) from battery_levels group by 1, 2"
LOWEST = """select n.id, (select min(level) from battery_levels where node = n.id
  and received_at >= :since and received_at < :until) from nodes n order by n.id"""


def some_time(rnd):
    return format_utc(FIRST + rnd.randrange(DAYS * DAY_S * 1000) / 1000)


def add_levels(connection, rnd, count):
    connection.executemany(
        "insert into battery_levels (node, received_at, level) values (?, ?, ?)",
        [(rnd.choice((7, 12)), some_time(rnd), rnd.randrange(200) / 2) for _ in range(count)],
    )


def add_nodes(connection):
    connection.execute("insert into gateways (id, name, address) values (0, 'main', '')")
    connection.executemany(
        "insert into nodes (id, name, gateway, node_id, first_seen_at) values (?1, '', 0, ?1, ?2)",
        [(node, format_utc(FIRST)) for node in (7, 12, 30)],
    )


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db")) as opened:
        register(opened, "Europe/Rome")
        add_nodes(opened)
        yield opened


def kept(connection):
    return connection.execute("select node, day, low from battery_daily order by 1, 2").fetchall()


def counted(connection):
    return connection.execute(f"{BY_DAY} order by 1, 2").fetchall()


def test_each_change_of_levels_changes_the_day(connection):
    rnd = random.Random(17)
    for _ in range(40):
        add_levels(connection, rnd, 12)
        ids = [row[0] for row in connection.execute("select id from battery_levels")]
        few = ", ".join(map(str, rnd.sample(ids, 5)))
        change = rnd.choice(
            (
                f"delete from battery_levels where id in ({few})",
                f"update battery_levels set node = 12, moved_from = 7 where id in ({few})",
                f"update battery_levels set received_at = '{some_time(rnd)}' where id in ({few})",
                f"update battery_levels set level = {rnd.randrange(100)} where id in ({few})",
                f"delete from battery_levels where received_at < '{format_utc(FIRST + DAY_S)}'",
            )
        )
        connection.execute(change)
        assert kept(connection) == counted(connection), change
    connection.execute("delete from battery_levels")
    assert kept(connection) == []


def test_the_report_of_nodes_has_the_lowest_of_all_levels(connection):
    rnd = random.Random(18)
    add_levels(connection, rnd, 400)
    reader = QueryReader(connection, load_queries())
    for number in range(60):
        since, until = sorted((some_time(rnd), some_time(rnd)))
        if number % 3 == 0:  # whole days, and parts of one day
            since, until = f"{since[:10]}T00:00:00.000Z", f"{until[:10]}T00:00:00.000Z"
        elif number % 3 == 1:
            since, until = sorted((since, since[:11] + until[11:]))
        if since == until:
            continue
        span = {"since": since, "until": until}
        found = [(row["node"], row["lowest_battery"]) for row in reader.run("node_report", span) or []]
        assert found == connection.execute(LOWEST, span).fetchall(), span


def test_a_file_of_before_gets_its_days(tmp_path):
    path = tmp_path / "old.db"
    with closing(connect(path)) as connection:
        migrations.apply(Database(connection), stop_before="battery_daily")
        add_nodes(connection)
        add_levels(connection, random.Random(19), 50)
        connection.commit()
    migrate(path)
    with closing(connect(path)) as connection:
        assert len(kept(connection)) > DAYS
        assert kept(connection) == counted(connection)
