"""A chart of the rows of a query that are a time series, as its `fragment:` in metadata.yml has it. Pure.

Points in time are lines; periods are stacked bars where their values add up, else lines.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import NamedTuple
from urllib.parse import parse_qs

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts.bars import Bar, BarData, draw_bars
from reporting.charts.chart import Chart
from reporting.charts.lines import LineChartData, draw_lines
from reporting.charts.model import ChartSeries, Point

PERIOD_START, PERIOD_END = "starts_at", "ends_at"
SUMS = frozenset(("kwh", "wh", "cost", "seconds", "count", "messages", "hours"))  # they add up
MOST_SERIES, MOST_BARS = 18, 120
NO_NAME = ""
MAINS_UNITS = ("V", "Hz")  # near 0 in an outage


class ChartSpec(NamedTuple):
    """What the parameters of datasette-vega in a fragment say."""

    mark: str
    x: str
    x_type: str
    y: str
    colour: str

    @classmethod
    def parse(cls, fragment: str) -> "ChartSpec | None":
        """Of `g.mark=line&g.x_column=at&...`; None where it names no columns."""
        given = {name.removeprefix("g."): values[-1] for name, values in parse_qs(fragment).items()}
        if not given.get("x_column") or not given.get("y_column"):
            return None
        return cls(
            given.get("mark", ""),
            given["x_column"],
            given.get("x_type", ""),
            given["y_column"],
            given.get("color_column", ""),
        )

    def is_series(self, columns: Collection[str]) -> bool:
        """Whether rows with these columns are a time series."""
        is_timed = self.mark == "line" and self.x_type == "temporal"
        return {self.x, self.y} <= set(columns) and (is_timed or PERIOD_START in columns)


class SeriesStyle(NamedTuple):
    """How a series is called and which style it has, 0 for its place."""

    label: str
    number: int = 0


def draw_rows(
    title: str,
    spec: ChartSpec,
    rows: Sequence[Row],
    unit: str,
    timezone: str,
    style_of: Callable[[str], SeriesStyle],
) -> Chart | None:
    """The chart; None where the rows are no time series, of several units or of too many things.

    `style_of` gives the label and the number of what the colour column names.
    """
    if not rows or not spec.is_series(rows[0].keys()):
        return None
    units = {row["unit"] for row in rows if row[spec.y] is not None} if "unit" in rows[0] else {unit}
    if len(units) != 1:
        return None
    unit = next(iter(units)) or ""
    is_sum, has_periods = spec.y in SUMS, PERIOD_START in rows[0]
    kept = [row for row in rows if not (is_sum and "ups" in row and row["ups"] is None)]
    if has_periods and is_sum:
        return _draw_bars(title, spec, kept, unit, style_of)
    return _draw_lines(title, spec, rows, unit, timezone, style_of)


def _draw_lines(
    title: str,
    spec: ChartSpec,
    rows: Sequence[Row],
    unit: str,
    timezone: str,
    style_of: Callable[[str], SeriesStyle],
) -> Chart | None:
    found: dict[str, list[Point]] = {}
    edges: list[float] = []
    for row in rows:
        start, end = _span(row, spec)
        if start is None or not isinstance(row[spec.y], int | float):
            continue
        mean = row[spec.y]
        low, high = (
            value if isinstance(value, int | float) else mean for value in map(row.get, ("min", "max"))
        )
        point = Point((start + end) / 2, mean, min(low, mean), max(high, mean))
        found.setdefault(str(row.get(spec.colour) or NO_NAME), []).append(point)
        edges += (start, end)
    if not found or len(found) > MOST_SERIES or min(edges) == max(edges):
        return None
    series = [
        ChartSeries(*style_of(name)[:1], sorted(points), style_of(name).number)
        for name, points in sorted(found.items(), key=lambda one: style_of(one[0])[::-1])
    ]
    data = LineChartData(title, unit, series, min(edges), max(edges), mains=unit in MAINS_UNITS)
    return draw_lines(data, timezone)


def _span(row: Row, spec: ChartSpec) -> tuple[float | None, float]:
    """From when to when a row counts, unix seconds."""
    start = row.get(PERIOD_START) or row[spec.x]
    if not isinstance(start, str):
        return None, 0.0
    try:
        at = parse_utc(start)
        end = parse_utc(row[PERIOD_END]) if row.get(PERIOD_END) else at + (row.get("bucket_s") or 0)
    except ValueError:
        return None, 0.0
    return at, end


def _draw_bars(
    title: str,
    spec: ChartSpec,
    rows: Sequence[Row],
    unit: str,
    style_of: Callable[[str], SeriesStyle],
) -> Chart | None:
    names = sorted(
        {str(row.get(spec.colour) or NO_NAME) for row in rows}, key=lambda name: style_of(name)[::-1]
    )
    bars: dict[object, dict[str, float | None]] = {}
    titles: dict[object, str] = {}
    for row in sorted(rows, key=lambda one: str(one[PERIOD_START])):
        value = row[spec.y] if isinstance(row[spec.y], int | float) else None
        bars.setdefault(row[PERIOD_START], {})[str(row.get(spec.colour) or NO_NAME)] = value
        titles[row[PERIOD_START]] = str(row[spec.x])
    if not 1 < len(bars) <= MOST_BARS or len(names) > MOST_SERIES:
        return None
    drawn = [
        Bar(_short(titles[key]), titles[key], [own.get(name) for name in names]) for key, own in bars.items()
    ]
    styles = [style_of(name) for name in names]
    numbers = [one.number or place for place, one in enumerate(styles, 1)]
    return draw_bars(BarData(title, unit, [one.label for one in styles], drawn, numbers=numbers))


def _short(period: str) -> str:
    """A period as it stands below its bar: a day without the year."""
    try:
        return f"{date.fromisoformat(period[:10]):%-d %b}{period[10:16]}"
    except ValueError:
        return period
