"""Lines over time with bands from the lowest to the highest value. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from reporting.charts.canvas import Canvas, Place, style_class
from reporting.charts.chart import Key, anchored
from reporting.charts.clips import Clip, find_clips
from reporting.charts.model import (
    ChartSeries,
    Limit,
    Point,
    SeriesData,
    cut_at_gaps,
    missing_s,
    without_outages,
)
from reporting.charts.over_time import TimeChart, describe_shaded, span_keys
from reporting.charts.scale import ValueAxis, fit_axis, own_digits, short_number
from reporting.charts.times import TimeAxis
from reporting.formatting import NARROW_SPACE, format_length

MANY = 8  # lines; more have one range in the caption, and no bands, which would cover the others
REACH = 4  # a limit joins the axis unless that makes it this much longer than the data need
USUAL_HEIGHT = 240  # pixels of a plot: how near a line and a text lie is judged for it
LETTER = 6.2  # pixels of a letter beside a limit, in a plot USUAL_WIDTH wide
USUAL_WIDTH, ROOM = 640, 18
CLIPS_APART = 0.08
FEW_CLIPS, MANY_CLIPS_APART = 5, 0.24  # more of them name fewer values
RIGHT = 0.45  # from here on the value of a clip may lie beside the words of a limit beyond the axis
MOST_DOTS = 60  # lone points of a line that are drawn as dots


@dataclass(frozen=True)
class LineChartData(SeriesData):
    """What a chart of lines shows.

    The axis begins at `floor` or below, and reaches `least_high` or beyond. With `mains`, values near 0 are
    those of an outage: they do not stretch the axis, and where they leave it a mark names the true value.
    `before` are the same lines a period earlier, moved to this time. With `extremes`, the lowest and the
    highest value stand at the line.
    """

    limits: Sequence[Limit] = ()
    floor: float | None = None
    least_high: float | None = None
    mains: bool = False
    before: Sequence[ChartSeries] = ()
    extremes: bool = False

    def on_axis(self, points: Sequence[Point]) -> Sequence[Point]:
        """The points that the axis has to have room for."""
        return without_outages(points) if self.mains else points


@dataclass(kw_only=True)
class LineChart(TimeChart):
    """A drawn chart of lines."""

    source: LineChartData

    kind = "lines"

    def draw_series(self, canvas: Canvas) -> None:
        """As TimeChart has it."""
        shown = self.source.shown()
        pieces = {number: cut_at_gaps(one.points) for number, one in shown}
        canvas.begin_paths()
        for one in self.source.before:
            if one.points:
                canvas.group("before", one.label)
                canvas.path(self._lines(cut_at_gaps(one.points)), "ghost")
                canvas.end_group()
        for number, one in shown:
            canvas.group(f"l{number}", one.label)
            if len(shown) <= MANY and (bands := self._bands(pieces[number])):
                canvas.path(bands, f"band {style_class(number)}", closed=True)
            canvas.path(self._lines(pieces[number]), f"line {style_class(number)}")
            canvas.end_group()
        canvas.end_paths()
        for number, _ in shown:
            self._draw_lone(canvas, number, pieces[number])
        self._draw_limits(canvas)
        self._draw_clips(canvas)
        if self.source.extremes and len(shown) == 1:
            self._draw_extremes(canvas, *shown[0])

    def _lines(self, pieces: Sequence[Sequence[Point]]) -> list[list[tuple[int, int]]]:
        return [
            list(zip(self.times.xs(one.at for one in piece), self.values.ys(map(_mean, piece)), strict=True))
            for piece in pieces
        ]

    def _draw_lone(self, canvas: Canvas, number: int, pieces: Sequence[Sequence[Point]]) -> None:
        """Points between two gaps: a line of one point has no length."""
        lone = [piece[0] for piece in pieces if len(piece) == 1]
        for point in lone[:MOST_DOTS]:
            across, down = self.times.share(point.at), self.values.share(point.mean)
            if 0 <= across <= 1 and 0 <= down <= 1:
                canvas.dot(Place(across, down), f"l{number} {style_class(number)}")

    def _bands(self, pieces: Sequence[Sequence[Point]]) -> list[list[tuple[int, int]]]:
        bands = []
        for piece in pieces:
            if any(point.low != point.high for point in piece):
                across = self.times.xs(point.at for point in piece)
                upper = zip(across, self.values.ys(map(_high, piece)), strict=True)
                lower = list(zip(across, self.values.ys(map(_low, piece)), strict=True))
                bands.append([*upper, *reversed(lower)])
        return bands

    def _draw_limits(self, canvas: Canvas) -> None:
        """Limits with their words at the right end; those beyond the axis at its edge, with an arrow."""
        beyond = {"↑": 0, "↓": 0}
        clipped = {"↑" if clip.above else "↓" for clip in self._clips if clip.across > RIGHT}
        for limit in self.source.limits:
            severity = f"{limit.severity} halo"
            if limit.value > self.values.high or limit.value < self.values.low:
                arrow = "↑" if limit.value > self.values.high else "↓"
                offset = 16 * (beyond[arrow] + (arrow in clipped))
                beyond[arrow] += 1
                place = Place(1, 0, -2, 14 + offset) if arrow == "↑" else Place(1, 1, -2, -8 - offset)
                canvas.text(place, f"{limit.label} {arrow}", "end", severity, True)
                continue
            down = self.values.share(limit.value)
            canvas.across(down, f"limit {limit.severity}")
            canvas.text(self._place_limit(limit, down), limit.label, self._side(limit, down), severity)

    def _free_at(self, text: str, down: float, right: bool) -> int:
        """Where a text beside a limit crosses no line: -1 above, 1 below, 0 nowhere."""
        width = min(0.5, len(text) * LETTER / USUAL_WIDTH)
        first, last = (1 - width, 1.0) if right else (0.0, width)
        near = [
            (self.values.share(value) - down) * USUAL_HEIGHT
            for _, one in self.source.shown()
            for point in one.points
            if first <= self.times.share(point.at) <= last
            for value in (point.low, point.mean, point.high)
        ]
        if down * USUAL_HEIGHT >= ROOM and not any(-ROOM < one < 2 for one in near):
            return -1
        if (1 - down) * USUAL_HEIGHT >= ROOM and not any(-2 < one < ROOM for one in near):
            return 1
        return 0

    def _side(self, limit: Limit, down: float) -> str:
        right = self._free_at(limit.label, down, right=True)
        return "end" if right or not self._free_at(limit.label, down, right=False) else "start"

    def _place_limit(self, limit: Limit, down: float) -> Place:
        right = self._side(limit, down) == "end"
        free = self._free_at(limit.label, down, right)
        return Place(1 if right else 0, down, -2 if right else 2, 15 if free == 1 else -6)

    @cached_property
    def _clips(self) -> list[Clip]:
        return find_clips([one.points for _, one in self.source.shown()], self.values, self.times)

    def _draw_clips(self, canvas: Canvas) -> None:
        """A small triangle with the true value where a line leaves the frame."""
        labelled, clips = -1.0, self._clips
        apart = CLIPS_APART if len(clips) <= FEW_CLIPS else MANY_CLIPS_APART
        for clip in clips:
            canvas.triangle(Place(clip.across, 0 if clip.above else 1), clip.above, "clip ink")
            if clip.across - labelled < apart:
                continue
            labelled = clip.across
            right = clip.across > 0.9
            text = f"{self.values.text(clip.value)}{NARROW_SPACE}{self.unit}"
            place = Place(clip.across, 0 if clip.above else 1, -9 if right else 9, 14 if clip.above else -4)
            canvas.text(place, text, "end" if right else "start", "ink halo")

    def _draw_extremes(self, canvas: Canvas, number: int, series: ChartSeries) -> None:
        lowest, highest = min(series.points, key=_low), max(series.points, key=_high)
        if lowest.low == highest.high:
            return
        for point, value, dy in ((lowest, lowest.low, 19), (highest, highest.high, -10)):
            if not self.values.low <= value <= self.values.high:
                continue
            across, down = self.times.share(point.at), self.values.share(value)
            if 0 <= across <= 1:
                canvas.dot(Place(across, down), style_class(number))
                canvas.text(Place(across, down, 0, dy), self.values.text(value), anchored(across), "ink halo")


_low, _mean, _high = attrgetter("low"), attrgetter("mean"), attrgetter("high")


def draw_lines(data: LineChartData, timezone: str) -> LineChart | None:
    """A chart of lines with local times below it; None where no series has a point."""
    shown = data.shown()
    if not shown:
        return None
    times = TimeAxis(data.since, data.until, timezone)
    before = [Key(one.label, "ghost") for one in data.before if one.points][:1]
    keys = [Key(one.label, "line", number) for number, one in shown] if len(shown) > 1 or before else []
    return LineChart(
        title=data.title,
        unit=data.unit,
        caption=_caption(data, times),
        keys=keys + before + span_keys(data.shaded, data.silent, times),
        values=_fit(data),
        times=times,
        shaded=data.shaded,
        silent=data.silent,
        source=data,
    )


def _fit(data: LineChartData) -> ValueAxis:
    kept = [point for _, one in data.shown() for point in data.on_axis(one.points)]
    kept += [point for one in data.before if one.points for point in data.on_axis(one.points)]
    low, high = min(map(_low, kept)), max(map(_high, kept))
    if data.least_high is not None:
        high = max(high, data.least_high)
    digits = own_digits(value for point in kept for value in point[1:])

    def fit(low: float, high: float) -> ValueAxis:
        return fit_axis(low, high, data.unit, floor_at=data.floor, digits=digits)

    longest = REACH * (fit(low, high).high - fit(low, high).low) / 2
    for limit in sorted(data.limits, key=lambda one: abs(one.value - (low + high) / 2)):
        with_limit = min(low, limit.value), max(high, limit.value)
        if with_limit[1] - with_limit[0] <= longest:
            low, high = with_limit
    return fit(low, high)


def _caption(data: LineChartData, times: TimeAxis) -> str:
    """What the chart shows, as text."""
    shown = data.shown()
    ranges = [_range_text(data, [one.points]) for _, one in shown]
    if len(shown) > MANY:
        parts = [f"{len(shown)} lines {_range_text(data, [one.points for _, one in shown])}"]
    elif len(shown) > 1 and len(set(ranges)) == 1:
        parts = [f"each {ranges[0]}"]
    else:
        parts = [f"{one.label} {text}".lstrip() for (_, one), text in zip(shown, ranges, strict=True)]
    parts += describe_shaded(data.shaded, times)
    missing = max(missing_s(one.points, data.until) for _, one in shown)
    if missing:
        parts.append(f"no data for {format_length(missing)}")
    return "; ".join(parts) + "."


def _range_text(data: LineChartData, lines: Sequence[Sequence[Point]]) -> str:
    """The lowest and the highest value of some lines, as text."""
    kept = [point for points in lines for point in data.on_axis(points)]
    low, high = min(map(_low, kept)), max(map(_high, kept))
    span = short_number(low) if low == high else f"{short_number(low)} to {short_number(high)}"
    exception = " except during outages" if len(kept) < sum(map(len, lines)) else ""
    return f"{span}{NARROW_SPACE}{data.unit}{exception}"
