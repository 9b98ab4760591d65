"""The thread that sends orders, against servers that go away at the worst moments."""

import time

import pytest

from ingest.config.model import NutServerSettings
from ingest.demo.ups.upsd import DemoUpsd
from ingest.demo.ups.upsd_dialogue import close_connection
from ingest.nut.commander import Commander
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrder
from tests.ingest.nut.lab import PASSWORD, USER, Lab, until

DEVICE = {"variables": {"ups.status": "OL"}, "commands": ["beeper.mute"]}


class Sender:
    """A Commander with its reports; `commit` is called when an order is about to leave."""

    def __init__(self, server, commit=lambda seconds: True):
        self.updates, self.items = [], []
        self.queue = OrderQueue(self.updates.append, commit)
        self.commander = Commander(server, self.queue, self.items.append)
        self.commander.start()

    def order(self, number=1, seconds=20.0, command="beeper.mute", ups="rack@lab"):
        self.queue.add(UpsOrder(number, ups, command, None, None, "owner", time.monotonic() + seconds))

    def states(self, wanted, seconds=10):
        return until(
            lambda: [update.state for update in self.updates], lambda states: len(states) >= wanted, seconds
        )

    def end(self):
        self.commander.stop()
        self.commander.join(5)
        assert not self.commander.is_alive()


@pytest.fixture
def sender():
    senders = []

    def make(*arguments):
        senders.append(Sender(*arguments))
        return senders[-1]

    yield make
    for one in senders:
        one.end()


def demo(upsd):
    return NutServerSettings("lab", port=upsd.port, command_username="operator", command_password="demo")


def test_a_server_that_freezes_when_the_order_is_about_to_leave_never_gets_it(sender):
    with Lab({"rack": DEVICE}) as lab:
        lab.wait("rack")
        server = NutServerSettings("lab", port=lab.port, command_username=USER, command_password=PASSWORD)
        one = sender(server, lambda seconds: lab.freeze(lab.upsd) or True)
        one.order()
        assert one.states(2, 12) == ["sent", "failed"]
        assert one.updates[-1].reason.startswith("not sent: ") and "frozen" in one.updates[-1].reason
        lab.thaw(lab.upsd)
        lab.wait("rack")
        time.sleep(1)
        assert lab.told("rack") == []


def test_a_server_that_is_gone_before_it_answers_leaves_it_unknown_and_is_not_asked_twice(sender):
    with DemoUpsd() as upsd:
        upsd.command = lambda ups, command: [
            close_connection(connection) for connection in list(upsd.connections)
        ]
        one = sender(demo(upsd))
        one.order()
        assert one.states(2) == ["sent", "unknown"]
        assert (
            "closed the connection" in one.updates[-1].reason
            and "it is not sent again" in one.updates[-1].reason
        )
        time.sleep(3)
        assert len([request for request in upsd.requests if request.startswith("INSTCMD")]) == 1


def test_a_server_that_is_gone_while_its_driver_works_leaves_it_unknown(sender):
    with DemoUpsd() as upsd:
        one = sender(demo(upsd), lambda seconds: upsd.tracked.clear() or True)
        one.order(command="test.battery.start.quick")
        until(lambda: upsd.tracked, bool)
        for connection in list(upsd.connections):
            close_connection(connection)
        assert one.states(2) == ["sent", "unknown"]
        assert one.updates[-1].reason.startswith("upsd accepted it, then: ") and one.items == []


def test_a_server_that_does_not_answer_when_asked_first_is_asked_again_until_the_order_expires(sender):
    with DemoUpsd() as upsd:
        upsd.fail("drop")
        one = sender(demo(upsd))
        one.order(1, seconds=3)
        one.order(2, seconds=30)
        assert one.states(1) == ["expired"] and "closed the connection" in one.updates[0].reason
        upsd.heal()
        assert one.states(3) == ["expired", "sent", "done"] and one.updates[-1].order.id == 2


def test_the_connection_is_there_only_while_there_is_work(sender):
    with DemoUpsd() as upsd:
        one = sender(demo(upsd))
        assert not upsd.connections
        one.order()
        assert one.states(2) == ["sent", "done"]
        assert until(lambda: not upsd.connections, bool)
        one.order(2)
        assert one.states(4)[2:] == ["sent", "done"]


def test_an_order_that_expired_in_the_queue_is_not_sent(sender):
    with DemoUpsd() as upsd:
        one = sender(demo(upsd))
        one.order(seconds=-1)
        assert one.states(1) == ["expired"]
        assert not [request for request in upsd.requests if request.startswith("INSTCMD")]


def test_a_connection_that_died_between_two_orders_does_not_cost_the_second(sender):
    with DemoUpsd(clock=lambda: 1_800_000_000.0) as upsd:  # no driver is ever ready there
        one = sender(demo(upsd))
        one.order(1)
        assert one.states(1) == ["sent"]
        until(lambda: upsd.tracked, bool)
        for connection in list(upsd.connections):
            close_connection(connection)
        one.order(2)
        until(lambda: [update for update in one.updates if update.order.id == 2], bool)
        assert [(update.order.id, update.state) for update in one.updates] == [
            (1, "sent"),
            (1, "unknown"),
            (2, "sent"),
        ]
