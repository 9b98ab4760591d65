"""Orders as rows: from an insert into `outbox` over the gateway to what became of it."""

import time
from itertools import pairwise

import pytest

from ingest.db.time import parse_utc
from ingest.mysensors.intake import IntakeLimits

PRESENT = "12;255;0;0;17;2.4.0-alpha"
ON = "12;1;1;1;2;1"


def state(site, number, *states):
    marks = ", ".join("?" * len(states))
    return site.wait(f"select * from outbox where id = ? and state in ({marks})", number, *states)[0]


def begin(site, tiny, *lines):
    tiny.connected()
    tiny.say(PRESENT, *lines)
    site.wait("select 1 from nodes where id = 12")
    site.wait("select 1 where (select count(*) from messages where node_id = 12) > ?", len(lines))


def test_an_order_is_sent_and_echoed(site, tiny):
    def play():
        begin(site, tiny)
        number = site.order(12, line=ON, created_by="owner")
        tiny.wait(ON)
        state(site, number, "sent")
        tiny.say(ON)
        state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)
    [(created, sent, done, line, reason, by)] = site.rows(
        "select created_at, sent_at, done_at, line, reason, created_by from outbox"
    )
    assert created <= sent <= done
    assert (line, reason, by) == (ON, "", "owner")
    assert site.rows("select count(*) from readings") == [(0,)]  # the echo is none
    assert site.rows("select echo from messages where type_name = 'V_STATUS'") == [(1,)]
    assert site.rows("select seq >= 2 from changes where topic = 'outbox'") == [(1,)]


def test_what_answers_an_order_is_taken_where_no_new_channel_is(site, tiny):
    site.set_gateway_times(limits=IntakeLimits(channels_a_minute=0))

    def play():
        begin(site, tiny)
        tiny.say("12;9;1;0;2;1")  # a channel that nothing was sent to
        switched = site.order(12, line=ON)
        site.order(12, line="12;3;2;0;16;")
        tiny.wait(ON)
        tiny.say(ON)
        state(site, switched, "echoed")
        tiny.wait("12;3;2;0;16;")
        tiny.say("12;3;1;0;16;1")
        site.wait("select 1 from readings")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.rows("select sensor & 255, value from channels") == [(1, None), (3, 1.0)]


@pytest.mark.parametrize(
    ("order", "line", "answer"),
    [
        ("presentation", "12;255;3;1;19;", "12;255;0;0;17;2.4.0-alpha"),
        ("reboot", "12;255;3;1;13;", "12;255;3;1;13;0"),
        ("heartbeat", "12;255;3;1;18;", "12;255;3;0;22;8084"),
        ("signal", "12;255;3;1;29;R", "12;255;3;0;31;-71"),
    ],
)
def test_every_order_has_its_line_and_its_answer(site, tiny, order, line, answer):
    def play():
        begin(site, tiny)
        number = site.order(12, order)
        tiny.wait(line)
        tiny.say(answer)
        state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.rows('select "order", line from outbox') == [(order, line)]
    assert site.column("select reason from oddities") == []


def test_all_nodes_present_themselves_one_by_one(site, tiny):
    def play():
        tiny.connected()
        tiny.say(*(f"{node};255;0;0;17;2.3.2" for node in (1, 2, 3)))
        site.wait("select 1 from nodes where id = 3")
        site.execute("insert into outbox (node, \"order\") select id, 'presentation' from nodes order by id")
        return tiny.wait("[0-3];255;3;1;19;", 4)

    site.set_gateway_times(echo_s=60)  # none is sent twice
    lines = site.live(site.config({"tcp": tiny.address}), play)
    assert lines == [f"{node};255;3;1;19;" for node in range(4)]
    times = [parse_utc(at) for at in site.column("select sent_at from outbox order by id")]
    assert min(b - a for a, b in pairwise(times)) > 0.49


def test_without_an_echo_it_is_tried_three_times_and_fails(site, tiny):
    site.set_gateway_times(echo_s=0.3)

    def play():
        begin(site, tiny)
        return state(site, site.order(12, line=ON), "failed")

    site.live(site.config({"tcp": tiny.address}), play)
    assert tiny.heard("12;1;.*") == [ON] * 3
    assert site.rows("select reason, done_at > sent_at from outbox") == [
        ("no echo after 3 tries: the node is off, out of reach or asleep", 1)
    ]


SLEEPER = ["12;255;3;0;32;500"] * 3


def open_windows_until(tiny, eventually, number, window_ms=500):
    """Let node 12 wake and sleep until it was sent ON so often; returns how often."""
    window = f"12;255;3;0;32;{window_ms}"
    return eventually(
        lambda: tiny.say(window) or (len(tiny.heard(ON)) >= number and len(tiny.heard(ON))), pause=0.3
    )


