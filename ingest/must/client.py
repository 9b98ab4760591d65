"""The serial line to a MUST EP20: one request, one answer of exactly known length.

At 9600 baud the 59 bytes of a status take 62 ms, so a good poll lasts about 80 ms: the line is read for as
many bytes as the answer has, never until a time-out. The device leaves about one request in five unanswered
and sends zeros now and then; such an answer is asked for again. It needs neither a wake-up nor a handshake.
"""

import errno
import logging
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import serial

from ingest.must import errors, protocol, registers

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

BAUDRATE = 9600
WRITE_S = 1.0  # for a request to leave
_PORT_ERRORS = (serial.SerialException, OSError, termios.error)  # termios.error is no OSError


@dataclass(frozen=True)
class MustClientTiming:
    """Waits in seconds, and the number of further attempts for a read without a right answer."""

    answer_s: float = 1.0  # until the first byte
    late_s: float = 2.0  # an answer this old is lost; until then it is waited for, to be thrown away
    gap_s: float = 0.3  # silence within an answer that ends it
    quiet_s: float = 0.2  # silence before asking again
    noise_s: float = 3.0  # a line that never falls silent is not waited for longer than this
    slice_s: float = 0.05  # the longest uninterrupted wait of a read: so soon `close()` is noticed
    retries: int = 2


TIMING = MustClientTiming()


