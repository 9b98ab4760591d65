"""When an order is sent: intervals, echoes, tries, windows, expiry, replacement, holds; on a fake clock."""

import pytest

from ingest.db.time import format_utc
from ingest.mysensors.commands import OutboxRow, parse_order
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.node_order_queue import NodeOrderQueue
from ingest.mysensors.protocol import Header, LineError
from ingest.mysensors.sleep import AWAKE, SLEEPS, NodeSleep

WALL = 1_790_000_000.0
LATER = format_utc(WALL + 86_400)


class OrderBench:
    """Orders of one gateway with a clock that is turned by hand."""

    def __init__(self):
        self.sent, self.updates, self.asked, self.wanted, self.nodes = [], [], [], [], {}
        self.transmitter = Transmitter()
        self.transmitter.write = lambda data: self.sent.append(data.decode().rstrip("\n"))
        self.orders = NodeOrderQueue(
            self.transmitter,
            self.sleep_of,
            self.updates.append,
            self.asked.append,
            lambda order: self.wanted.append(order.payload),
            lambda node_id: self.sleep_of(node_id).find_awake(),
            lambda at: format_utc(at)[11:16],
            commit=self.commit,
        )
        self.disk = None  # a list: it takes long, and what waits for it
        self.now = 0.0

    def commit(self, done):
        done() if self.disk is None else self.disk.append(done)

    def committed(self):
        """The disk has taken what was reported."""
        waited, self.disk = self.disk, []
        for done in waited:
            done()

    def sleep_of(self, node_id):
        return self.nodes.setdefault(node_id, NodeSleep())

    def sleeper(self, node_id=12, every_s=60.0):
        """Make a node one that has announced three windows; the clock stands at the end of the last one."""
        for _ in range(3):
            self.sleep_of(node_id).announce(self.now, explicit=True)
            self.now += every_s

    def window(self, seconds, node_id=12):
        """A node announces a window, which is not longer than what is run next."""
        self.sleep_of(node_id).announce(self.now, explicit=True)
        self.orders.open_window(node_id, seconds, self.now)

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
        """The states of an order, without the reasons that it was given meanwhile."""
        states = [update.state for update in self.updates if update.id == number]
        return [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]]

    def reasons(self, number):
        return [update.reason for update in self.updates if update.id == number]

    def echo(self, line):
        *numbers, payload = line.split(";", 5)
        node, child, command, _, type = map(int, numbers)
        header = Header(node, child, command, 1, type)
        self.orders.handle_echo(header, payload, self.now, WALL + self.now)

    def answer(self, *numbers):
        return self.orders.handle_answer(Header(*numbers), self.now, WALL + self.now)


@pytest.fixture
def bench():
    return OrderBench()


ON, OFF = "12;1;1;1;2;1", "12;1;1;1;2;0"
PROBE = "12;255;3;1;18;"


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
    assert bench.states(1) == ["sent", "failed"]
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
    assert bench.answer(13, 255, 3, 0, 22) is False
    assert bench.answer(12, 255, 3, 0, 22) is True
    assert bench.answer(12, 255, 3, 0, 31) is True
    assert bench.answer(12, 255, 0, 0, 17) is True
    assert [bench.states(number)[-1] for number in (1, 2, 3)] == ["echoed"] * 3


def test_a_sleeping_node_is_tried_at_once_and_then_in_each_window(bench):
    bench.sleeper()
    bench.order(1, ON)
    assert bench.run(9) == [ON]  # it may be awake
    assert bench.reasons(1)[-1].startswith("waits: the node sleeps; it listens every 60 s")
    bench.window(0.5)
    assert bench.run(1) == [ON]
    bench.run(60)  # unechoed, it waits for the next window and is not given up
    bench.window(0.5)
    assert bench.run(0.4) == [ON]
    bench.echo(ON)
    bench.window(0.5)
    assert bench.run(1) == []
    assert bench.states(1)[-1] == "echoed"
    assert bench.sleep_of(12).is_asleep


