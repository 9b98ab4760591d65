"""An update of one node: its states and what is known of it. Pure."""

from dataclasses import dataclass

from ota.wire import BootloaderKind, bootloader_kind

REQUESTED, REBOOTING, OFFERED = "requested", "rebooting", "offered"
TRANSFERRING, VERIFYING = "transferring", "verifying"
CONFIRMED, FAILED, CANCELLED = "confirmed", "failed", "cancelled"
OPEN = (REQUESTED, REBOOTING, OFFERED, TRANSFERRING, VERIFYING)


@dataclass
class OtaUpdate:
    """A row of `ota_updates`: each field is the column of that name. Times are Unix seconds here.

    `owed` marks an unfinished image: 1 while the node's flash may hold a part of this one. The node then
    still gets it, whatever the state of the update, because its bootloader would start the part.
    """

    node: int  # nodes.id
    firmware: int | None  # firmware.id; None when it was deleted
    type: int
    version: int
    id: int | None = None
    state: str = REQUESTED
    requested_at: float = 0.0
    requested_by: str | None = None
    reason: str = ""
    block: int | None = None  # the lowest block answered in this pass; 0: all of them
    blocks: int | None = None  # in blocks of block_size bytes
    block_size: int | None = None
    bootloader: int | None = None  # BLVersion as reported
    rate: float | None = None  # blocks a second in this pass
    repeats: int = 0  # blocks that the node asked for again
    restarts: int = 0  # passes that began after the first one
    crc_failures: int = 0
    reboots: int = 0  # reboot orders since the node last asked for its configuration
    boots: int = 0  # presentations after these orders, without a configuration request
    offers: int = 0  # offers since the node last asked for a block
    old_type: int | None = None  # what the node reported first
    old_version: int | None = None
    old_blocks: int | None = None
    old_crc: int | None = None
    owed: int = 0
    rollout: int | None = None
    reboot_at: float | None = None
    offered_at: float | None = None
    started_at: float | None = None  # first block of this pass
    last_request_at: float | None = None
    sent_at: float | None = None  # last block of this pass
    asked_at: float | None = None  # presentation asked for
    matched_at: float | None = None  # a library node reported the image after a restart
    presented_at: float | None = None
    finished_at: float | None = None

    @property
    def kind(self) -> BootloaderKind:
        """The loader at the node's end, as reported."""
        return bootloader_kind(self.bootloader)

    @property
    def is_open(self) -> bool:
        """True until the update is confirmed, failed or cancelled."""
        return self.state in OPEN
