"""The thread that sends orders to one NUT server: a connection of its own, as the command user, open while there is work.

Polls have another thread and another connection, so an order that waits for an answer delays none.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.orders import UpsOrder, UpsOrderChange
from ingest.ups.records import InstantCommand
from ingest.ups.setting_values import Setting, invalid_value_reason, same_value

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
RETRY_S = 2.0  # between two attempts to reach a server, until the order expires
LOOK_S = 0.25  # how often it is asked what came of an order
TRACK_S = 30.0  # without word of the driver by then, nobody knows
UNCONFIRMED = "upsd took it, and does not tell whether the UPS does it"
DRIVER_REFUSALS = {  # of a driver that was told, and told back
    "ERR UNKNOWN": "the driver of the UPS does not know it, or could not do it: its log says more",
    "ERR INVALID-ARGUMENT": "the driver of the UPS does not take it so: its log says more",
    "ERR FAILED": "the UPS did not do it: the log of its driver says more",
}
OUTCOME_UNKNOWN = "whether the UPS did it is not known; it is not sent again"


@dataclass
class SentCommand:
    """An order that upsd took. `tracking` is the id to ask with, '' where the variable is read back instead."""

    order: UpsOrder
    tracking: str
    at: float
    monotonic: float
    until: float


class Commander(threading.Thread):
    """Sends what `add()` takes. `report(update)` and `ordered(item)` are told of it.

    `commit(seconds)` returns True once what was reported is on disk: nothing is sent before.
    """

    def __init__(self, server, report, ordered, commit):
        super().__init__(name=f"orders {server.name}", daemon=True)
        self.source = server.name
        self._server, self._report, self._ordered, self._commit = server, report, ordered, commit
        self._inbox = deque()
        self._waiting, self._sent = [], []
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._client, self._tracks = None, False
        self._last_problem, self._retry_at = "", 0.0

    def add(self, order):
        """Take an order, from any thread."""
        self._inbox.append(order)
        self._wake.set()

    def stop(self):
        """Have the thread end; a call that waits ends at once."""
        self._stopping.set()
        self._wake.set()
        client = self._client
        if client is not None:
            client.close()

    def run(self):
        while not self._stopping.is_set():
            self._wake.wait(LOOK_S if self._waiting or self._sent else None)
            self._wake.clear()
            while self._inbox:
                self._waiting.append(self._inbox.popleft())
            try:
                self._work()
            except Exception:
                log.exception("%s: orders cannot go on as they are", self.source)
                self._give_up("an error of the program, see the log")
            if not (self._waiting or self._sent or self._inbox):
                self._close()
        for sent in self._sent:
            self._end(sent.order, "unknown", f"ingest was stopped before an answer came: {OUTCOME_UNKNOWN}")
        self._close()

    def _work(self):
        self._expire()
        now = time.monotonic()
        if self._waiting and now >= self._retry_at:
            if self._connected():
                for order in list(self._waiting):
                    if self._stopping.is_set() or not self._client.usable:
                        break
                    self._send(order)
            if self._client is None or not self._client.usable:
                self._retry_at = now + RETRY_S
        for sent in list(self._sent):
            self._follow(sent)

    def _expire(self):
        now = time.monotonic()
        for order in [order for order in self._waiting if order.deadline <= now]:
            self._waiting.remove(order)
            self._end(order, "expired", f"expired, not sent: {self._last_problem or 'others were before it'}")

    def _end(self, order, state, reason="", old=None):
        self._report(UpsOrderChange(order, state, time.time(), reason, old))

    def _give_up(self, words):
        for order in self._waiting:
            self._end(order, "failed", f"not sent: {words}")
        for sent in self._sent:
            self._end(sent.order, "unknown", f"{words}: {OUTCOME_UNKNOWN}")
        self._waiting, self._sent = [], []
        self._close()

    def _connected(self):
        """Whether there is a connection that can be used; makes one where there is none."""
        if self._client is not None and self._client.usable:
            return True
        self._close()
        server = self._server
        client = self._client = NutClient(
            server.host,
            server.port,
            server.command_username,
            server.command_password,
            timeout=TIMEOUT_S,
            connect=False,
        )
        if self._stopping.is_set():
            client.close()
        try:
            client.connect()
            self._tracks = server.command_username is not None and client.track()
        except NutError as error:
            self._last_problem = self._remedy(error)
            if error.answered:
                self._give_up(self._last_problem)
            self._close()
            return False
        self._last_problem = ""
        return True

    def _close(self):
        if self._client is not None:
            self._client.close()
            self._client = None

    def _remedy(self, error):
        """What went wrong, and what to do about it where the words of the error do not say."""
        if error.outcome != "denied":
            return error.message
        user = self._server.command_username
        if user is None:
            return f"{self._client.server} wants a user for this: give `nut: {self.source}` a command_username and command_password"
        return (
            f"{self._client.server} denies it to {user}: a wrong command_password, or no `actions = SET` (settings) or "
            "`instcmds = ...` (commands) in its section of upsd.users"
        )

    def _send(self, order):
        """Ask the server first, so that one that is frozen never gets what it would do when it thaws."""
        client, ups, old = self._client, order.ups.partition("@")[0], None
        try:
            client.ver()
            if order.variable:
                old, words = self._look(ups, order)
                if words:
                    self._waiting.remove(order)
                    return self._end(order, "failed", f"not sent: {words}", old)
        except NutError as error:
            if not error.answered:
                self._last_problem = error.message
                return None
            if order.variable:
                self._waiting.remove(order)
                return self._end(order, "failed", f"not sent: {self._remedy(error)}")
        self._waiting.remove(order)
        return self._send_once(order, ups, old)

    def _look(self, ups, order):
        """(what the variable is, why it does not take the value)."""
        client, variable = self._client, order.variable
        now = client.get_var(ups, variable)
        return now, invalid_value_reason(read_setting(client, ups, variable), order.value, now)

    def _send_once(self, order, ups, old):
        client, at = self._client, time.time()
        self._report(UpsOrderChange(order, "sent", at, old=old))
        if not self._commit(max(0.0, order.deadline - time.monotonic())):
            return self._end(order, "failed", "not sent: the database could not be written in time")
        try:
            client.ver()
        except NutError as error:
            if not error.answered:
                return self._end(order, "failed", f"not sent: {error.message}")
        at, monotonic = time.time(), time.monotonic()
        try:
            if order.command:
                tracking = client.run_command(ups, order.command)
            else:
                tracking = client.set_var(ups, order.variable, order.value)
        except NutError as error:
            if error.answered:
                return self._end(order, "failed", self._remedy(error))
            return self._end(
                order, "unknown", f"{error.message} {OUTCOME_UNKNOWN[0].upper()}{OUTCOME_UNKNOWN[1:]}"
            )
        if order.command and not tracking:
            self._record_command(order, at, monotonic)
            return self._end(order, "done", UNCONFIRMED)
        self._sent.append(SentCommand(order, tracking, at, monotonic, monotonic + TRACK_S))
        return self._wake.set()

    def _record_command(self, order, at, monotonic, sure=True):
        self._ordered(InstantCommand(order.ups, at, monotonic, order.command, order.by, sure))

    def _follow(self, sent):
        """What came of an order that upsd took."""
        order, late = sent.order, time.monotonic() >= sent.until
        try:
            done = self._is_done(sent)
        except NutError as error:
            self._sent.remove(sent)
            if error.answered:
                return self._end(
                    order, "failed", f"{DRIVER_REFUSALS.get(error.raw, error.message)} ({error.raw})"
                )
            return self._end(
                order,
                "unknown",
                f"upsd took it, then: {error.message} {OUTCOME_UNKNOWN[0].upper()}{OUTCOME_UNKNOWN[1:]}",
            )
        if done:
            self._sent.remove(sent)
            if order.command:
                self._record_command(order, sent.at, sent.monotonic)
            return self._end(order, "done")
        if late:
            self._sent.remove(sent)
            if order.command:
                self._record_command(order, sent.at, sent.monotonic, sure=False)
                return self._end(
                    order,
                    "unknown",
                    f"upsd took it, its driver says nothing of it for {TRACK_S:.0f} s: {OUTCOME_UNKNOWN}",
                )
            return self._end(
                order, "failed", f"upsd took it, but the UPS has not taken the value within {TRACK_S:.0f} s"
            )
        return None

    def _is_done(self, sent):
        if self._client is None:
            raise NutError("closed", "the connection was lost")
        if sent.tracking:
            return self._client.tracked(sent.tracking)
        now = self._client.get_var(sent.order.ups.partition("@")[0], sent.order.variable)
        return same_value(now, sent.order.value)


def read_setting(client, ups, variable):
    """What the server says that a variable takes; not every server says it. Raises NutError."""
    try:
        kind = client.var_type(ups, variable)
    except NutError as error:
        if not error.answered:
            raise
        kind = ""
    return Setting(kind, tuple(client.list_enum(ups, variable)), tuple(client.list_range(ups, variable)))
