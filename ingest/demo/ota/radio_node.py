"""A virtual node: what every sketch does, whatever stands behind its firmware. Pure: driven by lines and a clock.

Its owner calls `receive(line, now)` for a line addressed to it, `advance(now)` when `due()` has come, and takes what it
sends from `sent`. Times are seconds of any clock. The sequence after a reset and the sleep windows are those of the
library 2.2 to 2.4.
"""

from dataclasses import dataclass
from typing import NamedTuple

NEVER = float("inf")


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


def crc16(data):
    """CRC-16/MODBUS as the nodes compute it (`HW.h crc16_update`): bit by bit, through a table."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
        yield byte


CRC_TABLE = tuple(_table())


class RadioNode:
    """A sketch that presents itself, sends a value every `period_s`, and obeys I_REBOOT and I_PRESENTATION."""

    library_version = "2.3.2"

    def __init__(self, node_id, *, period_s=5.0, sleep=None, sketch=("Virtual", "1.0"), images=(), now=0.0):
        self.node_id = node_id
        self.period_s = period_s
        self.sleep = sleep
        self.sketch = sketch
        self.whole_images = list(images)  # add every image that is ever offered
        self.sent = []
        self.starts = []
        self.intruders = []  # lines other than stream answers that reached the node in its bootloader
        self.reboots = 0
        self.running = False
        self.deaf = False
        self.timers = {"reset": now}

    @property
    def broken_starts(self):
        return [start for start in self.starts if not start.whole]

    # What the owner calls

    def due(self):
        """When `advance` has something to do next."""
        return min(self.timers.values(), default=NEVER)

    def advance(self, now):
        """Do everything that is due by now, in order."""
        while self.timers:
            name = min(self.timers, key=self.timers.get)
            at = self.timers[name]
            if at > now:
                return
            del self.timers[name]
            getattr(self, f"on_{name}")(at)

    def receive(self, line, now):
        """A line `destination;child;command;echo;type;payload` that arrives over the air."""
        self.advance(now)
        if self.deaf or "reset" in self.timers:
            return
        destination, child, command, echo, type, payload = line.rstrip("\n").split(";", 5)
        self.on_message(now, int(child), int(command), int(type), payload)

    # The sketch

    def say(self, child, command, type, payload=""):
        self.sent.append(f"{self.node_id};{child};{command};0;{type};{payload}\n")

    def start_sketch(self, now, image):
        """Begin to run what is in the flash; a broken image hangs at once."""
        whole = any(image[: len(good)] == good for good in self.whole_images)
        self.starts.append(Start(now, image, whole))
        self.running = whole
        if whole:
            self.present()
            self.timers["value"] = now + 0.2

    def present(self):
        name, version = self.sketch
        self.say(255, 0, 17, self.library_version)
        self.say(255, 3, 6, "0")
        self.say(255, 3, 11, name)
        self.say(255, 3, 12, version)
        self.say(1, 0, 6, "Temperature")

    def on_value(self, now):
        self.say(1, 1, 0, "21.5")
        if self.sleep is None:
            self.timers["value"] = now + self.period_s
        else:
            self.timers["window"] = now + 0.05

    def on_window(self, now):
        self.say(255, 3, 32, str(round(self.sleep.window_s * 1000)))
        self.timers["doze"] = now + self.sleep.window_s

    def on_doze(self, now):
        self.deaf = True
        self.timers["wake"] = now + self.sleep.sleep_s

    def on_wake(self, now):
        self.deaf = False
        self.say(255, 3, 33, str(round(self.sleep.sleep_s * 1000)))
        self.timers["value"] = now + 0.05

    def on_message(self, now, child, command, type, payload):
        """A message for the running sketch."""
        if not self.running or command != 3:
            return
        if type == 13:
            self.reset(now)
        elif type == 19:
            self.present()
        elif type == 18:
            self.say(255, 3, 22, str(round(now * 1000)))

    def reset(self, now):
        """I_REBOOT, the watchdog, or a cut of the power."""
        self.reboots += 1
        self.running = self.deaf = False
        self.timers = {"reset": now + 0.3}
