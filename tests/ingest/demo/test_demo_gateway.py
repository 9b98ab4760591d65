"""The gateway program over real TCP: clients, greeting, answers, silence, mishaps."""

import asyncio
import re
import socket
import time

import pytest

from ingest.demo.radio.battery_sketches import Greenhouse
from ingest.demo.radio.faulty_sketches import Attic
from ingest.demo.radio.gateway import DemoGateway, run_demo
from ingest.demo.radio.mains_sketches import LivingRoom
from ingest.demo.radio.node import DemoNode
from ingest.mysensors.protocol import LineError, parse_line
from tests.helpers.demo_gateway import running_gateway

GREETING = [b"0;255;3;0;14;Gateway startup complete.\n", b"0;255;0;0;18;2.4.0-alpha\n"]


class FakeController:
    """A client that reads lines with a time limit."""

    def __init__(self, gateway):
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
        self.file = self.socket.makefile("rb")

    def send(self, *lines):
        self.socket.sendall(b"".join(line + b"\n" for line in lines))

    def line(self):
        return self.file.readline()

    def until(self, pattern):
        """The next line that matches, without its end. Fails after 5 s of nothing or at the end of file."""
        while line := self.line():
            if re.fullmatch(pattern, line.rstrip(b"\n")):
                return line.rstrip(b"\n")
        raise EOFError(pattern)

    def quiet(self, seconds):
        """Everything that arrives within so many seconds."""
        self.socket.settimeout(seconds)
        got = b""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end and (data := self.socket.recv(4096)):
                got += data
        except TimeoutError:
            return got
        finally:
            self.socket.settimeout(30)
        return got

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def connect():
    controllers = []

    def make(gateway):
        controllers.append(FakeController(gateway))
        return controllers[-1]

    yield make
    for controller in controllers:
        controller.close()


def test_greeting_to_all_at_each_connect(connect):
    with running_gateway(nodes=()) as gateway:
        first = connect(gateway)
        assert [first.line(), first.line()] == GREETING
        second = connect(gateway)
        assert [second.line(), second.line()] == GREETING
        assert [first.line(), first.line()] == GREETING


def test_a_further_client_is_closed_without_a_byte(connect):
    with running_gateway(nodes=(), max_clients=1) as gateway:
        first = connect(gateway)
        assert first.line() == GREETING[0]
        assert connect(gateway).line() == b""
        first.send(b"0;255;3;0;2;")
        assert first.until(rb"0;255;3;0;2;.*") == b"0;255;3;0;2;2.4.0-alpha"
        first.close()
        time.sleep(0.05)
        assert connect(gateway).line() == GREETING[0]


def test_newest_wins(connect):
    with running_gateway(nodes=(), max_clients=1, newest_wins=True) as gateway:
        first = connect(gateway)
        first.until(b"0;255;0;.*")
        second = connect(gateway)
        assert second.line() == GREETING[0]
        assert first.line() == b""


def test_what_the_gateway_answers_and_what_not(connect):
    with running_gateway(nodes=()) as gateway:
        controller, other = connect(gateway), connect(gateway)
        other.until(b"0;255;0;.*")
        controller.quiet(0.1)
        controller.send(b"0;255;3;1;2;")
        assert controller.until(rb"0;255;3;.;2;.*") == b"0;255;3;1;2;0"
        assert controller.line() == other.until(rb"0;255;3;0;2;.*") + b"\n" == b"0;255;3;0;2;2.4.0-alpha\n"
        controller.send(b"0;255;3;0;18;", b"0;255;3;0;19;")
        assert int(controller.until(rb"0;255;3;0;22;\d+").rsplit(b";", 1)[1]) >= 0
        assert controller.line() == GREETING[1]
        controller.send(b"", b"garbage", b"0;255;3;0", b"99;1;1;0;2;1", b"a;b;c;d;e;f", b"0;255;3;0;1;")
        controller.send(b"0;255;3;0;6;0", b"0;255;3;0;24;", b"0;255;3;0;29;R", b"0;255;3;0;5;1", b"x" * 99)
        assert controller.quiet(0.3) == b""
        controller.send(b"x" * 100 + b"0;255;3;0;2;")
        assert controller.line() == b"0;255;3;0;2;2.4.0-alpha\n"
        assert gateway.received[-1] == b"0;255;3;0;2;"


def test_nodes_boot_and_answer_in_real_time(connect):
    with running_gateway(nodes=(LivingRoom,), boot=True) as gateway:
        controller = connect(gateway)
        controller.until(rb"2;255;3;0;6;0")
        controller.send(b"2;255;3;0;6;M")
        assert controller.until(rb"2;255;3;0;11;.*") == b"2;255;3;0;11;Living room"
        controller.until(rb"2;255;3;0;22;\d+")
        controller.send(b"2;0;1;1;47;hello", b"2;255;3;0;13;")
        assert controller.until(rb"2;0;1;1;.*") == b"2;0;1;1;47;hello"
        controller.until(rb"2;255;0;0;17;2.3.2")


def test_speed_and_the_window_of_a_sleeper(connect):
    with running_gateway(nodes=(Greenhouse,), speed=900, now=1_763_692_800) as gateway:
        controller = connect(gateway)
        controller.until(rb"7;255;3;0;32;500")
        time.sleep(0.3)
        controller.send(b"7;255;3;1;18;")
        assert controller.until(rb"7;255;3;1;18;0")
        controller.until(rb"7;255;3;0;33;900000")
        assert gateway.network_time() > 1_763_692_800 + 400


