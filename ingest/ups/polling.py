"""The pace of every reader of UPSes: when to ask for what, what to hand to the store, when to try again.

A reader is one daemon thread for one source, so that one that hangs delays no other. Subclasses speak with the device.
"""

import logging
import threading
import time

from ingest.ups.records import Poll
from ingest.ups.status import WAIT, is_discharging, status_tokens

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 10.0
SHORTENED = 0.8  # of poll_s at most is waited between two attempts, so that data is back within one poll
LEAST_LOG_S = 600.0  # the same failure is logged again after that
ABOUT_NO_UPS = ("driver.", "server.")  # variables that a server has before its driver knows anything
RECONNECT_OUTCOMES = (
    "closed",
)  # a connection that was closed is made anew at once, before anything counts as failed


class SourceError(Exception):
    """A source could not be asked at all: every UPS of it failed."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome, self.message = outcome, message


class UpsError(Exception):
    """One UPS did not answer well; the source can still be asked for the others."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome, self.message = outcome, message


class UpsPollState:
    """What a reader remembers of one UPS."""

    def __init__(self, name):
        self.name = name
        self.status = None  # of the last good poll; None after one that failed
        self.due = 0.0  # when the next full poll is, on the monotonic clock
        self.coalesced, self.coalesced_at, self.coalesced_monotonic = 0, 0.0, 0.0
        self.trouble = ""  # outcome and words of what is wrong now
        self.failures = 0  # polls that failed, one after the other


