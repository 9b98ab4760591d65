"""The serial line to a MUST EP20: one request, one answer of exactly known length, and what to do when it does not come.

At 9600 baud the 59 bytes of a status take 62 ms, so a good poll lasts about 80 ms: the line is read for as many bytes as the
answer has, never until a time-out. The device leaves about one request in five unanswered and sends zeros now and then;
such an answer is asked for again. It needs neither a wake-up nor a handshake.
"""

import errno
import logging
import termios
import threading
import time

import serial

from ingest.must import errors, protocol, registers

log = logging.getLogger(__name__)

BAUDRATE = 9600
SLICE_S = 0.05  # the longest uninterrupted wait of a read: so soon `close()` is noticed
GAP_S = 0.3  # silence within an answer that ends it
QUIET_S = 0.2  # silence before asking again
BABBLE_S = 3.0  # a line that never falls silent is not waited for longer than this

_PORT_ERRORS = (serial.SerialException, OSError, termios.error)  # termios.error is no OSError


class MustClient:
    """One EP20 on one port, opened for us alone. After a SerialPortError or `close()` make a new object.

    `timeout` in s until the first byte, `retries` further attempts, `late` the age in s at which an unanswered request is
    taken for lost (until then its answer is waited for, to be thrown away), `low_charge` in % for the word LB. Every method
    raises an errors.MustError; the longest takes (retries + 1) x late. `attempts` tells how many the last call needed.
    Calls come from one thread, `close()` from any.
    """

    def __init__(
        self,
        device: str,
        *,
        unit: int = protocol.UNIT,
        timeout: float = 1.0,
        retries: int = 2,
        late: float = 2.0,
        low_charge: float = 20,
    ) -> None:
        self.device, self.unit, self.timeout, self.retries = device, unit, timeout, retries
        self.late, self.low_charge = late, low_charge
        self.attempts = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        try:
            self._port = serial.Serial(device, BAUDRATE, timeout=SLICE_S, write_timeout=1, exclusive=True)
        except _PORT_ERRORS as error:
            raise errors.SerialPortError(open_error_message(device, error)) from error

    def __enter__(self) -> "MustClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_status(self) -> dict[str, str]:
        """What the device measures now, as NUT variables (`registers.status_variables`)."""

        def parse(frame: bytes) -> dict[str, str]:
            values = protocol.parse_read(frame, registers.STATUS_COUNT, self.unit)
            return registers.status_variables(values, self.low_charge, frame)

        return self._read(registers.STATUS, registers.STATUS_COUNT, parse)

    def read_settings(self, count: int = registers.SETTINGS_COUNT) -> dict[str, str]:
        """What is set at the device, as NUT variables (`registers.setting_variables`)."""

        def parse(frame: bytes) -> dict[str, str]:
            return registers.setting_variables(protocol.parse_read(frame, count, self.unit))

        return self._read(registers.SETTINGS, count, parse)

    def set_beeper(self, enabled: bool) -> None:
        """Let the buzzer sound, or silence it; the only setting that is written."""
        request = protocol.format_write(registers.BUZZER, [0 if enabled else 1], self.unit)
        self._ask(
            request,
            protocol.WRITE_ANSWER_LENGTH,
            lambda f: protocol.parse_write(f, registers.BUZZER, 1, self.unit),
        )

    def close(self) -> None:
        """Give the port back. A call that waits in another thread ends at once with PortClosedError."""
        self._closing.set()
        with self._lock:
            try:
                self._port.close()
            except _PORT_ERRORS as error:
                log.debug("%s: closing a port that is gone: %s", self.device, error)

    def _read(self, address, count, parse):
        return self._ask(
            protocol.format_read(address, count, self.unit), protocol.read_answer_length(count), parse
        )

    def _ask(self, request, length, parse):
        """Ask until an answer is right, `retries` + 1 times at most, and return what `parse` makes of it."""
        with self._lock:
            try:
                return self._attempt_all(request, length, parse)
            except errors.MustError:
                raise
            except _PORT_ERRORS as error:
                if self._closing.is_set():
                    raise errors.PortClosedError(f"{self.device} was closed") from error
                raise errors.SerialPortError(
                    f"{self.device} went away ({error}): is the cable plugged in? It is opened again when it is back"
                ) from error

    def _attempt_all(self, request, length, parse):
        timed_out = False
        for self.attempts in range(1, self.retries + 2):
            try:
                return self._attempt(request, length, parse, timed_out)
            except errors.MustError as error:
                log.debug(
                    "%s: attempt %d: %s %s", self.device, self.attempts, error.message, error.raw.hex(" ")
                )
                if error.final:
                    raise
                if self.attempts > self.retries:
                    if self.retries:
                        error.append_message(f"(asked {self.attempts} times)")
                    raise
                timed_out = timed_out or isinstance(error, errors.NoAnswerError)

    def _attempt(self, request, length, parse, timed_out):
        self._check_open()
        self._port.reset_input_buffer()
        asked_at = time.monotonic()
        self._port.write(request)
        frame = self._receive(length, asked_at)
        if not frame:
            self._drain(GAP_S, asked_at + self.late)
            raise errors.NoAnswerError(
                f"no answer on {self.device} within {self.timeout:g} s: is the device on, and no serial-getty or other "
                "program on the port?"
            )
        try:
            answer = parse(frame)
        except errors.MustError as error:
            if not error.final:
                self._drain(QUIET_S)
            raise
        if timed_out:  # the answer may be that to the request given up before: then ours follows
            later = self._drain(GAP_S)
            answer = parse(later) if later else answer
        return answer

    def _receive(self, length, asked_at):
        """The bytes of one answer: `length` of them, five if it is an exception, fewer if the line falls silent."""
        frame = b""
        heard_at = asked_at
        while len(frame) < length:
            need = protocol.EXCEPTION_LENGTH if len(frame) < protocol.EXCEPTION_LENGTH else length
            chunk = self._port.read(need - len(frame))
            self._check_open()
            now = time.monotonic()
            if chunk:
                frame, heard_at = frame + chunk, now
            if (
                len(frame) == protocol.EXCEPTION_LENGTH
                and protocol.is_exception(frame)
                and protocol.crc_fits(frame)
            ):
                break
            if now - heard_at >= (GAP_S if frame else self.timeout):
                break
        return frame

    def _drain(self, quiet, until=0.0):
        """Read what still comes until the line has been silent for `quiet` s, and at least until `until`; return it."""
        began = heard_at = time.monotonic()
        got = b""
        while True:
            chunk = self._port.read(self._port.in_waiting or 1)
            self._check_open()
            now = time.monotonic()
            if chunk:
                got, heard_at = got + chunk, now
            if (now - heard_at >= quiet and now >= until) or now - began > BABBLE_S:
                return got

    def _check_open(self):
        if self._closing.is_set():
            raise errors.PortClosedError(f"{self.device} was closed")


def open_error_message(device: str, error: Exception) -> str:
    """Why a port could not be opened, and the remedy."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{device} does not exist: plug the cable in, and compare the name with `ls /dev/serial/by-id`"
    if number in (errno.EACCES, errno.EPERM):
        return f"{device} may not be opened: add the user to the group dialout (`usermod -aG dialout USER`) and log in anew"
    if number in (errno.EAGAIN, errno.EBUSY):
        return f"{device} is in use by another program: stop it, one program at a time can ask the device"
    return f"{device} cannot be opened: {error}"
