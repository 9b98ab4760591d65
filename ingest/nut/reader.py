"""One NUT server, read for ever: a thread with one connection that asks for its UPSes in turn."""

import logging
import time

from ingest.nut.client import NutClient
from ingest.nut.commander import read_setting
from ingest.nut.errors import NutError
from ingest.ups.commands import COMMANDS
from ingest.ups.polling import SourceError, SourceReader, UpsError
from ingest.ups.records import Poll, UpsControls, UpsFound, UpsGone

log = logging.getLogger(__name__)

LIST_S = 60.0  # how often a server whose UPSes the config leaves open is asked what it has
WRITABLE_S = 900.0  # how often it is asked what can be set and ordered
TIMEOUT_S = 5.0
LEAST_TIMEOUT_S = 2.0
DRIVER, DEVICE = ("driver",), ("stale",)
ABOUT_ONE = ("stale", "driver", "unknown_ups", "unsupported", "denied", "error", "invalid")


class NutReader(SourceReader):
    """Reads the server of a config's `nut:` entry. `known`: the UPSes it had before, asked until it says what it has.

    `settings` is the config's `ups:`, which lists what may be ordered.
    """

    def __init__(self, server, health, emit, known=(), settings=None):
        super().__init__(server.name, server.status_s, server.poll_s, health, emit)
        self._server = server
        self._settings = settings or {}
        self._chosen = tuple(f"{ups}@{server.name}" for ups in server.ups)
        self._found = dict.fromkeys(known)
        self._missing = set()
        self._client = None
        self._list_due = 0.0
        self._writable = {}  # name -> (monotonic seconds when it was asked for, names)
        self._user_refusal = (
            None  # words about a user that the server refuses; '' once it is known to be right
        )
        self._version = ""

    def _open(self):
        server = self._server
        timeout = max(LEAST_TIMEOUT_S, min(TIMEOUT_S, server.poll_s))
        self._client = NutClient(
            server.host, server.port, server.username, server.password, timeout=timeout, connect=False
        )
        if self._stopping.is_set():
            self._client.close()
        try:
            self._client.connect()
            self._version = self._client.ver().strip()
        except NutError as error:
            if not error.answered:
                raise SourceError(error.outcome, error.message) from error
            log.debug("%s does not tell its version: %s", self.source, error)
        self._list_due = 0.0
        self._list()
        self._check_user()

    def _close(self):
        if self._client is not None:
            self._client.close()

    def _names(self):
        return self._chosen or tuple(self._found)

    def _failure_location(self, outcome):
        return "driver" if outcome in DRIVER else "device" if outcome in DEVICE else "server"

    def _connected_detail(self, number):
        return f"{number} UPS{'es' if number != 1 else ''}; {self._version}" if self._version else ""

    def _warnings(self):
        return (self._user_refusal,) if self._user_refusal else ()

    def _rounds(self):
        for _ in super()._rounds():
            yield
            if time.monotonic() >= self._list_due:
                self._list()

    def _list(self):
        """Which UPSes the server has, where the config does not choose."""
        self._list_due = time.monotonic() + LIST_S
        if self._chosen:
            return
        listed = self._guard(self._client.list_ups)
        names = {f"{ups}@{self.source}": words for ups, words in listed.items()}
        for name, words in names.items():
            self._missing.discard(name)
            address = f"{self._server.host}:{self._server.port}/{name.partition('@')[0]}"
            if name not in self._found:
                log.info("%s has the UPS %s", self.source, name)
            self._found[name] = words
            self._emit(UpsFound(name, self.source, address, words if words != "Unavailable" else ""))
        for name in [name for name in self._found if name not in names]:
            if name not in self._missing:  # it has to be missing twice: upsd may be reading its files
                self._missing.add(name)
                continue
            log.info("%s lists %s no more", self.source, name)
            del self._found[name]
            self._states.pop(name, None)
            self._emit(UpsGone(name, time.time()))

    def _check_user(self):
        """upsd takes any password and refuses only what needs one, so user and password are tried on something harmless."""
        if self._user_refusal == "" or self._server.username is None or not self._names():
            return
        ups = self._names()[0].partition("@")[0]
        try:
            allowed = self._client.can_set(ups) or self._can_log_in(ups)
            if allowed is not False:
                self._user_refusal = "" if allowed else None
                return
        except NutError as error:
            if not error.answered:
                raise SourceError(error.outcome, error.message) from error
            log.debug("%s: whether the user is right cannot be told: %s", self.source, error)
            return
        words = (
            f"denied: {self._client.server} refuses the user {self._server.username}: wrong password, or no right at all in "
            "upsd.users; reading goes on without it"
        )
        if self._user_refusal is None:
            now, monotonic = time.time(), time.monotonic()
            for name in self._names():
                self._emit(
                    Poll(
                        name,
                        now,
                        monotonic,
                        self.poll_s,
                        outcome="denied",
                        where="server",
                        message=words,
                        informational=True,
                    )
                )
        self._user_refusal = words

    def _can_log_in(self, ups):
        """LOGIN, on a connection that ends at once: a user for upsmon has this right and no other. None: it cannot be told."""
        server = self._server
        try:
            with NutClient(
                server.host, server.port, server.username, server.password, timeout=LEAST_TIMEOUT_S
            ) as client:
                client.login(ups)
        except NutError as error:
            if error.outcome == "denied":
                return False
            log.debug("%s: LOGIN: %s", self.source, error)
            return None
        return True

    def _read_status(self, name):
        return self._guard(self._client.get_var, name.partition("@")[0], "ups.status")

    def _read_all(self, name):
        ups = name.partition("@")[0]
        variables = self._guard(self._client.list_vars, ups)
        asked, writable = self._writable.get(name, (None, None))
        if asked is None or time.monotonic() - asked > WRITABLE_S:
            writable = frozenset(self._guard(self._client.list_rw_vars, ups))
            if variables.get("ups.status") != "WAIT":
                self._writable[name] = (time.monotonic(), writable)
                self._emit(self._ask_offer(name, ups, writable))
        return variables, writable, None

    def _ask_offer(self, name, ups, writable):
        """What this UPS can be told to do; the server's words only for what has none of NUT's own."""
        client, own = self._client, self._settings.get(name)
        commands = dict.fromkeys(self._guard(client.list_command_names, ups), "")
        listed = [variable for variable in (own.settings if own else ()) if variable in writable]
        for command in own.commands if own else ():
            if command in commands and command not in COMMANDS:
                commands[command] = self._guard(client.command_description, ups, command)
        return UpsControls(
            name, time.time(), commands, {var: self._guard(read_setting, client, ups, var) for var in listed}
        )

    def _guard(self, call, *arguments):
        """The call's answer; what fails for one UPS raises UpsError, what ends the connection SourceError."""
        try:
            return call(*arguments)
        except NutError as error:
            if error.answered and error.outcome in ABOUT_ONE and arguments:
                raise UpsError(error.outcome, error.message) from error
            raise SourceError(error.outcome, error.message) from error
