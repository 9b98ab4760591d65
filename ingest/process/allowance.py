"""How often something may be done: so many times at once, and so many in each further minute."""

MINUTE_S = 60.0


class Allowance:
    """So much may be taken at once, and so much in each further minute."""

    def __init__(self, at_once: int, a_minute: int) -> None:
        self._at_once, self._a_minute = at_once, a_minute
        self._left = float(at_once)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take one `now` (seconds of any clock that does not go back); False where none is left."""
        if self._at is not None:
            self._left = min(self._at_once, self._left + (now - self._at) * self._a_minute / MINUTE_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
