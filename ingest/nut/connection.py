"""One connection to a NUT server, strict: nothing but a whole right answer comes back, anything else ends its use.

The requests themselves are in `client`. The lock keeps a request and its answer together; `close()` may come from any thread.
"""

import errno
import logging
import re
import socket
import threading
import time
from collections.abc import Callable

from ingest.nut.errors import NutError, answered_error
from ingest.nut.transport import (
    ConnectionClosedError,
    IncompleteAnswerError,
    LinePipe,
    PyNUTClient,
    name_argument,
    quote,
    split_arguments,
)

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
OPTIONAL_REFUSALS = (
    "unsupported",
    "invalid",
    "error",
    "denied",
)  # how embedded servers refuse LIST RW, CMD and the like
UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class Connection(PyNUTClient):
    """One connection to one server, opened at once (`connect=False`: by `connect()`).

    `timeout` in s holds for each whole answer. Every call raises NutError. `usable` turns False after anything but a right
    answer or an answer ERR: drop the object then and make a new one. Calls come from one thread, `close()` from any.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 3493,
        username: str | None = None,
        password: str | None = None,
        timeout: float = TIMEOUT_S,
        connect: bool = True,
    ) -> None:
        # nut2's constructor is not called: it logs the password and installs a handler on the root logger.
        self._host, self._port, self._login, self._password, self._timeout = (
            host,
            port,
            username,
            password,
            timeout,
        )
        self._srv_handler: LinePipe | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.server = f"{host}:{port}"
        self.usable = False
        if connect:
            self.connect()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.server} {'usable' if self.usable else 'not usable'}>"

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_socket", None) is not None:
            self._socket.close()

    # USERNAME reader / OK / PASSWORD *** / OK. upsd says OK to any password and refuses only what needs one.
    def connect(self) -> None:
        """Open the connection and hand in user name and password, where given."""
        try:
            with self._lock:
                self._srv_handler = LinePipe(self._host, self._port, self._timeout, self._register_socket)
        except (OSError, UnicodeError) as error:
            if self._closing.is_set():
                raise NutError("closed", f"the connection to {self.server} was closed") from error
            raise self._connect_error(error) from error
        if self._closing.is_set():
            self._srv_handler.close()
            raise NutError("closed", f"the connection to {self.server} was closed")
        self.usable = True
        try:
            if self._login is not None:
                self._ok("USERNAME " + self._argument(quote, self._login))
            if self._password is not None:
                self._ok("PASSWORD " + self._argument(quote, self._password))
        except NutError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; a call that waits in another thread ends at once with outcome 'closed'."""
        self._closing.set()
        self.usable = False
        sock = self._socket
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("%s: already gone: %s", self.server, error)
        if self._lock.acquire(
            timeout=1
        ):  # a thread that is still looking up a name sees `_closing` when it comes back
            try:
                if self._srv_handler is not None:
                    self._srv_handler.close()
                if sock is not None:
                    sock.close()
            finally:
                self._lock.release()

    def _register_socket(self, sock: socket.socket) -> None:
        """Know the socket before it connects, so that `close()` can end that too."""
        self._socket = sock
        if self._closing.is_set():
            raise OSError("closed")

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
                f"{self.server} does not answer within {self._timeout:g} s: is the host on, a firewall between?",
            )
        if error.errno in UNREACHABLE:
            return NutError("unreachable", f"there is no way to {self.server}: {error.strerror}")
        return NutError("closed", f"cannot connect to {self.server}: {error}")

    def _argument(self, make: Callable[[object], str], value: object) -> str:
        try:
            return make(value)
        except ValueError as error:
            raise NutError("invalid", self._redact(str(error)), answered=True) from None

    def _redact(self, text: str) -> str:
        """The text without the password, as it is or quoted."""
        if text.startswith("PASSWORD "):
            return "PASSWORD ***"
        if not self._password:
            return text
        secret = re.escape(self._password)
        quoted = re.escape(self._password.replace("\\", "\\\\").replace('"', '\\"'))
        return re.sub(rf"(?<!\w)(?:{quoted}|{secret})(?!\w)", "***", text)

    def _fatal_error(self, outcome: str, message: str, raw: str = "") -> NutError:
        """The error after which this connection is not used any more."""
        self.usable = False
        if self._closing.is_set():
            outcome, message = "closed", f"the connection to {self.server} was closed"
        return NutError(outcome, self._redact(message), self._redact(raw))

    def _ask(self, request: str) -> str:
        with self._lock:
            return self._line(request, self._send(request))

    def _send(self, request: str) -> float:
        """Send a request and return the time by which the whole answer must be here."""
        if not self.usable or self._srv_handler is None:
            raise self._fatal_error(
                "closed", f"the connection to {self.server} is not usable any more: make a new one"
            )
        shown = self._redact(request)
        log.debug("%s <- %s", self.server, shown)
        try:
            late = self._srv_handler.unsolicited()
            if late:
                text = late.decode("utf-8", "replace")
                raise self._fatal_error(
                    "protocol", f"{self.server} had sent something before it was asked {shown}", text
                )
            self._srv_handler.write(request.encode("utf-8") + b"\n")
            self._srv_handler.acknowledge_at_once()
        except (ConnectionClosedError, OSError) as error:
            raise self._lost_error(shown, error) from error
        return time.monotonic() + self._timeout

    def _line(self, request: str, deadline: float, first: bool = True) -> str:
        """The next line of the answer, whole; an answer that is ERR from the first line on leaves the connection usable."""
        shown = self._redact(request)
        try:
            got = self._srv_handler.read_until(b"\n", max(0.0, deadline - time.monotonic()))
        except IncompleteAnswerError as error:
            raise self._fatal_error(
                "timeout",
                f"{self.server} did not answer {shown} in full within {self._timeout:g} s: is it frozen, or the network cut?",
                error.got.decode("utf-8", "replace"),
            ) from error
        except (ConnectionClosedError, OSError) as error:
            raise self._lost_error(shown, error) from error
        line = got.decode("utf-8", "replace").rstrip("\r\n")
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s -> %s", self.server, self._redact(line))
        if first and (line == "ERR" or line.startswith("ERR ")):
            raise answered_error(self._redact(line), shown, self.server)
        return line

    def _lost_error(self, shown: str, error: Exception) -> NutError:
        if isinstance(error, TimeoutError):
            return self._fatal_error("timeout", f"{self.server} does not take {shown}: is it frozen?")
        raw = error.got.decode("utf-8", "replace") if isinstance(error, ConnectionClosedError) else ""
        return self._fatal_error(
            "closed", f"{self.server} closed the connection at {shown}: was it stopped?", raw
        )

    def _ok(self, request: str) -> str:
        """The id by which a server that tracks tells later what came of it, else ''."""
        answer = self._ask(request)
        verdict, *more = answer.split() or [""]
        if verdict != "OK":
            raise self._unexpected_answer(request, answer)
        return more[1] if len(more) == 2 and more[0] == "TRACKING" else ""

    def _unexpected_answer(self, request: str, answer: str) -> NutError:
        return self._fatal_error(
            "protocol", f"{self.server} answers {answer!r} to {self._redact(request)}", answer
        )

    def _get(self, kind: str, *names: str) -> list[str]:
        """What follows the kind and the names in the answer to GET; an answer to something else is an error."""
        request = " ".join(["GET", kind, *(self._argument(name_argument, n) for n in names)])
        answer = self._ask(request)
        row = self._split(request, answer)
        if len(row) <= len(names) + 1 or not names_match(row[: len(names) + 1], [kind, *names]):
            raise self._unexpected_answer(request, answer)
        return row[len(names) + 1 :]

    def _list(self, what: str, least: int, kind: str, *names: str) -> list[list[str]]:
        """The rows of a list, each of which must begin with its kind and the names asked for; the list must end."""
        request = "LIST " + what
        with self._lock:
            deadline = self._send(request)
            first = self._line(request, deadline)
            if not names_match(first.split(), ["BEGIN", "LIST", *what.split()]):
                raise self._unexpected_answer(request, first)
            rows = []
            while True:
                line = self._line(request, deadline, first=False)
                if names_match(line.split(), ["END", "LIST", *what.split()]):
                    return rows
                row = self._split(request, line)
                if len(row) < least or not names_match(row[: len(names) + 1], [kind, *names]):
                    raise self._unexpected_answer(request, line)
                rows.append(row)

    def _split(self, request: str, line: str) -> list[str]:
        try:
            return split_arguments(line)
        except ValueError:
            raise self._unexpected_answer(request, line) from None

    def _optional(self, ask: Callable[[], list[list[str]]]) -> list[list[str]]:
        """A list some servers do not have: their refusal is an empty list."""
        try:
            return ask()
        except NutError as error:
            if error.answered and error.outcome in OPTIONAL_REFUSALS:
                log.debug("%s refuses a list that not every server has: %s", self.server, error.message)
                return []
            raise


def names_match(told: list[str], asked: list[str]) -> bool:
    """Whether an answer names what was asked; upsd's names do not tell capitals from small letters."""
    return [w.casefold() for w in told] == [w.casefold() for w in asked]
