"""What is retained at the broker from before: topics of UPSes and nodes that are there no more.

They are read back at each connection, so that nothing has to remember them over a restart. What is retained
comes at once after a subscription; nothing marks its end, so that a pause counts as that.
"""

from collections.abc import Callable, Collection, Sequence

from ingest.mqtt.records import Published

PAUSE_S = 2.0  # without a retained message, and all have come
LONGEST_S = 60.0  # at most, however many there are
MOST = 200_000  # topics that are remembered at most


class Leftovers:
    """Collects the topics that are retained and match `filters`; `is_ours` tells which may be taken away.

    `is_done`: all have come back.
    """

    def __init__(self, filters: Sequence[str], is_ours: Callable[[Published], bool]) -> None:
        self.filters = filters
        self._is_ours = is_ours
        self._topics: set[str] = set()
        self._began_at = self._last_at = float("-inf")  # seconds of the monotonic clock
        self.is_done = False

    def begin(self, now: float) -> None:
        """The filters are subscribed, `now` by the monotonic clock."""
        self._began_at = self._last_at = now

    def take(self, message: Published, now: float) -> None:
        """Take a message that came in."""
        if self.is_done or not message.retained:
            return
        self._last_at = now
        if message.payload and len(self._topics) < MOST and self._is_ours(message):
            self._topics.add(message.topic)

    def finish(self, now: float, wanted: Collection[str]) -> list[str] | None:
        """The topics to take away, but for those that are `wanted`, once; None while they still come."""
        waits = now - self._last_at < PAUSE_S and now - self._began_at < LONGEST_S
        if self.is_done or waits or self._began_at == float("-inf"):
            return None
        self.is_done = True
        found = sorted(self._topics - set(wanted))
        self._topics = set()
        return found
