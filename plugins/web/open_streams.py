"""The open event streams of a site: how many there are, and when there is something new for them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from ingest.orders.outcome import RefusedError

LOOK_S = 0.5  # between two looks at the database, for all streams together
TOTAL, PER_CLIENT = 64, 8
RETRY_S = 30

ReadNewest: TypeAlias = Callable[[], Awaitable[int | None]]  # the newest `event_changes.seq`


class EventStreams:
    """Counts streams by client, and looks for changes while one is open."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._newest = 0
        self._changed = asyncio.Condition()
        self._watch: asyncio.Task[None] | None = None
        self.stopped = False

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def place(self, key: str) -> Iterator[None]:
        """A place for one more stream of a client. Raises RefusedError."""
        headers = {"retry-after": str(RETRY_S)}
        if self._open[key] >= PER_CLIENT:
            text = f"{PER_CLIENT} streams of this address are open: close one of them, then try again"
            raise RefusedError(429, text, headers=headers)
        if self._open.total() >= TOTAL:
            text = f"{TOTAL} streams are open: try again later, or ask /-/pulse.json now and then"
            raise RefusedError(503, text, headers=headers)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
            if self._watch and not self._open:
                self._watch.cancel()
                self._watch = None

    async def wait(self, read_newest: ReadNewest, seq: int, limit_s: float) -> bool:
        """Wait for a later change than `seq`, or for the end of the site. False when `limit_s` is over."""
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look(read_newest))
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._changed:
                await self._changed.wait_for(lambda: self.stopped or self._newest > seq)
                return True
        return False

    async def _look(self, read_newest: ReadNewest) -> None:
        while True:
            newest = await read_newest()
            if newest is not None and newest != self._newest:
                async with self._changed:
                    self._newest = newest
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_S)

    async def stop(self) -> None:
        """End all streams: the site stops."""
        async with self._changed:
            self.stopped = True
            self._changed.notify_all()
