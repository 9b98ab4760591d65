"""Why the writer cannot go on, since when, and when that is logged."""

import logging
import time
from dataclasses import dataclass, field

from ingest.db.problems import Kind, Problem

log = logging.getLogger(__name__)

LOCKED_S = 5.0  # a lock that is held so long is a problem
REMIND_S = 60.0  # between two lines of the log about the same problem


@dataclass
class Trouble:
    """Attempts that failed one after the other. Times are seconds of the monotonic clock."""

    problem: Problem
    is_write: bool  # not merely a look at what other programs wrote
    since: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    tries: int = 1
    _logged: float = float("-inf")
    _logged_kind: Kind | None = None

    @property
    def seconds(self) -> float:
        """How long it has lasted until the last attempt."""
        return self.last - self.since

    @property
    def is_problem(self) -> bool:
        """Whether it is more than a short wait for another program's lock."""
        return self.problem.kind is not Kind.LOCKED or self.seconds >= LOCKED_S

    def again(self, problem: Problem, is_write: bool) -> None:
        """Another attempt has failed."""
        self.problem, self.last, self.tries = problem, time.monotonic(), self.tries + 1
        self.is_write = self.is_write or is_write

    def report(self, waiting: int) -> None:
        """Log a problem when it is new, and once a minute; `waiting` units of work wait for it."""
        if not self.is_problem:
            return
        is_new = self.problem.kind is not self._logged_kind
        if is_new or self.last - self._logged >= REMIND_S:
            log.error(
                "%s; %d %s, retrying", self.problem, waiting, "line waits" if waiting == 1 else "lines wait"
            )
            self._logged, self._logged_kind = self.last, self.problem.kind

    def ended(self) -> None:
        """Log that it is over, where it was logged."""
        if self._logged_kind is not None:
            seconds = time.monotonic() - self.since
            log.warning("The database is written again, after %.0f s in which it was not", seconds)
