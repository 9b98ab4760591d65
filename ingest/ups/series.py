"""Variables as series: which numbers of the full polls of a UPS are kept as rows, and how often.

What the config lists under `record:` is kept with every full poll. Phases, outlets and probes for the
surroundings are kept without being asked for, every SERIES_S seconds: with every poll they would cost more
than all samples, a PDU has up to 42 outlets. The hourly figures are those of every poll. 57 of the 719
devices of NUT's device dump library have such series, 50 of them fewer than 20.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ingest.ups.hourly import Statistics
from ingest.ups.plausible import parse_value, plausible_range
from ingest.ups.records import Figures, Variables

SERIES_S = 300.0
_PHASE = r"L[123](?:-(?:L[123]|N))?"
_OWN = re.compile(
    rf"(?:input|output|ups)\.{_PHASE}\.(?:voltage|current|realpower|power|load|power\.percent)"
    r"|input\.[1-9]\d?\.voltage"
    r"|outlet(?:\.group)?\.\d+\.(?:realpower|power|current|energy)"
    r"|ambient(?:\.\d+)?\.(?:temperature|humidity)"
)
_NO_PHASES = {1.0: ("input.L2", "input.L3"), 2.0: ("input.L3",)}  # input.phases -> what it does not have
LOAD = """select samples, min, avg, max from ups_figures_hourly
where ups = ? and variable = ? and hour_at = ?"""


@lru_cache(maxsize=4096)
def is_kept_anyway(variable: str) -> bool:
    """Whether a variable is a series without `record:`: of a phase, an outlet or the surroundings."""
    return _OWN.fullmatch(variable) is not None


class SeriesValue(NamedTuple):
    """A number that becomes a row of `ups_figures`."""

    variable: str
    value: float


class SeriesHour(NamedTuple):
    """What is to be added to a row of `ups_figures_hourly`."""

    variable: str
    hour_at: str
    statistics: Statistics


class SeriesRecorder:
    """The series of one UPS. `hour_at` gives the hour of a time in unix seconds."""

    def __init__(self, record: Sequence[str], hour_at: Callable[[float], str]) -> None:
        parts = [".*".join(map(re.escape, pattern.split("*"))) for pattern in record]
        self._recorded = re.compile("|".join(parts)) if parts else None
        self._hour_of = hour_at
        self._kinds: dict[str, bool | None] = {}  # variable -> kept with every poll; None: not kept
        self._hour = ""
        self._waiting: dict[str, Statistics] = {}  # of the present hour, not handed on yet
        self._last = float("-inf")  # when the series that nobody asked for had their last rows
        self._kept = ""  # the hour of which `_hours` has what the file has, by variable
        self._hours: dict[str, Statistics] = {}

    def add_sample(
        self, at: float, interval_s: float, figures: Figures, variables: Variables
    ) -> tuple[list[SeriesValue], list[SeriesHour]]:
        """The rows that a full poll of `at` (unix seconds) makes: values, and what their hours gain."""
        hour_at, hours = self._hour_of(at), []
        if hour_at != self._hour:
            hours = [SeriesHour(name, self._hour, held) for name, held in self._waiting.items()]
            self._hour, self._waiting = hour_at, {}
        is_due = abs(at - self._last) >= SERIES_S - min(interval_s, SERIES_S) / 2
        values = []
        for name, number, always in self._numbers(figures, variables):
            held = self._waiting.setdefault(name, Statistics(0, number, 0.0, number))
            held.add(1, number, number, number)
            if always or is_due:
                values.append(SeriesValue(name, number))
                hours.append(SeriesHour(name, hour_at, self._waiting.pop(name)))
                self._last = at if is_due else self._last
        return values, hours

    def _numbers(self, figures: Figures, variables: Variables) -> Iterator[tuple[str, float, bool]]:
        """(variable, number, whether with every poll) of each series in a full poll."""
        kinds, beyond = self._kinds, _NO_PHASES.get(figures.get("input.phases", 3.0), ())
        for name, text in variables.items():
            kind = kinds[name] if name in kinds else self._learn(name)
            if kind is None or (not kind and name.startswith(beyond)):
                continue
            number = figures.get(name) if plausible_range(name) else parse_value(text)
            if number is not None:
                yield name, number, kind

    def _learn(self, variable: str) -> bool | None:
        if self._recorded is not None and self._recorded.fullmatch(variable):
            kind: bool | None = True
        else:
            kind = False if is_kept_anyway(variable) else None
        self._kinds[variable] = kind
        return kind

    def total(self, connection: sqlite3.Connection, ups: int, added: SeriesHour) -> Statistics:
        """The hour as the file has it, with what is added."""
        held = self._hours.get(added.variable) if added.hour_at == self._kept else None
        if held is None:
            row = connection.execute(LOAD, (ups, added.variable, added.hour_at)).fetchone()
            held = Statistics(row[0], row[1], row[2] * row[0], row[3]) if row else None
        new = added.statistics
        if held is None:
            return Statistics(new.count, new.low, new.total, new.high)
        total = Statistics(held.count, held.low, held.total, held.high)
        total.add(new.count, new.low, new.total, new.high)
        return total

    def keep(self, variable: str, hour_at: str, total: Statistics) -> None:
        """Take an hour as it is committed, and forget those before it."""
        if hour_at > self._kept:
            self._kept, self._hours = hour_at, {}
        if hour_at == self._kept:
            self._hours[variable] = total
