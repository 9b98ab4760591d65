"""Answers captured from an EP20, and a way to make others that are right in all but what a test changes."""

from ingest.demo.ups.ep20 import ON_LINE
from ingest.must import protocol, registers

ON_BATTERY_FRAME = bytes.fromhex(
    "0A 03 36 00 02 8E 32 00 03 00 0C 03 E8 00 00 00 00 08 A1 01 F4 00 07 00 72 00 AC 00 0B 00 00 00 "
    "7B FF AA 00 00 00 34 00 20 00 02 00 00 00 00 00 00 00 00 00 00 00 01 00 01 1E 70"
)
ON_LINE_FRAME = bytes.fromhex(
    "0A 03 36 00 02 8E 32 00 04 00 0C 03 E8 08 B6 01 F4 08 B4 01 F4 00 0D 00 AC 01 2B 00 11 00 00 00 "
    "87 00 10 00 00 00 64 00 20 00 00 00 00 00 00 00 00 00 02 00 01 00 01 00 01 CE 33"
)


def changed(**values: int) -> tuple[int, ...]:
    """The registers on the line, some of them changed: changed(r30002=3)."""
    block = list(ON_LINE)
    for name, value in values.items():
        block[int(name[1:]) - registers.STATUS] = value
    return tuple(block)


def frame(block: tuple[int, ...], unit: int = 10, function: int = 3) -> bytes:
    """A sound answer with these registers."""
    body = b"".join(value.to_bytes(2, "big") for value in block)
    return protocol.add_crc(bytes([unit, function, len(body)]) + body)
