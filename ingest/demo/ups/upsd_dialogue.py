"""The dialogue of the demo's NUT server: one connection, right or wrong as the faults require."""

import socket
import socketserver
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from ingest.demo.ups.models import DemoUps
from ingest.nut.protocol import quote, split_arguments

VERSION = "2.8.0"
DRIVER_S = 0.4  # what a driver takes to carry out a command
VERBS = (
    "HELP VER NETVER GET LIST SET INSTCMD LOGIN LOGOUT USERNAME PASSWORD STARTTLS PRIMARY MASTER FSD".split()
)
MAX_CLIENTS = 64  # at a time; more are refused
MAX_REQUEST = 1024  # bytes of a line; NUT's own limit is 512
MAX_REQUESTS = 10_000  # that are remembered
IDLE_S = 3600.0  # a client that asks nothing for so long is disconnected
LISTS = ("VAR", "RW", "CMD", "CLIENT", "ENUM", "RANGE")


class UpsdRefusalError(Exception):
    """An answer ERR; its text is what stands behind it."""


def require(condition: bool, refusal: str) -> None:
    """Raise UpsdRefusalError where the condition does not hold."""
    if not condition:
        raise UpsdRefusalError(refusal)


def take_word(arguments: list[str]) -> tuple[str, list[str]]:
    """The first of the arguments in upper case, '' without one, and the others."""
    first, *rest = arguments or [""]
    return first.upper(), rest


class UpsdState(Protocol):
    """What the dialogues of one server share."""

    upses: dict[str, DemoUps]
    users: dict[str, str]
    clock: Callable[[], float]
    late_s: float
    title: str
    forced: set[str]
    requests: list[str]
    connections: set[socket.socket]
    overrides: dict[tuple[str, str], str]
    logins: dict[str, list[str]]
    tracked: dict[str, float]

    def has(self, name: str, ups: str | None = None) -> bool:
        """Whether a fault is on, for this UPS."""

    def variables(self, ups: str) -> dict[str, str]:
        """The variables of a UPS now."""

    def command(self, ups: str, command: str, value: str = "") -> None:
        """The visible effect of an instant command."""


def close_connection(connection: socket.socket) -> None:
    """End a connection from our side; a thread that reads from it wakes."""
    with suppress(OSError):  # the other side closed it first
        connection.shutdown(socket.SHUT_RDWR)


