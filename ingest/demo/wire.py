"""How a real gateway reads and writes the serial line, with its limits and its oddities. Pure.

It follows the C++ library, not the strict reading of `ingest.mysensors.protocol`: what the library lets
through (wrapping numbers, collapsing `;`, the tail of an over-long line) goes through here as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.mysensors.protocol import MAX_PAYLOAD, Command

RECEIVE_BUFFER = 100  # MY_GATEWAY_MAX_RECEIVE_LENGTH
ATOI = re.compile(rb"\s*([+-]?\d+)", re.ASCII)
HEX_DIGITS = re.compile(rb"(?:[0-9A-Fa-f]{2})*")


class Incoming(NamedTuple):
    """What a controller sent, as it goes on the air: `node` is the destination, `payload` at most 25 bytes.

    The payload of a stream message is the bytes that its hex digits stand for.
    """

    node: int
    child: int
    command: int
    echo: int
    type: int
    payload: bytes


class Outgoing(NamedTuple):
    """What a node sends, before it is a line. `node` is the sender."""

    node: int
    child: int
    command: int
    echo: int
    type: int
    payload: bytes


# What a node does: it yields messages (bytes: a raw line) and until when it rests (unix seconds).
Script = Iterator[Outgoing | bytes | float]


@dataclass(eq=False)
class ReceiveBuffer:
    """The input buffer of a gateway: 98 characters and a line end fit (`MyGatewayTransportEthernet.cpp`).

    The byte that fills it up throws away everything so far, itself included, and reading goes on, so that
    what follows is read as a new line.
    """

    ends: bytes = b"\n\r"
    held: bytearray = field(default_factory=bytearray)

    def split_lines(self, data: bytes) -> Iterator[bytes]:
        """Yield each complete line in `data`, without its line end; empty lines too."""
        for byte in data:
            if len(self.held) >= RECEIVE_BUFFER - 1:
                self.held.clear()
            elif byte in self.ends:
                line = bytes(self.held)
                self.held.clear()
                yield line
            else:
                self.held.append(byte)


def atoi(text: bytes) -> int:
    """C's atoi: leading blanks, a sign, digits; 0 for anything else."""
    found = ATOI.match(text)
    return int(found[1]) if found else 0


def parse_incoming(line: bytes) -> Incoming | None:
    """One line from a controller as Incoming, or None where the gateway ignores it (fewer than 5 fields).

    Follows `core/MyProtocol.cpp protocolSerial2MyMessage`: strtok skips empty fields, numbers wrap into a
    byte (the command into 3 bits), the payload ends at the next `;` and at 25 bytes, an empty one becomes a
    0.
    """
    fields = [field for field in line.split(b";") if field]
    if len(fields) < 5:
        return None
    node, child, command, echo, type = map(atoi, fields[:5])
    payload = fields[5] if len(fields) > 5 else b""
    command &= 7
    if command == Command.stream:
        digits = HEX_DIGITS.match(payload)
        payload = bytes.fromhex(digits[0].decode("ascii")) if digits else b""
    else:
        payload = payload.removesuffix(b"\r") or b"0"
    return Incoming(node & 255, child & 255, command, 1 if echo else 0, type & 255, payload[:MAX_PAYLOAD])


def format_outgoing(message: Outgoing) -> bytes:
    """The line, without its line end, that the gateway writes: 25 bytes of payload, upper-case hex."""
    payload = message.payload[:MAX_PAYLOAD]
    if message.command == Command.stream:
        payload = payload.hex().upper().encode()
    return b"%d;%d;%d;%d;%d;%s" % (*message[:5], payload)
