"""The state machine of one node's update. Pure: every call is told the time.

    requested -> rebooting -> offered -> transferring -> verifying -> confirmed | failed | cancelled

The machine never waits and never writes. It answers the node's requests at once and leaves what else is to be done in
`actions`. Whatever it must know after a restart stands in the row, so a machine made from a row of any age goes on.

Wire facts (MySensorsBootloaderRF24 1.3, `core/MyOTAFirmwareUpdate.cpp`): blocks descend; MYSBootloader reports the CRC
that it computes over its flash, so its word is the truth; a library node reports what it last took over in RAM, so its
word counts only after a restart that follows the last block. Asking a library node for its presentation makes it
report, and ends a transfer that is under way. MYSBootloader starts whatever is in its flash when it gets no answer.

The file is long because each rule that keeps a node whole refers to the others.
"""

from ota.actions import RECORD, AskPresentation, Attention, Hold, Reboot, Send
from ota.image import Image, image_refusal
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
    Settings,
)
from ota.wire import BootloaderKind, FirmwareConfig, StreamType, format_block, format_config, format_run

# What an open update waits for, where there is nothing better to say.
WAITS = {
    REBOOTING: "waiting for the node to restart and ask for firmware",
    OFFERED: "the image is offered, waiting for the first block request",
}
WAITS_AWAKE = "waiting for the node to be heard"
WAITS_ASLEEP = "waiting for the node to wake"
WAITS_TURN = "waiting for its turn: another transfer is under way"
COMMITTED, COMMITTED_DUALOPTIBOOT = (
    1,
    2,
)  # img_commited: mcuboot takes an image back that is not marked as good
STALE_S = 0.2  # no node restarts so fast: what it presents within that was on its way before the order


