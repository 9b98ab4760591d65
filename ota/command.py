"""One bootloader command for one node: erase the EEPROM, set the node id, set the parent. Pure.

MYSBootloader takes a command in place of the answer to a configuration request. It then asks again, so that a
command must be sent once: sent every time, it would be carried out without end. Whether it arrived is not
reported.
"""

from dataclasses import dataclass

from ota.wire import BootloaderKind, ConfigRequest, bootloader_kind, describe_bootloader, format_command

EFFECT_S = 10  # seconds after which a reboot order may be repeated
MAX_REBOOTS = 10

QUEUED, REBOOTING, SENT, FAILED = "queued", "rebooting", "sent", "failed"


@dataclass
class CommandOrder:
    """A command that waits for the node's next configuration request. May raise CommandError."""

    node: int  # nodes.id
    command: int  # a BootloaderCommand
    value: int = 0
    id: int | None = None  # the caller's own key
    state: str = QUEUED
    reason: str = ""
    reboots: int = 0
    reboot_at: float | None = None

    def __post_init__(self) -> None:
        format_command(self.command, self.value)

    @property
    def is_open(self) -> bool:
        """True while the command is still to be sent."""
        return self.state in (QUEUED, REBOOTING)

    def answer(self, request: ConfigRequest) -> str | None:
        """Return the payload that answers a configuration request, once; else None."""
        if not self.is_open or request.kind is not BootloaderKind.MYSBOOTLOADER:
            return None
        self.state = SENT
        self.reason = "sent to the bootloader, which does not report the result"
        return format_command(self.command, self.value)

    def wants_reboot(self, now: float) -> bool:
        """True when the node, which can hear us now, should be restarted for this order."""
        if not self.is_open or (self.reboot_at is not None and now - self.reboot_at < EFFECT_S):
            return False
        if self.reboots >= MAX_REBOOTS:
            self.state, self.reason = FAILED, f"{self.reboots} reboot orders had no effect"
            return False
        self.state, self.reboot_at = REBOOTING, now
        self.reboots += 1
        return True


def command_refusal(bootloader: int | None) -> str | None:
    """Why a node with this BLVersion takes no bootloader command; None when it may take one."""
    if bootloader_kind(bootloader) in (BootloaderKind.MYSBOOTLOADER, BootloaderKind.UNKNOWN):
        return None
    return f"{describe_bootloader(bootloader)} knows no bootloader commands"
