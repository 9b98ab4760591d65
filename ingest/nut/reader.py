"""One NUT server: a thread with one connection that asks for its UPSes in turn, until it is stopped."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.db.moment import boottime
from ingest.nut.client import NutClient
from ingest.nut.commander import read_setting
from ingest.nut.errors import NutError
from ingest.nut.protocol import MAX_UPSES, shorten
from ingest.nut.reading import connect_for_reading, user_problem
from ingest.nut.settings import ServerSettings
from ingest.pipeline.source_health import Health
from ingest.ups.commands import COMMANDS, NO_DESCRIPTION
from ingest.ups.polling import FullAnswer, SourceError, SourceReader, UpsError
from ingest.ups.records import Poll, UpsClients, UpsControls, UpsFound, UpsGone, UpsItem
from ingest.ups.settings import UpsSettings

log = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

DRIVER, DEVICE = ("driver",), ("stale",)
NO_DESCRIPTIONS = ("Unavailable", NO_DESCRIPTION)  # upsd's texts for a UPS without desc in ups.conf
STATUS = "ups.status"
MAX_STATUS = 256  # characters, as in NUT (ST_MAX_VALUE_LEN): each sample has it
MAX_SEEN = 4 * MAX_UPSES  # different UPSes of a server; more are not its UPSes
ABOUT_ONE = ("stale", "driver", "unknown_ups", "unsupported", "denied", "error", "invalid")


@dataclass(frozen=True)
class NutReaderTiming:
    """Seconds."""

    list_s: float = 60.0  # how often a server whose UPSes the config leaves open is asked what it has
    controls_s: float = 900.0  # how often it is asked what can be set and ordered
    answer_s: float = 5.0  # the longest wait for an answer, and
    least_answer_s: float = 2.0  # the shortest one, however short `poll_s` is


TIMING = NutReaderTiming()


class NutReader(SourceReader):
    """Reads the server of a config's `nut:` entry.

    `known` are the UPSes it had before, read until it has listed those that it has now. `settings` is the
    config's `ups:`, which lists what may be ordered.
    """

    def __init__(
        self,
        server: ServerSettings,
        health: Health,
        emit: Callable[[UpsItem], object],
        known: Iterable[str] = (),
        settings: Mapping[str, UpsSettings] | None = None,
        timing: NutReaderTiming = TIMING,
    ) -> None:
        super().__init__(server.name, server.status_s, server.poll_s, health, emit, settings=settings)
        self._server = server
        self._timing = timing
        self._chosen = tuple(f"{ups}@{server.name}" for ups in server.ups)
        self._found = dict.fromkeys(known, "")  # name -> description
        self._missing: set[str] = set()
        self._seen: set[str] = set()  # every name that was listed
        self._user_taken = False  # whether the server ever said OK to user and password
        self._user_refusal: NutError | None = None  # what is wrong with them
        self._client: NutClient | None = None
        self._list_due = self._user_due = 0.0
        self._writable: dict[
            str, tuple[float, frozenset[str]]
        ] = {}  # name -> monotonic s of the answer, names
        self._user_accepted = False
        self._version = ""

    def _open(self) -> None:
        refusal = self._connect()
        self._list_due = 0.0
        self._list()
        if refusal is None:
            self._check_user()
        else:
            self._report_user(refusal)

    def _connect(self) -> NutError | None:
        """Connect; return how the server refused the user, where it can be read without."""
        timeout = max(self._timing.least_answer_s, min(self._timing.answer_s, self._server.poll_s))
        try:
            reading = connect_for_reading(self._server, timeout, self._register, self._user_taken)
        except NutError as error:
            raise SourceError(error.outcome, error.message) from error
        self._user_taken |= reading.client.user_taken
        self._version = shorten(reading.version)
        return reading.refusal

    def _register(self, client: NutClient) -> None:
        """Know the client before it connects, so that `stop()` ends that too."""
        self._client = client
        if self._stopping.is_set():
            client.close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> NutClient:
        if self._client is None:
            raise SourceError("closed", f"{self.source} is not connected")
        return self._client

    def _names(self) -> tuple[str, ...]:
        return self._chosen or tuple(self._found)

    def _failure_location(self, outcome: str) -> str:
        return "driver" if outcome in DRIVER else "device" if outcome in DEVICE else "server"

    def _connected_detail(self, number: int) -> str:
        return f"{number} UPS{'es' if number != 1 else ''}; {self._version}" if self._version else ""

    def _warnings(self) -> tuple[str, ...]:
        problem = self._user_problem()
        return (problem,) if problem else ()

    def _rounds(self) -> Iterator[None]:
        for _ in super()._rounds():
            yield
            if time.monotonic() >= self._list_due:
                self._list()
            self._check_user_again()

    def _list(self) -> None:
        """Ask which UPSes the server has, where the config does not choose."""
        self._list_due = time.monotonic() + self._timing.list_s
        if self._chosen:
            return
        listed = {
            f"{ups}@{self.source}": text for ups, text in self._guard(self._connected().list_ups).items()
        }
        self._seen |= listed.keys()
        if len(self._seen) > MAX_SEEN:
            raise SourceError(
                "limit",
                f"{self.source} has listed more than {MAX_SEEN} different UPSes: name those to read under "
                "ups: of this server in the config",
            )
        for name, description in listed.items():
            self._missing.discard(name)
            address = f"{self._server.host}:{self._server.port}/{name.partition('@')[0]}"
            if name not in self._found:
                log.info("%s has the UPS %s", self.source, name)
            self._found[name] = description
            shown = "" if description in NO_DESCRIPTIONS else description
            self._emit(UpsFound(name, self.source, address, shown))
        for name in [name for name in self._found if name not in listed]:
            if name not in self._missing:  # it has to be missing twice: upsd may be reading its files
                self._missing.add(name)
                continue
            log.info("%s does not list %s any more", self.source, name)
            del self._found[name]
            self._states.pop(name, None)
            self._emit(UpsGone(name, SYSTEM_CLOCK.stamp()))

    def _check_user(self) -> None:
        """Try user and password, once they were not accepted yet."""
        if self._user_accepted or self._server.username is None or not self._names():
            return
        self._user_due = time.monotonic() + self.poll_s
        accepted = self._try_user(self._names()[0].partition("@")[0])
        if accepted is None:
            self._user_refusal = None
            return
        self._user_accepted = accepted
        self._report_user(None if accepted else NutError("denied", "", answered=True))

    def _check_user_again(self) -> None:
        """Try a user that was denied with every full poll: the password may have been corrected there."""
        refusal, now = self._user_refusal, time.monotonic()
        if refusal is None or refusal.outcome != "denied" or now < self._user_due or not self._names():
            return
        self._user_due = now + self.poll_s
        ups = self._names()[0].partition("@")[0]
        # One that was refused at once is not known to the present connection.
        if refusal.raw:
            accepted = self._try_anew(lambda client: client.can_set(ups) or self._can_log_in(ups))
        else:
            accepted = self._try_user(ups)
        if accepted:
            self._user_accepted = True
            self._report_user(None)
            self._update_health()
            log.info("%s: the server accepts the user %s now", self.source, self._server.username)

    def _try_user(self, ups: str) -> bool | None:
        """Try something harmless: upsd takes any user and password, and refuses only what needs them.

        None where that shows nothing. Raises SourceError.
        """
        try:
            return self._connected().can_set(ups) or self._can_log_in(ups)
        except NutError as error:
            if not error.answered:
                raise SourceError(error.outcome, error.message) from error
            log.debug("%s: whether the user is right is not known: %s", self.source, error)
            return None

    def _report_user(self, refusal: NutError | None) -> None:
        """Take what is wrong with the user; what is new goes into the polls of each UPS."""
        known = self._user_problem()
        self._user_refusal = refusal
        problem = self._user_problem()
        if refusal is None or problem == known:
            return
        now, monotonic = SYSTEM_CLOCK.stamp(), boottime()
        for name in self._names():
            self._emit(
                Poll(
                    name,
                    now,
                    monotonic,
                    self.poll_s,
                    outcome=refusal.outcome,
                    where="server",
                    message=problem,
                    informational=True,
                )
            )

    def _user_problem(self) -> str:
        """Return what is wrong with the user, '' for nothing."""
        error, user = self._user_refusal, self._server.username
        if error is None or user is None:
            return ""
        return user_problem(error, f"{self._server.host}:{self._server.port}", user)

    def _can_log_in(self, ups: str) -> bool | None:
        """Try LOGIN on a connection that ends at once: a user for upsmon has this right and no other."""
        return self._try_anew(lambda client: client.login(ups))

    def _try_anew(self, request: Callable[[NutClient], object]) -> bool | None:
        """Whether the user is let in by a new connection and not denied this request; None: not known."""
        server = self._server
        try:
            with NutClient(
                server.host,
                server.port,
                server.username,
                server.password,
                timeout=self._timing.least_answer_s,
                tls=server.tls,
            ) as client:
                return request(client) is not False
        except NutError as error:
            if error.outcome == "denied":
                return False
            log.debug("%s: trying the user: %s", self.source, error)
            return None

    def _read_status(self, name: str) -> str:
        return self._guard_ups(self._connected().get_var, name.partition("@")[0], STATUS)[:MAX_STATUS]

    def _read_all(self, name: str) -> FullAnswer:
        ups = name.partition("@")[0]
        variables = self._guard_ups(self._connected().list_vars, ups)
        if len(variables.get(STATUS, "")) > MAX_STATUS:
            variables[STATUS] = variables[STATUS][:MAX_STATUS]
        asked_at, writable = self._writable.get(name, (None, frozenset[str]()))
        if asked_at is None or time.monotonic() - asked_at > self._timing.controls_s:
            writable = frozenset(self._guard_ups(self._connected().list_rw_vars, ups))
            if variables.get(STATUS) != "WAIT":
                self._writable[name] = (time.monotonic(), writable)
                self._emit(self._read_controls(name, ups, writable))
                logins = self._guard_ups(self._connected().count_logins, ups)
                self._emit(UpsClients(name, time.time(), logins))
        return FullAnswer(variables, writable, None)

    def _read_controls(self, name: str, ups: str, writable: frozenset[str]) -> UpsControls:
        """Ask what can be ordered of this UPS, and for descriptions that NUT's names do not give."""
        own = self._ups_settings.get(name)
        commands = dict.fromkeys(self._guard_ups(self._connected().list_command_names, ups), "")
        for command in own.commands if own else ():
            if command in commands and command not in COMMANDS:
                commands[command] = self._guard_ups(self._connected().command_description, ups, command)
        settings = {
            variable: self._guard_ups(read_setting, self._connected(), ups, variable)
            for variable in (own.settings if own else ())
            if variable in writable
        }
        return UpsControls(name, time.time(), commands, settings)

    def _guard(
        self, call: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Return the call's answer; what fails ends the connection: SourceError."""
        try:
            return call(*args, **kwargs)
        except NutError as error:
            raise SourceError(error.outcome, error.message) from error

    def _guard_ups(
        self, call: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Answer:
        """Return the call's answer. A refusal for one UPS raises UpsError, anything else SourceError."""
        try:
            return call(*args, **kwargs)
        except NutError as error:
            if error.outcome == "limit":  # the rest of the answer is not read: the others need a connection
                self._close()
                self._connect()
                raise UpsError(error.outcome, error.message) from error
            if error.answered and error.outcome in ABOUT_ONE:
                raise UpsError(error.outcome, error.message) from error
            raise SourceError(error.outcome, error.message) from error
