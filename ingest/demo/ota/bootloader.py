"""MYSBootloader 1.3 (MySensorsBootloaderRF24 1.3.0-rc.1): flash, EEPROM, dialogue. Pure.

It does what the real one does, its dangers included: answers are matched by type number alone, a
configuration request without an answer starts whatever is in the flash, and a word of the page buffer
keeps what was written to it first.
"""

from collections.abc import Generator
from struct import pack, unpack

from ingest.demo.ota.updater import BLANK, BLOCK, FirmwareFacts, Host, Updater, crc16
from ingest.demo.wire import Incoming, Outgoing, Script
from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, NODE_CHILD, Command, Internal, Stream

FLASH = 0x7800  # bytes below the bootloader
PAGE = 128
TRIES = 4  # sends of one request
TIMEOUT_S = 2.0
COMMAND_CRC = 0xDA7A  # of a configuration of 0 blocks: its type is a command, its version the value


class MysBootloader(Updater):
    """The bootloader in front of a sketch: nothing else runs while it does."""

    bootloader = 0x0301
    runs_alone = True
    parent_s = 0.4  # looking for a parent
    awaited: int | None = None  # type number of the answer that it waits for
    answer: bytes | None = None
    reported = b""
    aborts = 0

    def __init__(self, host: Host, image: bytes, facts: FirmwareFacts) -> None:
        super().__init__(host, image, facts)
        self.flash = bytearray(image.ljust(FLASH, b"\xff"))
        self.config = list(facts)
        self._sketch = len(image) // BLOCK, crc16(image[: len(image) // BLOCK * BLOCK])  # blocks, CRC
        self.page: dict[int, bytes] = {}  # the page buffer: offset of a word -> its two bytes

    @property
    def image(self) -> bytes:
        """All of the flash."""
        return bytes(self.flash)

    @property
    def is_whole(self) -> bool:
        """True when the flash holds a sketch, not a part of one; an erased EEPROM leaves it as it is."""
        blocks, crc = self._sketch
        return blocks > 0 and crc16(self.flash[: blocks * BLOCK]) == crc

    def takes(self, message: Incoming) -> bool:
        """True while the bootloader runs."""
        return self.is_busy

    def receive(self, message: Incoming) -> None:
        """Take what has the type number of the awaited answer, whatever its command."""
        if message.type != self.awaited:
            return
        pause = self.block_s if message.type == Stream.ST_FIRMWARE_RESPONSE else 0.0
        self.awaited, self.answer = None, message.payload
        self.host.wake(self.host.now + pause * self.host.pace)

    def boot(self) -> Script:
        """From a reset to the start of what is in the flash."""
        self.is_busy, self.awaited = True, None
        is_done = False
        while not is_done:
            self.page.clear()
            yield from self._find_parent()
            if self.host.node_id in (GATEWAY_NODE, BROADCAST):
                yield from self._find_id()
            else:
                is_done = yield from self._load()
        self.is_busy = False

    def _ask(self, request: Outgoing, answer: int) -> Generator[Outgoing | float, None, bytes | None]:
        """Send a request up to four times, 2 s apart; returns the payload of the answer, None without one."""
        for _ in range(TRIES):
            self.awaited, self.answer = answer, None
            yield request
            if self.answer is None:  # it may be quicker than the node's own pause
                yield self.host.now + TIMEOUT_S * self.host.pace
            if self.answer is not None:
                return self.answer
        self.awaited = None
        return None

    def _find_parent(self) -> Script:
        """The configured parent answers at once; without one, all answers are awaited twice (2 s each)."""
        is_known = self.host.parent != BROADCAST
        yield self.host.now + (self.parent_s if is_known else 2 * TIMEOUT_S) * self.host.pace
        if not is_known:
            self.host.parent = GATEWAY_NODE

    def _find_id(self) -> Generator[Outgoing | float, None, None]:
        self.host.node_id = BROADCAST
        request = Outgoing(BROADCAST, NODE_CHILD, Command.internal, 0, Internal.I_ID_REQUEST, b"0")
        while self.host.node_id == BROADCAST:
            answer = yield from self._ask(request, Internal.I_ID_RESPONSE)
            if answer is not None and answer.isdigit():
                self.host.node_id = int(answer) & 255

    def _load(self) -> Generator[Outgoing | float, None, bool]:
        """Ask for a configuration and take the image that it offers. True: the sketch is started."""
        while True:
            kind, version, blocks, _ = self.config
            self.reported = pack("<4H", kind, version, blocks, crc16(self.flash[: blocks * BLOCK]))
            request = self.request(
                Stream.ST_FIRMWARE_CONFIG_REQUEST, self.reported + pack("<H", self.bootloader)
            )
            answer = yield from self._ask(request, Stream.ST_FIRMWARE_CONFIG_RESPONSE)
            if answer is None:
                return True
            offer = answer[:8].ljust(8, b"\0")
            kind, version, blocks, crc = unpack("<4H", offer)
            if blocks == 0 and crc == COMMAND_CRC and offer != self.reported:
                self._obey(kind, version)
                return False
            if offer == self.reported or not 0 < blocks < FLASH // BLOCK:
                return True
            self.config = [kind, version, blocks, 0xFFFF]
            if (yield from self._receive_blocks(blocks)):
                self._verify(crc)
                return False
            self.aborts += 1

    def _obey(self, command: int, value: int) -> None:
        match command:
            case 1:
                self.host.node_id, self.host.parent, self.config = BROADCAST, BROADCAST, list(BLANK)
            case 2:
                self.host.node_id = value & 255
            case 3:
                self.host.parent = value & 255

    def _receive_blocks(self, blocks: int) -> Generator[Outgoing | float, None, bool]:
        """Fetch and write every block, the last one first. False: one of them was never answered."""
        for block in reversed(range(blocks)):
            wanted = pack("<3H", self.config[0], self.config[1], block)
            answer: bytes | None = b""
            while answer is not None and answer[:6] != wanted:
                answer = yield from self._ask(
                    self.request(Stream.ST_FIRMWARE_REQUEST, wanted), Stream.ST_FIRMWARE_RESPONSE
                )
            if answer is None:
                return False
            self._write(block, answer[6 : 6 + BLOCK].ljust(BLOCK, b"\xff"))
        return True

    def _write(self, block: int, data: bytes) -> None:
        """Put a block into the page buffer; the first block of a page programs the flash."""
        start = block * BLOCK % PAGE
        for offset in range(0, BLOCK, 2):
            self.page.setdefault(start + offset, data[offset : offset + 2])
        if start == 0:
            address = block * BLOCK
            words = (self.page.get(offset, b"\xff\xff") for offset in range(0, PAGE, 2))
            self.flash[address : address + PAGE] = b"".join(words)
            self.page.clear()

    def _verify(self, crc: int) -> None:
        if crc16(self.flash[: self.config[2] * BLOCK]) == crc:
            self.config[3], self._sketch = crc, (self.config[2], crc)
        else:
            self.crc_failures += 1
            self.config[2] = self.config[3] = 0
