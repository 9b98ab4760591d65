"""What every node is answered, from memory: the hot path of firmware updates, and the way of all other events.

One OtaServer serves all gateways. Nodes are named by `nodes.id`, that is 256 * gateways.id + node_id. Nothing here waits,
reads a clock or touches a disk. The owner sends what `answer` returns before anything else, then does what
`take_actions` and `take_updates` say.

A configuration request is always answered: with the image while an update is open or a part of it may be in the node's
flash, else with the node's own 8 bytes, which make MYSBootloader start its sketch at once. The one exception: a node
that reports blocks 0 runs nothing whole; where no image for it is known, silence and a word to a person are left.
The file is long because all that decides what may be sent to a node stands here.
"""

from dataclasses import dataclass, field

from ota.actions import Attention, CommandChanged, Hold, Reboot, Record, Rejected, Release, Reported
from ota.command import CommandOrder
from ota.image import Image
from ota.update import CONFIRMED, FAILED, OFFERED, REBOOTING, TRANSFERRING, VERIFYING, OtaUpdate, Settings
from ota.update_machine import STALE_S, UpdateMachine
from ota.wire import (
    BootloaderKind,
    ConfigRequest,
    StreamType,
    WireError,
    format_config,
    parse_block_request,
    parse_config_request,
)

RELEASE_S = 60  # a hold ends after so much silence, unless the node is in its bootloader
SKETCH_S = 2  # a message of the sketch this long after the last stream request was not on its way before it
SETTLE_S = 60  # an answer that offered an image may still be on its way
NO_ORDERS = {13, 19}  # I_REBOOT, I_PRESENTATION: each ends a transfer of a library node


@dataclass(frozen=True)
class StoredFirmware:
    """A stored firmware."""

    id: int
    type: int
    version: int
    image: Image


@dataclass
class OtaNode:
    """What is known of a node."""

    key: int
    request: ConfigRequest | None = None  # its last one
    sleeping: bool = False
    machine: UpdateMachine | None = None  # the open update
    unfinished: list = field(default_factory=list)  # closed updates whose image may be in the flash in part
    command: CommandOrder | None = None
    held_at: float | None = None
    reboot_at: float | None = None
    spoke_at: float = 0.0  # last stream request
    attention: str | None = None

    def machines(self):
        return ([self.machine] if self.machine else []) + self.unfinished

    def in_bootloader(self):
        """True when an update may keep the node in MYSBootloader for as long as it takes."""
        update = self.machine.update if self.machine else None
        return bool(update and update.owed and update.state in (OFFERED, TRANSFERRING, VERIFYING))


