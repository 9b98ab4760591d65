"""Blocks that are sent before their request is decoded: answers are the same however the bytes are cut."""

import random
from dataclasses import dataclass, field

import pytest

from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.ota_session import OtaService
from ingest.mysensors.settings import GatewayOptions
from ota.image import make_image
from ota.server import StoredFirmware
from ota.settings import OtaSettings
from ota.update import OtaUpdate

IMAGES = {
    3: make_image(bytes((7 * i + 3) & 255 for i in range(700))),
    4: make_image(bytes(600) + bytes(range(256))),
}
# Node id -> BLVersion as it stands in a request: library OTA 3.0, MYSBootloader 1.3, library OTA 3.1 (runs).
BOOTLOADERS = {7: "0300", 8: "0103", 9: "0301"}


@dataclass
class Radio:
    """A gateway as its OTA session sees it: what is written stays here."""

    number: int = 0
    settings: GatewayOptions = field(default_factory=lambda: GatewayOptions("main", tcp="x:1"))
    transmitter: Transmitter = field(default_factory=Transmitter)

    def is_sleeping(self, node_id):
        return False

    def opens_window(self, node_id):
        return False

    def ask_heartbeat(self, node_id):
        pass

    def expect_presentation(self, node_id):
        pass


class Dialogue:
    """The bytes of one gateway, answered as by Gateway.data_received; without `early` line by line."""

    def __init__(self, early=True):
        self.early, self.sent = early, []
        radio = Radio()
        radio.transmitter.write = self.sent.append
        self.service = OtaService(OtaSettings(at_once=9), lambda record: None, lambda: None)
        self.session = self.service.join(radio)
        self.session.connected()
        self.decoder = LineDecoder()
        for version, image in IMAGES.items():
            self.service.server.add_firmware(StoredFirmware(version, 10, version, image))

    def schedule(self, node, version):
        now = self.service.now()
        update = OtaUpdate(node, version, 10, version, id=100 * node + version, requested_at=now)
        self.service.server.open_update(update, now)
        self.session.watch_all()

    def receive(self, data):
        """Returns whether a line was answered before it was decoded."""
        before = len(self.sent)
        if self.early and self.decoder.is_at_line_start:
            self.session.answer_early(data)
        is_early = len(self.sent) > before
        messages, _ = self.decoder.decode_block(data)
        if messages:
            self.session.receive(messages)
        return is_early

    def answers(self):
        return [line for line in self.sent if b";255;4;0;" in line]


def request(node, version, block):
    return f"{node};255;4;0;2;0A00{version:02X}00{block.to_bytes(2, 'little').hex().upper()}\n".encode()


def config(node, version=2, blocks=64):
    return f"{node};255;4;0;0;0A00{version:02X}00{blocks:02X}00FFFF{BOOTLOADERS[node]}\n".encode()


def in_transfer(node=7, version=3):
    """A dialogue whose node asked for one block: the next ones are answered early."""
    dialogue = Dialogue()
    dialogue.schedule(node, version)
    assert not dialogue.receive(config(node))
    assert not dialogue.receive(request(node, version, 40))
    dialogue.sent.clear()
    return dialogue


def block(node, version, number):
    data = number.to_bytes(2, "little") + IMAGES[version].data[16 * number : 16 * number + 16]
    return f"{node};255;4;0;3;0A00{version:02X}00{data.hex().upper()}\n".encode()


def test_a_block_is_sent_once_before_the_lines_in_front_of_it_are_read():
    dialogue = in_transfer()
    assert dialogue.receive(b"12;1;1;0;0;20.5\n" * 10 + request(7, 3, 39) + b"12;1;1;0;0;20.5\n12;1")
    assert dialogue.sent == [block(7, 3, 39)]
    dialogue.receive(b";1;0;0;20.5\n")
    assert dialogue.service.server.node(7).machine.update.block == 39, "it is counted as ever"
    assert dialogue.receive(request(7, 3, 39))
    assert dialogue.sent == 2 * [block(7, 3, 39)], "a repeated request has an answer of its own"
    assert dialogue.receive(request(7, 3, 38) * 2 + request(7, 3, 37))
    assert dialogue.sent[2:] == [block(7, 3, 38), block(7, 3, 38), block(7, 3, 37)]
    assert dialogue.service.server.node(7).machine.update.repeats == 2


