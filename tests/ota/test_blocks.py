"""Blocks of an image in either size, and runs of equal bytes."""

import pytest

from ota.blocks import BlockSource, count_runs
from ota.image import make_image
from tests.ota.ota_world import pattern


@pytest.mark.parametrize("size", [127, 128, 129, 30592])
@pytest.mark.parametrize("block_size", [8, 16])
def test_all_blocks_are_the_image(size, block_size):
    image = make_image(pattern(size))
    source = BlockSource(image, 10, 3, block_size)
    assert source.blocks == len(image.data) // block_size
    assert source.config == (10, 3, source.blocks, image.crc)
    data = b""
    for block in range(source.blocks):
        (type, payload), lowest = source.answer(block)
        assert type == 3 and lowest == block
        assert payload[:12] == "0A000300" + block.to_bytes(2, "little").hex().upper()
        data += bytes.fromhex(payload[12:])
    assert data == image.data


@pytest.mark.parametrize("block_size", [8, 16])
def test_runs(block_size):
    data = make_image(b"\xff" * 64 + pattern(40) + b"\0" * 88 + b"\xff" * 64).data
    runs = count_runs(data, block_size)
    blocks = [data[start : start + block_size] for start in range(0, len(data), block_size)]
    assert len(runs) == len(blocks)
    for number, run in enumerate(runs):
        same = 0
        while same <= number and blocks[number - same] == bytes([blocks[number][0]]) * block_size:
            same += 1
        assert run == same
    assert max(runs) > 3 and 0 in runs


@pytest.mark.parametrize("block_size", [8, 16])
def test_a_run_is_answered_for_all_its_blocks_downwards(block_size):
    image = make_image(pattern(128) + b"\xab" * 64 + pattern(64))
    source = BlockSource(image, 10, 3, block_size, runs=True)
    first = 128 // block_size
    last = first + 64 // block_size - 1
    (type, payload), lowest = source.answer(last)
    count = last - first + 1
    assert type == 7 and lowest == first
    assert payload == f"0A000300{last:02X}00{count:02X}00AB"
    assert source.answer(first - 1)[0][0] == 3
