"""What becomes of the orders that an upsd took: the driver's answer, then the value that the UPS reports.

A driver that reports success has handed the value on; whether the UPS keeps it shows only when it is read
back. Devices round values, take only some of them, or ignore them (networkupstools/nut #1901, #2643), and
drivers drop quotes, backslashes and what is no ASCII.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.order_queue import OUTCOME_UNKNOWN, OrderQueue
from ingest.ups.orders import UpsOrder
from ingest.ups.records import InstantCommand
from ingest.ups.setting_values import same_value

DRIVER_REFUSALS = {  # what GET TRACKING answers once the driver has answered upsd
    "ERR UNKNOWN": "the driver of the UPS does not know it, or could not do it: see its log",
    "ERR INVALID-ARGUMENT": "the driver of the UPS rejects the argument: see its log",
    "ERR FAILED": "the UPS did not do it: see the log of its driver",
}
ACCEPTED = "its driver accepted it"


@dataclass(frozen=True)
class SentOrder:
    """An order that upsd accepted.

    `tracking` is the id to ask with, '' while the variable is read back. `driver` is what is known of the
    driver's answer, as text, `waited` how long the value was read back. Times in seconds: `at` unix, the
    others monotonic.
    """

    order: UpsOrder
    tracking: str
    at: float
    monotonic: float
    until: float
    old: str | None = None  # what a setting was
    driver: str = "upsd accepted it"
    waited: str = ""

    @property
    def ups(self) -> str:
        """The name of its UPS at the server."""
        return self.order.ups.partition("@")[0]


class OrderOutcomes:
    """Follows sent orders to their end.

    `track_s` is how long the driver's answer is waited for, `read_back_s` how long a value may take to
    show: most drivers read settings every 30 s or sooner.
    """

    def __init__(
        self,
        queue: OrderQueue,
        record: Callable[[InstantCommand], object],
        track_s: float,
        read_back_s: float,
    ) -> None:
        self._queue, self._record = queue, record
        self._track_s, self._read_back_s = track_s, read_back_s
        self._waited = f", but it does not show within {read_back_s:g} s"
        self.sent: list[SentOrder] = []

    def add(self, order: UpsOrder, tracking: str, at: float, monotonic: float, old: str | None) -> None:
        """Take an order that upsd has just taken."""
        wait_s = self._track_s if tracking else self._read_back_s
        until, waited = monotonic + wait_s, "" if tracking else self._waited
        self.sent.append(SentOrder(order, tracking, at, monotonic, until, old, waited=waited))
        self._queue.wake.set()

    def record(self, order: UpsOrder, at: float, monotonic: float, confirmed: bool = True) -> None:
        """Report an instant command for the events of its UPS."""
        if order.command:
            self._record(InstantCommand(order.ups, at, monotonic, order.command, order.by, confirmed))

    def end_unknown(self, message: str) -> None:
        """End every order whose outcome is not known now."""
        for sent in self.sent:
            self._queue.end_unknown(sent.order, message)
        self.sent = []

    def follow(self, client: NutClient | None) -> None:
        """Ask for the outcome of each order."""
        sent, self.sent = self.sent, []
        self.sent += [rest for one in sent if (rest := self._follow(client, one)) is not None]

    def _follow(self, client: NutClient | None, sent: SentOrder) -> SentOrder | None:
        """Ask once; return what is left to wait for, None for an order that has ended."""
        try:
            if client is None:
                raise NutError("closed", "the connection was lost")
            return self._track(client, sent) if sent.tracking else self._read_back(client, sent)
        except NutError as error:
            if error.answered:
                reason = f"{DRIVER_REFUSALS.get(error.raw, error.message)} ({error.raw})"
                self._queue.end(sent.order, "failed", reason)
            else:
                self._queue.end_unknown(sent.order, f"{sent.driver}, then: {error.message}")
            return None

    def _track(self, client: NutClient, sent: SentOrder) -> SentOrder | None:
        order, now = sent.order, time.monotonic()
        if client.tracked(sent.tracking):
            if order.variable is not None:
                self._queue.wake.set()
                until = now + self._read_back_s
                return replace(sent, tracking="", until=until, driver=ACCEPTED, waited=self._waited)
            self.record(order, sent.at, sent.monotonic)
            self._queue.end(order, "done")
            return None
        if now < sent.until:
            return sent
        silent = f"upsd accepted it, its driver reports no result for {self._track_s:g} s"
        if order.variable is not None:  # a driver may be too old to answer, and the UPS have the value
            return replace(sent, tracking="", until=now, driver=silent)
        self.record(order, sent.at, sent.monotonic, confirmed=False)
        self._queue.end(order, "unknown", f"{silent}: {OUTCOME_UNKNOWN}")
        return None

    def _read_back(self, client: NutClient, sent: SentOrder) -> SentOrder | None:
        order, wanted = sent.order, sent.order.value or ""
        error, value = None, ""
        try:
            value = client.get_var(sent.ups, order.variable or "")
        except NutError as raised:
            if not raised.answered:
                raise
            error = raised
        if error is None and same_value(value, wanted):
            self._queue.end(order, "done")
            return None
        if time.monotonic() < sent.until:
            return sent
        if error is not None and error.outcome != "unsupported":
            self._queue.end_unknown(order, f"{sent.driver}, then: {error.message}")
            return None
        if error is not None:
            found = f"the UPS reports no {order.variable} any more"
        elif sent.old is not None and same_value(value, sent.old):
            found = f"the UPS still reports {value or 'an empty text'}"
        else:
            found = f"the UPS reports {value or 'an empty text'} instead"
        self._queue.end(order, "failed", f"{found}: {sent.driver}{sent.waited}")
        return None