@pytest.mark.parametrize(
    "data",
    [
        b"2;255;4;0;0;0A000300\n" + request(7, 3, 39),  # another stream message comes first
        b"1;1;1;0;47;x;4;0;y\n" + request(7, 3, 39),  # what could be one
        request(7, 3, 39).replace(b"\n", b"\r\n"),
        request(7, 3, 39).replace(b"A", b"a"),
        request(7, 3, 39).replace(b"\n", b"00\n"),  # bytes behind the request are ignored
    ],
)
def test_what_is_not_certain_waits_until_it_is_decoded(data):
    dialogue = in_transfer()
    assert not dialogue.receive(data)
    assert dialogue.answers() == [block(7, 3, 39)]
    assert dialogue.receive(request(7, 3, 38)), "of the next one nothing is left over"
    assert dialogue.answers() == [block(7, 3, 39), block(7, 3, 38)]


@pytest.mark.parametrize("digits", [b"27 0", b"2G00", b"-100", b"\xc3\xa900", b"ffff"])
def test_no_digits_and_no_block_of_the_image_are_answered_with_nothing(digits):
    dialogue = in_transfer()
    dialogue.receive(b"7;255;4;0;2;0A000300" + digits + b"\n")
    assert dialogue.sent == []
    dialogue.receive(request(7, 3, 38))
    assert dialogue.sent == [block(7, 3, 38)]


def test_the_end_of_another_line_is_no_request():
    dialogue = in_transfer()
    dialogue.receive(b"17;255;4;0;2;0A0003002600\n1")
    assert not dialogue.receive(request(7, 3, 39)), "that is 17;255;..."
    dialogue.receive(request(7, 3, 39)[:-1])
    assert not dialogue.receive(b"00\n")
    assert dialogue.sent == [block(7, 3, 39)]


@pytest.mark.parametrize("step", [-1, 1])
def test_the_next_block_is_ready_in_the_direction_of_the_node(step):
    dialogue = in_transfer()
    for number in (20, 20 + step):
        dialogue.receive(request(7, 3, number))
    (transfer,) = dialogue.session._early._transfers.values()
    assert list(transfer.ready.values()) == [block(7, 3, 20 + step), block(7, 3, 20 + 2 * step)]
    assert dialogue.receive(request(7, 3, 20 + 2 * step))
    assert dialogue.receive(request(7, 3, 20 + 2 * step).replace(b"A", b"a")) is False


def test_what_is_ready_counts_for_this_image_in_blocks_of_this_size_alone():
    dialogue = in_transfer(9, 3)
    machine = dialogue.service.server.node(9).machine
    eight = config(9).replace(b"\n", b"0800FFFFFFFFFFFF\n")  # library OTA 3.1 with blocks of 8 bytes
    assert machine.source.blocks == IMAGES[3].blocks
    dialogue.receive(eight)
    assert machine.source.blocks == 2 * IMAGES[3].blocks
    dialogue.sent.clear()
    assert dialogue.receive(request(9, 3, 39))
    half = IMAGES[3].data[8 * 39 : 8 * 40].hex().upper().encode()
    assert dialogue.sent == [b"9;255;4;0;3;0A0003002700" + half + b"\n"]


def test_a_line_that_goes_on_is_no_request_yet():
    dialogue = in_transfer()
    assert not dialogue.receive(request(7, 3, 39)[:-1] + b"0")
    assert not dialogue.receive(b"0\n")
    assert dialogue.answers() == [block(7, 3, 39)]


