"""The figures of UPSes by the minute: kept through every change of a sample, and equal to the samples."""

import random
from contextlib import closing

import pytest
from sqlite_utils import Database

from ingest.config.retention import Retention
from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.retention import days_kept, plan
from ingest.maintenance.table_sizes import overview
from ingest.schema.migrate import migrate, migrations
from ingest.schema.ups_minutes import LEAST
from reporting.canned_queries import QueryReader, load_queries
from reporting.sql_functions import register

FIRST = parse_utc("2026-09-01T10:00:00.000Z")
HOUR_S = 3600
FIGURES = ("input_voltage", "ups_load", "watts")
COUNTED = " union all ".join(
    f"""select ups, '{name}' as figure, substr(sampled_at, 1, 17) || '00.000Z' as minute_at,
      count({value}) as samples, min({value}) as low, total({value}) as total, max({value}) as high
    from ups_samples group by 1, 3 having count(*) >= {LEAST} and count({value})"""
    for name, value in (("", "0"), *((name, name) for name in FIGURES))
)
WRONG = f"select * from ups_minutes except select * from ({COUNTED})"
HOURS = """insert into ups_samples_hourly (ups, hour_at, samples, covered_s, on_battery_s, trim_s, boost_s,
  watts_min, watts_avg, watts_max)
select ups, substr(sampled_at, 1, 13) || ':00:00.000Z', count(watts), 3600, 0, 0, 0,
  min(watts), round(avg(watts), 4), max(watts) from ups_samples group by 1, 2"""


def samples(rnd, hours):
    """Of two UPSes: one that is asked every few seconds, with pauses, and one every half minute."""
    for ups, step in ((1, 2.6), (2, 30)):
        at = FIRST + rnd.random()
        while at < FIRST + hours * HOUR_S:
            voltage = None if rnd.random() < 0.1 else round(rnd.gauss(230, 2), 1)
            yield format_utc(at), ups, "OL", voltage, rnd.randrange(30, 60), rnd.randrange(200, 400)
            at += step * (1 + rnd.random() / 10) + (400 if rnd.random() < 0.002 else 0)


def add_samples(connection, rows):
    connection.executemany(
        "insert into ups_samples (sampled_at, ups, ups_status, input_voltage, ups_load, watts) "
        "values (?, ?, ?, ?, ?, ?)",
        rows,
    )


def add_upses(connection, last_at=None):
    connection.executemany(
        "insert into ups (id, name, driver, source, label, first_seen_at, last_sample_at) "
        "values (?1, 'ups' || ?1, 'nut', 'closet', '', ?2, ?3)",
        [(ups, format_utc(FIRST), last_at) for ups in (1, 2)],
    )


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db", durable=False)) as opened:
        register(opened, "Europe/Rome")
        add_upses(opened)
        opened.execute("begin")
        yield opened


def count_minutes(connection):
    return connection.execute("select count(*) from ups_minutes where figure = ''").fetchone()[0]


def test_each_change_of_samples_takes_the_minute_away_or_leaves_it_right(connection):
    rnd = random.Random(21)
    rows = list(samples(rnd, 1))
    late = [rows.pop(rnd.randrange(100, 900)) for _ in range(8)]
    add_samples(connection, rows)
    whole = count_minutes(connection)
    assert 40 < whole < 60
    assert connection.execute(WRONG).fetchall() == []
    assert connection.execute("select count(*) from ups_minutes where ups = 2").fetchone() == (0,)
    add_samples(connection, late)
    ids = [row[0] for row in connection.execute("select id from ups_samples where ups = 1")]
    for change in (
        "delete from ups_samples where id = ?",
        "update ups_samples set input_voltage = 1 where id = ?",
        f"update ups_samples set sampled_at = '{format_utc(FIRST + 90)}' where id = ?",
        "update ups_samples set ups = 2 where id = ?",
    ):
        connection.execute(change, (rnd.choice(ids[:900]),))
        assert connection.execute(WRONG).fetchall() == [], change
    assert whole - 16 <= count_minutes(connection) < whole
    connection.execute("delete from ups_samples")
    assert connection.execute("select * from ups_minutes").fetchall() == []


def test_they_count_in_the_growth_of_the_file_as_long_as_samples_are_kept(connection):
    add_samples(connection, samples(random.Random(25), 2))
    connection.execute("insert into ups_minutes values (1, 'watts', '2026-08-01T10:00:00.000Z', 9, 1, 9, 1)")
    rows = connection.execute("select count(*) from ups_minutes").fetchone()[0]
    (size,) = [one for one in overview(connection, FIRST + 3 * HOUR_S) if one.name == "ups_minutes"]
    assert (size.rows, size.rows_a_day) == (rows, rows - 1) and rows > 200
    assert days_kept(plan(connection, Retention(ups_samples_days=40)))["ups_minutes"] == 40


@pytest.mark.parametrize("query", ["ups_history", "house_power"])
def test_charts_are_those_of_the_samples(connection, query):
    rnd = random.Random(22)
    add_samples(connection, samples(rnd, 9))
    reader = QueryReader(connection, load_queries())
    spans = []
    for _ in range(8):
        since, until = sorted(FIRST + rnd.uniform(0, 9 * HOUR_S) for _ in range(2))
        spans.append({"since": format_utc(since), "until": format_utc(until)})
    spans.append({"since": "2026-09-01T11:00:00.000Z", "until": "2026-09-01T18:00:00.000Z"})
    if query == "ups_history":
        spans = [span | {"figure": figure} for span in spans for figure in ("", "ups_load")]
        spans += [spans[-1] | {"ups": "ups1"}]
    found = [reader.run(query, span) for span in spans]
    assert sum(map(len, found)) > 1000
    connection.execute("delete from ups_minutes")
    assert found == [reader.run(query, span) for span in spans]


def test_the_power_of_days_is_that_of_hours(connection):
    add_samples(connection, samples(random.Random(23), 9))
    connection.execute(HOURS)
    reader = QueryReader(connection, load_queries())
    days = {"since": "2026-09-01T00:00:00.000Z", "until": "2026-09-06T00:00:00.000Z"}
    rows = reader.run("house_power", days)
    assert {row["bucket_s"] for row in rows} == {3600}
    for row in rows:
        count, mean, low, high = connection.execute(
            "select count(watts), avg(watts), min(watts), max(watts) from ups_samples "
            "where ups = ? and sampled_at >= ? and sampled_at < ?",
            (row["ups"], row["at"], format_utc(parse_utc(row["at"]) + HOUR_S)),
        ).fetchone()
        assert (row["samples"], row["min"], row["max"]) == (count, low, high)
        assert row["watts"] == pytest.approx(mean, abs=0.051)


def test_a_file_of_before_gets_the_minutes_of_its_last_days(tmp_path):
    path, rnd = tmp_path / "old.db", random.Random(24)
    with closing(connect(path)) as connection:
        migrations.apply(Database(connection), stop_before="ups_minutes")
        connection.execute("begin")
        rows = list(samples(rnd, 1))
        add_upses(connection, max(row[0] for row in rows))
        add_samples(connection, rows)
        connection.commit()
    migrate(path)
    with closing(connect(path)) as connection:
        assert 40 < count_minutes(connection) < 60
        assert connection.execute(WRONG).fetchall() == []