class UpdateMachine:
    """Moves one OtaUpdate. Its owner calls what happened and empties `actions`.

    `sleeping` says that the node sends I_PRE_SLEEP_NOTIFICATION (or sleeps in some other way): then orders go out
    only in the window that `heard(window=...)` reports.
    """

    def __init__(self, update: OtaUpdate, image: Image, settings=Settings(), sleeping=False, now=0.0):
        self.update = update
        self.image = image
        self.settings = settings
        self.sleeping = sleeping
        self.actions: list[object] = []
        self.born = now
        self.quiet_from = now  # silence is counted from here: start, gateway back, any word of the node
        self.heard_at = None
        self.gateway_up = True
        self.last_words_at = None
        self.committed = None  # the image_ok byte of mcuboot, as last reported
        self.asked_block = None
        self.first_block = None
        self.first_at = now
        self.runs = ()
        self.learn_blocks()

    def learn_blocks(self):
        """Count blocks as the node does, once its bootloader is known."""
        if self.update.block_size:
            self.update.blocks = len(self.image.data) // self.update.block_size
            self.runs = (
                self.image.runs(self.update.block_size)
                if self.update.kind is BootloaderKind.LIBRARY_31
                else ()
            )

    # What the node asks

    @property
    def offer(self) -> FirmwareConfig:
        """The image as the node counts it."""
        return self.image.config(self.update.type, self.update.version, self.update.block_size or 16)

    def config_request(self, now, request):
        """The FirmwareConfig to answer with, or None when this update has no answer: then it has just failed."""
        update = self.update
        if update.is_open:
            why = image_refusal(self.image, request.bootloader, request.block_size)
            if why:
                self.finish(now, FAILED, why)
                return None
        self.know(request)
        self.quiet_from = update.last_request_at = now
        if request.config == self.offer:
            self.matched(now)
        elif update.is_open:
            self.differs(now, request)
        return self.offer if update.is_open or update.owed or request.config == self.offer else None

    def know(self, request):
        """Note what answers at the other end."""
        update = self.update
        self.committed = request.committed
        if (update.bootloader, update.block_size) != (request.bootloader, request.block_size):
            update.bootloader, update.block_size = request.bootloader, request.block_size
            self.learn_blocks()
        if update.old_type is None:
            update.old_type, update.old_version, update.old_blocks, update.old_crc = request.config

    def matched(self, now):
        """The node reports the image itself."""
        update = self.update
        if not update.kind.is_library:
            self.confirm(now)
        elif update.state == REQUESTED or not update.is_open:
            return
        elif update.asked_at is None and (
            (update.state == VERIFYING and update.block == 0)
            or (update.state == REBOOTING and update.reboot_at is not None)
        ):
            update.matched_at = now
            self.enter(VERIFYING, "the node reports the image, waiting for its presentation")
        elif update.matched_at is None:
            update.reboot_at = None
            self.enter(REBOOTING, "the node claims the image without a restart; it is restarted to be sure")
        self.record()

    def differs(self, now, request):
        """The node reports something else: it is offered the image, and will ask from the highest block down.

        MYSBootloader says blocks 0 after a wrong CRC; a library node that restarts after its last block and reports
        another image found the CRC wrong.
        """
        update = self.update
        if update.state in (TRANSFERRING, VERIFYING) or update.started_at is not None:
            update.restarts += 1
            if request.config.blocks == 0 or (update.block == 0 and update.kind.is_library):
                update.crc_failures += 1
                reason = "the CRC of what the node received was wrong; sent again from the top"
            else:
                reason = "the node lost contact and started over"
        else:
            reason = ""
        update.owed = int(not update.kind.is_library)
        update.reboots = update.boots = 0
        update.block = update.started_at = update.sent_at = update.matched_at = update.asked_at = (
            update.rate
        ) = None
        self.asked_block = None
        update.offered_at = now
        update.offers += 1
        self.enter(OFFERED, reason)
        if update.offers > self.settings.offers:
            self.finish(
                now, FAILED, f"the image was offered {self.settings.offers} times, no block was asked for"
            )
        elif update.crc_failures >= self.settings.crc_failures:
            self.finish(now, FAILED, f"the CRC was wrong after {update.crc_failures} whole transfers")
        elif update.kind.is_library and update.restarts >= self.settings.restarts:
            self.finish(
                now, FAILED, f"the transfer broke off {update.restarts} times: too much is lost on the air"
            )

    def block_request(self, now, type, version, block):
        """(StreamType, payload) for a block of this image, or None. Computed from memory in microseconds."""
        update = self.update
        if type != update.type or version != update.version or not update.blocks or block >= update.blocks:
            return None
        run = self.runs[block] if self.runs else 0
        if run:
            low = block - run + 1
            reply = (
                StreamType.ST_FIRMWARE_RESPONSE_RLE,
                format_run(type, version, block, run, self.image.data[block * update.block_size]),
            )
        else:
            low = block
            size = update.block_size
            data = self.image.data[block * size : (block + 1) * size]
            reply = StreamType.ST_FIRMWARE_RESPONSE, format_block(type, version, block, data)
        self.progress(now, block, low)
        return reply

    def progress(self, now, block, low):
        """Blocks `block` down to `low` are on their way."""
        update = self.update
        self.quiet_from = update.last_request_at = now
        if not update.is_open:
            return
        if block == self.asked_block:
            update.repeats += 1
        elif update.started_at is None or self.first_block is None or block > self.asked_block:
            if update.started_at is None:
                update.started_at = now
            self.first_block, self.first_at = block, now
        self.asked_block = block
        update.block = low
        if now > self.first_at:
            update.rate = round((self.first_block - low) / (now - self.first_at), 2)
        update.reboots = update.boots = update.offers = 0
        if update.offered_at is None or not update.owed:
            update.offered_at = update.offered_at or now
            update.owed = int(not update.kind.is_library)
        if low == 0:
            if update.state != VERIFYING:
                update.sent_at, update.asked_at, update.matched_at = now, None, None
                self.enter(VERIFYING, "all blocks are sent, waiting for the node's word")
                self.act(Hold())
        elif update.state != TRANSFERRING:
            update.matched_at = None
            self.enter(TRANSFERRING, "")
        self.record()

    # What else happens

    def heard(self, now, window=None, may_start=True):
        """The node's sketch sent a message; `window` is the time in seconds that a sleeping node stays awake now."""
        update = self.update
        self.sleeping = self.sleeping or window is not None
        self.heard_at = self.quiet_from = now
        self.last_words_at = None
        if not update.is_open or (self.sleeping and window is None):
            return
        if update.state == REQUESTED:
            if may_start:
                self.begin(now)
            else:
                self.wait(WAITS_TURN)
        elif update.state == REBOOTING:
            if update.reboot_at is None or now - update.reboot_at >= self.settings.effect_s:
                self.begin(now)
        elif update.state == OFFERED:
            if now - update.offered_at >= self.settings.effect_s:
                self.begin(now)
        elif update.state == TRANSFERRING:
            if now - max(update.last_request_at, self.born) >= self.settings.stall_s:
                self.broken_off(now)
        else:
            self.chase(now)

    def wait(self, words=None):
        """Say what a requested update waits for."""
        words = words or (WAITS_ASLEEP if self.sleeping else WAITS_AWAKE)
        if self.update.state == REQUESTED and self.update.reason != words:
            self.enter(REQUESTED, words)

    def begin(self, now):
        """Make the node ask: a library node that sleeps is offered the image in its window, others are restarted."""
        update = self.update
        fresh = update.state == REQUESTED
        tried = update.boots >= self.settings.boots or update.reboots >= self.settings.reboots
        if tried and update.offered_at is None:
            update.owed = 0  # its sketch has just spoken, and it never asked
        if update.boots >= self.settings.boots:
            return self.finish(
                now,
                FAILED,
                f"the node restarted {update.boots} times and never asked for firmware: no OTA bootloader?",
            )
        if update.reboots >= self.settings.reboots:
            return self.finish(
                now,
                FAILED,
                f"{update.reboots} reboot orders had no effect (is MY_DISABLE_REMOTE_RESET defined?)",
            )
        why = image_refusal(self.image, update.bootloader, update.block_size)
        if why:
            return self.finish(now, FAILED, why)
        deaf = update.reboots in (4, 8) and update.started_at is None
        if update.kind.is_library and ((self.sleeping and fresh) or deaf):
            update.offered_at = now
            update.reboots += 1
            self.enter(OFFERED, "")
            return self.act(Send(StreamType.ST_FIRMWARE_CONFIG_RESPONSE, format_config(self.offer)))
        due = update.state == REBOOTING and update.reboot_at is None
        self.reboot(now, update.reason if due else "")

    def reboot(self, now, reason=""):
        update = self.update
        update.reboots += 1
        update.reboot_at = now
        # An offer that follows may be lost with the daemon before its row is saved; this row then still answers for it.
        update.owed = int(not update.kind.is_library)
        update.asked_at = update.matched_at = None
        self.enter(REBOOTING, reason or (f"reboot order {update.reboots}" if update.reboots > 1 else ""))
        self.act(Hold())
        self.act(Reboot())

    def broken_off(self, now):
        """No block was asked for in a while, and the sketch runs."""
        if self.update.kind.is_library:
            self.reboot(now, "the transfer broke off; the node is restarted so that it begins again")
        else:
            self.act(Attention("the node left its bootloader in mid-transfer; it may run a broken image"))
            self.reboot(now, "the node left its bootloader in mid-transfer; it is restarted")

    def chase(self, now):
        """All blocks are sent; the node can hear us and has not given its word."""
        update, settings = self.update, self.settings
        if update.matched_at is not None:
            if now - max(update.matched_at, update.asked_at or 0) >= settings.effect_s:
                self.ask(now)
        elif not update.kind.is_library:
            if now - max(update.sent_at or 0, update.last_request_at or 0) >= settings.effect_s:
                self.reboot(now, "the node's word after the last block was lost; it is restarted to hear it")
        elif now - max(update.sent_at or 0, update.last_request_at or 0) >= settings.verify_s:
            if update.asked_at is None:
                self.ask(now)
            elif now - update.asked_at >= settings.effect_s:
                self.reboot(now, "no word after the last block; the node is restarted to hear it")

    def ask(self, now):
        self.update.asked_at = now
        self.act(AskPresentation())
        self.record()

    def asked(self, now):
        """Somebody else asked the node for its presentation: what a library node then claims proves nothing."""
        self.update.asked_at = now
        self.record()

    def presented(self, now):
        """The node presented itself: its sketch runs."""
        update = self.update
        if (
            update.reboot_at is not None
            and 0 <= now - update.reboot_at < STALE_S
            and update.state == REBOOTING
        ):
            return  # this presentation was on its way when the reboot order went out
        self.heard_at = self.quiet_from = update.presented_at = now
        self.last_words_at = None
        self.sleeping = False  # until its next window: the new sketch may not sleep
        if update.state == REBOOTING and update.reboot_at is not None:
            update.boots += 1
        elif update.state == VERIFYING and update.matched_at is not None:
            self.confirm(now)
        self.record()

    def tick(self, now):
        """Time has passed. Once a second is enough."""
        update, settings = self.update, self.settings
        if not update.is_open or not self.gateway_up:
            return None
        silent = now - self.quiet_from
        if update.state == REQUESTED:
            if silent >= settings.expire_s:
                self.finish(
                    now, FAILED, f"the node was not heard for {round(settings.expire_s / 86400)} days"
                )
            return None
        if update.kind.is_library and not self.sleeping:
            if update.state == TRANSFERRING and silent >= 2 * settings.stall_s:
                return self.broken_off(now)
            if update.state == VERIFYING and update.asked_at is None and silent >= settings.verify_s:
                return self.ask(now)
        if silent >= (settings.lost_sleeping_s if self.sleeping else settings.lost_s):
            if self.last_words_at is None:
                self.last_words_at = now
                self.ask(now)
            elif now - self.last_words_at >= settings.last_word_s:
                minutes = round((settings.lost_sleeping_s if self.sleeping else settings.lost_s) / 60)
                self.finish(
                    now, FAILED, f"nothing was heard of the node for {minutes} minutes while {update.state}"
                )

    def gateway_lost(self, now):
        self.gateway_up = False

    def gateway_back(self, now):
        self.gateway_up = True
        self.quiet_from = now

    def cancel(self, now, reason):
        """Close the update; a part of the image that is already in the node's flash is still completed (`owed`)."""
        if self.update.is_open:
            if self.update.owed and self.update.offered_at is not None:
                reason += "; the node had been offered the image and still gets it if it asks"
            self.finish(now, CANCELLED, reason)

    def confirm(self, now):
        """By the node's own word, which may come late."""
        update = self.update
        update.owed = 0
        if update.state == CANCELLED:
            self.record()
        elif update.state != CONFIRMED:
            late = f"; earlier: {update.reason}" if update.state == FAILED else ""
            nothing = update.offered_at is None
            if self.committed not in (None, COMMITTED, COMMITTED_DUALOPTIBOOT):
                self.act(Send(StreamType.ST_FIRMWARE_CONFIRM, ""))
            self.finish(
                now, CONFIRMED, "the node already ran this image" if nothing else f"the node's own word{late}"
            )

    def finish(self, now, state, reason):
        update = self.update
        update.finished_at = now
        self.enter(state, reason)
        if state == FAILED:
            self.act(Attention(f"update to {update.type}/{update.version} failed: {reason}"))

    def enter(self, state, reason):
        self.update.state, self.update.reason = state, reason or WAITS.get(state, "")
        self.record()

    def record(self):
        if RECORD not in self.actions:
            self.actions.append(RECORD)

    def act(self, action):
        self.actions.append(action)

    def is_busy(self, now):
        """True while this update takes air time: it then counts against the transfers that a gateway may carry."""
        update = self.update
        if not update.is_open or update.state == REQUESTED:
            return False
        latest = max(at or 0.0 for at in (update.reboot_at, update.offered_at, update.last_request_at))
        return now - latest < self.settings.idle_s
