"""When an order is sent: intervals, echoes, tries, windows, expiry, replacement, holds; on a fake clock."""

import pytest

from ingest.db.time import format_utc
from ingest.mysensors.commands import NodeOrderQueue, OutboxRow, parse_order
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.protocol import Header, LineError

WALL = 1_790_000_000.0
LATER = format_utc(WALL + 86_400)


class OrderBench:
    """Orders of one gateway with a clock that is turned by hand."""

    def __init__(self):
        self.sent, self.updates, self.asked, self.sleepers = [], [], [], set()
        self.transmitter = Transmitter()
        self.transmitter.write = lambda data: self.sent.append(data.decode().rstrip("\n"))
        self.orders = NodeOrderQueue(
            self.transmitter, self.sleepers.__contains__, self.updates.append, self.asked.append
        )
        self.now = 0.0

    def order(self, number, line=None, name=None, node=12, expires_at=LATER):
        self.orders.add(parse_order(OutboxRow(number, node, name, line, expires_at), False))

    def run(self, seconds):
        """Let time pass in ticks as short as the daemon's; returns what was sent meanwhile."""
        before, end = len(self.sent), self.now + seconds
        while self.now <= end:
            self.orders.send_due(self.now, WALL + self.now)
            self.now = round(self.now + 0.02, 3)
        return self.sent[before:]

    def states(self, number):
        return [update.state for update in self.updates if update.id == number]

    def echo(self, line):
        node, child, command, _, type = map(int, line.split(";")[:5])
        self.orders.handle_echo(Header(node, child, command, 1, type), format_utc(WALL + self.now))


@pytest.fixture
def bench():
    return OrderBench()


ON, OFF = "12;1;1;1;2;1", "12;1;1;1;2;0"


def test_an_echo_ends_an_order(bench):
    bench.order(1, ON)
    assert bench.run(1) == [ON]
    bench.echo(ON)
    assert bench.run(30) == []
    assert bench.states(1) == ["sent", "echoed"]
    assert bench.updates[-1].sent_at == format_utc(WALL) and bench.updates[-1].done_at > format_utc(WALL)


def test_without_an_echo_an_awake_node_is_asked_three_times(bench):
    bench.order(1, ON)
    assert bench.run(30) == [ON] * 3
    assert bench.states(1) == ["sent", "sent", "sent", "failed"]
    assert bench.updates[-1].reason == "no echo after 3 tries: the node is off, out of reach or asleep"


def test_a_line_that_asks_for_no_echo_is_done_when_it_is_sent(bench):
    bench.order(1, "12;1;1;0;2;1")
    assert bench.run(30) == ["12;1;1;0;2;1"]
    assert bench.states(1) == ["sent"]
    assert bench.updates[-1].done_at == format_utc(WALL)


def test_orders_leave_the_radio_time_and_keep_their_order(bench):
    for number in range(5):
        bench.order(number, f"12;{number};1;0;2;1")
    bench.orders.send_due(0, WALL)
    assert len(bench.sent) == 1
    assert bench.run(0.35) == [f"12;{number};1;0;2;1" for number in (1, 2, 3)]


def test_presentations_are_asked_for_one_by_one_and_are_no_surprise(bench):
    for node in (12, 13, 14):
        bench.order(node, name="presentation", node=node)
    assert bench.run(0.4) == ["12;255;3;1;19;"]
    assert bench.run(1) == ["13;255;3;1;19;", "14;255;3;1;19;"]
    assert bench.asked == [12, 13, 14]


def test_an_answer_is_as_good_as_an_echo(bench):
    bench.order(1, name="heartbeat")
    bench.order(2, name="signal")
    bench.order(3, name="presentation")
    assert bench.run(1) == ["12;255;3;1;18;", "12;255;3;1;29;R", "12;255;3;1;19;"]
    assert bench.orders.handle_answer(Header(13, 255, 3, 0, 22), "") is False
    assert bench.orders.handle_answer(Header(12, 255, 3, 0, 22), "") is True
    assert bench.orders.handle_answer(Header(12, 255, 3, 0, 31), "") is True
    assert bench.orders.handle_answer(Header(12, 255, 0, 0, 17), "") is True
    assert [bench.states(number)[-1] for number in (1, 2, 3)] == ["echoed"] * 3


def test_a_sleeping_node_gets_an_order_inside_its_window_only(bench):
    bench.sleepers.add(12)
    bench.order(1, ON)
    assert bench.run(60) == []
    bench.orders.open_window(12, 0.5, bench.now)
    assert bench.run(0.5) == [ON]
    assert bench.run(60) == []  # unechoed, it waits for the next window and is not given up
    bench.orders.open_window(12, 0.5, bench.now)
    assert bench.run(0.5) == [ON]
    bench.echo(ON)
    bench.orders.open_window(12, 0.5, bench.now)
    assert bench.run(1) == []
    assert bench.states(1) == ["sent", "sent", "echoed"]


