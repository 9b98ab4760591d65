"""How guessing of passwords is slowed down: counts of wrong ones, and lines of sign-ins.

A browser that has signed in before is counted by itself, after OWASP's "Slow Down Online Guessing Attacks
with Device Cookies": what others try at a name does not keep its user out. For all other browsers wrong
passwords make their own address wait, and each further one at a name takes a little longer, whatever the
address.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

FREE = {"name": 3, "address": 10, "device": 10, "token": 10}  # wrong ones before a wait, by the kind of key
LONGEST_WAIT_S = 60
FORGOTTEN_S = 900  # without a wrong password
MAX_KEYS = 5000
SLOWED_S = 0.3  # by which a sign-in takes longer at a name that is being guessed at


class Throttle:
    """Counts wrong passwords by key: `name X`, `address X`, `device X`; and wrong tokens: `token X`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, slowed_s: float = SLOWED_S) -> None:
        self._clock = clock
        self._slowed_s = slowed_s
        self._wrong: dict[str, tuple[int, float]] = {}  # key -> (count, clock of the last one)

    def wait_s(self, key: str) -> float:
        """Seconds until the next try of this key is due; 0 when it is."""
        now = self._clock()
        count, last = self._wrong.get(key, (0, now))
        if now - last >= FORGOTTEN_S:
            self._wrong.pop(key, None)
            return 0.0
        over = count - FREE[key.partition(" ")[0]]
        return max(0.0, last + min(2**over, LONGEST_WAIT_S) - now) if over >= 0 else 0.0

    def slowed_s(self, key: str) -> float:
        """By how many seconds a try of this key takes longer."""
        return self._slowed_s if self.is_guessed_at(key) else 0.0

    def is_guessed_at(self, key: str) -> bool:
        """True when there were many wrong ones lately."""
        count, last = self._wrong.get(key, (0, 0.0))
        return count >= FREE[key.partition(" ")[0]] and self._clock() - last < FORGOTTEN_S

    def add_failure(self, *keys: str) -> None:
        """Count a wrong password."""
        for key in keys:
            count = self._wrong.pop(key, (0, 0.0))[0]
            self._wrong[key] = (count + 1, self._clock())
        while len(self._wrong) > MAX_KEYS:
            del self._wrong[next(iter(self._wrong))]

    def clear(self, key: str) -> None:
        """Forget the wrong ones after a right one."""
        self._wrong.pop(key, None)


class FullLineError(Exception):
    """Too many sign-ins wait already."""


class SignInLine:
    """Sign-ins that are checked one after the other."""

    def __init__(self, most: int, of_one: int) -> None:
        self._most = most
        self._of_one = of_one  # so many of `most` may be of one address or device
        self._lock = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait or are being checked."""
        return self._waiting.total()

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn. Raises FullLineError."""
        if self.waiting >= self._most or self._waiting[key] >= self._of_one:
            raise FullLineError
        self._waiting[key] += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
