"""One bootloader command for one node: erase the EEPROM, set the node id, set the parent. Pure.

    queued -> rebooting -> sent -> done | failed

MYSBootloader takes a command in place of the answer to a configuration request, and does not report the
result. What becomes of it shows in what the node does next, so an order is followed until the node is heard
again. An erased node requests an id with child 255 (a library of 2.2 or later sends a random token there) and
goes on under what it is given; one whose id was set goes on under that id; one whose parent was set reports
its parent when it presents itself (I_CONFIG). A bootloader that requests its configuration again under the id
that it should have lost did not hear the command; the order to set a parent cannot be told from that, so that
one is sent once.
"""

from dataclasses import dataclass, field

from ota.wire import (
    BootloaderCommand,
    BootloaderKind,
    ConfigRequest,
    bootloader_kind,
    describe_bootloader,
    format_command,
)

EFFECT_S = 10  # seconds after which a reboot order may be repeated
MAX_REBOOTS = 10
MAX_SENDS = 4  # as often as MYSBootloader requests its configuration
LATE_S = 2  # a message of the sketch so long after the command was not on its way before it
PARENT_S = 30  # a node that was heard and has not reported its parent by then is asked to present itself
FOLLOW_S = 600  # from the command until the node counts as lost; a start takes less than a minute

QUEUED, REBOOTING, SENT, DONE, FAILED = "queued", "rebooting", "sent", "done", "failed"
WAITING = (QUEUED, REBOOTING)  # still to be sent
WITHOUT_COMMANDS = "its bootloader may be built without BOOTLOADER_COMMANDS"


