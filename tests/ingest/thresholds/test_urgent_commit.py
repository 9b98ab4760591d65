"""With `commit_s: 60`, what opens or closes an event is in the file within a second, the rest waits."""

import time

import pytest

from tests.ingest.mysensors.conftest import IngestSite, TinyGateway, until
from tests.ingest.nut.lab import Lab

CONFIG = """timezone: UTC
commit_s: 60
gateways: [{{name: main, tcp: "{gateway}"}}]
nut: [{{name: closet, host: 127.0.0.1, port: {port}, ups: [rack], poll_s: 2, status_s: 1}}]
thresholds:
  - {{name: frost, channel: main/7/1/V_TEMP, below: 4}}
  - {{name: hot-load, figure: ups_load, ups: rack@closet, above: 70, for_s: 1}}
"""
DEVICE = "ups.status: OL\nups.load: 20\nbattery.charge: 100\n"
CHANGES = "select change from event_changes c join events e on e.id = c.event where e.event = 'VALUE'"
LATEST_S = 1.0  # after the line, on a machine that does nothing else
SLOW = 2.0  # times that, for one that is busy


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    site, tiny = IngestSite(tmp_path_factory.mktemp("urgent")), TinyGateway()
    with Lab({"rack": DEVICE}) as lab:
        lab.wait("rack")
        ingest = site.start(CONFIG.format(gateway=tiny.address, port=lab.port))
        try:
            tiny.connected()
            yield site, tiny, lab
        finally:
            ingest.terminate()
            ingest.wait(30)
            tiny.close()


def seconds_until(found):
    began = time.monotonic()
    until(found, 30)
    return time.monotonic() - began


def test_lines_without_an_event_wait_and_an_event_takes_them_along(world):
    site, tiny, _ = world
    tiny.say("7;255;0;0;17;2.3.2", "7;1;0;0;6;Room", *["7;1;1;0;0;20.5"] * 5)
    time.sleep(1.5)
    assert site.column("select count(*) from readings") == [0]
    tiny.say("7;1;1;0;0;3.2")
    opened = "select detail from events where event = 'VALUE' and ended_at is null"
    assert seconds_until(lambda: site.column(opened)) < LATEST_S * SLOW
    assert site.column(opened) == ["frost: Node 7 Room 3.2 °C, below 4"]
    assert site.column("select count(*) from readings") == [6]
    assert site.column(CHANGES) == ["begin"]
    tiny.say("7;1;1;0;0;4")
    assert seconds_until(lambda: not site.column(opened)) < LATEST_S * SLOW


def test_a_low_battery_and_a_lost_gateway_are_there_at_once(world):
    site, tiny, _ = world
    for line, event, is_open in (
        ("7;255;3;0;0;15", "NODE_BATTERY_LOW", 1),
        ("7;255;3;0;0;22", "NODE_BATTERY_LOW", 1),
        ("7;255;3;0;0;90", "NODE_BATTERY_LOW", 0),
    ):
        tiny.say(line)
        if line.endswith("22"):
            continue
        found = f"select 1 from events where event = '{event}' and (ended_at is null) = {is_open}"
        assert seconds_until(lambda found=found: site.column(found)) < LATEST_S * SLOW
    detail = site.column("select detail from events where event = 'NODE_BATTERY_LOW'")
    assert detail == ["battery 15 %, at the end 90 %"]
    tiny.drop()
    lost = "select 1 from events where event = 'GATEWAY_LOST'"
    assert seconds_until(lambda: site.column(lost)) < LATEST_S * SLOW


def test_an_outage_and_a_figure_beyond_its_limit_are_there_with_the_poll(world):
    site, _, lab = world
    lab.change("rack", ups_status="OB", ups_load="75")
    found = "select event from events where ups is not null and ended_at is null order by event"
    until(lambda: site.column(found) == ["ONBATT", "VALUE"], 12)  # dummy-ups: 1 s, polls: 2 s, for_s: 1
    lab.change("rack", ups_status="OL", ups_load="20")
    until(lambda: site.column(found) == [], 8)
    assert site.column("select detail from events where event = 'VALUE' and ups is not null") == [
        "hot-load: rack@closet load 75 % at worst, above 70"
    ]
