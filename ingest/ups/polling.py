"""The pace of every reader of UPSes: when to ask for what, what to hand to the store, when to try again.

A reader is one daemon thread for one source, so that one that hangs delays no other. Subclasses speak with the device.
"""

import logging
import threading
import time

from ingest.ups.records import Poll
from ingest.ups.status import WAIT, is_discharging, status_words

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 10.0
SHORTENED = 0.8  # of poll_s at most is waited between two attempts, so that data is back within one poll
LEAST_LOG_S = 600.0  # the same failure is logged again after that
ABOUT_NO_UPS = ("driver.", "server.")  # variables that a server has before its driver knows anything
QUIET_OUTCOMES = (
    "closed",
)  # a connection that was closed is made anew at once, before anything counts as failed


class SourceError(Exception):
    """A source could not be asked at all: every UPS of it failed."""

    def __init__(self, outcome, words):
        super().__init__(words)
        self.outcome, self.words = outcome, words


class UpsError(Exception):
    """One UPS did not answer well; the source can still be asked for the others."""

    def __init__(self, outcome, words):
        super().__init__(words)
        self.outcome, self.words = outcome, words


class Patient:
    """What a reader remembers of one UPS."""

    def __init__(self, name):
        self.name = name
        self.status = None  # of the last good poll; None after one that failed
        self.due = 0.0  # when the next full poll is, on the monotonic clock
        self.quiet, self.quiet_at, self.quiet_monotonic = 0, 0.0, 0.0
        self.trouble = ""  # outcome and words of what is wrong now
        self.failures = 0  # polls that failed, one after the other


class Reader(threading.Thread):
    """Asks for `ups.status` every `status_s`, for all variables every `poll_s` and, while on battery, every `status_s`.

    `hand(item)` takes what is found, from this thread. Subclasses have `_open()`, `_close()` (from any thread),
    `_names()`, `_read_status(name)`, `_read_all(name)` -> (variables, writable, settings), and `_where(outcome)`.
    """

    def __init__(self, name, status_s, poll_s, health, hand):
        super().__init__(name=f"ups {name}", daemon=True)
        self.source, self.status_s, self.poll_s = name, min(status_s, poll_s), poll_s
        self.health = health
        self._hand = hand
        self._stopping = threading.Event()
        self._patients = {}
        self._said = ("", 0.0)

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
                self._said = ("", 0.0)
                for _ in self._rounds():
                    backoff, healthy = FIRST_BACKOFF_S, True
            except SourceError as error:
                self._close()
                if self._stopping.is_set():
                    break
                if healthy and error.outcome in QUIET_OUTCOMES:
                    log.info("%s: %s; connecting anew", self.source, error.words)
                    healthy = False
                    continue
                healthy = False
                self._fail_all(error)
                self._stopping.wait(min(backoff, SHORTENED * self.poll_s))
                backoff = min(2 * backoff, LAST_BACKOFF_S)
            except Exception:
                log.exception("%s: reading cannot go on as it is; starting it anew", self.source)
                self._close()
                self.health.fail("lost", "an error of the program, see the log")
                self._stopping.wait(self.poll_s)
        for patient in self._patients.values():
            self._flush(patient)

    def _rounds(self):
        """One round of polls every `status_s`, in step with the clock whatever a round takes."""
        due = time.monotonic()
        while not self._stopping.is_set():
            for name in self._names():
                if self._stopping.is_set():
                    return
                self._poll(self._patients.setdefault(name, Patient(name)))
            self._report()
            yield
            due += self.status_s
            now = time.monotonic()
            if due < now:
                due = now
            self._stopping.wait(due - now)

    def _poll(self, patient):
        try:
            self._ask(patient)
        except UpsError as error:
            self._failed(patient, error)

    def _ask(self, patient):
        now = time.monotonic()
        if patient.status == "" and now < patient.due:
            return  # it tells no status (a PDU): all of it, now and then
        if (
            patient.status is not None
            and now < patient.due
            and not is_discharging(status_words(patient.status))
        ):
            status = self._read_status(patient.name)
            at, monotonic = time.time(), time.monotonic()
            self._came(patient, at)
            if status == patient.status:
                patient.quiet, patient.quiet_at, patient.quiet_monotonic = patient.quiet + 1, at, monotonic
                return
            patient.status = status
            self._give(patient, Poll(patient.name, at, monotonic, self._interval(status), status=status))
        variables, writable, settings = self._read_all(patient.name)
        at, monotonic = time.time(), time.monotonic()
        self._came(patient, at)
        status = patient.status = variables.get("ups.status", "")
        patient.due = now + self.poll_s - self.status_s / 2
        if not status and all(name.startswith(ABOUT_NO_UPS) for name in variables):
            status = WAIT
        waiting = status != "" and not status_words(status)
        patient.trouble, patient.failures = "wait: its driver has no data yet" if waiting else "", 0
        self._give(
            patient,
            Poll(
                patient.name,
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
            patient.status = None

    def _interval(self, status):
        return self.status_s if is_discharging(status_words(status)) else self.poll_s

    def _came(self, patient, at):
        self.health.received += 1
        self.health.last_data = at

    def _give(self, patient, poll):
        poll.quiet, poll.quiet_at = patient.quiet, patient.quiet_at
        patient.quiet = 0
        self._hand(poll)

    def _flush(self, patient):
        """Hand in the polls that went well and said nothing new."""
        if patient.quiet:
            patient.quiet -= 1
            at, monotonic = patient.quiet_at, patient.quiet_monotonic
            self._give(patient, Poll(patient.name, at, monotonic, self.poll_s, status=patient.status))

    def _failed(self, patient, error):
        patient.status = None
        patient.failures += 1
        if patient.failures > 1:  # a single one says nothing yet
            patient.trouble = f"{error.outcome}: {error.words}"
        self.health.rejected += 1
        self._give(
            patient,
            Poll(
                patient.name,
                time.time(),
                time.monotonic(),
                self.poll_s,
                outcome=error.outcome,
                where=self._where(error.outcome),
                words=error.words,
            ),
        )

    def _fail_all(self, error):
        names = set(self._patients) | set(self._names())
        for name in sorted(names):
            self._failed(self._patients.setdefault(name, Patient(name)), error)
        if not names:
            self.health.rejected += 1
        words = f"{error.outcome}: {error.words}"
        self.health.fail("lost", words)
        now = time.monotonic()
        if error.outcome != self._said[0] or now - self._said[1] > LEAST_LOG_S:
            log.warning("%s: %s", self.source, words)
            self._said = (error.outcome, now)

    def _report(self):
        """The source can be asked: how its UPSes do, as the row of `ingest_status`."""
        patients = [self._patients[name] for name in self._names()]
        trouble = [f"{patient.name}: {patient.trouble}" for patient in patients if patient.trouble]
        words = "; ".join([*trouble, *self._remarks()])
        silent = bool(patients) and len(trouble) == len(patients)
        state = "silent" if silent else "connected"
        if state == "connected" != self.health.state:
            log.info("%s: connected", self.source)
        if not words:
            self.health.turn(state, self._good_words(len(patients)))
        elif (state, words) != (self.health.state, self.health.detail):
            self.health.fail(state, words)
            log.warning("%s: %s", self.source, words)

    def _remarks(self):
        """Further words for people, where something besides the UPSes is wrong."""
        return ()

    def _good_words(self, number):
        return ""
