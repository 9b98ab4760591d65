"""Which events are published, and where a restart goes on."""

import json
import time

import pytest

from ingest.db.time import format_utc
from outbound.mqtt.events import LATE_S, read_events, save_cursor, start_cursor
from outbound.mqtt.topics import Topics
from tests.outbound.mqtt.published_site import PublishedHouse

TOPICS = Topics("voltkeeper")


@pytest.fixture
def house(tmp_path):
    house = PublishedHouse(tmp_path / "telemetry.db")
    yield house
    house.connection.close()


def read(house, seq):
    found = read_events(house.connection, TOPICS, seq, time.time())
    return [(topic, json.loads(payload)) for topic, payload in found.messages], found.seq


def test_the_first_start_begins_with_now_and_a_restart_where_it_was(house):
    house.event()
    seq = start_cursor(house.connection)
    assert seq == 1 and read(house, seq) == ([], 1)
    save_cursor(house.connection, seq)
    house.event("LOWBATT")
    assert start_cursor(house.connection) == 1
    messages, seq = read(house, 1)
    assert [content["event"] for _, content in messages] == ["LOWBATT"] and seq == 2
    house.run("delete from event_changes")  # a copy of before
    assert start_cursor(house.connection) == 0


def test_each_kind_of_event_has_its_topic(house):
    house.event()
    house.event("NODE_SILENT", ups=None, node=12)
    house.event("GATEWAY_LOST", ups=None, gateway=0)
    house.event("DISK_LOW", ups=None)
    messages, _ = read(house, 0)
    assert [topic for topic, _ in messages] == [
        "voltkeeper/event/ups/rack@closet",
        "voltkeeper/event/node/main/12",
        "voltkeeper/event/gateway/main",
        "voltkeeper/event/site",
    ]
    assert [content["name"] for _, content in messages][:3] == ["rack@closet", "main/12", "main"]
    assert {content["kind"] for _, content in messages} == {"begin"}


def test_what_is_of_the_past_is_left_out(house):
    imported = house.event(started_at=house.now(90_000), ended_at=house.now(89_000))
    late = house.event("LOWBATT")
    house.run("update event_changes set at = ? where event = ?", format_utc(time.time() - LATE_S - 1), late)
    lasting = house.event("REPLBATT", started_at=house.now(90_000))
    messages, seq = read(house, 0)
    assert [content["event"] for _, content in messages] == ["REPLBATT"] and imported < lasting
    assert seq == house.run("select max(seq) from event_changes")[0][0]
    house.end_event(lasting)
    messages, _ = read(house, seq)
    assert [(content["kind"], content["ended_at"] is None) for _, content in messages] == [("end", False)]