def test_outside_its_windows_a_sleeper_is_not_sent_one_order_after_the_other(bench):
    bench.sleeper()
    for number in range(20):
        bench.order(number, f"12;{number};1;1;2;1")
    assert len(bench.run(35)) == 4  # one in 10 s


@pytest.mark.parametrize("window_s", [0.05, 0.075, 0.1, 0.5])
def test_one_order_goes_out_at_once_in_every_window_however_short(bench, window_s):
    bench.sleeper()
    for number in range(3):
        bench.order(number, f"12;{number};1;1;2;1")
    bench.order(9, "13;1;1;0;2;1", node=13)
    bench.run(8)
    for number in range(3):
        bench.orders._next = bench.now + 0.1  # the turn of another node
        bench.window(window_s)
        before = len(bench.sent)
        bench.orders.send_due(bench.now, WALL + bench.now)
        assert bench.sent[before:] == [f"12;{number};1;1;2;1"]
        bench.echo(bench.sent[-1])
        bench.now += 6


@pytest.mark.parametrize(("window_s", "sent"), [(0.05, 1), (0.1, 1), (0.13, 2), (0.45, 4), (1.05, 10)])
def test_nothing_more_is_sent_at_the_end_of_a_window(bench, window_s, sent):
    bench.sleeper()
    for number in range(12):
        bench.order(number, f"12;{number};1;1;2;1")
    bench.run(6)
    start = bench.now
    bench.window(window_s)
    assert len(bench.run(2)) == sent  # one in 0.1 s while no echo comes
    assert max(update.sent_at or "" for update in bench.updates) < format_utc(
        WALL + start + max(0.8 * window_s, window_s - 0.1)
    )


def test_an_echo_lets_the_next_order_go(bench):
    bench.sleeper()
    for number in range(5):
        bench.order(number, f"12;{number};1;1;2;1")
    bench.run(6)
    bench.window(0.25)
    sent = []
    for _ in range(4):
        sent += bench.run(0.02)
        bench.echo(sent[-1])
    assert sent == [f"12;{number};1;1;2;1" for number in range(4)]


def test_an_order_that_was_sent_just_before_a_window_is_given_time_for_its_echo(bench):
    bench.sleeper()
    bench.order(1, ON)
    assert bench.run(0) == [ON]
    bench.window(0.1)  # announced while the order was on the air
    bench.orders.send_due(bench.now, WALL + bench.now)
    assert bench.sent == [ON]
    bench.echo(ON)
    assert bench.run(1) == []
    assert bench.sleep_of(12).is_asleep  # in its window


def test_in_a_long_window_an_order_is_sent_once(bench):
    bench.sleeper()
    bench.window(30)
    bench.order(1, ON)
    assert bench.run(29) == [ON]


def test_the_window_of_one_node_is_not_that_of_another(bench):
    bench.sleeper(12)
    bench.sleeper(13)
    bench.order(1, ON)
    assert bench.run(6) == [ON]
    bench.window(3, 13)
    assert bench.run(2) == []


def test_an_echo_outside_a_window_ends_the_sleep(bench):
    bench.sleeper()
    bench.order(1, ON)
    bench.order(2, "12;2;1;1;2;1")
    assert bench.run(0) == [ON]
    bench.echo(ON)
    assert not bench.sleep_of(12).is_asleep
    assert bench.run(1) == ["12;2;1;1;2;1"]


def test_the_late_echo_of_an_order_in_a_window_is_no_sign_that_the_node_is_awake(bench):
    bench.sleeper()
    bench.order(1, ON)
    bench.run(6)
    bench.window(0.05)
    bench.run(0.3)
    bench.echo(ON)
    assert bench.sleep_of(12).is_asleep and bench.states(1)[-1] == "echoed"


@pytest.mark.parametrize("line", ["12;255;3;1;13;", "12;1;1;1;32;A90", "12;1;1;1;19;4", "12;1;1;0;2;1"])
def test_what_must_not_arrive_twice_is_sent_to_a_sleeper_in_its_window_alone(bench, line):
    bench.sleeper()
    bench.order(1, line)
    assert bench.run(30) == [PROBE]  # asks whether it is awake
    bench.window(0.5)
    assert bench.run(60) == [line]
    bench.window(0.5)
    # A window without a presentation before it: the node has not restarted.
    assert bench.run(1) == ([line] if line.endswith(";13;") else [])


