"""Exponential back-off between attempts at something that fails."""


class Backoff:
    """Pauses in seconds: `first_s`, then `factor` times the one before, `limit_s` at the most."""

    def __init__(self, first_s: float = 1.0, limit_s: float = 60.0, factor: float = 2.0) -> None:
        self.first_s, self.limit_s, self.factor = first_s, limit_s, factor
        self._pause_s = min(first_s, limit_s)

    def next_s(self) -> float:
        """Return the pause before the next attempt and lengthen the one after it."""
        pause_s = self._pause_s
        self._pause_s = min(pause_s * self.factor, self.limit_s)
        return pause_s

    def reset(self) -> None:
        """Begin with the first pause again, after an attempt that succeeded."""
        self._pause_s = min(self.first_s, self.limit_s)
