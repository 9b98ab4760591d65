"""Frames of the MUST EP20: Modbus RTU, unit 10, functions 3 (read) and 16 (write), CRC low byte first.

Pure: bytes in, values out. Register numbers and their meaning are in `registers`.
"""

import struct

import crcmod.predefined

from ingest.must import errors

UNIT = 10
READ = 3
WRITE = 16
EXCEPTION_BIT = 0x80
EXCEPTION_LENGTH = 5
WRITE_ANSWER_LENGTH = 8

_crc = crcmod.predefined.mkPredefinedCrcFun("modbus")


def add_crc(body: bytes) -> bytes:
    """Return the body followed by its check sum."""
    return body + struct.pack("<H", _crc(body))


def crc_fits(frame: bytes) -> bool:
    """Whether a whole frame, check sum included, is sound (the CRC over all of it is 0 then)."""
    return len(frame) >= 4 and _crc(frame) == 0


def format_read(address: int, count: int, unit: int = UNIT) -> bytes:
    """Return a request for registers: 0A 03 75 30 00 1B 1E B9 asks for 30000-30026."""
    if not 1 <= count <= 125:
        raise ValueError(f"{count} registers cannot be read at once")
    return add_crc(struct.pack(">BBHH", unit, READ, address, count))


def format_write(address: int, values: list[int], unit: int = UNIT) -> bytes:
    """Return a request that writes registers, by function 16 always: the EP20 has no function 6."""
    head = struct.pack(">BBHHB", unit, WRITE, address, len(values), 2 * len(values))
    return add_crc(head + struct.pack(f">{len(values)}H", *values))


def read_answer_length(count: int) -> int:
    """Return the bytes of the answer to a read of `count` registers: 59 for 27 of them."""
    return 5 + 2 * count


def is_exception(head: bytes) -> bool:
    """Whether an answer that begins so is an exception, five bytes long."""
    return len(head) >= 2 and bool(head[1] & EXCEPTION_BIT)


def parse_read(frame: bytes, count: int, unit: int = UNIT) -> tuple[int, ...]:
    """Return the registers in an answer to a read of `count` of them, unsigned.

    Raises the MustError of the fault.
    """
    _check(frame, READ, read_answer_length(count), unit)
    if frame[2] != 2 * count:
        raise errors.WrongCountError(
            f"{frame[2] // 2} registers in an answer to a request for {count}", frame
        )
    return struct.unpack(f">{count}H", frame[3:-2])


def parse_write(frame: bytes, address: int, count: int, unit: int = UNIT) -> None:
    """Check the answer to a write, which repeats the request's first six bytes."""
    _check(frame, WRITE, WRITE_ANSWER_LENGTH, unit)
    echo = struct.unpack(">HH", frame[2:6])
    if echo != (address, count):
        raise errors.WrongEchoError(
            f"the answer to a write of {count} at {address} names {echo[1]} at {echo[0]}", frame
        )


def _own_length(frame: bytes) -> int:
    """Return the length that a frame states; its check sum fits with zeros behind it, too."""
    return 5 + frame[2] if frame[1] == READ else WRITE_ANSWER_LENGTH


def _check(frame: bytes, function: int, length: int, unit: int) -> None:
    """Check length, check sum, unit and function, in the order that names the cause best.

    A damaged frame is a matter of the CRC whichever byte is hurt; only a sound one can be the answer to
    another request.
    """
    if not crc_fits(frame):
        raise _damage(frame, length)
    if len(frame) == EXCEPTION_LENGTH and frame[1] == function | EXCEPTION_BIT and frame[0] == unit:
        raise errors.ExceptionAnswerError(frame[2], frame)
    if len(frame) > length and len(frame) != _own_length(frame):
        raise _too_long(frame, length)
    if frame[0] != unit:
        raise errors.WrongUnitError(f"an answer of unit {frame[0]}, expected unit {unit}", frame)
    if frame[1] != function:
        raise errors.WrongFunctionError(
            f"an answer to function {frame[1]}, expected function {function}", frame
        )
    if len(frame) != length:
        raise errors.WrongCountError(f"a valid answer of {len(frame)} bytes to a request for {length}", frame)


def _damage(frame: bytes, length: int) -> errors.MustError:
    """The error of a frame whose check sum does not fit."""
    if len(frame) == EXCEPTION_LENGTH and is_exception(frame):
        return errors.CrcMismatchError("an exception answer with a wrong check sum", frame)
    if len(frame) < length:
        return errors.ShortAnswerError(f"the answer ends after {len(frame)} of {length} bytes", frame)
    if len(frame) > length:
        return _too_long(frame, length)
    return errors.CrcMismatchError(
        f"wrong check sum in {len(frame)} bytes: noise on the line, or two devices send at once", frame
    )


def _too_long(frame: bytes, length: int) -> errors.LongAnswerError:
    return errors.LongAnswerError(f"the answer has {len(frame)} bytes instead of {length}", frame)
