"""Firmware blocks that are sent before the bytes which ask for them are decoded.

A node in its bootloader waits for each block. Once one request of an image was answered, the next ones differ
from it in their last four characters only: they are known by the others, and answered before the lines in
front of them are read.
"""

from binascii import Error as HexError
from binascii import unhexlify

from ingest.mysensors.protocol import Header
from ota.server import OtaServer
from ota.wire import BlockRequest, Reply, parse_block_request

REQUEST_SIZE = 12  # hex digits of type, version and block
BLOCK_SIZE = 4  # those of the block, the low byte first
MAX_IMAGES = 256  # one for each node of a gateway
STREAM = b";4;0;"  # in the line of each stream message


class EarlyBlocks:
    """What nodes of one gateway ask for now."""

    def __init__(self, server: OtaServer) -> None:
        self._server = server
        # The beginning of a request's line, up to the block -> node id, nodes.id, firmware type, version.
        self._requests: dict[bytes, tuple[int, int, int, int]] = {}
        self._is_sent = False

    def find(self, data: bytes) -> str | None:
        """Return the line that answers the first stream message of `data`, where that is a known request.

        `data` begins with a line. Another stream message before it could change what the node is to be sent.
        """
        stream = data.find(STREAM) if self._requests else -1
        if stream < 0:
            return None
        start, end = data.rfind(b"\n", 0, stream) + 1, data.find(b"\n", stream)
        known = self._requests.get(data[start : end - BLOCK_SIZE])
        if known is None or end < 0:
            return None
        node_id, key, type, version = known
        try:
            block = int.from_bytes(unhexlify(data[end - BLOCK_SIZE : end]), "little")
        except HexError:
            return None
        reply = self._server.find_block(key, BlockRequest(type, version, block))
        if reply is None:
            return None
        self._is_sent = True
        return format_reply(node_id, reply)

    def take_sent(self) -> bool:
        """Whether the stream message that is being handled has its answer; of the next one it is not so."""
        is_sent, self._is_sent = self._is_sent, False
        return is_sent

    def note_request(self, key: int, header: Header, payload: str) -> None:
        """Take note of a request that was answered with a block; `key` is `nodes.id`."""
        if len(payload) != REQUEST_SIZE:
            return
        head = ";".join(map(str, header)) + ";" + payload[:-BLOCK_SIZE]
        if len(self._requests) >= MAX_IMAGES:
            self._requests.clear()
        type, version, _ = parse_block_request(payload)
        self._requests[head.encode()] = (header.node, key, type, version)


def format_reply(node_id: int, reply: Reply) -> str:
    """The line that brings a node a stream message."""
    type, payload = reply
    return f"{node_id};255;4;0;{type:d};{payload}\n"
