"""The charts of UPSes on their pages: over time, of one UPS or of all, with limits and outages."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from urllib.parse import urlencode

from plugins.web.canned import run_query
from plugins.web.pages.behind import Behind, figure_limits, read_outages, read_unanswered
from plugins.web.pages.ups_series import SeriesChart, figure_page
from plugins.web.query import Row
from plugins.web.site import Site
from reporting.charts import ChartSeries, Limit, LineChart, LineChartData, Point, draw_lines
from reporting.time_range import TimeRange
from reporting.ups_history import divided, points_by_ups

HISTORIES, LONGEST_KEPT_S = 200, 60  # that are kept, and how long at most
BUCKETS = 500  # of a range, about: of a figure that has no value in it

History: TypeAlias = dict[str, list[Point]]  # name of a UPS -> points


class ChartPlan(NamedTuple):
    """A chart of the page of a UPS: columns of its samples with labels, variables that are limits."""

    title: str
    unit: str
    figures: dict[str, str]
    limits: Mapping[str, str] = MappingProxyType({})
    floor: float | None = None
    least_high: float | None = None
    mains: bool = False
    divisor: float = 1.0  # of the column, for the unit


class SlowChart(NamedTuple):
    """A chart whose history took too long; `slow` leads to it as a table."""

    title: str
    slow: str


# Per cent. UPSes report whole ones: on an axis fitted to them, one more or less would look like a storm.
LOAD_AXIS_TOP = 20.0
SEVERITY = {"battery.charge.low": "critical"}  # of limits, where it is not warning
CHARTS = (
    ChartPlan(
        "Voltage",
        "V",
        {"input_voltage": "input", "output_voltage": "output"},
        {"input.transfer.low": "to battery below", "input.transfer.high": "to battery above"},
        mains=True,
    ),
    ChartPlan("Load", "W", {"watts": "load"}),
    ChartPlan(
        "Load", "%", {"ups_load": "load"}, floor=0, least_high=LOAD_AXIS_TOP
    ),  # where no watts are known
    ChartPlan(
        "Battery charge",
        "%",
        {"battery_charge": "charge"},
        {"battery.charge.low": "low", "battery.charge.warning": "warning"},
        floor=0,
    ),
    ChartPlan("Runtime left", "min", {"battery_runtime": "runtime"}, floor=0, divisor=60),
    ChartPlan("Battery voltage", "V", {"battery_voltage": "battery"}),
    ChartPlan("Temperature", "°C", {"ups_temperature": "temperature"}),
    ChartPlan("Frequency", "Hz", {"input_frequency": "input"}, mains=True),
)
COMPARED = (
    ChartPlan("Load", "%", {"ups_load": ""}, floor=0, least_high=LOAD_AXIS_TOP),
    ChartPlan("Input voltage", "V", {"input_voltage": ""}, mains=True),
)


async def draw_compared(
    site: Site, upses: Sequence[Row], numbers: Mapping[int, int], span: TimeRange
) -> list[LineChart]:
    """The charts of /ups: a line for each UPS; `numbers` are those of their styles, by id."""
    if not upses:
        return []
    found = await read_histories(site, "", [figure for plan in COMPARED for figure in plan.figures], span)
    behind = Behind(await read_outages(site, span))
    charts = []
    for plan in COMPARED:
        points = found[next(iter(plan.figures))] or {}
        series = [
            ChartSeries(ups["label"], points.get(ups["name"], []), numbers.get(ups["id"], 0)) for ups in upses
        ]
        charts += _draw(site, plan, series, span, behind)
    return charts


def _draw(
    site: Site,
    plan: ChartPlan,
    series: Sequence[ChartSeries],
    span: TimeRange,
    behind: Behind,
    ups: str = "",
) -> list[LineChart]:
    """The chart with a link to its first figure as a table; nothing where there are no points to draw."""
    data = LineChartData(
        *(plan.title, plan.unit, series, span.since, span.until, behind.shaded, behind.silent),
        limits=behind.limits,
        floor=plan.floor,
        least_high=plan.least_high,
        mains=plan.mains,
    )
    drawn = draw_lines(data, site.timezone)
    figure = next(iter(plan.figures))
    page = figure_page(ups, figure) if ups else ""
    return [replace(drawn, href=table_address(figure, ups, span), page=page)] if drawn else []


def table_address(figure: str, ups: str, span: TimeRange) -> str:
    """Where the history of a figure is a table."""
    query = urlencode({"ups": ups, "figure": figure, **span.params}, safe="@")
    return f"/telemetry/ups_history?{query}"


async def draw_charts(
    site: Site, ups: Row, numbers: Mapping[str, float | None], span: TimeRange
) -> list[LineChart | SlowChart]:
    """The charts of one UPS, but for its series; `numbers` are its variables."""
    figures = list(dict.fromkeys(figure for plan in CHARTS for figure in plan.figures))
    found = await read_histories(site, ups["name"], figures, span)
    behind = Behind(await read_outages(site, span, ups["id"]), await read_unanswered(site, ups["id"], span))
    charts: list[LineChart | SlowChart] = []
    for plan in CHARTS:
        if plan.title in [chart.title for chart in charts]:
            continue
        if slow := [figure for figure in plan.figures if found[figure] is None]:
            charts.append(SlowChart(plan.title, table_address(slow[0], ups["name"], span)))
            continue
        series = [
            ChartSeries(label, divided((found[figure] or {}).get(ups["name"], []), plan.divisor))
            for figure, label in plan.figures.items()
        ]
        limits = [
            Limit(f"{label} {number:g}", number, SEVERITY.get(variable, "warning"))
            for variable, label in plan.limits.items()
            if (number := numbers.get(variable)) is not None
        ]
        for figure in plan.figures:
            limits += figure_limits(site, ups["name"], figure, plan.unit)
        charts += _draw(site, plan, series, span, replace(behind, limits=limits), ups["name"])
    return charts


async def draw_series(
    site: Site, ups: Row, plans: Sequence[SeriesChart], span: TimeRange
) -> list[LineChart | SlowChart]:
    """Charts of the variables of a UPS that are kept as series."""
    if not plans:
        return []
    found = await read_histories(site, ups["name"], [name for plan in plans for name in plan.lines], span)
    behind = Behind((), await read_unanswered(site, ups["id"], span))
    charts: list[LineChart | SlowChart] = []
    for plan in plans:
        if slow := [name for name in plan.lines if found[name] is None]:
            charts.append(SlowChart(plan.title, table_address(slow[0], ups["name"], span)))
            continue
        series = [
            ChartSeries(label, (found[name] or {}).get(ups["name"], [])) for name, label in plan.lines.items()
        ]
        charts += _draw(site, ChartPlan(plan.title, plan.unit, plan.lines), series, span, behind, ups["name"])
    return charts


async def read_histories(
    site: Site,
    ups: str,
    figures: Sequence[str],
    span: TimeRange,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, History | None]:
    """Figure -> its history by UPS; `ups` '' is all UPSes. A figure that took too long is None.

    A history is kept for a quarter of a bucket: a page that updates itself asks again and again for what
    hardly moves.
    """
    kept: dict[object, tuple[float, History]] = site.cache.setdefault("histories", {})
    if len(kept) > HISTORIES:
        kept.clear()
    keys = {figure: (ups, figure, *span.params.items()) for figure in figures}
    found: dict[str, History | None] = {
        figure: kept[key][1] for figure, key in keys.items() if key in kept and kept[key][0] >= clock()
    }
    missing = [figure for figure in figures if figure not in found]
    answers = await asyncio.gather(
        *(run_query(site, "ups_history", ups=ups, figure=figure, **span.utc_params) for figure in missing)
    )
    for figure, rows in zip(missing, answers, strict=True):
        history = found[figure] = None if rows is None else points_by_ups(rows)
        if history is not None:
            bucket_s = rows[0]["bucket_s"] if rows else (span.until - span.since) / BUCKETS
            kept[keys[figure]] = (clock() + min(bucket_s / 4, LONGEST_KEPT_S), history)
    return found
