"""The pages /ups and /ups/NAME: the UPSes side by side and one by one."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote, urlencode

from datasette import Request, Response

from ingest.db.time import parse_utc
from plugins.web.canned import run_query
from plugins.web.endpoint import Json
from plugins.web.pages.nodes import count_values
from plugins.web.pages.settings import UPS_SETTINGS, show_ups_settings
from plugins.web.pages.ups_choice import FACETS, SORTS, UpsChoice, choose_upses
from plugins.web.pages.ups_order_forms import order_forms
from plugins.web.pages.ups_outlets import outlets
from plugins.web.pages.ups_series import SeriesChart, plan_series, series_names
from plugins.web.pages.ups_variables import compared_as_shown, counted_texts, numbers_in, show_variables
from plugins.web.query import Row, select, select_many
from plugins.web.render.address import address_of
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.charts import ChartSeries, Interval, Limit, LineChart, LineChartData, Point, draw_lines
from reporting.time_range import TimeRange, parse_time_range
from reporting.ups_comparison import comparison_sql
from reporting.ups_history import divided, points_by_ups

RANGES = ("1 h", "24 h", "7 d", "30 d", "1 y")
HISTORIES, LONGEST_KEPT_S = 200, 60  # that are kept, and how long at most
OUTAGES, EVENTS, RECORDS = 20, 30, 10  # rows on the page of a UPS
MOST_AT_ONCE = 6  # UPSes that need no search, order or filter
UPS_QUERIES = {
    "page_settings": UPS_SETTINGS,
    "outages": f"select * from outages where ups = :ups order by id desc limit {OUTAGES}",
    "events": f"select * from ups_events where ups = :ups order by id desc limit {EVENTS}",
    "tests": f"""select * from ups_events where ups = :ups and event = 'TEST'
      order by id desc limit {RECORDS}""",
    "battery_changes": f"""select * from ups_battery_changes where ups = :ups
      order by changed_at desc limit {RECORDS}""",
    "settings": f"select * from ups_variable_changes where ups = :ups order by id desc limit {RECORDS}",
    "variables": "select * from ups_variables where ups = :ups",
    "conditions": "select * from ups_conditions where ups = :ups order by rank, since_at is null, since_at",
    "oddities": "select * from oddities where ups = :ups order by variable",
    "watched": """select u.clients_at, c.* from ups u left join ups_clients c on c.ups = u.id
      where u.id = :ups order by c.address""",
}
ON_BATTERY = """select started_at, ended_at from events
where ups = :ups and event = 'ONBATT' and started_at < :until and (ended_at is null or ended_at > :since)"""

COMPARE_ALL = {"variable": "", "differing": ""}  # parameters of comparison_sql

History: TypeAlias = dict[str, list[Point]]  # name of a UPS -> points


class ChartPlan(NamedTuple):
    """A chart of the page of a UPS: columns of its samples with labels, variables that are limits."""

    title: str
    unit: str
    figures: dict[str, str]
    limits: Mapping[str, str] = MappingProxyType({})
    floor: float | None = None
    mains: bool = False
    divisor: float = 1.0  # of the column, for the unit


class SlowChart(NamedTuple):
    """A chart whose history took too long; `slow` leads to it as a table."""

    title: str
    slow: str


CHARTS = (
    ChartPlan(
        "Voltage",
        "V",
        {"input_voltage": "input", "output_voltage": "output"},
        {"input.transfer.low": "to battery below", "input.transfer.high": "to battery above"},
        mains=True,
    ),
    ChartPlan("Load", "W", {"watts": "load"}, floor=0),
    ChartPlan("Load", "%", {"ups_load": "load"}, floor=0),  # where no watts are known
    ChartPlan(
        "Battery charge",
        "%",
        {"battery_charge": "charge"},
        {"battery.charge.low": "low", "battery.charge.warning": "warning"},
    ),
    ChartPlan("Runtime left", "min", {"battery_runtime": "runtime"}, floor=0, divisor=60),
    ChartPlan("Battery voltage", "V", {"battery_voltage": "battery"}),
    ChartPlan("Temperature", "°C", {"ups_temperature": "temperature"}),
    ChartPlan("Frequency", "Hz", {"input_frequency": "input"}, mains=True),
)
COMPARED = (
    ChartPlan("Load", "%", {"ups_load": ""}, floor=0),
    ChartPlan("Input voltage", "V", {"input_voltage": ""}, mains=True),
)


NOT_RECOMPUTED = """select max(hour_at) as until_at from ups_hours_not_recomputed where ups = :ups"""


async def side_by_side(datasette: Site, request: Request) -> Response:
    """GET /ups"""
    span = _read_range(datasette, request)
    rows = await select(datasette, "select * from ups_overview order by id")
    upses = [row for row in rows or [] if row["configured"]]
    choice = choose_upses(upses, {name: request.args[name] for name in request.args})
    shown = choice.shown
    context = {
        "upses": None if rows is None else upses,
        **_describe_choice(choice, upses, span),
        "gone": [row for row in rows or [] if not row["configured"]],
        "compared": await _compare(datasette, shown),
        "names": [row["name"] for row in shown],
        "charts": await _draw_compared(datasette, shown, span),
        "span": span,
        "ranges": RANGES,
    }
    return await page(datasette, request, "pages/ups.html", context)


async def _compare(site: Site, upses: Sequence[Row]) -> list[Row] | None:
    if not upses:
        return []
    comparison = comparison_sql([(ups["id"], ups["name"]) for ups in upses])
    rows = await select(site, comparison, COMPARE_ALL)
    return rows and compared_as_shown(rows, site.config.variables)


def _describe_choice(choice: UpsChoice, upses: Sequence[Row], span: TimeRange) -> Json:
    """What the page shows of the choice, and the addresses and forms for another one."""
    return {
        "choice": choice,
        "shown": choice.shown,
        "worst": choice.shown if "sort" in choice.kept else sorted(choice.shown, key=SORTS["state"][1]),
        "few": MOST_AT_ONCE,
        "facets": {name: count_values(upses, name) for name in FACETS} if len(upses) > MOST_AT_ONCE else {},
        "sorts": {name: words for name, (words, _) in SORTS.items()},
        "address": address_of("/ups", {**choice.kept, **span.params}),
    }


async def _draw_compared(site: Site, upses: Sequence[Row], span: TimeRange) -> list[LineChart]:
    if not upses:
        return []
    found = await read_histories(site, "", [figure for plan in COMPARED for figure in plan.figures], span)
    charts = []
    for plan in COMPARED:
        points = found[next(iter(plan.figures))] or {}
        series = [ChartSeries(ups["label"], points.get(ups["name"], [])) for ups in upses]
        charts += _draw(site, plan, series, span)
    return charts


def _draw(
    site: Site,
    plan: ChartPlan,
    series: Sequence[ChartSeries],
    span: TimeRange,
    ups: str = "",
    shaded: Sequence[Interval] = (),
    limits: Sequence[Limit] = (),
) -> list[LineChart]:
    """The chart with a link to its first figure as a table; nothing where there are no points to draw."""
    data = LineChartData(
        plan.title, plan.unit, series, span.since, span.until, shaded, limits, plan.floor, plan.mains
    )
    drawn = draw_lines(data, site.timezone)
    href = _table_address(next(iter(plan.figures)), ups, span)
    return [replace(drawn, href=href)] if drawn else []


def _table_address(figure: str, ups: str, span: TimeRange) -> str:
    query = urlencode({"ups": ups, "figure": figure, **span.params}, safe="@")
    return f"/telemetry/ups_history?{query}"


async def one(datasette: Site, request: Request) -> Response:
    """GET /ups/NAME"""
    name = unquote(request.url_vars["name"])
    ups = await _find_ups(datasette, name)
    span = _read_range(datasette, request)
    found = await select_many(datasette, UPS_QUERIES, {"ups": ups["id"]})
    variables, tests = found["variables"] or [], found["tests"]
    settings = datasette.config.variables_of(name)
    texts = counted_texts(variables, settings)
    numbers, labels = numbers_in(texts), {key: own.label for key, own in settings.items() if own.label}
    offered = await order_forms(datasette, ups, variables)
    series, undrawn = plan_series(await series_names(datasette, ups["id"]), labels)
    charts = await _draw_charts(datasette, ups, numbers, span)
    health = await run_query(datasette, "battery_health", ups=name)
    context = found | {
        "ups": ups,
        "not_recomputed": await select(datasette, NOT_RECOMPUTED, {"ups": ups["id"]}),
        "span": span,
        "ranges": RANGES,
        "variables_shown": show_variables(variables, settings),
        "charts": charts + await _draw_series(datasette, ups["name"], series, span),
        "undrawn": [(key, _table_address(key, name, span)) for key in undrawn],
        "outlets": await outlets(datasette, ups["id"], texts, labels, offered["commands"] if offered else []),
        "tests": tests and [test | {"figures": json.loads(test["figures"])} for test in tests],
        "health": health and health[0],
        "coverage": await run_query(datasette, "monitoring_coverage", ups=name, range="1 d"),
        "number": numbers,
        "offered": offered,
        "page_settings": show_ups_settings(ups, found["page_settings"] or []),
    }
    return await page(datasette, request, "pages/ups/{name}.html", context)


def _read_range(site: Site, request: Request) -> TimeRange:
    try:
        return parse_time_range(request.args, site.timezone)
    except ValueError as error:
        raise PageError(400, str(error), "Invalid range") from None


async def _find_ups(site: Site, name: str) -> Row:
    """The row of ups_overview. Raises PageError."""
    rows = needed(await select(site, "select * from ups_overview order by id"))
    upses = {row["name"]: row for row in rows}
    if name not in upses:
        there_are = f"There are: {', '.join(upses)}." if upses else "None was configured yet."
        raise PageError(404, f"No UPS {name}. {there_are}")
    return upses[name]


async def _draw_charts(
    site: Site, ups: Row, numbers: Mapping[str, float | None], span: TimeRange
) -> list[LineChart | SlowChart]:
    figures = list(dict.fromkeys(figure for plan in CHARTS for figure in plan.figures))
    found = await read_histories(site, ups["name"], figures, span)
    shaded = await _read_on_battery(site, ups["id"], span)
    charts: list[LineChart | SlowChart] = []
    for plan in CHARTS:
        if plan.title in [chart.title for chart in charts]:
            continue
        if slow := [figure for figure in plan.figures if found[figure] is None]:
            charts.append(SlowChart(plan.title, _table_address(slow[0], ups["name"], span)))
            continue
        series = [
            ChartSeries(label, divided((found[figure] or {}).get(ups["name"], []), plan.divisor))
            for figure, label in plan.figures.items()
        ]
        limits = [
            Limit(f"{label} {number:g}", number)
            for variable, label in plan.limits.items()
            if (number := numbers.get(variable)) is not None
        ]
        charts += _draw(site, plan, series, span, ups["name"], shaded, limits)
    return charts


async def _draw_series(
    site: Site, ups: str, plans: Sequence[SeriesChart], span: TimeRange
) -> list[LineChart | SlowChart]:
    """Charts of the variables of a UPS that are kept as series."""
    if not plans:
        return []
    found = await read_histories(site, ups, [name for plan in plans for name in plan.lines], span)
    charts: list[LineChart | SlowChart] = []
    for plan in plans:
        if slow := [name for name in plan.lines if found[name] is None]:
            charts.append(SlowChart(plan.title, _table_address(slow[0], ups, span)))
            continue
        series = [ChartSeries(label, (found[name] or {}).get(ups, [])) for name, label in plan.lines.items()]
        charts += _draw(site, ChartPlan(plan.title, plan.unit, plan.lines), series, span, ups)
    return charts


async def _read_on_battery(site: Site, ups: int, span: TimeRange) -> list[Interval]:
    """The outages of a UPS that touch the range."""
    rows = await select(site, ON_BATTERY, {"ups": ups, **span.utc_params})
    return [
        Interval(parse_utc(row["started_at"]), parse_utc(row["ended_at"]) if row["ended_at"] else span.until)
        for row in rows or []
    ]


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
        if rows and history is not None:
            kept[keys[figure]] = (clock() + min(rows[0]["bucket_s"] / 4, LONGEST_KEPT_S), history)
    return found
