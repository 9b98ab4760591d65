"""The pace of every reader of UPSes: when to ask for what, and when to try again.

A reader is one daemon thread for one source, so that one that hangs delays no other. Subclasses do the
dialogue.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.db.moment import boottime
from ingest.errors import VoltkeeperError
from ingest.pipeline.source_health import Health
from ingest.process.backoff import Backoff
from ingest.ups.plausible import plausible_range
from ingest.ups.records import Poll, UpsItem, Variables
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ingest.ups.status import WAIT, is_discharging, status_tokens

log = logging.getLogger(__name__)

WAIT_S = 10.0  # a driver that has just been started gives its status within 2 s
FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 10.0
BACKOFF_SHARE = 0.8  # of poll_s at most is waited between two attempts, so that data is back within one poll
STABLE_S = 60.0  # connected this long, a source is back: pauses are short again, a failure is news
LOG_INTERVAL_S = 600.0  # the same failure is logged again after that
SERVER_VARIABLES = ("driver.", "server.")  # variables that a server has before its driver knows anything
RECONNECT_OUTCOMES = (
    "closed",
)  # after these the connection is made anew at once, before a poll counts as failed


CHARGE_WORDS = frozenset(("CHRG", "DISCHRG"))  # some UPSes on mains change them with every look:
FLUTTER_POLLS = 2  # for so many `poll_s` a further change of them brings no full poll before its time


class SourceError(VoltkeeperError):
    """A source could not be polled at all: every UPS of it failed. `outcome` is that of `polls`."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class UpsError(VoltkeeperError):
    """One UPS gave no usable answer; its source can still be polled for the others.

    `outcome` is that of `polls`.
    """

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome, self.message = outcome, message


class FullAnswer(NamedTuple):
    """All variables of a UPS.

    `writable` are those that can be set, `settings` those whose changes are history; None: not known now.
    """

    variables: Variables
    writable: frozenset[str] | None
    settings: frozenset[str] | None


