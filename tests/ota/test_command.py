"""What becomes of a bootloader command: sent until it is heard, followed until the node is heard again."""

import pytest

from ota.command import FOLLOW_S, CommandOrder
from ota.server import OtaServer
from ota.settings import OtaSettings
from ota.wire import BootloaderCommand, parse_config_request

ERASE, SET_ID, SET_PARENT = BootloaderCommand
MYS = "0A0001004000D7950103"
REQUEST = parse_config_request(MYS)


def sent(command, value=0, at=100.0):
    order = CommandOrder(261, command, value, id=3)  # node 5 of gateway 1
    assert order.answer(REQUEST, at)
    return order


def outcome(order):
    return order.state, order.new_node_id, order.reason


def test_an_erased_node_is_followed_to_the_id_that_it_is_given():
    order = sent(ERASE)
    assert order.node_ids == {5} and not order.heard(9, 101, True)
    assert order.id_given(9) and "was given 9" in order.reason and order.node_ids == {5, 9}
    assert order.id_given(10), "it did not hear the first answer"
    assert order.heard(10, 108, False)
    assert outcome(order) == ("done", 10, "came back under id 10")
    assert not order.heard(9, 109, True) and not order.id_given(11)


def test_a_node_whose_id_was_set_is_heard_under_it():
    order = sent(SET_ID, 99)
    assert not order.id_given(9) and order.node_ids == {5, 99}
    assert order.heard(99, 101, False)
    assert outcome(order) == ("done", 99, "came back under id 99")
    same = sent(SET_ID, 5)
    assert same.heard(5, 104, True) and same.state == "done"


@pytest.mark.parametrize(("command", "value"), [(ERASE, 0), (SET_ID, 99)])
def test_a_command_that_was_not_heard_is_sent_again_a_few_times(command, value):
    order = sent(command, value)
    again = [order.answer(REQUEST, 100 + 2 * number) for number in range(1, 6)]
    assert [bool(payload) for payload in again] == [True, True, True, False, False]
    assert not order.heard(5, 106.5, True), "that message may have been on its way"
    assert order.heard(5, 112, True)
    assert order.state == "failed" and "came back under id 5 as before" in order.reason


@pytest.mark.parametrize(
    ("parent", "state", "text"),
    [(7, "done", "under id 5 with parent 7"), (0, "failed", "under id 5 with parent 0, not 7")],
)
def test_a_new_parent_is_what_the_node_reports(parent, state, text):
    order = sent(SET_PARENT, 7)
    assert order.answer(REQUEST, 102) is None, "it cannot be told whether that one was carried out"
    assert not order.heard(5, 103, True) and not order.wants_presentation(110)
    assert order.wants_presentation(140) and not order.wants_presentation(141)
    assert not order.parent_reported(6, 7, 142)
    assert order.parent_reported(5, parent, 142)
    assert order.state == state and text in order.reason


@pytest.mark.parametrize(
    ("order", "given", "text"),
    [
        (lambda: sent(ERASE), [], "no bootloader asked for an id"),
        (lambda: sent(ERASE), [9, 12], "was given 9 and 12"),
        (lambda: sent(SET_ID, 99), [], "not heard again within 10 minutes"),
        (lambda: sent(SET_PARENT, 7), [], "not heard again within 10 minutes"),
    ],
)
def test_a_node_that_is_not_heard_again_fails_the_command(order, given, text):
    order = order()
    for node_id in given:
        order.id_given(node_id)
    assert not order.expires(100 + FOLLOW_S - 1)
    order.gateway_back(400)
    assert not order.expires(100 + FOLLOW_S), "silence without a gateway means nothing"
    assert order.expires(400 + FOLLOW_S)
    assert order.state == "failed" and text in order.reason


def test_a_node_that_never_reports_its_parent_says_so():
    order = sent(SET_PARENT, 7)
    order.heard(5, 110, True)
    assert order.expires(100 + FOLLOW_S) and "did not report its parent" in order.reason


def test_two_erased_nodes_are_not_taken_for_each_other():
    server = OtaServer(OtaSettings())
    orders = [CommandOrder(node, ERASE, id=node) for node in (5, 6)]
    for at, order in enumerate(orders, 100):
        server.queue_command(order)
        assert server.answer(order.node, 0, MYS, at) == (1, "0100000000007ADA")
    server.id_given(0, 20)
    server.id_given(0, 21)
    server.id_given(1, 22)  # of another gateway
    assert [order.given_ids for order in orders] == [[20], [21]]
    server.node_heard(21, 110, False)
    server.node_heard(256 + 20, 110, False)
    assert [order.state for order in orders] == ["sent", "done"]
    server.tick(100 + FOLLOW_S + 1)
    assert orders[0].state == "failed" and server.followed(0) == []


def test_a_command_that_was_sent_is_followed_after_a_restart():
    server = OtaServer(OtaSettings())
    order = CommandOrder(5, ERASE, state="sent", sent_at=100.0, given_ids=[9], id=1)
    server.follow_command(order, 5000.0)
    server.tick(5001)
    assert order.state == "sent"
    server.node_heard(9, 5002, True)
    assert outcome(order) == ("done", 9, "came back under id 9")
