"""The daemon in dialogue with a gateway over TCP: what it answers, what it asks, what it leaves alone."""

import re
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import LocalTime
from ingest.mysensors.reading_marks import mark_by_hand
from ingest.mysensors.settings import GatewayTiming

PRESENT = "12;255;0;0;17;2.4.0-alpha"  # so that the node is presented


def ask(site, tiny, *lines, settle=0.2, **keys):
    """Let the gateway say the lines; everything that the daemon sends meanwhile, without its keepalive."""

    def play():
        tiny.connected()
        tiny.say(PRESENT, *lines)
        site.wait("select 1 where (select count(*) from messages where node_id <> 0) > ?", len(lines))
        time.sleep(settle)
        return tiny.heard()

    return site.live(site.config({"tcp": tiny.address, **keys}), play)


def test_everything_that_nodes_ask_is_answered(site, tiny):
    lines = ("12;255;3;0;6;0", "12;3;3;0;1;", "12;1;1;0;0;21.5", "12;1;2;0;0;", "255;79;3;0;3;")
    got = ask(site, tiny, *lines)
    assert [re.sub(r"(;1;)\d{9,}", r"\1N", line) for line in got] == [
        "12;255;3;0;6;M",
        "12;3;3;0;1;N",
        "12;1;1;0;0;21.5",
        "255;79;3;0;4;1",
    ]


@pytest.mark.parametrize(
    ("switch", "request_line", "answer"),
    [
        ("config", "12;255;3;0;6;0", "12;255;3;0;6;M"),
        ("time", "12;255;3;0;1;", r"12;255;3;0;1;\d+"),
        ("requests", "12;1;2;0;0;", "12;1;1;0;0;21.5"),
        ("ids", "255;79;3;0;3;", "255;79;3;0;4;1"),
        ("presentation", "13;255;3;0;22;1", "13;255;3;0;19;"),
    ],
)
def test_each_answer_can_be_switched_off(site, tiny, tiny_gateway, switch, request_line, answer):
    second = tiny_gateway()

    def play():
        for gateway in (tiny, second):
            gateway.connected()
            gateway.say(PRESENT, "12;1;1;0;0;21.5", request_line)
        tiny.wait(answer)
        time.sleep(0.2)
        return second.heard()

    off = {"name": "off", "tcp": second.address, "answers": {switch: False}}
    assert site.live(site.config({"tcp": tiny.address}, off), play) == []


def test_imperial_units(site, tiny):
    assert ask(site, tiny, "12;255;3;0;6;0", metric=False) == ["12;255;3;0;6;I"]


def test_an_echo_is_not_taken_for_a_request(site, tiny):
    assert (
        ask(site, tiny, "12;255;3;1;6;0", "12;255;3;1;1;0", "12;1;1;0;0;7", "12;1;2;1;0;0", "255;79;3;1;3;")
        == []
    )


def test_time_is_local_time(site, tiny):
    def wall():
        return datetime.now(ZoneInfo("Asia/Kolkata")).replace(tzinfo=UTC).timestamp()

    def play():
        tiny.connected()
        before = wall()
        tiny.say(PRESENT, "12;255;3;0;1;")
        return before, int(tiny.wait("12;255;3;0;1;.*")[0].split(";")[5]), wall()

    before, answer, after = site.live(site.config({"tcp": tiny.address}, timezone="Asia/Kolkata"), play)
    assert int(before) <= answer <= after


@pytest.mark.parametrize("value", ["55.7;13.0;18", "x" * 26, "a\r0;255;3;0;13;"])
def test_a_value_that_does_not_fit_is_not_sent(site, tiny, value):
    assert ask(site, tiny, f"12;1;1;0;47;{value}", "12;1;2;0;47;") == []


