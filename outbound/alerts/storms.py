"""How many messages a target gets in a minute: more than ten are a storm, and come as digests. Pure."""

from collections import deque

MOST = 10  # messages in WINDOW_S
WINDOW_S = 60.0
CRITICAL_S = 10.0  # in a storm: what is critical waits this long after the message before it


class Pace:
    """The messages of the last minute. Times are seconds of CLOCK_BOOTTIME."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=MOST)

    def note(self, now: float) -> None:
        """A message was sent."""
        self._sent.append(now)

    def recent(self, now: float) -> int:
        """How many were sent in the last minute, MOST at most."""
        while self._sent and not 0 <= now - self._sent[0] < WINDOW_S:
            self._sent.popleft()
        return len(self._sent)

    def pause_s(self, now: float, is_critical: bool) -> float:
        """Seconds until the next message may be sent, 0 for now."""
        if self.recent(now) < MOST:
            return 0.0
        until = self._sent[0] + WINDOW_S
        if is_critical:
            until = min(until, self._sent[-1] + CRITICAL_S)
        return max(0.0, until - now)
