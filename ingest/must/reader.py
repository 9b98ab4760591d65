"""One MUST EP20: a thread that holds its serial port, polls it, and sends it orders in between."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ingest.must.client import MustClient
from ingest.must.errors import MustError, SerialPortError
from ingest.must.orders import MustOrders
from ingest.must.registers import COMMANDS, SETTING_NAMES, setting_variables
from ingest.pipeline.source_health import Health
from ingest.ups.order_queue import OrderQueue
from ingest.ups.polling import FullAnswer, SourceError, SourceReader, UpsError
from ingest.ups.records import UpsControls, UpsItem

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

SETTINGS = frozenset(name for name, _ in SETTING_NAMES.values())


@dataclass(frozen=True)
class MustReaderTiming:
    """Seconds."""

    settings_s: float = 900.0  # between two readings of the settings block
    look_s: float = 0.25  # between two attempts with orders that cannot be sent yet


TIMING = MustReaderTiming()


class DeviceSettings(Protocol):
    """The settings of an EP20 that its reader needs; the config has them."""

    @property
    def name(self) -> str:
        """What the source and its UPS are called."""

    @property
    def serial(self) -> str:
        """Path of the serial port."""

    @property
    def poll_s(self) -> float:
        """Seconds between two samples."""

    @property
    def status_s(self) -> float:
        """Seconds between two readings of the status."""


class MustReader(SourceReader):
    """Reads the device of a config's `must:` entry.

    All it measures comes in one answer, so a status poll reads all of it too. `orders` holds what is to be
    sent to it; `low_charge` is the charge in % for the token LB.
    """

    def __init__(
        self,
        device: DeviceSettings,
        health: Health,
        emit: Callable[[UpsItem], object],
        orders: OrderQueue,
        low_charge: float = 20.0,
        timing: MustReaderTiming = TIMING,
    ) -> None:
        super().__init__(device.name, device.status_s, device.poll_s, health, emit)
        self._device = device
        self._low_charge, self._timing = low_charge, timing
        self._orders = MustOrders(orders, emit)
        self._client: MustClient | None = None
        self._status: tuple[float, dict[str, str]] | None = None  # when it was read, monotonic s; variables
        self._settings: dict[str, str] = {}
        self._settings_due = 0.0

    def _open(self) -> None:
        try:
            client = MustClient(self._device.serial, low_charge=self._low_charge)
        except SerialPortError as error:
            raise SourceError(error.outcome, error.message) from error
        self._client = client
        self._settings_due = 0.0
        if self._stopping.is_set():
            client.close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._orders.queue.wake.set()

    def _wait(self, seconds: float) -> None:
        """Wait for the next poll, and send meanwhile what is ordered."""
        until = time.monotonic() + seconds
        queue = self._orders.queue
        while True:
            queue.wake.clear()
            if self._stopping.is_set():  # asked after the clear: `stop()` sets this first, then wakes
                return
            client = self._client
            settings = self._orders.work(client, self.health.detail)
            if settings is not None:
                self._settings = setting_variables(settings)
            left = until - time.monotonic()
            if left <= 0 or (client is not None and client.is_lost and not client.is_closed):
                return  # the next poll is due, or finds the port gone and opens it anew
            queue.wake.wait(min(left, self._timing.look_s) if queue.waiting else left)

    def _names(self) -> tuple[str, ...]:
        return (self.source,)

    def _failure_location(self, outcome: str) -> str:
        return "device"

    def _connected_detail(self, number: int) -> str:
        return "answers"

    def _read_status(self, name: str) -> str:
        variables = self._guard(self._open_client().read_status)
        self._status = (time.monotonic(), variables)
        return variables["ups.status"]

    def _read_all(self, name: str) -> FullAnswer:
        read_at, variables = self._status or (0.0, None)
        if variables is None or time.monotonic() - read_at > 0.5:  # else just read, for its status
            variables = self._guard(self._open_client().read_status)
        self._status = None
        if time.monotonic() >= self._settings_due:
            self._settings_due = time.monotonic() + self._timing.settings_s
            try:
                self._settings = setting_variables(self._guard(self._open_client().read_settings))
            except UpsError as error:
                log.info("%s: its settings cannot be read now: %s", self.source, error)
                self._settings_due = time.monotonic() + 10 * self.poll_s
            else:
                self._emit(UpsControls(name, time.time(), dict.fromkeys(COMMANDS, ""), {}))
        return FullAnswer(self._settings | variables, frozenset(), SETTINGS)

    def _open_client(self) -> MustClient:
        if self._client is None:
            raise SourceError("closed", f"{self._device.serial} was not opened")
        return self._client

    def _guard(self, call: Callable[[], Answer]) -> Answer:
        """The call's answer; a bad one raises UpsError, a port that went away SourceError."""
        try:
            return call()
        except MustError as error:
            if error.outcome in ("port", "closed"):
                raise SourceError(error.outcome, error.message) from error
            raise UpsError(error.outcome, error.message) from error