@pytest.mark.parametrize(
    ("type", "good", "refused"),
    [
        (0, "21.5", ("-127.00",)),
        (0, "21.5", ("85.0", "nan", "")),
        (1, "40.2", ("998", "-999")),
        (23, "60", ("-1", "timeout")),
        (38, "3.1", ("65535",)),
    ],
)
def test_a_reading_that_does_not_count_answers_no_request(site, tiny, type, good, refused):
    """The last one that counts does, also where both came in the same read; 85 degrees may be a reading."""
    bad = [f"12;1;1;0;{type};{value}" for value in refused]
    lines = (*[f"12;1;1;0;{type};{good}"] * 3, *bad, f"12;1;2;0;{type};")
    assert ask(site, tiny, *lines, settle=0.3) == [f"12;1;1;0;{type};{good}"]
    only_bad = (f"12;2;1;0;{type};nan", f"12;2;2;0;{type};", "12;3;1;0;0;85", "12;3;2;0;0;")
    tiny.received.clear()
    assert ask(site, tiny, *only_bad, settle=0.3) == ["12;3;1;0;0;85"]


@pytest.mark.parametrize(("type", "good", "wrong"), [(0, "21.5", "33.3"), (2, "0", "1")])
def test_a_reading_that_is_marked_by_hand_answers_no_request(site, tiny, type, good, wrong):
    def play():
        tiny.connected()
        tiny.say(PRESENT, f"12;1;1;0;{type};{good}", f"12;1;1;0;{type};{wrong}")
        [(reading,)] = site.wait("select id from readings where text = ?", wrong)
        with closing(connect(site.path)) as connection, transaction(connection):
            mark_by_hand(connection, reading, True, "ann", LocalTime("UTC"))
        site.wait("select 1 from channels where text = ?", good)
        time.sleep(0.3)
        tiny.say(f"12;1;2;0;{type};")
        return tiny.wait(f"12;1;1;0;{type};.*")

    assert site.live(site.config({"tcp": tiny.address}), play) == [f"12;1;1;0;{type};{good}"]


def test_a_request_is_answered_from_before_a_restart(site, tiny):
    ask(site, tiny, "12;1;1;0;0;18.25", settle=0)
    tiny.received.clear()
    assert ask(site, tiny, "12;1;2;0;0;", "12;2;2;0;0;") == ["12;1;1;0;0;18.25"]


# Ids.


def test_ids_fill_gaps_and_none_is_given_twice_or_taken_from_a_node_that_was_heard(site, tiny):
    def play():
        tiny.connected()
        tiny.say("1;255;3;0;22;1", "3;1;1;0;0;1", "255;7;3;0;3;")
        tiny.wait("255;.*")
        tiny.say("4;255;3;0;22;1", "255;8;3;0;3;0", "255;9;3;0;3;junk", "255;10;3;0;3;")
        tiny.wait("255;.*", 3)
        return tiny.heard("255;.*")

    config = site.config({"tcp": tiny.address, "answers": {"presentation": False}})
    assert site.live(config, play) == ["255;7;3;0;4;2", "255;8;3;0;4;5", "255;10;3;0;4;6"]
    tiny.received.clear()

    def again():
        tiny.connected(2)
        tiny.say("255;11;3;0;3;")
        return tiny.wait("255;.*")

    assert site.live(config, again) == ["255;11;3;0;4;7"]  # 2, 5 and 6 were given, though never heard


def test_an_id_is_on_disk_before_the_node_hears_of_it(site, tiny):
    def play():
        tiny.connected()
        tiny.say("255;79;3;0;3;")
        tiny.wait("255;79;3;0;4;1", seconds=30)  # long before the next commit is due
        return site.rows("select node_id, token, given_at is not null from given_ids")

    assert site.live(site.config({"tcp": tiny.address}, commit_s=60), play) == [(1, 79, 1)]


def test_two_gateways_give_ids_of_their_own(site, tiny, tiny_gateway):
    second = tiny_gateway()

    def play():
        for gateway in (tiny, second):
            gateway.connected()
            gateway.say("255;79;3;0;3;")
        return tiny.wait("255;.*") + second.wait("255;.*")

    config = site.config({"tcp": tiny.address}, {"name": "shed", "tcp": second.address})
    assert site.live(config, play) == ["255;79;3;0;4;1"] * 2
    assert site.rows("select gateway, node_id from given_ids order by gateway") == [(0, 1), (1, 1)]
    assert site.column("select id from nodes where node_id = 1") == []


def test_when_all_ids_are_taken_nothing_is_sent_and_the_status_has_it(site, tiny):
    def play():
        tiny.connected()
        tiny.say(*(f"{node};255;3;0;22;1" for node in range(1, 255)), "255;79;3;0;3;")
        site.wait("select 1 from messages where node_id = 255")
        site.wait("select 1 from ingest_status where last_error = 'a node got no id: all are taken'")
        return tiny.heard("255;.*")

    assert site.live(site.config({"tcp": tiny.address, "answers": {"presentation": False}}), play) == []


