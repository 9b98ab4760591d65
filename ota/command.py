"""One bootloader command for one node: erase the EEPROM, set the node id, set the parent. Pure.

MYSBootloader takes a command in place of the answer to a configuration request. It then asks again, so that a command
must be given once: answered every time, it would be carried out for ever. Whether it arrived is not reported.
"""

from dataclasses import dataclass

from ota.wire import BootloaderCommand, BootloaderKind, bootloader_kind, describe_bootloader, format_command

EFFECT_S = 10  # seconds after which a reboot order may be repeated
REBOOTS = 10

QUEUED, REBOOTING, SENT, FAILED = "queued", "rebooting", "sent", "failed"


@dataclass
class CommandOrder:
    """A command that waits for the node's next configuration request. `id` is the caller's own key."""

    node: int  # nodes.id
    command: BootloaderCommand
    value: int = 0
    id: int | None = None
    state: str = QUEUED
    reason: str = ""
    reboots: int = 0
    reboot_at: float | None = None

    def __post_init__(self):
        format_command(self.command, self.value)  # raises ValueError for a number out of range

    @property
    def is_open(self):
        return self.state in (QUEUED, REBOOTING)

    def answer(self, request):
        """The payload to answer a configuration request with, once; afterwards and otherwise None."""
        if not self.is_open or request.kind is not BootloaderKind.MYSBOOTLOADER:
            return None
        self.state = SENT
        self.reason = "given to the bootloader, which does not say whether it carried it out"
        return format_command(self.command, self.value)

    def wants_reboot(self, now):
        """True when the node, which was just heard and can hear us, should be restarted for this order."""
        if not self.is_open or (self.reboot_at is not None and now - self.reboot_at < EFFECT_S):
            return False
        if self.reboots >= REBOOTS:
            self.state, self.reason = FAILED, f"{self.reboots} reboot orders had no effect"
            return False
        self.state, self.reboot_at = REBOOTING, now
        self.reboots += 1
        return True


def command_refusal(bootloader):
    """Why a node with this BLVersion takes no bootloader command, in words, or None."""
    if bootloader_kind(bootloader) in (BootloaderKind.MYSBOOTLOADER, BootloaderKind.UNKNOWN):
        return None
    return f"{describe_bootloader(bootloader)} knows no bootloader commands"
