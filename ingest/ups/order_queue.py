"""Orders on their way to one source: the rules that every sender keeps.

An order is sent before it expires or not at all, and once: that it is sent is on disk before the first byte
leaves.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from ingest.ups.orders import UpsOrder, UpsOrderChange

OUTCOME_UNKNOWN = "whether the UPS did it is not known; it is not sent again"


class OrderQueue:
    """The orders of one source.

    `add()` may come from any thread, everything else from the one that sends. `report(update)` takes what
    becomes of an order; `commit(seconds)` returns True once what was reported is on disk. `problem` is why
    nothing can be sent now.
    """

    def __init__(self, report: Callable[[UpsOrderChange], None], commit: Callable[[float], bool]) -> None:
        self._report, self._commit = report, commit
        self._inbox: deque[UpsOrder] = deque()
        self.waiting: list[UpsOrder] = []
        self.wake = threading.Event()
        self.problem = ""

    def add(self, order: UpsOrder) -> None:
        """Take an order and wake the sender."""
        self._inbox.append(order)
        self.wake.set()

    def collect(self) -> list[UpsOrder]:
        """Return the orders that can still be sent; those that are too old expire."""
        while self._inbox:
            self.waiting.append(self._inbox.popleft())
        now = time.monotonic()
        for order in [order for order in self.waiting if order.deadline <= now]:
            self._expire(order)
        return list(self.waiting)

    def mark_sent(self, order: UpsOrder, old: str | None = None) -> bool:
        """Put on disk that an order is sent now; it ends, and False comes back, where that takes too long."""
        if order.deadline <= time.monotonic():
            self._expire(order)
            return False
        self._remove(order)
        self._report(UpsOrderChange(order, "sent", time.time(), old=old))
        if self._commit(max(0.0, order.deadline - time.monotonic())):
            return True
        self.end(order, "failed", "not sent: the database could not be written in time")
        return False

    def end(self, order: UpsOrder, state: str, reason: str = "", old: str | None = None) -> None:
        """Report the last state of an order."""
        self._remove(order)
        self._report(UpsOrderChange(order, state, time.time(), reason, old))

    def end_unknown(self, order: UpsOrder, reason: str) -> None:
        """Report that an order was sent and its outcome is not known, with the reason."""
        link = " " if reason.endswith((".", "?")) else ": "
        outcome = OUTCOME_UNKNOWN if link == ": " else OUTCOME_UNKNOWN[0].upper() + OUTCOME_UNKNOWN[1:]
        self.end(order, "unknown", f"{reason}{link}{outcome}")

    def _expire(self, order: UpsOrder) -> None:
        self.end(order, "expired", f"expired, not sent: {self.problem or 'others were before it'}")

    def _remove(self, order: UpsOrder) -> None:
        if order in self.waiting:
            self.waiting.remove(order)
