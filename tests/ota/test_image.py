"""Intel HEX to image: right images, and every refusal with its line or address."""

from hashlib import sha256
from io import StringIO
from random import Random

import pytest
from intelhex import IntelHex

from ota.image import Image, ImageError, block_limit, image_refusal, make_image, parse_intel_hex
from tests.ota.hex_files import hex_file, mutate, record, slow_crc
from tests.ota.ota_world import pattern

END = ":00000001FF"


@pytest.mark.parametrize(
    ("size", "blocks", "crc"),
    [
        (127, 8, 0x102E),
        (128, 8, None),
        (129, 16, None),
        (256, 16, None),
        (30592, 1912, None),
        (32640, 2040, None),
    ],
)
def test_padding_and_crc(size, blocks, crc):
    data = bytes((7 * i + 3) & 255 for i in range(size))
    image = parse_intel_hex(hex_file({0: data}))
    padded = data + b"\xff" * (-size % 128)
    assert image.data == padded and image.size == size and image.blocks == blocks
    assert image.crc == slow_crc(padded) and crc in (None, image.crc)
    assert image.sha256 == sha256(padded).hexdigest()


FIRST = record(0, b"\1\2\3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (END, "holds no data"),
        (record(0, b"") + "\n" + END, "holds no data"),
        (FIRST, "line 1: the file ends without an end of file record"),
        (FIRST + "\n" + END + "\n" + FIRST, "line 3: a record behind the end of file record in line 2"),
        (FIRST + "\n" + END + "\n" + END, "line 3: a record behind"),
        (FIRST + "\n\n:03000300040506EA\n" + END, "line 3: checksum EA, expected EB"),
        (FIRST[:-1] + "0" + "\n" + END, "line 1: checksum F0, expected F7"),
        ("x" + FIRST + "\n" + END, "line 1: starts with 'x'"),
        (" " + FIRST + "\n" + END, "line 1: starts with ' '"),
        (FIRST + "\n:0300G3000405\n" + END, "line 2: 'G' in column 6 is no hex digit"),
        (FIRST + " \n" + END, "line 1: ' ' in column 18 is no hex digit"),
        (FIRST + "A\n" + END, "line 1: 17 hex digits"),
        (":00\n" + END, "line 1: 1 bytes, the shortest record has 5"),
        (":0400000001020304\n" + END, "line 1: 3 bytes of data, the record announces 4"),
        (record(0, b"", 6) + "\n" + END, "line 1: record type 06 is unknown"),
        (FIRST + "\n" + record(0, b"\1", 1), "line 2: end of file record with 1 bytes of data, it has 0"),
        (record(0, b"\1", 4) + "\n" + END, "line 1: extended linear address record with 1 bytes"),
        (record(4, b"\0\1", 2) + "\n" + END, "line 1: extended segment address record with address 0004"),
        (FIRST + "\n\n" + record(2, b"\1") + "\n" + END, "line 3: address 0x0002 is given twice"),
        (record(0x100, b"\1") + "\n" + END, "start at 0x0100"),
        (record(0, [0, 1], 4) + "\n" + FIRST + "\n" + END, "start at 0x10000"),
        (
            FIRST + "\n" + record(0, [0, 1], 4) + "\n" + record(0, b"\1") + "\n" + END,
            "behind a gap at 0x0003-0xFFFF",
        ),
        (FIRST + "\nMZ\0\n" + END, "line 2: byte 0x00 is not text"),
        ("\ufeff" + FIRST + "\n" + END, "line 1: byte 0xEF is not text"),
        (record(0, [0] * 4, 3) + "\n" + record(0, [0] * 4, 3) + "\n" + FIRST + "\n" + END, "line 2: "),
    ],
)
def test_refusals_with_a_message(text, message):
    with pytest.raises(ImageError) as error:
        parse_intel_hex(text)
    assert message in str(error.value)


