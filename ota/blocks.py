"""An image as a node asks for it, block by block from the highest down. Pure; on the hot path."""

from ota.image import Image
from ota.wire import BLOCK_SIZE, FirmwareConfig, Reply, StreamType, format_block, format_run


class BlockSource:
    """The blocks of an image in the size that the node counts in; `runs`: equal bytes go as one run.

    Runs (ST_FIRMWARE_RESPONSE_RLE) are for nodes that report library OTA 3.1 only; others do not know them.
    """

    def __init__(
        self, image: Image, type: int, version: int, block_size: int = BLOCK_SIZE, runs: bool = False
    ) -> None:
        self.blocks = len(image.data) // block_size
        self.config = FirmwareConfig(type, version, self.blocks, image.crc)  # the image as the node counts it
        self._data = image.data
        self._block_size = block_size
        self._runs = count_runs(image.data, block_size) if runs else ()

    def answer(self, block: int) -> tuple[Reply, int]:
        """Return the answer to a request for an existing block, and the lowest block that it carries."""
        type, version, _, _ = self.config
        start = block * self._block_size
        run = self._runs[block] if self._runs else 0
        if run:
            payload = format_run(type, version, block, run, self._data[start])
            return (StreamType.ST_FIRMWARE_RESPONSE_RLE, payload), block - run + 1
        payload = format_block(type, version, block, self._data[start : start + self._block_size])
        return (StreamType.ST_FIRMWARE_RESPONSE, payload), block


def count_runs(data: bytes, block_size: int) -> tuple[int, ...]:
    """Count, for each block, those from it downwards that hold one and the same byte; 0 for several."""
    runs: list[int] = []
    before = None  # the byte that fills the block below
    for start in range(0, len(data), block_size):
        block = data[start : start + block_size]
        if block.count(block[0]) < block_size:
            runs.append(0)
            before = None
        else:
            runs.append(runs[-1] + 1 if before == block[0] else 1)
            before = block[0]
    return tuple(runs)
