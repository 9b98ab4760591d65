"""A protocol that reads so much at once, and no more: what is read at once is one item of the writer.

asyncio reads up to 256 KB by itself. Of a gateway that has much to tell, that is most of a commit at once:
memory, and time in which nothing else is answered.
"""

import asyncio
from abc import abstractmethod

READ_SIZE = 65_536


class LimitedReads(asyncio.BufferedProtocol):
    """Hands what is read to `data_received()`."""

    def __init__(self) -> None:
        self._buffer = bytearray(READ_SIZE)

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take bytes."""

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where asyncio puts what it reads next."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were read."""
        self.data_received(bytes(memoryview(self._buffer)[:nbytes]))