class OtaServer:
    """Answers, events, holds. `at_once` is the number of transfers that a gateway carries at a time."""

    def __init__(self, settings=Settings(), at_once=1):
        self.settings = settings
        self.at_once = at_once
        self.nodes = {}
        self.firmware = {}  # firmware.id -> StoredFirmware
        self.actions = []
        self.changed = {}  # id(update) -> OtaUpdate, in order of change

    # What there is

    def put_firmware(self, id, type, version, image):
        """A stored firmware, at start or after an upload."""
        self.firmware[id] = StoredFirmware(id, type, version, image)

    def drop_firmware(self, id):
        """A deleted firmware; its owner makes sure that `uses_firmware` is False."""
        self.firmware.pop(id, None)

    def uses_firmware(self, id):
        """True while an update needs these bytes: the firmware is not to be replaced or deleted."""
        return any(m.update.firmware == id for node in self.nodes.values() for m in node.machines())

    def node(self, key):
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = OtaNode(key)
        return node

    def know_node(self, key, request=None, sleeping=False):
        """What the database knows of a node: its last ConfigRequest, and whether it sends sleep notifications."""
        node = self.node(key)
        node.request, node.sleeping = request or node.request, sleeping

    def restore(self, updates, now):
        """At start: every OtaUpdate whose row is open or `owed`, oldest first. Their nodes may be in their bootloaders."""
        for update in updates:
            if update.firmware not in self.firmware:
                update.state, update.reason, update.finished_at = (
                    FAILED,
                    "its firmware is no longer stored",
                    now,
                )
                self.changed[id(update)] = update
                self.attend(self.node(update.node), "the firmware of its update is no longer stored")
                continue
            self.open(update, now)
            self.hold(self.node(update.node), now)

    def open(self, update, now):
        """Take a new update on. Its node need not be known.

        An open update of the same node is cancelled as replaced. Raises KeyError when its firmware is not there.
        """
        node = self.node(update.node)
        machine = UpdateMachine(
            update, self.firmware[update.firmware].image, self.settings, node.sleeping, now
        )
        if not update.is_open:
            if update.owed:
                node.unfinished.insert(0, machine)
            return machine
        if node.request is not None and update.bootloader is None:
            machine.know(node.request)
        if node.machine:
            node.machine.cancel(now, f"replaced by an update to {update.type}/{update.version}")
            self.settle(node, node.machine, now)
        node.machine = machine
        machine.wait()
        machine.record()
        self.settle(node, machine, now)
        return machine

    def order(self, order):
        """Take a bootloader command on. Raises ValueError while an update of the node is open or unfinished."""
        node = self.node(order.node)
        if node.machines():
            raise ValueError("an update of this node is under way")
        node.command = order

    def cancel(self, key, now, reason):
        """Cancel the open update of a node; its command too."""
        node = self.node(key)
        if node.command:
            node.command.state, node.command.reason = "failed", reason
            self.actions.append((key, CommandChanged(node.command)))
            node.command = None
        if node.machine:
            machine = node.machine
            machine.cancel(now, reason)
            self.settle(node, machine, now)

    # What nodes ask

    def answer(self, key, stream_type, payload, now):
        """(StreamType, hex payload) to send to the node at once, or None. Never raises.

        `stream_type` is the type of the C_STREAM message that the node sent. Each request has one answer of its own,
        also when its text equals the one before: a node repeats what was lost.
        """
        node = self.nodes.get(key) or self.node(key)
        try:
            if stream_type == StreamType.ST_FIRMWARE_REQUEST:
                request = parse_block_request(payload)
                for machine in [node.machine] if node.machine else node.unfinished:
                    reply = machine.block_request(now, *request)
                    if reply:
                        self.in_stream(node, machine.update.kind, now)
                        self.settle(node, machine, now)
                        return reply
                if node.request is not None:
                    self.in_stream(node, node.request.kind, now)
            elif stream_type == StreamType.ST_FIRMWARE_CONFIG_REQUEST:
                request = parse_config_request(payload)
                node.request = request
                reply = self.configuration(node, request, now)
                self.in_stream(node, request.kind, now)
                self.actions.append((key, Reported(request)))
                return (StreamType.ST_FIRMWARE_CONFIG_RESPONSE, reply) if reply else None
        except WireError as error:
            self.actions.append((key, Rejected(payload, str(error))))
        return None

    def configuration(self, node, request, now):
        """The payload that answers a configuration request, or None where silence is right."""
        config = request.config
        if node.machine:
            machine = node.machine
            offer = machine.config_request(now, request)
            self.settle(node, machine, now)
            if offer:
                self.forget(node, request, now)
                return format_config(offer)
        for machine in node.unfinished:
            offer = machine.offer
            if config == offer or (config.type, config.version) == (offer.type, offer.version):
                offer = machine.config_request(now, request)
                self.settle(node, machine, now)
                return format_config(offer)
        self.forget(node, request, now)
        if config.blocks == 0:
            return self.repair(node, request, now)
        node.attention = None
        if node.command:
            payload = node.command.answer(request)
            if payload:
                self.actions.append((node.key, CommandChanged(node.command)))
                node.command = None
                return payload
        return format_config(config)

    def forget(self, node, request, now):
        """A node whose configuration names another image has no part of the owed ones."""
        for machine in list(node.unfinished):
            update = machine.update
            named = (request.config.type, request.config.version) == (update.type, update.version)
            if not named and now - (update.offered_at or 0) >= SETTLE_S:
                update.owed = 0
                machine.record()
                self.settle(node, machine, now)

    def repair(self, node, request, now):
        """The node runs nothing whole and no update is open: give it the stored image that it names, if any."""
        named = (request.config.type, request.config.version)
        stored = next((f for f in self.firmware.values() if (f.type, f.version) == named), None)
        if stored is None or request.kind is not BootloaderKind.MYSBOOTLOADER:
            words = (
                f"the node reports no whole image (type {named[0]}, version {named[1]}): schedule an update"
            )
            self.attend(node, words)
            return None
        update = OtaUpdate(node.key, stored.id, *named, requested_at=now, requested_by="voltkeeper")
        machine = self.open(update, now)
        offer = machine.config_request(now, request)
        if update.is_open:
            update.reason = "the node reported that it holds no whole image"
        self.settle(node, machine, now)
        return format_config(offer) if offer else None

    def in_stream(self, node, kind, now):
        """The node has just sent a stream request."""
        node.spoke_at = now
        if kind is BootloaderKind.MYSBOOTLOADER:
            self.hold(node, now)

    # What else happens

    def heard(self, key, now, window=None):
        """The node's sketch sent a message (`wire.comes_from_sketch`), other than its presentation.

        `window`: seconds that the node stays awake from now on, when this was I_PRE_SLEEP_NOTIFICATION (its payload
        is in milliseconds) or, for a library 2.0 or 2.1 that sleeps, I_HEARTBEAT_RESPONSE.
        """
        node = self.nodes.get(key)
        if node is None:
            if window is None:
                return
            node = self.node(key)
        node.sleeping = node.sleeping or window is not None
        rebooted = node.reboot_at
        if node.machine:
            machine = node.machine
            machine.heard(now, window, self.may_start(key >> 8, now, machine))
            self.settle(node, machine, now)
        elif node.command and (window is not None or not node.sleeping):
            if node.command.wants_reboot(now):
                self.hold(node, now)
                node.reboot_at = now
                self.actions.append((key, Reboot()))
            if not node.command.is_open or node.reboot_at == now:
                self.actions.append((key, CommandChanged(node.command)))
            if not node.command.is_open:
                node.command = None
        if node.held_at is not None and node.reboot_at == rebooted:
            quiet = now - max(node.spoke_at, node.held_at)
            recent = rebooted is not None and rebooted > node.spoke_at
            if quiet >= (self.settings.effect_s if recent or node.in_bootloader() else SKETCH_S):
                self.release(node)

    def presented(self, key, now):
        """The node presented itself (C_PRESENTATION, child 255)."""
        node = self.nodes.get(key)
        if node is None:
            return
        stale = (
            node.reboot_at is not None
            and node.spoke_at < node.reboot_at
            and 0 <= now - node.reboot_at < STALE_S
        )
        if node.machine:
            machine = node.machine
            machine.presented(now)
            self.settle(node, machine, now)
        if not stale:
            self.release(node)

    def asked(self, key, now):
        """Somebody's order asked the node for its presentation."""
        node = self.nodes.get(key)
        if node and node.machine:
            node.machine.asked(now)
            self.settle(node, node.machine, now)

    def tick(self, now):
        """Time has passed; once a second is enough."""
        for node in list(self.nodes.values()):
            if node.machine:
                machine = node.machine
                machine.tick(now)
                self.settle(node, machine, now)
            if node.held_at is not None and not node.in_bootloader():
                if now - max(node.held_at, node.spoke_at, node.reboot_at or 0.0) >= RELEASE_S:
                    self.release(node)

    def gateway_lost(self, gateway, now):
        """The connection to a gateway (`gateways.id`) is gone: silence says nothing now."""
        for node in self.nodes.values():
            if node.machine and node.key >> 8 == gateway:
                node.machine.gateway_lost(now)

    def gateway_back(self, gateway, now):
        """The connection stands again."""
        for node in self.nodes.values():
            if node.machine and node.key >> 8 == gateway:
                node.machine.gateway_back(now)

    # What the owner asks

    def holds(self, key, command=None, type=None):
        """True while a message of this command and type must not be sent to the node: keep it, or let it expire."""
        node = self.nodes.get(key)
        if node is None:
            return False
        if node.held_at is not None:
            return True
        update = node.machine.update if node.machine else None
        under_way = update is not None and update.state in (REBOOTING, OFFERED, TRANSFERRING, VERIFYING)
        return under_way and command == 3 and type in NO_ORDERS

    def holds_any(self, gateway):
        """True while a node of this gateway may be in its bootloader: a broadcast (255) would reach it, keep it."""
        return any(node.held_at is not None for node in self.nodes.values() if node.key >> 8 == gateway)

    def may_start(self, gateway, now, machine=None):
        """True when one more transfer may begin on this gateway."""
        busy = sum(
            node.machine is not machine and node.machine.is_busy(now)
            for node in self.nodes.values()
            if node.machine and node.key >> 8 == gateway
        )
        return busy < self.at_once

    def take_actions(self):
        """[(nodes.id, action)] since the last call, in order; Record is not among them."""
        actions, self.actions = self.actions, []
        return actions

    def take_updates(self):
        """The Updates whose rows have changed since the last call. One without `id` is new: insert it, set its id."""
        changed, self.changed = self.changed, {}
        return list(changed.values())

    def settle(self, node, machine, now):
        """Pass the actions of a machine on, and file it where it belongs."""
        for action in machine.actions:
            if isinstance(action, Record):
                self.changed[id(machine.update)] = machine.update
                continue
            if isinstance(action, Attention):
                self.attend(node, action.text)
                continue
            if isinstance(action, Hold):
                self.hold(node, now)
                continue
            if isinstance(action, Reboot):
                node.reboot_at = now
            self.actions.append((node.key, action))
        machine.actions.clear()
        update = machine.update
        if update.state == CONFIRMED:
            node.attention = None
        if not update.is_open and machine is node.machine:
            node.machine = None
            if update.owed:
                node.unfinished.insert(0, machine)
        elif not update.owed and machine in node.unfinished:
            node.unfinished.remove(machine)

    def hold(self, node, now):
        if node.held_at is None:
            self.actions.append((node.key, Hold()))
        node.held_at = now

    def release(self, node):
        if node.held_at is not None:
            node.held_at = None
            self.actions.append((node.key, Release()))

    def attend(self, node, text):
        if node.attention != text:
            node.attention = text
            self.actions.append((node.key, Attention(text)))
