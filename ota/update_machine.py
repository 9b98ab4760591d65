"""The state machine of one node's update. Pure: every call takes the time, in Unix seconds.

    requested -> rebooting -> offered -> transferring -> verifying -> confirmed | failed | cancelled

The machine never waits and never writes. It answers the node's requests at once and leaves what else is to be
done in `actions`. Whatever it must know after a restart stands in the row, so a machine made from a row of
any age goes on.

Wire facts (MySensorsBootloaderRF24 1.3, `core/MyOTAFirmwareUpdate.cpp`): blocks descend; MYSBootloader
reports the CRC that it computes over its flash, so its report is proof; a library node reports what it last
took over in RAM, so its report counts only after a restart that follows the last block. Asking a library node
for its presentation makes it report, and ends a transfer that is under way. MYSBootloader starts whatever is
in its flash when it gets no answer.

The file is long because each rule that keeps a node whole refers to the others.
"""

from dataclasses import dataclass, field

from ota.actions import Attention, Hold, MachineAction, Reboot, RequestPresentation, Send
from ota.blocks import BlockSource
from ota.image import Image, image_refusal
from ota.settings import OtaSettings
from ota.update import (
    CANCELLED,
    CONFIRMED,
    FAILED,
    OFFERED,
    REBOOTING,
    REQUESTED,
    TRANSFERRING,
    VERIFYING,
    OtaUpdate,
)
from ota.wire import (
    BLOCK_SIZE,
    BlockRequest,
    BootloaderKind,
    ConfigRequest,
    FirmwareConfig,
    Reply,
    SendReply,
    StreamType,
    format_config,
)

# Reasons of an open update, where there is nothing better to say.
DEFAULT_REASONS = {
    REBOOTING: "waiting for the node to restart and ask for firmware",
    OFFERED: "the image is offered, waiting for the first block request",
}
WAITS_AWAKE = "waiting for the node to be heard"
WAITS_ASLEEP = "waiting for the node to wake"
WAITS_TURN = "waiting for its turn: another transfer is under way"
CAME_TOO_LATE = (
    "the node asked for firmware while another transfer was under way and was told to wait: it is next"
)

# img_commited of mcuboot, which takes an image back that is not marked as good: 1 is committed, 2 is
# DualOptiboot's.
COMMITTED = (None, 1, 2)
STALE_S = 0.2  # no node restarts so fast: a presentation within that was on its way before the order
# A lost node is asked for its presentation; the update has failed when that brings no answer.
FINAL_REQUEST_S = 60
SETTLE_S = 60  # an answer that offered an image may still be on its way
MAX_LATE_S = 60  # others do not wait longer for a node that is slow to restart
MAX_OFFERS = 20  # offers in a row after which the node asks for no block
MAX_REBOOTS = 10  # reboot orders in a row that show no effect
MAX_BOOTS = 4  # restarts in a row after which the node asks for no firmware
MAX_RESTARTS = 20  # transfers from the top of a library node
# Whole transfers whose CRC is wrong; a page buffer of MYSBootloader with rests of an abort costs one.
MAX_CRC_FAILURES = 15


