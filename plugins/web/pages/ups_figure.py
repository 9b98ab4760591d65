"""The page /ups/NAME/VARIABLE: a figure of a UPS and its history, or a text and its changes."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from datasette import Request, Response

from plugins.web.endpoint import Json
from plugins.web.pages.behind import Behind, figure_limits, read_outages, read_unanswered
from plugins.web.pages.measured import Blocks, read_page
from plugins.web.pages.series import (
    KeptSeries,
    figure_label,
    ups_figure,
)
from plugins.web.pages.ups_charts import CHARTS
from plugins.web.pages.ups_series import SAMPLED, series_names
from plugins.web.pages.ups_variables import counted_texts, numbers_in
from plugins.web.pages.view import View, read_view
from plugins.web.query import Row, select, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.charts import Limit
from reporting.formatting import format_figure

UPS = "select * from ups_overview where name = ?"
NAMES = "select name from ups order by name"
QUERIES = {
    "variables": "select * from ups_variables where ups = :ups order by variable",
    "changes": """select * from ups_variable_changes where ups = :ups and variable = :variable
      order by id desc limit 1000""",
    "newest": """select sampled_at, value from ups_figures where ups = :ups and variable = :variable
      order by sampled_at desc limit 1""",
}
LISTED = 30  # variables that a 404 names


async def figure(datasette: Site, request: Request) -> Response:
    """GET /ups/NAME/VARIABLE"""
    ups = await _find_ups(datasette, unquote(request.url_vars["name"]))
    name = unquote(request.url_vars["variable"])
    found = await select_many(datasette, QUERIES, {"ups": ups["id"], "variable": name})
    variables = found["variables"] or []
    texts = counted_texts(variables, datasette.config.variables_of(ups["name"]))
    label = next(iter(_labels(datasette, ups, name)), "")
    series = ups_figure(ups, name, label)
    view = read_view(datasette, request, series.href, "24 h")
    behind = None
    if name in SAMPLED or name in await series_names(datasette, ups["id"]):
        behind = await _behind(datasette, ups, series, view, numbers_in(texts))
    shown = await read_page(datasette, series, view, behind)
    present = await _read_newest(datasette, ups, name, found["newest"] or [])
    if name not in texts and present is None and not _has_history(shown["blocks"]):
        raise PageError(404, _describe_missing(ups, name, variables))
    context = {
        "ups": ups,
        "name": name,
        "label": label or figure_label(name),
        "variable": next((row for row in variables if row["variable"] == name), None),
        "changes": found["changes"] or [],
        **_describe_present(present, texts.get(name), series.unit),
        **shown,
    }
    return await page(datasette, request, "pages/ups/{name}/{variable}.html", context)


def _has_history(blocks: Blocks | None) -> bool:
    return blocks is not None and bool(blocks.rows or blocks.slow)


def _describe_present(present: Row | None, text: str | None, unit: str) -> Json:
    """The value of now with its unit, without it, and its time: the newest sample, else the device's text."""
    if present is None:
        return {"text": _text(text, unit), "value_figure": text or "–", "at": None}
    value = present["value"]
    return {
        "text": format_figure(value, unit),
        "value_figure": format_figure(value),
        "at": present["sampled_at"],
    }


async def _find_ups(site: Site, name: str) -> Row:
    """The row of ups_overview. Raises PageError."""
    rows = needed(await select(site, UPS, [name]))
    if not rows:
        names = [row["name"] for row in await select(site, NAMES) or []]
        there_are = f"There are: {', '.join(names)}." if names else "None was configured yet."
        raise PageError(404, f"No UPS {name}. {there_are}")
    return rows[0]


def _labels(site: Site, ups: Row, name: str) -> list[str]:
    """The label that the config gives a variable, if it does."""
    own = site.config.variables_of(ups["name"]).get(name)
    return [own.label] if own and own.label else []


def _text(text: str | None, unit: str) -> str:
    return "–" if text is None else f"{text}\u202f{unit}" if unit else text


def _describe_missing(ups: Row, name: str, variables: Sequence[Row]) -> str:
    names = [row["variable"] for row in variables]
    listed = ", ".join(names[:LISTED]) + (" ..." if len(names) > LISTED else "")
    return f"{ups['label']} reports no {name}. It reports: {listed or 'nothing so far'}"


async def _read_newest(site: Site, ups: Row, name: str, newest: Sequence[Row]) -> Row | None:
    """The newest value of a figure, with its time; `newest` is that of the variables kept as series."""
    column = SAMPLED.get(name)
    if column is None:
        return newest[0] if newest else None
    rows = await select(
        site,
        f"select sampled_at, {column} as value from ups_samples where ups = ? "
        "order by sampled_at desc limit 1",
        [ups["id"]],
    )
    return rows[0] if rows and rows[0]["value"] is not None else None


async def _behind(
    site: Site, ups: Row, series: KeptSeries, view: View, numbers: Mapping[str, float | None]
) -> Behind:
    """What stands behind the chart of a figure; `numbers` are the variables of the UPS."""
    plan = next((one for one in CHARTS if series.params["figure"] in one.figures), None)
    limits = [
        Limit(f"{label} {format_figure(number, series.unit)}", number)
        for name, label in (plan.limits.items() if plan else ())
        if (number := numbers.get(name)) is not None
    ]
    return Behind(
        await read_outages(site, view.span, ups["id"]),
        await read_unanswered(site, ups["id"], view.span),
        limits + figure_limits(site, ups["name"], series.params["figure"], series.unit),
        mains=plan.mains if plan else False,
        floor=plan.floor if plan else None,
    )
