"""What a NUT server can be asked: nut2's client with every call made anew on a strict connection.

nut2 hands out shifted answers after a time-out, cut lists, and passwords in the log; here every answer must name what was
asked, a list must end, and whatever else happens makes the connection unusable. The dialogue stands above each call.
"""

from ingest.nut.connection import Connection
from ingest.nut.errors import NutError
from ingest.nut.transport import name_argument, quote

__all__ = ["NutClient", "NutError"]

UNTRACKED = ("invalid", "unsupported", "error", "denied")  # how servers without TRACKING refuse it
CHECK_VARIABLE = "experimental.voltkeeper.check"  # no UPS has it: setting it tells only whether one might


class NutClient(Connection):
    """One connection to one server, opened at once (`connect=False`: by `connect()`); see Connection for its arguments."""

    # LIST UPS / BEGIN LIST UPS / UPS su700 "Development box" / END LIST UPS
    def list_ups(self) -> dict[str, str]:
        """Name -> description of every UPS of the server."""
        return {row[1]: row[2] if len(row) > 2 else "" for row in self._list("UPS", 2, "UPS")}

    # LIST VAR su700 / BEGIN LIST VAR su700 / VAR su700 ups.status "OL" / END LIST VAR su700
    def list_vars(self, ups: str) -> dict[str, str]:
        """Every variable of a UPS, values as text."""
        return {
            row[2]: row[3] for row in self._list(f"VAR {self._argument(name_argument, ups)}", 4, "VAR", ups)
        }

    # LIST RW su700 / BEGIN LIST RW su700 / RW su700 ups.delay.shutdown "020" / END LIST RW su700
    def list_rw_vars(self, ups: str) -> dict[str, str]:
        """The variables that can be set, with their values; none where the server does not tell."""
        rows = self._optional(lambda: self._list(f"RW {self._argument(name_argument, ups)}", 4, "RW", ups))
        return {row[2]: row[3] for row in rows}

    # LIST CMD su700 / BEGIN LIST CMD su700 / CMD su700 load.on / END LIST CMD su700
    def list_command_names(self, ups: str) -> list[str]:
        """The instant commands of a UPS; none where the server does not tell."""
        rows = self._optional(lambda: self._list(f"CMD {self._argument(name_argument, ups)}", 3, "CMD", ups))
        return [row[2] for row in rows]

    def list_commands(self, ups: str) -> dict[str, str]:
        """The instant commands of a UPS with the server's description of each."""
        return {command: self.command_description(ups, command) for command in self.list_command_names(ups)}

    # LIST CLIENT su700 / BEGIN LIST CLIENT su700 / CLIENT su700 ::1 / END LIST CLIENT su700
    def list_clients(self, ups: str) -> list[str]:
        """Addresses of the machines that are logged in to a UPS."""
        rows = self._optional(
            lambda: self._list(f"CLIENT {self._argument(name_argument, ups)}", 3, "CLIENT", ups)
        )
        return [row[2] for row in rows]

    # LIST ENUM su700 input.sensitivity / BEGIN ... / ENUM su700 input.sensitivity "low" / END ...
    def list_enum(self, ups: str, var: str) -> list[str]:
        """The values an enumerated variable may take; none where it has no such list."""
        what = f"ENUM {self._argument(name_argument, ups)} {self._argument(name_argument, var)}"
        return [row[3] for row in self._optional(lambda: self._list(what, 4, "ENUM", ups, var))]

    # LIST RANGE su700 input.transfer.low / BEGIN ... / RANGE su700 input.transfer.low "90" "100" / END ...
    def list_range(self, ups: str, var: str) -> list[tuple[str, str]]:
        """The (lowest, highest) values a variable may take, one pair a range."""
        what = f"RANGE {self._argument(name_argument, ups)} {self._argument(name_argument, var)}"
        return [(row[3], row[4]) for row in self._optional(lambda: self._list(what, 5, "RANGE", ups, var))]

    # GET VAR su700 ups.status / VAR su700 ups.status "OL"
    def get_var(self, ups: str, var: str) -> str:
        """One variable, as text."""
        return self._get("VAR", ups, var)[0]

    get = get_var

    # GET TYPE su700 input.transfer.low / TYPE su700 input.transfer.low RW RANGE
    def var_type(self, ups: str, var: str) -> str:
        """The type words of a variable: 'RW STRING:32', 'ENUM', 'NUMBER' ..."""
        return " ".join(self._get("TYPE", ups, var))

    # GET DESC su700 ups.status / DESC su700 ups.status "UPS status"
    def var_description(self, ups: str, var: str) -> str:
        """The server's description of a variable."""
        return self._get("DESC", ups, var)[0]

    # GET CMDDESC su700 load.on / CMDDESC su700 load.on "Turn on the load immediately"
    def command_description(self, ups: str, command: str) -> str:
        """The server's description of an instant command."""
        return self._get("CMDDESC", ups, command)[0]

    # GET UPSDESC su700 / UPSDESC su700 "Development box"
    def description(self, ups: str) -> str:
        """The server's description of a UPS."""
        return self._get("UPSDESC", ups)[0]

    # GET NUMLOGINS su700 / NUMLOGINS su700 1
    def num_logins(self, ups: str) -> int:
        """How many machines are logged in to a UPS."""
        answer = self._get("NUMLOGINS", ups)[0]
        if not answer.isdigit():
            raise self._fatal_error("protocol", f"{self.server} counts logins as {answer!r}", answer)
        return int(answer)

    # SET VAR su700 ups.id "My UPS" / OK   (or OK TRACKING id)
    def set_var(self, ups: str, var: str, value: object) -> str:
        """Hand a value to the driver; returns the id for `tracked()`, '' without one.

        OK means accepted by upsd: read the variable back after the driver's next round.
        """
        request = f"SET VAR {self._argument(name_argument, ups)} {self._argument(name_argument, var)}"
        return self._ok(f"{request} {self._argument(quote, value)}")

    # INSTCMD su700 load.off.delay "120" / OK   (or OK TRACKING id)
    def run_command(self, ups: str, command: str, param: object | None = None) -> str:
        """Start an instant command, with its parameter where it takes one; returns the id for `tracked()`, '' without one."""
        request = f"INSTCMD {self._argument(name_argument, ups)} {self._argument(name_argument, command)}"
        return self._ok(request if param is None else f"{request} {self._argument(quote, param)}")

    # SET TRACKING ON / OK   (before NUT 2.8: ERR INVALID-ARGUMENT)
    def track(self) -> bool:
        """Have the server tell what comes of each command and setting; False where it cannot. Needs user and password."""
        try:
            self._ok("SET TRACKING ON")
        except NutError as error:
            if error.outcome not in UNTRACKED:
                raise
            return False
        return True

    # GET TRACKING id / PENDING, SUCCESS, ERR UNKNOWN, ERR INVALID-ARGUMENT or ERR FAILED
    def tracked(self, id: str) -> bool:
        """Whether it is done, False while the driver has not told. Raises NutError where it failed."""
        request = f"GET TRACKING {self._argument(name_argument, id)}"
        answer = self._ask(request)
        if answer not in ("PENDING", "SUCCESS"):
            raise self._unexpected_answer(request, answer)
        return answer == "SUCCESS"

    # LOGIN su700 / OK
    def login(self, ups: str) -> None:
        """Count as a machine that this UPS feeds: its primary waits for us before it cuts the power. Readers need it not."""
        self._ok(f"LOGIN {self._argument(name_argument, ups)}")

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

    # VER / Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/
    def ver(self) -> str:
        """What the server says it is."""
        return self._ask("VER")

    def help(self) -> str:
        """The requests the server knows."""
        return self._ask("HELP")

    def fsd(self, ups: str) -> None:
        """Not offered: forcing a shutdown is upsmon's business."""
        raise NutError("unsupported", f"a forced shutdown of {ups} is left to upsmon", answered=True)
