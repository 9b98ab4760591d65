"""Slow clients and too many of them, over TCP, against the server under the site; with small limits."""

import asyncio
import contextlib
import logging
import re
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest
import uvicorn

from plugins.web.app.connections import ClientLimits, Connections
from plugins.web.app.listener import BACKLOG, Listener, limits_of_process
from tests.programs import wait_until

LIMITS = ClientLimits(header_s=0.6, body_s=0.6, body_rate=1000, sending_s=0.6, per_address=8, total=12)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n"
BODY_BYTES = 8_000_000


class Server:
    """The connections of the site in front of an application that reads the body and answers."""

    def __init__(self, limits=LIMITS, is_proxy=lambda address: False):
        self.connections = Connections(limits, is_proxy)
        self.listener = Listener.at("127.0.0.1", 0, self.connections.count_refused)
        self.address = self.listener.getsockname()
        options = uvicorn.Config(
            self.app,
            http=self.connections,
            interface="asgi3",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
        )
        self.server = uvicorn.Server(options)
        self.server.install_signal_handlers = lambda: None
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))
        self.thread.start()
        wait_until(lambda: self.server.started)

    async def run(self):
        task = asyncio.create_task(self.sweep())
        await self.server.serve(sockets=[self.listener])
        task.cancel()

    async def sweep(self):
        while True:
            await asyncio.sleep(0.1)
            self.connections.sweep()

    async def app(self, scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/slow":
            await asyncio.sleep(1.5)
        body = b"x" * (BODY_BYTES if scope["path"] == "/long" else 2)
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self, data=b""):
        client = socket.create_connection(self.address, timeout=10)
        client.sendall(data)
        return client

    def ask(self, data=GET):
        with self.connect(data) as client:
            return read(client)

    def end(self):
        self.server.should_exit = True
        self.thread.join(10)


def read(client, end=b""):
    """The status of the response, read to its end; 0 where the connection ended without one."""
    data = b""
    try:
        while chunk := client.recv(4096):
            data += chunk
            if data.endswith(end):
                break
    except ConnectionError:
        return 0
    found = re.match(rb"HTTP/1.1 (\d+)", data)
    return int(found[1]) if found else 0


def is_closed(client):
    """Whether the server has ended the connection of a client that waits for nothing else."""
    client.setblocking(False)
    try:
        client.recv(65536)
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.end()


@pytest.fixture(autouse=True)
def nothing_open(server):
    wait_until(lambda: len(server.connections) == 0)


@pytest.mark.parametrize(
    ("begin", "drip", "answer"),
    [
        (b"", b"", 408),
        (b"GET / HTTP/1.1\r\n", b"a", 408),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-", b"a: b\r\n", 408),
        (GET, b"G", 408),  # the second request of a connection
        (GET + b"GET / HTTP/1.1\r\nx-a: ", b"b", 408),  # it came along with the first
        (POST, b"a", 0),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", 0),
    ],
)
def test_a_slow_client_is_cut_off_while_it_sends(server, begin, drip, answer):
    with server.connect(begin) as client:
        if begin.startswith(GET):
            assert read(client, b"xx") == 200
        start = time.monotonic()
        while time.monotonic() - start < 5:
            time.sleep(0.05)
            try:
                client.sendall(drip)
            except OSError:
                break
            client.setblocking(False)
            try:
                assert read(client) == answer
                break
            except BlockingIOError:
                client.settimeout(5)
        assert 0.3 < time.monotonic() - start < 4


def test_a_steady_body_and_a_slow_response_of_the_site_have_their_time(server):
    with server.connect(POST) as client:
        for _ in range(10):
            client.sendall(b"x" * 500)
            time.sleep(0.15)
        assert read(client) == 200
    assert server.ask(GET.replace(b"/ ", b"/slow ")) == 200


def test_a_client_that_takes_nothing_of_a_response_is_cut_off(server):
    with server.connect(GET.replace(b"/ ", b"/long ")) as client:
        wait_until(lambda: len(server.connections))
        wait_until(lambda: len(server.connections) == 0)
        got = 0
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(1 << 20):
                got += len(chunk)
        assert got < BODY_BYTES  # the rest never comes


def test_a_client_that_takes_a_long_response_in_steps_gets_all_of_it(server):
    with server.connect(GET.replace(b"/ ", b"/long ")) as client:
        got, start = 0, time.monotonic()
        while chunk := client.recv(400_000):
            got += len(chunk)
            time.sleep(0.05)
            if got >= BODY_BYTES:
                break
        assert got >= BODY_BYTES and time.monotonic() - start > LIMITS.sending_s


