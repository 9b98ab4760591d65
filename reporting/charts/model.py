"""What charts are made of: points, series, spans of time and limits, with gaps that stay gaps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

MIN_GAP_S = 60  # a shorter one is not worth a word in the caption


class Point(NamedTuple):
    """A value at a unix time: what was measured, or the average of a span of time with its limits."""

    at: float
    mean: float
    low: float
    high: float


class ChartSeries(NamedTuple):
    """One line of a chart. `number` is that of its style; 0: its place among the series."""

    label: str
    points: Sequence[Point]
    number: int = 0


class Interval(NamedTuple):
    """A span of time, unix seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class SeriesData:
    """Series of a unit between two times in unix seconds.

    `shaded` are spans on battery, `silent` those in which nothing was heard.
    """

    title: str
    unit: str
    series: Sequence[ChartSeries]
    since: float
    until: float
    shaded: Sequence[Interval] = ()
    silent: Sequence[Interval] = ()

    def shown(self) -> list[tuple[int, ChartSeries]]:
        """Series that have points, with their numbers: a label has one colour on every chart of a page."""
        return [(one.number or place, one) for place, one in enumerate(self.series, 1) if one.points]


class Limit(NamedTuple):
    """A value that is marked by a horizontal line in the colour of its severity, `warning` or `critical`."""

    label: str
    value: float
    severity: str = "warning"


def visible(spans: Sequence[Interval], since: float, until: float) -> list[Interval]:
    """The spans that touch the time between two others, cut at it."""
    return [
        Interval(max(start, since), min(end, until)) for start, end in spans if end > since and start < until
    ]


def without_outages(points: Sequence[Point]) -> Sequence[Point]:
    """Points without those far below the rest: the mains at 0 V in an outage would flatten the line."""
    middle = median(point.mean for point in points)
    return [point for point in points if point.low >= middle / 2] or points


def gap_s(points: Sequence[Point]) -> float:
    """Seconds between two points from which on there is a gap; 0 where there are too few points to tell."""
    apart = [after.at - before.at for before, after in pairwise(points)]
    return 2.5 * median(apart) if apart else 0


def cut_at_gaps(points: Sequence[Point]) -> list[list[Point]]:
    """The points in pieces without a gap."""
    limit = gap_s(points)
    pieces: list[list[Point]] = []
    for point in points:
        if pieces and point.at - pieces[-1][-1].at <= limit:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return pieces


def missing_s(points: Sequence[Point], until: float) -> float:
    """Seconds in gaps, up to `until`."""
    limit = gap_s(points)
    times = [*(point.at for point in points), until]
    return sum(
        after - before
        for before, after in pairwise(times)
        if limit and after - before > max(limit, MIN_GAP_S)
    )
