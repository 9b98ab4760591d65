"""When a target that fails is tried again. Pure; times are seconds of CLOCK_BOOTTIME."""

FIRST_S = 2.0
LONGEST_S = 900.0
SHORT_S = 15.0  # at most, while it is away for less than twice that
FAILING_S = 15.0  # a target that has failed for so long is reported
FINAL_TRIES, FINAL_S = 3, 600.0  # a message that the service refuses is given up after both


class Retries:
    """The failures of one target since it last took a message."""

    def __init__(self) -> None:
        self.since: float | None = None  # when the attempt began that failed first
        self.next_at = float("-inf")
        self._pause_s = FIRST_S

    def failed(self, began: float, now: float) -> float:
        """An attempt that began then has failed; returns the pause before the next."""
        if self.since is None:
            self.since = began
        pause_s = min(self._pause_s, max(SHORT_S, self.away_s(now) / 2), LONGEST_S)
        self._pause_s = 2 * pause_s
        self.next_at = now + pause_s
        return pause_s

    def succeeded(self) -> None:
        """It took a message."""
        self.since, self.next_at, self._pause_s = None, float("-inf"), FIRST_S

    def away_s(self, now: float) -> float:
        """For how long it has failed, 0 where it has not."""
        return 0.0 if self.since is None else now - self.since

    def is_failing(self, now: float) -> bool:
        """Whether it has failed for long enough to be reported."""
        return self.since is not None and self.away_s(now) >= FAILING_S


def is_given_up(is_final: bool, attempts: int, waited_s: float) -> bool:
    """Whether a message is not tried again.

    A service that refuses one may do so for a while alone, such as a proxy in front of it: so even then it is
    tried a few times, over ten minutes.
    """
    return is_final and attempts >= FINAL_TRIES and waited_s >= FINAL_S
