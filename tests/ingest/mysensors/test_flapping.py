"""What comes and goes is one event with a count, and ends when it came back."""

import json
import time

import pytest

from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.events import GatewayConnected, GatewayLost
from tests.helpers.new_database import new_database
from tests.ingest.mysensors.test_events import Days, every

LOSSES = """select started_at, ended_at, json(figures), detail from events
where event = 'GATEWAY_LOST' order by id"""
SILENCES = (
    "select ended_at is null, json(figures), detail from events where event = 'NODE_SILENT' order by id"
)


@pytest.fixture
def days(tmp_path):
    new_database(tmp_path / "telemetry.db")
    days = Days(tmp_path / "telemetry.db")
    yield days
    days.connection.close()


def flap(days, times, seconds, reason="the gateway closed the connection"):
    """Lose and regain the gateway; returns when it was lost first and when it came back last."""
    first = format_utc(days.wall)
    for _ in range(times):
        days.events.absorb(GatewayLost(0, days.wall, reason))
        days.wait(seconds / times / 2)
        back = format_utc(days.wall)
        days.events.absorb(GatewayConnected(0, days.wall, days.monotonic))
        days.wait(seconds / times / 2)
    return first, back


def test_twelve_flaps_in_15_s_are_one_event_closed_after_a_stable_minute(days):
    first, back = flap(days, 12, 15)
    days.wait(45)
    [(started_at, ended_at, figures, _)] = days.rows(LOSSES)
    assert (started_at, ended_at) == (first, None)
    assert json.loads(figures) == {"count": 12, "back_at": back}
    days.wait(30)
    assert days.rows(LOSSES) == [
        (first, back, '{"count":12}', "the gateway closed the connection; lost 12 times")
    ]
    days.wait(3600)
    flap(days, 1, 10)
    days.wait(120)
    assert [row[2] for row in days.rows(LOSSES)] == ['{"count":12}', '{"count":1}']
    assert days.rows(LOSSES)[1][3] == "the gateway closed the connection"


def test_a_flap_each_fifty_seconds_for_an_hour_is_one_event(days):
    first, back = flap(days, 72, 3600)
    days.wait(120)
    assert days.rows(LOSSES)[0][:3] == (first, back, '{"count":72}')


def test_a_loss_that_lasts_is_open_until_it_is_back_for_a_minute(days):
    days.events.absorb(GatewayLost(0, days.wall, "no answer for 20 s"))
    days.wait(7200)
    assert days.rows(LOSSES)[0][1] is None
    back = format_utc(days.wall)
    days.connect()
    days.wait(75)
    assert [row[1:] for row in days.rows(LOSSES)] == [(back, '{"count":1}', "no answer for 20 s")]


@pytest.mark.parametrize("step", [-86_400, 86_400])
def test_a_clock_that_is_set_in_the_stable_minute_moves_the_end_with_it(days, step):
    _, back = flap(days, 3, 15)
    days.wall += step
    days.wait(30)
    assert days.rows(LOSSES)[0][1] is None
    days.wait(45)
    assert days.rows(LOSSES)[0][1] == format_utc(parse_utc(back) + step)


def test_the_end_is_true_where_ingest_stops_in_the_stable_minute(days):
    _, back = flap(days, 3, 15)
    days.commit()
    days.monotonic += 50_000
    days.wall += 50_000
    days.start()
    days.wait(15)
    assert days.rows(LOSSES)[0][1:3] == (back, '{"count":3}')


def test_a_loss_goes_on_over_a_restart_with_its_count(days):
    flap(days, 3, 15)
    days.events.absorb(GatewayLost(0, days.wall, "gone"))
    days.commit()
    days.start()
    flap(days, 1, 10)
    days.wait(90)
    assert [row[2:] for row in days.rows(LOSSES)] == [
        ('{"count":5}', "the gateway closed the connection; lost 5 times")
    ]


def test_a_node_at_the_edge_of_the_radio_is_one_silence_with_a_count(days):
    days.rows("insert into settings (subject, key, value) values ('nodes/12', 'silent_after_s', '600')")
    every(days, 60, 6)
    for _ in range(5):  # heard once, then silent for longer than its limit
        days.wait(1500)
        days.say("12;1;1;0;0;1")
        days.wait(30)
    assert days.rows(SILENCES) == [(0, '{"count":5}', "silent for more than 10 min; 5 times")]
    every(days, 60, 30)
    days.wait(1500)
    assert [row[1] for row in days.rows(SILENCES)] == ['{"count":5}', "{}"]


def test_a_flapping_gateway_over_tcp_is_one_event_and_pauses_grow(site, tiny):
    site.set_gateway_times(first_backoff_s=0.05, max_backoff_s=0.4, stable_s=1.5)

    def play():
        for times in range(1, 6):
            tiny.connected(times)
            site.wait("select 1 from ingest_status where connects = ? and state = 'connected'", times)
            tiny.drop()
        began = time.monotonic()
        tiny.connected(6)
        pause = time.monotonic() - began
        site.wait("select 1 from events where ended_at is not null")
        return pause

    assert site.live(site.config({"tcp": tiny.address}), play) > 0.2
    assert site.rows("select event, json_extract(figures, '$.count') from events") == [("GATEWAY_LOST", 5)]
    assert site.rows("select 1 from events where ended_at > started_at") == [(1,)]
