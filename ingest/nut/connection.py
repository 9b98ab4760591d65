"""One connection to a NUT server that hands out whole right answers and nothing else.

Anything but a right answer or an answer ERR ends its use. It stands in for the Telnet object that nut2's
methods write to and read from; the verbs are in `client`.
"""

import errno
import logging
import re
import socket
import ssl
import threading
from typing import NoReturn

from ingest.nut import protocol, tls
from ingest.nut.errors import NutError, answered_error
from ingest.nut.transport import (
    MAX_LINE,
    ConnectionClosedError,
    IncompleteAnswerError,
    LinePipe,
    LongLineError,
)
from ingest.process.running_time import RunningDeadline
from ingest.tls import TlsSettings

log = logging.getLogger(__name__)

UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class Connection:
    """A connection that is made by `open()`; every method raises NutError.

    `timeout` in s holds for each whole answer, `secret` is kept out of logs and errors. With `tls` in use,
    nothing but STARTTLS is ever sent without it. `usable` turns False after anything but a right answer or an
    answer ERR. `tracking` is the id that the last OK carried, or ''. Calls come from one thread, `close()`
    from any.
    """

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        secret: str | None = None,
        tls: TlsSettings | None = None,
    ) -> None:
        self.server = f"{host}:{port}"
        self.usable = False
        self.tracking = ""
        self._host, self._port, self._timeout, self._secret = host, port, timeout, secret
        self._tls = tls if tls is not None and tls.used else None
        self._answered = False  # in TLS where that is in use
        self._pipe: LinePipe | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._request, self._deadline = "", RunningDeadline(0.0)

    def open(self) -> None:
        """Connect, and start TLS where it is in use."""
        context = tls.make_context(self._tls) if self._tls is not None else None
        try:
            with self._lock:
                self._pipe = LinePipe(self._host, self._port, self._timeout, self._register_socket)
        except (OSError, UnicodeError) as error:
            if self._closing.is_set():
                raise NutError("closed", f"the connection to {self.server} was closed") from error
            raise self._connect_error(error) from error
        if self._closing.is_set():
            self._pipe.close()
            raise NutError("closed", f"the connection to {self.server} was closed")
        self.usable = True
        if context is not None:
            try:
                self._start_tls(context)
            except NutError:
                self.close()
                raise

    # STARTTLS / OK STARTTLS, then the handshake
    def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            self.ask("STARTTLS")
        except NutError as error:
            if not error.answered:
                raise
            raise tls.refusal(error, self.server) from error
        with self._lock:
            if self._pipe is None or not self.usable:
                self._fail("closed", f"the connection to {self.server} was closed at STARTTLS")
            try:
                self._pipe.start_tls(context)
            except IncompleteAnswerError as error:
                self._fail("tls", f"{self.server} sends more than its OK to STARTTLS", error.got)
            except (ConnectionClosedError, OSError) as error:
                self._fail_lost(error, "the TLS handshake")
        self._answered = False

    def close(self) -> None:
        """End the connection; a call that waits in another thread ends at once with outcome 'closed'."""
        self._closing.set()
        self.usable = False
        sock = self._socket
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's own lets a reader fail
            except OSError as error:
                log.debug("%s: already gone: %s", self.server, error)
        # A thread that is still looking up a name holds the lock, and sees `_closing` when it comes back.
        if sock is not None and self._lock.acquire(timeout=1):
            try:
                sock.close()
            finally:
                self._lock.release()

    def write(self, request: bytes) -> None:
        """Send a request, one line with its end; its whole answer has to be here `timeout` s later."""
        line = request.decode().removesuffix("\n")
        shown = self._redact(line)
        if not protocol.is_request(line):
            message = (
                f"{shown!r} is not sent: a name has a space or a quote in it, or a value a control character"
            )
            raise NutError("invalid", message, answered=True)
        with self._lock:
            if not self.usable or self._pipe is None:
                self._fail(
                    "closed", f"the connection to {self.server} is not usable any more: make a new one"
                )
            log.debug("%s <- %s", self.server, shown)
            try:
                late = self._pipe.unsolicited()
                if late:
                    message = f"{self.server} had sent something before it was asked {shown}"
                    self._fail("protocol", message, late)
                self._pipe.write(request)
            except (ConnectionClosedError, OSError) as error:
                self._fail_lost(error, shown)
        self._request, self._deadline = line, RunningDeadline(self._timeout)

    def read_until(self, match: bytes, timeout: float | None = None) -> bytes:
        """Return the answer to the last request as nut2 reads it: one line in UTF-8, its end included.

        Raises NutError for an answer ERR, and for anything that is not the whole right answer. nut2's
        methods for lists, which read on to END LIST, are all overridden.
        """
        if match != b"\n":
            raise NotImplementedError(f"reading until {match!r}")
        line = self._first_line()
        tracked = protocol.TRACKED.fullmatch(line)
        self.tracking = tracked[1] if tracked else ""
        if line.startswith("OK "):  # nut2 knows OK alone
            line = "OK"
        elif '"' not in line and self._request.startswith("GET "):  # nut2 splits at each single space
            line = " ".join(line.split())
        return f"{line}\n".encode()

    def ask(self, request: str) -> str:
        """Return the one line that answers a request."""
        self.write(request.encode() + b"\n")
        return self.read_until(b"\n").decode().removesuffix("\n")

    def ask_list(self, request: str) -> list[list[str]]:
        """Return the rows of a list, each without the names asked for: it has to begin with them.

        The list has to end within the time-out, and within the limits of `protocol`.
        """
        self.write(request.encode() + b"\n")
        self._first_line()
        rows, size = [], 0
        max_rows, remedy = protocol.list_limit(request)
        while not protocol.is_list_end(request, line := self._line()):
            values = protocol.list_values(request, line)
            if not values:
                self._fail_unexpected(line)
            rows.append(values)
            size += len(line)
            if len(rows) > max_rows:
                self._fail(
                    "limit", f"{self.server} answers {request} with more than {max_rows} rows: {remedy}"
                )
            if size > protocol.MAX_LIST_BYTES:
                self._fail(
                    "limit",
                    f"{self.server} answers {request} with more than {protocol.MAX_LIST_BYTES} bytes, so far "
                    f"in {len(rows)} rows, the last about {protocol.shorten(repr(' '.join(values)))}",
                )
        return rows

    def _first_line(self) -> str:
        """The first line of an answer; ERR leaves the connection usable."""
        line = self._line()
        if line == "ERR" or line.startswith("ERR "):
            raise answered_error(
                protocol.shorten(self._redact(line)),
                self._redact(self._request),
                self.server,
                self._own_address(),
            )
        if not protocol.is_answer(self._request, line):
            self._fail_unexpected(line)
        return line

    def _line(self) -> str:
        shown = self._redact(self._request)
        with self._lock:
            if not self.usable or self._pipe is None:
                self._fail("closed", f"the connection to {self.server} was closed at {shown}")
            try:
                got = self._pipe.read_line(self._deadline)
            except IncompleteAnswerError as error:
                self._fail(
                    "timeout",
                    f"{self.server} did not answer {shown} in full within {self._timeout:g} s: is it frozen, "
                    "or the network cut?",
                    error.got,
                )
            except LongLineError as error:
                begins = protocol.shorten(repr(protocol.decode_line(error.got)))
                self._fail(
                    "limit",
                    f"{self.server} answers {shown} with a line of more than {MAX_LINE} bytes, which begins "
                    f"with {begins}: is it a NUT server, and its driver sound?",
                    error.got,
                )
            except (ConnectionClosedError, OSError) as error:
                self._fail_lost(error, shown)
        self._answered = True
        line = protocol.decode_line(got).rstrip("\r\n")
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s -> %s", self.server, self._redact(line))
        return line

    def _register_socket(self, sock: socket.socket) -> None:
        """Know the socket before it connects, so that `close()` can end that too."""
        self._socket = sock
        if self._closing.is_set():
            raise OSError("closed")

    def _own_address(self) -> str:
        """The address that the server sees, '' where the connection is gone or something stands between."""
        try:
            return str(self._socket.getsockname()[0]) if self._socket is not None else ""
        except OSError:
            return ""

    def _redact(self, text: str) -> str:
        """Return the text without the password, as it is or quoted."""
        if text.startswith("PASSWORD "):
            return "PASSWORD ***"
        if not self._secret:
            return text
        secret, quoted = re.escape(self._secret), re.escape(protocol.quote(self._secret)[1:-1])
        return re.sub(rf"(?<!\w)(?:{quoted}|{secret})(?!\w)", "***", text)

    def _connect_error(self, error: OSError | UnicodeError) -> NutError:
        if isinstance(error, socket.gaierror | UnicodeError):
            return NutError(
                "name", f"the name {self._host} is not known: {getattr(error, 'strerror', error)}"
            )
        if isinstance(error, ConnectionRefusedError):
            return NutError(
                "refused", f"nothing listens at {self.server}: is upsd running, with LISTEN for this address?"
            )
        if isinstance(error, TimeoutError):
            return NutError(
                "timeout",
                f"{self.server} does not answer within {self._timeout:g} s: is the host on, is there a "
                "firewall between?",
            )
        if error.errno in UNREACHABLE:
            return NutError("unreachable", f"no route to {self.server}: {error.strerror}")
        return NutError("closed", f"cannot connect to {self.server}: {error}")

    def _fail(self, outcome: str, message: str, raw: bytes = b"") -> NoReturn:
        """Raise the error after which this connection is not used any more."""
        self.usable = False
        if self._closing.is_set():
            outcome, message = "closed", f"the connection to {self.server} was closed"
        raise NutError(outcome, self._redact(message), self._redact(protocol.decode_line(raw)))

    def _fail_lost(self, error: Exception, shown: str) -> NoReturn:
        if isinstance(error, ssl.SSLError) and self._tls is not None and not _is_end(error):
            failure = tls.explain(error, self.server, self._host, self._tls)
            self._fail(failure.outcome, failure.message)
        if isinstance(error, TimeoutError):
            self._fail("timeout", f"{self.server} does not take {shown}: is it frozen?")
        got = error.got if isinstance(error, ConnectionClosedError) else b""
        reason = "was it stopped?"
        if self._tls is not None and not self._answered:  # TLS 1.3: a server judges ours after the handshake
            reason = f"was it stopped, or does it want {tls.certificate_wanted(self._tls)}?"
        self._fail("closed", f"{self.server} closed the connection at {shown}: {reason}", got)

    def _fail_unexpected(self, line: str) -> NoReturn:
        shown = protocol.shorten(repr(line))
        message = f"{self.server} answers {shown} to {self._redact(self._request)}"
        self._fail("protocol", message, protocol.shorten(line).encode())


def _is_end(error: ssl.SSLError) -> bool:
    """Whether this is how TLS names the end of a connection."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