class UpsdServer(socketserver.ThreadingTCPServer):
    """The socket of a server; each connection is a Dialogue in a thread of its own."""

    allow_reuse_address = True
    request_queue_size = MAX_CLIENTS
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], upsd: UpsdState) -> None:
        self.upsd = upsd
        super().__init__(address, Dialogue)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether a connection is served: not where there are MAX_CLIENTS."""
        assert isinstance(request, socket.socket)
        # Counted here, since many may come before the thread of the first one runs.
        if len(self.upsd.connections) >= MAX_CLIENTS:
            return False
        self.upsd.connections.add(request)
        return True


class Dialogue(socketserver.StreamRequestHandler):
    """One client. Each method `_VERB` answers a request with lines."""

    disable_nagle_algorithm = True
    timeout = IDLE_S
    tracking = False

    def setup(self) -> None:
        """A client has connected."""
        super().setup()
        assert isinstance(self.server, UpsdServer)
        self.upsd = self.server.upsd
        self.credentials: dict[str, str] = {}
        self.answers: dict[str, Callable[[list[str]], list[str]]] = {
            "USERNAME": partial(self._credential, "USERNAME"),
            "PASSWORD": partial(self._credential, "PASSWORD"),
            "LOGIN": self._login,
            "LOGOUT": lambda arguments: ["OK Goodbye"],
            "VER": lambda arguments: [f"Network UPS Tools upsd {VERSION} - {self.upsd.title}"],
            "NETVER": lambda arguments: ["1.3"],
            "HELP": lambda arguments: [f"Commands: {' '.join(VERBS)}"],
            "STARTTLS": self._starttls,
            "GET": self._get,
            "LIST": self._list,
            "SET": self._set,
            "INSTCMD": self._instcmd,
            "PRIMARY": partial(self._primary, "PRIMARY"),
            "MASTER": partial(self._primary, "MASTER"),
            "FSD": self._force_shutdown,
        }

    def finish(self) -> None:
        """The connection ends, and the client's logins with it."""
        self.upsd.connections.discard(self.connection)
        for clients in self.upsd.logins.values():
            if self.client_address[0] in clients:
                clients.remove(self.client_address[0])
        close_connection(self.connection)

    def handle(self) -> None:
        """Answer request by request."""
        with suppress(OSError):  # the client is gone, or stop() closed the connection
            while (line := self.rfile.readline(MAX_REQUEST)).endswith(b"\n"):
                text = line.decode("utf-8", "replace").strip("\r\n")
                self._remember(text)
                if self.upsd.has("frozen"):
                    continue
                if self.upsd.has("drop"):
                    return
                if self.upsd.has("late"):
                    time.sleep(self.upsd.late_s)
                if self.upsd.has("shift"):
                    self._send(['VAR rack ups.status "OL"'])
                if not self._answer(text):
                    return

    def _remember(self, request: str) -> None:
        requests = self.upsd.requests
        requests.append(request)
        if len(requests) > MAX_REQUESTS:
            del requests[: MAX_REQUESTS // 2]

    def _answer(self, text: str) -> bool:
        """Answer one request; False ends the connection."""
        try:
            verb, arguments = take_word(split_arguments(text))
        except ValueError:
            verb, arguments = "", []
        try:
            require(not self.upsd.has("denied"), "ACCESS-DENIED")
            require(verb in self.answers, "UNKNOWN-COMMAND")
            lines = self.answers[verb](arguments)
        except UpsdRefusalError as refusal:
            lines = [f"ERR {refusal}"]
        if verb == "LIST" and self.upsd.has("truncate_list") and len(lines) > 3:
            cut = "\n".join(lines[: len(lines) // 2])
            self.wfile.write(cut[:-4].encode())
        else:
            self._send(lines)
        return verb != "LOGOUT"

    def _send(self, lines: list[str]) -> None:
        end = "\r\n" if self.upsd.has("crlf") else "\n"
        encoding = "latin-1" if self.upsd.has("latin1") else "utf-8"
        self.wfile.write("".join(line + end for line in lines).encode(encoding, "replace"))

    def _ups(self, arguments: list[str], count: int) -> DemoUps:
        require(len(arguments) >= count, "INVALID-ARGUMENT")
        require(arguments[0] in self.upsd.upses, "UNKNOWN-UPS")
        return self.upsd.upses[arguments[0]]

    def _values(self, ups: str) -> dict[str, str]:
        require(not self.upsd.has("driver_gone", ups), "DRIVER-NOT-CONNECTED")
        is_stale = self.upsd.has("stale", ups) or self.upsd.upses[ups].is_stale(self.upsd.clock())
        require(not is_stale, "DATA-STALE")
        values = self.upsd.variables(ups)
        return values | {"ups.id": "Büro"} if self.upsd.has("latin1", ups) else values

    def _authorised(self) -> None:
        for kind in ("USERNAME", "PASSWORD"):
            require(kind in self.credentials, f"{kind}-REQUIRED")
        password = self.upsd.users.get(self.credentials["USERNAME"])
        require(password == self.credentials["PASSWORD"], "ACCESS-DENIED")

    def _credential(self, kind: str, arguments: list[str]) -> list[str]:
        require(len(arguments) == 1, "INVALID-ARGUMENT")
        require(kind not in self.credentials, f"ALREADY-SET-{kind}")
        self.credentials[kind] = arguments[0]
        return ["OK"]

    def _login(self, arguments: list[str]) -> list[str]:
        self._ups(arguments, 1)
        self._authorised()
        self.upsd.logins.setdefault(arguments[0], []).append(self.client_address[0])
        return ["OK"]

    def _primary(self, kind: str, arguments: list[str]) -> list[str]:
        self._ups(arguments, 1)
        self._authorised()
        return [f"OK {kind}-GRANTED"]

    def _force_shutdown(self, arguments: list[str]) -> list[str]:
        self._ups(arguments, 1)
        self._authorised()
        self.upsd.forced.add(arguments[0])
        return ["OK FSD-SET"]

    def _starttls(self, arguments: list[str]) -> list[str]:
        raise UpsdRefusalError("FEATURE-NOT-CONFIGURED")

    def _get(self, arguments: list[str]) -> list[str]:
        kind, rest = take_word(arguments)
        if kind == "TRACKING":
            return [self._tracked(rest[0]) if rest else "ON" if self.tracking else "OFF"]
        count = 1 if kind in ("NUMLOGINS", "UPSDESC") else 2
        ups = self._ups(rest, count)
        match kind:
            case "UPSDESC":
                answer = quote(ups.description)
            case "NUMLOGINS":
                answer = str(len(self.upsd.logins.get(rest[0], [])))
            case "CMDDESC" | "DESC":
                answer = '"Description unavailable"'
            case "VAR" | "TYPE":
                values = self._values(rest[0])
                require(rest[1] in values, "VAR-NOT-SUPPORTED")
                answer = quote(values[rest[1]]) if kind == "VAR" else self._type(ups, rest[1])
            case _:
                raise UpsdRefusalError("INVALID-ARGUMENT")
        return [f"{kind} {' '.join(rest[:count])} {answer}"]

    @staticmethod
    def _type(ups: DemoUps, var: str) -> str:
        if var not in ups.writable:
            return "NUMBER"
        limit = ups.writable[var]
        return f"RW STRING:{limit.values[0]}" if limit.kind == "STRING" else f"RW {limit.kind}"

    def _list(self, arguments: list[str]) -> list[str]:
        kind, rest = take_word(arguments)
        if kind == "UPS":
            rows = [f"UPS {name} {quote(ups.description)}" for name, ups in self.upsd.upses.items()]
            return ["BEGIN LIST UPS", *rows, "END LIST UPS"]
        require(kind in (("VAR",) if self.upsd.has("bare") else LISTS), "INVALID-ARGUMENT")
        ups = self._ups(rest, 2 if kind in ("ENUM", "RANGE") else 1)
        head = f"{kind} {' '.join(rest)}"
        rows = [f"{head} {row}" for row in self._rows(kind, ups, rest)]
        return [f"BEGIN LIST {head}", *rows, f"END LIST {head}"]

    def _rows(self, kind: str, ups: DemoUps, arguments: list[str]) -> list[str]:
        """The rows of a list, without what they begin with."""
        values = self._values(arguments[0])
        match kind:
            case "VAR":
                return [f"{var} {quote(value)}" for var, value in sorted(values.items())]
            case "RW":
                return [f"{var} {quote(values[var])}" for var in sorted(ups.writable) if var in values]
            case "CMD":
                return list(ups.commands)
            case "CLIENT":
                return list(self.upsd.logins.get(arguments[0], []))
        limit = ups.writable.get(arguments[1])
        if limit is None or limit.kind != kind:
            return []
        quoted = [quote(str(value)) for value in limit.values]
        return quoted if kind == "ENUM" else [" ".join(quoted)]

    def _set(self, arguments: list[str]) -> list[str]:
        kind, rest = take_word(arguments)
        can_track = not (self.upsd.has("untracked") or self.upsd.has("bare"))
        if kind == "TRACKING" and len(rest) == 1 and can_track:
            require(len(self.credentials) == 2, "USERNAME-REQUIRED")
            self.tracking = rest[0].upper() == "ON"
            return ["OK"]
        require(kind == "VAR" and len(rest) == 3, "INVALID-ARGUMENT")
        ups = self._ups(rest, 3)
        name, variable, value = rest
        values = self._values(name)
        self._authorised()
        require(variable in values, "VAR-NOT-SUPPORTED")
        require(variable in ups.writable, "READONLY")
        refusal = ups.writable[variable].refusal(value)
        require(not refusal, refusal)
        self.upsd.overrides[name, variable] = value
        return [self._taken()]

    def _instcmd(self, arguments: list[str]) -> list[str]:
        ups = self._ups(arguments, 2)
        self._values(arguments[0])
        self._authorised()
        require(arguments[1] in ups.commands, "CMD-NOT-SUPPORTED")
        self.upsd.command(arguments[0], arguments[1], *arguments[2:3])
        return [self._taken()]

    def _taken(self) -> str:
        """OK, with an id where the client wants to know what comes of it."""
        if not self.tracking:
            return "OK"
        id = str(uuid.uuid4()).upper()
        self.upsd.tracked[id] = self.upsd.clock() + DRIVER_S
        return f"OK TRACKING {id}"

    def _tracked(self, id: str) -> str:
        require(id in self.upsd.tracked, "UNKNOWN")
        return "SUCCESS" if self.upsd.clock() >= self.upsd.tracked[id] else "PENDING"
