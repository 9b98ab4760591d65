"""Places that many want at once, shared among those that ask."""

import asyncio
import time
from collections import Counter

MAX_WAITING = 64  # in all; more are refused at once


class BusyError(Exception):
    """No place was free in time."""


class FairShare:
    """`places` in all, `per_key` at most for one key; the key that was served longest ago is next.

    All calls come from one event loop.
    """

    def __init__(self, places: int, per_key: int) -> None:
        self._free, self._per_key = places, per_key
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._served: dict[str, int] = {}  # key -> number of its last place, while it holds or waits
        self._number = 0

    async def take(self, key: str, deadline: float) -> None:
        """Wait for a place until `deadline`, a time of `time.monotonic()`. Raises BusyError."""
        if len(self._waiting) >= MAX_WAITING:
            raise BusyError
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((key, place))
        self._serve()
        try:
            await asyncio.wait((place,), timeout=max(0.0, deadline - time.monotonic()))
        except asyncio.CancelledError:
            self._withdraw(key, place)
            raise
        if not place.done():
            self._withdraw(key, place)
            raise BusyError

    def give_back(self, key: str) -> None:
        """Free a place of the key."""
        self._free += 1
        self._held[key] -= 1
        self._serve()
        self._forget(key)

    def _withdraw(self, key: str, place: "asyncio.Future[None]") -> None:
        if place.done():
            self.give_back(key)
        else:
            self._waiting.remove((key, place))
            self._forget(key)

    def _serve(self) -> None:
        while self._free:
            able = [entry for entry in self._waiting if self._held[entry[0]] < self._per_key]
            if not able:
                return
            entry = min(able, key=lambda entry: self._served.get(entry[0], 0))
            key, place = entry
            self._waiting.remove(entry)
            self._free -= 1
            self._held[key] += 1
            self._number += 1
            self._served[key] = self._number
            place.set_result(None)

    def _forget(self, key: str) -> None:
        if not self._held[key] and all(other != key for other, _ in self._waiting):
            del self._held[key]
            self._served.pop(key, None)