# Strangers.


def test_an_unpresented_node_is_asked_once(site, tiny):
    def play():
        tiny.connected()
        for value in (1, 2, 3):
            tiny.say(f"13;1;1;0;0;{value}")
            site.wait("select 1 from readings where value = ?", value)
        return tiny.wait("13;.*")

    assert site.live(site.config({"tcp": tiny.address}), play) == ["13;255;3;0;19;"]


def test_an_unpresented_node_is_asked_again_after_an_hour(site, tiny):
    site.set_gateway_times(presentation_retry_s=0.2)

    def play():
        tiny.connected()
        tiny.say("13;1;1;0;0;1")
        tiny.wait("13;.*")
        time.sleep(0.3)
        tiny.say("13;1;1;0;0;1")
        return tiny.wait("13;.*", 2)

    assert site.live(site.config({"tcp": tiny.address}), play) == ["13;255;3;0;19;"] * 2


def test_a_node_is_left_alone_while_its_last_message_is_a_stream_message(site, tiny):
    def play():
        tiny.connected()
        tiny.say("13;255;4;0;0;0A0003002000D7950003")
        site.wait("select 1 from messages where node_id = 13")
        time.sleep(0.1)
        before = tiny.heard("13;.*")
        tiny.say("13;255;4;0;2;0A0003000000", "13;1;1;0;0;1")  # together: the last word counts
        return before, tiny.wait("13;.*;3;0;19;")

    answer = "13;255;4;0;1;0A0003002000D795"  # its own configuration
    assert site.live(site.config({"tcp": tiny.address}), play) == ([answer], ["13;255;3;0;19;"])


# Silence, the slot, listening only.


def test_a_gateway_that_is_listened_to_gets_not_one_byte(site, tiny):
    lines = (
        "12;255;3;0;6;0",
        "12;255;3;0;1;",
        "12;1;1;0;0;1",
        "12;1;2;0;0;",
        "255;79;3;0;3;",
        "13;255;3;0;22;1",
    )

    def play():
        tiny.connected()
        tiny.say(PRESENT, *lines)
        site.wait("select 1 from nodes where id = 13")
        order = site.order(12, "reboot")
        site.wait(
            "select 1 from outbox where id = ? and state = 'failed' and reason like '%listened to only%'",
            order,
        )
        return [line for _, line in tiny.received]

    assert site.live(site.config({"tcp": tiny.address, "controller": False}), play) == []
    assert site.column("select id_given_at from nodes where id_given_at is not null") == []


def test_a_half_open_gateway_is_noticed(site, tiny):
    site.set_gateway_times(keepalive_s=0.2, idle_timeout_s=0.4)

    def play():
        tiny.connected()
        tiny.say("12;255;3;0;22;1")
        site.wait("select 1 from ingest_status where state = 'connected'")
        tiny.mute = True
        tiny.received.clear()
        site.wait("select 1 from events where event = 'GATEWAY_LOST'")
        asked = len(tiny.received)
        tiny.connected(2)
        return asked, site.column("select detail from events where event = 'GATEWAY_LOST'")

    asked, [reason] = site.live(site.config({"tcp": tiny.address}), play)
    assert 1 <= asked <= 6  # every 0.1 s from 0.2 s of silence until it is given up at 0.4 s
    assert re.fullmatch(r"no answer for \d+ s: the gateway is off, or the network path is down", reason)


def test_by_default_it_is_noticed_within_30_seconds():
    timing = GatewayTiming()
    assert timing.idle_timeout_s + timing.keepalive_s / 2 <= 30
    assert timing.keepalive_s < timing.idle_timeout_s


def test_a_gateway_that_answers_is_kept(site, tiny, eventually):
    site.set_gateway_times(keepalive_s=0.2, idle_timeout_s=2)

    def play():
        tiny.connected()
        eventually(lambda: tiny.received and tiny.received[-1][0] - tiny.received[0][0] > 3)
        return len(tiny.received), tiny.connects

    asked, connects = site.live(site.config({"tcp": tiny.address}), play)
    assert connects == 1
    assert asked >= 3


