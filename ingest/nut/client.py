"""What a NUT server can be asked: nut2's client on a strict connection.

nut2's own methods do the dialogue wherever that is enough: ver, help, get, var_type and num_logins as they
are, set_var and run_command behind an argument that is quoted. Each override names the fault of nut2 that it
cures. The dialogue stands above each call.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Self

from ingest.nut.connection import Connection
from ingest.nut.errors import NutError
from ingest.nut.protocol import credential, quote, values_of
from ingest.nut.transport import PyNUTClient
from ingest.tls import TlsSettings

__all__ = ["NutClient", "NutError"]

TIMEOUT_S = 5.0
OPTIONAL_REFUSALS = (
    "unsupported",
    "invalid",
    "error",
    "denied",
)  # how embedded servers refuse LIST RW, TRACKING ...
CHECK_VARIABLE = (
    "experimental.voltkeeper.check"  # no UPS has it: setting it shows only whether one could be set
)


class NutClient(PyNUTClient):
    """One connection to one server, opened at once (`connect=False`: by `connect()`).

    `timeout` in s holds for each whole answer. Every call raises NutError, a PyNUTError. `usable` turns
    False after anything but a right answer or an answer ERR: drop the object then and make a new one. Calls
    come from one thread, `close()` from any.

    With `tls` in use, user and all else go through TLS or not at all: outcome 'tls' where that fails.
    `needs_user` False: a server that refuses user or password can be read all the same. `user_taken` is
    whether it said OK to both, `user_refusal` what it said otherwise.
    """

    _srv_handler: Connection

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 3493,
        username: str | None = None,
        password: str | None = None,
        timeout: float = TIMEOUT_S,
        connect: bool = True,
        needs_user: bool = True,
        tls: TlsSettings | None = None,
    ) -> None:
        super().__init__(host, port, username, timeout=timeout, connect=False)  # it would log the password
        self._password = password
        self._needs_user = needs_user
        self.user_taken = False
        self.user_refusal: NutError | None = None
        self._srv_handler = Connection(host, port, timeout, password, tls)
        if connect:
            self.connect()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.server} {'usable' if self.usable else 'not usable'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close. nut2 writes LOGOUT first, to a socket that may be gone or block."""
        self.close()

    def __del__(self) -> None:
        """Close, where `__init__` came that far. nut2 writes LOGOUT here too."""
        connection = getattr(self, "_srv_handler", None)
        if connection is not None:
            connection.close()

    @property
    def server(self) -> str:
        """Host and port."""
        return self._srv_handler.server

    @property
    def usable(self) -> bool:
        """Whether the connection can be asked."""
        return self._srv_handler.usable

    # USERNAME reader / OK / PASSWORD *** / OK
    # upsd answers OK to any password and refuses only what needs one. Servers of other make answer USERNAME
    # with ERR UNKNOWN-COMMAND or ERR INVALID-ARGUMENT, or PASSWORD with ERR ACCESS-DENIED.
    def connect(self) -> None:
        """Open the connection and hand in user name and password, where given.

        nut2 loses the cause of a failure, sends user name and password unquoted, and has no public verb for
        it.
        """
        self._srv_handler.open()
        try:
            self._hand_in_user()
        except NutError as error:
            self.user_refusal = error
            if self._needs_user or not error.answered:
                self.close()
                raise

    _connect = connect

    def _hand_in_user(self) -> None:
        if self._login is not None:
            self._srv_handler.ask("USERNAME " + credential(self._login))
        if self._password is not None:
            self._srv_handler.ask("PASSWORD " + credential(self._password))
        self.user_taken = self._login is not None

    def close(self) -> None:
        """End the connection; a call that waits in another thread ends at once with outcome 'closed'."""
        self._srv_handler.close()

    # LIST UPS / BEGIN LIST UPS / UPS su700 "Development box" / END LIST UPS
    def list_ups(self) -> dict[str, str]:
        """Return name -> description of every UPS. nut2 cuts a description at an escaped quote."""
        return {name: "".join(more[:1]) for name, *more in self._srv_handler.ask_list("LIST UPS")}

    # LIST VAR su700 / BEGIN LIST VAR su700 / VAR su700 ups.status "OL" / END LIST VAR su700
    def list_vars(self, ups: str) -> dict[str, str]:
        """Return every variable as text. nut2 cuts a value at an escaped quote, fails on an empty list."""
        return {row[0]: row[1] for row in self._srv_handler.ask_list(f"LIST VAR {ups}")}

    # LIST RW su700 / BEGIN LIST RW su700 / RW su700 ups.delay.shutdown "020" / END LIST RW su700
    def list_rw_vars(self, ups: str) -> dict[str, str]:
        """Return the variables that can be set. nut2 has the faults of `list_vars`."""
        return {row[0]: row[1] for row in self._optional_list(f"LIST RW {ups}")}

    # LIST CMD su700 / BEGIN LIST CMD su700 / CMD su700 load.on / END LIST CMD su700
    def list_command_names(self, ups: str) -> list[str]:
        """Return the instant commands of a UPS. nut2 cannot list them without their descriptions."""
        return [row[0] for row in self._optional_list(f"LIST CMD {ups}")]

    def list_commands(self, ups: str) -> dict[str, str]:
        """Return command -> description. nut2 makes {'': ''} of none, and cuts at an escaped quote."""
        return {command: self.command_description(ups, command) for command in self.list_command_names(ups)}

    # LIST CLIENT su700 / BEGIN LIST CLIENT su700 / CLIENT su700 ::1 / END LIST CLIENT su700
    def list_clients(self, ups: str) -> list[str]:
        """Return the addresses logged in to a UPS. nut2 sends LIST CLIENTS, which no server knows."""
        return [row[0] for row in self._optional_list(f"LIST CLIENT {ups}")]

    def count_logins(self, ups: str) -> dict[str, int] | None:
        """Return address -> how many programs there are logged in; None where the server does not tell."""
        try:
            rows = self._srv_handler.ask_list(f"LIST CLIENT {ups}")
        except NutError as error:
            if error.answered and error.outcome in OPTIONAL_REFUSALS:
                return None
            raise
        return dict(Counter(row[0] for row in rows))

    # LIST ENUM su700 input.sensitivity / BEGIN ... / ENUM su700 input.sensitivity "low" / END ...
    def list_enum(self, ups: str, var: str) -> list[str]:
        """Return the values that a variable may take. nut2 raises for an empty list."""
        return [row[0] for row in self._optional_list(f"LIST ENUM {ups} {var}")]

    # LIST RANGE su700 input.transfer.low / BEGIN ... / RANGE su700 input.transfer.low "90" "100" / END ...
    def list_range(self, ups: str, var: str) -> list[tuple[str, str]]:
        """Return (lowest, highest) of each range of a variable. nut2 returns the lowest values alone."""
        return [(row[0], row[1]) for row in self._optional_list(f"LIST RANGE {ups} {var}")]

    # GET VAR su700 ups.status / VAR su700 ups.status "OL"
    def get_var(self, ups: str, var: str) -> str:
        """Return one variable as text. nut2 cuts it at an escaped quote."""
        return self._get("VAR", ups, var)

    # GET DESC su700 ups.status / DESC su700 ups.status "UPS status"
    def var_description(self, ups: str, var: str) -> str:
        """Return the server's description of a variable. nut2 cuts it at an escaped quote."""
        return self._get("DESC", ups, var)

    # GET CMDDESC su700 load.on / CMDDESC su700 load.on "Turn on the load immediately"
    def command_description(self, ups: str, command: str) -> str:
        """Return the server's description of an instant command. nut2 cuts it at an escaped quote."""
        return self._get("CMDDESC", ups, command)

    # GET UPSDESC su700 / UPSDESC su700 "Development box"
    def description(self, ups: str) -> str:
        """Return the server's description of a UPS. nut2 cuts it at an escaped quote."""
        return self._get("UPSDESC", ups)

    # By nut2: GET TYPE su700 input.transfer.low / TYPE su700 input.transfer.low RW RANGE
    #          GET NUMLOGINS su700 / NUMLOGINS su700 1
    #          VER / Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/
    #          HELP / Commands: HELP VER GET LIST SET INSTCMD LOGIN LOGOUT ...

    # SET VAR su700 ups.id "My UPS" / OK   (or OK TRACKING id)
    def set_var(self, ups: str, var: str, value: object) -> str:
        """Hand a value to the driver; return the id for `tracked()`, '' without one.

        OK means accepted by upsd: read the variable back after the driver's next round. nut2 takes text
        alone and sends it unquoted: cut at its first space, and a newline begins another request.
        """
        super().set_var(ups, var, quote(value))
        return self._srv_handler.tracking

    # INSTCMD su700 load.off.delay "120" / OK   (or OK TRACKING id)
    def run_command(self, ups: str, command: str, param: object | None = None) -> str:
        """Start an instant command; return the id for `tracked()`, '' without one.

        nut2 takes no parameter and returns no id.
        """
        super().run_command(ups, command if param is None else f"{command} {quote(param)}")
        return self._srv_handler.tracking

    # SET TRACKING ON / OK   (before NUT 2.8: ERR INVALID-ARGUMENT)
    def track(self) -> bool:
        """Have the server follow up commands and settings; False where it cannot. Needs a user."""
        try:
            self._srv_handler.ask("SET TRACKING ON")
        except NutError as error:
            if error.outcome not in OPTIONAL_REFUSALS:
                raise
            return False
        return True

    # GET TRACKING id / PENDING, SUCCESS, ERR UNKNOWN, ERR INVALID-ARGUMENT or ERR FAILED
    def tracked(self, id: str) -> bool:
        """Whether it is done, False while the driver has not answered. Raises NutError where it failed."""
        return self._srv_handler.ask(f"GET TRACKING {id}") == "SUCCESS"

    # LOGIN su700 / OK
    def login(self, ups: str) -> None:
        """Count as a machine that this UPS feeds; reading does not need it. nut2 has no call for it.

        The primary then waits for us before it cuts the power.
        """
        self._srv_handler.ask(f"LOGIN {ups}")

    # SET VAR su700 experimental.voltkeeper.check "1" / ERR VAR-NOT-SUPPORTED (allowed) or ERR ACCESS-DENIED
    def can_set(self, ups: str) -> bool:
        """Whether user and password are right and may set variables, without setting any."""
        try:
            self.set_var(ups, CHECK_VARIABLE, "1")
        except NutError as error:
            if error.outcome == "denied":
                return False
            if error.outcome not in ("unsupported", "readonly"):
                raise
        return True

    def fsd(self, ups: str) -> None:
        """Refuse: forcing a shutdown is left to upsmon. nut2 sends it, and raises an error without a text."""
        raise NutError("unsupported", f"a forced shutdown of {ups} is left to upsmon", answered=True)

    def _get(self, *names: str) -> str:
        """Return the value that an answer to GET has behind the names it repeats."""
        return values_of(self._srv_handler.ask(" ".join(("GET", *names))), names)[0]

    def _optional_list(self, request: str) -> Sequence[list[str]]:
        """Return a list that some servers do not have: their refusal is an empty one."""
        try:
            return self._srv_handler.ask_list(request)
        except NutError as error:
            if error.answered and error.outcome in OPTIONAL_REFUSALS:
                return []
            raise
