"""Steps over time: a figure that holds until the next report, such as a setpoint. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reporting.charts.canvas import Canvas
from reporting.charts.model import Interval
from reporting.charts.over_time import TimeChart, span_keys
from reporting.charts.scale import fit_axis, own_digits
from reporting.charts.times import TimeAxis

SEEN = 0.002  # of the width: a report after which nothing was heard at once


class LevelSpan(NamedTuple):
    """A value from one time to another."""

    start: float
    end: float
    level: float


class Spread(NamedTuple):
    """A time with several values, of which only the lowest and the highest are kept."""

    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True)
class StepData:
    """What a chart of steps shows, between two times in unix seconds."""

    title: str
    unit: str
    label: str
    holds: Sequence[LevelSpan]
    since: float
    until: float
    caption: str
    spreads: Sequence[Spread] = ()
    silent: Sequence[Interval] = ()


@dataclass(kw_only=True)
class StepChart(TimeChart):
    """Drawn steps."""

    source: StepData

    kind = "steps"

    def draw_series(self, canvas: Canvas) -> None:
        """As TimeChart has it: one line for all values that follow each other without a gap."""
        least = (self.until - self.since) * SEEN
        pieces: list[list[tuple[int, int]]] = []
        for number, one in enumerate(self.source.holds):
            level = self.values.y(one.level)
            ends = [(self.times.x(at), level) for at in (one.start, max(one.end, one.start + least))]
            if number and self.source.holds[number - 1].end == one.start:
                pieces[-1] += ends
            else:
                pieces.append(ends)
        boxes = []
        for one_spread in self.source.spreads:
            left, right = self.times.x(one_spread.start), self.times.x(one_spread.end)
            upper, lower = self.values.y(one_spread.high), self.values.y(one_spread.low)
            boxes.append([(left, upper), (right, upper), (right, lower), (left, lower)])
        canvas.begin_paths()
        canvas.group("l1", self.source.label)
        if boxes:
            canvas.path(boxes, "band s1", closed=True)
        canvas.path(pieces, "line s1")
        canvas.end_group()
        canvas.end_paths()


def draw_steps(data: StepData, timezone: str) -> StepChart | None:
    """The chart; None where nothing is known."""
    if not data.holds:
        return None
    levels = [one.level for one in data.holds]
    levels += [value for one in data.spreads for value in (one.low, one.high)]
    times = TimeAxis(data.since, data.until, timezone)
    values = fit_axis(min(levels), max(levels), data.unit, digits=own_digits(levels))
    return StepChart(
        title=data.title,
        unit=data.unit,
        caption=data.caption,
        keys=span_keys((), data.silent, times),
        values=values,
        times=times,
        silent=data.silent,
        source=data,
    )
