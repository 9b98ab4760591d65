"""The byte pipe to a NUT server: nut2's telnet object without telnet, strict about whole answers, and the tokenizer.

Importing nut2 is done here, so that it leaves the root logger and the warnings as they were.
"""

import logging
import re
import socket
import time
import warnings

_root = logging.getLogger()
_shield = logging.NullHandler()
_root.addHandler(_shield)  # nut2 calls logging.basicConfig() on import, which does nothing where a handler is
try:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # telnetlib is deprecated, its stand-in for 3.13 says so too
        import telnetlib

        from nut2 import PyNUTClient, PyNUTError
finally:
    _root.removeHandler(_shield)

__all__ = [
    "ConnectionClosedError",
    "IncompleteAnswerError",
    "LinePipe",
    "PyNUTClient",
    "PyNUTError",
    "name_argument",
    "quote",
    "split_arguments",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]\S*)|(\S)')


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


class LinePipe(telnetlib.Telnet):
    """A Telnet object whose `read_until` returns a whole answer or raises; bytes are taken as they come.

    upsd speaks no telnet: bytes that telnet would take for commands (255, 0, 17) belong to the values.
    """

    def __init__(self, host: str, port: int, timeout: float, register=lambda sock: None) -> None:
        super().__init__()
        self.host, self.port, self.timeout = host, port, timeout
        self.sock = _connect(host, port, timeout, register)

    def process_rawq(self) -> None:
        self.cookedq += self.rawq[self.irawq :]
        self.rawq, self.irawq = b"", 0

    def fill_rawq(self) -> None:
        self.process_rawq()
        got = self.sock.recv(65536)
        self.eof = not got
        self.rawq += got

    def read_until(self, match: bytes, timeout: float | None = None) -> bytes:
        """Everything up to and with `match`. Raises IncompleteAnswerError after `timeout` s, ConnectionClosedError at the end of the stream."""
        try:
            got = super().read_until(match, timeout)
        except EOFError:
            raise ConnectionClosedError from None
        if not got.endswith(match):
            raise (ConnectionClosedError if self.eof else IncompleteAnswerError)(got)
        return got

    def unsolicited(self) -> bytes:
        """Bytes that lie here before anything was asked: an answer that came too late, or none (b'')."""
        self.process_rawq()
        self.sock.setblocking(False)
        try:
            self.fill_rawq()
        except BlockingIOError:
            return self.cookedq
        finally:
            self.sock.settimeout(self.timeout)
        if self.eof:
            raise ConnectionClosedError
        self.process_rawq()
        return self.cookedq

    def acknowledge_at_once(self) -> None:
        """Acknowledge at once: upsd sends a list line by line and waits 40 ms for a delayed acknowledgement otherwise."""
        if hasattr(socket, "TCP_QUICKACK"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _connect(host: str, port: int, timeout: float, register) -> socket.socket:
    """The first address of the host that answers, within `timeout` s in all; `register` sees each socket before it connects."""
    deadline = time.monotonic() + timeout
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, number, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out") from failure
        sock = socket.socket(family, kind, number)
        try:
            register(sock)
            sock.settimeout(left)
            sock.connect(address)
            sock.settimeout(timeout)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def quote(value: object) -> str:
    """A value as one argument of a request. Raises ValueError for control characters: a newline would begin a new request."""
    text = str(value)
    if _CONTROL.search(text):
        raise ValueError("a control character in a value for a NUT server")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_argument(value: str) -> str:
    """A UPS, variable or command name as one argument. Raises ValueError for what cannot be a name."""
    if not re.fullmatch(r"[^\s\"\\\x00-\x1f\x7f]+", value):
        raise ValueError(f"{value!r} is no name of a UPS, variable or command")
    return value


def split_arguments(line: str) -> list[str]:
    r"""The arguments of an answer: bare words, and "quoted ones" with \" and \\ undone. Raises ValueError for a loose quote."""
    found = []
    for match in _WORD.finditer(line):
        if match[3] is not None:
            raise ValueError(f"a quote that does not end in {line!r}")
        found.append(re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2])
    return found
