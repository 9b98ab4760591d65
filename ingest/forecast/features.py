"""What `ingest.forecast.network` is given: the levels of a discharge, their falls, their noise. Pure.

All of them are about 0, whatever the battery: levels as shares, days as logarithms.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median

from ingest.battery_voltage import BATTERY_TYPES
from ingest.forecast.knots import DayLevel, counts_down, noise_of, step_of

# Of the span.
SHARES = (0.0, 0.02, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.38, 0.46, 0.55, 0.64, 0.73, 0.82, 0.91, 1.0)
AGES = (0, 3, 7, 12, 18, 26, 40, 60, 90, 130)  # days back
LINE_SHARES, LINE_DAYS = (0.06, 0.12, 0.2, 0.35, 0.6, 1.0), (10, 20, 40, 80)  # of the span; days back
LEAST_LINE = 4.0  # days
HIGHER = (2, 5, 10, 20, 40)  # per cent above the newest level
MOST_DAYS, LEAST_FALL = 2000.0, 0.02  # days left, per cent a day: of a line
DEEP_DAYS, LOW_DAYS = 40, 10  # days back
AROUND, FALSE = 2, 15.0  # days on each side; per cent: a level that departs from them by more is false


class _Levels:
    """The levels of a discharge by their age in days, with sums for means and lines."""

    def __init__(self, days: Sequence[DayLevel]) -> None:
        self.levels = [day.level for day in days]
        self.last = days[-1].day
        self.ages = [self.last - day.day for day in days]
        self.span = max(1.0, self.ages[0])
        self.recent = median(self.levels[-3:])
        self._days = [day.day for day in days]
        products = (
            self.levels,
            self.ages,
            (age * age for age in self.ages),
            (age * level for age, level in zip(self.ages, self.levels, strict=True)),
        )
        self._sums = [list(accumulate(one, initial=0.0)) for one in products]

    def _sum(self, begin: int, end: int) -> tuple[float, ...]:
        return tuple(sums[end] - sums[begin] for sums in self._sums)

    def mean(self, newest: float, oldest: float) -> float:
        """The mean level between these ages."""
        begin = min(bisect_left(self._days, self.last - oldest), len(self.levels) - 1)
        end = max(bisect_left(self._days, self.last - newest + 1e-6), begin + 1)
        return self._sum(begin, end)[0] / (end - begin)

    def line(self, length: float) -> tuple[float, float]:
        """By how much a line through the levels of the last days falls a day, and its level now."""
        many = len(self.levels)
        begin = min(bisect_left(self._days, self.last - max(length, LEAST_LINE)), max(0, many - 4))
        level, age, squares, products = (one / (many - begin) for one in self._sum(begin, many))
        fall = (products - age * level) / (squares - age * age)
        return fall, level - fall * age

    def newest(self, least: float) -> int:
        """The newest day with at least this level, or the first one."""
        return next((at for at in range(len(self.levels) - 1, 0, -1) if self.levels[at] >= least), 0)


def features(days: Sequence[DayLevel], chemistry: str) -> list[float]:
    """The features; `chemistry` is one of BATTERY_TYPES or ""."""
    days = _without_false(days)
    levels, noise = _Levels(days), noise_of([day.level for day in days])
    return [
        *_means(levels),
        *_lines(levels, noise),
        *_manner(days, levels, noise),
        *_falls(levels),
        *(float(chemistry == one) for one in BATTERY_TYPES),
    ]


def _without_false(days: Sequence[DayLevel]) -> list[DayLevel]:
    """The days but for those whose level is far from that of the days around; the newest ones are kept."""
    found = []
    for at, day in enumerate(days):
        around = median(other.level for other in days[max(0, at - AROUND) : at + AROUND + 1])
        if at >= len(days) - AROUND or abs(day.level - around) <= FALSE:
            found.append(day)
    return found


def _means(levels: _Levels) -> Iterator[float]:
    span = levels.span
    for newest, oldest in pairwise(SHARES):
        yield levels.mean(span * newest, span * oldest) / 50 - 1
    for newest, oldest in pairwise(AGES):
        if newest < span:
            yield levels.mean(newest, min(oldest, span)) / 50 - 1
        else:
            yield levels.mean(0.9 * span, span) / 50 - 1


def _lines(levels: _Levels, noise: float) -> Iterator[float]:
    lines = [levels.line(levels.span * share) for share in LINE_SHARES]
    lines += [levels.line(min(levels.span, days)) for days in LINE_DAYS]
    for fall, _ in lines:
        yield min(3.0, math.log1p(max(0.0, fall) * 20 / (0.3 + noise)))
    left = [_days(max(1.0, level) / max(fall, LEAST_FALL)) for fall, level in lines]
    yield from (one - 4 for one in left)
    yield from (one - math.log(levels.span) for one in left[: len(LINE_SHARES)])


def _days(days: float) -> float:
    return math.log(min(MOST_DAYS, days + 2))


def _manner(days: Sequence[DayLevel], levels: _Levels, noise: float) -> Iterator[float]:
    """How the node reports: often, with noise, in steps."""
    depths = sorted(day.level - day.lowest for day in days[-DEEP_DAYS:])
    yield math.log(levels.span / 150)
    yield math.log(len(days) / levels.span + 0.01)
    yield math.log(noise)
    yield math.log(0.3 + sum(depths[-3:]) / 3)
    yield math.log(step_of(days))
    yield float(counts_down(days))
    yield levels.recent / 50 - 1
    yield math.log(max(1.0, levels.recent) / 30)
    yield levels.levels[0] / 50 - 1.5
    yield min(levels.levels[-1], levels.recent) / 50 - 1
    yield math.log(max(0.5, min(day.lowest for day in days[-LOW_DAYS:])) / 30)
    yield sum(before != after for before, after in pairwise(levels.levels)) / max(1, len(days) - 1)


def _falls(levels: _Levels) -> Iterator[float]:
    """How long ago the level was higher, and the days left if it goes on like that; the last change."""
    recent, last = levels.recent, levels.levels[-1]
    for higher in HIGHER:
        at = levels.newest(recent + higher)
        age, fall = levels.ages[at] + 1, max(levels.levels[at] - recent, higher)
        yield math.log(age) - 3.5
        yield _days(max(1.0, recent) * age / fall) - 4
    at = next((at for at in range(len(levels.levels) - 1, 0, -1) if levels.levels[at] != last), 0)
    yield math.log(levels.ages[at] + 1)
    yield abs(levels.levels[at] - last) / 10
