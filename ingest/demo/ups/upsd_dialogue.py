"""The dialogue of the demo's NUT server: one connection, request by request, right or wrong as the faults say."""

import socket
import socketserver
import time
import uuid
from typing import TYPE_CHECKING

from ingest.demo.ups.models import DemoUps
from ingest.nut.protocol import quote, split_arguments

if TYPE_CHECKING:
    from ingest.demo.ups.upsd import DemoUpsd

VERSION = "2.8.0"
DRIVER_S = 0.4  # what a driver takes to do what it is told


class UpsdRefusalError(Exception):
    """An answer ERR; its text is the word."""


class Dialogue(socketserver.StreamRequestHandler):
    """One client; `server.upsd` is the DemoUpsd it talks to. A method `_do_x` answers the request X with lines."""

    disable_nagle_algorithm = True
    username = password = None
    tracking = False

    def setup(self) -> None:
        super().setup()
        self.upsd: DemoUpsd = self.server.upsd
        self.upsd.connections.add(self.connection)

    def finish(self) -> None:
        self.upsd.connections.discard(self.connection)
        for clients in self.upsd.logins.values():
            if self.client_address[0] in clients:
                clients.remove(self.client_address[0])
        shut(self.connection)

    def handle(self) -> None:
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
            handler = getattr(self, f"_do_{verb.lower()}", None)
            if handler is None:
                raise UpsdRefusalError("UNKNOWN-COMMAND")
            lines = handler(arguments[1:])
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

    def _do_username(self, arguments: list[str]) -> list[str]:
        if len(arguments) != 1:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if self.username is not None:
            raise UpsdRefusalError("ALREADY-SET-USERNAME")
        self.username = arguments[0]
        return ["OK"]

    def _do_password(self, arguments: list[str]) -> list[str]:
        if len(arguments) != 1:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        if self.password is not None:
            raise UpsdRefusalError("ALREADY-SET-PASSWORD")
        self.password = arguments[0]
        return ["OK"]

    def _do_login(self, arguments: list[str]) -> list[str]:
        self._ups(arguments, 1)
        self._authorised()
        self.upsd.logins.setdefault(arguments[0], []).append(self.client_address[0])
        return ["OK"]

    def _do_logout(self, arguments: list[str]) -> list[str]:
        return ["OK Goodbye"]

    def _do_ver(self, arguments: list[str]) -> list[str]:
        return [f"Network UPS Tools upsd {VERSION} - demo house"]

    def _do_netver(self, arguments: list[str]) -> list[str]:
        return ["1.3"]

    def _do_help(self, arguments: list[str]) -> list[str]:
        return ["Commands: HELP VER NETVER GET LIST SET INSTCMD LOGIN LOGOUT USERNAME PASSWORD STARTTLS"]

    def _do_starttls(self, arguments: list[str]) -> list[str]:
        raise UpsdRefusalError("FEATURE-NOT-CONFIGURED")

    def _do_get(self, arguments: list[str]) -> list[str]:
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
        kind, *limits = ups.writable[var]
        return f"RW STRING:{limits[0]}" if kind == "STRING" else f"RW {kind}"

    def _do_list(self, arguments: list[str]) -> list[str]:
        kind, *rest = arguments or [""]
        kind = kind.upper()
        if kind == "UPS":
            rows = [f"UPS {name} {quote(ups.description)}" for name, ups in self.upsd.upses.items()]
            return ["BEGIN LIST UPS", *rows, "END LIST UPS"]
        if kind not in ("VAR", "RW", "CMD", "CLIENT", "ENUM", "RANGE") or (
            kind != "VAR" and self.upsd.has("bare")
        ):
            raise UpsdRefusalError("INVALID-ARGUMENT")
        ups = self._ups(rest, 2 if kind in ("ENUM", "RANGE") else 1)
        values = self._values(rest[0])
        head = f"{kind} {' '.join(rest)}"
        if kind == "VAR":
            rows = [f"{var} {quote(value)}" for var, value in sorted(values.items())]
        elif kind == "RW":
            rows = [f"{var} {quote(values[var])}" for var in sorted(ups.writable) if var in values]
        elif kind == "CMD":
            rows = list(ups.commands)
        elif kind == "CLIENT":
            rows = list(self.upsd.logins.get(rest[0], []))
        else:
            limits = ups.writable.get(rest[1], ("",))
            rows = [] if limits[0] != kind else [quote(v) for v in limits[1:]]
            rows = [" ".join(rows)] if kind == "RANGE" and rows else rows
        return [f"BEGIN LIST {head}", *(f"{head} {row}" for row in rows), f"END LIST {head}"]

    def _do_set(self, arguments: list[str]) -> list[str]:
        kind, *rest = arguments or [""]
        if (
            kind.upper() == "TRACKING"
            and len(rest) == 1
            and not (self.upsd.has("untracked") or self.upsd.has("bare"))
        ):
            if self.username is None or self.password is None:
                raise UpsdRefusalError("USERNAME-REQUIRED")
            self.tracking = rest[0].upper() == "ON"
            return ["OK"]
        if kind.upper() != "VAR" or len(rest) != 3:
            raise UpsdRefusalError("INVALID-ARGUMENT")
        ups = self._ups(rest, 3)
        values = self._values(rest[0])
        self._authorised()
        if rest[1] not in values:
            raise UpsdRefusalError("VAR-NOT-SUPPORTED")
        if rest[1] not in ups.writable:
            raise UpsdRefusalError("READONLY")
        kind, *limits = ups.writable[rest[1]]
        if kind == "STRING" and len(rest[2]) > limits[0]:
            raise UpsdRefusalError("TOO-LONG")
        if kind == "ENUM" and rest[2] not in limits:
            raise UpsdRefusalError("INVALID-VALUE")
        if kind == "RANGE" and not (rest[2].isdigit() and limits[0] <= int(rest[2]) <= limits[1]):
            raise UpsdRefusalError("INVALID-VALUE")
        self.upsd.overrides[rest[0], rest[1]] = rest[2]
        return [self._taken()]

    def _do_instcmd(self, arguments: list[str]) -> list[str]:
        ups = self._ups(arguments, 2)
        self._values(arguments[0])
        self._authorised()
        if arguments[1] not in ups.commands:
            raise UpsdRefusalError("CMD-NOT-SUPPORTED")
        self.upsd.command(arguments[0], arguments[1])
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


def shut(connection: socket.socket) -> None:
    """End a connection from our side; a thread that reads from it wakes."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side closed it first
