"""The row of an update: its states, its columns, and the times that bound it. Pure."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime

from ota.wire import bootloader_kind

REQUESTED, REBOOTING, OFFERED = "requested", "rebooting", "offered"
TRANSFERRING, VERIFYING = "transferring", "verifying"
CONFIRMED, FAILED, CANCELLED = "confirmed", "failed", "cancelled"
OPEN = (REQUESTED, REBOOTING, OFFERED, TRANSFERRING, VERIFYING)
CLOSED = (CONFIRMED, FAILED, CANCELLED)
STATES = OPEN + CLOSED


@dataclass(frozen=True)
class Settings:
    """Times in seconds; the defaults fit the timeouts that the two bootloaders are built with."""

    effect_s: float = 10  # a reboot or an offer should show by then (find parent 4 s, first request, slack)
    stall_s: float = 15  # a library node asks 6 times in 3 to 5 s, then never again
    verify_s: float = 45  # last block -> CRC, restart, copying, new configuration request
    lost_s: float = 900  # an awake node that says nothing for so long is asked for its presentation ...
    lost_sleeping_s: float = 86400  # ... and one that sleeps
    last_word_s: float = 60  # ... and the update has failed when that brings no word
    expire_s: float = 7 * 86400  # a node that is never heard after an update was requested
    idle_s: float = 60  # an update that saw nothing for so long does not keep others from starting
    offers: int = 20  # offers in a row after which the node asks for no block
    reboots: int = 10  # reboot orders in a row that show no effect
    boots: int = 4  # restarts in a row after which the node asks for no firmware
    restarts: int = 20  # transfers from the top of a library node
    crc_failures: int = (
        15  # whole transfers whose CRC is wrong (a page buffer with rests of an abort costs one)
    )


@dataclass
class OtaUpdate:
    """A row of `ota_updates`. Times are Unix seconds here, UTC text in the row."""

    node: int  # nodes.id
    firmware: int  # firmware.id
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
    owed: int = 0  # 1: the node's flash may hold a part of this image; it is answered whatever the state
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
    def kind(self):
        return bootloader_kind(self.bootloader)

    @property
    def is_open(self):
        return self.state in OPEN

    @property
    def left_s(self):
        """Seconds that the transfer will still take at its present rate, or None."""
        if self.state == TRANSFERRING and self.rate and self.block is not None:
            return self.block / self.rate
        return None

    def row(self):
        """Column -> value for `ota_updates`."""
        return {
            field.name: utc(value) if field.name.endswith("_at") and value is not None else value
            for field in fields(self)
            for value in (getattr(self, field.name),)
        }

    @classmethod
    def from_row(cls, row):
        """The OtaUpdate in a row (a mapping); columns that are not its own are ignored."""
        names = {field.name for field in fields(cls)}
        return cls(
            **{
                name: parse_utc(row[name]) if name.endswith("_at") and row[name] is not None else row[name]
                for name in row.keys()
                if name in names
            }
        )


def utc(seconds):
    """Unix seconds as `2026-11-20T23:19:40.123Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_utc(text):
    """The reverse of utc()."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
