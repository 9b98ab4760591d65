"""Firmware blocks that are sent before the bytes which ask for them are decoded.

A node in its bootloader waits for each block. Once one request of an image was answered, the next ones differ
from it in their last four characters only: they are known by the others, and answered before the lines in
front of them are read. The answer to the next one is ready by then.
"""

from binascii import Error as HexError
from binascii import unhexlify
from dataclasses import dataclass, field

from ingest.mysensors.protocol import Header
from ota.blocks import BlockSource
from ota.node import OtaNode
from ota.server import OtaServer
from ota.wire import BlockRequest, Reply, parse_block_request

REQUEST_SIZE = 12  # hex digits of type, version and block
BLOCK_SIZE = 4  # those of the block, the low byte first
LAST_BLOCK = 0xFFFF
MAX_TRANSFERS = 256  # one for each node of a gateway
STREAM = b";4;0;"  # in the line of each stream message


@dataclass(slots=True)
class Transfer:
    """The requests of one node for the blocks of one firmware."""

    node_id: int
    node: OtaNode
    type: int
    version: int
    block: int  # that was asked for last
    step: int = -1  # to the block that is asked for next: bootloaders count down
    # Lines that answer the next request or the same once more, by the digits of its block: as long as the
    # node has this update, with this image in blocks of this size.
    ready: dict[bytes, bytes] = field(default_factory=dict)
    source: BlockSource | None = None

    def answer(self, digits: bytes) -> bytes | None:
        """Return the line that answers the request for a block, if the node's update has it."""
        line, machine = self.ready.get(digits), self.node.machine
        if line and machine and machine.source is self.source:
            return line
        try:
            block = int.from_bytes(unhexlify(digits), "little")
        except HexError:
            return None
        return self._line(block)

    def answered(self, block: int, digits: bytes, reply: Reply) -> None:
        """Take note of an answer, and make the next one ready."""
        if abs(block - self.block) == 1:
            self.step = block - self.block
        machine = self.node.machine
        self.block, self.source = block, machine.source if machine else None
        self.ready = {digits: format_reply(self.node_id, reply)}
        following = block + self.step
        line = self._line(following) if 0 <= following <= LAST_BLOCK else None
        if line is not None:
            self.ready[following.to_bytes(2, "little").hex().upper().encode()] = line

    def _line(self, block: int) -> bytes | None:
        reply = self.node.find_block(BlockRequest(self.type, self.version, block))
        return None if reply is None else format_reply(self.node_id, reply)


class EarlyBlocks:
    """What nodes of one gateway ask for now."""

    def __init__(self, server: OtaServer) -> None:
        self._server = server
        self._transfers: dict[bytes, Transfer] = {}  # by the beginning of a request's line, up to the block
        self._is_sent = False

    def find(self, data: bytes) -> bytes | None:
        """Return the line that answers the first stream message of `data`, where that is a known request.

        `data` begins with a line. Another stream message before it could change what the node is to be sent.
        """
        stream = data.find(STREAM) if self._transfers else -1
        if stream < 0:
            return None
        start, end = data.rfind(b"\n", 0, stream) + 1, data.find(b"\n", stream)
        transfer = self._transfers.get(data[start : end - BLOCK_SIZE])
        if transfer is None or end < 0:
            return None
        line = transfer.answer(data[end - BLOCK_SIZE : end])
        self._is_sent = line is not None
        return line

    def take_sent(self) -> bool:
        """Whether the stream message that is being handled has its answer; of the next one it is not so."""
        is_sent, self._is_sent = self._is_sent, False
        return is_sent

    def note_request(self, key: int, header: Header, payload: str, reply: Reply) -> None:
        """Take note of a request that was answered with this block; `key` is `nodes.id`."""
        if len(payload) != REQUEST_SIZE:
            return
        head = (";".join(map(str, header)) + ";" + payload[:-BLOCK_SIZE]).encode()
        type, version, block = parse_block_request(payload)
        transfer = self._transfers.get(head)
        if transfer is None:
            if len(self._transfers) >= MAX_TRANSFERS:
                self._transfers.clear()
            node = self._server.node(key)
            transfer = self._transfers[head] = Transfer(header.node, node, type, version, block)
        transfer.answered(block, payload[-BLOCK_SIZE:].encode(), reply)

    def forget(self, node_id: int) -> None:
        """The node is deleted."""
        kept = {head: one for head, one in self._transfers.items() if one.node_id != node_id}
        self._transfers = kept


def format_reply(node_id: int, reply: Reply) -> bytes:
    """The line that brings a node a stream message."""
    type, payload = reply
    return f"{node_id};255;4;0;{type:d};{payload}\n".encode()
