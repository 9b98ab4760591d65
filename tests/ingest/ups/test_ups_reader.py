"""The pace of a reader against a server that counts what it is asked, and how soon a reader ends."""

import time

import pytest

from ingest.config.model import MustSettings, NutServerSettings
from ingest.demo.ups.ep20 import ON_LINE, DemoEP20
from ingest.demo.ups.models import DemoUps
from ingest.demo.ups.upsd import DemoUpsd
from ingest.must.reader import MustReader
from ingest.nut.client import NutClient
from ingest.nut.reader import TIMING, NutReader, NutReaderTiming
from ingest.pipeline.source_health import Health
from ingest.ups.order_queue import OrderQueue
from ingest.ups.records import Poll, UpsClients, UpsFound, UpsGone
from tests.ingest.nut.lab import until
from tests.programs import free_port


class Reading:
    """A reader of a demo server, and all that it hands in."""

    def __init__(self, upsd=None, port=None, timing=TIMING, **options):
        options = {"status_s": 0.1, "poll_s": 0.5} | options
        self.items = []
        self.health = Health("closet", "nut", "tcp")
        server = NutServerSettings("closet", port=port or upsd.port, **options)
        self.reader = NutReader(server, self.health, self.items.append, timing=timing)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.stop()
        self.reader.join(5)
        assert not self.reader.is_alive()

    def polls(self, ups="rack@closet", outcome=None):
        return [
            item
            for item in self.items
            if isinstance(item, Poll) and item.ups == ups and outcome in (None, item.outcome)
        ]


@pytest.fixture
def status():
    return {"ups.status": "OL", "ups.load": "10"}


@pytest.fixture
def upsd(status):
    with DemoUpsd(
        {
            "rack": DemoUps("Rack", lambda t: dict(status)),
            "desk": DemoUps("Desk", lambda t: {"ups.status": "OL"}),
        }
    ) as upsd:
        yield upsd


def counted(upsd, start):
    return sum(request.startswith(start) for request in upsd.requests)


def test_status_often_all_variables_now_and_then_settings_rarely(upsd):
    """By counts: how many requests fit between two others holds on a machine of any speed."""
    with Reading(upsd) as reading:
        assert until(lambda: counted(upsd, "LIST VAR rack"), lambda count: count >= 4) >= 4
        assert len(upsd.connections) == 1
    assert counted(upsd, "LIST RW rack") == 1
    requests = [request for request in upsd.requests if request.startswith(("GET VAR rack", "LIST VAR rack"))]
    between = "".join(request[0] for request in requests).split("L")[1:-1]
    assert all(len(statuses) <= 5 for statuses in between) and any(between)
    polls = reading.polls()
    assert sum(1 + poll.coalesced for poll in polls) == len(requests)
    assert len([poll for poll in polls if poll.variables]) == counted(upsd, "LIST VAR rack")
    assert [type(item) for item in reading.items[:2]] == [UpsFound, UpsFound]


def test_on_battery_all_variables_are_asked_for_every_time(upsd, status):
    """Full polls are due every 60 s, so that those on battery come of the status alone."""
    with Reading(upsd, poll_s=60) as reading:
        assert until(reading.polls, bool)
        status["ups.status"] = "OB"
        on_battery = until(
            lambda: [p for p in reading.polls() if p.status == "OB" and p.variables],
            lambda polls: len(polls) >= 4,
        )
        assert len(on_battery) >= 4 and all(p.interval_s == 0.1 for p in on_battery)
        status["ups.status"] = "OL"
        assert until(lambda: reading.polls()[-1], lambda p: p.status == "OL" and p.variables).interval_s == 60
        assert counted(upsd, "LIST VAR desk") == 1
    assert not [p for p in reading.polls() if p.status == "OB" and not p.variables]  # with all, or not at all


def test_a_ups_that_fails_does_not_stop_the_others(upsd):
    with Reading(upsd) as reading:
        upsd.fail("stale", "rack")
        until(lambda: reading.polls(outcome="stale"), lambda polls: len(polls) > 2)
        assert reading.polls("desk@closet", "ok") and not reading.polls("desk@closet", "stale")
        assert until(lambda: reading.health.detail, lambda words: "rack@closet: stale" in words)
        assert reading.health.state == "connected"
        upsd.heal()
        assert until(lambda: reading.polls()[-1].variables, bool)
        assert until(lambda: reading.health.detail, lambda words: words.startswith("2 UPSes")).startswith(
            "2 UPSes"
        )


@pytest.mark.parametrize(("fault", "told"), [(None, {"127.0.0.1": 1}), ("bare", None)])
def test_which_programs_watch_a_ups_is_asked_with_the_controls(upsd, fault, told):
    with NutClient("127.0.0.1", upsd.port, "operator", "demo") as watcher:
        watcher.login("rack")
        if fault:
            upsd.fail(fault)
        with Reading(upsd) as reading:
            assert until(lambda: len(reading.polls()), lambda number: number > 5) > 5
    clients = [item for item in reading.items if isinstance(item, UpsClients) and item.ups == "rack@closet"]
    assert [item.logins for item in clients] == [told]
    assert counted(upsd, "LIST CLIENT rack") == 1


def test_a_ups_without_description_is_found_without_one():
    """What upsd 2.8 and older ones list for a UPS without `desc` in ups.conf."""
    texts = {"rack": "Description unavailable", "desk": "Unavailable", "attic": "Attic"}
    upses = {name: DemoUps(text, lambda t: {"ups.status": "OL"}) for name, text in texts.items()}
    with DemoUpsd(upses) as upsd, Reading(upsd) as reading:
        until(reading.polls, lambda polls: len(polls) >= 3)
    found = {item.ups: item.description for item in reading.items if isinstance(item, UpsFound)}
    assert found == {"rack@closet": "", "desk@closet": "", "attic@closet": "Attic"}