def test_of_too_many_the_one_that_waits_longest_for_a_header_goes(server):
    slow = [server.connect(b"GET") for _ in range(LIMITS.per_address + 4)]
    assert [read(client) for client in slow[:4]] == [408] * 4
    assert not any(is_closed(client) for client in slow[4:])
    assert server.ask() == 200
    for client in slow:
        client.close()


def test_where_all_are_served_a_new_one_is_refused(server):
    busy = [server.connect(GET.replace(b"/ ", b"/slow ")) for _ in range(LIMITS.per_address)]
    wait_until(lambda: len(server.connections) == LIMITS.per_address)
    time.sleep(0.1)
    assert server.ask() == 503
    assert [read(client) for client in busy] == [200] * len(busy)
    for client in busy:
        client.close()


def test_a_named_proxy_has_no_limit_of_its_own_but_that_of_all():
    server = Server(is_proxy=lambda address: address == "127.0.0.1")
    try:
        clients = [server.connect(b"GET") for _ in range(LIMITS.total + 2)]
        assert [read(client) for client in clients[:2]] == [408, 408]
        assert not any(is_closed(client) for client in clients[2:])
    finally:
        server.end()


def test_one_log_line_names_counts_and_addresses(caplog):
    server = Server()
    try:
        with caplog.at_level(logging.INFO):
            for client in [server.connect(b"GET") for _ in range(30)]:
                client.close()
            for _ in range(20):
                assert server.ask(b"\x16\x03\x01 TLS\r\n\r\n") == 400
            time.sleep(0.3)
        lines = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    finally:
        server.end()
    assert len(lines) == 1
    assert re.search(r"\d+ of 127\.0\.0\.1 were more than 8 of one address", lines[0])


def test_what_is_no_http_beside_a_response_ends_the_connection_alone(server, caplog):
    begin = b"POST /slow HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    with server.connect(begin) as client:
        client.sendall(b"no chunk\r\n")
        assert read(client) == 0
    assert server.ask() == 200
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


START = b"GET / HTTP/1.1\r\nhost: x\r\n"
LINES = b"x: y\r\n" * 20_000
TEXT = b"a line\n" * 2_000


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (START + LINES + b"\r\n", 400),
        (START + LINES[: 6 * 300] + b"\r\n", 400),
        (b"GET /" + b"a/" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (START + b"cookie: " + b"c" * 100_000 + b"\r\n\r\n", 400),
        (START + b"x: y\n" * 20_000 + b"\n", 400),
        (START + b"cookie: " + b"c" * 16_000 + b"\r\n" + LINES[: 6 * 100] + b"\r\n", 200),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 14000\r\n\r\n" + TEXT, 200),
        (b"POST / HTTP/1.1\nhost: x\ncontent-length: 14000\n\n" + TEXT, 200),
    ],
)
def test_a_header_that_arrives_whole_has_bounds(server, request_bytes, answer):
    with contextlib.suppress(ConnectionError), server.connect() as client:
        threading.Thread(target=send_all, args=(client, request_bytes)).start()
        assert read(client, b"xx") == answer
    assert server.ask() == 200


def test_a_second_header_has_the_bounds_too(server):
    with server.connect(GET) as client:
        assert read(client, b"xx") == 200
        threading.Thread(target=send_all, args=(client, START + LINES + b"\r\n")).start()
        assert read(client) == 400


def test_a_refused_client_that_goes_on_sending_is_cut_off(server):
    with server.connect(START + LINES[: 6 * 300] + b"\r\n") as client:
        assert read(client) == 400
        wait_until(lambda: is_cut_off(client))


def is_cut_off(client):
    try:
        client.sendall(b"x" * 1000)
    except ConnectionError:
        return True
    return False


def send_all(client, data):
    """Send what the server takes before it closes."""
    with contextlib.suppress(OSError):
        client.sendall(data)


PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
import logging
logging.basicConfig(level="INFO")
from tests.plugins.test_connections import ClientLimits, Server
server = Server(ClientLimits(per_address=100, total=100))
print(server.address[1], flush=True)
sys.stdin.read()
server.end()
"""


def test_few_file_descriptors_are_survived_with_a_log_line():
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(program.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(90)]
        wait_until(lambda: sum(map(is_closed, clients)) >= 40)
        for client in clients:
            client.close()

        def answers():
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(GET)
                return read(client) == 200

        wait_until(answers)
        log = program.communicate("", timeout=20)[1]
    finally:
        program.kill()
        program.wait()
    lines = log.splitlines()
    assert any("no file descriptor was free" in line for line in lines) and len(lines) < 10, log


def test_the_limits_fit_the_file_descriptors_of_the_process():
    limits = limits_of_process()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits.total <= soft <= hard and limits.per_address < limits.total
    assert BACKLOG < limits.total or soft < 512
