"""Messages that repeat are summed up once a minute: what fails every second fills no log.

Two messages are alike when they differ in numbers alone. The first ones are written as they come; after that
one line a minute has the last of them and their number, until a minute passes without one.
"""

import copy
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

WINDOW_S = 60.0
ALIKE = 3  # messages that differ in numbers alone are written as they come, and
OF_A_KIND = 30  # messages of one place in the code, whatever is in them
MAX_WINDOWS = 2_000  # kinds that are remembered; beyond that the place in the code alone counts
MAX_DUE = 100  # that are written in one go
NUMBERS = re.compile(r"\d+(?:[.,:]\d+)*")

Kind = tuple[object, ...]  # a place in the code: logger, level, template
Key = tuple[Kind, object]  # and the text without its numbers, or None for the place alone


@dataclass
class Window:
    """A minute of one kind of message. `room` is how many more are written as they come."""

    ends: float  # seconds of the clock
    room: int
    held: int = 0
    last: logging.LogRecord | None = None


class LogSummary:
    """Hands records on to `emit`, or holds them back and emits a line about them later.

    `monotonic` is its clock in seconds. Calls come from one thread.
    """

    def __init__(
        self,
        emit: Callable[[logging.LogRecord], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit, self._monotonic = emit, monotonic
        self._windows: dict[Key, Window] = {}  # in the order of their ends

    def handle(self, record: logging.LogRecord) -> None:
        """Write a record, or count it. Its text is `record.msg`; DEBUG is always written."""
        self.sum_up()
        if record.levelno < logging.INFO:
            self._emit(record)
            return
        is_crowded = len(self._windows) >= 2 * MAX_WINDOWS
        template = "" if is_crowded else getattr(record, "template", record.msg)
        kind = record.name, record.levelno, template
        error = record.exc_info[0] if record.exc_info else None
        alike = kind, (error, NUMBERS.sub("0", str(record.msg)))
        is_counted = len(self._windows) < MAX_WINDOWS or alike in self._windows
        if not is_counted or self._has_room(alike, ALIKE, record, 1):
            self._write(kind, record, 1)

    def _write(self, kind: Kind, record: logging.LogRecord, number: int) -> None:
        """Write a record that is about so many, unless too many came from the same place."""
        if self._has_room((kind, None), OF_A_KIND, record, number):
            self._emit(record)

    def _has_room(self, key: Key, room: int, record: logging.LogRecord, number: int) -> bool:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(self._monotonic() + WINDOW_S, room)
        if window.room:
            window.room -= 1
            return True
        window.held, window.last = window.held + number, record
        return False

    def sum_up(self, at_once: bool = False) -> float | None:
        """Write the lines that are due, or all `at_once`; return the seconds until the next one may be."""
        now = self._monotonic()
        for key, window in list(islice(self._windows.items(), None if at_once else MAX_DUE)):
            if now < window.ends and not at_once:
                break
            del self._windows[key]
            if window.last is None:
                continue
            kind, text = key
            self._windows[key] = Window(now + WINDOW_S, 0 if text else OF_A_KIND)
            summary = _summary(window.last, window.held)
            if text and not at_once:
                self._write(kind, summary, window.held)
            else:
                self._emit(summary)
        first = next(iter(self._windows.values()), None)
        return None if first is None else max(0.0, first.ends - now)


def _summary(last: logging.LogRecord, number: int) -> logging.LogRecord:
    record = copy.copy(last)
    record.created = time.time()
    record.exc_info = record.exc_text = record.stack_info = None
    if number > 1:
        record.msg = f"{last.msg} (the last of {number:,} such messages within {WINDOW_S:.0f} s)"
    return record
