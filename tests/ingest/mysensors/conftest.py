"""Shared by the tests of the MySensors reader: a tiny gateway on a real socket, a daemon, rows of a file."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.config import model as settings
from ingest.daemon import DaemonTiming, run_ingest
from ingest.db.connection import connect
from ingest.pipeline.open_database import WriterTiming
from tests.helpers.new_database import new_database

QUICK = DaemonTiming(writer=WriterTiming(poll_s=0.05))  # what other programs wrote is seen sooner
GREETING = ("0;255;3;0;14;Gateway startup complete.", "0;255;0;0;18;2.4.0-alpha")
ROOT = Path(__file__).parents[3]
DAEMON = """
import logging, sys
from ingest.config.model import load_config
from ingest.daemon import run_ingest
logging.basicConfig(level="INFO")
sys.exit(run_ingest(load_config(sys.argv[1])))
"""


def until(found, seconds=10.0, pause=0.02):
    """Call `found()` until it returns something true and return that; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s, the last answer was {result!r}")
        time.sleep(pause)


class TinyGateway:
    """A TCP port that greets each client, notes what it sends and answers the question for the version.

    `mute`: says nothing at all; `full`: closes every client at once. Both can be turned while it runs.
    """

    def __init__(self, greeting=GREETING):
        self.greeting = greeting
        self.mute = self.full = False
        self.answers = True  # a question for its version
        self.received = []  # (monotonic seconds, line)
        self.connects = 0
        self.port = 0
        self._client = None
        self._written = threading.Lock()
        self.open()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def open(self):
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def close(self):
        """Switch the gateway off."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()

    def drop(self):
        """Cut the client off."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(OSError):  # it may have hung up already
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _accept(self, server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.connects += 1
            if self.full:
                client.close()
                continue
            self._client = client
            self.say(*self.greeting)
            threading.Thread(target=self._read, args=(client,), daemon=True).start()

    def _read(self, client):
        rest = b""
        while True:
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            if not data:
                if self._client is client:
                    self.drop()
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in map(bytes.decode, lines):
                self.received.append((time.monotonic(), line))
                if self.answers and line == "0;255;3;0;2;":
                    self.say("0;255;3;0;2;2.4.0-alpha")

    def say(self, *lines):
        self.write("".join(line + "\n" for line in lines).encode())

    def write(self, data):
        if self.mute or self._client is None:
            return
        with self._written:
            self._client.sendall(data)

    def heard(self, pattern="", but="0;255;3;0;2;"):
        """The lines received so far that match, without the questions for the version."""
        return [line for _, line in self.received if line != but and re.fullmatch(pattern or ".*", line)]

    def wait(self, pattern, number=1, seconds=10.0):
        """The first `number` received lines that match."""
        return until(lambda: len(self.heard(pattern)) >= number and self.heard(pattern), seconds)

    def connected(self, times=1):
        until(lambda: self.connects >= times and (self._client or self.full))


class IngestSite:
    """One database file, the config that goes with it, and ways to run the daemon on them."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "telemetry.db"
        self.daemons = []
        self.timing = QUICK

    def set_gateway_times(self, **times):
        """Change times of GatewayTiming for the daemons of this test."""
        self.timing = replace(self.timing, gateway=replace(self.timing.gateway, **times))

    def config(self, *gateways, timezone="UTC", commit_s=0.05):
        """`gateways` are the keys of one each; `answers` may be given as a dict."""
        made = []
        for keys in gateways:
            answers = settings.Answers(**keys.pop("answers", {}))
            made.append(settings.GatewaySettings(**{"name": "main", **keys}, answers=answers))
        return settings.Config(database=self.path, timezone=timezone, commit_s=commit_s, gateways=tuple(made))

    def rows(self, sql, *values):
        connection = connect(self.path, readonly=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def column(self, sql, *values):
        return [row[0] for row in self.rows(sql, *values)]

    def wait(self, sql, *values, seconds=10.0):
        """The first rows that the statement finds."""
        return until(lambda: self.rows(sql, *values), seconds)

    def execute(self, sql, *values):
        connection = connect(self.path)
        try:
            return connection.execute(sql, values).lastrowid
        finally:
            connection.close()

    def order(self, node, order=None, line=None, **columns):
        keys = {"node": node, '"order"': order, "line": line, **columns}
        statement = f"insert into outbox ({', '.join(keys)}) values ({', '.join('?' * len(keys))})"
        return self.execute(statement, *keys.values())

    def live(self, config, scenario):
        """Run the daemon in this process, with `self.timing`, while `scenario()` plays in a thread."""
        new_database(self.path)
        played, ended = [], threading.Event()

        def play():
            try:
                played.append((scenario(), None))
            except BaseException as error:
                played.append((None, error))
            while signal.getsignal(signal.SIGTERM) is ignore and not ended.wait(0.01):
                pass  # the daemon has yet to install its handler
            if not ended.is_set():
                os.kill(os.getpid(), signal.SIGTERM)  # once: the handler is gone before the daemon returns

        def ignore(*_):
            """What a signal meets before the daemon's own handler, and must not end the tests."""

        before = signal.signal(signal.SIGTERM, ignore)
        thread = threading.Thread(target=play)
        thread.start()
        try:
            code = run_ingest(config, timing=self.timing)
        finally:
            ended.set()
            thread.join()
            signal.signal(signal.SIGTERM, before)
        result, error = played[0]
        if error is not None:
            raise error
        assert code == 0
        return result

    def start(self, text):
        """Start the daemon as a process of its own with a config file of this text."""
        file = self.folder / "config.yml"
        file.write_text(f"database: {self.path}\n{text}")
        with open(self.folder / "ingest.log", "a") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-c", DAEMON, str(file)],
                cwd=ROOT,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.daemons.append(daemon)
        return daemon

    def log(self):
        return (self.folder / "ingest.log").read_text()


@pytest.fixture
def site(tmp_path):
    switch, zone = sys.getswitchinterval(), os.environ.get("TZ")
    site = IngestSite(tmp_path)
    yield site
    for daemon in site.daemons:
        if daemon.poll() is None:
            daemon.kill()
        daemon.wait()
    sys.setswitchinterval(switch)
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()


@pytest.fixture
def tiny():
    """One tiny gateway."""
    gateway = TinyGateway()
    yield gateway
    gateway.close()


@pytest.fixture
def tiny_gateway():
    """Makes tiny gateways, by the keys of TinyGateway."""
    made = []

    def make(**keys):
        made.append(TinyGateway(**keys))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def eventually():
    return until
