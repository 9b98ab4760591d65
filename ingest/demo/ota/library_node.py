"""A virtual node with the library's own OTA (`core/MyOTAFirmwareUpdate.cpp`) and DualOptiboot. Pure.

The sketch runs while an external flash fills; a restart by the watchdog copies it. What the node reports is its copy in
RAM, which after a failure claims an image that was never installed, until the node restarts.
"""

from struct import pack, unpack

from ingest.demo.ota.bootloader import BLANK
from ingest.demo.ota.radio_node import RadioNode, crc16

EXTERNAL = 0x8000  # bytes that are erased
HEADER = 10  # bytes of `FLXIMG:` and size
REQUESTS = 6
RETRY_S = 0.5


class LibraryNode(RadioNode):
    """Library OTA 3.0; with `block_size` 8, or `protocol` 3.1, the 18-byte request and RLE answers."""

    def __init__(
        self,
        node_id,
        image=b"",
        config=None,
        *,
        protocol=(3, 0),
        block_size=16,
        obeys_reboot=True,
        committed=2,
        **options,
    ):
        super().__init__(node_id, **options)
        self.image = bytes(image)
        self.whole_images.append(self.image)
        self.eeprom = tuple(config or BLANK)
        self.ram = self.eeprom
        self.protocol = (3, 1) if block_size != 16 else protocol
        self.block_size = block_size
        self.obeys_reboot = obeys_reboot
        self.committed = committed  # 2: DualOptiboot; mcuboot has 0xFF until ST_FIRMWARE_CONFIRM makes it 1
        self.external = bytearray(b"\xff" * EXTERNAL)
        self.ongoing = False
        self.block = 0
        self.tries = 0
        self.watchdog = False
        self.crc_failures = 0
        self.gave_up = 0
        self.skipped = 0
        self.run_blocks = 0

    def on_reset(self, now):
        if self.watchdog and self.external[:7] == b"FLXIMG:":
            size = int.from_bytes(self.external[7:9], "big")
            self.image = bytes(self.external[HEADER : HEADER + size])
        self.external[:HEADER] = b"\xff" * HEADER
        self.watchdog = False
        self.ongoing = False
        self.ram = self.eeprom
        self.start_sketch(now, self.image)

    def present(self):
        """`presentNode`: reports the firmware first, which ends an update that is under way."""
        self.ongoing = False
        self.timers.pop("request", None)
        major, minor = self.protocol
        report = pack("<4HBB", *self.ram, major, minor)
        if minor:
            report += pack("<BBHI", self.block_size, self.committed, 0, 0)
        self.say(255, 4, 0, report.hex().upper())
        super().present()

    def on_message(self, now, child, command, type, payload):
        if command == 3 and type == 13 and not self.obeys_reboot:
            return None
        if command != 4 or not self.running:
            return super().on_message(now, child, command, type, payload)
        data = bytes.fromhex(payload)
        if type == 6 and self.protocol >= (3, 1):
            self.committed = 1
        elif type == 1 and len(data) >= 8:
            self.on_config(now, unpack("<4H", data[:8]))
        elif type == 3 and len(data) >= 6 + self.block_size:
            self.on_block(now, unpack("<H", data[4:6])[0], data[6 : 6 + self.block_size])
        elif type == 7 and self.protocol >= (3, 1) and len(data) >= 9:
            block, count, byte = unpack("<HHB", data[4:9])
            while self.ongoing and count:
                self.run_blocks += 1
                self.on_block(now, block, bytes([byte]) * self.block_size)
                block, count = block - 1, count - 1

    def on_config(self, now, config):
        if self.ongoing:
            return
        if config == self.ram:
            self.skipped += 1
            return
        self.ram = config
        self.external = bytearray(b"\xff" * EXTERNAL)
        self.block = config[2]
        self.ongoing = True
        self.tries = 0
        self.on_request(now)

    def on_request(self, now):
        if self.tries == REQUESTS:
            self.ongoing = False
            self.gave_up += 1
            return
        self.tries += 1
        self.timers["request"] = now + RETRY_S
        self.say(255, 4, 2, pack("<3H", self.ram[0], self.ram[1], self.block - 1).hex().upper())

    def on_block(self, now, block, data):
        if not self.ongoing or block != self.block - 1:
            return
        start = HEADER + block * self.block_size
        self.external[start : start + self.block_size] = data
        self.block -= 1
        self.tries = 0
        self.timers["request"] = now
        if self.block == 0:
            self.finish(now)

    def finish(self, now):
        self.ongoing = False
        self.timers.pop("request", None)
        size = self.ram[2] * self.block_size
        if crc16(self.external[HEADER : HEADER + size]) != self.ram[3]:
            self.crc_failures += 1
            return
        self.eeprom = self.ram
        self.external[:HEADER] = b"FLXIMG:" + size.to_bytes(2, "big") + b":"
        self.watchdog = True
        self.reset(now)
        self.timers["reset"] = now + 1.5

    def on_doze(self, now):
        if self.ongoing:
            self.timers["doze"] = now + 1
        else:
            super().on_doze(now)
