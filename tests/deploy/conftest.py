"""A stand-in for the notification socket of systemd."""

import socket
import time

import pytest


class Manager:
    """Receives the notifications of services on a real datagram socket."""

    def __init__(self, address):
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(
            self.address.replace("@", "\0", 1) if self.address.startswith("@") else self.address
        )

    def receive(self, seconds):
        """The next notification, or None when none arrives within `seconds`."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(1000).decode()
        except TimeoutError:
            return None

    def wait_until_quiet(self, quiet_s, timeout=20.0):
        """Read until nothing has arrived for `quiet_s`; fails after `timeout`."""
        until = time.monotonic() + timeout
        while self.receive(quiet_s):
            assert time.monotonic() < until, "notifications went on"

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path / "notify")
    yield one
    one.close()
