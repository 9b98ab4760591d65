"""Self-tests of a UPS. Pure.

They are found by `ups.test.result`, `ups.test.date`, the status token TEST, or a command of ours.
"""

import re
from typing import NamedTuple

from ingest.ups.records import Variables
from ingest.ups.status import TEST_WORDS

RUNNING = re.compile(r"in ?progress|progressing|running|testing|^\s*(?:ip|pending)\s*$", re.IGNORECASE)
NEVER = re.compile(
    r"no test|never|not (?:yet )?(?:performed|run|started|done)|^\s*(?:no|none|idle|unknown|n/?a|0)?\s*$",
    re.IGNORECASE,
)
SCHEDULED = re.compile(r"scheduled|invalid ?test|refused|impossible", re.IGNORECASE)
# "Test passed - Result: Failed" is one driver's text for a failure: what failed is looked for first.
FAILED = re.compile(
    r"fail|error|\bbad\b|not ok|replace|change battery|disconnected|weak|^(?:ng|bt)$", re.IGNORECASE
)
WARNED = re.compile(r"\bwarn|^wn$", re.IGNORECASE)
NO_FAULT = re.compile(r"\b(?:no|without|0) (?:fail|error|warn)|not (?:fail|bad)", re.IGNORECASE)
RESULT_TIMEOUT_S = 900  # a test that we ordered and that shows no result by then is given up
LONGEST_S = 6 * 3600.0  # of a test in progress; a deep test runs the battery down
LONGEST_ON_MAINS_S = 900.0  # of the word TEST on mains: drivers leave it there when the test is over
# What a poll means for the TEST event. SEEN: a test, for the first time; the next poll starts the event.
# MISSED: a test began and ended between two polls. STUCK: it has been in progress for longer than any test.
SEEN, STARTED, FINISHED = "seen", "started", "finished"
MISSED, NO_RESULT, STUCK = "missed", "no result", "stuck"


def test_verdict(result: str | None) -> str:
    """'failed', 'warning' or '' for a text of ups.test.result: '' where it is neither, or no test has
    ended."""
    if not result or any(pattern.search(result) for pattern in (RUNNING, NEVER, SCHEDULED, NO_FAULT)):
        return ""
    result = result.strip()
    return "failed" if FAILED.search(result) else "warning" if WARNED.search(result) else ""


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
    """The self-tests of one UPS.

    `is_stuck`: its status had the word of a test when it was last read, and that is no test in progress.
    """

    def __init__(self, report: SelfTestReport = NO_REPORT, is_stuck: bool = False) -> None:
        self._report = report  # the last values known
        self._ordered: float | None = None  # monotonic seconds, as the next one
        self._since: float | None = None  # a test is shown since
        self._is_stuck = is_stuck

    @property
    def is_running(self) -> bool:
        """Whether the last report is that of a test in progress."""
        return self._report.is_running and not self._is_stuck

    def order(self, monotonic: float) -> None:
        """Note that a command of ours started a test."""
        self._ordered = monotonic

    def read_report(self, variables: Variables | None) -> SelfTestReport:
        """Take the report of a full poll; the one before is returned."""
        before = self._report
        if variables is not None:
            result, date = variables.get("ups.test.result"), variables.get("ups.test.date")
            self._report = SelfTestReport(
                before.result if result is None else result, before.date if date is None else date
            )
        return before

    def apply_poll(
        self, tokens: frozenset[str], before: SelfTestReport, monotonic: float, is_open: bool, on_mains: bool
    ) -> str | None:
        """What the poll means, None for nothing new. `before`: of `read_report`. `on_mains`: mains feed the
        load."""
        report = self._report
        changed = report.differs_from(before)
        if tokens & TEST_WORDS or report.is_running:
            if self._is_stuck and report.is_running and changed:
                self._since, self._is_stuck = None, False  # a test at last
            return self._go_on(report.is_running, monotonic, is_open, on_mains)
        self._since, self._is_stuck = None, False
        if is_open:
            return self._end(before, changed, monotonic)
        if changed and (report.has_result or report.date != before.date):
            return MISSED
        return None

    def _go_on(self, is_reported: bool, monotonic: float, is_open: bool, on_mains: bool) -> str | None:
        """A test is shown: by its result (`is_reported`), or by the word alone."""
        if self._is_stuck:
            return None
        if self._since is None:
            self._since = monotonic
            return None if is_open else SEEN
        longest = LONGEST_ON_MAINS_S if on_mains and not is_reported else LONGEST_S
        if monotonic - self._since > longest:
            self._is_stuck, self._ordered = True, None
            return STUCK
        return None if is_open else STARTED

    def _end(self, before: SelfTestReport, changed: bool, monotonic: float) -> str | None:
        """What becomes of an open test that is not running now."""
        if self._ordered is not None and not before.is_running and not changed:
            if monotonic - self._ordered < RESULT_TIMEOUT_S:
                return None
            self._ordered = None
            return NO_RESULT
        self._ordered = None
        return FINISHED