@pytest.mark.parametrize("fault", ["latin1", "bare", "crlf"])
def test_odd_servers_are_read_all_the_same(upsd, fault):
    upsd.fail(fault)
    with Reading(upsd) as reading:
        assert until(lambda: reading.polls(outcome="ok"), bool)[0].variables["ups.load"] == "10"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("truncate_list", "timeout"), ("shift", "protocol"), ("denied", "denied"), ("drop", "closed")],
)
def test_wrong_answers_never_become_values(upsd, fault, outcome):
    with Reading(upsd, timing=NutReaderTiming(least_answer_s=0.5), ups=("rack",)) as reading:
        assert until(reading.polls, bool)
        upsd.fail(fault)
        assert until(lambda: reading.polls(outcome=outcome), bool, 12)
        bad = len(reading.items)
        time.sleep(0.5)
        assert not [item for item in reading.items[bad:] if item.variables]
        upsd.heal()
        assert until(lambda: reading.items[-1].variables, bool)
    assert {poll.status for poll in reading.polls(outcome="ok")} == {"OL"}


def test_a_connection_that_is_closed_once_costs_no_poll(upsd):
    with Reading(upsd) as reading:
        assert until(lambda: len(reading.polls()) > 1, bool)
        for connection in list(upsd.connections):
            connection.shutdown(2)
        until(lambda: reading.health.connects, lambda connects: connects == 2)
        time.sleep(0.5)
        assert [poll.outcome for poll in reading.polls() if poll.outcome != "ok"] == []


def test_a_server_that_is_not_there_is_tried_again():
    port = free_port()
    with Reading(port=port, ups=("rack",)) as reading:
        assert until(lambda: reading.polls(outcome="refused"), lambda polls: len(polls) >= 2)
        assert reading.health.state == "lost" and "nothing listens" in reading.health.detail
        with DemoUpsd({"rack": DemoUps("Rack", lambda t: {"ups.status": "OL"})}, port=port):
            assert until(lambda: reading.polls(outcome="ok"), bool)


def test_a_ups_that_the_config_names_and_the_server_has_not(upsd):
    with Reading(upsd, ups=("rack", "shed")) as reading:
        assert until(lambda: reading.polls("shed@closet", "unknown_ups"), bool)
        assert reading.polls(outcome="ok")


def test_upses_come_and_go_where_the_config_names_none(upsd):
    with Reading(upsd, timing=NutReaderTiming(list_s=0.2)) as reading:
        assert until(reading.polls, bool)
        upsd.upses["shed"] = upsd.upses.pop("desk")
        assert until(lambda: reading.polls("shed@closet", "ok"), bool)
        gone = until(lambda: [item for item in reading.items if isinstance(item, UpsGone)], bool)
        assert [item.ups for item in gone] == ["desk@closet"]


def test_a_ups_without_a_status_is_read_now_and_then():
    upses = {
        "pdu": DemoUps("PDU", lambda t: {"device.type": "pdu", "outlet.1.status": "on"}),
        "rack": DemoUps("Rack", lambda t: {"ups.status": "OL"}),
    }
    with DemoUpsd(upses) as upsd, Reading(upsd) as reading:
        polls = until(lambda: reading.polls("pdu@closet"), lambda polls: len(polls) > 2)
        assert {poll.outcome for poll in polls} == {"ok"}
        assert until(lambda: counted(upsd, "GET VAR rack"), lambda count: count > 5) > 5
        assert counted(upsd, "GET VAR pdu") == 0


def test_a_driver_that_has_just_started_is_no_data(upsd):
    upsd.fail("wait")
    with Reading(upsd) as reading:
        polls = until(reading.polls, lambda polls: len(polls) > 3)
        assert {poll.status for poll in polls} == {"WAIT"} and not any(poll.variables for poll in polls)
        assert "no data yet" in until(lambda: reading.health.detail, bool)


@pytest.mark.parametrize("fault", ["frozen", None])
def test_a_reader_ends_at_once_even_where_it_waits_for_an_answer(upsd, fault):
    """An answer, and the next poll, would be waited for a minute."""
    pace = {"poll_s": 600, "status_s": 0.1 if fault else 600}
    reading = Reading(upsd, timing=NutReaderTiming(answer_s=60, least_answer_s=60), **pace)
    assert until(reading.polls, bool)
    if fault:
        upsd.fail(fault)
        asked = len(upsd.requests)
        assert until(lambda: len(upsd.requests), lambda number: number > asked) > asked
    reading.reader.stop()
    reading.reader.join(30)
    assert not reading.reader.is_alive()
    assert not reading.polls(outcome="closed")


def test_an_ep20s_reader_ends_at_once_in_a_silence():
    with DemoEP20(lambda t: ON_LINE) as device:
        items = []
        reader = MustReader(
            MustSettings("garage", device.device, poll_s=0.5, status_s=0.2),
            Health("garage", "must", "serial"),
            items.append,
            OrderQueue(items.append, lambda seconds: True),
        )
        reader.start()
        assert until(lambda: len(items) > 1, bool) and items[0].commands == {
            "beeper.enable": "",
            "beeper.disable": "",
            "experimental.must.reset": "",
            "shutdown.return": "",
        }
        assert items[1].variables["battery.voltage.low"] == "10.5"
        device.fail("silent")
        asked = len(device.requests)
        assert until(lambda: len(device.requests), lambda number: number > asked) > asked
        reader.stop()
        reader.join(3)  # the attempts that it would make otherwise take 9 s
        assert not reader.is_alive()