@pytest.mark.parametrize("line", ["12;255;3;1;13;", "12;1;1;0;2;1"])
def test_a_presumed_sleeper_that_answers_the_probe_is_sent_it_at_once(bench, line):
    bench.sleeper()
    bench.order(1, line)
    assert bench.run(0) == [PROBE]
    bench.echo("12;255;3;1;18;0")
    assert bench.run(3) == [line]
    assert not bench.sleep_of(12).is_asleep


def test_what_must_not_arrive_twice_is_not_tried_again(bench):
    bench.order(1, "12;255;3;1;13;")
    assert bench.run(60) == ["12;255;3;1;13;"]
    assert bench.states(1) == ["sent", "failed"]
    assert bench.updates[-1].reason.endswith("it is not sent again, because it may have arrived")


@pytest.mark.parametrize("presents", [True, False])
def test_a_node_that_restarts_is_sent_nothing_until_it_presents_itself(bench, presents):
    """MYSBootloader takes a message for an answer by the number of its type alone."""
    bench.order(1, name="reboot")
    bench.order(2, ON)
    assert bench.run(4) == ["12;255;3;1;13;"]
    assert bench.reasons(2) == ["waits: the node restarts"]
    if presents:
        bench.answer(12, 255, 0, 0, 17)
    assert bench.run(1) == ([ON] if presents else [])
    bench.run(11)
    assert bench.sent[1] == ON  # it may not restart at all


def test_a_node_that_restarts_in_its_window_is_not_restarted_again(bench):
    bench.sleeper()
    bench.order(1, name="reboot")
    bench.run(1)
    bench.window(0.5)
    assert bench.run(1)[-1] == "12;255;3;1;13;"
    assert bench.answer(12, 255, 0, 0, 17)
    bench.window(0.5)
    assert bench.run(60) == []
    assert bench.states(1) == ["queued", "sent", "echoed"]


@pytest.mark.parametrize(
    ("setting", "sent", "state"), [(AWAKE, [ON] * 3, "failed"), (SLEEPS, [ON], "queued")]
)
def test_what_users_set_for_a_node_overrules_what_is_known_of_it(bench, setting, sent, state):
    if setting == AWAKE:
        bench.sleeper()
    bench.sleep_of(12).setting = setting
    bench.order(1, ON)
    assert bench.run(30 if setting == AWAKE else 9) == sent
    assert (bench.states(1)[-1] == "failed") == (state == "failed")


def test_of_a_node_that_announced_one_window_orders_wait(bench):
    bench.sleep_of(12).announce(0, explicit=True)
    bench.order(1, ON)
    assert bench.run(60) == [ON] * 3
    assert not bench.sleep_of(12).is_asleep and bench.states(1) == ["sent"]


def test_one_heartbeat_makes_no_order_wait(bench):
    bench.sleep_of(12).announce(0, explicit=False)
    bench.order(1, ON)
    assert bench.run(60) == [ON] * 3
    assert bench.states(1) == ["sent", "failed"]


def test_a_row_says_what_its_order_waits_for_and_when_that_is_due(bench):
    bench.sleeper(every_s=600.0)
    bench.order(1, ON)
    bench.order(2, "12;2;1;1;2;1")
    bench.run(6)
    due = format_utc(WALL + 1800)[11:16]  # 600 s after the third window
    text = f"the node sleeps; it listens every 10 min and was due at about {due}"
    assert bench.reasons(1)[-1] == bench.reasons(2)[-1] == f"waits: {text}"
    before = len(bench.updates)
    bench.run(3)
    assert len(bench.updates) == before  # written where it changes
    bench.window(0.1)
    bench.run(0.4)
    assert bench.reasons(1)[-1] == ""  # sent
    assert bench.reasons(2)[-1].startswith("waits: will be sent about ")


