"""What every node is answered, from memory: the hot path of updates, and all their other events. Pure.

One OtaServer serves all gateways. Nodes are named by `nodes.id`, that is 256 * gateways.id + node_id. Nothing
here waits, reads a clock or touches a disk. The owner sends what `answer` returns before anything else, then
does what `take_actions` and `take_updates` return.

A configuration request is always answered: with the image while an update is open or a part of it may be in
the node's flash, else with the node's own 8 bytes, which make MYSBootloader start its sketch at once. The one
exception: a node that reports blocks 0 runs nothing whole; where no image for it is known, it gets no answer
and a person's attention is asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf

from ota.actions import Action, Effects, Rejected, Reported, RequestHeartbeat
from ota.command import CommandOrder
from ota.errors import OtaError
from ota.image import Image
from ota.node import OtaNode
from ota.settings import OtaSettings
from ota.update import FAILED, OtaUpdate
from ota.update_machine import UpdateMachine
from ota.wire import (
    BootloaderKind,
    CommandError,
    ConfigRequest,
    Reply,
    SendReply,
    StreamType,
    WireError,
    format_config,
    parse_block_request,
    parse_config_request,
)


class MissingFirmwareError(OtaError):
    """The firmware of an update is not stored."""


@dataclass(frozen=True)
class StoredFirmware:
    """A stored firmware. `id` is `firmware.id`."""

    id: int
    type: int
    version: int
    image: Image


@dataclass(eq=False)
class OtaServer:
    """All updates of all nodes."""

    settings: OtaSettings
    nodes: dict[int, OtaNode] = field(default_factory=dict)  # nodes.id -> OtaNode
    effects: Effects = field(default_factory=Effects)
    _firmware: dict[int, StoredFirmware] = field(default_factory=dict, init=False)  # by firmware.id
    _lost: set[int] = field(default_factory=set, init=False)  # gateways.id of those that are not connected

    # Firmware, nodes, updates, commands.

    def add_firmware(self, firmware: StoredFirmware) -> None:
        """Take a stored firmware, at start or after an upload."""
        self._firmware[firmware.id] = firmware

    def remove_firmware(self, id: int) -> None:
        """Forget a deleted firmware. The site deletes none that an open or unfinished update needs."""
        self._firmware.pop(id, None)

    def node(self, key: int) -> OtaNode:
        """Return the node of this `nodes.id`, known or new."""
        return self.nodes.get(key) or self.nodes.setdefault(key, OtaNode(key, self.settings, self.effects))

    def forget(self, key: int) -> bool:
        """Forget a node that was deleted; returns False while an update of it is open."""
        node = self.nodes.get(key)
        if node is None or (node.machine is not None and node.machine.update.is_open):
            return False
        del self.nodes[key]
        return True

    def load_node(self, key: int, request: ConfigRequest | None = None, sleeping: bool = False) -> None:
        """Take what is stored of a node: its last request, and whether it sends sleep notifications."""
        node = self.node(key)
        node.request, node.sleeping = request or node.request, sleeping

    def restore(self, updates: Iterable[OtaUpdate], now: float) -> None:
        """Take over, at start, every update that is open or unfinished, oldest first.

        Their nodes may be in their bootloaders.
        """
        for update in updates:
            node = self.node(update.node)
            try:
                self.open_update(update, now)
            except MissingFirmwareError as error:
                update.state, update.reason, update.finished_at = FAILED, str(error), now
                self.effects.updates[id(update)] = update
                node.set_attention("the firmware of its update is no longer stored")
            else:
                node.hold(now)

    def open_update(self, update: OtaUpdate, now: float) -> UpdateMachine:
        """Take on a new update. Its node need not be known.

        An open update of the same node is cancelled as replaced. Raises MissingFirmwareError.
        """
        firmware = None if update.firmware is None else self._firmware.get(update.firmware)
        if firmware is None:
            raise MissingFirmwareError("its firmware is no longer stored")
        node = self.node(update.node)
        machine = UpdateMachine(update, firmware.image, self.settings, node.sleeping, now)
        if not update.is_open:
            if update.owed:
                node.unfinished.insert(0, machine)
            return machine
        if node.request is not None and update.bootloader is None:
            machine.learn_bootloader(node.request)
        reason = f"replaced by an update to {update.type}/{update.version}"
        node.drive(lambda replaced: replaced.cancel(now, reason), now)
        node.machine = machine
        if not machine.waits_turn:
            machine.set_wait_reason()
        machine.changed = True
        node.collect(machine, now)
        return machine

    def queue_command(self, order: CommandOrder) -> None:
        """Take on a bootloader command. Raises CommandError while an update is open or unfinished."""
        node = self.node(order.node)
        if node.machine or node.unfinished:
            raise CommandError("an update of this node is under way")
        node.command = order

    def follow_command(self, order: CommandOrder, now: float) -> None:
        """Take over, at start, a command that was sent: its node is still to be heard again."""
        order.gateway_back(now)
        self.node(order.node).command = order

    def cancel(self, key: int, now: float, reason: str) -> None:
        """Cancel the open update of a node; its command too."""
        self.node(key).cancel(now, reason)

    # What nodes send.

    def answer(
        self, key: int, stream_type: int, payload: str, now: float, send: SendReply = lambda reply: None
    ) -> Reply | None:
        """Send what the node gets for this, and return it, or None for nothing.

        `send()` gets a block before anything else is done about it: the node waits for that.
        `stream_type` is the type of the C_STREAM message that the node sent. Each request has one answer of
        its own, also when its text equals the one before: a node repeats what was lost.
        """
        node = self.node(key)
        try:
            if stream_type == StreamType.ST_FIRMWARE_REQUEST:
                return node.answer_block(parse_block_request(payload), now, send)
            if stream_type == StreamType.ST_FIRMWARE_CONFIG_REQUEST:
                reply = self._answer_config(node, parse_config_request(payload), now)
                if reply is not None:
                    send(reply)
                return reply
        except WireError as error:
            self.effects.actions.append((key, Rejected(payload, str(error))))
        return None

    def _answer_config(self, node: OtaNode, request: ConfigRequest, now: float) -> Reply | None:
        node.request = request
        payload = self._config_payload(node, request, now)
        node.stream_received(request.kind, now)
        self.effects.actions.append((node.key, Reported(request)))
        return (StreamType.ST_FIRMWARE_CONFIG_RESPONSE, payload) if payload else None

    def _config_payload(self, node: OtaNode, request: ConfigRequest, now: float) -> str | None:
        """Return the payload that answers a configuration request, or None for no answer."""
        offer = node.offer(request, now, self._has_free_slot(node, now))
        if offer:
            return format_config(offer)
        if request.config.blocks == 0:
            return self._repair(node, request, now)
        node.attention = None
        return node.answer_command(request, now) or format_config(request.config)

    def _repair(self, node: OtaNode, request: ConfigRequest, now: float) -> str | None:
        """Give a node that runs nothing whole the stored image that it names, if any."""
        type, version = named = request.config[:2]
        stored = next((one for one in self._firmware.values() if (one.type, one.version) == named), None)
        if stored is None or request.kind is not BootloaderKind.MYSBOOTLOADER:
            node.set_attention(
                f"the node reports no valid image (type {type}, version {version}): schedule an update"
            )
            return None
        update = OtaUpdate(node.key, stored.id, type, version, requested_at=now, requested_by="voltkeeper")
        machine = self.open_update(update, now)
        offer = node.answer_config(machine, request, now)
        if update.is_open:
            update.reason = "the node reported that it holds no valid image"
        return format_config(offer) if offer else None

    def message_received(self, key: int, now: float, window: float | None = None) -> None:
        """Take note that the sketch sent a message (`wire.comes_from_sketch`), not its presentation.

        `window`: seconds that the node stays awake from now on, when this was I_PRE_SLEEP_NOTIFICATION (its
        payload is in milliseconds) or, for a library 2.0 or 2.1 that sleeps, I_HEARTBEAT_RESPONSE.
        """
        node = self.node(key)
        node.message_received(now, window, node.machine is not None and self._has_free_turn(node, now))

    def presentation_received(self, key: int, now: float) -> None:
        """Take note that the node presented itself (C_PRESENTATION, child 255)."""
        self.node(key).presentation_received(now)

    def presentation_requested(self, key: int, now: float) -> None:
        """Take note that an order asked the node for its presentation."""
        self.node(key).presentation_requested(now)

    # What became of bootloader commands.

    def followed(self, gateway: int) -> list[CommandOrder]:
        """The commands that were sent to nodes of this gateway, whose nodes are still to be heard again."""
        nodes = self.nodes_of(gateway)
        return [node.command for node in nodes if node.command and node.command.is_followed]

    def node_heard(self, key: int, now: float, from_sketch: bool, parent: int | None = None) -> None:
        """Take note of any message of a node; `parent` is what it reports in I_CONFIG."""
        for order in self.followed(key >> 8):
            changed = parent is not None and order.parent_reported(key & 255, parent, now)
            if changed or order.heard(key & 255, now, from_sketch):
                self.node(order.node).command_changed()

    def id_given(self, gateway: int, node_id: int) -> None:
        """Take note that a bootloader without an id was given one: the erased node that asked least often."""
        for order in sorted(self.followed(gateway), key=lambda order: len(order.given_ids)):
            if order.id_given(node_id):
                self.node(order.node).command_changed()
                return

    def tick(self, now: float) -> None:
        """Do what the passing of time makes due. To be called once a second."""
        waiting = set()
        for node in self.nodes.values():
            node.tick(now, node.key >> 8 not in self._lost)
            if node.machine and node.machine.waits_turn:
                waiting.add(node.key >> 8)
        for gateway in waiting - self._lost:
            self._give_turn(gateway, now)

    def _give_turn(self, gateway: int, now: float) -> None:
        """Let those of this gateway that wait for a transfer to end go on when it has ended.

        A node that was told to wait is next: it is restarted at once if it is awake. The others are asked for
        a heartbeat, and the first that is heard is restarted.
        """
        waiting = [node for node in self.nodes_of(gateway) if node.machine and node.machine.waits_turn]
        for node in sorted(waiting, key=_asked_at):
            if not self._has_free_turn(node, now):
                continue
            was_told_to_wait = node.asked_at is not None
            node.drive(lambda machine: machine.set_wait_reason(), now)
            if was_told_to_wait and not node.sleeping:
                node.drive(lambda machine: machine.start(now), now)
            else:
                self.effects.actions.append((node.key, RequestHeartbeat()))

    def gateway_lost(self, gateway: int) -> None:
        """The connection to a gateway (`gateways.id`) is gone: silence means nothing now."""
        self._lost.add(gateway)

    def gateway_back(self, gateway: int, now: float) -> None:
        """The connection to a gateway stands again."""
        self._lost.discard(gateway)
        for node in self.nodes_of(gateway):
            node.drive(lambda machine: machine.gateway_back(now), now)
            if node.command:
                node.command.gateway_back(now)

    def nodes_of(self, gateway: int) -> Iterator[OtaNode]:
        """Iterate over the nodes of a gateway."""
        return (node for node in self.nodes.values() if node.key >> 8 == gateway)

    # What the owner asks.

    def holds(self, key: int, command: int | None = None, type: int | None = None) -> bool:
        """True while a message of this command and type must not be sent to the node."""
        return self.node(key).holds(command, type)

    def holds_broadcasts(self, gateway: int) -> bool:
        """True while a broadcast (255) could reach a node of this gateway in its bootloader."""
        return any(node.is_held for node in self.nodes_of(gateway))

    def _has_free_slot(self, node: OtaNode, now: float) -> bool:
        """True when the gateway of this node can carry its transfer beside those of others."""
        others = (other.machine for other in self.nodes_of(node.key >> 8) if other is not node)
        return (
            sum(machine is not None and machine.has_slot(now) for machine in others) < self.settings.at_once
        )

    def _has_free_turn(self, node: OtaNode, now: float) -> bool:
        """True when this node may be made to ask for its image: nobody is there or comes before it."""
        busy = 0
        for other in self.nodes_of(node.key >> 8):
            if other is not node and other.machine is not None:
                is_before = not other.sleeping and _asked_at(other) < _asked_at(node)
                busy += other.machine.keeps_turn(now) or is_before
        return busy < self.settings.at_once

    def take_actions(self) -> list[tuple[int, Action]]:
        """Return (nodes.id, action) since the last call, in order."""
        actions, self.effects.actions = self.effects.actions, []
        return actions

    def take_updates(self) -> list[OtaUpdate]:
        """Return the updates whose rows have changed since the last call, in order of change.

        One without `id` is new: insert it, then set its id.
        """
        updates, self.effects.updates = self.effects.updates, {}
        return list(updates.values())


def _asked_at(node: OtaNode) -> float:
    """When the node was told to wait: those who came first are next, and before all who never asked."""
    return inf if node.asked_at is None else node.asked_at
