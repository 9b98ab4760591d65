"""One MUST EP20, read for ever: a thread that holds its serial port."""

import logging
import time

from ingest.must.client import MustClient
from ingest.must.errors import MustError, SerialPortError
from ingest.must.registers import SETTING_NAMES
from ingest.ups.polling import SourceError, SourceReader, UpsError

log = logging.getLogger(__name__)

SETTINGS_S = 900.0  # how often the settings block is read
WRITABLE = frozenset(("ups.beeper.status",))
SETTINGS = frozenset(name for name, _ in SETTING_NAMES.values())


class MustReader(SourceReader):
    """Reads the device of a config's `must:` entry. All it measures comes in one answer, so a look at its status is one too."""

    def __init__(self, device, health, emit, low_charge=20.0):
        super().__init__(device.name, device.status_s, device.poll_s, health, emit)
        self._device = device
        self._low_charge = low_charge
        self._client = None
        self._status = None  # (monotonic seconds, variables)
        self._settings = {}
        self._settings_due = 0.0

    def _open(self):
        try:
            client = MustClient(self._device.serial, low_charge=self._low_charge)
        except SerialPortError as error:
            raise SourceError(error.outcome, error.message) from error
        self._client = client
        self._settings_due = 0.0
        if self._stopping.is_set():
            client.close()

    def _close(self):
        if self._client is not None:
            self._client.close()

    def _names(self):
        return (self.source,)

    def _failure_location(self, outcome):
        return "device"

    def _connected_detail(self, number):
        return "answers"

    def _read_status(self, name):
        variables = self._guard(self._client.read_status)
        self._status = (time.monotonic(), variables)
        return variables["ups.status"]

    def _read_all(self, name):
        read_at, variables = self._status or (0.0, None)
        if variables is None or time.monotonic() - read_at > 0.5:  # else just read, for its status
            variables = self._guard(self._client.read_status)
        self._status = None
        if time.monotonic() >= self._settings_due:
            self._settings_due = time.monotonic() + SETTINGS_S
            try:
                self._settings = self._guard(self._client.read_settings)
            except UpsError as error:
                log.info("%s: its settings cannot be read now: %s", self.source, error.message)
                self._settings_due = time.monotonic() + 10 * self.poll_s
        return self._settings | variables, WRITABLE, SETTINGS

    def _guard(self, call):
        """The call's answer; a bad one raises UpsError, a port that went away SourceError."""
        try:
            return call()
        except MustError as error:
            if error.outcome in ("port", "closed"):
                raise SourceError(error.outcome, error.message) from error
            raise UpsError(error.outcome, error.message) from error
