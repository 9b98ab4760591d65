"""Long work on the event loop, in turns: a page of a hundred thousand cells lets others in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

TURN_S = 0.005

Value = TypeVar("Value")


class Turns:
    """The turns of one event loop. Whoever has worked for TURN_S waits; one at a time goes on."""

    def __init__(self) -> None:
        self._until = 0.0
        self._next = asyncio.Lock()

    def is_over(self) -> bool:
        """True when it is time to wait."""
        return time.monotonic() >= self._until

    async def wait(self) -> None:
        """Let the loop do what else is ready, and begin a turn."""
        async with self._next:
            await asyncio.sleep(0)
            self._until = time.monotonic() + TURN_S

    async def iterate(self, items: Iterable[Value]) -> AsyncIterator[Value]:
        """The items, with waits between them."""
        for item in items:
            if self.is_over():
                await self.wait()
            yield item
