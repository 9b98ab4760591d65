"""A serial gateway on a pty: reading, answering, unplugging, plugging in again, opening it mid-line."""

import os
import select
import threading
import time
import tty

import pytest
import serial


class Plug:
    """A pty behind a symlink that stays the same, as a name under /dev/serial/by-id does."""

    def __init__(self, path):
        self.path = path
        self.heard = b""

    def plug(self):
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self.theirs))
        self.plugged = True
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def unplug(self):
        """Pull it out: whoever has it open gets an error."""
        self.path.unlink(missing_ok=True)
        self.plugged = False
        self.reader.join()
        os.close(self.theirs)
        os.close(self.ours)

    def _read(self):
        while self.plugged:
            if select.select([self.ours], [], [], 0.02)[0]:
                self.heard += os.read(self.ours, 4096)

    def is_open(self):
        """True while this process has the port open beside the plug itself."""
        name = os.ttyname(self.theirs)
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return sum(os.path.islink(link) and os.readlink(link) == name for link in links) > 1

    def say(self, *lines):
        os.write(self.ours, "".join(line + "\n" for line in lines).encode())


@pytest.fixture
def plug(tmp_path, site):
    site.set_gateway_times(first_backoff_s=0.05, max_backoff_s=0.2)
    return Plug(tmp_path / "usb-1a86")


STATE = "select 1 from ingest_status where state = ?"


def test_a_serial_gateway_is_read_and_answered(site, plug, eventually):
    plug.plug()

    def play():
        eventually(lambda: b"0;255;3;0;2;\n" in plug.heard)
        plug.say(
            "0;255;3;0;2;2.4.0-alpha",
            "0;255;0;0;17;2.4.0-alpha",
            "12;255;0;0;17;2.3.2",
            "12;255;3;0;6;0",
            "12;1;1;0;0;21.5",
        )
        eventually(lambda: plug.heard.endswith(b"12;255;3;0;6;M\n"))
        site.wait("select 1 from readings where value = 21.5")
        site.wait(STATE, "connected")

    site.live(site.config({"serial": str(plug.path)}), play)
    plug.unplug()
    assert b"\r" not in plug.heard
    assert site.column("select version from gateways") == ["2.4.0-alpha"]
    assert site.column("select raw from rejects") == []


def test_unplugged_and_plugged_in_again_at_the_same_name(site, plug, eventually):
    site.set_gateway_times(stable_s=0)
    plug.plug()

    def play():
        for value in (1, 2, 3):
            if value > 1:
                plug.plug()
            eventually(lambda: b"0;255;3;0;2;\n" in plug.heard)
            plug.say(f"12;1;1;0;0;{value}")
            site.wait("select 1 from readings where value = ?", value)
            plug.heard = b""
            plug.unplug()
            site.wait(STATE, "lost")
            site.wait("select 1 from ingest_status where detail like '%is it plugged in?%'")

    site.live(site.config({"serial": str(plug.path)}), play)
    assert site.column("select value from readings order by id") == [1, 2, 3]
    assert site.rows("select count(*), sum(ended_at is null) from events where event = 'GATEWAY_LOST'") == [
        (3, 1)
    ]


def test_the_first_line_is_refused_where_it_may_have_begun_before(site, plug, eventually):
    site.set_gateway_times(settle_s=2)
    plug.plug()

    def play():
        eventually(plug.is_open)
        time.sleep(0.5)  # pyserial empties the port when it has opened it
        plug.say("12;1;1;0;0;99", "12;1;1;0;0;20")  # the first one could be the end of 112;1;1;0;0;99
        site.wait("select 1 from readings")
        plug.say("12;1;1;0;0;21")
        site.wait("select 1 from readings where value = 21")

    site.live(site.config({"serial": str(plug.path)}), play)
    plug.unplug()
    assert site.column("select value from readings order by id") == [20, 21]
    assert site.rows("select raw, reason like '%beginning may be missing' from rejects") == [
        ("12;1;1;0;0;99", 1)
    ]


def test_a_gateway_that_is_listened_to_gets_not_one_byte(site, plug):
    plug.plug()

    def play():
        site.wait("select 1 from ingest_status where detail like 'connected, waiting%'")
        plug.say("12;255;3;0;6;0", "13;1;1;0;0;1", "255;79;3;0;3;")
        site.wait("select 1 from messages where node_id = 255")

    site.live(site.config({"serial": str(plug.path), "controller": False}), play)
    plug.unplug()
    assert plug.heard == b""


def test_an_open_port_that_says_nothing_is_reported(site, plug):
    site.set_gateway_times(keepalive_s=0.1, idle_timeout_s=0.2)
    plug.plug()
    site.live(
        site.config({"serial": str(plug.path), "baudrate": 57600}),
        lambda: site.wait(
            "select 1 from ingest_status where state = 'silent' "
            "and detail like '%is the baud rate 57600 right?'"
        ),
    )
    plug.unplug()


def test_a_port_that_another_program_holds_is_reported(site, plug):
    plug.plug()
    other = serial.Serial(str(plug.path), exclusive=True)

    def play():
        site.wait(
            "select 1 from ingest_status where state = 'lost' "
            "and detail like '%another program has the port open'"
        )
        other.close()
        site.wait("select 1 from ingest_status where detail like 'connected, waiting%'")

    site.live(site.config({"serial": str(plug.path)}), play)
    plug.unplug()