class SourceReader(threading.Thread):
    """Asks for `ups.status` every `status_s`, for all variables every `poll_s` and, while on battery, every `status_s`.

    `emit(item)` takes what is found, from this thread. Subclasses have `_open()`, `_close()` (from any thread),
    `_names()`, `_read_status(name)`, `_read_all(name)` -> (variables, writable, settings), and `_failure_location(outcome)`.
    """

    def __init__(self, name, status_s, poll_s, health, emit):
        super().__init__(name=f"ups {name}", daemon=True)
        self.source, self.status_s, self.poll_s = name, min(status_s, poll_s), poll_s
        self.health = health
        self._emit = emit
        self._stopping = threading.Event()
        self._states = {}
        self._last_logged = ("", 0.0)

    def stop(self):
        """Have the thread end; a call that waits ends at once. `join()` it: what it still knows is handed in by then."""
        self._stopping.set()
        self._close()

    def run(self):
        backoff, healthy = FIRST_BACKOFF_S, False
        while not self._stopping.is_set():
            try:
                self._open()
                self.health.connects += 1
                self._last_logged = ("", 0.0)
                for _ in self._rounds():
                    backoff, healthy = FIRST_BACKOFF_S, True
            except SourceError as error:
                self._close()
                if self._stopping.is_set():
                    break
                if healthy and error.outcome in RECONNECT_OUTCOMES:
                    log.info("%s: %s; connecting anew", self.source, error.message)
                    healthy = False
                    continue
                healthy = False
                self._fail_all(error)
                self._wait(min(backoff, SHORTENED * self.poll_s))
                backoff = min(2 * backoff, LAST_BACKOFF_S)
            except Exception:
                log.exception("%s: reading cannot go on as it is; starting it anew", self.source)
                self._close()
                self.health.fail("lost", "an error of the program, see the log")
                self._wait(self.poll_s)
        for state in self._states.values():
            self._flush(state)

    def _rounds(self):
        """One round of polls every `status_s`, in step with the clock whatever a round takes."""
        due = time.monotonic()
        while not self._stopping.is_set():
            for name in self._names():
                if self._stopping.is_set():
                    return
                self._poll(self._states.setdefault(name, UpsPollState(name)))
            self._report()
            yield
            due += self.status_s
            now = time.monotonic()
            if due < now:
                due = now
            self._wait(due - now)

    def _wait(self, seconds):
        """Wait until the next poll or attempt is due; `stop()` ends it."""
        self._stopping.wait(seconds)

    def _poll(self, state):
        try:
            self._ask(state)
        except UpsError as error:
            self._failed(state, error)

    def _ask(self, state):
        now = time.monotonic()
        if state.status == "" and now < state.due:
            return  # it tells no status (a PDU): all of it, now and then
        if state.status is not None and now < state.due and not is_discharging(status_tokens(state.status)):
            status = self._read_status(state.name)
            at, monotonic = time.time(), time.monotonic()
            self._count_answer(state, at)
            if status == state.status:
                state.coalesced, state.coalesced_at, state.coalesced_monotonic = (
                    state.coalesced + 1,
                    at,
                    monotonic,
                )
                return
            state.status = status
            self._emit_poll(state, Poll(state.name, at, monotonic, self._interval(status), status=status))
        variables, writable, settings = self._read_all(state.name)
        at, monotonic = time.time(), time.monotonic()
        self._count_answer(state, at)
        status = state.status = variables.get("ups.status", "")
        state.due = now + self.poll_s - self.status_s / 2
        if not status and all(name.startswith(ABOUT_NO_UPS) for name in variables):
            status = WAIT
        waiting = status != "" and not status_tokens(status)
        state.trouble, state.failures = "wait: its driver has no data yet" if waiting else "", 0
        self._emit_poll(
            state,
            Poll(
                state.name,
                at,
                monotonic,
                self._interval(status),
                status=status,
                variables=None if waiting else variables,
                writable=writable,
                settings=settings,
            ),
        )
        if waiting:
            state.status = None

    def _interval(self, status):
        return self.status_s if is_discharging(status_tokens(status)) else self.poll_s

    def _count_answer(self, state, at):
        self.health.received += 1
        self.health.last_data = at

    def _emit_poll(self, state, poll):
        poll.coalesced, poll.coalesced_at = state.coalesced, state.coalesced_at
        state.coalesced = 0
        self._emit(poll)

    def _flush(self, state):
        """Hand in the polls that went well and said nothing new."""
        if state.coalesced:
            state.coalesced -= 1
            at, monotonic = state.coalesced_at, state.coalesced_monotonic
            self._emit_poll(state, Poll(state.name, at, monotonic, self.poll_s, status=state.status))

    def _failed(self, state, error):
        state.status = None
        state.failures += 1
        if state.failures > 1:  # a single one says nothing yet
            state.trouble = f"{error.outcome}: {error.message}"
        self.health.rejected += 1
        self._emit_poll(
            state,
            Poll(
                state.name,
                time.time(),
                time.monotonic(),
                self.poll_s,
                outcome=error.outcome,
                where=self._failure_location(error.outcome),
                message=error.message,
            ),
        )

    def _fail_all(self, error):
        names = set(self._states) | set(self._names())
        for name in sorted(names):
            self._failed(self._states.setdefault(name, UpsPollState(name)), error)
        if not names:
            self.health.rejected += 1
        words = f"{error.outcome}: {error.message}"
        self.health.fail("lost", words)
        now = time.monotonic()
        if error.outcome != self._last_logged[0] or now - self._last_logged[1] > LEAST_LOG_S:
            log.warning("%s: %s", self.source, words)
            self._last_logged = (error.outcome, now)

    def _report(self):
        """The source can be asked: how its UPSes do, as the row of `ingest_status`."""
        states = [self._states[name] for name in self._names()]
        trouble = [f"{state.name}: {state.trouble}" for state in states if state.trouble]
        words = "; ".join([*trouble, *self._warnings()])
        silent = bool(states) and len(trouble) == len(states)
        state = "silent" if silent else "connected"
        if state == "connected" != self.health.state:
            log.info("%s: connected", self.source)
        if not words:
            self.health.set_state(state, self._connected_detail(len(states)))
        elif (state, words) != (self.health.state, self.health.detail):
            self.health.fail(state, words)
            log.warning("%s: %s", self.source, words)

    def _warnings(self):
        """Further words for people, where something besides the UPSes is wrong."""
        return ()

    def _connected_detail(self, number):
        return ""