def test_a_new_node_can_move_in_and_get_an_id(connect):
    async def scenario():
        async with DemoGateway(nodes=()) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            gateway.network.add(DemoNode, gateway.network_time())
            gateway.poke()
            async with asyncio.timeout(5):
                while not (line := await reader.readline()).startswith(b"255;"):
                    assert line
                writer.write(b"255;" + line.split(b";")[1] + b";3;0;4;77\n")
                while not (line := await reader.readline()).startswith(b"77;255;3;0;6;"):
                    assert line
            writer.close()
            return gateway.network.node(77)

    assert asyncio.run(scenario()).node_id == 77


def test_inject_drop_and_restart(connect):
    with running_gateway(nodes=()) as gateway:
        controller = connect(gateway)
        controller.until(b"0;255;0;.*")
        gateway.inject(b"7;1;1;0;36;text; with; semis")
        gateway.inject("9;1;1;0;0;\u00e9")
        assert controller.line() == b"7;1;1;0;36;text; with; semis\n"
        assert controller.line() == "9;1;1;0;0;\u00e9\n".encode()
        gateway.drop()
        assert controller.line() == b""
        port = gateway.port
        gateway.unplug()
        with pytest.raises(ConnectionRefusedError):
            connect(gateway)
        gateway.plug()
        again = connect(gateway)
        assert gateway.port == port and again.line() == GREETING[0]
        again.send(b"0;255;3;0;13;")
        again.line()
        assert again.line() == b""


def test_silent_is_half_open(connect):
    with running_gateway(nodes=(LivingRoom,), boot=True, silent=True) as gateway:
        controller = connect(gateway)
        controller.send(b"0;255;3;0;2;")
        assert controller.quiet(0.4) == b""
        assert list(gateway.received) == [b"0;255;3;0;2;"]
        gateway.faults.silent = False
        controller.send(b"0;255;3;0;2;")
        assert controller.until(rb"0;255;3;0;2;.*")


def test_deaf(connect):
    with running_gateway(nodes=(), deaf=True) as gateway:
        controller = connect(gateway)
        controller.until(b"0;255;0;.*")
        controller.send(b"0;255;3;0;2;")
        assert controller.quiet(0.2) == b""


def test_drop_after_cuts_in_the_midst_of_a_line(connect):
    with running_gateway(nodes=(), drop_after=3) as gateway:
        controller = connect(gateway)
        controller.until(b"0;255;0;.*")
        gateway.inject(b"7;1;1;0;0;21.5")
        gateway.inject(b"7;1;1;0;0;22.5")
        assert controller.line() == b"7;1;1;0;0;21.5\n"
        assert controller.line() == b"7;1;1;0" and controller.line() == b""
        assert connect(gateway).line() == GREETING[0]


def test_garble_repeat_fragment_and_debug(connect):
    with running_gateway(nodes=(), garble=0.5) as gateway:
        controller = connect(gateway)
        controller.quiet(0.2)
        for number in range(200):
            gateway.inject(b"7;1;1;0;0;%d" % number)
        broken, lines = 0, controller.quiet(0.5).split(b"\n")
        for line in lines:
            try:
                parse_line(line.decode())
            except (LineError, UnicodeDecodeError):
                broken += 1
        assert 20 < broken < 150
    with running_gateway(nodes=(), repeat=1.0, fragment=3, debug=True) as gateway:
        controller = connect(gateway)
        greeting = b""
        for _ in range(50):  # a busy machine greets late
            greeting += controller.quiet(0.2)
            if greeting.endswith(b"alpha\n"):
                break
        gateway.inject(b"7;1;1;0;0;21.5")
        lines = [controller.line().rstrip(b"\n") for _ in range(4)]
        assert re.fullmatch(rb"0;255;3;0;9;\d+ TSF:MSG:READ,7-7-0,s=1,c=1,t=0,pt=0,l=4,sg=0:21.5", lines[0])
        assert lines == [lines[0]] * 2 + [b"7;1;1;0;0;21.5"] * 2


def test_all_nodes_at_high_speed(connect):
    with running_gateway(speed=3600, now=1_763_692_800) as gateway:
        controller = connect(gateway)
        lines = controller.quiet(1.5).splitlines()
        assert len(lines) > 200 and len({line.split(b";")[0] for line in lines}) > 8
        assert gateway.network.node(17).__class__ is Attic


def test_run_demo_tells_its_address(capsys):
    async def scenario():
        listening = asyncio.get_running_loop().create_future()

        def ready(gateway):
            print(gateway.address)
            listening.set_result(gateway.port)

        task = asyncio.create_task(run_demo("127.0.0.1", 0, ready=ready))
        port = await asyncio.wait_for(listening, 5)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.readline(), 5) == GREETING[0]
        writer.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return port

    assert f"tcp 127.0.0.1:{asyncio.run(scenario())}" in capsys.readouterr().out


def test_a_taken_port_is_an_error():
    with (
        running_gateway(nodes=()) as gateway,
        pytest.raises(OSError, match="address already in use"),
        running_gateway(port=gateway.port),
    ):
        pass
