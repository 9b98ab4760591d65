"""Self-tests of a UPS, from what it says of them: `ups.test.result`, `ups.test.date`, the word TEST, or our own command. Pure."""

import re

RUNNING = re.compile(r"in progress|progressing|running|testing", re.I)
NEVER = re.compile(
    r"no test|never|not (?:yet )?(?:performed|run|started)|^\s*(?:none|unknown|n/?a)?\s*$", re.I
)
SCHEDULED = re.compile(r"scheduled|pending", re.I)
PATIENCE_S = 900  # a test that we ordered and that shows no result by then is given up


class SelfTest:
    """What one UPS's test does. `look()` says how an open TEST event has to change."""

    def __init__(self, result=None, date=None):
        self.result, self.date = result, date  # None: never heard
        self._ordered = None  # monotonic seconds

    def order(self, monotonic):
        """We told the UPS to test itself."""
        self._ordered = monotonic

    def look(self, words, variables, monotonic, is_open):
        """(what happens: 'open', 'close', 'passed by', 'lost' or None, result text).

        'passed by': a test began and ended between two polls. `variables` None: a status poll alone.
        """
        if variables is None:
            return ("open" if "TEST" in words and not is_open else None), self.result
        result, date = variables.get("ups.test.result"), variables.get("ups.test.date")
        before, day_before = self.result, self.date
        self.result = result if result is not None else before
        self.date = date if date is not None else day_before
        running = "TEST" in words or bool(result and RUNNING.search(result))
        if running:
            return (None if is_open else "open"), result
        changed = (before is not None and result is not None and result != before) or (
            day_before is not None and date is not None and date != day_before
        )
        told = bool(result) and not NEVER.search(result) and not SCHEDULED.search(result)
        if is_open:
            waited = self._ordered is not None and not (before and RUNNING.search(before))
            if waited and not changed:
                if monotonic - self._ordered < PATIENCE_S:
                    return None, result
                self._ordered = None
                return "lost", result
            self._ordered = None
            return "close", result
        if changed and (told or date != day_before):
            return "passed by", result
        return None, result