@pytest.mark.parametrize("window_ms", [50, 75, 500])
def test_a_sleeping_node_is_tried_at_once_and_gets_it_in_its_window(site, tiny, eventually, window_ms):
    site.set_gateway_times(echo_s=0.2)

    def play():
        begin(site, tiny, *SLEEPER)
        site.wait("select 1 from nodes where id = 12 and smart_sleep_ms = 500")
        time.sleep(0.6)
        number = site.order(12, line=ON)
        tiny.wait(ON)
        site.wait("select reason from outbox where id = ? and reason like 'waits: the node sleeps%'", number)
        assert len(tiny.heard(ON)) == 1
        open_windows_until(tiny, eventually, 2, window_ms)
        tiny.say(ON)
        state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.rows("select windows, smart_sleep_ms from nodes where id = 12") == [(3, window_ms)]
    assert site.column("select reason from outbox") == [""]


def test_that_a_node_sleeps_is_known_after_a_restart(site, tiny, eventually):
    site.set_gateway_times(echo_s=0.1)
    site.live(site.config({"tcp": tiny.address}), lambda: begin(site, tiny, *SLEEPER))

    def play():
        tiny.connected(2)
        site.order(12, line=ON)
        tiny.wait(ON)
        time.sleep(0.7)
        before = tiny.heard(ON)
        return before, open_windows_until(tiny, eventually, 2)

    before, sent = site.live(site.config({"tcp": tiny.address}), play)
    assert before == [ON] and sent >= 2  # a busy machine opens one more window before it looks


@pytest.mark.parametrize(
    ("version", "heartbeats", "sleeps"),
    [("2.1.1", 3, True), ("2.0.0", 3, True), ("2.1.1", 1, False), ("2.2.0", 3, False)],
)
def test_three_heartbeats_of_an_old_library_make_a_sleeper(site, tiny, version, heartbeats, sleeps):
    """One alone, or those of a later library, are signs of life."""
    site.set_gateway_times(echo_s=0.1)

    def play():
        tiny.connected()
        tiny.say(f"12;255;0;0;17;{version}", *(f"12;255;3;0;22;{ms}" for ms in range(heartbeats)))
        site.wait("select 1 from nodes where id = 12")
        time.sleep(0.6)
        number = site.order(12, line=ON)
        if sleeps:
            site.wait("select 1 from outbox where reason like 'waits: the node sleeps%'")
        else:
            state(site, number, "failed")
        return tiny.heard(ON)

    assert site.live(site.config({"tcp": tiny.address}), play) == ([ON] if sleeps else [ON] * 3)
    assert site.column("select smart_sleep_ms from nodes where id = 12") == [500 if sleeps else None]


@pytest.mark.parametrize("echo", [[], ["12;255;3;1;18;0"]])
def test_heartbeats_that_were_asked_for_and_their_copies_announce_no_window(site, tiny, echo):
    """Asked for by us (`echo` is []), or by another controller, whose echo we see."""

    def play():
        tiny.connected()
        tiny.say("12;255;0;0;17;2.1.1")
        site.wait("select 1 from nodes where id = 12")
        for ms in range(3):
            if not echo:
                number = site.order(12, "heartbeat")
                tiny.wait("12;255;3;1;18;", ms + 1)
            tiny.say(*echo, *[f"12;255;3;0;22;{1000 + ms}"] * 3)
            if not echo:
                state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.rows("select windows, smart_sleep_ms from nodes where id = 12") == [(0, None)]


def test_an_echo_outside_a_window_ends_the_sleep(site, tiny):
    def play():
        begin(site, tiny, *SLEEPER)
        time.sleep(0.6)
        number = site.order(12, line=ON)
        tiny.wait(ON)
        tiny.say(ON)
        state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.rows("select windows, smart_sleep_ms from nodes where id = 12") == [(0, None)]


def test_users_overrule_what_is_known_of_a_nodes_sleep(site, tiny):
    site.set_gateway_times(echo_s=0.1)

    def play():
        begin(site, tiny)
        site.execute("insert into settings (subject, key, value) values ('nodes/12', 'sleep', 'sleeps')")
        time.sleep(0.2)
        number = site.order(12, line=ON)
        [(waits,)] = site.wait("select reason from outbox where id = ? and reason <> ''", number)
        site.execute("update settings set value = 'awake'")
        state(site, number, "failed")
        return waits

    waits = site.live(site.config({"tcp": tiny.address}), play)
    assert waits == "waits: the node sleeps; when it listens next is not known yet"


