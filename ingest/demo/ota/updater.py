"""What the two kinds of firmware updaters have in common. Pure.

An image may name the version that its sketch presents from then on: `VERSION=2.2` in its bytes, ended by a
zero.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Protocol

from ingest.demo.wire import Incoming, Outgoing, Script
from ingest.mysensors.protocol import NODE_CHILD, Command, Stream

FACTORY_TYPE, FACTORY_VERSION = 10, 21  # of the firmware that the demo's nodes were delivered with
BLOCK = 16  # bytes
BLANK = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)  # what an erased EEPROM holds
VERSION_TEXT = re.compile(rb"VERSION=([ -~]{1,16})\0")


FirmwareFacts = tuple[int, int, int, int]  # type, version, blocks, CRC


class Host(Protocol):
    """The node around an updater. `pace`: seconds of the node's clock in a real second."""

    node_id: int
    parent: int
    now: float
    pace: float

    def wake(self, at: float) -> None:
        """Go on with the node's script at that time."""

    def reboot(self, at: float) -> None:
        """Restart the node."""

    def run_beside(self, script: Script) -> None:
        """Run a script while the sketch goes on; it takes the place of the one before."""


class Updater(ABC):
    """Takes firmware for the node `host`, which comes with `image` and what its EEPROM holds about it."""

    bootloader: ClassVar[int]  # version, as a firmware config request reports it
    runs_alone: ClassVar[bool] = False  # no sketch runs while it is busy
    block_s = 0.08  # from a block to the request for the next: the radio's time and that of the flash
    is_busy = False
    crc_failures = 0

    def __init__(self, host: Host, image: bytes, facts: FirmwareFacts) -> None:
        self.host = host

    @property
    @abstractmethod
    def image(self) -> bytes:
        """What is in the flash, from its first byte on."""

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """True when the flash holds what the configuration promises."""

    @property
    def sketch_version(self) -> str | None:
        """The version that the image names, if it does."""
        found = VERSION_TEXT.search(self.image)
        return found[1].decode() if found else None

    @abstractmethod
    def boot(self) -> Script:
        """Everything from a reset until the sketch is started."""

    def present(self) -> Iterable[Outgoing]:
        """What it adds to the front of the sketch's presentation."""
        return ()

    @abstractmethod
    def takes(self, message: Incoming) -> bool:
        """True for a message that is its own; the sketch does not see it."""

    @abstractmethod
    def receive(self, message: Incoming) -> None:
        """Take a message; what comes of it is sent by a script."""

    def request(self, type: Stream, data: bytes) -> Outgoing:
        """A stream message of this node."""
        return Outgoing(self.host.node_id, NODE_CHILD, Command.stream, 0, type, data)


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS as the nodes compute it (`HW.h crc16_update`): bit by bit, through a table."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


CRC_TABLE = tuple(map(_crc_entry, range(256)))


def factory_image(name: str) -> bytes:
    """1 KiB that stands for the sketch a node was delivered with, another for each."""
    seed = name.encode()
    return bytes((7 * offset + seed[offset % len(seed)]) & 255 for offset in range(1024))


def factory_facts(name: str) -> FirmwareFacts:
    """What the EEPROM of a new node holds about that image."""
    image = factory_image(name)
    return FACTORY_TYPE, FACTORY_VERSION, len(image) // BLOCK, crc16(image)
