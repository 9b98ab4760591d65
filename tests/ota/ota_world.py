"""A gateway's dialogue with virtual time: nodes on the air, an OtaServer, and rows that survive a crash."""

from ingest.mysensors.ota_rows import read_update, update_columns
from ota.actions import (
    Attention,
    CommandChanged,
    Hold,
    Reboot,
    Rejected,
    Release,
    Reported,
    RequestHeartbeat,
    RequestPresentation,
    Send,
)
from ota.image import make_image
from ota.server import OtaServer, StoredFirmware
from ota.settings import OtaSettings
from ota.update import OtaUpdate
from ota.wire import ConfigRequest, comes_from_sketch
from tests.helpers.lossy_air import LossyAir
from tests.helpers.virtual_nodes import BootloaderNode

START = 1_700_000_000.0
DEFAULTS = OtaSettings()


def pattern(size, seed=3):
    """Bytes without long runs, another for each seed."""
    return bytes((7 * i + seed + (i >> 7) * seed) & 255 for i in range(size))


class World:
    """`loss` goes for both directions; each node is sent an ordinary message every `chatter_s`."""

    def __init__(self, nodes, *, loss=0.0, seed=1, settings=DEFAULTS, chatter_s=0.7, commit_s=1.0):
        self.air = LossyAir(nodes, up=loss, down=loss, seed=seed)
        self.nodes = {node.node_id: node for node in nodes}
        self.settings = settings
        self.chatter_s, self.commit_s = chatter_s, commit_s
        self.now = START
        self.rows = {}  # ota_updates
        self.reported = {}  # node -> ConfigRequest
        self.sleepers = set()
        self.firmware = {}
        self.attention, self.rejected, self.sent, self.states = [], [], [], []
        self.connected = True
        self.tamper = None  # a function of a line that is sent, for faults that are not loss
        self.last_commit = self.last_chatter = self.last_tick = START
        self.chatted = 0
        self.guarded = True
        self.server = None
        self.boot()

    def boot(self):
        """A daemon starts: everything it knows comes from the rows."""
        self.server = OtaServer(self.settings)
        for firmware in self.firmware.values():
            self.server.add_firmware(firmware)
        for key, request in self.reported.items():
            self.server.load_node(key, request)
        for key in self.sleepers:
            self.server.load_node(key, self.reported.get(key), sleeping=True)
        updates = [read_update(self.rows[id]) for id in sorted(self.rows)]
        self.server.restore([update for update in updates if update.is_open or update.owed], self.now)

    def kill(self):
        """The daemon is killed: what was not committed is gone, what nodes say is not heard."""
        self.server = None

    def add_firmware(self, type, version, data):
        image = make_image(data)
        id = len(self.firmware) + 1
        firmware = self.firmware[id] = StoredFirmware(id, type, version, image)
        for node in self.nodes.values():
            node.whole_images.append(image.data)
        if self.server:
            self.server.add_firmware(firmware)
        return firmware

    def schedule(self, node, firmware):
        update = OtaUpdate(
            node, firmware.id, firmware.type, firmware.version, id=len(self.rows) + 1, requested_at=self.now
        )
        self.rows[update.id] = update_columns(update)
        self.server.open_update(update, self.now)
        self.commit()
        return update.id

    def state(self, id):
        return self.rows[id]["state"]

    def live(self, id):
        """The update as the daemon has it now, committed or not."""
        for node in self.server.nodes.values():
            for machine in filter(None, [node.machine, *node.unfinished]):
                if machine.update.id == id:
                    return machine.update
        return read_update(self.rows[id])

    def cut(self):
        """The connection to the gateway is lost."""
        self.connected = False
        if self.server:
            self.server.gateway_lost(0)

    def mend(self):
        self.connected = True
        if self.server:
            self.server.gateway_back(0, self.now)

    # The dialogue

    def commit(self):
        for update in self.server.take_updates():
            if update.id is None:
                update.id = len(self.rows) + 1
            self.rows[update.id] = update_columns(update)
            self.states.append((update.id, update.state))
        self.last_commit = self.now

    def transmit(self, line):
        self.sent.append((self.now, line))
        if self.connected:
            self.air.send(self.tamper(line) if self.tamper else line, self.now)

    def act(self):
        for key, action in self.server.take_actions():
            if isinstance(action, Send):
                self.transmit(f"{key};255;4;0;{int(action.type)};{action.payload}\n")
            elif isinstance(action, Reboot):
                self.transmit(f"{key};255;3;0;13;\n")
            elif isinstance(action, RequestPresentation):
                self.transmit(f"{key};255;3;0;19;\n")
            elif isinstance(action, RequestHeartbeat):
                if not self.server.holds(key):
                    self.transmit(f"{key};255;3;0;18;\n")
            elif isinstance(action, Attention):
                self.attention.append((key, action.text))
            elif isinstance(action, Rejected):
                self.rejected.append((key, action.reason))
            elif isinstance(action, Reported):
                assert isinstance(action.request, ConfigRequest)
                self.reported[key] = action.request
            else:
                assert isinstance(action, (Hold, Release, CommandChanged))

    def hear(self, line):
        node, child, command, _, type, payload = line.rstrip("\n").split(";", 5)
        key, child, command, type = int(node), int(child), int(command), int(type)
        if key == 255:
            return
        if command == 4:
            reply = self.server.answer(key, type, payload, self.now)
            self.check_never_broken(key, type, payload, reply)
            if reply:
                self.transmit(f"{key};255;4;0;{int(reply[0])};{reply[1]}\n")
        elif command == 0 and child == 255:
            self.server.presentation_received(key, self.now)
        elif comes_from_sketch(command, type):
            window = int(payload) / 1000 if (command, type) == (3, 32) else None
            if window:
                self.sleepers.add(key)
            self.server.message_received(key, self.now, window)
        self.act()

    def check_never_broken(self, key, type, payload, reply):
        """Over a broken image a bootloader must get an image: its own bytes, or silence, would start it."""
        node = self.nodes[key]
        if type == 0 and isinstance(node, BootloaderNode) and self.guarded:
            flash = bytes(node.flash)
            if not any(flash[: len(image)] == image for image in node.whole_images):
                assert reply and reply[1] != payload[:16], (key, payload, reply)

    def chatter(self):
        """V_HUM and I_TIME: what a bootloader that matches by type number alone takes for an answer."""
        for key in self.nodes:
            if not self.server.holds(key, 1, 1):
                self.chatted += 1
                self.transmit(f"{key};1;1;0;1;45.5\n")
                self.transmit(f"{key};255;3;0;1;1700000000\n")
        self.last_chatter = self.now

    def run(self, seconds, until=None):
        """Let time pass; True as soon as `until()` is."""
        end = self.now + seconds
        while self.now < end:
            if until and until():
                return True
            next_at = min(self.air.next_at(), self.last_tick + 1, self.last_chatter + self.chatter_s, end)
            self.now = max(self.now, next_at)
            for _, line in self.air.advance(self.now):
                if self.server and self.connected:
                    self.hear(line)
            if self.now - self.last_tick >= 1:
                self.last_tick = self.now
                if self.server:
                    self.server.tick(self.now)
                    self.act()
            if self.now - self.last_chatter >= self.chatter_s:
                self.last_chatter = self.now
                if self.server and self.connected:
                    self.chatter()
            if self.server and self.now - self.last_commit >= self.commit_s:
                self.commit()
        return bool(until and until())

    def finish(self, id, seconds=7200):
        """Run until the update is closed; its committed row."""
        self.run(seconds, lambda: self.rows[id]["state"] in ("confirmed", "failed", "cancelled"))
        return self.rows[id]
