"""Connections come and go: a restart of the gateway, none there, its slot taken; the status row of it."""

import errno
import socket
import time

import pytest
import serial

from ingest.mysensors.transport import explain

STATE = "select 1 from ingest_status where source = 'main' and state = ? and detail like ?"


@pytest.fixture(autouse=True)
def quick(site):
    site.set_gateway_times(first_backoff_s=0.05, max_backoff_s=0.2)


def test_a_gateway_that_restarts_is_found_again_and_no_line_is_glued(site, tiny):
    tiny.answers = False  # an answer of its own would end the cut line

    def play():
        tiny.connected()
        tiny.write(b"12;1;1;0;0;20\n12;1;1;0;0;2")
        site.wait("select 1 from readings")
        tiny.close()
        site.wait(STATE, "lost", "%nothing listens there: is the gateway on, is the port right?")
        tiny.greeting = ()
        tiny.open()
        tiny.connected(2)
        tiny.write(b"1.5\n12;1;1;0;0;22\n")
        site.wait("select 1 where (select count(*) from readings) = 2")
        site.wait(STATE, "connected", "%")

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.column("select text from readings order by id") == ["20", "22"]
    assert site.rows("select raw, reason from rejects order by id") == [
        ("12;1;1;0;0;2", "cut off: the connection was lost in the middle of the line"),
        ("1.5", "1 fields, 6 are needed: node;child;command;echo;type;payload"),
    ]


def test_a_taken_slot_is_reported_and_makes_no_events(site, tiny):
    tiny.full = True

    def play():
        tiny.connected(5)
        site.wait(STATE, "lost", "%another program may hold the gateway's only place for a client")
        events = site.rows("select * from events")
        tiny.full = False
        site.wait(STATE, "connected", "connected")
        return events

    assert site.live(site.config({"tcp": tiny.address}), play) == []
    assert site.rows(
        "select connects > 5, last_error like '%only place%', last_error_at is not null from ingest_status"
    ) == [(1, 1, 1)]


def test_the_same_trouble_is_logged_once(site, tiny, caplog):
    tiny.full = True
    site.live(site.config({"tcp": tiny.address}), lambda: tiny.connected(6))
    assert [record.levelname for record in caplog.records if "; retrying every" in record.message] == [
        "WARNING"
    ]


def test_a_loss_is_an_event_that_ends_with_the_first_message(site, tiny):
    site.set_gateway_times(stable_s=0)

    def play():
        tiny.connected()
        site.wait(STATE, "connected", "%")
        tiny.mute = True
        tiny.drop()
        tiny.connected(2)
        open_ones = site.wait("select event, detail, ended_at from events")
        time.sleep(0.3)
        still = site.rows("select event, detail, ended_at from events")
        tiny.mute = False
        tiny.say("12;255;3;0;22;1")
        site.wait("select 1 from events where ended_at >= started_at")
        return open_ones, still

    lost = [("GATEWAY_LOST", "the gateway closed the connection", None)]
    assert site.live(site.config({"tcp": tiny.address}), play) == (lost, lost)


def test_stopping_is_no_loss(site, tiny):
    site.live(site.config({"tcp": tiny.address}), lambda: site.wait(STATE, "connected", "%"))
    assert site.rows("select * from events") == []
    assert site.rows("select state, detail from ingest_status") == [("stopped", "ingest was stopped")]


def test_the_status_goes_on_counting_after_a_restart(site, tiny):
    def play():
        tiny.connected()
        tiny.say("12;255;3;0;22;1", "junk")
        site.wait("select 1 from rejects")
        tiny.close()
        site.wait(STATE, "lost", "%")

    site.live(site.config({"tcp": tiny.address}), play)
    columns = "received >= 3, rejected, connects >= 1, last_error, last_error_at, last_data_at"
    kept = f"select {columns} from ingest_status"
    before = site.rows(kept)
    assert None not in before[0]
    site.live(site.config({"tcp": "127.0.0.1:1"}), lambda: site.wait(STATE, "lost", "%"))
    after = site.rows("select received >= 3, rejected, connects >= 1, last_data_at from ingest_status")
    assert after == [(*before[0][:3], before[0][5])]
    tiny.open()


def test_one_gateway_out_of_order_does_not_hold_up_another(site, tiny):
    nobody = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{nobody.getsockname()[1]}"
    nobody.close()

    def play():
        tiny.connected()
        site.wait("select 1 from ingest_status where source = 'shed' and state = 'lost'")
        site.wait(STATE, "connected", "%")

    site.live(site.config({"tcp": tiny.address}, {"name": "shed", "tcp": address}), play)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tcp": "a..b:5003"}, "%"),
        ({"tcp": "no-such-gateway.invalid:5003"}, "%: is the name of the gateway right?"),
        ({"serial": "/dev/no-such-port"}, "%is it plugged in?%"),
        ({"serial": "/dev/null"}, "%"),
    ],
)
def test_what_cannot_be_opened_is_tried_again_and_reported(site, keys, said):
    def play():
        site.wait(STATE, "lost", said)
        began = time.time()
        site.wait("select 1 from ingest_status where heartbeat_at is not null")
        return began

    site.live(site.config(keys), play)
    assert "Unknown error" not in site.column("select last_error from ingest_status")[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens there"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] ..."),
            "nothing listens there",
        ),
        (
            serial.SerialException("could not open port: [Errno 13] Permission denied: '/dev/ttyUSB0'"),
            "group dialout",
        ),
        (serial.SerialException(errno.EBUSY, "x"), "another program has the port open"),
        (TimeoutError(), "no answer within 10 s"),
        (ValueError("Not a valid baudrate: -1"), "Not a valid baudrate"),
    ],
)
def test_errors_are_explained_with_their_remedy(error, said):
    assert said in explain(error)