class MustClient:
    """One EP20 on one port, opened for us alone. After a SerialPortError or `close()` make a new object.

    `low_charge` is the charge in % for the token LB. Every method raises an errors.MustError; the longest
    takes (retries + 1) x late_s. `attempts` counts those of the last call. Calls come from one thread,
    `close()` from any.
    """

    def __init__(
        self,
        device: str,
        *,
        unit: int = protocol.UNIT,
        timing: MustClientTiming = TIMING,
        low_charge: float = 20,
    ) -> None:
        self.device, self.unit, self.timing, self.low_charge = device, unit, timing, low_charge
        self.attempts = 0
        self.is_lost = False  # the port went away
        self._closing = threading.Event()
        self._lock = threading.Lock()
        try:
            self._port = serial.Serial(
                device, BAUDRATE, timeout=timing.slice_s, write_timeout=WRITE_S, exclusive=True
            )
        except _PORT_ERRORS as error:
            raise errors.SerialPortError(open_error_message(device, error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closing.is_set()

    # 0A 03 75 30 00 1B 1E B9 / 0A 03 36, 27 registers, CRC
    def read_status(self) -> dict[str, str]:
        """Read what the device measures now, as NUT variables (`registers.status_variables`)."""

        def parse(frame: bytes) -> dict[str, str]:
            values = protocol.parse_read(frame, registers.STATUS_COUNT, self.unit)
            return registers.status_variables(values, self.low_charge, frame)

        return self._read(registers.STATUS, registers.STATUS_COUNT, parse)

    # 0A 03 79 18 00 0A 5D ED / 0A 03 14, 10 registers, CRC
    def read_settings(self, count: int = registers.SETTINGS_COUNT) -> tuple[int, ...]:
        """Read the registers from 31000 on; `registers.setting_variables` gives them their names."""
        return self._read(
            registers.SETTINGS, count, lambda frame: protocol.parse_read(frame, count, self.unit)
        )

    # 0A 10 79 1E 00 01 02 00 01 FF D9 / 0A 10 79 1E 00 01, CRC
    def write_register(self, register: int, value: int) -> None:
        """Write one register by one request, which is never repeated.

        Where the answer is lost, reading back shows the outcome.
        """
        request = protocol.format_write(register, [value], self.unit)
        self._ask(
            request,
            protocol.WRITE_ANSWER_LENGTH,
            lambda frame: protocol.parse_write(frame, register, 1, self.unit),
            retries=0,
        )

    def close(self) -> None:
        """Give the port back. A call that waits in another thread ends at once with PortClosedError."""
        self._closing.set()
        with self._lock:
            try:
                self._port.close()
            except _PORT_ERRORS as error:
                log.debug("%s: closing a port that is gone: %s", self.device, error)

    def _read(self, address: int, count: int, parse: Callable[[bytes], Answer]) -> Answer:
        request = protocol.format_read(address, count, self.unit)
        return self._ask(request, protocol.read_answer_length(count), parse, self.timing.retries)

    def _ask(self, request: bytes, length: int, parse: Callable[[bytes], Answer], retries: int) -> Answer:
        """Ask until an answer is right, `retries` + 1 times at most, and return what `parse` makes of it."""
        with self._lock:
            try:
                return self._attempt_all(request, length, parse, retries)
            except errors.MustError:
                raise
            except _PORT_ERRORS as error:
                if self._closing.is_set():
                    raise errors.PortClosedError(f"{self.device} was closed") from error
                self.is_lost = True
                raise errors.SerialPortError(
                    f"{self.device} went away ({error}): is the cable plugged in? It is opened again when "
                    "it is back"
                ) from error

    def _attempt_all(
        self, request: bytes, length: int, parse: Callable[[bytes], Answer], retries: int
    ) -> Answer:
        self.attempts, timed_out = 0, False
        while True:
            self.attempts += 1
            try:
                return self._attempt(request, length, parse, timed_out)
            except errors.MustError as error:
                log.debug(
                    "%s: attempt %d: %s %s", self.device, self.attempts, error.message, error.raw.hex(" ")
                )
                if error.final:
                    raise
                if self.attempts > retries:
                    if retries:
                        error.append_message(f"(asked {self.attempts} times)")
                    raise
                timed_out = timed_out or isinstance(error, errors.NoAnswerError)

    def _attempt(
        self, request: bytes, length: int, parse: Callable[[bytes], Answer], timed_out: bool
    ) -> Answer:
        self._check_open()
        self._port.reset_input_buffer()
        self._write(request)
        asked_at = time.monotonic()
        frame = self._receive(length, asked_at)
        if not frame:
            self._drain(self.timing.gap_s, asked_at + self.timing.late_s)
            raise errors.NoAnswerError(
                f"no answer on {self.device} within {self.timing.answer_s:g} s: is the device on, and no "
                "serial-getty or other program on the port?"
            )
        try:
            answer = parse(frame)
        except errors.MustError as error:
            if not error.final:
                self._drain(self.timing.quiet_s)
            raise
        if timed_out:  # the answer may be that to the request given up before: then ours follows
            later = self._drain(self.timing.gap_s)
            answer = parse(later) if later else answer
        return answer

    def _write(self, request: bytes) -> None:
        """Send a request. A time-out because we did not run means nothing: the answer shows what was sent."""
        began = time.monotonic()
        try:
            self._port.write(request)
        except serial.SerialTimeoutException:
            if time.monotonic() - began < 2 * WRITE_S:
                raise

    def _receive(self, length: int, asked_at: float) -> bytes:
        """Read one answer: `length` bytes, five if it is an exception, fewer if the line falls silent."""
        frame = b""
        heard_at = asked_at
        while len(frame) < length:
            need = protocol.EXCEPTION_LENGTH if len(frame) < protocol.EXCEPTION_LENGTH else length
            began = time.monotonic()
            chunk = self._port.read(need - len(frame))
            self._check_open()
            now = time.monotonic()
            if chunk:
                frame, heard_at = frame + chunk, now
            else:  # a read that took longer was held up, and did not look at what came meanwhile
                heard_at += max(0.0, now - began - 2 * self.timing.slice_s)
            if (
                len(frame) == protocol.EXCEPTION_LENGTH
                and protocol.is_exception(frame)
                and protocol.crc_fits(frame)
            ):
                break
            if now - heard_at >= (self.timing.gap_s if frame else self.timing.answer_s):
                break
        return frame

    def _drain(self, quiet_s: float, until: float = 0.0) -> bytes:
        """Read and return what still comes, until `until` and a silence of `quiet_s`."""
        began = heard_at = time.monotonic()
        got = b""
        while True:
            chunk = self._port.read(self._port.in_waiting or 1)
            self._check_open()
            now = time.monotonic()
            if chunk:
                got, heard_at = got + chunk, now
            if (now - heard_at >= quiet_s and now >= until) or now - began > self.timing.noise_s:
                return got

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise errors.PortClosedError(f"{self.device} was closed")


def open_error_message(device: str, error: Exception) -> str:
    """Return why a port could not be opened, and the remedy."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{device} does not exist: plug the cable in, and compare the name with `ls /dev/serial/by-id`"
    if number in (errno.EACCES, errno.EPERM):
        remedy = "add the user to the group dialout (`usermod -aG dialout USER`) and sign in again"
        return f"{device} may not be opened: {remedy}"
    if number in (errno.EAGAIN, errno.EBUSY):
        return f"{device} is in use by another program: stop it, one program at a time can ask the device"
    return f"{device} cannot be opened: {error}"
