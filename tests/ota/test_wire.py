"""Stream payloads: the vectors known from other servers and from real nodes, and what is refused."""

import pytest

from ota.actions import Rejected
from ota.image import parse_intel_hex
from ota.server import OtaServer, StoredFirmware
from ota.settings import OtaSettings
from ota.update import OtaUpdate
from ota.wire import (
    BootloaderCommand,
    BootloaderKind,
    CommandError,
    FirmwareConfig,
    WireError,
    bootloader_kind,
    comes_from_sketch,
    describe_bootloader,
    describe_config,
    format_block,
    format_command,
    format_config,
    format_run,
    parse_block_request,
    parse_config_request,
)

HEX = ":100000000C94AC030C9491240C94B8240C94D40359\n:00000001FF\n"


@pytest.mark.parametrize(
    ("payload", "config", "bootloader", "kind"),
    [
        ("01000200B00626E80300", (1, 2, 0x06B0, 0xE826), 0x0003, BootloaderKind.LIBRARY),
        ("FFFFFFFFFFFFFFFF0300", (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), 0x0003, BootloaderKind.LIBRARY),
        ("FFFFFFFFFFFFFE400103", (0xFFFF, 0xFFFF, 0xFFFF, 0x40FE), 0x0301, BootloaderKind.MYSBOOTLOADER),
        ("0A0003000000FFFF0103", (10, 3, 0, 0xFFFF), 0x0301, BootloaderKind.MYSBOOTLOADER),
        ("0a0003002000d7950103", (10, 3, 32, 0x95D7), 0x0301, BootloaderKind.MYSBOOTLOADER),
    ],
)
def test_config_request_of_10_bytes(payload, config, bootloader, kind):
    request = parse_config_request(payload)
    assert request.config == config and request.bootloader == bootloader and request.kind is kind
    assert request.block_size == 16 and request.committed is None


def test_config_request_of_18_bytes():
    request = parse_config_request("0A0003004000D795" + "0301" + "08" + "02" + "0700" + "EFBEADDE")
    assert request.config == (10, 3, 64, 0x95D7) and request.kind is BootloaderKind.LIBRARY_31
    assert (request.block_size, request.committed, request.revision, request.build) == (8, 2, 7, 0xDEADBEEF)


def test_config_request_between_10_and_18_bytes_is_read_as_10():
    assert parse_config_request("0A0003004000D795" + "0103" + "FFFFFF").block_size == 16


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "0 bytes"),
        ("0A000300", "4 bytes"),
        ("0A0003000000FFFF01", "9 bytes"),
        ("0A0003000000FFFF010", "19 hex digits"),
        ("0A0003000000FFFF01XX", "not hex"),
        ("0A 003000000FFFF0103", "not hex"),
        ("à" * 20, "not hex"),
        ("00" * 26, "26 bytes"),
    ],
)
def test_junk_is_an_error(payload, message):
    with pytest.raises(WireError, match=message):
        parse_config_request(payload)


def test_block_request():
    assert parse_block_request("010001000700") == (1, 1, 7)
    assert parse_block_request("0a00FFff0001") == (10, 0xFFFF, 256)
    for payload in ("", "0100010007", "01000100070", "0100010007zz"):
        with pytest.raises(WireError):
            parse_block_request(payload)


def test_answers():
    assert format_config(FirmwareConfig(1, 1, 8, 0x016A)) == "0100010008006A01"
    assert format_block(1, 1, 7, b"\xff" * 16) == "010001000700" + "FF" * 16
    assert format_run(10, 3, 0x0123, 0x0102, 0xAB) == "0A00030023010201AB"


def test_bootloader_commands():
    assert format_command(BootloaderCommand.ERASE_EEPROM) == "0100000000007ADA"
    assert format_command(BootloaderCommand.SET_NODE_ID, 9) == "0200090000007ADA"
    assert format_command(BootloaderCommand.SET_NODE_ID, 99) == "0200630000007ADA"
    assert format_command(BootloaderCommand.SET_PARENT, 7) == "0300070000007ADA"
    assert format_command(BootloaderCommand.SET_PARENT, 11) == "03000B0000007ADA"
    for command, value in ((1, 1), (2, 0), (2, 255), (3, 255), (3, -1), (4, 0)):
        with pytest.raises(CommandError, match="number from" if command < 4 else "unknown"):
            format_command(command, value)


