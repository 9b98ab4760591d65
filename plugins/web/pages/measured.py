"""What the pages of a channel and of a figure of a UPS share: charts, overlays, figures, tables."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from plugins.web.canned import run_query
from plugins.web.endpoint import Json
from plugins.web.pages.behind import Behind
from plugins.web.pages.distribution import draw_hours, draw_usual_day
from plugins.web.pages.series import KeptSeries, find_series, series_choices
from plugins.web.pages.view import DAY_S, PAGE, RANGES, View
from plugins.web.query import Row
from plugins.web.site import Site
from reporting.charts import (
    BarChart,
    ChartSeries,
    LineChart,
    LineChartData,
    Point,
    draw_lines,
)
from reporting.formatting import format_length
from reporting.measured import Bucket, Comparison, decimals_of, summarise, whole_hours
from reporting.time_range import TimeRange
from reporting.trend import find_trend

HOUR_S = 3600
ZERO_UNITS = frozenset(("W", "VA", "var", "lx", "mm/h", "l/m"))  # their axes begin at 0


async def read_buckets(site: Site, series: KeptSeries, span: TimeRange) -> list[Bucket] | None:
    """The history of a series, oldest first; None where it took too long."""
    rows = await run_query(site, series.queries.history, **series.params, **span.utc_params)
    return None if rows is None else series.queries.read(rows)


class ValueRow(NamedTuple):
    """A row of the table of values: a span of time that begins `at`."""

    at: str
    low: float | None
    mean: float | None
    high: float | None
    values: int
    wrong: str | None


class Blocks(NamedTuple):
    """What such a page shows of a series. `rows` are those of its history; None where it took too long."""

    rows: list[Row] | None
    values: list[ValueRow]  # the newest first; none where the rows are the readings themselves
    width: float  # seconds of each
    charts: list[LineChart]
    comparison: Comparison | None
    histogram: BarChart | None
    usual_day: LineChart | None
    slow: bool
    said: str  # what the chart shows, as a sentence where a difference says nothing
    strip: str  # parameters of the canned queries, as a query string
    trend: str  # of a range that ends now, as a sentence; empty where there is none


async def read_page(site: Site, series: KeptSeries, view: View, behind: Behind | None) -> Json:
    """What the templates of both pages take; without `behind` it is no series of numbers."""
    found, unknown = await find_series(site, view.refs)
    return {
        "series": series,
        "view": view,
        "ranges": RANGES,
        "per_page": PAGE,
        "blocks": await read_blocks(site, series, view, behind, found) if behind else None,
        "overlays": found,
        "unknown": unknown,
        "offered": await series_choices(site, series),
        "limits": behind.limits if behind else (),
    }


async def read_blocks(
    site: Site, series: KeptSeries, view: View, behind: Behind, overlays: Sequence[KeptSeries]
) -> Blocks:
    """Read and draw all blocks of the page of a series of numbers."""
    params = {**series.params, **view.span.utc_params}
    rows, histogram, by_hour = await asyncio.gather(
        run_query(site, series.queries.history, **params),
        _read_rows(site, series.queries.histogram, params),
        _read_rows(site, series.queries.by_hour, params),
    )
    before, *others = await asyncio.gather(
        read_buckets(site, series, view.before),
        *(read_buckets(site, one, view.span) for one in overlays),
    )
    known, earlier = rows or [], before or []
    buckets, width = series.queries.read(known), known[0]["bucket_s"] if known else 0
    lines = list(zip(overlays, others, strict=True))
    charts = draw_charts(site, series, view, behind, buckets, earlier, lines, width)
    return Blocks(
        rows,
        read_values(known) if width else [],
        width,
        charts,
        compare(view, series, buckets, earlier, [] if behind.mains else histogram),
        draw_hours(series, view, histogram),
        draw_usual_day(series, view, by_hour, behind.mains),
        rows is None,
        charts[0].caption.partition(", ")[2] if charts and behind.mains else "",
        urlencode(params, safe="@"),
        "" if behind.mains or series.is_counter else _describe_trend(site, view, buckets, width),
    )


def _describe_trend(site: Site, view: View, buckets: Sequence[Bucket], width: float) -> str:
    """Whether the value rises or falls now; empty for a range that ends before, or has means of days."""
    now = time.time()
    ends_now = "until" not in view.span.params
    trend = find_trend(_points(buckets), now) if ends_now and width <= HOUR_S else None
    return trend.describe(site.timezone, now, width >= HOUR_S) if trend else ""


async def _read_rows(site: Site, query: str, params: Mapping[str, str]) -> list[Row]:
    """The rows of a canned query; none where it took too long."""
    return await run_query(site, query, **params) or []


def read_values(rows: Sequence[Row]) -> list[ValueRow]:
    """Rows of channel_history or ups_history, the newest first."""
    found = [
        ValueRow(
            row["at"],
            row["min"],
            row.get("value", row.get("avg")),
            row["max"],
            row["readings"] if "readings" in row else row["samples"],
            row.get("wrong"),
        )
        for row in rows
    ]
    return sorted(found, key=lambda row: row.at, reverse=True)


def compare(
    view: View, series: KeptSeries, now: Sequence[Bucket], before: Sequence[Bucket], bins: Sequence[Row]
) -> Comparison:
    """The figures of the period beside those of the one before; `bins` are rows of the histogram."""
    return Comparison(
        summarise(now, series.is_counter),
        summarise(before, series.is_counter),
        series.unit,
        decimals_of(now),
        whole_hours(view.span.since, min(view.span.until, time.time())),
        sum(row["hours"] for row in bins),
        sum(row["hours_before"] for row in bins),
        view.words,
    )


def draw_charts(
    site: Site,
    series: KeptSeries,
    view: View,
    behind: Behind,
    buckets: Sequence[Bucket],
    before: Sequence[Bucket],
    overlays: Sequence[tuple[KeptSeries, list[Bucket] | None]],
    width: float,
) -> list[LineChart]:
    """The chart of the series with the overlays of its unit, and one for each other unit."""
    length = view.span.until - view.span.since
    described = _describe_width(width)
    lines: dict[str, list[ChartSeries]] = {series.unit: [ChartSeries(series.label, _points(buckets))]}
    for one, found in overlays:
        lines.setdefault(one.unit, []).append(ChartSeries(one.label, _points(found or [])))
    moved = [one.point._replace(at=one.at + length) for one in before] if view.compare else []
    charts = []
    for unit, drawn in lines.items():
        is_own = unit == series.unit
        data = LineChartData(
            series.label if is_own else ", ".join(one.label for one in drawn),
            unit,
            drawn,
            view.span.since,
            view.span.until,
            shaded=behind.shaded,
            silent=behind.silent,
            limits=behind.limits if is_own else (),
            floor=behind.floor if is_own and behind.floor is not None else _floor(unit),
            mains=behind.mains if is_own else False,
            before=[ChartSeries(view.words[2], moved)] if is_own and moved else [],
            extremes=len(drawn) == 1,
        )
        chart = draw_lines(data, site.timezone)
        if chart is not None:
            chart.caption = f"{described}, {chart.caption.removeprefix(series.label).lstrip()}"
            charts.append(chart)
    return charts


def _floor(unit: str) -> float | None:
    return 0.0 if unit in ZERO_UNITS else None


def _describe_width(width: float) -> str:
    """What a point of the line is."""
    if not width:
        return "Each value"
    names = {3600: "hour", DAY_S: "day"}
    return f"Mean per {names.get(round(width)) or format_length(width)}"


def _points(buckets: Sequence[Bucket]) -> list[Point]:
    return [one.point for one in buckets]
