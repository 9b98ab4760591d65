"""Which gateways are cut when they are silent: those whose kind answers the question for its version."""

import time

import pytest

from ingest.mysensors.keepalive import ASK_AGAIN_S, Keepalive, Liveness
from ingest.mysensors.settings import GatewayTiming

STEP_S = GatewayTiming().keepalive_s / 2


class Clocked:
    """A gateway by a clock; `run` is what the reader's timer does, and tells what came of it."""

    def __init__(self, answers=None):
        self.keepalive = Keepalive(GatewayTiming(), answers)
        self.now, self.asked = 1000.0, 0

    def connect(self, received=True):
        self.keepalive.connected()
        self.last, self.received, self.opened = self.now, received, self.now

    def run(self, seconds, replies=False, says_every=None, is_serial=False):
        """What silence was taken for last, and after how many seconds it was gone."""
        end, liveness = self.now + seconds, Liveness.THERE
        while self.now <= end:
            if says_every and (self.now - self.opened) % says_every == 0:
                self.last, self.received = self.now, True
            idle_s = self.now - self.last
            liveness = self.keepalive.assess(idle_s, self.received, is_serial)
            if liveness is Liveness.GONE:
                return liveness, idle_s
            if self.keepalive.is_due(self.now, idle_s, self.received):
                self.asked += 1
                if replies:
                    self.keepalive.answered()
                    self.last, self.received = self.now, True
            self.now += STEP_S
        return liveness, None


@pytest.mark.parametrize("answers", [None, False, True])
def test_a_gateway_that_answers_is_there_and_noticed_within_25_s_when_it_stops(answers):
    gateway = Clocked(answers)
    gateway.connect()
    assert gateway.run(3600, replies=True)[0] is Liveness.THERE
    liveness, idle_s = gateway.run(100)
    assert liveness is Liveness.GONE and 20 <= idle_s <= 25
    assert gateway.keepalive.take_change() is (None if answers else True)


@pytest.mark.parametrize("says_every", [None, 15, 45, 600])
def test_one_that_never_answers_is_not_cut_and_asked_no_more_than_now_and_then(says_every):
    gateway = Clocked()
    gateway.connect()
    gateway.run(3600, says_every=says_every)
    assert gateway.run(3600, says_every=says_every)[1] is None
    assert gateway.keepalive.answers is (None if says_every == 15 else False)
    before = gateway.asked
    gateway.run(3600, says_every=says_every)
    if says_every != 15:
        assert gateway.asked - before <= 3600 / ASK_AGAIN_S + 1


def test_what_was_learnt_holds_over_restarts_before_the_first_message():
    gateway = Clocked(False)
    gateway.connect(received=False)
    assert gateway.run(3600) == (Liveness.QUIET, None)


def test_one_that_never_sent_anything_is_not_known():
    gateway = Clocked()
    gateway.connect(received=False)
    assert gateway.run(3600) == (Liveness.UNKNOWN, None)


def test_one_that_answered_before_and_sends_nothing_now_is_gone_each_time():
    gateway = Clocked(True)
    for _ in range(5):
        gateway.connect(received=False)
        liveness, idle_s = gateway.run(100)
        assert liveness is Liveness.GONE and 20 <= idle_s <= 25
    gateway.connect(received=False)
    assert gateway.run(100, is_serial=True)[0] is Liveness.UNKNOWN  # a port that opens is no sign


def test_another_device_in_the_place_of_one_that_answered_is_learnt():
    gateway = Clocked(True)
    gateway.connect()
    assert gateway.run(100)[0] is Liveness.GONE  # it may as well have stopped to answer
    gateway.connect()
    assert gateway.run(3600) == (Liveness.QUIET, None)
    assert gateway.keepalive.take_change() is False


def test_a_silence_behind_a_broker_that_stays_connected_counts_once():
    gateway = Clocked(True)
    gateway.connect()
    assert [gateway.run(100)[0] for _ in range(5)] == [Liveness.GONE] * 5
    gateway.last = gateway.now
    assert gateway.run(100)[0] is Liveness.QUIET  # messages, and again no answer
    assert gateway.keepalive.take_change() is False


@pytest.mark.parametrize("answers", [None, False, True])
def test_one_that_begins_anew_behind_its_broker_is_asked_again(answers):
    gateway = Clocked(answers)
    gateway.connect()
    gateway.run(15)
    asked = gateway.asked
    gateway.last = gateway.now
    gateway.keepalive.restarted()
    gateway.run(STEP_S, replies=True)
    assert gateway.asked == asked + 1 and gateway.keepalive.answers


def test_new_firmware_that_answers_is_learnt():
    gateway = Clocked(False)
    gateway.connect()
    gateway.run(1200, replies=True)
    assert gateway.keepalive.take_change() is True


# With a gateway.


def test_a_gateway_that_never_tells_its_version_is_kept_and_that_is_remembered(site, tiny):
    site.set_gateway_times(keepalive_s=0.2, idle_timeout_s=0.4, first_backoff_s=0.05)
    tiny.answers = False

    def play():
        tiny.connected()
        site.wait("select 1 from gateways where answers_version = 0")
        time.sleep(1)
        asked = len(tiny.received)
        tiny.greeting = ()
        tiny.drop()
        tiny.connected(2)
        site.wait("select 1 from ingest_status where connects = 2 and state = 'connected'")
        time.sleep(1)
        return asked, len(tiny.received) - asked, tiny.connects

    asked, again, connects = site.live(site.config({"tcp": tiny.address}), play)
    assert (asked <= 5, again, connects) == (True, 1, 2)
    assert site.rows("select event, detail, complete from events") == [
        ("GATEWAY_LOST", "the gateway closed the connection", 1)
    ]


def test_one_that_answers_is_remembered_and_one_that_sends_nothing_is_a_warning(site, tiny, tiny_gateway):
    site.set_gateway_times(keepalive_s=0.4, idle_timeout_s=1.6)  # a busy machine answers late
    mute = tiny_gateway(greeting=())
    mute.answers = False

    def play():
        tiny.connected()
        site.wait("select 1 from gateways where name = 'main' and answers_version = 1")
        site.wait("select 1 from ingest_status where source = 'mute' and state = 'silent'")
        time.sleep(2.0)
        return mute.connects

    assert site.live(site.config({"tcp": tiny.address}, {"name": "mute", "tcp": mute.address}), play) == 1
    assert site.rows("select answers_version from gateways where name = 'mute'") == [(None,)]
    assert site.rows("select * from events") == []