def test_the_wanted_state_answers_a_request(site, tiny):
    """Of order and report, the one that arrived last; after a restart, too."""
    ask = "12;1;2;0;2;"

    def play():
        begin(site, tiny, "12;1;0;0;3;Lamp", "12;1;1;0;2;0")
        number = site.order(12, line=ON, created_at="2020-01-01T00:00:00.000Z")  # the clock was set since
        tiny.wait(ON)
        tiny.say(ON)
        state(site, number, "echoed")
        tiny.say("12;255;0;0;17;2.4.0-alpha", ask)
        tiny.wait("12;1;1;0;2;1")
        site.order(12, line="12;7;1;1;47;Hello")  # a child that never presented itself
        tiny.wait("12;7;1;1;47;Hello")
        tiny.say("12;7;2;0;47;")
        tiny.wait("12;7;1;0;47;Hello")

    def again():
        tiny.connected(2)
        site.order(12, line="12;7;1;1;47;")  # refused: it does not count
        site.wait("select 1 from outbox where state = 'failed'")
        tiny.say(ask, "12;7;2;0;47;")
        tiny.wait("12;1;1;0;2;1", 2)
        tiny.wait("12;7;1;0;47;Hello", 2)
        tiny.say("12;1;1;0;2;0", ask)  # switched off by hand
        tiny.wait("12;1;1;0;2;0")

    def thrice():
        tiny.connected(3)
        tiny.say(ask)
        tiny.wait("12;1;1;0;2;0", 2)

    for scenario in (play, again, thrice):
        site.live(site.config({"tcp": tiny.address}), scenario)
    columns = "type, text, last_at is not null, wanted, wanted_order, wanted_newer"
    assert site.rows(f"select {columns} from value_latest order by child_id") == [
        ("V_STATUS", "0", 1, "1", 1, 0),
        ("V_TEXT", None, 0, "Hello", 2, 1),
    ]
    assert site.column("select wanted_at from channels order by id")[0] == "2020-01-01T00:00:00.000Z"


def test_the_wanted_state_of_an_order_that_failed_answers(site, tiny):
    site.set_gateway_times(echo_s=0.1)

    def play():
        begin(site, tiny, "12;1;1;0;2;0")
        state(site, site.order(12, line=ON), "failed")
        tiny.say("12;1;2;0;2;")
        tiny.wait("12;1;1;0;2;1")

    site.live(site.config({"tcp": tiny.address}), play)


def test_while_an_order_waits_a_report_does_not_beat_it(site, tiny):
    site.set_gateway_times(echo_s=0.1)

    def play():
        begin(site, tiny, *SLEEPER)
        time.sleep(0.6)
        site.order(12, line=ON)
        tiny.wait(ON)
        tiny.say("12;1;1;0;2;0", "12;1;2;0;2;")  # it woke and reports its old state
        tiny.wait("12;1;1;0;2;1")

    site.live(site.config({"tcp": tiny.address}), play)


def test_an_old_node_that_answers_a_heartbeat_request_is_awake(site, tiny):
    def play():
        tiny.connected()
        tiny.say("12;255;0;0;17;2.1.1")
        site.wait("select 1 from nodes where id = 12")
        number = site.order(12, "heartbeat")
        tiny.wait("12;255;3;1;18;")
        tiny.say("12;255;3;0;22;8084")
        state(site, number, "echoed")
        time.sleep(0.6)
        site.order(12, line=ON)
        return tiny.wait(ON)

    site.live(site.config({"tcp": tiny.address}), play)


def test_an_order_expires(site, tiny):
    def play():
        begin(site, tiny, *SLEEPER)
        time.sleep(0.6)
        number = site.order(12, line=ON, expires_at="2026-01-01T00:00:00.000Z")
        state(site, number, "expired")
        tiny.say("12;255;3;0;32;500")
        time.sleep(0.2)
        return tiny.heard(ON)

    assert site.live(site.config({"tcp": tiny.address}), play) == []
    assert site.column("select reason from outbox") == ["expired: the node did not wake in time"]


