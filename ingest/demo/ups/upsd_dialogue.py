"""The dialogue of the demo's NUT server: one connection, right or wrong as the faults require."""

import socket
import socketserver
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from ingest.demo.ups.models import DemoUps
from ingest.nut.protocol import quote, split_arguments

VERSION = "2.8.0"
DRIVER_S = 0.4  # what a driver takes to carry out a command
VERBS = "HELP VER NETVER GET LIST SET INSTCMD LOGIN LOGOUT USERNAME PASSWORD STARTTLS".split()
LISTS = ("VAR", "RW", "CMD", "CLIENT", "ENUM", "RANGE")


class UpsdRefusalError(Exception):
    """An answer ERR; its text is what stands behind it."""


class UpsdState(Protocol):
    """What the dialogues of one server share."""

    upses: dict[str, DemoUps]
    users: dict[str, str]
    clock: Callable[[], float]
    late_s: float
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
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side closed it first


class UpsdServer(socketserver.ThreadingTCPServer):
    """The socket of a server; each connection is a Dialogue in a thread of its own."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], upsd: UpsdState) -> None:
        self.upsd = upsd
        super().__init__(address, Dialogue)


class Dialogue(socketserver.StreamRequestHandler):
    """One client. Each method `_VERB` answers a request with lines."""

    disable_nagle_algorithm = True
    username: str | None = None
    password: str | None = None
    tracking = False

    def setup(self) -> None:
        """A client has connected."""
        super().setup()
        assert isinstance(self.server, UpsdServer)
        self.upsd = self.server.upsd
        self.answers: dict[str, Callable[[list[str]], list[str]]] = {
            "USERNAME": self._username,
            "PASSWORD": self._password,
            "LOGIN": self._login,
            "LOGOUT": lambda arguments: ["OK Goodbye"],
            "VER": lambda arguments: [f"Network UPS Tools upsd {VERSION} - demo house"],
            "NETVER": lambda arguments: ["1.3"],
            "HELP": lambda arguments: [f"Commands: {' '.join(VERBS)}"],
            "STARTTLS": self._starttls,
            "GET": self._get,
            "LIST": self._list,
            "SET": self._set,
            "INSTCMD": self._instcmd,
        }
        self.upsd.connections.add(self.connection)

    def finish(self) -> None:
        """The connection ends, and the client's logins with it."""
        self.upsd.connections.discard(self.connection)
        for clients in self.upsd.logins.values():
            if self.client_address[0] in clients:
                clients.remove(self.client_address[0])
        close_connection(self.connection)

    def handle(self) -> None:
        """Answer request by request."""
        try:
            for line in self.rfile:
                text = line.decode("utf-8", "replace").strip("\r\n")
                self.upsd.requests.append(text)
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
        except OSError:
            return  # the client is gone, or stop() closed the connection

    def _answer(self, text: str) -> bool:
        """Answer one request; False ends the connection."""
        try:
            arguments = split_arguments(text)
        except ValueError:
            arguments = []
        verb = arguments[0].upper() if arguments else ""
        try:
            if self.upsd.has("denied"):
                raise UpsdRefusalError("ACCESS-DENIED")
            if verb not in self.answers:
                raise UpsdRefusalError("UNKNOWN-COMMAND")
            lines = self.answers[verb](arguments[1:])
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
        if len(arguments) < count:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if arguments[0] not in self.upsd.upses:
            raise UpsdRefusalError("UNKNOWN-UPS")
        return self.upsd.upses[arguments[0]]

    def _values(self, ups: str) -> dict[str, str]:
        if self.upsd.has("driver_gone", ups):
            raise UpsdRefusalError("DRIVER-NOT-CONNECTED")
        if self.upsd.has("stale", ups):
            raise UpsdRefusalError("DATA-STALE")
        values = self.upsd.variables(ups)
        return values | {"ups.id": "Büro"} if self.upsd.has("latin1", ups) else values

    def _authorised(self) -> None:
        if self.username is None:
            raise UpsdRefusalError("USERNAME-REQUIRED")
        if self.password is None:
            raise UpsdRefusalError("PASSWORD-REQUIRED")
        if self.upsd.users.get(self.username) != self.password:
            raise UpsdRefusalError("ACCESS-DENIED")

    def _username(self, arguments: list[str]) -> list[str]:
        if len(arguments) != 1:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if self.username is not None:
            raise UpsdRefusalError("ALREADY-SET-USERNAME")
        self.username = arguments[0]
        return ["OK"]

    def _password(self, arguments: list[str]) -> list[str]:
        if len(arguments) != 1:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if self.password is not None:
            raise UpsdRefusalError("ALREADY-SET-PASSWORD")
        self.password = arguments[0]
        return ["OK"]

    def _login(self, arguments: list[str]) -> list[str]:
        self._ups(arguments, 1)
        self._authorised()
        self.upsd.logins.setdefault(arguments[0], []).append(self.client_address[0])
        return ["OK"]

    def _starttls(self, arguments: list[str]) -> list[str]:
        raise UpsdRefusalError("FEATURE-NOT-CONFIGURED")

    def _get(self, arguments: list[str]) -> list[str]:
        kind, *rest = arguments or [""]
        kind = kind.upper()
        if kind == "TRACKING":
            return [self._tracked(rest[0]) if rest else "ON" if self.tracking else "OFF"]
        ups = self._ups(rest, 1 if kind in ("NUMLOGINS", "UPSDESC") else 2)
        if kind == "UPSDESC":
            return [f"UPSDESC {rest[0]} {quote(ups.description)}"]
        if kind == "NUMLOGINS":
            return [f"NUMLOGINS {rest[0]} {len(self.upsd.logins.get(rest[0], []))}"]
        if kind == "CMDDESC":
            return [f'CMDDESC {rest[0]} {rest[1]} "Description unavailable"']
        if kind == "DESC":
            return [f'DESC {rest[0]} {rest[1]} "Description unavailable"']
        values = self._values(rest[0]) if kind in ("VAR", "TYPE") else None
        if values is None:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if rest[1] not in values:
            raise UpsdRefusalError("VAR-NOT-SUPPORTED")
        if kind == "VAR":
            return [f"VAR {rest[0]} {rest[1]} {quote(values[rest[1]])}"]
        return [f"TYPE {rest[0]} {rest[1]} {self._type(ups, rest[1])}"]

    @staticmethod
    def _type(ups: DemoUps, var: str) -> str:
        if var not in ups.writable:
            return "NUMBER"
        limit = ups.writable[var]
        return f"RW STRING:{limit.values[0]}" if limit.kind == "STRING" else f"RW {limit.kind}"

    def _list(self, arguments: list[str]) -> list[str]:
        kind, *rest = arguments or [""]
        kind = kind.upper()
        if kind == "UPS":
            rows = [f"UPS {name} {quote(ups.description)}" for name, ups in self.upsd.upses.items()]
            return ["BEGIN LIST UPS", *rows, "END LIST UPS"]
        if kind not in LISTS or (kind != "VAR" and self.upsd.has("bare")):
            raise UpsdRefusalError("INVALID-ARGUMENT")
        ups = self._ups(rest, 2 if kind in ("ENUM", "RANGE") else 1)
        head = f"{kind} {' '.join(rest)}"
        rows = [f"{head} {row}" for row in self._rows(kind, ups, rest)]
        return [f"BEGIN LIST {head}", *rows, f"END LIST {head}"]

    def _rows(self, kind: str, ups: DemoUps, arguments: list[str]) -> list[str]:
        """The rows of a list, without what they begin with."""
        values = self._values(arguments[0])
        if kind == "VAR":
            return [f"{var} {quote(value)}" for var, value in sorted(values.items())]
        if kind == "RW":
            return [f"{var} {quote(values[var])}" for var in sorted(ups.writable) if var in values]
        if kind == "CMD":
            return list(ups.commands)
        if kind == "CLIENT":
            return list(self.upsd.logins.get(arguments[0], []))
        limit = ups.writable.get(arguments[1])
        if limit is None or limit.kind != kind:
            return []
        quoted = [quote(str(value)) for value in limit.values]
        return quoted if kind == "ENUM" else [" ".join(quoted)]

    def _set(self, arguments: list[str]) -> list[str]:
        kind, *rest = arguments or [""]
        kind = kind.upper()
        can_track = not (self.upsd.has("untracked") or self.upsd.has("bare"))
        if kind == "TRACKING" and len(rest) == 1 and can_track:
            if self.username is None or self.password is None:
                raise UpsdRefusalError("USERNAME-REQUIRED")
            self.tracking = rest[0].upper() == "ON"
            return ["OK"]
        if kind != "VAR" or len(rest) != 3:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        ups = self._ups(rest, 3)
        name, variable, value = rest
        values = self._values(name)
        self._authorised()
        if variable not in values:
            raise UpsdRefusalError("VAR-NOT-SUPPORTED")
        if variable not in ups.writable:
            raise UpsdRefusalError("READONLY")
        refusal = ups.writable[variable].refusal(value)
        if refusal:
            raise UpsdRefusalError(refusal)
        self.upsd.overrides[name, variable] = value
        return [self._taken()]

    def _instcmd(self, arguments: list[str]) -> list[str]:
        ups = self._ups(arguments, 2)
        self._values(arguments[0])
        self._authorised()
        if arguments[1] not in ups.commands:
            raise UpsdRefusalError("CMD-NOT-SUPPORTED")
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
        if id not in self.upsd.tracked:
            raise UpsdRefusalError("UNKNOWN")
        return "SUCCESS" if self.upsd.clock() >= self.upsd.tracked[id] else "PENDING"
