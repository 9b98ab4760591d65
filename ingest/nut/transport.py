"""The byte pipe to a NUT server; and nut2, imported so that the root logger stays as it was."""

import contextlib
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Callable

from ingest.process.running_time import LATE_S, RunningDeadline

_root = logging.getLogger()
_shield = logging.NullHandler()
_root.addHandler(_shield)  # nut2 calls logging.basicConfig() on import, which does nothing where a handler is
try:
    with warnings.catch_warnings():
        # nut2 imports telnetlib, which is deprecated; its stand-in for Python 3.13 warns too
        warnings.simplefilter("ignore", DeprecationWarning)
        import nut2
        from nut2 import PyNUTClient, PyNUTError
finally:
    _root.removeHandler(_shield)
# nut2 logs to the root logger, values and passwords included; the connection logs the dialogue without them.
nut2.logging = logging.getLogger("nut2")
nut2.logging.disabled = True

__all__ = [
    "ConnectionClosedError",
    "IncompleteAnswerError",
    "LinePipe",
    "LongLineError",
    "PyNUTClient",
    "PyNUTError",
]

MAX_LINE = 65_536  # bytes; upsd's own lines have 512 at most (NUT_NET_ANSWER_MAX)
KEEP_RAW = 200  # bytes of a line that is too long


class IncompleteAnswerError(Exception):
    """The server stopped in the middle of an answer, or before it; `got` is what came."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"{len(got)} bytes of an answer")
        self.got = got


class ConnectionClosedError(Exception):
    """The server closed the connection; `got` is what came before."""

    def __init__(self, got: bytes = b"") -> None:
        super().__init__("connection closed")
        self.got = got


class LongLineError(Exception):
    """The server sent a line of more than MAX_LINE bytes; `got` is its beginning."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"more than {MAX_LINE} bytes without the end of a line")
        self.got = got


class LinePipe:
    """A TCP connection that hands out whole lines or raises; `register` sees each socket before it connects.

    No telnet: bytes that telnet would take for commands (255, 0, 17) belong to the values of upsd.
    """

    def __init__(
        self, host: str, port: int, timeout: float, register: Callable[[socket.socket], None]
    ) -> None:
        self._host, self._timeout, self._register = host, timeout, register
        self._socket = _connect(host, port, timeout, register)
        self._buffer = b""

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on in TLS, within the time-out. Raises OSError, of which ssl.SSLError is one.

        What came in plain behind the server's OK was not sent by whom its certificate names: it is an error.
        """
        if self._buffer:
            raise IncompleteAnswerError(self._buffer)
        self._socket.settimeout(self._timeout)
        self._socket = context.wrap_socket(
            self._socket, server_hostname=self._host, do_handshake_on_connect=False
        )
        self._register(self._socket)
        self._socket.do_handshake()

    def write(self, data: bytes) -> None:
        """Send bytes, within the time-out. Raises OSError.

        They are acknowledged at once: upsd sends a list line by line and waits 40 ms for a delayed
        acknowledgement otherwise.
        """
        self._socket.settimeout(self._timeout)
        self._socket.sendall(data)
        if hasattr(socket, "TCP_QUICKACK"):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def read_line(self, deadline: RunningDeadline) -> bytes:
        """Return the next line with its end.

        Raises IncompleteAnswerError at `deadline`, LongLineError, ConnectionClosedError at the end of the
        stream, OSError.
        """
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise LongLineError(self._buffer[:KEEP_RAW])
            wait_s = deadline.next_s()
            if wait_s is None:
                raise IncompleteAnswerError(self._buffer)
            self._socket.settimeout(wait_s)
            with contextlib.suppress(TimeoutError):
                self._receive()
        if end > MAX_LINE:
            raise LongLineError(self._buffer[:KEEP_RAW])
        line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return line

    def unsolicited(self) -> bytes:
        """Return what came before anything was asked, an answer that is too late; b'' for nothing."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            self._receive()
        return self._buffer

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionClosedError(self._buffer)
        self._buffer += data


def _connect(
    host: str, port: int, timeout: float, register: Callable[[socket.socket], None]
) -> socket.socket:
    """Connect to the first address of the host that answers, within `timeout` s. Raises OSError."""
    deadline = time.monotonic() + timeout
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, number, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        began = time.monotonic()
        left = deadline - began
        if left <= 0:
            raise TimeoutError("timed out") from failure
        sock = socket.socket(family, kind, number)
        try:
            register(sock)
            sock.settimeout(left)
            sock.connect(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        if isinstance(failure, TimeoutError) and time.monotonic() > began + left + LATE_S:
            return _connect(host, port, timeout, register)  # we did not run meanwhile: it was not too slow
    raise failure