def test_refusals_of_whole_files():
    for chunks, message in [
        ({0: pattern(1000), 0x7800: pattern(2048)}, "a bootloader is inside"),
        ({0: pattern(1000), 0x7E00: pattern(512)}, "behind a gap at 0x03E8-0x7DFF"),
        ({0: pattern(1000), 0x7000: pattern(0x900)}, "a bootloader is inside"),
        ({0: pattern(1000), 0x1FC00: pattern(1024)}, "a bootloader is inside"),
        ({0: pattern(1000), 0x3E000: pattern(8192)}, "a bootloader is inside"),
        ({0: pattern(1000), 0x810000: b"\1\2"}, "EEPROM data at 0x810000-0x810001"),
        ({0: pattern(1000), 0x810010: pattern(40)}, "-R .eeprom"),
        ({0x810000: pattern(9)}, "EEPROM data at 0x810000-0x810008"),
        ({0: pattern(1000), 0x7800: pattern(2048), 0x810000: pattern(9)}, "EEPROM data"),
        ({0: pattern(1000), 0x820000: b"\xff\xd6\x05"}, "fuse data at 0x820000-0x820002"),
        ({0: pattern(1000), 0x830000: b"\xcf"}, "lock bit data"),
        ({0: pattern(1000), 0x840000: b"\x0f\x95\x1e"}, "signature data"),
        ({0: pattern(1000), 0x800100: b"\1"}, "RAM data"),
        ({0: pattern(1000), 0x10001014: pattern(4)}, "no AVR has flash memory there"),
        ({0x08000000: pattern(4)}, "no AVR has flash memory there"),
        ({0: pattern(32641)}, "2048 blocks"),
        ({0: pattern(32768)}, "0x7FFF"),
        ({0: pattern(50000)}, "0xC34F"),
    ]:
        with pytest.raises(ImageError, match=message):
            parse_intel_hex(hex_file(chunks))
    assert parse_intel_hex(hex_file({0: pattern(1000), 0x7000: pattern(0x800)})).blocks == 1920
    assert parse_intel_hex(hex_file({0: pattern(0x7900)})).blocks == 1936
    with pytest.raises(ImageError, match="characters"):
        parse_intel_hex("\n" * (1 << 21))
    with pytest.raises(ImageError, match="not text"):
        parse_intel_hex(bytes(range(256)))


def test_limits_of_bootloaders():
    assert (
        block_limit(0x0301) == 1912
        and block_limit(0x0003) == block_limit(0x0103) == block_limit(None) == 2047
    )
    largest, too_large = make_image(bytes(30592)), make_image(bytes(30593))
    assert image_refusal(largest.blocks, 0x0301) is None and "1912" in image_refusal(too_large.blocks, 0x0301)
    assert image_refusal(too_large.blocks, 0x0003) is None and image_refusal(too_large.blocks, None) is None
    assert (
        "12 bytes" in image_refusal(largest.blocks, 0x0103, 12)
        and image_refusal(largest.blocks, 0x0103, 8) is None
    )


def test_a_thousand_mutated_files():
    random = Random(7)
    messages = []
    for _ in range(1000):
        size = random.choice([1, 40, 128, 300, 2000])
        chunks = {0: random.randbytes(size)}
        if random.random() < 0.3:
            chunks[size + random.randrange(1, 400)] = random.randbytes(50)
        text = mutate(hex_file(chunks, random.choice([8, 16, 32]), random.choice(["\n", "\r\n"])), random)
        try:
            image = parse_intel_hex(text)
        except ImageError as error:
            messages.append(str(error))
            continue
        assert isinstance(image, Image)
        theirs = IntelHex()
        theirs.loadhex(StringIO(text.replace("\r\n", "\n").replace("\r", "\n")))
        assert theirs.minaddr() == 0 and END in text.upper()
        flat = bytearray(b"\xff" * (-(-(theirs.maxaddr() + 1) // 128) * 128))
        for address in theirs.addresses():
            flat[address] = theirs[address]
        assert image.data == flat and image.crc == slow_crc(flat) and image.blocks == len(flat) // 16
    assert 500 < len(messages) < 1000
    for message in messages:
        assert message[0].islower() or message[0].isdigit()
        assert any(word in message for word in ("line ", "0x", "file", "character"))
