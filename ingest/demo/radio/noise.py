"""Repeatable chance: a number for a name and a whole number, always the same one. Pure."""

from functools import lru_cache, partial
from hashlib import blake2b
from math import floor


class Noise:
    """Deterministic chance of one seed; no state, so history and live values come from the same source."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.smooth_at = lru_cache(maxsize=4096)(self._step)
        self.fixed = lru_cache(maxsize=1024)(partial(self.chance, number=-1))

    def chance(self, name: str, number: int) -> float:
        """A number from 0 up to 1 for (name, number)."""
        digest = blake2b(f"{self.seed}/{name}/{number}".encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / (1 << 48)

    def _step(self, name: str, whole: int) -> tuple[float, float]:
        return self.chance(name, whole), self.chance(name, whole + 1)

    def smooth(self, name: str, x: float) -> float:
        """A curve from -1 to 1 over `x` that goes through a new random point at each whole number."""
        whole = floor(x)
        part = x - whole
        low, high = self.smooth_at(name, whole)
        return 2 * (low + (high - low) * part * part * (3 - 2 * part)) - 1