def test_a_newer_value_replaces_the_one_that_waits(site, tiny, eventually):
    def play():
        begin(site, tiny, *SLEEPER)
        time.sleep(0.6)
        first = site.order(12, line="12;1;1;1;2;0")
        state(site, first, "sent")
        second = site.order(12, line=ON)
        state(site, first, "expired")
        open_windows_until(tiny, eventually, 1)
        tiny.say(ON)
        state(site, second, "echoed")
        return tiny.heard("12;1;1;.*")

    lines = site.live(site.config({"tcp": tiny.address}), play)
    assert lines[0] == "12;1;1;1;2;0" and set(lines[1:]) == {ON}
    assert site.column("select reason from outbox order by id") == ["replaced by order 2", ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("12;1;1;1;47;" + "x" * 26, "payload of 26 bytes, a radio message carries 25 at most"),
        ("12;1;1;1;49;55.7;13.0", "a gateway cuts what it sends to a node at the first ';' of the payload"),
        ("12;255;4;0;1;0A0", "a stream payload is an even number of hex digits"),
        (
            "12;255;4;0;3;0A00",
            "stream lines (command 4) carry firmware and are sent by the actions on /-/ota alone: "
            "POST /-/ota/updates, /-/ota/commands",
        ),
        (
            "12;255;3;0;28;E",
            "I_DEBUG with E erases a node's EEPROM: the actions on /-/ota alone do that, "
            "POST /-/ota/commands with erase_eeprom",
        ),
        ("13;1;1;1;2;1", "the line is for node 13, the order is for node 12"),
        ("nonsense", "1 fields, 6 are needed: node;child;command;echo;type;payload"),
    ],
)
def test_what_cannot_be_sent_fails_with_a_reason_and_nothing_is_sent(site, tiny, line, said):
    def play():
        begin(site, tiny)
        bad = site.order(12, line=line)
        good = site.order(12, line=ON)
        state(site, bad, "failed")
        state(site, good, "sent")
        return tiny.heard()

    assert site.live(site.config({"tcp": tiny.address}), play) == [ON]
    assert site.column("select reason from outbox where state = 'failed'") == [said]


def test_orders_queued_while_the_daemon_is_down_are_sent_after_the_start(site, tiny):
    site.live(site.config({"tcp": tiny.address}), lambda: begin(site, tiny))
    numbers = [site.order(12, line=ON), site.order(12, "reboot")]

    def play():
        tiny.wait("12;255;3;1;13;")
        tiny.say(ON, "12;255;3;1;13;0")
        for number in numbers:
            state(site, number, "echoed")

    site.live(site.config({"tcp": tiny.address}), play)


def test_what_is_done_is_not_sent_again_after_a_restart(site, tiny):
    quiet = "12;1;1;0;2;1"  # asks for no echo, so that "sent" is its last state

    def play():
        begin(site, tiny)
        number = site.order(12, line=quiet)
        tiny.wait(quiet)
        site.wait("select 1 from outbox where id = ? and state = 'sent' and done_at is not null", number)

    site.live(site.config({"tcp": tiny.address}), play)

    def again():
        tiny.connected(2)
        site.order(12, line=ON)
        tiny.wait(ON)
        return tiny.heard("12;.*")

    assert site.live(site.config({"tcp": tiny.address}), again) == [quiet, ON]


def test_orders_wait_for_a_gateway_that_is_away(site, tiny):
    site.live(site.config({"tcp": tiny.address}), lambda: begin(site, tiny))
    tiny.close()

    def play():
        number = site.order(12, line=ON)
        site.wait("select 1 from ingest_status where state = 'lost'")
        waiting = site.column("select state from outbox where id = ?", number)
        tiny.open()
        tiny.wait(ON)
        return waiting

    assert site.live(site.config({"tcp": tiny.address}), play) == ["queued"]


def test_an_order_goes_to_the_gateway_of_its_node(site, tiny, tiny_gateway):
    second = tiny_gateway()

    def play():
        for gateway in (tiny, second):
            gateway.connected()
            gateway.say(PRESENT)
        site.wait("select 1 from nodes where id = 268")
        site.order(268, line=ON)
        return second.wait(ON), tiny.heard()

    both = site.config({"tcp": tiny.address}, {"name": "shed", "tcp": second.address})
    assert site.live(both, play) == ([ON], [])


def test_an_order_for_a_gateway_that_is_not_read_waits_and_disturbs_no_other(site, tiny, tiny_gateway):
    second = tiny_gateway()

    def begin_both():
        for gateway in (tiny, second):
            gateway.connected()
            gateway.say(PRESENT)
        site.wait("select 1 from nodes where id = 268")

    site.live(site.config({"tcp": tiny.address}, {"name": "shed", "tcp": second.address}), begin_both)
    waiting = site.order(268, line=ON)

    def play():
        site.order(12, line=ON)
        tiny.wait(ON)
        return site.column("select state from outbox where id = ?", waiting)

    assert site.live(site.config({"tcp": tiny.address}), play) == ["queued"]


def test_an_order_whose_echo_is_outstanding_is_not_sent_again_after_a_restart(
    site,
    tiny,
):
    site.set_gateway_times(echo_s=60)
    number = None

    def first():
        nonlocal number
        begin(site, tiny)
        number = site.order(12, "reboot")
        tiny.wait("12;255;3;1;13;")
        state(site, number, "sent")

    site.live(site.config({"tcp": tiny.address}), first)
    before = len(tiny.received)

    def second():
        row = state(site, number, "failed")
        assert "restarted" in row[5]

    site.live(site.config({"tcp": tiny.address}), second)
    assert "12;255;3;1;13;" not in [line for _, line in tiny.received[before:]]
