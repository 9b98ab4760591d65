"""One node: its update, its command, and the hold on its traffic while it may be in its bootloader. Pure.

While MYSBootloader runs, a message other than a stream answer does harm: it matches answers by their type
number alone. So nothing else is sent to the node from a reboot order or a stream request until its sketch is
heard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ota.actions import (
    Action,
    Attention,
    CommandChanged,
    Effects,
    Hold,
    Reboot,
    Release,
    RequestPresentation,
)
from ota.command import CommandOrder
from ota.settings import OtaSettings
from ota.update import CONFIRMED, FAILED, OFFERED, REQUESTED, TRANSFERRING, VERIFYING
from ota.update_machine import SETTLE_S, STALE_S, UpdateMachine
from ota.wire import (
    C_INTERNAL,
    I_PRESENTATION,
    I_REBOOT,
    BlockRequest,
    BootloaderKind,
    ConfigRequest,
    FirmwareConfig,
    Reply,
    SendReply,
)

RELEASE_S = 60  # a hold ends after so much silence, unless the node is in its bootloader
SKETCH_S = 2  # a message of the sketch this long after the last stream request was not on its way before it


@dataclass
class OtaNode:
    """What is known of a node. What is to be done about it goes to `effects`."""

    key: int  # nodes.id
    settings: OtaSettings
    effects: Effects
    request: ConfigRequest | None = None  # its last one
    sleeping: bool = False
    machine: UpdateMachine | None = None  # the open update
    # Closed updates: a part of their image may be in the node's flash.
    unfinished: list[UpdateMachine] = field(default_factory=list)
    command: CommandOrder | None = None
    attention: str | None = None
    _held_at: float | None = field(default=None, init=False)
    _reboot_at: float | None = field(default=None, init=False)
    _stream_at: float = field(default=0.0, init=False)  # last stream request

    @property
    def is_idle(self) -> bool:
        """True when its messages do not matter here."""
        return not (self.machine or self.command or self.unfinished or self.is_held)

    @property
    def asked_at(self) -> float | None:
        """When it asked for firmware and was told to wait for its turn, while it waits."""
        return self.machine.asked_at if self.machine else None

    # Requests of the node.

    @property
    def _sources(self) -> list[UpdateMachine]:
        """The updates whose blocks it gets."""
        return [self.machine] if self.machine else self.unfinished

    def find_block(self, request: BlockRequest) -> Reply | None:
        """Return what `answer_block` would send; nothing is noted."""
        for machine in self._sources:
            found = machine.find_block(request)
            if found is not None:
                return found[0]
        return None

    def answer_block(self, request: BlockRequest, now: float, send: SendReply) -> Reply | None:
        """Send the block, if an update has it, and return it."""
        for machine in self._sources:
            reply = machine.answer_block(now, request, send)
            if reply:
                self.stream_received(machine.update.kind, now)
                self.collect(machine, now)
                return reply
        if self.request is not None:
            self.stream_received(self.request.kind, now)
        return None

    def offer(self, request: ConfigRequest, now: float, may_load: bool = True) -> FirmwareConfig | None:
        """Return the image of the open update, else the unfinished one that the node names, if any.

        Without `may_load` the open update waits for its turn, where the node can.
        """
        names_part = any(request.config[:2] == machine.offer[:2] for machine in self.unfinished)
        if self.machine and not may_load and not names_part and self.machine.told_to_wait(now, request):
            self.collect(self.machine, now)
            return None
        offer = self.answer_config(self.machine, request, now) if self.machine else None
        if not offer:
            for machine in self.unfinished:
                if request.config[:2] == machine.offer[:2]:
                    return self.answer_config(machine, request, now)
        self._drop_unfinished(request, now)
        return offer

    def answer_config(
        self, machine: UpdateMachine, request: ConfigRequest, now: float
    ) -> FirmwareConfig | None:
        """Return what this update of the node answers to its configuration request."""
        offer = machine.answer_config(now, request)
        self.collect(machine, now)
        return offer

    def _drop_unfinished(self, request: ConfigRequest, now: float) -> None:
        """A node whose configuration names another image has no part of the unfinished ones."""
        for machine in self.unfinished:
            settled = now - (machine.update.offered_at or 0) >= SETTLE_S
            if settled and request.config[:2] != machine.offer[:2]:
                machine.update.owed = 0
                machine.changed = True
                self.collect(machine, now)

    def answer_command(self, request: ConfigRequest, now: float) -> str | None:
        """Return the payload of the bootloader command that waits for this request, if one does."""
        payload = self.command.answer(request, now) if self.command else None
        if payload:
            self.command_changed()
        return payload

    def stream_received(self, kind: BootloaderKind, now: float) -> None:
        """Take note that the node has just sent a stream request."""
        self._stream_at = now
        if kind is BootloaderKind.MYSBOOTLOADER:
            self.hold(now)

    # Other messages, and time.

    def message_received(self, now: float, window: float | None, may_start: bool) -> None:
        """Take note that the node's sketch sent a message; `window`: seconds that it stays awake now."""
        self.sleeping = self.sleeping or window is not None
        rebooted_at = self._reboot_at
        if self.machine:
            self.drive(lambda machine: machine.message_received(now, window, may_start), now)
        elif self.command and (window is not None or not self.sleeping):
            self._reboot_for_command(self.command, now)
        if self._held_at is not None and self._reboot_at == rebooted_at:
            reboot_is_last = rebooted_at is not None and rebooted_at > self._stream_at
            waits_for_effect = reboot_is_last or self._is_in_bootloader()
            quiet_s = now - max(self._stream_at, self._held_at)
            if quiet_s >= (self.settings.effect_s if waits_for_effect else SKETCH_S):
                self.release()

    def _reboot_for_command(self, command: CommandOrder, now: float) -> None:
        if command.wants_reboot(now):
            self.hold(now)
            self._reboot_at = now
            self._act(Reboot())
            self.command_changed()
        elif command.state == FAILED:
            self.command_changed()

    def presentation_received(self, now: float) -> None:
        """Take note that the node presented itself (C_PRESENTATION, child 255)."""
        reboot_at = self._reboot_at
        stale = reboot_at is not None and self._stream_at < reboot_at and 0 <= now - reboot_at < STALE_S
        self.drive(lambda machine: machine.presentation_received(now), now)
        if not stale:
            self.release()

    def presentation_requested(self, now: float) -> None:
        """Take note that an order asked the node for its presentation."""
        self.drive(lambda machine: machine.presentation_requested(now), now)

    def _follow_command(self, command: CommandOrder, now: float) -> None:
        if command.expires(now):
            self.command_changed()
        elif command.wants_presentation(now):
            self._act(RequestPresentation())

    def tick(self, now: float, is_connected: bool) -> None:
        """Do what silence makes due; it means nothing while the gateway is not connected."""
        if is_connected:
            self.drive(lambda machine: machine.tick(now), now)
            if self.command:
                self._follow_command(self.command, now)
        latest = max(self._held_at or 0.0, self._stream_at, self._reboot_at or 0.0)
        if now - latest >= RELEASE_S and not self._is_in_bootloader():
            self.release()

    # Update and command.

    def cancel(self, now: float, reason: str) -> None:
        """Cancel the open update, and the command that waits."""
        if self.command and self.command.is_waiting:
            self.command.state, self.command.reason = FAILED, reason
            self.command_changed()
        self.drive(lambda machine: machine.cancel(now, reason), now)

    def command_changed(self) -> None:
        """Have the command saved, and forget it when it has ended."""
        if self.command:
            self._act(CommandChanged(self.command))
            if not (self.command.is_waiting or self.command.is_followed):
                self.command = None

    def drive(self, event: Callable[[UpdateMachine], object], now: float) -> None:
        """Let the open update, if there is one, take note of an event."""
        if self.machine:
            machine = self.machine
            event(machine)
            self.collect(machine, now)

    def collect(self, machine: UpdateMachine, now: float) -> None:
        """Pass on what a machine wants done, and put it where its state belongs."""
        update = machine.update
        if machine.changed:
            self.effects.updates[id(update)] = update
            machine.changed = False
        if machine.actions:
            self._pass_on(machine, now)
        if update.state == CONFIRMED:
            self.attention = None
        if machine is self.machine and not update.is_open:
            self.machine = None
            self.unfinished.insert(0, machine)
        self.unfinished = [one for one in self.unfinished if one.update.owed]

    def _pass_on(self, machine: UpdateMachine, now: float) -> None:
        for action in machine.actions:
            if isinstance(action, Attention):
                self.set_attention(action.text)
            elif isinstance(action, Hold):
                self.hold(now)
            else:
                if isinstance(action, Reboot):
                    self._reboot_at = now
                self._act(action)
        machine.actions.clear()

    # What is held back.

    @property
    def is_held(self) -> bool:
        """True while nothing but stream answers may be sent to the node."""
        return self._held_at is not None

    def holds(self, command: int | None, type: int | None) -> bool:
        """True while a message of this command and type must not be sent to the node."""
        is_under_way = self.machine is not None and self.machine.update.state != REQUESTED
        # Each of these messages ends a transfer of a library node.
        return self.is_held or (is_under_way and command == C_INTERNAL and type in (I_REBOOT, I_PRESENTATION))

    def _is_in_bootloader(self) -> bool:
        """True when an update may keep the node in MYSBootloader for as long as it takes."""
        update = self.machine.update if self.machine else None
        return bool(update and update.owed and update.state in (OFFERED, TRANSFERRING, VERIFYING))

    def hold(self, now: float) -> None:
        """Begin or prolong the hold on the node's traffic."""
        if not self.is_held:
            self._act(Hold())
        self._held_at = now

    def release(self) -> None:
        """End the hold."""
        if self.is_held:
            self._held_at = None
            self._act(Release())

    def set_attention(self, text: str) -> None:
        """Ask for a person's attention."""
        if self.attention != text:
            self.attention = text
            self._act(Attention(text))

    def _act(self, action: Action) -> None:
        self.effects.actions.append((self.key, action))
