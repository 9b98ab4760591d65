"""What a prune says that it takes after imports: the ids of imports are in no order of time."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from ingest.config.retention import Retention
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance import retention
from ingest.maintenance.jobs import run_due
from ingest.maintenance.retention import describe_item, plan, plan_before, read_plan
from tests.helpers.due_jobs import have_missed

SAMPLES = "sampled_at,ups,input_voltage,battery_charge\n"
MESSAGES = "received_at,node_id,child_id,type,value\n"
DAYS = Retention(messages_days=365, readings_days=365, ups_samples_days=365)


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def write_samples(path, first, days, each=1):
    rows = [first + timedelta(days=number / each) for number in range(days * each)]
    path.write_text(SAMPLES + "".join(f"{at:%Y-%m-%dT%H:%M:%SZ},rack@closet,230,100\n" for at in rows))
    return path


def write_messages(path, first, days, each=1):
    rows = [first + timedelta(days=number / each) for number in range(days * each)]
    path.write_text(MESSAGES + "".join(f"{at:%Y-%m-%dT%H:%M:%SZ},5,1,V_TEMP,21.5\n" for at in rows))
    return path


FILES = {"ups_samples": (write_samples, "sampled_at"), "messages": (write_messages, "received_at")}


@pytest.mark.parametrize("most_counted", [200_000, 0])
@pytest.mark.parametrize("table", sorted(FILES))
@pytest.mark.parametrize(
    "starts",
    [
        ["2020-01-01", "2022-01-01"],  # the newer file comes last and goes below the older one
        ["2022-01-01", "2020-01-01"],
        ["2021-01-01", "2023-06-01", "2019-01-01"],
        ["2023-01-01", "2021-01-01", "2022-01-01", "2020-01-01"],
        ["2020-01-01", "2020-03-15"],
        ["2022-05-05"],
    ],
)
def test_from_is_never_later_than_to(site, tmp_path, monkeypatch, starts, table, most_counted):
    monkeypatch.setattr(retention, "COUNTED", most_counted)
    write, at = FILES[table]
    for number, start in enumerate(starts):
        site.take(write(tmp_path / f"{number}.csv", day(start), 20))
    young = format_utc(time.time() - 365 * 86_400)
    first, last = site.rows(f"select min({at}), max({at}) from {table} where {at} < ?", young)[0]
    item = next(item for item in read_plan(site.database, DAYS) if item.table == table)
    assert item.rows and item.from_at == first <= item.to_at
    # the row with the highest id always stays, so that ids go on rising
    assert parse_utc(last) - parse_utc(item.to_at) <= 86_400
    assert f"from {item.from_at} to {item.to_at}" in describe_item(item)


def test_the_range_of_a_plan_is_that_of_the_rows_that_go(site, tmp_path):
    now = datetime.now(UTC).replace(microsecond=0)
    site.take(write_samples(tmp_path / "old.csv", now - timedelta(days=900), 100))
    site.take(write_samples(tmp_path / "young.csv", now - timedelta(days=400), 380))
    with connect(site.database) as connection:
        (item,) = (item for item in plan(connection, DAYS) if item.table == "ups_samples")
        cut = format_utc(time.time() - 365 * 86_400)
        going = site.rows(
            "select min(sampled_at), max(sampled_at) from ups_samples where sampled_at < ?", cut
        )
        assert (item.from_at, item.to_at) == going[0]
        nothing = [item for item in plan_before(connection, 0.0) if item.rows or item.from_at or item.to_at]
    assert nothing == []


def test_what_is_left_is_what_the_plan_left_out(site, tmp_path):
    now = datetime.now(UTC).replace(microsecond=0)
    site.take(write_samples(tmp_path / "old.csv", now - timedelta(days=900), 100))
    site.take(write_samples(tmp_path / "young.csv", now - timedelta(days=400), 380))
    site.config = site.config.__class__(**{**vars(site.config), "retention": DAYS})
    rows = site.one("select count(*) from ups_samples")
    item = next(item for item in read_plan(site.database, DAYS) if item.table == "ups_samples")
    have_missed(site.database)
    assert "prune" in run_due(site.config)
    assert site.one("select count(*) from ups_samples") == rows - item.rows
    assert site.one("select min(sampled_at) from ups_samples") > item.to_at


def test_a_row_of_a_clock_that_was_ahead_does_not_turn_the_range_round(site, tmp_path):
    site.take(write_samples(tmp_path / "old.csv", day("2020-01-01"), 20))
    connection = connect(site.database)
    with transaction(connection):
        connection.execute("update ups_samples set sampled_at = '2090-01-01T00:00:00.000Z' where id = 1")
    connection.close()
    item = next(item for item in read_plan(site.database, DAYS) if item.table == "ups_samples")
    assert (item.from_at, item.to_at) == ("2020-01-02T00:00:00.000Z", "2090-01-01T00:00:00.000Z")
