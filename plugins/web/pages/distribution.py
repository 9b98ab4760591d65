"""How often a series had each value, and its usual day, as charts."""

from collections.abc import Sequence

from plugins.web.pages.series import KeptSeries
from plugins.web.pages.view import DAY_S, View
from plugins.web.query import Row
from reporting.charts import (
    BarChart,
    ChartSeries,
    LineChart,
    LineChartData,
    Point,
    draw_histogram,
    draw_lines,
)

LEAST_DAYS = 0.95  # that a histogram needs; a usual day needs two


def draw_hours(series: KeptSeries, view: View, rows: Sequence[Row]) -> BarChart | None:
    """Hours at each value, with those of the period before; rows of the histogram's query."""
    if series.is_counter or view.days < LEAST_DAYS or not sum(row["hours"] for row in rows):
        return None
    step = rows[0]["value_to"] - rows[0]["value_from"]
    bins = {round(row["value_from"] / step): row for row in rows}
    drawn = draw_histogram(
        "How often",
        series.unit,
        {number: row["hours"] for number, row in bins.items() if row["hours"]},
        min(bins),
        max(bins),
        step,
        ghost={number: row["hours_before"] for number, row in bins.items()} if view.compare else None,
        ghost_label=view.words[2],
    )
    drawn.caption = f"Means of hours: {drawn.caption}"
    return drawn


def draw_usual_day(series: KeptSeries, view: View, rows: Sequence[Row], mains: bool) -> LineChart | None:
    """The mean of each hour of the day, with its least and greatest value."""
    if series.is_counter or view.days < 2 * LEAST_DAYS or len(rows) < 2:
        return None
    points = [
        Point(3600 * int(row["hour"]) + 1800, row["mean"], row["least"], row["greatest"]) for row in rows
    ]
    lines = [ChartSeries(series.label, points)]
    data = LineChartData("The usual day", series.unit, lines, 0, DAY_S, mains=mains)
    drawn = draw_lines(data, "UTC")
    if drawn is not None:
        drawn.of_any_day = True
        highest, lowest = max(rows, key=_mean), min(rows, key=_mean)
        drawn.caption = (
            "Mean by hour of the day; the band is all that was measured. "
            f"Highest about {highest['hour']}:00, lowest about {lowest['hour']}:00."
        )
    return drawn


def _mean(row: Row) -> float:
    mean: float = row["mean"]
    return mean