def test_runs_are_sent_early_too():
    dialogue = in_transfer(9, 4)
    assert dialogue.receive(request(9, 4, 30))
    assert dialogue.sent == [b"9;255;4;0;7;0A0004001E001F0000\n"], "31 blocks of zeros, from 30 downwards"


def test_an_update_that_was_replaced_or_whose_node_is_gone_sends_nothing():
    dialogue = in_transfer(8)
    dialogue.schedule(8, 4)
    assert not dialogue.receive(request(8, 3, 39))
    dialogue = in_transfer(8)
    dialogue.service.server.cancel(8, dialogue.service.now(), "by hand")
    assert dialogue.receive(request(8, 3, 39)), "a part is in its flash: the rest is still sent"
    dialogue.session.forget(8)
    assert not dialogue.receive(request(8, 3, 38))
    assert dialogue.answers() == [block(8, 3, 39)]


def test_a_request_behind_the_presentation_that_ends_its_update_leaves_nothing_over():
    """The block is sent although the update ends with the line before; the answer after it is sent, too."""
    dialogue = in_transfer()
    dialogue.receive(request(7, 3, 0))
    matching = f"7;255;4;0;0;0A0003002C00{IMAGES[3].crc.to_bytes(2, 'little').hex().upper()}0300\n".encode()
    dialogue.receive(matching.replace(b"2C00", IMAGES[3].blocks.to_bytes(2, "little").hex().upper().encode()))
    assert dialogue.service.server.node(7).machine.update.matched_at
    dialogue.sent.clear()
    assert dialogue.receive(b"7;255;0;0;17;2.3.2\n" + request(7, 3, 39))
    assert dialogue.service.server.node(7).machine is None
    dialogue.receive(config(7))
    assert [line[:12] for line in dialogue.sent] == [b"7;255;4;0;3;", b"7;255;4;0;1;"]


@pytest.mark.parametrize("seed", range(20))
def test_answers_are_the_same_however_bytes_are_cut(seed):
    """Three kinds of nodes, two images, noise and other traffic, in pieces of one byte to many lines."""
    drawn = random.Random(seed)
    lines, at = [config(node) for node in BOOTLOADERS], dict.fromkeys(BOOTLOADERS, 40)
    for _ in range(1000):
        node = drawn.choice((7, 8, 9))
        version = drawn.choice((4, 4, 4, 3) if node == 9 else (3, 3, 3, 4))
        kinds = {
            request(node, version, at[node]): 10,
            config(node, drawn.choice((2, version))): 1,
            f"{node};1;1;0;0;20.5\n".encode(): 3,
            f"{node};255;4;0;2;0A00{version:02x}0001{drawn.choice(('0', '00', '0000', 'XX'))}\n".encode(): 1,
            f"{node};1;1;0;47;7;255;4;0;2;0A0003002700\n".encode(): 1,
            b"\xff;255;4;0;2;0A0003002700\n": 1,
        }
        lines += drawn.choices(list(kinds), kinds.values())
        if lines[-1] == request(node, version, at[node]) and drawn.random() < 0.9:  # else it asks once more
            at[node] = at[node] - 1 if drawn.random() < 0.9 and at[node] else drawn.randrange(60)
    whole, cut = Dialogue(early=False), Dialogue()
    for dialogue in (whole, cut):
        for node in BOOTLOADERS:
            dialogue.schedule(node, 4 if node == 9 else 3)
    for line in lines:
        whole.receive(line)
    data, early = b"".join(lines), 0
    while data:
        size = len(b"".join(data.splitlines(True)[: drawn.randrange(1, 4)]))
        if drawn.random() < 0.2:
            size = drawn.randrange(1, 200)
        early += cut.receive(data[:size])
        data = data[size:]
    assert cut.answers() == whole.answers()
    assert len(whole.answers()) > 250
    assert early > 10