def test_after_a_restart_the_next_window_is_told_by_the_last_message(bench):
    bench.nodes[12] = NodeSleep(3, True, usual_s=900.0, seen=-300.0)
    bench.order(1, ON)
    bench.run(6)
    due = format_utc(WALL + 600)[11:16]
    assert (
        bench.reasons(1)[-1]
        == f"waits: will be sent about {due}, when the node wakes; it listens every 15 min"
    )


def test_an_order_that_expires_names_what_was_tried(bench):
    bench.sleeper()
    bench.order(1, ON, expires_at=format_utc(WALL + bench.now + 100))
    bench.run(20)
    for _ in range(2):
        bench.window(0.1)
        bench.run(20)
    bench.run(60)
    assert bench.updates[-1][1:] == (
        "expired",
        bench.updates[-1].sent_at,
        bench.updates[-1].done_at,
        "expired: sent in 2 windows of the node, no echo came",
        None,
    )


def test_a_newer_value_replaces_one_that_waits(bench):
    bench.sleeper()
    bench.transmitter.hold(12, "busy")
    bench.order(1, ON)
    bench.order(2, "12;2;1;1;2;1")
    bench.order(3, OFF)
    bench.transmitter.release(12)
    bench.window(0.5)
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


def test_the_late_echo_of_a_replaced_order_is_its_own(bench):
    bench.order(1, ON)
    bench.run(0)
    bench.order(2, OFF)
    bench.run(0.2)
    bench.echo(ON)
    assert bench.states(2) == ["sent"] and bench.reasons(2)[-1] == ""
    assert bench.states(1) == ["sent", "expired", "echoed"]
    bench.echo(OFF)
    assert bench.states(2) == ["sent", "echoed"]
    assert bench.wanted[-1] == "0"


def test_the_radios_copy_of_an_echo_says_nothing_of_the_next_order(bench):
    bench.order(1, ON)
    bench.run(0)
    bench.echo(ON)
    bench.order(2, OFF)
    bench.run(0.2)
    bench.echo(ON)
    assert bench.states(2) == ["sent"] and bench.reasons(2)[-1] == ""


@pytest.mark.parametrize(
    ("line", "echo", "is_own"),
    [
        ("12;1;1;1;2;1", "1", True),
        ("12;1;1;1;2;", "0", True),
        ("12;1;1;1;2;1", "0", False),
        ("12;1;1;1;3;50", "50.0", False),
        ("12;1;1;1;47;Grüße ", "Grüße ", True),
        ("12;1;1;1;40;ff00AA", "FF00AA", False),
        ("12;255;3;1;19;", "0", True),
        ("12;255;3;1;29;R", "R", True),
        ("12;255;3;1;29;R", "S", False),
        ("12;1;2;1;2;", "0", True),
        ("12;1;1;1;0;21.50", "21.50", True),
        ("12;1;1;1;0;21.50", "21.5", False),
    ],
)
def test_an_echo_counts_when_it_carries_what_was_sent(bench, line, echo, is_own):
    bench.order(1, line)
    bench.run(0)
    bench.echo(";".join([*line.split(";")[:5], echo]))
    payload = line.split(";", 5)[5]
    assert bench.states(1)[-1] == ("echoed" if is_own else "sent")
    if not is_own:
        assert bench.reasons(1)[-1] == f"the node echoed {echo!r} instead of {payload!r}"
        bench.run(30)
        assert bench.states(1) == ["sent", "failed"]
        assert f"the node echoed {echo!r} instead of {payload!r}" in bench.reasons(1)[-1]


def test_a_long_payload_that_is_not_echoed_may_be_too_long_to_be_signed(bench):
    bench.order(1, "12;1;1;1;47;" + "x" * 24)
    bench.run(30)
    assert bench.updates[-1].reason.endswith("a node that wants signed messages takes 23 bytes, this has 24")


def test_an_order_is_newer_than_reports_when_it_is_placed_sent_and_echoed(bench):
    bench.order(1, ON)
    assert bench.wanted == ["1"]
    assert bench.orders.open_value(Header(12, 1, 1, 0, 2)) == "1"
    assert bench.orders.open_value(Header(12, 1, 1, 0, 3)) is None
    bench.run(0)
    bench.echo(ON)
    assert bench.wanted == ["1"] * 3
    assert bench.orders.open_value(Header(12, 1, 1, 0, 2)) is None


