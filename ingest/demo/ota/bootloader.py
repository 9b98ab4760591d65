"""A virtual node with MYSBootloader 1.3 (MySensorsBootloaderRF24 1.3.0-rc.1): flash, EEPROM, dialogue. Pure.

It does what the real one does, its dangers included: answers are matched by type number alone, a configuration request
that nobody answers starts whatever is in the flash, and a word of the page buffer keeps what was written to it first.
"""

from struct import pack, unpack

from ingest.demo.ota.radio_node import RadioNode, crc16

FLASH = 0x7800  # bytes below the bootloader
PAGE = 128
BLOCK = 16
RETRIES = 4  # sends of one request
TIMEOUT_S = 2.0
BLVERSION = 0x0301
COMMAND_CRC = 0xDA7A
BLANK = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)


class BootloaderNode(RadioNode):
    """MYSBootloader with a sketch. `config` is (type, version, blocks, crc) in its EEPROM, `flash` what it runs."""

    def __init__(self, node_id, flash=b"", config=None, *, parent_s=0.4, **options):
        super().__init__(node_id, **options)
        self.flash = bytearray(flash.ljust(FLASH, b"\xff"))
        if flash:
            self.whole_images.append(bytes(flash))
        self.config = list(
            config or (BLANK if not flash else (0xFFFF, 0xFFFF, len(flash) // BLOCK, crc16(flash)))
        )
        self.parent_s = parent_s
        self.parent = 0
        self.state = "sketch"
        self.page = {}  # the page buffer: offset of a word -> its two bytes
        self.tries = 0
        self.promised = None
        self.block = 0
        self.crc_failures = 0
        self.aborts = 0

    # From reset to the configuration request

    def on_reset(self, now):
        self.state = "parent"
        self.page = {}
        self.timers = {"parent": now + self.parent_s}

    def on_parent(self, now):
        if self.node_id in (0, 255):
            self.node_id = 255
            self.state = "id"
            self.tries = 0
            self.on_retry(now)
        else:
            self.ask_config(now)

    def ask_config(self, now):
        kind, version, blocks, _ = self.config
        crc = crc16(self.flash[: min(blocks * BLOCK, FLASH)])
        self.reported = pack("<4H", kind, version, blocks, crc)
        self.state = "config"
        self.tries = 0
        self.on_retry(now)

    def on_retry(self, now):
        """Send the request of the present state, or give up after four of them."""
        if self.tries == RETRIES and self.state != "id":
            if self.state == "config":
                return self.leave(now)
            self.aborts += 1
            return self.ask_config(now)
        self.tries += 1
        self.timers["retry"] = now + TIMEOUT_S
        if self.state == "id":
            self.sent.append("255;255;3;0;3;0\n")
        elif self.state == "config":
            self.say(255, 4, 0, (self.reported + pack("<H", BLVERSION)).hex().upper())
        else:
            self.say(255, 4, 2, self.request().hex().upper())

    def request(self):
        return pack("<3H", self.config[0], self.config[1], self.block)

    def leave(self, now):
        self.state = "sketch"
        self.timers = {}
        self.start_sketch(now, bytes(self.flash))

    # What arrives

    def on_message(self, now, child, command, type, payload):
        if self.state == "sketch":
            return super().on_message(now, child, command, type, payload)
        if command != 4 and not (self.state == "id" and command == 3 and type == 4):
            self.intruders.append((now, self.state, command, type, payload))
        data = bytes.fromhex(payload) if command == 4 else payload.encode()
        if self.state == "id" and type == 4:
            self.node_id = int(payload)
            self.on_reset(now)
        elif self.state == "config" and type == 1:
            self.on_config(now, data.ljust(8, b"\0")[:8])
        elif self.state == "block" and type == 3:
            self.on_block(now, data)

    def on_config(self, now, answer):
        if answer == self.reported:
            return self.leave(now)
        kind, version, blocks, crc = unpack("<4H", answer)
        if blocks == 0 and crc == COMMAND_CRC:
            return self.on_command(now, kind, version)
        if not 0 < blocks < FLASH // BLOCK:
            return self.leave(now)
        self.config = [kind, version, blocks, 0xFFFF]
        self.promised = crc
        self.state = "block"
        self.block = blocks - 1
        self.tries = 0
        self.on_retry(now)

    def on_command(self, now, command, value):
        if command == 1:
            self.node_id, self.parent, self.config = 255, 255, list(BLANK)
        elif command == 2:
            self.node_id = value & 0xFF
        elif command == 3:
            self.parent = value & 0xFF
        self.on_reset(now)

    def on_block(self, now, answer):
        if answer[:6] != self.request():
            self.tries = 0
            return self.on_retry(now)
        start = self.block * BLOCK % PAGE
        data = answer[6 : 6 + BLOCK].ljust(BLOCK, b"\xff")
        for offset in range(0, BLOCK, 2):
            self.page.setdefault(start + offset, data[offset : offset + 2])
        if start == 0:
            self.program(self.block * BLOCK)
        if self.block == 0:
            return self.verify(now)
        self.block -= 1
        self.tries = 0
        self.on_retry(now)

    def program(self, address):
        page = bytearray(b"\xff" * PAGE)
        for offset, word in self.page.items():
            page[offset : offset + 2] = word
        self.flash[address : address + PAGE] = page
        self.page = {}

    def verify(self, now):
        if crc16(self.flash[: self.config[2] * BLOCK]) == self.promised:
            self.config[3] = self.promised
        else:
            self.crc_failures += 1
            self.config[2] = self.config[3] = 0
        self.on_reset(now)