class UpsPollState:
    """What a reader remembers of one UPS. Times are monotonic seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: str | None = None  # of the last answered poll; None after one that failed
        self.due = 0.0  # when the next full poll is
        self.charge_words_due = 0.0  # when the next one is that a change of CHARGE_WORDS alone brings about
        self.coalesced, self.coalesced_at, self.coalesced_monotonic = 0, 0.0, 0.0  # `_at` is unix seconds
        self.waiting_since: float | None = None  # WAIT, although the device has figures
        self.problem = ""  # what is wrong now, with its outcome
        self.failures = 0  # consecutive polls that failed


class SourceReader(threading.Thread, ABC):
    """A thread that polls the UPSes of one source.

    It asks for `ups.status` every `status_s`, for all variables every `poll_s`, when the status has changed
    and, in an outage, every `status_s`. An outage is `OB`, and `DISCHRG` for a UPS whose entry in `settings`,
    the config's `ups:`, says so. `emit(item)` takes what is found, from this thread; `monotonic` is its
    clock.
    """

    def __init__(
        self,
        name: str,
        status_s: float,
        poll_s: float,
        health: Health,
        emit: Callable[[UpsItem], object],
        monotonic: Callable[[], float] = boottime,
        settings: Mapping[str, UpsSettings] | None = None,
    ) -> None:
        super().__init__(name=f"ups {name}", daemon=True)
        self.source, self.status_s, self.poll_s = name, min(status_s, poll_s), poll_s
        self.health = health
        self._emit = emit
        self._ups_settings = settings or {}
        self._monotonic = monotonic
        self._stopping = threading.Event()
        self._states: dict[str, UpsPollState] = {}
        self._last_logged = ("", 0.0)  # outcome, monotonic seconds
        self._reconnect_logged = -LOG_INTERVAL_S  # monotonic seconds

    @abstractmethod
    def _open(self) -> None:
        """Connect. Raises SourceError."""

    @abstractmethod
    def _close(self) -> None:
        """Disconnect, from any thread: a call that waits ends at once."""

    @abstractmethod
    def _names(self) -> Sequence[str]:
        """The UPSes to poll now."""

    @abstractmethod
    def _read_status(self, name: str) -> str:
        """The `ups.status` of a UPS. Raises UpsError, SourceError."""

    @abstractmethod
    def _read_all(self, name: str) -> FullAnswer:
        """All variables of a UPS. Raises UpsError, SourceError."""

    @abstractmethod
    def _failure_location(self, outcome: str) -> str:
        """Where a poll of this outcome failed: 'server', 'driver' or 'device'."""

    def _warnings(self) -> Sequence[str]:
        """Messages about faults of the source besides those of its UPSes."""
        return ()

    def _connected_detail(self, number: int) -> str:
        """The text for a source that is connected, with `number` UPSes."""
        return ""

    def stop(self) -> None:
        """End the thread; a call that waits ends at once.

        `join()` it: what is pending is handed over by then.
        """
        self._stopping.set()
        self._close()

    def run(self) -> None:
        """Connect and poll until `stop()`."""
        backoff = Backoff(FIRST_BACKOFF_S, min(LAST_BACKOFF_S, BACKOFF_SHARE * self.poll_s))
        polled = False  # since the last failure
        while not self._stopping.is_set():
            try:
                self._open()
                self.health.connects += 1
                opened = self._monotonic()
                for _ in self._rounds():
                    polled = True
                    if self._monotonic() - opened >= STABLE_S:
                        backoff.reset()
                        self._last_logged = ("", 0.0)
            except SourceError as error:
                self._close()
                if self._stopping.is_set():
                    break
                if polled and error.outcome in RECONNECT_OUTCOMES:
                    self._log_reconnect(error)
                else:
                    self._fail_all(error)
                    self._wait(backoff.next_s())
                polled = False
            except Exception:
                log.exception("%s: reading failed; restarting it", self.source)
                self._close()
                self.health.fail("lost", "internal error, see the log")
                self._wait(self.poll_s)
        for state in self._states.values():
            self._emit_coalesced(state)

    def _log_reconnect(self, error: SourceError) -> None:
        """Some servers end every connection after a while: that is no news each time."""
        now = self._monotonic()
        level = logging.INFO if now - self._reconnect_logged > LOG_INTERVAL_S else logging.DEBUG
        if level == logging.INFO:
            self._reconnect_logged = now
        log.log(level, "%s: %s; connecting anew", self.source, error.message)

    def _rounds(self) -> Iterator[None]:
        """One round of polls every `status_s`, in step with the clock whatever a round takes."""
        due = self._monotonic()
        while not self._stopping.is_set():
            for name in self._names():
                if self._stopping.is_set():
                    return
                self._poll(self._states.setdefault(name, UpsPollState(name)))
            self._update_health()
            yield
            now = self._monotonic()
            due = max(due + self.status_s, now)
            self._wait(due - now)

    def _wait(self, seconds: float) -> None:
        """Wait until the next poll or attempt is due; `stop()` ends it."""
        self._stopping.wait(seconds)

    def _poll(self, state: UpsPollState) -> None:
        now = self._monotonic()
        if state.status == "" and now < state.due:
            return  # it has no status (a PDU): all of it, now and then
        try:
            before = state.status
            if before is None or now >= state.due or self._is_outage(state.name, before):
                self._poll_all(state, now)
            else:
                self._poll_status(state, before, now)
        except UpsError as error:
            self._add_failure(state, error)

    def _is_outage(self, name: str, status: str) -> bool:
        """Whether this status is an outage: the UPS is then polled more often.

        Of NUT's 718 device dumps 26 say OB; 5 say OL DISCHRG without it, most of them full and on mains.
        """
        own = self._ups_settings.get(name, NO_SETTINGS)
        return is_discharging(status_tokens(status), own.discharging_is_outage)

    def _poll_status(self, state: UpsPollState, before: str, now: float) -> None:
        """Ask for the status alone; one that has changed is given with all variables, as one poll."""
        status = self._read_status(state.name)
        at, monotonic = SYSTEM_CLOCK.stamp(), self._monotonic()
        self._count_answer(at)
        if status == before:
            state.coalesced += 1
            state.coalesced_at, state.coalesced_monotonic = at, monotonic
            return
        state.status = status
        seen = Poll(state.name, at, monotonic, self._interval(state.name, status), status=status)
        if self._is_flutter(state, before, status, now):
            self._emit_poll(state, seen)
            return
        try:
            answer = self._read_all(state.name)
        except (UpsError, SourceError):
            self._emit_poll(state, seen)
            raise
        if answer.variables.get("ups.status", "") != status:
            self._emit_poll(state, seen)  # it has changed once more: what was seen is kept
        self._take_all(state, answer, now)

    def _is_flutter(self, state: UpsPollState, before: str, status: str, now: float) -> bool:
        """Whether nothing but CHARGE_WORDS has changed, on mains, soon after they did before."""
        if self._is_outage(state.name, before) or self._is_outage(state.name, status):
            return False
        if not (set(before.split()) ^ set(status.split())) <= CHARGE_WORDS:
            return False
        if now < state.charge_words_due:
            return True
        state.charge_words_due = now + FLUTTER_POLLS * self.poll_s
        return False

    def _poll_all(self, state: UpsPollState, now: float) -> None:
        self._take_all(state, self._read_all(state.name), now)

    def _take_all(self, state: UpsPollState, answer: FullAnswer, now: float) -> None:
        """Hand over a full poll that was begun at `now`."""
        variables, writable, settings = answer
        at, monotonic = SYSTEM_CLOCK.stamp(), self._monotonic()
        self._count_answer(at)
        variables = self._without_lasting_wait(state, variables)
        status = state.status = variables.get("ups.status", "")
        state.due = now + self.poll_s - self.status_s / 2
        if not status and all(name.startswith(SERVER_VARIABLES) for name in variables):
            status = WAIT
        waiting = status != "" and not status_tokens(status)
        state.problem, state.failures = "wait: its driver has no data yet" if waiting else "", 0
        poll = Poll(
            state.name,
            at,
            monotonic,
            self._interval(state.name, status),
            status=status,
            variables=None if waiting else variables,
            writable=writable,
            settings=settings,
        )
        self._emit_poll(state, poll)
        if waiting:
            state.status = None

    def _without_lasting_wait(self, state: UpsPollState, variables: Variables) -> Variables:
        """The variables of a device that has no status, which upsd shows as WAIT for as long as it runs.

        WAIT is what upsd itself sets until the driver gives a status (server/sstate.c); a device of which
        figures come meanwhile for WAIT_S gives none. NUT's library has 7 such devices, 3 of them PDUs.
        """
        if variables.get("ups.status") != WAIT or not any(map(plausible_range, variables)):
            state.waiting_since = None
            return variables
        now = self._monotonic()
        if state.waiting_since is None:
            state.waiting_since = now
        if now - state.waiting_since < WAIT_S:
            return variables
        return {name: value for name, value in variables.items() if name != "ups.status"}

    def _interval(self, name: str, status: str) -> float:
        return self.status_s if self._is_outage(name, status) else self.poll_s

    def _count_answer(self, at: float) -> None:
        self.health.received += 1
        self.health.last_data = at

    def _emit_poll(self, state: UpsPollState, poll: Poll) -> None:
        poll.coalesced = state.coalesced
        poll.coalesced_at, poll.coalesced_monotonic = state.coalesced_at, state.coalesced_monotonic
        state.coalesced = 0
        self._emit(poll)

    def _emit_coalesced(self, state: UpsPollState) -> None:
        """Hand over the polls that were answered with nothing new."""
        if state.coalesced:
            state.coalesced -= 1
            at, monotonic = state.coalesced_at, state.coalesced_monotonic
            self._emit_poll(state, Poll(state.name, at, monotonic, self.poll_s, status=state.status or ""))

    def _add_failure(self, state: UpsPollState, error: SourceError | UpsError) -> None:
        state.status = None
        state.failures += 1
        if state.failures > 1:  # a single one is common
            state.problem = f"{error.outcome}: {error.message}"
        self.health.rejected += 1
        poll = Poll(
            state.name,
            SYSTEM_CLOCK.stamp(),
            self._monotonic(),
            self.poll_s,
            outcome=error.outcome,
            where=self._failure_location(error.outcome),
            message=error.message,
        )
        self._emit_poll(state, poll)

    def _fail_all(self, error: SourceError) -> None:
        names = set(self._states) | set(self._names())
        for name in sorted(names):
            self._add_failure(self._states.setdefault(name, UpsPollState(name)), error)
        if not names:
            self.health.rejected += 1
        problem = f"{error.outcome}: {error.message}"
        self.health.fail("lost", problem)
        outcome, logged_at = self._last_logged
        now = self._monotonic()
        if error.outcome != outcome or now - logged_at > LOG_INTERVAL_S:
            log.warning("%s: %s", self.source, problem)
            self._last_logged = (error.outcome, now)

    def _update_health(self) -> None:
        """The source answers: bring the row of `ingest_status` in line with the state of its UPSes."""
        names = self._names()
        problems = [f"{name}: {self._states[name].problem}" for name in names if self._states[name].problem]
        detail = "; ".join([*problems, *self._warnings()])
        state = "silent" if names and len(problems) == len(names) else "connected"
        if state == "connected" != self.health.state:
            log.info("%s: connected", self.source)
        if not detail:
            self.health.set_state(state, self._connected_detail(len(names)))
        elif (state, detail) != (self.health.state, self.health.detail):
            self.health.fail(state, detail)
            log.warning("%s: %s", self.source, detail)