@dataclass(eq=False)
class UpdateMachine:
    """Moves one OtaUpdate. Its owner reports events, empties `actions`, saves what has `changed`.

    `sleeping` says that the node sends I_PRE_SLEEP_NOTIFICATION (or sleeps in some other way): then orders go
    out only in the window that `message_received` reports.
    """

    update: OtaUpdate
    image: Image
    settings: OtaSettings
    sleeping: bool
    created_at: float
    actions: list[MachineAction] = field(default_factory=list)
    changed: bool = False  # the row is to be saved with the next commit
    _final_request_at: float | None = field(default=None, init=False)
    _committed: int | None = field(default=None, init=False)  # the image_ok byte of mcuboot, as last reported
    _asked_block: int | None = field(default=None, init=False)
    _first_block: int | None = field(default=None, init=False)
    _first_at: float = field(default=0.0, init=False)
    _turn_at: float | None = field(default=None, init=False)  # when others began to wait for this one
    _turn_s: float = field(default=0.0, init=False)  # how long they do

    def __post_init__(self) -> None:
        self._silent_since = self.created_at  # start, gateway back, any message of the node
        self._count_blocks()

    def _count_blocks(self) -> None:
        """Count blocks as the node does, once its bootloader is known."""
        update = self.update
        runs = update.kind is BootloaderKind.LIBRARY_31 and update.block_size is not None
        self.source = BlockSource(
            self.image, update.type, update.version, update.block_size or BLOCK_SIZE, runs
        )
        if update.block_size:
            update.blocks = self.source.blocks

    # Requests of the node.

    @property
    def offer(self) -> FirmwareConfig:
        """The image as the node counts it."""
        return self.source.config

    def answer_config(self, now: float, request: ConfigRequest) -> FirmwareConfig | None:
        """Return the answer to a configuration request, or None when the update has just failed on it."""
        update = self.update
        if update.is_open:
            refusal = image_refusal(self.image.blocks, request.bootloader, request.block_size)
            if refusal:
                self._fail(now, refusal)
                return None
        self.learn_bootloader(request)
        self._silent_since = update.last_request_at = now
        if request.config == self.offer:
            self._image_reported(now)
            self.changed = True
        elif update.is_open:
            self._other_image_reported(now, request)
        return self.offer if update.is_open or update.owed or request.config == self.offer else None

    def learn_bootloader(self, request: ConfigRequest) -> None:
        """Note which loader answers at the other end."""
        update = self.update
        self._committed = request.committed
        if (update.bootloader, update.block_size) != (request.bootloader, request.block_size):
            update.bootloader, update.block_size = request.bootloader, request.block_size
            self._count_blocks()
        if update.old_type is None:
            update.old_type, update.old_version, update.old_blocks, update.old_crc = request.config

    def _image_reported(self, now: float) -> None:
        """The node reports the image itself."""
        update = self.update
        if not update.kind.is_library:
            self._confirm(now)
        elif update.asked_at is None and (
            (update.state == VERIFYING and update.block == 0)
            or (update.state == REBOOTING and update.reboot_at is not None)
        ):
            update.matched_at = now
            self._enter(VERIFYING, "the node reports the image, waiting for its presentation")
        elif update.is_open and update.state != REQUESTED and update.matched_at is None:
            update.reboot_at = None
            self._enter(REBOOTING, "the node claims the image without a restart; it is restarted to be sure")

    def _other_image_reported(self, now: float, request: ConfigRequest) -> None:
        """Offer the image: the node will ask for its blocks from the highest down.

        MYSBootloader reports blocks 0 after a wrong CRC; a library node that restarts after its last block
        and reports another image found the CRC wrong.
        """
        update = self.update
        reason = ""
        if update.state in (TRANSFERRING, VERIFYING) or update.started_at is not None:
            update.restarts += 1
            if request.config.blocks == 0 or (update.block == 0 and update.kind.is_library):
                update.crc_failures += 1
                reason = "the CRC of what the node received was wrong; sent again from the top"
            else:
                reason = "the node lost contact and started over"
        update.owed = int(not update.kind.is_library)
        update.reboots = update.boots = 0
        update.block = update.rate = self._asked_block = None
        update.started_at = update.sent_at = update.matched_at = update.asked_at = None
        update.offered_at = now
        update.offers += 1
        if update.offers == 1:
            self._turn_at, self._turn_s = now, self.settings.effect_s
        self._enter(OFFERED, reason)
        if update.offers > MAX_OFFERS:
            self._fail(now, f"the image was offered {MAX_OFFERS} times, no block was asked for")
        elif update.crc_failures >= MAX_CRC_FAILURES:
            self._fail(now, f"the CRC was wrong after {update.crc_failures} complete transfers")
        elif update.kind.is_library and update.restarts >= MAX_RESTARTS:
            self._fail(now, f"the transfer broke off {update.restarts} times: too much is lost on the air")

    def told_to_wait(self, now: float, request: ConfigRequest) -> bool:
        """Put the update back in the queue, since another transfer is under way; False where that would harm.

        The node is then answered with its own 8 bytes: MYSBootloader starts the sketch that it has, a library
        node goes on. Not so where its flash may hold a part of an image: MYSBootloader writes the type and
        version of an image that it begins to load into its EEPROM, and reports them.
        """
        update = self.update
        if not update.is_open or request.config == self.offer or self.has_slot(now):
            return False
        is_whole = request.config.blocks != 0 and request.config[:2] != self.offer[:2]
        if not (is_whole or request.kind.is_library):
            return False
        self.learn_bootloader(request)
        self._silent_since = update.last_request_at = now
        if update.offered_at is None or now - update.offered_at >= SETTLE_S:
            update.owed = 0
        update.reboots = update.boots = 0
        update.block = update.rate = self._asked_block = self._turn_at = None
        update.started_at = update.sent_at = update.matched_at = update.asked_at = None
        self._enter(REQUESTED, CAME_TOO_LATE)
        return True

    def find_block(self, request: BlockRequest) -> tuple[Reply, int] | None:
        """Return the answer to a request for a block of this image, and the lowest block that it carries.

        None for another image.
        """
        update = self.update
        type, version, block = request
        if type != update.type or version != update.version or not update.blocks or block >= update.blocks:
            return None
        return self.source.answer(block)

    def answer_block(self, now: float, request: BlockRequest, send: SendReply) -> Reply | None:
        """Send the answer to a request for a block of this image, then count it; None for another image."""
        found = self.find_block(request)
        if found is None:
            return None
        reply, lowest = found
        send(reply)
        update, block = self.update, request.block
        self._silent_since = update.last_request_at = now
        if update.is_open:
            self._count_request(now, block, lowest)
            self._blocks_sent(now, lowest)
            self.changed = True
        return reply

    def _count_request(self, now: float, block: int, lowest: int) -> None:
        """Count repeats and the rate of this pass; blocks `block` down to `lowest` are on their way."""
        update = self.update
        asked = self._asked_block
        if block == asked:
            update.repeats += 1
        elif update.started_at is None or self._first_block is None or (asked is not None and block > asked):
            update.started_at = update.started_at or now
            self._first_block, self._first_at = block, now
        self._asked_block = block
        update.block = lowest
        if now > self._first_at and self._first_block is not None:
            update.rate = round((self._first_block - lowest) / (now - self._first_at), 2)

    def _blocks_sent(self, now: float, lowest: int) -> None:
        update = self.update
        update.reboots = update.boots = update.offers = 0
        if update.offered_at is None or not update.owed:
            update.offered_at = update.offered_at or now
            update.owed = int(not update.kind.is_library)
        if lowest == 0:
            if update.state != VERIFYING:
                update.sent_at, update.asked_at, update.matched_at = now, None, None
                self._enter(VERIFYING, "all blocks are sent, waiting for the node's report")
                self.actions.append(Hold())
        elif update.state != TRANSFERRING:
            update.matched_at = None
            self._enter(TRANSFERRING, "")

    # Other messages, and time.

    def message_received(self, now: float, window: float | None = None, may_start: bool = True) -> None:
        """Take note that the node's sketch sent a message, and do what it is due for.

        `window` is the time in seconds that a sleeping node stays awake now.
        """
        update = self.update
        self.sleeping = self.sleeping or window is not None
        self._silent_since = now
        self._final_request_at = None
        if not update.is_open or (self.sleeping and window is None):
            return
        if update.state == REQUESTED:
            if may_start:
                self.start(now)
            else:
                self.set_wait_reason(WAITS_TURN)
        elif update.state in (REBOOTING, OFFERED):
            tried_at = update.reboot_at if update.state == REBOOTING else update.offered_at
            if tried_at is None or now - tried_at >= self.settings.effect_s:
                self._try_again(now, may_start)
        elif update.state == TRANSFERRING:
            if now - max(update.last_request_at or 0.0, self.created_at) >= self.settings.stall_s:
                self._transfer_broke_off(now)
        else:
            self._verify_again(now)

    def set_wait_reason(self, reason: str = "") -> None:
        """Note what a requested update waits for; by default for the node to be heard or to wake."""
        reason = reason or (WAITS_ASLEEP if self.sleeping else WAITS_AWAKE)
        keeps = self.asked_at is not None and reason == WAITS_TURN  # the better reason
        if self.update.state == REQUESTED and self.update.reason != reason and not keeps:
            self._enter(REQUESTED, reason)

    @property
    def asked_at(self) -> float | None:
        """When the node asked for firmware and was told to wait, while it waits; else None."""
        return self.update.last_request_at if self.waits_turn else None

    @property
    def waits_turn(self) -> bool:
        """True while other transfers are what it waits for."""
        return self.update.state == REQUESTED and self.update.reason in (WAITS_TURN, CAME_TOO_LATE)

    def _try_again(self, now: float, may_start: bool) -> None:
        """The sketch runs, so the order or the offer was lost: repeat it when no other transfer runs.

        A MYSBootloader node that may hold a part of the image does not wait.
        """
        if may_start or (self.update.owed and self.update.offered_at is not None):
            self.start(now)
        else:
            self._enter(REQUESTED, WAITS_TURN)

    def start(self, now: float) -> None:
        """Make the node ask: a sleeping library node is offered the image, others are restarted."""
        update = self.update
        if update.state == REQUESTED:
            self._turn_at, self._turn_s = now, self.settings.effect_s + self._late_s()
        if update.offered_at is None and (update.boots >= MAX_BOOTS or update.reboots >= MAX_REBOOTS):
            update.owed = 0  # its sketch has just sent a message, and it never asked
        failure = self._start_failure()
        ignored = update.reboots in (4, 8) and update.started_at is None
        if failure:
            self._fail(now, failure)
        elif update.kind.is_library and ((self.sleeping and update.state == REQUESTED) or ignored):
            update.offered_at = now
            update.reboots += 1
            self._enter(OFFERED, "")
            self.actions.append(Send(StreamType.ST_FIRMWARE_CONFIG_RESPONSE, format_config(self.offer)))
        else:
            due = update.state == REBOOTING and update.reboot_at is None
            self._reboot(now, update.reason if due else "")

    def _start_failure(self) -> str | None:
        """Why the node cannot be made to ask for the image; None when it may still be tried."""
        update = self.update
        if update.boots >= MAX_BOOTS:
            return f"the node restarted {update.boots} times and never asked for firmware: no OTA bootloader?"
        if update.reboots >= MAX_REBOOTS:
            return f"{update.reboots} reboot orders had no effect (is MY_DISABLE_REMOTE_RESET defined?)"
        return image_refusal(self.image.blocks, update.bootloader, update.block_size)

    def _reboot(self, now: float, reason: str = "") -> None:
        update = self.update
        update.reboots += 1
        update.reboot_at = now
        # An offer that follows may be lost with the daemon before its row is saved; this row then still
        # answers for it.
        update.owed = int(not update.kind.is_library)
        update.asked_at = update.matched_at = None
        self._enter(REBOOTING, reason or (f"reboot order {update.reboots}" if update.reboots > 1 else ""))
        self.actions += (Hold(), Reboot())

    def _transfer_broke_off(self, now: float) -> None:
        """Restart the node: no block was asked for in a while, and the sketch runs."""
        if self.update.kind.is_library:
            self._reboot(now, "the transfer broke off; the node is restarted so that it begins again")
        else:
            self.actions.append(
                Attention("the node left its bootloader in mid-transfer; it may run a broken image")
            )
            self._reboot(now, "the node left its bootloader in mid-transfer; it is restarted")

    def _verify_again(self, now: float) -> None:
        """Ask again what the node runs: all blocks are sent, and it has not reported."""
        update, settings = self.update, self.settings
        quiet = now - max(update.sent_at or 0, update.last_request_at or 0)
        if update.matched_at is not None:
            if now - max(update.matched_at, update.asked_at or 0) >= settings.effect_s:
                self._request_presentation(now)
        elif not update.kind.is_library:
            if quiet >= settings.effect_s:
                self._reboot(
                    now, "the node's report after the last block was lost; it is restarted to report again"
                )
        elif quiet >= settings.verify_s:
            if update.asked_at is None:
                self._request_presentation(now)
            elif now - update.asked_at >= settings.effect_s:
                self._reboot(now, "no report after the last block; the node is restarted to report")

    def _request_presentation(self, now: float) -> None:
        self.actions.append(RequestPresentation())
        self.presentation_requested(now)

    def presentation_requested(self, now: float) -> None:
        """Note that the node is asked to present itself: a library node's report is no proof then."""
        self.update.asked_at = now
        self.changed = True

    def presentation_received(self, now: float) -> None:
        """Take note that the node presented itself: its sketch runs."""
        update = self.update
        if (
            update.state == REBOOTING
            and update.reboot_at is not None
            and 0 <= now - update.reboot_at < STALE_S
        ):
            return  # this presentation was on its way when the reboot order went out
        self._silent_since = update.presented_at = now
        self._final_request_at = None
        self.sleeping = False  # until its next window: the new sketch may not sleep
        if update.state == REBOOTING and update.reboot_at is not None:
            update.boots += 1
        elif update.state == VERIFYING and update.matched_at is not None:
            self._confirm(now)
        self.changed = True

    def tick(self, now: float) -> None:
        """Do what silence makes due. To be called once a second."""
        update, settings = self.update, self.settings
        silent_s = now - self._silent_since
        awake_state = update.state if update.kind.is_library and not self.sleeping else None
        if update.state == REQUESTED:
            if silent_s >= settings.expire_s:
                self._fail(now, f"the node was not heard for {round(settings.expire_s / 86400)} days")
        elif awake_state == TRANSFERRING and silent_s >= 2 * settings.stall_s:
            self._transfer_broke_off(now)
        elif awake_state == VERIFYING and update.asked_at is None and silent_s >= settings.verify_s:
            self._request_presentation(now)
        elif update.is_open:
            self._give_up_lost_node(now, silent_s)

    def _give_up_lost_node(self, now: float, silent_s: float) -> None:
        """Ask a node that was silent for too long a last time, then fail."""
        lost_s = self.settings.lost_sleeping_s if self.sleeping else self.settings.lost_s
        if silent_s < lost_s:
            return
        if self._final_request_at is None:
            self._final_request_at = now
            self._request_presentation(now)
        elif now - self._final_request_at >= FINAL_REQUEST_S:
            minutes = round(lost_s / 60)
            self._fail(now, f"nothing was heard of the node for {minutes} minutes while {self.update.state}")

    def gateway_back(self, now: float) -> None:
        """Count silence from now on."""
        self._silent_since = now

    # The end.

    def cancel(self, now: float, reason: str) -> None:
        """Close the update; an unfinished image is still completed (`OtaUpdate.owed`)."""
        if self.update.is_open:
            if self.update.owed and self.update.offered_at is not None:
                reason += "; the node had been offered the image and still gets it if it asks"
            self._close(now, CANCELLED, reason)

    def _confirm(self, now: float) -> None:
        """Close the update by the node's own report, which may come late."""
        update = self.update
        update.owed = 0
        if update.state not in (CANCELLED, CONFIRMED):
            if self._committed not in COMMITTED:
                self.actions.append(Send(StreamType.ST_FIRMWARE_CONFIRM, ""))
            earlier = f"; earlier: {update.reason}" if update.state == FAILED else ""
            was_offered = update.offered_at is not None
            reason = f"the node's own report{earlier}" if was_offered else "the node already ran this image"
            self._close(now, CONFIRMED, reason)

    def _fail(self, now: float, reason: str) -> None:
        self._close(now, FAILED, reason)
        update = f"update to {self.update.type}/{self.update.version}"
        self.actions.append(Attention(f"{update} failed: {reason}"))

    def _close(self, now: float, state: str, reason: str) -> None:
        self.update.finished_at = now
        self._enter(state, reason)

    def _enter(self, state: str, reason: str) -> None:
        self.update.state, self.update.reason = state, reason or DEFAULT_REASONS.get(state, "")
        self.changed = True

    def has_slot(self, now: float) -> bool:
        """True while this update holds one of the `OtaSettings.at_once` transfers of its gateway.

        A running transfer does; an offer, too, for as long as the first block request may take.
        """
        update, settings = self.update, self.settings
        if update.state in (TRANSFERRING, VERIFYING):
            return now - (update.last_request_at or 0) < settings.stall_s
        return update.state == OFFERED and self._is_expected(now)

    def keeps_turn(self, now: float) -> bool:
        """True while no other update of the gateway should start because of this one.

        The first restart may take effect before others are restarted, which would have to wait then. Nobody
        waits for further restarts, for a window or for a node that does not answer.
        """
        return self.has_slot(now) or (self.update.state == REBOOTING and self._is_expected(now))

    def _is_expected(self, now: float) -> bool:
        return self._turn_at is not None and now - self._turn_at < self._turn_s

    def _late_s(self) -> float:
        """How long this node takes to restart and ask, where it was seen to do so: it may do so again."""
        update = self.update
        late_s = (update.last_request_at or 0.0) - (update.reboot_at or 0.0)
        return late_s if update.reboot_at is not None and 0 < late_s < MAX_LATE_S else 0.0
