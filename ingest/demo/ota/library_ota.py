"""The library's own OTA (`core/MyOTAFirmwareUpdate.cpp`) with DualOptiboot behind it. Pure.

The sketch runs while an external flash fills; a restart by the watchdog copies it. What the node reports is
its copy in RAM, which after a failure claims an image that was never installed, until the node restarts.
"""

from collections.abc import Iterable
from struct import pack, unpack
from typing import ClassVar

from ingest.demo.ota.updater import BLOCK, FirmwareFacts, Host, Updater, crc16
from ingest.demo.wire import Incoming, Outgoing, Script
from ingest.mysensors.protocol import Command, Stream

EXTERNAL = 0x8000  # bytes of the external flash that are erased
TRIES = 6
RETRY_S = 0.5


class LibraryOta(Updater):
    """Library OTA, protocol 3.0."""

    bootloader = 0x0003
    protocol: ClassVar[tuple[int, int]] = (3, 0)
    is_whole = True  # DualOptiboot copies whole images alone
    block_size = BLOCK
    committed = 2  # 2: DualOptiboot; mcuboot has 0xFF until ST_FIRMWARE_CONFIRM makes it 1
    image = b""  # the installed one
    is_staged = False  # the external flash holds a whole image: the next restart installs it
    block = 0  # the blocks that are still to come
    gave_up = 0
    skipped = 0
    run_blocks = 0

    def __init__(self, host: Host, image: bytes, facts: FirmwareFacts) -> None:
        super().__init__(host, image, facts)
        self.image = image
        self.eeprom: tuple[int, ...] = facts
        self.ram: tuple[int, ...] = facts
        self.external = bytearray()

    def boot(self) -> Script:
        """Install what is staged; no message is exchanged."""
        if self.is_staged:
            self.image = bytes(self.external[: self.ram[2] * self.block_size])
        self.is_staged = self.is_busy = False
        self.ram = self.eeprom
        yield from ()

    def present(self) -> Iterable[Outgoing]:
        """`presentNode`: reports the firmware first, which ends an update that is under way."""
        self.is_busy = False
        major, minor = self.protocol
        report = pack("<4HBB", *self.ram, major, minor)
        if minor:
            report += pack("<BBHI", self.block_size, self.committed, 0, 0)
        return [self.request(Stream.ST_FIRMWARE_CONFIG_REQUEST, report)]

    def takes(self, message: Incoming) -> bool:
        """True for the stream messages."""
        return message.command == Command.stream

    def receive(self, message: Incoming) -> None:
        """Take an offer, a block, a run of equal blocks or the confirmation of an image."""
        data = message.payload
        if message.type == Stream.ST_FIRMWARE_CONFIG_RESPONSE and len(data) >= 8:
            self._take_offer(unpack("<4H", data[:8]))
        elif message.type == Stream.ST_FIRMWARE_RESPONSE and len(data) >= 6 + self.block_size:
            self._take_block(unpack("<H", data[4:6])[0], data[6 : 6 + self.block_size])
        elif self.protocol >= (3, 1):
            if message.type == Stream.ST_FIRMWARE_CONFIRM:
                self.committed = 1
            elif message.type == Stream.ST_FIRMWARE_RESPONSE_RLE and len(data) >= 9:
                block, count, byte = unpack("<HHB", data[4:9])
                for place in range(block, max(block - count, -1), -1):
                    self.run_blocks += self.is_busy
                    self._take_block(place, bytes([byte]) * self.block_size)

    def _take_offer(self, config: tuple[int, ...]) -> None:
        if self.is_busy:
            return
        if config == self.ram:
            self.skipped += 1
            return
        self.ram = config
        self.external = bytearray(b"\xff" * EXTERNAL)
        self.block = config[2]
        self.is_busy = True
        self.host.run_beside(self._fetch())

    def _take_block(self, block: int, data: bytes) -> None:
        if self.is_busy and block == self.block - 1:
            start = block * self.block_size
            self.external[start : start + self.block_size] = data
            self.block = block
            self.host.run_beside(self._fetch())

    def _fetch(self) -> Script:
        """Ask for the next block up to six times, half a second apart; after the last one, verify."""
        if self.block == 0:
            self._finish()
            return
        yield self.host.now + self.block_s * self.host.pace
        wanted = pack("<3H", self.ram[0], self.ram[1], self.block - 1)
        for _ in range(TRIES):
            if not self.is_busy:
                return
            yield self.request(Stream.ST_FIRMWARE_REQUEST, wanted)
            yield self.host.now + RETRY_S * self.host.pace
        if self.is_busy:
            self.is_busy = False
            self.gave_up += 1

    def _finish(self) -> None:
        self.is_busy = False
        if crc16(self.external[: self.ram[2] * self.block_size]) != self.ram[3]:
            self.crc_failures += 1
            return
        self.eeprom = self.ram
        self.is_staged = True
        self.host.reboot(self.host.now)


class LibraryOta31(LibraryOta):
    """Library OTA, protocol 3.1: longer requests, runs of equal blocks in one answer."""

    bootloader = 0x0103
    protocol = (3, 1)
