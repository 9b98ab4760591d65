"""Nodes of the demo with a sketch that sends one value, and a record of what happened to them."""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ingest.demo.ota.bootloader import MysBootloader
from ingest.demo.ota.library_ota import LibraryOta
from ingest.demo.ota.updater import BLANK, BLOCK, crc16
from ingest.demo.radio.node import Child, DemoNode
from ingest.demo.radio.world import World
from ingest.mysensors.protocol import Command, Internal, Presentation, SetReq


class Start(NamedTuple):
    """A sketch was started. `whole` is False when its image is not one of those that were ever complete."""

    at: float
    image: bytes
    whole: bool


@dataclass(frozen=True)
class Sleep:
    """Smart sleep: awake for `window_s` after I_PRE_SLEEP_NOTIFICATION, then deaf for `sleep_s`."""

    window_s: float = 0.5
    sleep_s: float = 10.0


def of_updater(name):
    """An attribute of the node's updater as one of the node."""

    def get(node):
        return getattr(node.updater, name)

    def put(node, value):
        setattr(node.updater, name, value)

    return property(get, put)


class VirtualNode(DemoNode):
    """A sketch that sends a value every `period_s`. A broken image hangs at once."""

    sketch = "Virtual"
    children = (Child(1, Presentation.S_TEMP, "Temperature"),)
    crash_s = inf
    crc_failures = of_updater("crc_failures")

    def __init__(self, node_id, *, period_s=5.0, sleep=None, now=0.0):
        super().__init__(World(0), now, now)
        self.node_id, self.period_s, self.sleep = node_id, period_s, sleep
        self.window_until = now
        self.whole_images = []  # add every image that is ever offered
        self.starts = []
        self.reboots = 0
        self.is_dead = False

    def is_alive(self, at):
        return not self.is_dead

    @property
    def broken_starts(self):
        return [start for start in self.starts if not start.whole]

    @property
    def running(self):
        return self.is_running

    def can_run(self, image):
        whole = any(image[: len(good)] == good for good in self.whole_images)
        self.starts.append(Start(self.now, image, whole))
        return whole

    def reset_s(self, at):
        return 0.3

    def reboot(self, at):
        self.reboots += 1
        super().reboot(at)

    reset = reboot  # a cut of the power

    def hears(self, at):
        return self.sleep is None or self.presenting or at < self.window_until

    def life(self):
        while True:
            yield self.value(1, SetReq.V_TEMP, "21.5")
            if self.sleep is None:
                yield self.now + self.period_s
            else:
                self.window_until = self.now + self.sleep.window_s
                yield self.internal(Internal.I_PRE_SLEEP_NOTIFICATION, round(self.sleep.window_s * 1000))
                yield self.window_until
                yield self.now + self.sleep.sleep_s
                yield self.internal(Internal.I_POST_SLEEP_NOTIFICATION, round(self.sleep.sleep_s * 1000))


class RecordingBootloader(MysBootloader):
    """Records messages of other commands that reach the node in its bootloader."""

    block_s = 0.0

    def __init__(self, host, image, facts, parent_s=0.4):
        super().__init__(host, image, facts)
        self.parent_s = parent_s
        self.intruders = []

    @property
    def state(self):
        if self.awaited is None:
            return "parent"
        return "id" if self.awaited == Internal.I_ID_RESPONSE else "dialogue"

    def receive(self, message):
        is_id = message.command == Command.internal and message.type == self.awaited == Internal.I_ID_RESPONSE
        if message.command != Command.stream and not is_id:
            self.intruders.append((self.host.now, self.state, *message[1:]))
        super().receive(message)


class BootloaderNode(VirtualNode):
    """A node with MYSBootloader over the image `flash`."""

    flash, config, state, reported, aborts, intruders = map(
        of_updater, ("flash", "config", "state", "reported", "aborts", "intruders")
    )

    def __init__(self, node_id, flash=b"", config=None, *, parent_s=0.4, **options):
        super().__init__(node_id, **options)
        if flash:
            self.whole_images.append(bytes(flash))
        facts = (0xFFFF, 0xFFFF, len(flash) // BLOCK, crc16(flash)) if flash else BLANK
        self.updater = RecordingBootloader(self, flash, config or facts, parent_s)


class LibraryNode(VirtualNode):
    """A node with the library's OTA; `protocol` 3.1 or `block_size` 8: long requests, RLE answers."""

    image, ram, committed, gave_up, skipped, run_blocks, block_size = map(
        of_updater, ("image", "ram", "committed", "gave_up", "skipped", "run_blocks", "block_size")
    )

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
        self.whole_images.append(bytes(image))
        self.obeys_reboot = obeys_reboot
        self.intruders = []
        self.updater = LibraryOta(self, bytes(image), config or BLANK)
        self.updater.block_s = 0.0
        self.updater.protocol = (3, 1) if block_size != BLOCK else protocol
        self.updater.block_size, self.updater.committed = block_size, committed

    def on_reboot(self):
        if self.obeys_reboot:
            super().on_reboot()