def test_bootloader_kinds():
    kinds = {
        0x0301: BootloaderKind.MYSBOOTLOADER,
        0x0201: BootloaderKind.MYSBOOTLOADER,
        0x0101: BootloaderKind.MYSBOOTLOADER,
        0x0003: BootloaderKind.LIBRARY,
    }
    kinds |= {
        0x0103: BootloaderKind.LIBRARY_31,
        0x0203: BootloaderKind.LIBRARY_31,
        0x0002: BootloaderKind.UNKNOWN,
        None: BootloaderKind.UNKNOWN,
    }
    for bootloader, kind in kinds.items():
        assert bootloader_kind(bootloader) is kind
    assert (
        describe_bootloader(0x0301) == "MYSBootloader 1.3"
        and describe_bootloader(0x0103) == "library OTA 3.1"
    )


def test_what_proves_that_a_sketch_runs():
    assert comes_from_sketch(1, 0) and comes_from_sketch(3, 32) and comes_from_sketch(0, 17)
    assert not comes_from_sketch(4, 0) and not comes_from_sketch(3, 3) and not comes_from_sketch(3, 7)


@pytest.fixture
def server():
    """The job of pymysensors' tests: node 1, type 1, version 1."""
    server = OtaServer(OtaSettings())
    server.add_firmware(StoredFirmware(1, 1, 1, parse_intel_hex(HEX)))
    server.open_update(OtaUpdate(1, 1, 1, 1, id=1), 0)
    return server


CONFIG = (1, "0100010008006A01")


def test_a_job_of_another_server(server):
    assert server.answer(1, 0, "01000200B00626E80300", 0) == CONFIG
    assert server.answer(1, 0, "01000200B00626E80300", 1) == CONFIG
    assert server.answer(1, 0, "02000200b00626e80300", 2) == CONFIG
    for block in range(7, 0, -1):
        assert server.answer(1, 2, f"01000100{block:02}00", 3) == (3, f"01000100{block:02}00" + "FF" * 16)
    last = (3, "0100010000000C94AC030C9491240C94B8240C94D403")
    assert server.answer(1, 2, "010001000000", 4) == last
    assert server.answer(1, 2, "010001000000", 4) == last, "a repeated request is answered again"
    assert server.answer(1, 0, "01000200B00626E80300", 5) == CONFIG, "after blocks, too"


def test_what_is_not_the_job_is_not_served(server):
    server.answer(1, 0, "01000200B00626E80300", 0)
    for payload in ("010001000800", "01000100FFFF", "020001000700", "010002000700", "0100010007", "junk"):
        assert server.answer(1, 2, payload, 1) is None
    assert server.answer(2, 2, "010001000700", 1) is None
    assert [action.payload for _, action in server.take_actions() if isinstance(action, Rejected)] == [
        "0100010007",
        "junk",
    ]


def test_other_stream_types_are_left_alone(server):
    for type in (1, 3, 4, 5, 6, 7, 200):
        assert server.answer(1, type, "010001000700", 1) is None


@pytest.mark.parametrize(
    "payload",
    [
        "01000200B00626E80300",
        "FFFFFFFFFFFFFFFF0300",
        "FFFFFFFFFFFFFE400103",
        "0A0003004000D7950301080207000000000000"[:36],
    ],
)
def test_nothing_to_be_done_echoes_the_nodes_own_bytes(server, payload):
    assert server.answer(5, 0, payload.lower(), 0) == (1, payload[:16])
    assert server.answer(5, 0, payload, 0) == (1, payload[:16]), "never de-duplicated"


def test_blocks_0_without_an_image_is_silence_and_a_word_to_a_person(server):
    assert server.answer(5, 0, "0A0003000000FFFF0103", 0) is None
    assert [type(action).__name__ for _, action in server.take_actions()] == ["Attention", "Hold", "Reported"]
    assert server.answer(1, 0, "0A0003000000FFFF0103", 0) == CONFIG


@pytest.mark.parametrize(
    ("payload", "runs"),
    [
        ("FFFFFFFFFFFFFFFF0300", "empty"),  # a library node whose EEPROM is erased
        ("FFFFFFFFFFFFFE400103", "empty"),  # MYSBootloader computes the CRC over all of the flash
        ("FFFFFFFFFFFF000002030000FFFF00000000", "empty"),
        ("FFFFFFFF4000D7950103", "flashed by cable"),  # after a serial upload
        ("0A0003000000FFFF0103", "no valid image of 10/3"),  # after a wrong CRC
        ("0A0003004000D7950103", "10/3"),
        ("FFFF03004000D7950103", "65535/3"),
    ],
)
def test_what_a_node_runs_as_text(payload, runs):
    assert describe_config(parse_config_request(payload).config) == runs