def test_orders_of_what_was_deleted_are_dropped(bench):
    bench.transmitter.hold(12, "busy")
    bench.order(1, ON)
    bench.order(2, "12;2;1;1;2;1")
    bench.orders.forget_child(12, 1)
    bench.transmitter.release(12)
    assert bench.run(1) == ["12;2;1;1;2;1"]
    assert bench.updates[0][1:] == ("failed", None, None, "its child was deleted", None)
    bench.orders.forget(12)
    assert bench.run(30) == [] and len(bench.orders) == 0


def test_requests_are_not_replaced_by_each_other(bench):
    bench.order(1, "12;1;2;1;2;")
    bench.order(2, "12;1;2;1;2;")
    assert len(bench.run(1)) == 2


def test_an_order_expires_with_a_reason(bench):
    bench.sleeper()
    bench.order(1, ON, expires_at=format_utc(WALL + bench.now + 8))
    bench.run(20)
    assert bench.updates[-1].state == "expired"
    assert bench.updates[-1].reason == "expired: the node did not wake in time (1 try at once, no echo)"
    bench.window(0.5)
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
    assert bench.states(1) == ["queued", "sent"]
    assert bench.reasons(1) == ["waits: the gateway is not connected", ""]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((12, None, "12;1;1;1;47;a;b"), "first ';'"),
        ((12, None, "12;1;1;1;47;" + "x" * 26), "26 bytes"),
        ((12, None, "12;1;1;1;47;"), "an empty V_TEXT reaches the node as '0'"),
        ((12, None, "12;1;1;1;40;"), "an empty V_RGB"),
        ((12, None, "12;1;1;1;47;;a"), "first ';'"),
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


def test_no_order_is_too_old_by_a_clock_that_may_be_wrong(bench):
    bench.sleeper()
    bench.order(1, ON)
    wall = WALL + 4 * 365 * 86_400
    for _ in range(50):
        bench.now += 1
        bench.orders.send_due(bench.now, wall + bench.now, may_expire=False)
    assert "expired" not in bench.states(1)
    bench.orders.send_due(bench.now + 1, wall + bench.now)
    assert bench.states(1)[-1] == "expired"


@pytest.mark.parametrize("order", [{"name": "reboot"}, {"line": "12;1;1;1;32;1"}, {"line": "12;1;1;0;19;3"}])
def test_what_takes_effect_anew_each_time_is_on_disk_as_sent_before_it_is(bench, order):
    """A crash at any moment has it sent once or not at all: what the file has as sent is not sent again."""
    bench.disk = []
    bench.order(1, **order)
    bench.order(2, line="13;1;1;1;2;1", node=13)
    assert bench.run(2)[0].startswith("13;")  # which a second arrival does not change waits for no disk
    assert [change.state for change in bench.updates if change.id == 1] == ["sent"]
    bench.committed()
    assert [line for line in bench.run(1) if line.startswith("12;")] == [bench.sent[-1]]


def test_what_was_not_on_disk_within_a_window_is_sent_at_once_in_the_next_one(bench):
    bench.sleeper()
    bench.disk = []
    bench.order(1, name="reboot")
    bench.run(1)  # asks whether it is awake
    bench.window(0.1)
    assert bench.run(0.2) == []
    bench.committed()
    assert bench.run(30) == []
    assert bench.updates[-1].state == "queued" and "when the node wakes" in bench.updates[-1].reason
    bench.window(0.1)
    assert bench.run(0.1) == ["12;255;3;1;13;"]
    assert len(bench.disk) == 1  # and it is on disk soon


def test_an_order_of_a_deleted_node_is_not_sent_when_the_disk_has_it(bench):
    bench.disk = []
    bench.order(1, name="reboot")
    bench.run(1)
    bench.orders.forget(12)
    bench.committed()
    assert bench.run(1) == [] and not len(bench.orders)
