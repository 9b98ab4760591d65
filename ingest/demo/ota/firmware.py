"""Bootloaders for the nodes of the demo house: a virtual bootloader or library OTA inside a demo node. Pure.

The virtual nodes of `bootloader.py` and `library_node.py` do the dialogue; the demo node around them does the rest of
its life, sketch included. An image may name the version that its sketch presents from then on: `VERSION=2.2` in its
bytes, ended by a zero.
"""

import re

from ingest.demo.ota.bootloader import BootloaderNode
from ingest.demo.ota.library_node import LibraryNode
from ingest.demo.ota.radio_node import RadioNode, crc16
from ingest.demo.wire import Outgoing
from ingest.mysensors.protocol import Command

TYPE, VERSION = 10, 21  # what the house was flashed with
VERSION_TEXT = re.compile(rb"VERSION=([ -~]{1,16})\0")
BLOCK_S = 0.08  # from a block to the request for the next: the radio's time and that of the flash
CRASH_S = 8.0  # the watchdog of a sketch that is half an image


def factory_image(name):
    """1 KiB that stands for the sketch a node was delivered with, another for each."""
    seed = name.encode()
    return bytes((7 * place + seed[place % len(seed)]) & 255 for place in range(1024))


class _Silent(RadioNode):
    """A virtual node whose sketch is somebody else's: it neither presents itself nor sends values."""

    def present(self):
        return

    def start_sketch(self, now, image):
        self.running = True


class HostedBootloader(BootloaderNode, _Silent):
    """MYSBootloader 1.3. `is_whole` says whether the flash holds what its configuration promises."""

    @property
    def is_busy(self):
        return self.state != "sketch"

    @property
    def is_whole(self):
        _, _, blocks, crc = self.config
        return blocks > 0 and crc16(self.flash[: blocks * 16]) == crc

    @property
    def image_bytes(self):
        return bytes(self.flash)


class HostedLibrary(LibraryNode, _Silent):
    """The library's OTA with DualOptiboot behind it."""

    is_whole = True

    @property
    def is_busy(self):
        return self.ongoing

    @property
    def image_bytes(self):
        return self.image


class Updatable:
    """Mixed into a demo node in front of its class; `make_chip(node_id, image, config)` gives its virtual node.

    The chip's clock is real time: the house's, divided by its pace.
    """

    make_chip = None

    def __init__(self, world, anchor, booted_at):
        super().__init__(world, anchor, booted_at)
        image = factory_image(self.sketch)
        self.chip = self.make_chip(self.node_id, image, (TYPE, VERSION, len(image) // 16, crc16(image)))
        self.chip.timers, self.chip.running = {}, True
        self.pumping = False

    def chip_now(self):
        return self.now / self.pace

    def take_sent(self):
        """What the chip has sent since, as messages of the node."""
        sent, self.chip.sent = self.chip.sent, []
        for line in sent:
            node, child, command, echo, type, payload = line.rstrip("\n").split(";", 5)
            data = bytes.fromhex(payload) if int(command) == Command.stream else payload.encode()
            yield Outgoing(int(node), int(child), int(command), int(echo), int(type), data)

    def pump(self):
        """Let the chip work until it has nothing more to do."""
        self.pumping = True
        while True:
            self.chip.advance(self.chip_now())
            yield from self.take_sent()
            if self.chip.sent:  # the answer came while that was on its way
                continue
            if "reset" in self.chip.timers:
                self.chip.timers = {}
                self.reboot(self.now)
                return
            if not self.chip.is_busy:
                break
            yield max(self.now, self.chip.due() * self.pace)
        self.pumping = False

    def boot(self):
        self.pumping = False
        while not self.answered:
            self.chip.node_id = self.node_id
            self.chip.on_reset(self.chip_now())
            yield from self.pump()
            self.node_id = self.chip.node_id
            if self.chip.is_whole:
                break
            yield self.now + CRASH_S * self.pace
        found = VERSION_TEXT.search(self.chip.image_bytes)
        if found:
            self.sketch_version = found[1].decode()
        yield from super().boot()

    def reboot(self, at):
        self.pumping = False
        super().reboot(at)

    def hears(self, at):
        return self.chip.is_busy or super().hears(at)

    def receive(self, message, at):
        if not self.takes(message):
            return super().receive(message, at)
        self.now = at
        stream = message.command == Command.stream
        payload = message.payload.hex().upper() if stream else message.payload.decode("utf-8", "replace")
        self.chip.advance(self.chip_now())
        self.chip.on_message(self.chip_now(), message.child, message.command, message.type, payload)
        if self.pumping:
            self.wake(at + BLOCK_S * self.pace)
            return []
        answers = list(self.take_sent())
        if self.chip.is_busy or "reset" in self.chip.timers:
            self.interrupt(self.pump())
        return answers


class WithBootloader(Updatable):
    """A node with MYSBootloader: nothing else runs while that does."""

    make_chip = HostedBootloader

    def takes(self, message):
        return self.chip.is_busy


class WithLibrary(Updatable):
    """A node whose sketch takes firmware itself, and reports it at each presentation."""

    make_chip = HostedLibrary

    def takes(self, message):
        return message.command == Command.stream

    def present(self):
        self.presenting = True
        if not self.answered:
            self.chip.present()
            yield from self.take_sent()
        yield from super().present()

    def reboot(self, at):
        self.chip.timers, self.chip.ongoing = {}, False
        super().reboot(at)


class WithLibrary31(WithLibrary):
    """The same with protocol 3.1: longer requests, runs in one answer."""

    @staticmethod
    def make_chip(node_id, image, config):
        return HostedLibrary(node_id, image, config, protocol=(3, 1))


def updatable(kind, node):
    """The class of a demo node with a bootloader of that kind."""
    return type(node.__name__, (kind, node), {"__doc__": node.__doc__})


def reports(nodes):
    """(node id, type, version, blocks, crc, bootloader version) of nodes as they were delivered."""
    for node in nodes:
        if issubclass(node, Updatable):
            image = factory_image(node.sketch)
            kind = (
                0x0301
                if issubclass(node, WithBootloader)
                else 0x0103
                if issubclass(node, WithLibrary31)
                else 0x0003
            )
            yield node.node_id, TYPE, VERSION, len(image) // 16, crc16(image), kind
