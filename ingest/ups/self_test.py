"""Self-tests of a UPS. Pure.

They are found by `ups.test.result`, `ups.test.date`, the status token TEST, or a command of ours.
"""

import re
from typing import NamedTuple

from ingest.ups.records import Variables

RUNNING = re.compile(r"in progress|progressing|running|testing", re.IGNORECASE)
NEVER = re.compile(
    r"no test|never|not (?:yet )?(?:performed|run|started)|^\s*(?:none|unknown|n/?a)?\s*$", re.IGNORECASE
)
SCHEDULED = re.compile(r"scheduled|pending", re.IGNORECASE)
RESULT_TIMEOUT_S = 900  # a test that we ordered and that shows no result by then is given up
# What a poll means for the TEST event. MISSED: a test began and ended between two polls.
STARTED, FINISHED, MISSED, NO_RESULT = "started", "finished", "missed", "no result"


class SelfTestReport(NamedTuple):
    """`ups.test.result` and `ups.test.date`; None where a UPS has no such variable."""

    result: str | None = None
    date: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether the result is that of a test in progress."""
        return bool(self.result and RUNNING.search(self.result))

    @property
    def has_result(self) -> bool:
        """Whether a test has ended with a result."""
        return bool(self.result) and not any(
            pattern.search(self.result or "") for pattern in (NEVER, SCHEDULED)
        )

    def differs_from(self, before: "SelfTestReport") -> bool:
        """Whether a variable that both reports have has another value."""
        return any(
            old is not None and new is not None and new != old for old, new in zip(before, self, strict=True)
        )


NO_REPORT = SelfTestReport()


class SelfTest:
    """The self-tests of one UPS."""

    def __init__(self, report: SelfTestReport = NO_REPORT) -> None:
        self._report = report  # the last values known
        self._ordered: float | None = None  # monotonic seconds

    def order(self, monotonic: float) -> None:
        """Note that a command of ours started a test."""
        self._ordered = monotonic

    def apply_poll(
        self, tokens: frozenset[str], variables: Variables | None, monotonic: float, is_open: bool
    ) -> str | None:
        """STARTED, FINISHED, MISSED, NO_RESULT or None. `variables` None: a poll of the status alone."""
        if variables is None:
            return STARTED if "TEST" in tokens and not is_open else None
        report = SelfTestReport(variables.get("ups.test.result"), variables.get("ups.test.date"))
        before = self._report
        self._report = SelfTestReport(
            before.result if report.result is None else report.result,
            before.date if report.date is None else report.date,
        )
        if "TEST" in tokens or report.is_running:
            return None if is_open else STARTED
        changed = report.differs_from(before)
        if is_open:
            return self._end(before, changed, monotonic)
        if changed and (report.has_result or report.date != before.date):
            return MISSED
        return None

    def _end(self, before: SelfTestReport, changed: bool, monotonic: float) -> str | None:
        """What becomes of an open test that is not running now."""
        if self._ordered is not None and not before.is_running and not changed:
            if monotonic - self._ordered < RESULT_TIMEOUT_S:
                return None
            self._ordered = None
            return NO_RESULT
        self._ordered = None
        return FINISHED
