"""Errors of the dialogue with a MUST EP20: one class per cause, each with the raw bytes."""

from ingest.errors import VoltkeeperError


class MustError(VoltkeeperError):
    """Root of these errors.

    `outcome` is the short word kept in `polls`, `message` says what happened and what to do, `raw` is what
    was received.
    """

    outcome = "error"
    final = False  # True: asking again cannot help

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.message = message
        self.raw = bytes(raw)

    def append_message(self, more: str) -> None:
        """Add to the message."""
        self.message = f"{self.message} {more}"
        self.args = (self.message,)


class SerialPortError(MustError):
    """The serial port cannot be opened, or it went away."""

    outcome = "port"
    final = True


class PortClosedError(MustError):
    """`close()` was called while, or before, the port was asked."""

    outcome = "closed"
    final = True


class NoAnswerError(MustError):
    """Not one byte came in time."""

    outcome = "timeout"


class ShortAnswerError(MustError):
    """Fewer bytes than the request calls for."""

    outcome = "short"


class LongAnswerError(MustError):
    """More bytes than the request calls for."""

    outcome = "long"


class CrcMismatchError(MustError):
    """The check sum does not fit the bytes."""

    outcome = "crc"


class WrongUnitError(MustError):
    """A sound frame of another unit than the one asked."""

    outcome = "unit"


class WrongFunctionError(MustError):
    """A sound frame that answers another function."""

    outcome = "function"


class WrongCountError(MustError):
    """A sound frame with another number of registers: the answer to another request."""

    outcome = "count"


class WrongEchoError(MustError):
    """A sound answer to a write that names another register than the one written."""

    outcome = "echo"


class ZeroAnswerError(MustError):
    """A sound frame without a work state or rated power: the EP20 sends all zeros now and then."""

    outcome = "zeros"


EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
}


class ExceptionAnswerError(MustError):
    """The device refuses the request; `code` is the Modbus exception code."""

    outcome = "exception"

    def __init__(self, code: int, raw: bytes) -> None:
        reason = EXCEPTIONS.get(code, "unknown reason")
        super().__init__(f"the device refuses the request: exception {code}, {reason}", raw)
        self.code = code
        self.final = code in (1, 2, 3)