@dataclass(eq=False)
class CommandOrder:
    """A command for the node's next configuration request, and what came of it. May raise CommandError."""

    node: int  # nodes.id
    command: int  # a BootloaderCommand
    value: int = 0
    id: int | None = None  # the caller's own key
    state: str = QUEUED
    reason: str = ""
    reboots: int = 0
    sent_at: float | None = None
    given_ids: list[int] = field(default_factory=list)  # since its EEPROM was erased
    new_node_id: int | None = None  # under which it was heard again
    reboot_at: float | None = None
    _sends: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)  # since when silence means something
    _heard_at: float | None = field(default=None, init=False)
    _has_asked: bool = field(default=False, init=False)  # for its presentation

    def __post_init__(self) -> None:
        format_command(self.command, self.value)
        self._since = self.sent_at or 0.0

    @property
    def is_waiting(self) -> bool:
        """True while the command is still to be sent."""
        return self.state in WAITING

    @property
    def is_followed(self) -> bool:
        """True from when it was sent until it is known what came of it."""
        return self.state == SENT and self.sent_at is not None

    @property
    def node_ids(self) -> set[int]:
        """Where the node may be heard next."""
        expected = {self.value} if self.command == BootloaderCommand.SET_NODE_ID else set(self.given_ids)
        return {self.node & 255} | expected

    # Until it is sent.

    def answer(self, request: ConfigRequest, now: float) -> str | None:
        """Return the payload that answers a configuration request of the node; else None."""
        if request.kind is not BootloaderKind.MYSBOOTLOADER:
            return None
        is_lost = self.is_followed and self.changes_id and self._sends < MAX_SENDS
        if not self.is_waiting and not is_lost:
            return None
        self._sends += 1
        self.state, self.sent_at, self._since = SENT, now, now
        waits_for = {
            BootloaderCommand.ERASE_EEPROM: "it should ask for an id",
            BootloaderCommand.SET_NODE_ID: f"it should be heard under id {self.value}",
        }.get(BootloaderCommand(self.command), "it should report its parent")
        self.reason = f"sent to the bootloader, {waits_for}"
        return format_command(self.command, self.value)

    @property
    def changes_id(self) -> bool:
        """True for a command after which the node is heard under another id."""
        target = {BootloaderCommand.SET_PARENT: self.node & 255, BootloaderCommand.SET_NODE_ID: self.value}
        return target.get(BootloaderCommand(self.command)) != self.node & 255

    def wants_reboot(self, now: float) -> bool:
        """True when the node, which can hear us now, should be restarted for this order."""
        if not self.is_waiting or (self.reboot_at is not None and now - self.reboot_at < EFFECT_S):
            return False
        if self.reboots >= MAX_REBOOTS:
            self.state, self.reason = FAILED, f"{self.reboots} reboot orders had no effect"
            return False
        self.state, self.reboot_at = REBOOTING, now
        self.reason = "waiting for the node to restart and ask for firmware"
        self.reboots += 1
        return True

    # What came of it. Each returns True when the row is to be saved.

    def id_given(self, node_id: int) -> bool:
        """Take note that a bootloader that asked was given an id, perhaps this erased one."""
        if not self.is_followed or self.command != BootloaderCommand.ERASE_EEPROM:
            return False
        if node_id in self.given_ids:
            return False
        self.given_ids.append(node_id)
        self.reason = f"erased; it asked for an id, was given {node_id} and should be heard under it"
        return True

    def heard(self, node_id: int, now: float, from_sketch: bool) -> bool:
        """Take note of a message of one of `node_ids`."""
        if not self.is_followed or node_id not in self.node_ids:
            return False
        if not self.changes_id and self.command == BootloaderCommand.SET_PARENT:
            if from_sketch and now - self._since >= LATE_S:
                self._heard_at = self._heard_at or now
            return False
        if node_id != self.node & 255 or not self.changes_id:
            return self._end(DONE, f"came back under id {node_id}", node_id)
        if from_sketch and now - self._since >= LATE_S:
            return self._end(FAILED, f"came back under id {node_id} as before: {WITHOUT_COMMANDS}", node_id)
        return False

    def parent_reported(self, node_id: int, parent: int, now: float) -> bool:
        """Take note of the parent that the node reports when it presents itself."""
        if not self.is_followed or self.command != BootloaderCommand.SET_PARENT or node_id != self.node & 255:
            return False
        if parent == self.value:
            return self._end(DONE, f"came back under id {node_id} with parent {parent}", node_id)
        return self._end(
            FAILED,
            f"came back under id {node_id} with parent {parent}, not {self.value}: is that one a repeater "
            f"within its reach? Or {WITHOUT_COMMANDS}",
            node_id,
        )

    def wants_presentation(self, now: float) -> bool:
        """True, once, when the node is back and should be asked for its parent."""
        if not self.is_followed or self._heard_at is None or self._has_asked:
            return False
        self._has_asked = now - self._heard_at >= PARENT_S
        return self._has_asked

    def gateway_back(self, now: float) -> None:
        """Count silence from now on."""
        self._since = max(self._since, now)

    def expires(self, now: float) -> bool:
        """Give up on a node that was not heard again. True when the row is to be saved."""
        if not self.is_followed or now - self._since < FOLLOW_S:
            return False
        within = f"within {FOLLOW_S // 60} minutes"
        if self._heard_at is not None:
            reason = f"came back under id {self.node & 255}, but did not report its parent {within}"
        elif self.given_ids:
            names = " and ".join(map(str, self.given_ids))
            reason = f"not heard again {within}, though a bootloader asked for an id and was given {names}"
        elif self.command == BootloaderCommand.ERASE_EEPROM:
            reason = f"not heard again {within}: no bootloader asked for an id"
        else:
            reason = f"not heard again {within}"
        return self._end(FAILED, reason, None)

    def _end(self, state: str, reason: str, node_id: int | None) -> bool:
        self.state, self.reason, self.new_node_id = state, reason, node_id
        return True


def command_refusal(bootloader: int | None) -> str | None:
    """Why a node with this BLVersion takes no bootloader command; None when it may take one."""
    if bootloader_kind(bootloader) in (BootloaderKind.MYSBOOTLOADER, BootloaderKind.UNKNOWN):
        return None
    return f"{describe_bootloader(bootloader)} knows no bootloader commands"