def test_after_reconnects_a_gateway_is_asked_no_more_often_than_before(site, tiny):
    site.set_gateway_times(keepalive_s=0.4, first_backoff_s=0.01)

    def play():
        for times in range(1, 6):
            tiny.connected(times)
            site.wait("select 1 from ingest_status where connects = ? and state = 'connected'", times)
            tiny.mute = times == 5
            tiny.drop()
        tiny.connected(6)
        tiny.received.clear()
        began = time.monotonic()
        time.sleep(1)
        return len(tiny.received), time.monotonic() - began

    asked, seconds = site.live(site.config({"tcp": tiny.address}), play)
    assert asked <= seconds / 0.2 + 2  # every 0.2 s while it has sent nothing


def test_without_keepalive_nothing_is_asked(site, tiny):
    def play():
        tiny.connected()
        tiny.say(PRESENT)
        site.wait("select 1 from nodes where id = 12")
        return [line for _, line in tiny.received]

    assert site.live(site.config({"tcp": tiny.address, "answers": {"keepalive": False}}), play) == []


def test_tcp_keepalive_guards_a_connection_on_which_nothing_is_sent(site, eventually):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    accepted = []
    threading.Thread(target=lambda: accepted.append(server.accept()), daemon=True).start()

    def keepalive():
        """Hundredths of a second until the next probe; None where none is due."""
        ours = accepted[0][0].getpeername()[1]
        # /proc/net/tcp: local port, remote port, state, queues, and "timer:when"; timer 2 is the keepalive
        for line in Path("/proc/net/tcp").read_text().splitlines():
            fields = line.split()
            if fields[1].endswith(f":{ours:04X}") and fields[2].endswith(f":{port:04X}"):
                timer, when = fields[5].split(":")
                return int(when, 16) if timer == "02" else None
        raise AssertionError("no such connection")

    def play():
        eventually(lambda: accepted)
        eventually(lambda: keepalive() is not None)  # it is asked for once the connection stands
        return keepalive()

    when = site.live(site.config({"tcp": f"127.0.0.1:{port}", "controller": False}), play)
    server.close()
    assert when <= 1000, "the first probe within 10 s"


# Repeats.


@pytest.mark.parametrize(
    ("window", "marked", "readings"), [(0.0, [0, 0, 0, 0, 0, 0, 0], 3), (5.0, [0, 1, 0, 0, 0, 0, 1], 2)]
)
def test_repeats_are_marked_only_where_a_window_is_set(site, tiny, window, marked, readings):
    stream = "12;255;4;0;2;0A0003000000"
    ask(
        site,
        tiny,
        "12;1;1;0;0;1",
        "12;1;1;0;0;1",
        "12;1;1;0;0;2",
        stream,
        stream,
        "12;255;3;0;22;9",
        "12;255;3;0;22;9",
        repeat_window_s=window,
    )
    assert (
        site.column("select repeat from messages where node_id = 12 and command <> 0 order by id") == marked
    )
    assert site.rows("select count(*) from readings") == [(readings,)]
    assert site.rows("select readings from channels") == [(readings,)]
    assert site.rows("select sum(count) from readings_hourly") == [(readings,)]


def test_the_same_text_after_the_window_is_no_repeat(site, tiny):
    def play():
        tiny.connected()
        for number in (1, 2):
            tiny.say("12;1;1;0;0;1")
            site.wait("select 1 where (select count(*) from readings) = ?", number)
            time.sleep(0.2)

    site.live(site.config({"tcp": tiny.address, "repeat_window_s": 0.1}), play)
    assert site.column("select repeat from messages where node_id = 12") == [0, 0]


def test_the_same_text_from_two_gateways_is_no_repeat(site, tiny, tiny_gateway):
    second = tiny_gateway()

    def play():
        for gateway in (tiny, second):
            gateway.connected()
            gateway.say("12;1;1;0;0;1")
        site.wait("select 1 where (select count(*) from readings) = 2")

    both = [
        {"name": name, "tcp": gateway.address, "repeat_window_s": 60}
        for name, gateway in (("a", tiny), ("b", second))
    ]
    site.live(site.config(*both), play)
    assert site.rows("select count(*) from messages where repeat") == [(0,)]