def test_nothing_is_sent_at_the_end_of_a_window(bench):
    bench.sleepers.add(12)
    for number in range(10):
        bench.order(number, f"12;{number};1;1;2;1")
    start = bench.now
    bench.orders.open_window(12, 0.5, start)
    assert bench.run(2) == [f"12;{number};1;1;2;1" for number in range(4)]  # at 0, 0.1, 0.2, 0.3 of 0.5 s
    assert max(update.sent_at for update in bench.updates) < format_utc(WALL + start + 0.4)


def test_in_a_long_window_an_order_is_sent_once(bench):
    bench.sleepers.add(12)
    bench.order(1, ON)
    bench.orders.open_window(12, 30, bench.now)
    assert bench.run(29) == [ON]


def test_the_window_of_one_node_is_not_that_of_another(bench):
    bench.sleepers |= {12, 13}
    bench.order(1, ON)
    bench.orders.open_window(13, 5, bench.now)
    assert bench.run(1) == []


def test_a_newer_value_replaces_one_that_waits(bench):
    bench.sleepers.add(12)
    bench.order(1, ON)
    bench.order(2, "12;2;1;1;2;1")
    bench.order(3, OFF)
    bench.orders.open_window(12, 0.5, bench.now)
    assert bench.run(1) == ["12;2;1;1;2;1", OFF]
    assert bench.states(1) == ["expired"]
    assert bench.updates[0].reason == "replaced by order 3"


def test_a_newer_value_replaces_one_that_would_be_tried_again(bench):
    bench.order(1, ON)
    bench.run(1)
    bench.order(2, OFF)
    assert bench.run(1) == [OFF]
    bench.echo(OFF)
    assert bench.run(30) == []  # the old value must not come after the new one
    assert bench.states(1) == ["sent", "expired"]
    assert bench.states(2) == ["sent", "echoed"]


def test_requests_are_not_replaced_by_each_other(bench):
    bench.order(1, "12;1;2;1;2;")
    bench.order(2, "12;1;2;1;2;")
    assert len(bench.run(1)) == 2


def test_an_order_expires_with_a_reason(bench):
    bench.sleepers.add(12)
    bench.order(1, ON, expires_at=format_utc(WALL + 10))
    bench.run(20)
    assert bench.updates[-1].state == "expired"
    assert bench.updates[-1].reason == "expired: the node did not wake in time"
    bench.orders.open_window(12, 0.5, bench.now)
    assert bench.run(1) == []


def test_what_was_over_before_the_start_is_not_blamed_on_a_node_that_is_awake(bench):
    bench.order(1, ON, expires_at=format_utc(WALL - 10))
    assert bench.run(1) == []
    assert bench.updates[-1].reason == "expired: its lifetime ended"


def test_a_held_node_gets_nothing_but_stream_messages_until_it_is_released(bench):
    bench.transmitter.hold(12, "its firmware is being updated")
    bench.order(1, ON)
    bench.order(2, "13;1;1;1;2;1", node=13)
    assert bench.run(3) == ["13;1;1;1;2;1"]
    bench.echo("13;1;1;1;2;1")
    assert not bench.transmitter.send("12;255;3;0;6;M\n", Header(12, 255, 3, 0, 6))
    assert bench.transmitter.send("12;255;4;0;1;00\n", Header(12, 255, 4, 0, 1))
    released = []
    bench.transmitter.on_release = released.append
    bench.transmitter.release(12)
    assert released == [12]
    assert bench.run(1) == [ON]


def test_an_order_that_expires_while_its_node_is_held_says_so(bench):
    bench.transmitter.hold(12, "its firmware is being updated")
    bench.order(1, ON, expires_at=format_utc(WALL + 1))
    bench.run(2)
    assert bench.updates[-1].reason == "expired: its firmware is being updated"


def test_orders_wait_for_a_connection(bench):
    write, bench.transmitter.write = bench.transmitter.write, None
    bench.order(1, ON)
    assert bench.run(20) == []
    bench.transmitter.write = write
    assert bench.run(1) == [ON]
    assert bench.states(1) == ["sent"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((12, None, "12;1;1;1;47;a;b"), "first ';'"),
        ((12, None, "12;1;1;1;47;" + "x" * 26), "26 bytes"),
        ((12, None, "13;1;1;1;2;1"), "the line is for node 13, the order is for node 12"),
        ((12, None, "255;255;1;1;2;1"), "the line is for node 255"),
        ((12, "dance", None), "unknown order 'dance'"),
        ((12, None, None), "unknown order None"),
        ((12, None, "hello"), "1 fields"),
    ],
)
def test_a_refusal_has_a_reason(row, said):
    node, name, line = row
    with pytest.raises(LineError, match=said):
        parse_order(OutboxRow(1, node, name, line, LATER), False)


def test_a_broadcast_goes_by_the_gateways_own_row(bench):
    bench.order(1, "255;255;3;0;20;", node=0)
    assert bench.run(1) == ["255;255;3;0;20;"]


def test_a_gateway_that_is_listened_to_takes_no_order():
    with pytest.raises(LineError, match="listened to only"):
        parse_order(OutboxRow(1, 12, "reboot", None, LATER), True)
