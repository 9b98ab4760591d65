"""The thread that sends orders to one NUT server.

It has a connection of its own, as the command user, open while there is work. Polls have another thread and
another connection, so an order that waits for an answer delays none.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.db.moment import boottime
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.nut.order_outcomes import OrderOutcomes
from ingest.nut.settings import ServerSettings
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrder
from ingest.ups.records import InstantCommand
from ingest.ups.setting_values import Setting, invalid_value_reason

log = logging.getLogger(__name__)

UNCONFIRMED = "upsd accepted it; NUT does not report the outcome"


@dataclass(frozen=True)
class CommanderTiming:
    """Seconds."""

    answer_s: float = 5.0  # for one answer
    retry_s: float = 2.0  # between two attempts to reach a server, until the order expires
    look_s: float = 0.25  # between two questions for the outcome of an order
    track_s: float = 30.0  # until an order without a result is given up
    read_back_s: float = 35.0  # until a value that does not show is given up: drivers read theirs every 30 s


TIMING = CommanderTiming()


class Commander(threading.Thread):
    """Sends the orders of `queue`. `record(ordered)` takes each instant command that was sent."""

    def __init__(
        self,
        server: ServerSettings,
        queue: OrderQueue,
        record: Callable[[InstantCommand], object],
        timing: CommanderTiming = TIMING,
    ) -> None:
        super().__init__(name=f"orders {server.name}", daemon=True)
        self.source = server.name
        self._server, self._queue, self._timing = server, queue, timing
        self._outcomes = OrderOutcomes(queue, record, timing.track_s, timing.read_back_s)
        self._stopping = threading.Event()
        self._client: NutClient | None = None
        self._retry_at = 0.0

    def stop(self) -> None:
        """Have the thread end; a call that waits ends at once."""
        self._stopping.set()
        self._queue.wake.set()
        client = self._client
        if client is not None:
            client.close()

    def run(self) -> None:
        """Send orders as they come, until `stop()`."""
        while not self._stopping.is_set():
            self._queue.wake.wait(self._timing.look_s if self._queue.waiting or self._outcomes.sent else None)
            self._queue.wake.clear()
            try:
                busy = self._work()
            except Exception:
                log.exception("%s: sending orders failed; restarting", self.source)
                self._give_up("internal error, see the log")
                busy = False
            if not busy:
                self._close()
        self._outcomes.end_unknown("ingest was stopped before an answer came")
        self._close()

    def _work(self) -> bool:
        """Send what can be sent, ask for outcomes; return whether there is more to do."""
        now = time.monotonic()
        if (waiting := self._queue.collect()) and now >= self._retry_at:
            client = self._connect()
            for order in waiting if client else ():
                if self._stopping.is_set() or client is None or not client.usable:
                    break
                self._send(client, order)
            if client is None or not client.usable:
                self._retry_at = now + self._timing.retry_s
        self._outcomes.follow(self._client)
        return bool(self._queue.waiting or self._outcomes.sent)

    def _give_up(self, message: str) -> None:
        for order in list(self._queue.waiting):
            self._queue.end(order, "failed", f"not sent: {message}")
        self._outcomes.end_unknown(message)
        self._close()

    def _connect(self) -> NutClient | None:
        """Return a connection that can be used, a new one where there is none; None where that fails."""
        if self._client is not None and self._client.usable:
            return self._client
        self._close()
        server = self._server
        client = self._client = NutClient(
            server.host,
            server.port,
            server.command_username,
            server.command_password,
            timeout=self._timing.answer_s,
            connect=False,
            tls=server.tls,
        )
        if self._stopping.is_set():
            client.close()
        try:
            client.connect()
            if server.command_username is not None:
                client.track()
        except NutError as error:
            self._queue.problem = self._remedy(client, error)
            if error.answered:
                self._give_up(self._queue.problem)
            self._close()
            return None
        self._queue.problem = ""
        return client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _remedy(self, client: NutClient, error: NutError) -> str:
        """Return what went wrong, and the remedy where the error's message has none."""
        if error.outcome != "denied":
            return error.message
        user = self._server.command_username
        if user is None:
            keys = "command_username and command_password"
            return f"{client.server} requires a user for this: give `nut: {self.source}` a {keys}"
        return (
            f"{client.server} denies it to {user}: a wrong command_password, or no `actions = SET` "
            "(settings) or `instcmds = ...` (commands) in its section of upsd.users"
        )

    def _send(self, client: NutClient, order: UpsOrder) -> None:
        """Send an order, where the server answers and the variable takes the value."""
        ups, old = order.ups.partition("@")[0], None
        try:
            client.ver()  # a frozen server never gets what it would do when it thaws
            if order.variable is not None:
                old = client.get_var(ups, order.variable)
                wrong = invalid_value_reason(
                    read_setting(client, ups, order.variable), order.value or "", old
                )
                if wrong:
                    self._queue.end(order, "failed", f"not sent: {wrong}", old)
                    return
        except NutError as error:
            if not error.answered:
                self._queue.problem = error.message
                return
            if order.variable is not None:
                self._queue.end(order, "failed", f"not sent: {self._remedy(client, error)}")
                return
        if self._queue.mark_sent(order, old):
            self._send_once(client, order, ups, old)

    def _send_once(self, client: NutClient, order: UpsOrder, ups: str, old: str | None) -> None:
        try:
            client.ver()
        except NutError as error:
            if not error.answered:
                self._queue.end(order, "failed", f"not sent: {error.message}")
                return
        at, monotonic = time.time(), boottime()
        try:
            if order.command:
                tracking = client.run_command(ups, order.command, order.value)
            else:
                tracking = client.set_var(ups, order.variable or "", order.value)
        except NutError as error:
            if error.answered:
                self._queue.end(order, "failed", self._refusal(client, order, error))
            else:
                self._queue.end_unknown(order, error.message)
            return
        if order.command and not tracking:
            self._outcomes.record(order, at, monotonic)
            self._queue.end(order, "done", UNCONFIRMED)
            return
        self._outcomes.add(order, tracking, at, monotonic, old)

    def _refusal(self, client: NutClient, order: UpsOrder, error: NutError) -> str:
        """Return why an order was refused, with the remedy where its value is one argument too many."""
        if order.command and order.value is not None and error.outcome == "invalid":
            return f"{client.server} takes no value with {order.command} ({error.raw}): order it without one"
        return self._remedy(client, error)


def read_setting(client: NutClient, ups: str, variable: str) -> Setting:
    """Return what a variable takes, as far as the server describes it. Raises NutError."""
    try:
        kind = client.var_type(ups, variable)
    except NutError as error:
        if not error.answered:
            raise
        kind = ""
    return Setting(kind, tuple(client.list_enum(ups, variable)), tuple(client.list_range(ups, variable)))
