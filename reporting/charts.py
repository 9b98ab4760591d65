"""Charts over time as self-contained SVG: lines with bands. Pure.

The plot is a box of 1000 x 100 that is stretched to the width of the chart; text stands outside of it, placed
in per cent across and in pixels down, so that it is not stretched. A gap in the data stays a gap. Pages bring
the colours with their style sheet (`static/voltkeeper.css`); elsewhere `svg(standalone=True)` brings them
along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from reporting.formatting import NARROW_SPACE, format_length
from reporting.svg import render_lines

WIDTH, HEIGHT = 1000, 100
TOP, TALL = 8, 160  # pixels
LEAST_SHADE = 2.5  # of the width, so that a short outage is seen
COLOURS = 6
MANY = 8  # lines; more have one range in the caption, and no bands, which would cover the others
MONTH_S = 2_678_400
STEPS = (  # seconds between two times below a chart
    *(60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600),
    *(MONTH_S, 2 * MONTH_S),
)
TICKS = 6


class Point(NamedTuple):
    """A value at a unix time: what was measured, or the average of a span of time with its limits."""

    at: float
    mean: float
    low: float
    high: float


class ChartSeries(NamedTuple):
    """One line of a chart."""

    label: str
    points: Sequence[Point]


class Interval(NamedTuple):
    """A span of time, unix seconds."""

    start: float
    end: float


class Limit(NamedTuple):
    """A value that is marked by a horizontal line."""

    label: str
    value: float


class Line(NamedTuple):
    """A series as drawn: the `number` of its colour, the points of its polylines and of its polygons."""

    number: int
    label: str
    lines: list[str]
    bands: list[str]


class Shade(NamedTuple):
    """A shaded span, in the box."""

    x: float
    width: float


class Mark(NamedTuple):
    """A text beside the box, at `y` in it and `down` pixels, or at `x` in it and `across` per cent."""

    text: str
    x: float = 0
    across: float = 0
    y: float = 0
    down: float = 0


@dataclass(frozen=True)
class LineChart:
    """Lines over time. `href` leads to the same as a table, where a page has one."""

    title: str
    unit: str
    since: float
    until: float
    low: float
    high: float
    caption: str
    series: list[Line]
    shaded: list[Shade]
    limits: list[Mark]
    ys: list[Mark]
    xs: list[Mark]
    href: str = ""

    def svg(self, standalone: bool = False) -> Markup:
        """The chart without its title and legend."""
        return render_lines(self, standalone)


@dataclass(frozen=True)
class Scale:
    """From time and value to the box."""

    since: float
    until: float
    low: float
    high: float

    def x(self, at: float) -> float:
        """How far to the right a time lies."""
        return round((at - self.since) / (self.until - self.since) * WIDTH, 1)

    def y(self, value: float) -> float:
        """How far down a value lies."""
        return round((self.high - value) / (self.high - self.low) * HEIGHT, 2)


@dataclass(frozen=True)
class LineChartData:
    """What a chart of lines shows, between two times in unix seconds.

    `shaded` are spans on battery. The axis begins at `floor` or below. With `mains`, values near 0 are those
    of an outage and do not stretch the axis.
    """

    title: str
    unit: str
    series: Sequence[ChartSeries]
    since: float
    until: float
    shaded: Sequence[Interval] = ()
    limits: Sequence[Limit] = ()
    floor: float | None = None
    mains: bool = False

    def shown(self) -> list[tuple[int, ChartSeries]]:
        """Series that have points, with their numbers: a label has one colour on every chart of a page."""
        return [(number, series) for number, series in enumerate(self.series, 1) if series.points]

    def on_axis(self, points: Sequence[Point]) -> Sequence[Point]:
        """The points that the axis has to have room for."""
        return without_outages(points) if self.mains else points

    def visible_shades(self) -> list[Interval]:
        """The shaded spans that touch the chart."""
        return [span for span in self.shaded if span.end > self.since and span.start < self.until]


def draw_lines(data: LineChartData, timezone: str) -> LineChart | None:
    """A chart of lines with local times below it; None where no series has a point."""
    shown = data.shown()
    if not shown:
        return None
    scale = Scale(data.since, data.until, *_value_range(data))
    low, high = scale.low, scale.high
    return LineChart(
        data.title,
        data.unit,
        data.since,
        data.until,
        low,
        high,
        _caption(data),
        [_draw_series(number, series, scale, len(shown) <= MANY) for number, series in shown],
        [_draw_shade(span, scale) for span in data.visible_shades()],
        [_mark_down(limit.label, limit.value, scale) for limit in data.limits if low <= limit.value <= high],
        [_mark_down(f"{value:g}", value, scale) for value in round_values(low, high)],
        [
            Mark(text, x=scale.x(at), across=round(scale.x(at) / WIDTH * 100, 2))
            for at, text in _round_times(data.since, data.until, timezone)
        ],
    )


def _mark_down(text: str, value: float, scale: Scale) -> Mark:
    y = scale.y(value)
    return Mark(text, y=y, down=round(TOP + y / HEIGHT * TALL, 1))


def without_outages(points: Sequence[Point]) -> Sequence[Point]:
    """Points without those far below the rest: the mains at 0 V in an outage would flatten the line."""
    middle = median(point.mean for point in points)
    return [point for point in points if point.low >= middle / 2] or points


def _value_range(data: LineChartData) -> tuple[float, float]:
    marked = [limit.value for limit in data.limits]
    low = min([min(point.low for point in data.on_axis(points)) for _, (_, points) in data.shown()] + marked)
    high = max([max(point.high for point in points) for _, (_, points) in data.shown()] + marked)
    margin = (high - low) * 0.06 or max(abs(high) * 0.02, 0.5)
    low, high = low - margin, high + margin
    return (min(data.floor, low) if data.floor is not None else low), high


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


def _draw_series(number: int, series: ChartSeries, scale: Scale, with_band: bool) -> Line:
    lines, bands = [], []
    for piece in cut_at_gaps(series.points):
        if len(piece) == 1:
            across, level = scale.x(piece[0].at), scale.y(piece[0].mean)
            lines.append(f"{across - 1},{level} {across + 1},{level}")
            continue
        lines.append(" ".join(f"{scale.x(point.at)},{scale.y(point.mean)}" for point in piece))
        if with_band and any(point.low != point.high for point in piece):
            upper = [f"{scale.x(point.at)},{scale.y(point.high)}" for point in piece]
            lower = [f"{scale.x(point.at)},{scale.y(point.low)}" for point in reversed(piece)]
            bands.append(" ".join(upper + lower))
    return Line((number - 1) % COLOURS + 1, series.label, lines, bands)


def _draw_shade(span: Interval, scale: Scale) -> Shade:
    left, right = max(0, scale.x(span.start)), min(WIDTH, scale.x(span.end))
    return Shade(left, round(max(right - left, LEAST_SHADE), 1))


def round_values(low: float, high: float) -> list[float]:
    """Three to five round values in the range."""
    rough = (high - low) / 4
    power = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 1
    while power > rough:
        power /= 10
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough)
    first = -(-low // step)
    return [round((first + number) * step, 6) for number in range(6) if (first + number) * step <= high]


def _round_times(since: float, until: float, timezone: str) -> list[tuple[float, str]]:
    """(unix seconds, text) of at most TICKS round local times."""
    zone = ZoneInfo(timezone)
    step = next((step for step in STEPS if (until - since) / step <= TICKS), STEPS[-1])
    start = datetime.fromtimestamp(since, zone).replace(tzinfo=None)
    if step >= MONTH_S:
        return _round_months(start, until, step // MONTH_S, zone)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    count = -(-(start - midnight).total_seconds() // step)
    found = []
    while (at := (midnight + timedelta(seconds=count * step)).replace(tzinfo=zone)).timestamp() < until:
        text = f"{at:%-d %b}" if step >= 86_400 or (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"
        found.append((at.timestamp(), text))
        count += 1
    return found


def _round_months(start: datetime, until: float, months: int, zone: ZoneInfo) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    year, month = start.year, start.month + 1
    while len(found) <= 2 * TICKS:
        at = datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=zone)
        if at.timestamp() >= until:
            break
        found.append((at.timestamp(), f"{at:%b %Y}"))
        month += months
    return found[:: -(-len(found) // TICKS) or 1]


def _caption(data: LineChartData) -> str:
    """What the chart shows, as text."""
    shown = data.shown()
    parts = [_range_text(data, label, [points]) for _, (label, points) in shown]
    if len(shown) > MANY:
        parts = [_range_text(data, f"{len(shown)} lines", [points for _, (_, points) in shown])]
    on_battery = [min(end, data.until) - max(start, data.since) for start, end in data.visible_shades()]
    if on_battery:
        times = "once" if len(on_battery) == 1 else f"{len(on_battery)} times"
        parts.append(f"on battery {times}, {format_length(sum(on_battery))} in total")
    missing = max(_missing_s(points, data.until) for _, (_, points) in data.shown())
    if missing:
        parts.append(f"no data for {format_length(missing)}")
    return "; ".join(parts) + "."


def _range_text(data: LineChartData, label: str, lines: Sequence[Sequence[Point]]) -> str:
    """The lowest and the highest value of some lines, as text."""
    kept = [point for points in lines for point in data.on_axis(points)]
    low, high = min(point.low for point in kept), max(point.high for point in kept)
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    exception = " except during outages" if len(kept) < sum(map(len, lines)) else ""
    return f"{label} {span}{NARROW_SPACE}{data.unit}{exception}"


def _missing_s(points: Sequence[Point], until: float) -> float:
    limit = gap_s(points)
    times = [*(point.at for point in points), until]
    return sum(
        after - before for before, after in pairwise(times) if limit and after - before > max(limit, 60)
    )
