"""The pages /ups and /ups/NAME: how the UPSes are, side by side and one by one."""

import json
from urllib.parse import unquote, urlencode

from datasette import Response

from ingest.db.time import format_utc, parse_utc
from ingest.ups.variables import groups, in_page_order
from plugins.web.actions.ups_order_forms import order_forms
from plugins.web.pages.history import RANGES, histories, read_span, run
from plugins.web.pages.home import TOO_SLOW, WORST
from plugins.web.query import select
from plugins.web.responses import page
from reporting.charts import chart

OUTAGES, EVENTS = 20, 30  # rows on the page of a UPS
CHARTS = (  # title, unit, (figure, label) ..., (variable, label) of lines, the axis begins at
    (
        "Voltage",
        "V",
        (("input_voltage", "input"), ("output_voltage", "output")),
        (("input.transfer.low", "to battery below"), ("input.transfer.high", "to battery above")),
        None,
    ),
    ("Load", "W", (("watts", "load"),), (), 0),
    ("Load", "%", (("ups_load", "load"),), (), 0),  # where no watts are known
    (
        "Battery charge",
        "%",
        (("battery_charge", "charge"),),
        (("battery.charge.low", "low"), ("battery.charge.warning", "warning")),
        None,
    ),
    ("Battery voltage", "V", (("battery_voltage", "battery"),), (), None),
    ("Temperature", "°C", (("ups_temperature", "temperature"),), (), None),
    ("Frequency", "Hz", (("input_frequency", "input"),), (), None),
)
MAINS = ("Voltage", "Frequency")


async def wrong(datasette, request, title, words, status):
    """An error page in words."""
    context = {"title": title, "errors": [words], "status": status}
    return Response.html(
        await datasette.render_template("error.html", context, request=request), status=status
    )


async def side_by_side(datasette, request):
    """GET /ups"""
    try:
        span = read_span(request, datasette.timezone)
    except ValueError as error:
        return await wrong(datasette, request, "Not a range", str(error), 400)
    rows = await select(datasette, "select * from ups_overview order by id")
    shown = [row for row in rows or [] if row["configured"]]
    compared = await run(datasette, "ups_compare", {}) if shown else []
    figures = ("ups_load", "input_voltage")
    found = await histories(datasette, "", figures, span) if shown else {}
    charts = []
    for figure, title, unit, floor in (
        ("ups_load", "Load", "%", 0),
        ("input_voltage", "Input voltage", "V", None),
    ):
        points = found.get(figure) or {}
        series = [(row["label"], points.get(row["name"], [])) for row in shown]
        drawn = chart(
            title,
            unit,
            series,
            span.since,
            span.until,
            datasette.timezone,
            floor=floor,
            mains=figure == "input_voltage",
        )
        if drawn:
            charts.append(drawn | {"href": _as_table(figure, "", span)})
    context = {
        "upses": rows if rows is None else shown,
        "gone": [row for row in rows or [] if not row["configured"]],
        "worst": sorted(shown, key=lambda row: (WORST[row["state"]], row["id"])),
        "compared": compared,
        "names": [row["name"] for row in shown],
        "charts": charts,
        "span": span,
        "ranges": RANGES,
    }
    return await page(datasette, request, "pages/ups.html", context)


def _as_table(figure, ups, span):
    return "/telemetry/ups_history?" + urlencode({"ups": ups, "figure": figure, **span.asked}, safe="@")


async def one(datasette, request):
    """GET /ups/NAME"""
    name = unquote(request.url_vars["name"])
    rows = await select(datasette, "select * from ups_overview where name = ?", [name])
    if rows is None:
        return await wrong(datasette, request, "Too slow", TOO_SLOW, 503)
    if not rows:
        names = [row["name"] for row in await select(datasette, "select name from ups order by id") or []]
        there_are = f"There are: {', '.join(names)}." if names else "None was configured yet."
        return await wrong(datasette, request, "Not found", f"No UPS {name}. {there_are}", 404)
    try:
        span = read_span(request, datasette.timezone)
    except ValueError as error:
        return await wrong(datasette, request, "Not a range", str(error), 400)
    ups = rows[0]
    given = {"ups": ups["id"]}
    variables = await select(datasette, "select * from ups_variables where ups = :ups", given) or []
    health = await run(datasette, "battery_health", {"ups": name})
    context = {
        "ups": ups,
        "span": span,
        "ranges": RANGES,
        "groups": group(variables),
        "charts": await _charts(datasette, ups, variables, span),
        "outages": await select(
            datasette, f"select * from outages where ups = :ups order by id desc limit {OUTAGES}", given
        ),
        "events": await select(
            datasette, f"select * from ups_events where ups = :ups order by id desc limit {EVENTS}", given
        ),
        "tests": _figures(
            await select(
                datasette,
                "select * from ups_events where ups = :ups and event = 'TEST' order by id desc limit 10",
                given,
            )
        ),
        "health": health and health[0],
        "coverage": await run(datasette, "monitoring_coverage", {"ups": name, "range": "1 d"}),
        "battery_changes": await select(
            datasette,
            "select * from ups_battery_changes where ups = :ups order by changed_at desc limit 10",
            given,
        ),
        "settings": await select(
            datasette, "select * from ups_variable_changes where ups = :ups order by id desc limit 10", given
        ),
        "number": {row["variable"]: row["number"] for row in variables},
        "offered": await order_forms(datasette, ups, variables),
    }
    return await page(datasette, request, "pages/ups/{name}.html", context)


def _figures(rows):
    return None if rows is None else [row | {"figures": json.loads(row["figures"])} for row in rows]


def group(variables):
    """(heading, [(Variable, row)]) in the order of variables.yml."""
    rows = {row["variable"]: row for row in variables}
    found = {}
    for entry in in_page_order(list(rows)):
        found.setdefault(entry.group, []).append((entry, rows[entry.name]))
    headings = groups()
    return [(headings[name], found[name]) for name in headings if name in found]


async def _charts(datasette, ups, variables, span):
    numbers = {row["variable"]: row["number"] for row in variables}
    figures = tuple(dict.fromkeys(figure for _, _, series, _, _ in CHARTS for figure, _ in series))
    found = await histories(datasette, ups["name"], figures, span)
    shaded = await on_battery(datasette, ups["id"], span)
    charts = []
    for title, unit, series, lines, floor in CHARTS:
        if title in [one["title"] for one in charts]:
            continue
        if figures_slow := [figure for figure, _ in series if found[figure] is None]:
            charts.append({"title": title, "slow": _as_table(figures_slow[0], ups["name"], span)})
            continue
        drawn = chart(
            title,
            unit,
            [(label, found[figure].get(ups["name"], [])) for figure, label in series],
            span.since,
            span.until,
            datasette.timezone,
            shaded,
            [
                (f"{label} {numbers[name]:g}", numbers[name])
                for name, label in lines
                if numbers.get(name) is not None
            ],
            floor,
            mains=title in MAINS,
        )
        if drawn:
            charts.append(drawn | {"href": _as_table(series[0][0], ups["name"], span)})
    return charts


async def on_battery(datasette, ups, span):
    """(start, end) of the outages of a UPS that touch the span, unix seconds."""
    rows = await select(
        datasette,
        """select started_at, ended_at from events where ups = ? and event = 'ONBATT' and started_at < ?
        and (ended_at is null or ended_at > ?)""",
        [ups, format_utc(span.until), format_utc(span.since)],
    )
    return [
        (parse_utc(row["started_at"]), parse_utc(row["ended_at"]) if row["ended_at"] else span.until)
        for row in rows or []
    ]
