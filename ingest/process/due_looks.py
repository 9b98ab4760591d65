"""When a thread of ingest looks at the file: soon after another program has written, else now and then.

A look of its own opens the file, which takes longer than everything else that ingest does in that second.
"""

import time
from collections.abc import Callable

QUIET_S = 60.0  # between two looks where no other program has written


class DueLooks:
    """`changes()` counts how often other programs have written; None: every look is due."""

    def __init__(self, changes: Callable[[], int] | None = None, quiet_s: float = QUIET_S) -> None:
        self._changes, self._quiet_s = changes, quiet_s
        self._seen: int | None = None
        self._next = float("-inf")  # monotonic seconds

    def is_due(self) -> bool:
        """Whether to look now; what changes from now on makes the next look due."""
        now = time.monotonic()
        changes = None if self._changes is None else self._changes()
        if changes is not None and changes == self._seen and now < self._next:
            return False
        self._seen, self._next = changes, now + self._quiet_s
        return True

    def look_within(self, seconds: float) -> None:
        """Make the next look due after these seconds at the latest."""
        self._next = min(self._next, time.monotonic() + seconds)
