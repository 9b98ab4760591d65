"""Areas over time that lie on each other: what several things make together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reporting.charts.canvas import Canvas, style_class
from reporting.charts.chart import Key
from reporting.charts.model import ChartSeries, Point, SeriesData, gap_s
from reporting.charts.over_time import TimeChart, describe_shaded, span_keys
from reporting.charts.scale import ValueAxis, fit_axis, own_digits
from reporting.charts.times import TimeAxis
from reporting.formatting import NARROW_SPACE

NEAR = 0.75  # of the usual distance of two points: nearer ones are of the same time


@dataclass(frozen=True)
class StackData(SeriesData):
    """What a stack of areas shows; the first series lies at the bottom. Its values are 0 or more."""


class Layer(NamedTuple):
    """One series on those below it: (time, lower, upper) in pieces without a gap, in quanta."""

    number: int
    label: str
    pieces: list[list[tuple[float, int, int]]]


@dataclass(kw_only=True)
class StackChart(TimeChart):
    """A drawn stack."""

    layers: list[Layer]

    kind = "stack"
    covers = True

    def draw_series(self, canvas: Canvas) -> None:
        """As TimeChart has it."""
        base = self.values.y(0)
        canvas.begin_paths()
        for layer in self.layers:
            canvas.group(f"l{layer.number}", layer.label)
            style = style_class(layer.number)
            upper = [[(self.times.x(at), base - top) for at, _, top in piece] for piece in layer.pieces]
            lower = [[(self.times.x(at), base - bottom) for at, bottom, _ in piece] for piece in layer.pieces]
            areas = [above + below[::-1] for above, below in zip(upper, lower, strict=True)]
            canvas.path(areas, f"area {style}", closed=True)
            canvas.path(upper, f"edge {style}")
            canvas.end_group()
        canvas.end_paths()


def draw_stack(data: StackData, timezone: str) -> StackChart | None:
    """The stack with local times below it; None where no series has a point.

    A series that has no value at a time adds nothing there; a time at which none has one is a gap.
    """
    shown = data.shown()
    if not shown:
        return None
    columns = _columns([one.points for _, one in shown])
    highest = max(sum(point.mean for point in own.values()) for _, own in columns)
    digits = own_digits(point.mean for _, one in shown for point in one.points)
    values = fit_axis(0, max(highest, 0), floor_at=0, digits=digits)
    times = TimeAxis(data.since, data.until, timezone)
    layers = _layers(shown, columns, values)
    return StackChart(
        title=data.title,
        unit=data.unit,
        caption=_caption(data, columns, times),
        keys=[Key(one.label, "area", number) for number, one in shown]
        + span_keys(data.shaded, data.silent, times),
        values=values,
        times=times,
        shaded=data.shaded,
        silent=data.silent,
        layers=layers,
    )


Column = tuple[float, dict[int, Point]]  # a time, and the points at it by the place of their series


def _columns(lines: Sequence[Sequence[Point]]) -> list[Column]:
    """The points of all series by time; times closer than the usual distance are one."""
    apart = min((gap_s(points) / 2.5 for points in lines if len(points) > 1), default=0.0) * NEAR
    columns: list[Column] = []
    everything = sorted((point.at, place, point) for place, points in enumerate(lines) for point in points)
    for at, place, point in everything:
        if columns and at - columns[-1][0] <= apart and place not in columns[-1][1]:
            columns[-1][1][place] = point
        else:
            columns.append((at, {place: point}))
    return columns


def _layers(
    shown: Sequence[tuple[int, ChartSeries]], columns: Sequence[Column], values: ValueAxis
) -> list[Layer]:
    limit = gap_s([Point(at, 0, 0, 0) for at, _ in columns])
    layers = [Layer(number, one.label, []) for number, one in shown]
    last: float | None = None
    for at, own in columns:
        below = 0
        for place, layer in enumerate(layers):
            if last is None or at - last > limit:
                layer.pieces.append([])
            above = below + (
                round(values.shown(max(0, own[place].mean)) / values.quantum) if place in own else 0
            )
            layer.pieces[-1].append((at, below, above))
            below = above
        last = at
    return layers


def _caption(data: StackData, columns: Sequence[Column], times: TimeAxis) -> str:
    sums = [sum(point.mean for point in own.values()) for _, own in columns]
    low, high, mean = min(sums), max(sums), sum(sums) / len(sums)
    span = f"{low:,.0f}" if round(low) == round(high) else f"{low:,.0f} to {high:,.0f}"
    parts = [f"{span}{NARROW_SPACE}{data.unit}, mean {mean:,.0f}{NARROW_SPACE}{data.unit}"]
    return "; ".join(parts + describe_shaded(data.shaded, times)) + "."
