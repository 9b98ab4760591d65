"""The progress bar of everything that takes a while on a terminal; nothing is written anywhere else."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from ingest.db.durations import format_duration

WIDTH = 24  # characters of the bar
LABEL = 24  # at most, of its label
DRAW_S = 0.1  # between two drawings
ESTIMATE_S = 2.0  # until a rest is estimated
CLEAR_LINE = "\r\x1b[K"


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


class ProgressBar:
    """`with ProgressBar(length, label) as bar:` and then `bar.update(n)`, or `bar.show(done, total)`."""

    def __init__(self, length: int = 0, label: str = "", file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._length, self._label, self._done = length, label, 0
        self._started = time.monotonic()
        self._drawn = float("-inf")
        self._is_terminal = self._file.isatty()

    def __enter__(self) -> Self:
        """Draw the empty bar."""
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar off the terminal: the outcome is printed in its place."""
        if self._is_terminal:
            self._file.write(CLEAR_LINE)
            self._file.flush()

    def update(self, n_steps: int, /) -> None:
        """So many more are done."""
        self.show(self._done + n_steps, self._length)

    def show(self, done: int, total: int) -> None:
        """So many of all are done."""
        self._done, self._length = done, total
        if time.monotonic() - self._drawn >= DRAW_S:
            self._draw()

    def _draw(self) -> None:
        if not self._is_terminal:
            return
        self._drawn = time.monotonic()
        share = min(1.0, self._done / self._length) if self._length else 0.0
        filled = round(WIDTH * share)
        self._file.write(
            f"{CLEAR_LINE}{self._label[:LABEL]:<{LABEL}} [{'#' * filled}{'.' * (WIDTH - filled)}] "
            f"{100 * share:3.0f} %{self._rest(share)}"
        )
        self._file.flush()

    def _rest(self, share: float) -> str:
        passed = time.monotonic() - self._started
        if not 0 < share < 1 or passed < ESTIMATE_S:
            return ""
        return f", about {format_duration(passed * (1 - share) / share)} left"
