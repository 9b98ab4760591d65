"""The history of the demo's UPSes: quickly made, with a long outage, and continued by the live ones."""

import time

import pytest

from ingest.config.model import Config, MustSettings, NutServerSettings
from ingest.db.connection import connect
from ingest.demo.ups.history import LONG_S, live_upses, make_ups_history
from ingest.must.client import MustClient
from ingest.nut.client import NutClient
from tests.helpers.new_database import new_database

UNTIL = 1_800_000_000.0


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    database = tmp_path_factory.mktemp("past") / "t.db"
    new_database(database)
    config = Config(
        timezone="Europe/Rome",
        database=database,
        nut=(NutServerSettings("closet"),),
        must=(MustSettings("garage", "/dev/x"),),
    )
    total = make_ups_history(config, 28, UNTIL)
    connection = connect(database, readonly=True)
    yield connection, total
    connection.close()


def test_four_weeks_hold_a_sample_every_few_minutes(house):
    connection, total = house
    assert total > 4 * 28 * 144
    assert connection.execute("select count(*) from ups_samples").fetchone() == (total,)


def test_all_of_it_is_covered_and_no_event_is_open_or_incomplete(house):
    connection, _ = house
    for name, covered in connection.execute(
        "select u.name, sum(covered_s) from ups_samples_hourly h join ups u on u.id = h.ups group by 1"
    ):
        assert covered == pytest.approx(28 * 86400, rel=0.001), name
    assert connection.execute("select count(*) from events where not complete").fetchone() == (0,)
    assert connection.execute("select count(*) from polls where outcome <> 'ok'").fetchone() == (0,)


def test_a_long_outage_hits_every_ups_and_one_runs_low(house):
    connection, _ = house
    rows = connection.execute(
        """select u.name, json_extract(figures, '$.seconds'), json_extract(figures, '$.wh'),
        json_extract(figures, '$.low_battery') from events e join ups u on u.id = e.ups
        where event = 'ONBATT' and json_extract(figures, '$.seconds') >= ?""",
        (LONG_S,),
    ).fetchall()
    assert {name for name, *_ in rows} == {"rack@closet", "desk@closet", "attic@closet", "garage"}
    assert any(low for *_, low in rows)
    watts = {name: wh * 3600 / seconds for name, seconds, wh, _ in rows}
    assert 100 < watts["rack@closet"] < 140 and 100 < watts["garage"] < 130


def test_samples_lie_in_order_of_time(house):
    connection, _ = house
    times = [at for (at,) in connection.execute("select sampled_at from ups_samples order by id")]
    assert times == sorted(times)


def test_the_live_house_speaks_both_protocols(tmp_path):
    with live_upses(link=tmp_path / "ep20", until=time.time()) as (upsd, ep20):
        with NutClient("127.0.0.1", upsd.port) as client:
            assert set(client.list_ups()) == {"rack", "desk", "attic"}
        with MustClient(ep20.device) as client:
            assert client.read_status()["device.model"] == "EP20"
