"""The last day of the channels of a node, in tens of minutes."""

import random

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from reporting.charts import Point
from reporting.node_day import HOUR_S, HOURS_SHOWN, KEPT, KeptHour, read_day
from tests.helpers.new_database import new_database
from tests.helpers.reading_hours import SUM_UP

NOW = 1_790_000_000 // HOUR_S * HOUR_S + 1500.0
DAY_S = HOURS_SHOWN * HOUR_S
NODE, CHANNELS, OTHER = 12, (786_688, 786_945), 852_224
PLAIN = """select channel, substr(received_at, 1, 15) || '0:00.000Z' as at, avg(value), min(value),
  max(value) from readings where channel between 786432 and 851967 and value is not null and wrong is null
  and received_at >= ? group by 1, 2 order by 1, 2"""


@pytest.fixture
def house(tmp_path):
    """A database with two days of two channels of a node and of one of another, at odd times, with a gap."""
    connection = connect(new_database(tmp_path / "house.db"))
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x')")
    connection.executemany(
        "insert into nodes (id, name, gateway, node_id) values (?, '', 0, ?)", [(12, 12), (13, 13)]
    )
    connection.executemany(
        "insert into sensors (id, name, node, child_id) values (?, '', ?, ?)",
        [(channel >> 8, channel >> 16, (channel >> 8) % 256) for channel in (*CHANNELS, OTHER)],
    )
    connection.executemany(
        "insert into channels (id, name, node, sensor, type, type_name) values (?, '', ?, ?, 0, 'V_TEMP')",
        [(channel, channel >> 16, channel >> 8) for channel in (*CHANNELS, OTHER)],
    )
    rnd = random.Random(3)
    for channel in (*CHANNELS, OTHER):
        times = sorted(NOW - rnd.uniform(0, 2 * DAY_S) for _ in range(1200))
        store(connection, channel, [at for at in times if not 20_000 < NOW - at < 30_000], rnd)
    yield connection
    connection.close()


def store(connection, channel, times, rnd):
    """Readings at these times, some of them texts or wrong, and their hours."""
    connection.executemany(
        "insert into readings (received_at, channel, value, text, wrong) values (?, ?, ?, '', ?)",
        [
            (
                format_utc(at),
                channel,
                None if rnd.random() < 0.05 else round(rnd.gauss(20, 3), 2),
                "85 °C is an error" if rnd.random() < 0.05 else None,
            )
            for at in times
        ],
    )
    connection.execute(SUM_UP)


def plain(connection, now=NOW):
    """The same by one query over all readings."""
    since = format_utc((now - DAY_S) // 600 * 600)
    found = {}
    for channel, at, mean, low, high in connection.execute(PLAIN, [since]):
        found.setdefault(channel, []).append(Point(parse_utc(at) + 300, round(mean, 3), low, high))
    return found


def test_each_ten_minutes_have_their_mean_least_and_greatest_value(house):
    found = read_day(house, NODE, NOW, {})
    assert set(found) == set(CHANNELS) and found == plain(house)
    assert len(found[CHANNELS[0]]) > 100 and all(NOW - DAY_S < point.at + 300 for point in found[CHANNELS[0]])
    assert not any(NOW - 29_000 < point.at < NOW - 21_000 for point in found[CHANNELS[0]]), "a gap stays one"


def test_an_hour_that_did_not_change_is_not_read_again(house):
    kept = {}
    first = read_day(house, NODE, NOW, kept)
    house.execute("delete from readings")
    assert read_day(house, NODE, NOW, kept) == first
    hours = {
        point.at // HOUR_S
        for points in read_day(house, NODE, NOW + 2 * HOUR_S, kept).values()
        for point in points
    }
    assert min(hours) == (NOW - 22 * HOUR_S) // HOUR_S


@pytest.mark.parametrize(
    "change",
    [
        "insert into readings (received_at, channel, value, text) values ('{at}', {channel}, 20, '')",
        "update readings set wrong = 'by hand' where channel = {channel} and received_at >= '{hour}'",
        "update readings set value = 99 where id = (select min(id) from readings where channel = {channel} "
        "and wrong is null and value is not null and received_at >= '{hour}')",
    ],
)
def test_an_hour_that_changed_is_read_again(house, change):
    kept = {}
    before = read_day(house, NODE, NOW, kept)
    names = {"at": format_utc(NOW - 5 * HOUR_S), "hour": format_utc(NOW - HOUR_S), "channel": CHANNELS[0]}
    house.execute(change.format(**names))
    house.execute("delete from readings_hourly")
    house.execute(SUM_UP)
    after = read_day(house, NODE, NOW, kept)
    assert after == plain(house) != before


def test_values_without_figures_of_their_hour_are_shown_and_read_again(house):
    kept = {}
    whole = read_day(house, NODE, NOW, {})
    house.execute("delete from readings_hourly where channel = ?", CHANNELS[:1])  # the clock is not known
    hour = format_utc(NOW - 3 * HOUR_S)[:13]
    house.execute(
        "update readings set received_at = '2000' where channel = ? and received_at glob ? || '*'",
        (CHANNELS[1], hour),
    )  # it is known, and these are not moved to their time yet
    assert read_day(house, NODE, NOW, kept)[CHANNELS[0]] == whole[CHANNELS[0]]
    house.execute("update readings set received_at = ? where received_at = '2000'", (f"{hour}:10:00.000Z",))
    house.execute(
        "insert into readings (received_at, channel, value, text) values (?, ?, 20, '')",
        (format_utc(NOW - 5 * HOUR_S), CHANNELS[0]),
    )
    assert read_day(house, NODE, NOW, kept) == plain(house) != whole


def test_hours_that_are_kept_do_not_grow_without_end(house):
    kept = {(1, str(number)): KeptHour((0, 0, 0, 0), []) for number in range(KEPT + 1)}
    read_day(house, NODE, NOW, kept)
    assert 40 < len(kept) <= 50


def test_a_time_limit_keeps_the_newest_hours_for_the_next_call(house):
    kept, calls = {}, []

    def limit():
        calls.append(1)
        return len(calls) > 20

    house.set_progress_handler(limit, 100)
    cut = read_day(house, NODE, NOW, kept)
    house.set_progress_handler(None, 0)
    whole = plain(house)
    assert 0 < len(cut[CHANNELS[0]]) < len(whole[CHANNELS[0]])
    assert all(points == whole[channel][-len(points) :] for channel, points in cut.items())
    assert read_day(house, NODE, NOW, kept) == whole
