"""Orders to an EP20: instant commands that write one register, sent between two polls.

A setting is read back. What resets the device or turns it off cannot be: there the device's answer counts.
"""

import time
from collections.abc import Callable

from ingest.db.moment import boottime
from ingest.must import errors, registers
from ingest.must.client import MustClient
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrder
from ingest.ups.records import InstantCommand

RETRY_S = 2.0  # between two attempts to reach the device, until the order expires
ACCEPTED = {  # what an accepted write to a register that cannot be read back means
    registers.RESET: "the device accepted it; nothing can be read back of a reset",
    registers.SHUTDOWN: "the device accepted it; it turns off at once on battery, and does nothing on mains",
}


class MustOrders:
    """Sends the queue's orders over the client of the reader; `record(command)` takes what was sent."""

    def __init__(self, queue: OrderQueue, record: Callable[[InstantCommand], object]) -> None:
        self.queue, self._record = queue, record
        self._retry_at = 0.0

    def work(self, client: MustClient | None, problem: str) -> tuple[int, ...] | None:
        """Send what waits; return the settings block as it is afterwards, where a command changed it.

        Without a usable client orders wait, or expire because of `problem`.
        """
        settings = None
        for order in self.queue.collect():
            if client is None or client.is_closed:
                self.queue.problem = problem
            elif time.monotonic() >= self._retry_at:
                settings = self._send(client, order) or settings
        return settings

    def _send(self, client: MustClient, order: UpsOrder) -> tuple[int, ...] | None:
        if order.command not in registers.COMMANDS:
            names = ", ".join(registers.COMMANDS)
            self.queue.end(
                order, "failed", f"not sent: an EP20 has no {order.description}, its commands are {names}"
            )
            return None
        if order.value is not None:
            self.queue.end(order, "failed", f"not sent: {order.command} of an EP20 takes no value")
            return None
        try:
            client.read_settings()  # a device that is off gets nothing that it would do later
        except errors.MustError as error:
            self.queue.problem = error.message
            self._retry_at = time.monotonic() + RETRY_S
            return None
        self.queue.problem = ""
        if not self.queue.mark_sent(order):
            return None
        return self._send_once(client, order, *registers.COMMANDS[order.command])

    def _send_once(
        self, client: MustClient, order: UpsOrder, register: int, value: int
    ) -> tuple[int, ...] | None:
        at, monotonic = time.time(), boottime()
        trouble = "the device answered"
        try:
            client.write_register(register, value)
        except errors.ExceptionAnswerError as error:
            self.queue.end(order, "failed", error.message)
            return None
        except errors.MustError as error:
            if register >= registers.CONTROLS:  # nothing can be read back, and it may be off by now
                self._end_unread(order, at, monotonic, error.message)
                return None
            trouble = error.message  # one request in five is left unanswered: reading back decides
        if register >= registers.CONTROLS:
            self._record_command(order, at, monotonic, confirmed=True)
            self.queue.end(order, "done", ACCEPTED[register])
            return None
        try:
            settings = client.read_settings()
        except errors.MustError as error:
            self._end_unread(order, at, monotonic, error.message)
            return None
        if settings[register - registers.SETTINGS] != value:
            self.queue.end(order, "failed", f"register {register} has not changed: {trouble}")
            return settings
        self._record_command(order, at, monotonic, confirmed=True)
        self.queue.end(order, "done")
        return settings

    def _end_unread(self, order: UpsOrder, at: float, monotonic: float, message: str) -> None:
        self._record_command(order, at, monotonic, confirmed=False)
        self.queue.end_unknown(order, f"it was written, then: {message}")

    def _record_command(self, order: UpsOrder, at: float, monotonic: float, confirmed: bool) -> None:
        self._record(InstantCommand(order.ups, at, monotonic, order.command or "", order.by, confirmed))
